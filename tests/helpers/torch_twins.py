"""The torch twin of every op and every loss: the same function on float64 tensors.

An op's arguments arrive in the table's order, as tensors without dimensions; a constant argument
arrives as a plain float. A loss's arguments are those of ours.
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


def _hinge(x, y, reduction="mean"):
    every = torch.relu(1.0 - y * x)
    return {"mean": every.mean, "sum": every.sum, "none": lambda: every}[reduction]()


LOSS_TWINS = {
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "huber_loss": F.huber_loss,
    "hinge_loss": _hinge,  # torch has it only for embeddings
    "cross_entropy": F.cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
}


def tensor(x):
    """A float64 tensor, of a number or a list, that requires a gradient."""
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)
