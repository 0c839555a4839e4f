"""Right in all but its looks: __repr__ asks for an attribute that is not there."""

import math
import operator


def number(x):
    return x.data if isinstance(x, Value) else x


class Value:
    def __init__(self, data, **backrefs):
        self.data = data
        self.grad = 0.0
        self.left = backrefs.get("left")
        self.right = backrefs.get("right")
        self.derivative = backrefs.get("derivative")

    def __repr__(self):
        return f"Value({self.data}, name={self.name})"

    def _new(self, other, compute, derivative):
        data = compute(self.data, number(other))
        right = other if isinstance(other, Value) else None
        derivative = derivative(self.data, number(other))
        return Value(data, left=self, right=right, derivative=derivative)

    def __add__(self, other):
        return self._new(other, operator.add, lambda a, b: (1, 1))

    def __sub__(self, other):
        return self._new(other, operator.sub, lambda a, b: (1, -1))

    def __mul__(self, other):
        return self._new(other, operator.mul, lambda a, b: (b, a))

    def __truediv__(self, other):
        return self._new(other, operator.truediv, lambda a, b: (1 / b, -a / (b * b)))

    def __radd__(self, other):
        return Value(other) + self

    def __rsub__(self, other):
        return Value(other) - self

    def __rmul__(self, other):
        return Value(other) * self

    def __rtruediv__(self, other):
        return Value(other) / self

    def __neg__(self):
        return self * -1.0

    def __pos__(self):
        return self

    def exp(self):
        e = math.exp(self.data)
        return Value(e, left=self, derivative=(e, 0))

    def relu(self):
        active = self.data > 0
        return Value(self.data if active else 0.0, left=self, derivative=(float(active), 0))

    def backward(self):
        order = []

        def visit(v):
            if v is None or any(v is u for u in order):
                return
            visit(v.left)
            visit(v.right)
            order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for x, d in zip((v.left, v.right), v.derivative or ()):
                if x is not None:
                    x.grad += d * v.grad
