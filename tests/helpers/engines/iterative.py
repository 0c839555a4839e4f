"""Closures that keep numbers only, walked without recursion: right at level 2 as well.

A rule knows the numbers of its op and not its result, so there are no reference cycles. A backward
pass collects gradients aside; leaves add them up, those in between are of the last call.
"""

import math


class Value:
    __slots__ = ("_inputs", "_rule", "data", "grad")

    def __init__(self, data, _inputs=(), _rule=None):
        self.data = data
        self.grad = 0.0
        self._inputs = _inputs
        self._rule = _rule

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), lambda g: (g, g))

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.data - other.data, (self, other), lambda g: (g, -g))

    def __mul__(self, other):
        other = as_value(other)
        a, b = self.data, other.data
        return Value(a * b, (self, other), lambda g: (g * b, g * a))

    def __truediv__(self, other):
        other = as_value(other)
        a, b = self.data, other.data
        return Value(a / b, (self, other), lambda g: (g / b, -g * (a / b / b)))

    def __pow__(self, other):
        if isinstance(other, Value):
            a, b = self.data, other.data
            p = a**b
            return Value(p, (self, other), lambda g: (g * b * a ** (b - 1), g * p * math.log(a)))
        x, k = self.data, other
        return Value(x**k, (self,), lambda g: (g * k * x ** (k - 1) if k else 0.0,))

    def __rpow__(self, other):
        p, slope = other**self.data, math.log(other)
        return Value(p, (self,), lambda g: (g * p * slope,))

    def __neg__(self):
        return Value(-self.data, (self,), lambda g: (-g,))

    def __radd__(self, other):
        return as_value(other) + self

    def __rsub__(self, other):
        return as_value(other) - self

    def __rmul__(self, other):
        return as_value(other) * self

    def __rtruediv__(self, other):
        return as_value(other) / self

    def exp(self):
        try:
            e = math.exp(self.data)
        except OverflowError:
            e = math.inf
        return Value(e, (self,), lambda g: (g * e,))

    def log(self):
        x = self.data
        if x == 0.0:
            return Value(-math.inf, (self,), lambda g: (g * math.inf,))
        return Value(math.log(x) if x > 0.0 else math.nan, (self,), lambda g: (g / x,))

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), lambda g: (g * (1.0 - t * t),))

    def sigmoid(self):
        x = self.data
        e = math.exp(-abs(x))
        s = 1.0 / (1.0 + e) if x >= 0.0 else e / (1.0 + e)
        slope = e / (1.0 + e) ** 2  # s (1 - s) cancels far out
        return Value(s, (self,), lambda g: (g * slope,))

    def relu(self):
        active = self.data > 0.0
        return Value(self.data if active else 0.0, (self,), lambda g: (g if active else 0.0,))

    def backward(self):
        order, seen, stack = [], {self}, [(self, iter(self._inputs))]
        while stack:
            v, rest = stack[-1]
            for x in rest:
                if x not in seen:
                    seen.add(x)
                    stack.append((x, iter(x._inputs)))
                    break
            else:
                order.append(v)
                stack.pop()
        grads = dict.fromkeys(order, 0.0)
        grads[self] = 1.0
        for v in reversed(order):
            if v._rule is not None:
                for x, gx in zip(v._inputs, v._rule(grads[v])):
                    grads[x] += gx
        for v, g in grads.items():
            v.grad = g if v._inputs else v.grad + g


def as_value(x):
    return x if isinstance(x, Value) else Value(float(x))
