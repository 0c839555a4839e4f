"""__slots__: no attribute can be added; rules are methods of the result, found by the op's name."""

import math


class Value:
    __slots__ = ("a", "b", "data", "grad", "op")

    def __init__(self, data, op="leaf", a=None, b=None):
        self.data = data
        self.grad = 0.0
        self.op = op
        self.a = a
        self.b = b

    def __add__(self, other):
        other = other if type(other) is Value else Value(other)
        return Value(self.data + other.data, "add", self, other)

    def __sub__(self, other):
        other = other if type(other) is Value else Value(other)
        return Value(self.data - other.data, "sub", self, other)

    def __mul__(self, other):
        other = other if type(other) is Value else Value(other)
        return Value(self.data * other.data, "mul", self, other)

    def __truediv__(self, other):
        other = other if type(other) is Value else Value(other)
        return Value(self.data / other.data, "div", self, other)

    def __radd__(self, other):
        return Value(other) + self

    def __rsub__(self, other):
        return Value(other) - self

    def __rmul__(self, other):
        return Value(other) * self

    def __rtruediv__(self, other):
        return Value(other) / self

    def __neg__(self):
        return Value(0.0) - self

    def exp(self):
        return Value(math.exp(self.data), "exp", self)

    def tanh(self):
        return Value(math.tanh(self.data), "tanh", self)

    def relu(self):
        return Value(self.data * (self.data > 0), "relu", self)

    def _send(self):
        a, b, g = self.a, self.b, self.grad
        if self.op == "add":
            a.grad += g
            b.grad += g
        elif self.op == "sub":
            a.grad += g
            b.grad -= g
        elif self.op == "mul":
            a.grad += g * b.data
            b.grad += g * a.data
        elif self.op == "div":
            a.grad += g / b.data
            b.grad -= g * self.data / b.data
        elif self.op == "exp":
            a.grad += g * self.data
        elif self.op == "tanh":
            a.grad += g * (1.0 - self.data * self.data)
        elif self.op == "relu":
            a.grad += g * (a.data > 0)

    def backward(self):
        order = []
        marks = set()

        def visit(v):
            if v is None or v in marks:
                return
            marks.add(v)
            visit(v.a)
            visit(v.b)
            order.append(v)

        visit(self)
        self.grad = 1.0
        while order:
            order.pop()._send()
