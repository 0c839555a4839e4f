"""A second backward is meant: the gradients between output and leaves are set to zero first."""

import math


class Value:
    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self._backward = None

    @property
    def is_leaf(self):
        return not self.children

    def __add__(self, other):
        other = Value.of(other)
        out = Value(self.data + other.data, (self, other))

        def step():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = step
        return out

    def __mul__(self, other):
        other = Value.of(other)
        out = Value(self.data * other.data, (self, other))

        def step():
            self.grad += out.grad * other.data
            other.grad += out.grad * self.data

        out._backward = step
        return out

    def __pow__(self, n):
        out = Value(self.data**n, (self,))

        def step():
            self.grad += out.grad * n * self.data ** (n - 1)

        out._backward = step
        return out

    def sin(self):
        out = Value(math.sin(self.data), (self,))

        def step():
            self.grad += out.grad * math.cos(self.data)

        out._backward = step
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def step():
            self.grad += out.grad * (1.0 - out.data * out.data)

        out._backward = step
        return out

    @classmethod
    def of(cls, x):
        return x if isinstance(x, cls) else cls(x)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -Value.of(other)

    def __rsub__(self, other):
        return Value.of(other) - self

    def __truediv__(self, other):
        return self * Value.of(other) ** -1

    def __rtruediv__(self, other):
        return Value.of(other) / self

    def __radd__(self, other):
        return Value.of(other) + self

    def __rmul__(self, other):
        return Value.of(other) * self

    def backward(self):
        order, seen = [], set()

        def walk(v):
            if v not in seen:
                seen.add(v)
                for c in v.children:
                    walk(c)
                order.append(v)

        walk(self)
        for v in order:
            if not v.is_leaf:
                v.grad = 0.0
        self.grad += 1.0
        for v in reversed(order):
            if not v.is_leaf:
                v._backward()
