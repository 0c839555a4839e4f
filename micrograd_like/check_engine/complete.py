"""Level 3, complete: the edges of IEEE 754 with PyTorch's conventions, and what others may expect."""

from .cases import Check

COMPLETE: tuple[Check, ...] = ()
