"""v ** v is announced as missing; what an op needs for its rule is a small object."""

import math
from collections import namedtuple

Edge = namedtuple("Edge", "source weight")


class Value:
    def __init__(self, data, edges=()):
        self.data = float(data)
        self.edges = edges
        self.grad = 0.0

    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, [Edge(self, 1.0), Edge(other, 1.0)])
        return Value(self.data + other, [Edge(self, 1.0)])

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, [Edge(self, other.data), Edge(other, self.data)])
        return Value(self.data * other, [Edge(self, other)])

    def __pow__(self, other):
        if isinstance(other, Value):
            raise NotImplementedError("Value ** Value")
        return Value(self.data**other, [Edge(self, other * self.data ** (other - 1))])

    def __rpow__(self, other):
        raise NotImplementedError("number ** Value")

    def __neg__(self):
        return Value(-self.data, [Edge(self, -1.0)])

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        if isinstance(other, Value):
            return self * other**-1
        return self * (1.0 / other)

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__ = __add__
    __rmul__ = __mul__

    def cosh(self):
        return Value(math.cosh(self.data), [Edge(self, math.sinh(self.data))])

    def sinh(self):
        return Value(math.sinh(self.data), [Edge(self, math.cosh(self.data))])

    def atan(self):
        return Value(math.atan(self.data), [Edge(self, 1.0 / (1.0 + self.data**2))])

    def backward(self):
        users = {}  # how many users of a node are still to come
        stack = [self]
        while stack:
            for source, _ in stack.pop().edges:
                users[source] = users.get(source, 0) + 1
                if users[source] == 1:
                    stack.append(source)
        self.grad = 1.0
        stack = [self]
        while stack:
            v = stack.pop()
            for source, weight in v.edges:
                source.grad += weight * v.grad
                users[source] -= 1
                if not users[source]:
                    stack.append(source)
