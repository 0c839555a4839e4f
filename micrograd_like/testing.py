"""Tools for your own tests: is this gradient right?

>>> assert_matches_torch(lambda x, y: (x * y).tanh() + y**2, 0.5, -1.5)

torch is imported when it is needed.
"""

import math
from collections.abc import Callable
from typing import Any

from .engine import Value, as_value, grad
from .transforms import flatten


def assert_matches_torch(
    f: Callable[..., Any], *inputs: Any, rtol: float = 1e-12, atol: float = 1e-12
) -> None:
    """Runs f on Values and on torch float64 tensors; compares the value and every gradient.

    Args:
        f: a function of scalars that uses operators and methods both sides have, such as
            ``lambda x, w: (w[0] * x).tanh() + w[1] ** 2``; it returns one number.
        inputs: f's arguments, numbers or nested lists of numbers.
        rtol: the allowed difference relative to torch's number.
        atol: the allowed difference besides.

    Raises:
        AssertionError: with a table of all that differ. nan equals nan, inf equals inf.
        ImportError: torch is not installed.

    Example:
        >>> assert_matches_torch(lambda w, x: w[0] * x + w[1], [0.5, 2.0], 3.0)
    """
    try:
        import torch
    except ImportError:
        raise ImportError("assert_matches_torch needs torch: pip install torch") from None

    leaves, rebuild = flatten(list(inputs))
    values = [Value(x) for x in leaves]
    ours = as_value(f(*rebuild(values)))
    tensors = [torch.tensor(float(x), dtype=torch.float64, requires_grad=True) for x in leaves]
    theirs = torch.as_tensor(f(*rebuild(tensors)), dtype=torch.float64)
    if theirs.requires_grad:
        theirs.backward()  # type: ignore[no-untyped-call]
    slopes = [0.0 if t.grad is None else t.grad.item() for t in tensors]

    rows = [("value", ours.data, theirs.item())]
    rows += [
        (f"d/d input {i} at {x!r}", g, slope)
        for i, (x, g, slope) in enumerate(zip(leaves, grad(ours, values), slopes))
    ]
    wrong = [row for row in rows if not _close(row[1], row[2], rtol, atol)]
    if wrong:
        lines = [f"  {name}: {a!r}, torch {b!r}, off by {a - b:.2g}" for name, a, b in wrong]
        table = "\n".join(lines)
        raise AssertionError(f"{len(wrong)} of {len(rows)} numbers differ from torch:\n{table}")


def _close(a: float, b: float, rtol: float, atol: float) -> bool:
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= atol + rtol * abs(b)
