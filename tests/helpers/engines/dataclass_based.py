"""A dataclass; nodes are numbered as they are made, and a heap serves the youngest first."""

import heapq
import itertools
import math
from dataclasses import dataclass, field

NUMBERS = itertools.count()


@dataclass(eq=False)
class Value:
    data: float
    grad: float = 0.0
    inputs: list = field(default_factory=list, repr=False)
    slopes: list = field(default_factory=list, repr=False)
    number: int = field(default_factory=NUMBERS.__next__, repr=False)

    def __add__(self, other):
        other = coerce(other)
        return Value(self.data + other.data, inputs=[self, other], slopes=[1.0, 1.0])

    def __mul__(self, other):
        other = coerce(other)
        slopes = [other.data, self.data]
        return Value(self.data * other.data, inputs=[self, other], slopes=slopes)

    def __pow__(self, k):
        if isinstance(k, Value):
            return NotImplemented
        return Value(self.data**k, inputs=[self], slopes=[k * self.data ** (k - 1)])

    def __neg__(self):
        return Value(-self.data, inputs=[self], slopes=[-1.0])

    def __abs__(self):
        return Value(abs(self.data), inputs=[self], slopes=[math.copysign(1.0, self.data)])

    def __sub__(self, other):
        return self + (-coerce(other))

    def __rsub__(self, other):
        return coerce(other) + (-self)

    def __truediv__(self, other):
        return self * coerce(other) ** -1

    def __rtruediv__(self, other):
        return coerce(other) * self**-1

    __radd__ = __add__
    __rmul__ = __mul__

    def sqrt(self):
        r = math.sqrt(self.data)
        return Value(r, inputs=[self], slopes=[1 / (2 * r)])

    def sigmoid(self):
        e = math.exp(-abs(self.data))
        s = 1.0 / (1.0 + e) if self.data >= 0.0 else e / (1.0 + e)
        return Value(s, inputs=[self], slopes=[e / (1.0 + e) ** 2])

    def backward(self):
        grads = {self.number: 1.0}
        heap = [(-self.number, self)]
        while heap:
            _, v = heapq.heappop(heap)
            g = grads[v.number]
            v.grad = g if v.inputs else v.grad + g
            for x, slope in zip(v.inputs, v.slopes):
                if x.number not in grads:
                    grads[x.number] = 0.0
                    heapq.heappush(heap, (-x.number, x))
                grads[x.number] += g * slope


def coerce(x):
    return x if isinstance(x, Value) else Value(float(x))
