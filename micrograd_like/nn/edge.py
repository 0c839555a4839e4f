"""What a layer is given, checked at the edge: settings when it is made, inputs when it is called.

>>> width("inputs")("nin", 2.5)
Traceback (most recent call last):
TypeError: the number of inputs must be an int, got float 2.5
"""

from collections.abc import Iterable
from typing import Any

from ..checks import Check, is_int
from ..engine import Value, as_value
from ..nesting import is_list


def width(what: str) -> Check:
    """A number of something, of at least 1."""

    def check(name: str, n: Any) -> int:
        if not is_int(n):
            raise TypeError(f"the number of {what} must be an int, got {type(n).__name__} {n!r}")
        if n < 1:
            raise ValueError(f"the number of {what} must be at least 1, got {n}")
        return int(n)

    return check


def widths(what: str) -> Check:
    """A list of such numbers."""
    one = width(what)
    return lambda name, ns: [one(name, n) for n in many(name, ns)]


def many(name: str, x: Any) -> list[Any]:
    """A list, of modules or in a file of what describes them."""
    if not isinstance(x, list):
        raise TypeError(f"{name} must be a list, got {type(x).__name__} {x!r:.60}")
    return x


def text(name: str, x: Any) -> str:
    """One text."""
    if not isinstance(x, str):
        raise TypeError(f"{name} must be a text, got {type(x).__name__} {x!r:.60}")
    return x


def texts(name: str, x: Any) -> Any:
    """One text, or a list of them."""
    for part in x if is_list(x) else [x]:
        text(name, part)
    return x


def as_inputs(layer: Any, x: Iterable[Any]) -> list[Value]:
    """The layer's nin inputs as Values, from any iterable of numbers or Values."""
    name, nin = type(layer).__name__, layer.nin
    if isinstance(x, str) or not isinstance(x, Iterable):
        raise TypeError(f"{name} expects a list of {nin} numbers, got {type(x).__name__} {x!r:.60}")
    values = [as_value(v) for v in x]
    if len(values) != nin:
        raise ValueError(f"{name} expects {nin} inputs, got {len(values)}")
    return values
