"""The second judge: mpmath, where torch cancels or has thresholds, and everywhere else."""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

from micrograd_like.engine import Value, apply, grad
from micrograd_like.ops import OPS, Op

from .known_ops import KNOWN, mp
from .points import smooth

# Where an op may be more than 4 units in the last place off; a line nobody needs fails the test.
MORE_ULPS = {
    "gelu": (8.0, "a rounding of x / sqrt(2) counts x * x times in the tail of erfc"),
    "sum": (16.0, "the terms cancel: the partial sums were larger than the sum"),
}


@cache
def exact_numbers(name: str) -> list[tuple[Any, ...]]:
    """Arguments, value, gradient and second derivatives, the latter three to fifty digits."""
    op, f = OPS[name], KNOWN[name].exact
    rows = []
    for args in smooth(op):
        if math.isfinite(op.forward(*args)):
            xs, n = tuple(map(mp.mpf, args)), len(args)
            unit = [tuple([int(i == j) for j in range(n)]) for i in range(n - op.constants)]
            first = [mp.diff(f, xs, n) for n in unit]
            both = [[tuple(map(sum, zip(n, m))) for m in unit] for n in unit]
            second = [[mp.diff(f, xs, n) for n in row] for row in both]
            rows.append((args, f(*xs), first, second))
    return rows


def exact_pairs(op: Op) -> Iterator[tuple[Any, ...]]:
    """Every number of ours beside mpmath's, with the error that is tolerated."""
    for args, value, first, second in exact_numbers(op.name):
        out, n = op.forward(*args), len(args) - op.constants
        xs = [Value(x) for x in args[:n]]
        ulps = MORE_ULPS.get(op.name, (4.0, ""))[0]
        yield "value", args, (), out, value, ulps * math.ulp(float(value))
        slopes = grad(apply(op, *xs, *args[n:]), xs, create_graph=True)
        for i, (gx, t) in enumerate(zip(op.backward(1.0, out, *args), first)):
            yield "first", args, (i,), gx or 0.0, t, 1e-14 * abs(t) + 1e-30
        for i, (slope, row) in enumerate(zip(slopes, second)):
            for j, (h, t) in enumerate(zip(grad(slope, xs), row)):
                yield "second", args, (i, j), h, t, 1e-13 * abs(t) + 1e-30


def exact(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: what it yields is wrong."""
    return (pair for pair in exact_pairs(op) if not abs(mp.mpf(pair[3]) - pair[4]) <= pair[5])
