"""Judges of our own, which need no table and no other library."""

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from micrograd_like.engine import Value, apply
from micrograd_like.ops import Op
from micrograd_like.transforms import directional_derivative

from .compare import same
from .points import UPSTREAM, points, smooth

inf, nan = math.inf, math.nan


def richardson(f: Callable[..., float], args: tuple[float, ...], i: int) -> float:
    """df / d args[i] from central differences, extrapolated to the step 0 (Ridders 1982).

    Each further column of the table removes the next power of step**2 from the error; the entry
    that differs least from its neighbours is the answer.
    """
    x, left, right = args[i], args[:i], args[i + 1 :]
    best, error, row, step = nan, inf, [], abs(x) / 8.0 or 0.125
    for _ in range(12):
        above, below = x + step, x - step
        new = [(f(*left, above, *right) - f(*left, below, *right)) / (above - below)]
        for k, old in enumerate(row):
            new.append(new[k] + (new[k] - old) / (4.0 ** (k + 1) - 1.0))
            change = max(abs(new[-1] - new[-2]), abs(new[-1] - old))
            if change <= error:
                best, error = new[-1], change
        row, step = new, step / 2.0
    return best


def differences(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: where a rule is not what differences of forward say; 1e-11 is what they can."""
    for args in smooth(op):
        out = op.forward(*args)
        if math.isfinite(out):
            received = op.backward(1.0, out, *args)
            for i, gx in enumerate(received[: len(args) - op.constants]):
                if gx is not None:
                    slope = richardson(op.forward, args, i)
                    if not abs(gx - slope) <= 1e-11 * max(abs(slope), abs(out / (args[i] or 1.0))):
                        yield args, i, gx, slope


def modes(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: where forward mode and g times the rule (reverse mode) differ."""
    rng = random.Random(op.name)
    for args in smooth(op):
        n, out = len(args) - op.constants, op.forward(*args)
        direction = [rng.uniform(-1.0, 1.0) for _ in range(n)]
        function = partial(_apply_to_list, op, args[n:])
        forward = directional_derivative(function, list(args[:n]), direction)
        for g in (1.0, -2.5):
            parts = [(gx or 0.0) * d for gx, d in zip(op.backward(g, out, *args), direction)]
            both = g * forward, sum(parts)
            if not same(*both) and not abs(both[0] - both[1]) <= 1e-14 * sum(map(abs, parts)):
                yield args, g, both


def _apply_to_list(op: Op, constants: tuple[float, ...], xs: list[Any]) -> Value:
    return apply(op, *xs, *constants)


def walks(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: where backward, unrolled for speed, is not the plain sum of contributions.

    Once with an own leaf for each input, once with a single leaf for all of them.
    """
    for args in points(op)[::3]:
        n = len(args) - op.constants
        for leaves in ([Value(x) for x in args[:n]], [Value(args[0])] * n):
            for g in UPSTREAM:
                node = apply(op, *leaves, *args[n:])
                plain = dict.fromkeys(leaves, 0.0)
                for x, gx in zip(leaves, op.backward(g, node.data, *node.arguments)):
                    plain[x] += gx or 0.0
                for x in leaves:
                    x.grad = 0.0
                node.backward(g)
                walked = [x.grad for x in plain]
                if not all(map(same, walked, plain.values())):
                    yield args, g, walked, plain
