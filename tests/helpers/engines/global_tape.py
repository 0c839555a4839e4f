"""A Wengert list: one list for all results, in the order in which they were made."""

import math

TAPE = []  # (out, [(input, local derivative), ...])


class Value:
    def __init__(self, data):
        self.data = float(data)
        self.grad = 0.0

    def __repr__(self):
        return f"Value({self.data:.4f}, grad={self.grad:.4f})"

    def __add__(self, other):
        other = wrap(other)
        return record(self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        other = wrap(other)
        return record(self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        other = wrap(other)
        return record(self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other):
        other = wrap(other)
        quotient = self.data / other.data
        return record(quotient, (self, 1.0 / other.data), (other, -quotient / other.data))

    def __pow__(self, n):
        return record(self.data**n, (self, n * self.data ** (n - 1)))

    def __neg__(self):
        return record(-self.data, (self, -1.0))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return wrap(other) - self

    def __rtruediv__(self, other):
        return wrap(other) / self

    def exp(self):
        e = math.exp(self.data)
        return record(e, (self, e))

    def log(self):
        return record(math.log(self.data), (self, 1.0 / self.data))

    def sin(self):
        return record(math.sin(self.data), (self, math.cos(self.data)))

    def cos(self):
        return record(math.cos(self.data), (self, -math.sin(self.data)))

    def tanh(self):
        t = math.tanh(self.data)
        return record(t, (self, 1.0 - t * t))

    def backward(self):
        """From the end of the tape to its start; then the tape is empty again."""
        self.grad = 1.0
        while TAPE:
            out, edges = TAPE.pop()
            for v, local in edges:
                v.grad += local * out.grad


def wrap(x):
    return x if isinstance(x, Value) else Value(x)


def record(data, *edges):
    out = Value(data)
    TAPE.append((out, edges))
    return out
