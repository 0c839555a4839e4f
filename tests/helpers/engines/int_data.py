"""Numbers stay what they are: ints in, ints out, gradients too."""


class Value:
    def __init__(self, data, op="", args=()):
        self.data = data
        self.grad = 0
        self.op = op
        self.args = args

    def __add__(self, other):
        other = self._in(other)
        return Value(self.data + other.data, "add", (self, other))

    def __sub__(self, other):
        other = self._in(other)
        return Value(self.data - other.data, "sub", (self, other))

    def __mul__(self, other):
        other = self._in(other)
        return Value(self.data * other.data, "mul", (self, other))

    def __pow__(self, other):
        if not isinstance(other, (int, float)):
            raise TypeError("the exponent must be a number")
        return Value(self.data**other, "pow", (self, Value(other)))

    def __truediv__(self, other):
        return self * self._in(other) ** -1

    def __radd__(self, other):
        return self._in(other) + self

    def __rsub__(self, other):
        return self._in(other) - self

    def __rmul__(self, other):
        return self._in(other) * self

    def __rtruediv__(self, other):
        return self._in(other) / self

    def __neg__(self):
        return 0 - self

    def relu(self):
        return Value(max(0, self.data), "relu", (self,))

    @staticmethod
    def _in(x):
        return x if isinstance(x, Value) else Value(x)

    RULES = {  # noqa: RUF012
        "add": lambda g, a, b: (g, g),
        "sub": lambda g, a, b: (g, -g),
        "mul": lambda g, a, b: (g * b, g * a),
        "pow": lambda g, a, b: (g * b * a ** (b - 1), 0),
        "relu": lambda g, a: (g if a > 0 else 0,),
    }

    def backward(self):
        topo = self._topo([], set())
        self.grad = 1
        for v in reversed(topo):
            if v.op:
                grads = self.RULES[v.op](v.grad, *[x.data for x in v.args])
                for x, g in zip(v.args, grads):
                    x.grad += g

    def _topo(self, topo, seen):
        seen.add(id(self))
        for x in self.args:
            if id(x) not in seen:
                x._topo(topo, seen)
        topo.append(self)
        return topo
