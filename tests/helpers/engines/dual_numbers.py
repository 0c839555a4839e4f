"""Forward mode: every Value carries its partial derivative with respect to every leaf below it."""

import math


class Value:
    def __init__(self, data):
        self.data = float(data)
        self.grad = 0.0
        self.partials = None  # None: a leaf, whose derivative by itself is 1

    def _dual(self):
        return {self: 1.0} if self.partials is None else self.partials

    @staticmethod
    def _combined(data, *terms):
        """The Value of data whose partials are the sum of those of the terms, times a factor."""
        out = Value(data)
        out.partials = {}
        for v, factor in terms:
            if isinstance(v, Value):
                for leaf, d in v._dual().items():
                    out.partials[leaf] = out.partials.get(leaf, 0.0) + factor * d
        return out

    def __add__(self, other):
        return self._combined(self.data + number(other), (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        return self._combined(self.data - number(other), (self, 1.0), (other, -1.0))

    def __rsub__(self, other):
        return self._combined(other - self.data, (self, -1.0))

    def __mul__(self, other):
        a, b = self.data, number(other)
        return self._combined(a * b, (self, b), (other, a))

    def __truediv__(self, other):
        a, b = self.data, number(other)
        return self._combined(a / b, (self, 1.0 / b), (other, -a / b**2))

    def __rtruediv__(self, other):
        return self._combined(other / self.data, (self, -other / self.data**2))

    def __pow__(self, other):
        a, b = self.data, number(other)
        if isinstance(other, Value):
            return self._combined(a**b, (self, b * a ** (b - 1.0)), (other, a**b * math.log(a)))
        return self._combined(a**b, (self, b * a ** (b - 1.0) if b else 0.0))

    def __rpow__(self, other):
        power = other**self.data
        return self._combined(power, (self, power * math.log(other)))

    def __neg__(self):
        return self._combined(-self.data, (self, -1.0))

    def __abs__(self):
        return self._combined(abs(self.data), (self, (self.data > 0) - (self.data < 0)))

    __radd__ = __add__
    __rmul__ = __mul__

    def exp(self):
        e = math.exp(self.data) if self.data < 709.78 else math.inf
        return self._combined(e, (self, e))

    def log(self):
        if self.data == 0.0:
            return self._combined(-math.inf, (self, math.inf))
        return self._combined(math.log(self.data), (self, 1.0 / self.data))

    def tanh(self):
        t = math.tanh(self.data)
        return self._combined(t, (self, 1.0 - t * t))

    def relu(self):
        return self._combined(max(self.data, 0.0), (self, 1.0 if self.data > 0 else 0.0))

    def backward(self):
        for leaf, d in self._dual().items():
            leaf.grad += d
        if self.partials is not None:
            self.grad = 1.0


def number(x):
    return x.data if isinstance(x, Value) else x
