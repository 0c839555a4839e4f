"""Gradients are Values too, so they can be differentiated again: backward(create_graph=True)."""

import math


class Value:
    def __init__(self, data, inputs=(), vjp=None):
        self.data = float(data)
        self.grad = None
        self.inputs = inputs
        self.vjp = vjp  # from the gradient here, a Value, to those of the inputs

    def detach(self):
        return Value(self.data)

    def __add__(self, other):
        other = lift(other)
        return Value(self.data + other.data, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        other = lift(other)
        return Value(self.data * other.data, (self, other), lambda g: (g * other, g * self))

    def __neg__(self):
        return Value(-self.data, (self,), lambda g: (-g,))

    def __sub__(self, other):
        return self + -lift(other)

    def __truediv__(self, other):
        other = lift(other)
        quotient = self.data / other.data
        return Value(quotient, (self, other), lambda g: (g / other, -g * self / (other * other)))

    def __pow__(self, k):
        return Value(self.data**k, (self,), lambda g: (g * k * self ** (k - 1),))

    def exp(self):
        return Value(math.exp(self.data), (self,), lambda g: (g * self.exp(),))

    def log(self):
        return Value(math.log(self.data), (self,), lambda g: (g / self,))

    def sin(self):
        return Value(math.sin(self.data), (self,), lambda g: (g * self.cos(),))

    def cos(self):
        return Value(math.cos(self.data), (self,), lambda g: (-g * self.sin(),))

    def tanh(self):
        return Value(math.tanh(self.data), (self,), lambda g: (g * (1 - self.tanh() ** 2),))

    def __radd__(self, other):
        return lift(other) + self

    def __rmul__(self, other):
        return lift(other) * self

    def __rsub__(self, other):
        return lift(other) - self

    def __rtruediv__(self, other):
        return lift(other) / self

    def backward(self, create_graph=False):
        order, seen = [], set()

        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for x in v.inputs:
                    visit(x)
                order.append(v)

        visit(self)
        grads = {id(self): Value(1.0)}
        for v in reversed(order):
            g = grads[id(v)] if create_graph else grads[id(v)].detach()
            v.grad = g if v.inputs or v.grad is None else v.grad + g
            if v.vjp:
                for x, gx in zip(v.inputs, v.vjp(g)):
                    grads[id(x)] = grads[id(x)] + gx if id(x) in grads else gx


def lift(x):
    return x if isinstance(x, Value) else Value(x)
