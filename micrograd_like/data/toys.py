"""Toy sets, made by a formula: small enough to draw, hard enough to need a network.

>>> X, y = make_circles(4, noise=0.0)
>>> [round(math.hypot(*point), 9) for point in X], y
([1.0, 0.5, 1.0, 0.5], [0, 1, 0, 1])
"""

from __future__ import annotations

import math
import random

from ..checks import integer, number

__all__ = [
    "make_circles", "make_classification", "make_moons", "make_noisy_line", "make_spirals",
    "make_xor",
]  # fmt: skip


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


def make_moons(
    n: int = 100, noise: float = 0.1, seed: int = 0
) -> tuple[list[list[float]], list[int]]:
    """Two half circles that reach into each other, class 0 (above) and class 1 in turn.

    Args are those of make_xor.

    Example:
        >>> X, y = make_moons(4, noise=0.0)
        >>> y, [[round(v, 9) for v in row] for row in X]
        ([0, 1, 0, 1], [[1.0, 0.0], [0.0, 0.5], [-1.0, 0.0], [2.0, 0.5]])

    Source: sklearn.datasets.make_moons, but not its random numbers.
    """
    rng = _rng(n, noise, seed)
    X = []
    for i in range(n):
        steps = (n + 1 - i % 2) // 2 - 1  # between the points of a moon
        angle = math.pi * (i // 2) / max(steps, 1)
        x, y = math.cos(angle), math.sin(angle)
        point = (1.0 - x, 0.5 - y) if i % 2 else (x, y)
        X.append([v + rng.gauss(0.0, noise) for v in point])
    return X, [i % 2 for i in range(n)]


def make_circles(
    n: int = 100, noise: float = 0.1, seed: int = 0, factor: float = 0.5
) -> tuple[list[list[float]], list[int]]:
    """A circle of radius 1, class 0, around one of radius factor, class 1; in turn.

    Args are those of make_xor, and factor: the inner radius, 0 or more and below 1.

    Example:
        >>> X, y = make_circles(4, noise=0.0)
        >>> y, [[round(v, 9) + 0.0 for v in row] for row in X]
        ([0, 1, 0, 1], [[1.0, 0.0], [0.5, 0.0], [-1.0, 0.0], [-0.5, 0.0]])

    Source: sklearn.datasets.make_circles, but not its random numbers.
    """
    rng = _rng(n, noise, seed)
    number(0.0, 1.0, below=True)("factor", factor)
    X = []
    for i in range(n):
        angle = 2.0 * math.pi * (i // 2) / ((n + 1 - i % 2) // 2)
        radius = factor if i % 2 else 1.0
        point = radius * math.cos(angle), radius * math.sin(angle)
        X.append([v + rng.gauss(0.0, noise) for v in point])
    return X, [i % 2 for i in range(n)]


def make_classification(
    n: int = 100,
    noise: float = 0.5,
    seed: int = 0,
    n_features: int = 4,
    n_informative: int = 2,
    n_classes: int = 2,
) -> tuple[list[list[float]], list[int]]:
    """A cloud for each class, in turn; only the first features tell which, the others are noise.

    Args:
        n: how many points.
        noise: the standard deviation of a cloud in each direction.
        seed: the same seed gives the same points.
        n_features: how many numbers a row has.
        n_informative: the first so many have the clouds' centres at +-1: corners of a cube. The
            others are of mean 0 and variance 1, whatever the class.
        n_classes: at most 2**n_informative.

    Example:
        >>> X, y = make_classification(4, noise=0.0, n_features=3, n_classes=4)
        >>> y, [row[:2] for row in X]
        ([0, 1, 2, 3], [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])

    Source: sklearn.datasets.make_classification with one cloud a class and nothing redundant.
    """
    rng = _rng(n, noise, seed)
    n_features = integer(1)("n_features", n_features)
    n_informative = integer(1, n_features)("n_informative", n_informative)
    n_classes = integer(2, 2**n_informative)("n_classes", n_classes)
    X, y = [], [i % n_classes for i in range(n)]
    for c in y:
        centre = [1.0 if c >> k & 1 else -1.0 for k in range(n_informative)]
        useless = [rng.gauss(0.0, 1.0) for _ in range(n_features - n_informative)]
        X.append([v + rng.gauss(0.0, noise) for v in centre] + useless)
    return X, y


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
