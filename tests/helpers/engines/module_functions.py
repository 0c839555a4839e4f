"""Operators in the class; the functions stand beside it: tanh(x), exp(x)."""

import math


class Var:
    def __init__(self, data, grad_fns=()):
        self.data = data
        self.grad = 0.0
        self.grad_fns = grad_fns  # (input, function from the gradient here to the one there)

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __mul__(self, other):
        return mul(self, other)

    def __rmul__(self, other):
        return mul(other, self)

    def __sub__(self, other):
        return add(self, mul(other, -1.0))

    def __rsub__(self, other):
        return add(other, mul(self, -1.0))

    def __neg__(self):
        return mul(self, -1.0)

    def __truediv__(self, other):
        return mul(self, reciprocal(other))

    def __rtruediv__(self, other):
        return mul(other, reciprocal(self))

    def backward(self):
        order = []
        seen = set()

        def dfs(v):
            if v not in seen:
                seen.add(v)
                for x, _ in v.grad_fns:
                    dfs(x)
                order.append(v)

        dfs(self)
        self.grad = 1.0
        for v in reversed(order):
            for x, grad_fn in v.grad_fns:
                x.grad += grad_fn(v.grad)


def to_var(x):
    return x if isinstance(x, Var) else Var(x)


def add(a, b):
    a, b = to_var(a), to_var(b)
    return Var(a.data + b.data, ((a, lambda g: g), (b, lambda g: g)))


def mul(a, b):
    a, b = to_var(a), to_var(b)
    return Var(a.data * b.data, ((a, lambda g: g * b.data), (b, lambda g: g * a.data)))


def reciprocal(a):
    a = to_var(a)
    r = 1.0 / a.data
    return Var(r, ((a, lambda g: -g * r * r),))


def exp(x):
    x = to_var(x)
    e = math.exp(x.data)
    return Var(e, ((x, lambda g: g * e),))


def log(x):
    x = to_var(x)
    return Var(math.log(x.data), ((x, lambda g: g / x.data),))


def sin(x):
    x = to_var(x)
    return Var(math.sin(x.data), ((x, lambda g: g * math.cos(x.data)),))


def tanh(x):
    x = to_var(x)
    t = math.tanh(x.data)
    return Var(t, ((x, lambda g: g * (1 - t * t)),))


def relu(x):
    x = to_var(x)
    return Var(max(x.data, 0.0), ((x, lambda g: g if x.data > 0 else 0.0),))
