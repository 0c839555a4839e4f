"""What plots are given, as plain floats and ints, and the points where they look.

>>> finite([1, 2.5], "target"), int_labels([1.0, -1])
([1.0, 2.5], [1, -1])
>>> steps(-1.0, 1.0, 5)
[-1.0, -0.5, 0.0, 0.5, 1.0]

This file knows nothing of matplotlib.
"""

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from ..engine import Number, as_value


def finite(numbers: Iterable[Number], what: str) -> list[float]:
    """Numbers or Values as floats, none of them infinite or nan."""
    floats = [number(x, f"{what} {i}") for i, x in enumerate(numbers)]
    for i, x in enumerate(floats):
        if not math.isfinite(x):
            raise ValueError(f"{what} {i} is {x}: only finite numbers can be plotted")
    return floats


def number(x: Any, what: str) -> float:
    """A number or Value as a float."""
    try:
        return as_value(x).data
    except TypeError:
        raise TypeError(f"{what} must be a number, got {type(x).__name__} {x!r:.60}") from None


def same_length(what: str, xs: list[Any], other: str, ys: list[Any]) -> None:
    """Refuses lists of different lengths."""
    if len(xs) != len(ys):
        raise ValueError(f"there are {len(xs)} {what}, but {len(ys)} {other}")


def int_labels(labels: Iterable[Any]) -> list[int]:
    """Labels as ints; a whole float (a target of hinge_loss, say) counts as one."""
    ints = []
    for i, label in enumerate(labels):
        whole = isinstance(label, Integral) or (isinstance(label, float) and label.is_integer())
        if not whole:
            raise TypeError(f"label {i} must be an int, got {type(label).__name__} {label!r:.60}")
        ints.append(int(label))
    return ints


def steps(low: float, high: float, n: int) -> list[float]:
    """n equal steps that meet both ends and, when n is odd, the middle exactly."""
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    return [middle + half * (2 * i - n + 1) / (n - 1) for i in range(n)]
