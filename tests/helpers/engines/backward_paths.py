"""backward(grad) pushes every path on its own: right, and exponential where paths meet again."""

import math


class Value:
    def __init__(self, data):
        self.data = data
        self.grad = 0.0
        self.depends_on = []

    def backward(self, grad):
        self.grad += grad
        for v, slope in self.depends_on:
            v.backward(grad * slope)

    def _made(self, data, *depends_on):
        out = Value(data)
        out.depends_on = list(depends_on)
        return out

    def __add__(self, other):
        if isinstance(other, Value):
            return self._made(self.data + other.data, (self, 1.0), (other, 1.0))
        return self._made(self.data + other, (self, 1.0))

    def __sub__(self, other):
        if isinstance(other, Value):
            return self._made(self.data - other.data, (self, 1.0), (other, -1.0))
        return self._made(self.data - other, (self, 1.0))

    def __rsub__(self, other):
        return self._made(other - self.data, (self, -1.0))

    def __mul__(self, other):
        if isinstance(other, Value):
            return self._made(self.data * other.data, (self, other.data), (other, self.data))
        return self._made(self.data * other, (self, other))

    def __truediv__(self, other):
        if isinstance(other, Value):
            a, b = self.data, other.data
            return self._made(a / b, (self, 1 / b), (other, -a / b**2))
        return self._made(self.data / other, (self, 1 / other))

    def __rtruediv__(self, other):
        return self._made(other / self.data, (self, -other / self.data**2))

    def __pow__(self, n):
        return self._made(self.data**n, (self, n * self.data ** (n - 1)))

    def __neg__(self):
        return self._made(-self.data, (self, -1.0))

    __radd__ = __add__
    __rmul__ = __mul__

    def log(self):
        return self._made(math.log(self.data), (self, 1 / self.data))

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.data))
        return self._made(s, (self, s * (1 - s)))
