"""Wrong: local derivatives in a dict by input, so of x * x only one edge is left."""

import math


class Value:
    def __init__(self, data, local=None):
        self.data = data
        self.grad = 0.0
        self.local = local or {}
        self._prev = set(self.local)

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, {self: 1.0, other: 1.0})

    def __sub__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data - other.data, {self: 1.0, other: -1.0})

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, {self: other.data, other: self.data})

    def __pow__(self, n):
        return Value(self.data**n, {self: n * self.data ** (n - 1)})

    def __radd__(self, other):
        return Value(other) + self

    def __rsub__(self, other):
        return Value(other) - self

    def __rmul__(self, other):
        return Value(other) * self

    def __neg__(self):
        return self * -1.0

    def exp(self):
        e = math.exp(self.data)
        return Value(e, {self: e})

    def backward(self):
        order, visited = [], set()

        def visit(v):
            if v not in visited:
                visited.add(v)
                for x in v._prev:
                    visit(x)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for x in v._prev:
                x.grad += v.local[x] * v.grad
