"""A solution: right at the level rules, and careful.

A node keeps the slopes from when it was computed, as numbers. So a leaf may change afterwards, the
chain rule stands in one place, and no function refers back to a node: a graph that nobody uses is
gone at once.

>>> a, b = Value(2.0), Value(-3.0)
>>> y = a * b + a**2
>>> y.backward()
>>> y, a.grad, b.grad
(Value(data=-2.0, grad=1.0), 1.0, 2.0)
"""

import math


def as_value(x):
    """A plain number as a leaf; a Value as it is."""
    return x if isinstance(x, Value) else Value(x)


class Value:
    """A number, the numbers that it was computed from, and its gradient."""

    __slots__ = ("_inputs", "_slopes", "data", "grad")

    def __init__(self, data, inputs=(), slopes=()):
        self.data = float(data)
        self.grad = 0.0
        self._inputs = inputs
        self._slopes = slopes

    def __repr__(self):
        return f"Value(data={self.data}, grad={self.grad})"

    def backward(self):
        order = self._order()
        for node in order:
            if node._inputs:  # only leaves collect over several calls
                node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            for x, slope in zip(node._inputs, node._slopes):
                x.grad += slope * node.grad

    def _order(self):
        """A loop, since Python allows only about 1,000 calls inside each other."""
        order, seen, waiting = [], set(), [(self, False)]
        while waiting:
            node, are_inputs_done = waiting.pop()
            if are_inputs_done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                waiting.append((node, True))
                waiting += [(x, False) for x in node._inputs]
        return order

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __radd__(self, other):
        return self + other

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -as_value(other)

    def __rsub__(self, other):
        return other + -self

    def __truediv__(self, other):
        return self * as_value(other) ** -1

    def __rtruediv__(self, other):
        return other * self**-1

    def __pow__(self, other):
        if isinstance(other, Value):
            return self._to_the(other)
        return Value(self.data**other, (self,), (other * self.data ** (other - 1),))

    def _to_the(self, other):
        a, b = self.data, other.data
        return Value(a**b, (self, other), (b * a ** (b - 1.0), a**b * math.log(a)))

    def __rpow__(self, other):
        return Value(other) ** self

    def exp(self):
        out = math.exp(self.data)
        return Value(out, (self,), (out,))

    def tanh(self):
        out = math.tanh(self.data)
        return Value(out, (self,), (1.0 - out**2,))

    def relu(self):
        is_open = self.data > 0.0
        return Value(self.data if is_open else 0.0, (self,), (1.0 if is_open else 0.0,))
