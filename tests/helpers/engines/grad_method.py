"""grad is a method; the number behind it has another name."""

import math


class Value:
    def __init__(self, data, inputs=()):
        self.data = data
        self._inputs = inputs
        self._g = 0.0
        self._push = None

    def grad(self):
        return self._g

    def zero_grad(self):
        self._g = 0.0

    def __add__(self, other):
        other = _value(other)
        out = Value(self.data + other.data, (self, other))

        def push():
            self._g += out._g
            other._g += out._g

        out._push = push
        return out

    def __mul__(self, other):
        other = _value(other)
        out = Value(self.data * other.data, (self, other))

        def push():
            self._g += out._g * other.data
            other._g += out._g * self.data

        out._push = push
        return out

    def __pow__(self, n):
        out = Value(self.data**n, (self,))

        def push():
            self._g += out._g * n * self.data ** (n - 1)

        out._push = push
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def push():
            self._g += out._g * (1 - out.data * out.data)

        out._push = push
        return out

    def relu(self):
        out = Value(max(0.0, self.data), (self,))

        def push():
            if out.data > 0:
                self._g += out._g

        out._push = push
        return out

    def __neg__(self):
        return -1 * self

    def __sub__(self, other):
        return self + -_value(other)

    def __rsub__(self, other):
        return _value(other) + -self

    def __truediv__(self, other):
        return self * _value(other) ** -1

    def __rtruediv__(self, other):
        return _value(other) * self**-1

    def __radd__(self, other):
        return _value(other) + self

    def __rmul__(self, other):
        return _value(other) * self

    def backward(self):
        waiting = {}  # how many users of a node have not pushed yet

        def count(v):
            for x in v._inputs:
                waiting[x] = waiting.get(x, 0) + 1
                if waiting[x] == 1:
                    count(x)

        count(self)
        self._g = 1.0
        ready = [self]
        while ready:
            v = ready.pop()
            if v._push:
                v._push()
            for x in v._inputs:
                waiting[x] -= 1
                if waiting[x] == 0:
                    ready.append(x)


def _value(x):
    return x if isinstance(x, Value) else Value(x)
