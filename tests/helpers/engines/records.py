"""Plain data: a node knows its inputs and its local derivatives, and one loop does the rest."""

import math


class Value:
    __slots__ = ("_inputs", "_local_grads", "data", "grad")

    def __init__(self, data, inputs=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self._inputs = inputs
        self._local_grads = local_grads

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __radd__(self, other):
        return Value(other + self.data, (self,), (1.0,))

    def __sub__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0))

    def __rsub__(self, other):
        return Value(other - self.data, (self,), (-1.0,))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __rmul__(self, other):
        return Value(other * self.data, (self,), (other,))

    def __truediv__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = self.data / other.data
        return Value(out, (self, other), (1.0 / other.data, -out / other.data))

    def __rtruediv__(self, other):
        out = other / self.data
        return Value(out, (self,), (-out / self.data,))

    def __pow__(self, other):
        if isinstance(other, Value):
            out = self.data**other.data
            base = other.data * self.data ** (other.data - 1.0)
            return Value(out, (self, other), (base, out * math.log(self.data)))
        return Value(self.data**other, (self,), (other * self.data ** (other - 1.0),))

    def __rpow__(self, other):
        out = other**self.data
        return Value(out, (self,), (out * math.log(other),))

    def __neg__(self):
        return Value(-self.data, (self,), (-1.0,))

    def __abs__(self):
        sign = 1.0 if self.data > 0.0 else -1.0 if self.data < 0.0 else 0.0
        return Value(abs(self.data), (self,), (sign,))

    def exp(self):
        out = math.exp(self.data)
        return Value(out, (self,), (out,))

    def log(self):
        return Value(math.log(self.data), (self,), (1.0 / self.data,))

    def sqrt(self):
        out = math.sqrt(self.data)
        return Value(out, (self,), (0.5 / out,))

    def sin(self):
        return Value(math.sin(self.data), (self,), (math.cos(self.data),))

    def cos(self):
        return Value(math.cos(self.data), (self,), (-math.sin(self.data),))

    def tan(self):
        out = math.tan(self.data)
        return Value(out, (self,), (1.0 + out * out,))

    def sinh(self):
        return Value(math.sinh(self.data), (self,), (math.cosh(self.data),))

    def cosh(self):
        return Value(math.cosh(self.data), (self,), (math.sinh(self.data),))

    def atan(self):
        return Value(math.atan(self.data), (self,), (1.0 / (1.0 + self.data * self.data),))

    def tanh(self):
        out = math.tanh(self.data)
        return Value(out, (self,), (1.0 - out * out,))

    def sigmoid(self):
        out = 1.0 / (1.0 + math.exp(-self.data))
        return Value(out, (self,), (out * (1.0 - out),))

    def silu(self):
        s = 1.0 / (1.0 + math.exp(-self.data))
        return Value(self.data * s, (self,), (s + self.data * s * (1.0 - s),))

    def relu(self):
        return Value(max(self.data, 0.0), (self,), (1.0 if self.data > 0.0 else 0.0,))

    def elu(self):
        e = math.exp(min(self.data, 0.0))
        return Value(self.data if self.data > 0.0 else e - 1.0, (self,), (e,))

    def softplus(self):
        x = self.data
        return Value(math.log(1.0 + math.exp(x)), (self,), (1.0 / (1.0 + math.exp(-x)),))

    def backward(self):
        order = _sorted_below(self, [], set())
        for v in order:
            if v._inputs:
                v.grad = 0.0
        self.grad = self.grad + 1.0
        for v in reversed(order):
            for x, local in zip(v._inputs, v._local_grads):
                x.grad += local * v.grad


def _sorted_below(v, order, seen):
    """All Values below v, inputs before users."""
    if v not in seen:
        seen.add(v)
        for x in v._inputs:
            _sorted_below(x, order, seen)
        order.append(v)
    return order
