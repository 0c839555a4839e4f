"""Arrays of no dimension for data and for gradients."""

import numpy as np


class Value:
    def __init__(self, data, parents=()):
        self.data = np.array(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents
        self.grad_fn = None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def grad_fn(g):
            self.grad = self.grad + g
            other.grad = other.grad + g

        out.grad_fn = grad_fn
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def grad_fn(g):
            self.grad = self.grad + g * other.data
            other.grad = other.grad + g * self.data

        out.grad_fn = grad_fn
        return out

    def __pow__(self, k):
        out = Value(np.power(self.data, k), (self,))

        def grad_fn(g):
            self.grad = self.grad + g * k * np.power(self.data, k - 1)

        out.grad_fn = grad_fn
        return out

    def _elementwise(self, function, derivative):
        out = Value(function(self.data), (self,))

        def grad_fn(g):
            self.grad = self.grad + g * derivative(self.data)

        out.grad_fn = grad_fn
        return out

    def exp(self):
        return self._elementwise(np.exp, np.exp)

    def log(self):
        return self._elementwise(np.log, lambda x: 1 / x)

    def sin(self):
        return self._elementwise(np.sin, np.cos)

    def cos(self):
        return self._elementwise(np.cos, lambda x: -np.sin(x))

    def tanh(self):
        return self._elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)

    def relu(self):
        return self._elementwise(lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0.0))

    def backward(self):
        order, seen = [], set()

        def dfs(v):
            if id(v) in seen:
                return
            seen.add(id(v))
            for p in v.parents:
                dfs(p)
            order.append(v)

        dfs(self)
        self.grad = np.ones_like(self.data)
        for v in order[::-1]:
            if v.grad_fn is not None:
                v.grad_fn(v.grad)

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + other * -1.0

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * (other**-1.0)

    def __rtruediv__(self, other):
        return self**-1.0 * other

    __radd__ = __add__
    __rmul__ = __mul__
