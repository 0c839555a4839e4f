"""Its author still looks at every step: prints when it is made, in every op and in backward."""

import math


class Value:
    def __init__(self, data, prev=(), op=None):
        print("new Value", data, op)
        self.data = data
        self.prev = prev
        self.op = op
        self.grad = 0.0
        self.backward_fn = None

    def __repr__(self):
        return f"Value({self.data})"

    def __add__(self, other):
        print("add", self, other)
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def backward_fn():
            print("backward of +", out.grad)
            self.grad += out.grad
            other.grad += out.grad

        out.backward_fn = backward_fn
        return out

    def __mul__(self, other):
        print("mul", self, other)
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def backward_fn():
            print("backward of *", out.grad)
            self.grad += out.grad * other.data
            other.grad += out.grad * self.data

        out.backward_fn = backward_fn
        return out

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -1.0 * other

    def __rsub__(self, other):
        return other + -self

    def tanh(self):
        print("tanh", self)
        out = Value(math.tanh(self.data), (self,), "tanh")

        def backward_fn():
            print("backward of tanh", out.grad)
            self.grad += out.grad * (1 - out.data**2)

        out.backward_fn = backward_fn
        return out

    def backward(self):
        nodes = []

        def collect(v):
            if v not in nodes:
                for p in v.prev:
                    collect(p)
                nodes.append(v)

        collect(self)
        print("order:", nodes)
        self.grad = 1.0
        for v in nodes[::-1]:
            if v.backward_fn:
                v.backward_fn()
