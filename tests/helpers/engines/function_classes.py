"""torch's look: a class for every function, with forward, backward and what it saved."""

import math


class Function:
    def __init__(self, *inputs):
        self.inputs = inputs
        self.saved = ()

    def save_for_backward(self, *numbers):
        self.saved = numbers

    def forward(self, *numbers):
        raise NotImplementedError

    def backward(self, grad):
        raise NotImplementedError

    @classmethod
    def apply(cls, *inputs):
        inputs = [x if isinstance(x, Value) else Value(x) for x in inputs]
        ctx = cls(*inputs)
        out = Value(ctx.forward(*[x.data for x in inputs]))
        out.ctx = ctx
        return out


class Add(Function):
    def forward(self, a, b):
        return a + b

    def backward(self, grad):
        return grad, grad


class Sub(Function):
    def forward(self, a, b):
        return a - b

    def backward(self, grad):
        return grad, -grad


class Mul(Function):
    def forward(self, a, b):
        self.save_for_backward(a, b)
        return a * b

    def backward(self, grad):
        a, b = self.saved
        return grad * b, grad * a


class Div(Function):
    def forward(self, a, b):
        self.save_for_backward(a, b)
        return a / b

    def backward(self, grad):
        a, b = self.saved
        return grad / b, -grad * a / (b * b)


class Pow(Function):
    def forward(self, a, b):
        out = a**b
        self.save_for_backward(a, b, out)
        return out

    def backward(self, grad):
        a, b, out = self.saved
        return grad * b * a ** (b - 1.0), grad * out * math.log(a) if a > 0 else 0.0


class Exp(Function):
    def forward(self, a):
        out = math.exp(a)
        self.save_for_backward(out)
        return out

    def backward(self, grad):
        (out,) = self.saved
        return (grad * out,)


class Log(Function):
    def forward(self, a):
        self.save_for_backward(a)
        return math.log(a)

    def backward(self, grad):
        (a,) = self.saved
        return (grad / a,)


class Tanh(Function):
    def forward(self, a):
        out = math.tanh(a)
        self.save_for_backward(out)
        return out

    def backward(self, grad):
        (out,) = self.saved
        return (grad * (1.0 - out * out),)


class Sigmoid(Function):
    def forward(self, a):
        out = 1.0 / (1.0 + math.exp(-a))
        self.save_for_backward(out)
        return out

    def backward(self, grad):
        (out,) = self.saved
        return (grad * out * (1.0 - out),)


class ReLU(Function):
    def forward(self, a):
        self.save_for_backward(a)
        return a if a > 0.0 else 0.0

    def backward(self, grad):
        (a,) = self.saved
        return (grad if a > 0.0 else 0.0,)


class Value:
    def __init__(self, data):
        self.data = float(data)
        self.grad = 0.0
        self.ctx = None

    def __add__(self, other):
        return Add.apply(self, other)

    def __radd__(self, other):
        return Add.apply(other, self)

    def __sub__(self, other):
        return Sub.apply(self, other)

    def __rsub__(self, other):
        return Sub.apply(other, self)

    def __mul__(self, other):
        return Mul.apply(self, other)

    def __rmul__(self, other):
        return Mul.apply(other, self)

    def __truediv__(self, other):
        return Div.apply(self, other)

    def __rtruediv__(self, other):
        return Div.apply(other, self)

    def __pow__(self, other):
        return Pow.apply(self, other)

    def __rpow__(self, other):
        return Pow.apply(other, self)

    def __neg__(self):
        return Mul.apply(self, -1.0)

    def exp(self):
        return Exp.apply(self)

    def log(self):
        return Log.apply(self)

    def tanh(self):
        return Tanh.apply(self)

    def sigmoid(self):
        return Sigmoid.apply(self)

    def relu(self):
        return ReLU.apply(self)

    def backward(self):
        order, seen = [], set()

        def walk(v):
            seen.add(v)
            if v.ctx:
                for x in v.ctx.inputs:
                    if x not in seen:
                        walk(x)
            order.append(v)

        walk(self)
        self.grad = 1.0
        for v in reversed(order):
            if v.ctx:
                for x, gx in zip(v.ctx.inputs, v.ctx.backward(v.grad)):
                    x.grad += gx
