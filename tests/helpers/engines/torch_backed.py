"""A scalar class over 0-dim tensors of float64: torch does the work."""

import torch


class Value:
    def __init__(self, data):
        if isinstance(data, torch.Tensor):
            self.tensor = data
            self.tensor.retain_grad()
        else:
            self.tensor = torch.tensor(float(data), dtype=torch.float64, requires_grad=True)

    @property
    def data(self):
        return self.tensor.item()

    @data.setter
    def data(self, number):
        with torch.no_grad():
            self.tensor.fill_(number)

    @property
    def grad(self):
        return None if self.tensor.grad is None else self.tensor.grad.item()

    @grad.setter
    def grad(self, number):
        self.tensor.grad = None if number is None else torch.full_like(self.tensor, number)

    def __add__(self, other):
        return Value(self.tensor + raw(other))

    def __radd__(self, other):
        return Value(raw(other) + self.tensor)

    def __sub__(self, other):
        return Value(self.tensor - raw(other))

    def __rsub__(self, other):
        return Value(raw(other) - self.tensor)

    def __mul__(self, other):
        return Value(self.tensor * raw(other))

    def __rmul__(self, other):
        return Value(raw(other) * self.tensor)

    def __truediv__(self, other):
        return Value(self.tensor / raw(other))

    def __rtruediv__(self, other):
        return Value(raw(other) / self.tensor)

    def __pow__(self, other):
        return Value(self.tensor ** raw(other))

    def __rpow__(self, other):
        return Value(raw(other) ** self.tensor)

    def __neg__(self):
        return Value(-self.tensor)

    def __abs__(self):
        return Value(self.tensor.abs())

    def exp(self):
        return Value(self.tensor.exp())

    def log(self):
        return Value(self.tensor.log())

    def sqrt(self):
        return Value(self.tensor.sqrt())

    def tanh(self):
        return Value(self.tensor.tanh())

    def sigmoid(self):
        return Value(self.tensor.sigmoid())

    def relu(self):
        return Value(self.tensor.relu())

    def backward(self):
        self.tensor.backward(retain_graph=True)


def raw(x):
    return x.tensor if isinstance(x, Value) else x
