"""Wrong: gradients are kept in a dict of the class, by the number that a Value holds."""

import math


class Value:
    grads = {}  # noqa: RUF012

    def __init__(self, data, inputs=()):
        self.data = data
        self.inputs = inputs
        Value.grads[data] = 0.0

    @property
    def grad(self):
        return Value.grads.get(self.data, 0.0)

    @grad.setter
    def grad(self, g):
        Value.grads[self.data] = g

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def sin(self):
        return Value(math.sin(self.data), ((self, math.cos(self.data)),))

    def backward(self):
        order, visited = [], set()

        def visit(v):
            if v not in visited:
                visited.add(v)
                for x, _ in v.inputs:
                    visit(x)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for x, slope in v.inputs:
                x.grad += slope * v.grad
