"""Scalar(x, requires_grad=False): gradients are None until there are some, and only if wanted."""

import math


class Scalar:
    def __init__(self, data, requires_grad=False):
        self.data = data
        self.requires_grad = requires_grad
        self.grad = None
        self._edges = []

    @staticmethod
    def _result(data, *edges):
        kept = [(x, rule) for x, rule in edges if isinstance(x, Scalar) and x.requires_grad]
        out = Scalar(data, requires_grad=bool(kept))
        out._edges = kept
        return out

    def __add__(self, other):
        b = other.data if isinstance(other, Scalar) else other
        return self._result(self.data + b, (self, lambda g: g), (other, lambda g: g))

    def __sub__(self, other):
        b = other.data if isinstance(other, Scalar) else other
        return self._result(self.data - b, (self, lambda g: g), (other, lambda g: -g))

    def __mul__(self, other):
        a, b = self.data, other.data if isinstance(other, Scalar) else other
        return self._result(a * b, (self, lambda g: g * b), (other, lambda g: g * a))

    def __truediv__(self, other):
        a, b = self.data, other.data if isinstance(other, Scalar) else other
        return self._result(a / b, (self, lambda g: g / b), (other, lambda g: -g * a / b**2))

    def __pow__(self, k):
        a = self.data
        return self._result(a**k, (self, lambda g: g * k * a ** (k - 1)))

    def __neg__(self):
        return self._result(-self.data, (self, lambda g: -g))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return Scalar(other) - self

    def __rtruediv__(self, other):
        return Scalar(other) / self

    def exp(self):
        e = math.exp(self.data)
        return self._result(e, (self, lambda g: g * e))

    def log(self):
        a = self.data
        return self._result(math.log(a), (self, lambda g: g / a))

    def tanh(self):
        t = math.tanh(self.data)
        return self._result(t, (self, lambda g: g * (1 - t * t)))

    def backward(self):
        if not self.requires_grad:
            raise RuntimeError("backward() of a Scalar that requires no gradient")
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for x, _ in v._edges:
                    visit(x)
                order.append(v)

        visit(self)
        grads = {self: 1.0}
        for v in reversed(order):
            for x, rule in v._edges:
                grads[x] = grads.get(x, 0.0) + rule(grads[v])
            v.grad = grads[v] if v._edges or v.grad is None else v.grad + grads[v]
