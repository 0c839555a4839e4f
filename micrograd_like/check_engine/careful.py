"""Level 2, careful: what goes wrong on the second use, far out, deep down, and in a training."""

from .cases import Check

CAREFUL: tuple[Check, ...] = ()
