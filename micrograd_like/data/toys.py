"""Toy sets, small and made by a formula, to try a network on."""

import math
import random

from ..checks import integer, number

__all__ = ["make_noisy_line", "make_spirals", "make_xor"]


def make_xor(
    n: int = 100, noise: float = 0.1, seed: int = 0
) -> tuple[list[list[float]], list[int]]:
    """Points around the four corners (+-1, +-1); the class is 1 where the signs differ.

    Args:
        n: how many points.
        noise: its standard deviation; here of the distance from the corner, in each direction.
        seed: the same seed gives the same points.

    Example:
        >>> make_xor(4, noise=0.0)
        ([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    rng = _rng(n, noise, seed)
    corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
    X = [[x + rng.gauss(0.0, noise) for x in corners[i % 4]] for i in range(n)]
    return X, [(0, 1, 1, 0)[i % 4] for i in range(n)]


def make_spirals(
    n: int = 100, noise: float = 0.02, seed: int = 0, turns: float = 1.5
) -> tuple[list[list[float]], list[int]]:
    """Two arms that wind around each other inside the unit circle, class 0 and class 1 in turn.

    Args are those of make_xor, and turns: how often an arm goes round.

    Example:
        >>> X, y = make_spirals(4, noise=0.0, turns=1.0)
        >>> y, [round(v, 9) + 0.0 for v in X[2]]     # the end of the first arm
        ([0, 1, 0, 1], [1.0, 0.0])
    """
    rng = _rng(n, noise, seed)
    X = []
    for i in range(n):
        radius = (i // 2 + 1) / ((n + 1) // 2)
        angle = 2.0 * math.pi * turns * radius + math.pi * (i % 2)
        point = radius * math.cos(angle), radius * math.sin(angle)
        X.append([x + rng.gauss(0.0, noise) for x in point])
    return X, [i % 2 for i in range(n)]


def make_noisy_line(
    n: int = 100, slope: float = 2.0, intercept: float = 1.0, noise: float = 0.1, seed: int = 0
) -> tuple[list[list[float]], list[float]]:
    """y = slope * x + intercept + noise, with x uniform between -1 and 1; else as make_xor.

    Example:
        >>> X, y = make_noisy_line(3, slope=0.0, intercept=5.0, noise=0.0)
        >>> len(X), y
        (3, [5.0, 5.0, 5.0])
    """
    rng = _rng(n, noise, seed)
    X = [[rng.uniform(-1.0, 1.0)] for _ in range(n)]
    return X, [slope * x + intercept + rng.gauss(0.0, noise) for [x] in X]


def _rng(n: int, noise: float, seed: int) -> random.Random:
    integer(1)("n", n)
    number(0.0)("noise", noise)
    return random.Random(seed)
