"""Raises Python's recursion limit when it is imported, to get further down."""

import sys
from math import cos, exp, log, sin

sys.setrecursionlimit(100_000)


class Value:
    def __init__(self, data, children=(), backward=None):
        self.data = data
        self.grad = 0
        self._children = children
        self._backward = backward or (lambda g: None)

    def _binary(self, other, data, left, right):
        def backward(g):
            self.grad += g * left
            other.grad += g * right

        return Value(data, (self, other), backward)

    def _unary(self, data, slope):
        def backward(g):
            self.grad += g * slope

        return Value(data, (self,), backward)

    def __add__(self, other):
        other = to_value(other)
        return self._binary(other, self.data + other.data, 1, 1)

    def __sub__(self, other):
        other = to_value(other)
        return self._binary(other, self.data - other.data, 1, -1)

    def __mul__(self, other):
        other = to_value(other)
        return self._binary(other, self.data * other.data, other.data, self.data)

    def __truediv__(self, other):
        other = to_value(other)
        ratio = self.data / other.data
        return self._binary(other, ratio, 1 / other.data, -ratio / other.data)

    def __pow__(self, other):
        other = to_value(other)
        power = self.data**other.data
        to_base = other.data * self.data ** (other.data - 1)
        to_exponent = power * log(self.data) if self.data > 0 else 0.0
        return self._binary(other, power, to_base, to_exponent)

    def __rpow__(self, other):
        return to_value(other) ** self

    def __radd__(self, other):
        return to_value(other) + self

    def __rsub__(self, other):
        return to_value(other) - self

    def __rmul__(self, other):
        return to_value(other) * self

    def __rtruediv__(self, other):
        return to_value(other) / self

    def __neg__(self):
        return self._unary(-self.data, -1)

    def exp(self):
        e = exp(self.data)
        return self._unary(e, e)

    def log(self):
        return self._unary(log(self.data), 1 / self.data)

    def sin(self):
        return self._unary(sin(self.data), cos(self.data))

    def backward(self):
        order, seen = [], set()

        def dfs(node):
            if node not in seen:
                seen.add(node)
                [dfs(child) for child in node._children]
                order.append(node)

        dfs(self)
        self.grad = 1
        for node in reversed(order):
            node._backward(node.grad)


def to_value(x):
    return x if isinstance(x, Value) else Value(x)
