"""The torch twin of every loss, with the arguments of ours; those of ops are in known_ops.py."""

import torch
from torch.nn import functional as F

torch.set_num_threads(1)  # the first call on several threads loses precision with some MKLs
torch.set_default_dtype(torch.float64)


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
