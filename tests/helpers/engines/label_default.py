"""A label that must be a text and has a default; typed, with operators as static functions."""

from __future__ import annotations

import math
from collections.abc import Callable


class Value:
    def __init__(self, data: float, *, label: str = "unnamed") -> None:
        if not isinstance(label, str):
            raise TypeError("label must be a str")
        self.data: float = data
        self.label: str = label
        self.grad: float = 0.0
        self.parents: list[Value] = []
        self.chain: Callable[[float], list[float]] = lambda g: []

    @staticmethod
    def ensure(x: Value | float) -> Value:
        return x if isinstance(x, Value) else Value(x, label=str(x))

    @classmethod
    def make(
        cls, data: float, label: str, parents: list[Value], chain: Callable[[float], list[float]]
    ) -> Value:
        v = cls(data, label=label)
        v.parents = parents
        v.chain = chain
        return v

    def __add__(self, other: Value | float) -> Value:
        o = Value.ensure(other)
        return Value.make(self.data + o.data, "+", [self, o], lambda g: [g, g])

    def __mul__(self, other: Value | float) -> Value:
        o = Value.ensure(other)
        return Value.make(self.data * o.data, "*", [self, o], lambda g: [g * o.data, g * self.data])

    def __pow__(self, n: float) -> Value:
        return Value.make(self.data**n, "pow", [self], lambda g: [g * n * self.data ** (n - 1)])

    def __neg__(self) -> Value:
        return Value.make(-self.data, "neg", [self], lambda g: [-g])

    def __sub__(self, other: Value | float) -> Value:
        return self + -Value.ensure(other)

    def __truediv__(self, other: Value | float) -> Value:
        return self * Value.ensure(other) ** -1.0

    def __radd__(self, other: float) -> Value:
        return Value.ensure(other) + self

    def __rmul__(self, other: float) -> Value:
        return Value.ensure(other) * self

    def __rsub__(self, other: float) -> Value:
        return Value.ensure(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return Value.ensure(other) / self

    def exp(self) -> Value:
        e = math.exp(self.data)
        return Value.make(e, "exp", [self], lambda g: [g * e])

    def softplus(self) -> Value:
        s = math.log1p(math.exp(self.data))
        return Value.make(s, "softplus", [self], lambda g: [g / (1.0 + math.exp(-self.data))])

    def sqrt(self) -> Value:
        return self**0.5

    def backward(self) -> None:
        order: list[Value] = []
        seen: set[int] = set()

        def post(v: Value) -> None:
            if id(v) in seen:
                return
            seen.add(id(v))
            for p in v.parents:
                post(p)
            order.append(v)

        post(self)
        self.grad = 1.0
        for v in reversed(order):
            for p, g in zip(v.parents, v.chain(v.grad)):
                p.grad += g
