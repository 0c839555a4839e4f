"""Checks of settings: a range is declared beside the setting, and says itself what is wrong.

>>> at_least_0 = number(0.0)
>>> at_least_0("lr", 1)
1.0
>>> at_least_0("lr", -5)
Traceback (most recent call last):
ValueError: lr must be a finite number of at least 0, got -5

A check takes the name of a setting and what was given for it, and returns that as the int or float
that it stands for. A class declares its settings as ``{name: check}``; constructors, loaded states
and files are checked by the same table.
"""

import math
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[str, Any], Any]
COUNTED = 2**53 - 1  # a float counts no further


def is_int(n: Any) -> bool:
    """Whether n is a whole number, numpy's too; True and False are none."""
    return isinstance(n, Integral) and not isinstance(n, bool)


def as_number(name: str, x: Any) -> float:
    """A float from anything that counts as a number."""
    if isinstance(x, bool | str) or not hasattr(x, "__float__"):
        raise ValueError(f"{name} must be a number, got {type(x).__name__} {x!r:.60}")
    try:
        return float(x)
    except OverflowError:  # an int beyond the floats
        return math.inf


def number(low: float = -math.inf, high: float = math.inf, below: bool = False) -> Check:
    """A finite number from low to high; below: and less than high."""

    def check(name: str, x: Any) -> float:
        found = as_number(name, x)
        if not (math.isfinite(found) and found >= low):
            least = f" of at least {low:g}" if low > -math.inf else ""
            raise ValueError(f"{name} must be a finite number{least}, got {x!r:.60}")
        if found > high or (below and found == high):
            limit = "below" if below else "at most"
            raise ValueError(f"{name} must be {limit} {high:g}, got {x!r:.60}")
        return found

    return check


def pair(low: float, below: float) -> Check:
    """Two numbers, each at least low and less than below."""
    at_least = number(low)

    def check(name: str, two: Any) -> tuple[float, ...]:
        each = name.removesuffix("s")
        is_pair = hasattr(two, "__len__") and len(two) == 2
        if not is_pair or not all(at_least(each, x) < below for x in two):
            limits = f"of at least {low:g} and below {below:g}"
            raise ValueError(f"{name} must be two numbers {limits}, got {two!r:.60}")
        return tuple(map(float, two))

    return check


def integer(least: int, most: float = math.inf) -> Check:
    """An int from least to most; True is none."""

    def check(name: str, n: Any) -> int:
        if not is_int(n) or n < least:
            raise ValueError(f"{name} must be an int of at least {least}, got {n!r:.60}")
        if n > most:
            raise ValueError(f"{name} must be an int of at most {most}, got {n!r:.60}")
        return int(n)

    return check


def choice(*options: Any) -> Check:
    """One of the options."""

    def check(name: str, x: Any) -> Any:
        if x not in options:
            shown = ", ".join(map(str, options))
            raise ValueError(f"unknown {name} {x!r:.60}: choose from {shown}")
        return x

    return check


def check_all(settings: Mapping[str, Check], given: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is declared, checked; what is not declared is left out."""
    return {name: check(name, given[name]) for name, check in settings.items() if name in given}
