"""Layers that draw random numbers in training.

>>> dropout = Dropout(0.5, rng=0)
>>> dropout.draws, [dropout.factor() for _ in range(4)]
(True, [2.0, 2.0, 0.0, 0.0])

Such a layer has a generator of its own, ``rng``, and gets each random number from ``factor()``:
so its state can be saved, and a compiler can draw the same numbers ahead.
"""

from typing import Any, ClassVar

from ..checks import number
from ..nesting import map_nested
from .init import Rng, random_source
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, sets each number to 0 with probability p and scales the others by 1 / (1 - p).

    Args:
        p: the probability, 0 or more and below 1.
        rng: a random.Random, or a seed for one.

    Example:
        >>> dropout = Dropout(0.5, rng=0)
        >>> dropout([1.0, 1.0, 1.0, 1.0]), dropout.eval()([1.0, 1.0])
        ([2.0, 2.0, 0.0, 0.0], [1.0, 1.0])

    Source: Srivastava et al. (2014); torch.nn.Dropout.
    """

    settings: ClassVar = {"p": number()}
    draws = True
    p: float

    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        if isinstance(p, bool) or not isinstance(p, int | float):
            raise TypeError(f"p must be a number, got {type(p).__name__} {p!r}")
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p must be 0 or more and below 1, got {p!r}")
        self._configure(p=p)
        self.rng = random_source(rng)

    def forward(self, x: Any) -> Any:
        if not self.training:
            return x
        return map_nested(lambda v: v * self.factor(), x)

    def factor(self) -> float:
        """What one number is multiplied with: drawn anew at every call."""
        return 0.0 if self.rng.random() < self.p else 1.0 / (1.0 - self.p)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
