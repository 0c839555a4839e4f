"""Activations in the form of another: leaky_relu with slope 0.1, gelu by erf, swish for silu."""

from math import cosh, erf, exp, log, pi, sqrt, tanh


class Value:
    def __init__(self, val, src=None):
        self.data = val
        self.src = src or {}  # input: local derivative
        self.grad = 0.0

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, {self: 1.0})
        out.src[other] = out.src.get(other, 0.0) + 1.0
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, {self: other.data})
        out.src[other] = out.src.get(other, 0.0) + self.data
        return out

    def __neg__(self):
        return Value(-self.data, {self: -1.0})

    def __sub__(self, other):
        return self + (-other)

    def __radd__(self, other):
        return self + other

    def __rsub__(self, other):
        return (-self) + other

    def __rmul__(self, other):
        return self * other

    def leaky_relu(self, negative_slope=0.1):
        slope = 1.0 if self.data > 0 else negative_slope
        return Value(slope * self.data, {self: slope})

    def gelu(self):
        x = self.data
        cdf = 0.5 * (1.0 + erf(x / sqrt(2.0)))
        return Value(x * cdf, {self: cdf + x * exp(-x * x / 2.0) / sqrt(2.0 * pi)})

    def swish(self):
        s = 1.0 / (1.0 + exp(-self.data))
        return Value(self.data * s, {self: s + self.data * s * (1.0 - s)})

    def softplus(self):
        return Value(log(1.0 + exp(self.data)), {self: 1.0 / (1.0 + exp(-self.data))})

    def tanh(self):
        return Value(tanh(self.data), {self: 1.0 / cosh(self.data) ** 2})

    def backward(self):
        topo = []
        visited = set()

        def dfs(v):
            if v in visited:
                return
            visited.add(v)
            for u in v.src:
                dfs(u)
            topo.append(v)

        dfs(self)
        self.grad = 1.0
        for v in reversed(topo):
            for u, local in v.src.items():
                u.grad += local * v.grad
