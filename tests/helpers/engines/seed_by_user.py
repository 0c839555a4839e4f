"""The user sets the output's gradient: y.grad = 1.0, then y.backward()."""

import math


class Value:
    def __init__(self, data, children=(), local=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self.local = local

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        e = math.exp(self.data)
        return Value(e, (self,), (e,))

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), (1 - t**2,))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def backward(self):
        """Passes on the gradient that is here: set it to 1.0 at the output first."""
        order, done = [], set()

        def walk(v):
            if v in done:
                return
            done.add(v)
            for c in v.children:
                walk(c)
            order.append(v)

        walk(self)
        for v in reversed(order):
            for c, d in zip(v.children, v.local):
                c.grad += d * v.grad
