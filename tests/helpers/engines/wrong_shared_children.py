"""Wrong: the default list of children is one list, to which every result adds its own."""

import math


class Value:
    def __init__(self, data, children=[]):  # noqa: B006
        self.data = data
        self.grad = 0.0
        self.children = children

    def _result(self, data, *edges):
        out = Value(data)
        for edge in edges:
            out.children.append(edge)
        return out

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return self._result(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return self._result(self.data * other.data, (self, other.data), (other, self.data))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def exp(self):
        e = math.exp(self.data)
        return self._result(e, (self, e))

    def backward(self):
        order, visited = [], set()

        def visit(v):
            if v not in visited:
                visited.add(v)
                for child, _ in v.children:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for child, slope in v.children:
                child.grad += slope * v.grad
