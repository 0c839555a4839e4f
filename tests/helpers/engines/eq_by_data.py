"""Values compare as their numbers do; they are hashed by identity."""

from functools import total_ordering
from math import e, tanh


@total_ordering
class Value:
    def __init__(self, data, _prev=(), _op=""):
        self.data, self.grad = data, 0.0
        self._prev, self._op = _prev, _op
        self._backward = lambda: None

    def __eq__(self, other):
        return self.data == (other.data if isinstance(other, Value) else other)

    def __lt__(self, other):
        return self.data < (other.data if isinstance(other, Value) else other)

    def __hash__(self):
        return id(self)

    def __float__(self):
        return float(self.data)

    def __add__(self, other):
        if not isinstance(other, Value):
            other = Value(other)
        res = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += res.grad
            other.grad += res.grad

        res._backward = _backward
        return res

    def __mul__(self, other):
        if not isinstance(other, Value):
            other = Value(other)
        res = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += res.grad * other.data
            other.grad += res.grad * self.data

        res._backward = _backward
        return res

    def __pow__(self, k):
        res = Value(self.data**k, (self,), "**")

        def _backward():
            self.grad += res.grad * k * self.data ** (k - 1)

        res._backward = _backward
        return res

    def exp(self):
        res = Value(e**self.data, (self,), "exp")

        def _backward():
            self.grad += res.grad * res.data

        res._backward = _backward
        return res

    def tanh(self):
        res = Value(tanh(self.data), (self,), "tanh")

        def _backward():
            self.grad += res.grad * (1 - res.data**2)

        res._backward = _backward
        return res

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v in visited:
                return
            visited.add(v)
            for child in v._prev:
                build(child)
            topo.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()
