"""Activations in the form of one textbook: leaky_relu with slope 0.01, gelu by tanh."""

import math


class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -1.0 * other

    def __rsub__(self, other):
        return other + -1.0 * self

    def relu(self):
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def leaky_relu(self):
        slope = 1.0 if self.data > 0 else 0.01
        return Value(self.data * slope, (self,), (slope,))

    def elu(self):
        if self.data > 0:
            return Value(self.data, (self,), (1.0,))
        e = math.exp(self.data)
        return Value(e - 1.0, (self,), (e,))

    def gelu(self):
        x, c = self.data, math.sqrt(2.0 / math.pi)
        t = math.tanh(c * (x + 0.044715 * x**3))
        inner = c * (1.0 + 3.0 * 0.044715 * x**2)
        return Value(0.5 * x * (1.0 + t), (self,), (0.5 * (1.0 + t + x * (1.0 - t * t) * inner),))

    def silu(self):
        s = 1.0 / (1.0 + math.exp(-self.data))
        return Value(self.data * s, (self,), (s * (1.0 + self.data * (1.0 - s)),))

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for p in v.parents:
                    build(p)
                topo.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            for p, s in zip(v.parents, v.slopes):
                p.grad += s * v.grad
