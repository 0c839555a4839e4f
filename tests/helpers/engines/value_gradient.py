"""Words of its own: value, gradient, backprop()."""

import math


class Node:
    def __init__(self, value, children=None):
        self.value = value
        self.gradient = 0
        self.children = children or []  # (child, how much this changes when the child does)

    def __add__(self, other):
        if not isinstance(other, Node):
            other = Node(other)
        return Node(self.value + other.value, [(self, 1), (other, 1)])

    def __mul__(self, other):
        if not isinstance(other, Node):
            other = Node(other)
        return Node(self.value * other.value, [(self, other.value), (other, self.value)])

    def __pow__(self, power):
        return Node(self.value**power, [(self, power * self.value ** (power - 1))])

    def __neg__(self):
        return Node(-self.value, [(self, -1)])

    def __sub__(self, other):
        return self + (-other)

    def __truediv__(self, other):
        return self * other**-1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return (-self) + other

    def __rtruediv__(self, other):
        return self**-1 * other

    def sin(self):
        return Node(math.sin(self.value), [(self, math.cos(self.value))])

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.value))
        return Node(s, [(self, s * (1 - s))])

    def relu(self):
        return Node(max(0, self.value), [(self, 1 if self.value > 0 else 0)])

    def backprop(self):
        ordering = []

        def topological(node):
            if node in ordering:
                return
            for child, _ in node.children:
                topological(child)
            ordering.append(node)

        topological(self)
        self.gradient = 1
        for node in ordering[::-1]:
            for child, slope in node.children:
                child.gradient += slope * node.gradient
