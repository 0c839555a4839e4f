"""The torch twin of every op: the same function on float64 tensors, element by element.

An op's arguments arrive in the table's order; a constant argument arrives as a plain float.
"""

import torch
from torch.nn import functional as F

torch.set_num_threads(1)  # the first call on several threads loses precision with some MKLs
torch.set_default_dtype(torch.float64)


def _compare(relation):
    return lambda x, y: relation(x.detach(), y.detach()).to(torch.float64)


def _dot(*wx):
    n = len(wx) // 2
    return torch.stack([w * x for w, x in zip(wx[:n], wx[n:])]).sum(0) if n else torch.zeros(())


TWINS = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "neg": torch.neg,
    "abs": torch.abs,
    "pow": torch.pow,
    "powc": lambda x, k: x**k,
    "sqrt": torch.sqrt,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "atan": torch.atan,
    "erfc": torch.erfc,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,  # with its threshold of 20: a listed deviation
    "silu": F.silu,
    "gelu": F.gelu,  # the exact form, not tanh's
    "relu": torch.relu,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "gt": _compare(torch.gt),
    "ge": _compare(torch.ge),
    "eq": _compare(torch.eq),
    "where": lambda cond, x, y: torch.where(cond.detach() != 0, x, y),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "sum": lambda *xs: torch.stack(xs).sum(0),
    "max": lambda *xs: torch.stack(xs).amax(0),  # not max: it gives all to one of the tied
    "logsumexp": lambda *xs: torch.stack(xs).logsumexp(0),
    "dot": _dot,
}


def tensor(x):
    """A float64 tensor that requires a gradient."""
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)
