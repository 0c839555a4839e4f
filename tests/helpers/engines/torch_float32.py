"""torch below, in float32 as it is by default: right to seven digits; no gradients in between."""

import torch
import torch.nn.functional as F


def _lifted(function):
    def method(self, *others):
        return Value._of(function(self._t, *[getattr(o, "_t", o) for o in others]))

    return method


class Value:
    def __init__(self, x):
        self._t = torch.tensor(float(x), requires_grad=True)

    @classmethod
    def _of(cls, tensor):
        v = cls.__new__(cls)
        v._t = tensor
        return v

    @property
    def data(self):
        return self._t.item()

    @property
    def grad(self):
        if not self._t.is_leaf or self._t.grad is None:
            return None
        return self._t.grad.item()

    def zero_grad(self):
        self._t.grad = None

    def backward(self):
        self._t.backward()

    __add__ = __radd__ = _lifted(lambda a, b: a + b)
    __mul__ = __rmul__ = _lifted(lambda a, b: a * b)
    __sub__ = _lifted(lambda a, b: a - b)
    __rsub__ = _lifted(lambda a, b: b - a)
    __truediv__ = _lifted(lambda a, b: a / b)
    __rtruediv__ = _lifted(lambda a, b: b / a)
    __pow__ = _lifted(lambda a, b: a**b)
    __rpow__ = _lifted(lambda a, b: b**a)
    __neg__ = _lifted(lambda a: -a)
    exp = _lifted(torch.exp)
    log = _lifted(torch.log)
    sin = _lifted(torch.sin)
    cos = _lifted(torch.cos)
    tanh = _lifted(torch.tanh)
    sigmoid = _lifted(torch.sigmoid)
    relu = _lifted(torch.relu)
    softplus = _lifted(F.softplus)
    gelu = _lifted(F.gelu)
