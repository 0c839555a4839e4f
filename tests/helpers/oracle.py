"""The first judge: every op and every loss against the frozen table of torch's numbers.

The table is made by make_oracle.py. What it lets pass, ALLOWED says, and why.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from micrograd_like import losses
from micrograd_like.engine import Value, apply, grad
from micrograd_like.nesting import flat, map_nested
from micrograd_like.ops import Op

from .compare import agrees
from .known_ops import OP_DEVIATIONS, Allowed, Pair, is_masked
from .make_oracle import read
from .points import UPSTREAM

inf = math.inf
HEADER, TABLE = read()
LOSSES = {
    name: f
    for name, f in inspect.getmembers(losses, inspect.isfunction)
    if f.__module__ == losses.__name__ and name[0] != "_"
}


def _between_samples(d: Pair) -> bool:
    half = len(flat(d.args[0])) // 2  # every batch of the table has two samples
    return isinstance(d.args[1], list) and len({i < half for i in d.index}) == 2


# Where we mean to differ: of ops, as known_ops.py says, and of losses. torch has one op for each of
# these, ours are written in ops that can be read.
ALLOWED = [
    *OP_DEVIATIONS,
    Allowed(
        "binary_cross_entropy_with_logits",
        "first",
        "an infinite g reaches the score on two paths of opposite sign (inf - inf)",
        lambda d: d.g == inf and math.isnan(d.ours),
    ),
    Allowed(
        "binary_cross_entropy_with_logits",
        "first second",
        "of sigmoid(x) - y (torch) and 1 - y - sigmoid(-x) (ours) each cancels at one end",
        lambda d: math.isfinite(d.g) and abs(d.ours - d.torch) < 5e-16,
    ),
    Allowed(
        "binary_cross_entropy_with_logits cross_entropy",
        "second",
        "0 between two samples; torch adds the nan of one sample's slope times 0",
        lambda d: _between_samples(d) and is_masked(d),
    ),
    Allowed(
        "huber_loss",
        "second",
        "an error of nan counts as small in both derivatives; torch's second one says 0",
        lambda d: not math.isfinite(flat(d.args[0])[d.index[0]]) and d.torch == 0.0,
    ),
    Allowed(
        "huber_loss",
        "first",
        "the mean of two halves 5e-324 to 0, which torch then multiplies by g, ours the score",
        lambda d: abs(d.args[0][0]) == 5e-324 and d.g == inf == abs(d.ours),
    ),
    Allowed(
        "mse_loss",
        "first",
        "torch multiplies g = 0 by 2 * 1e308 = inf; we multiply it by 1e308 twice",
        lambda d: 1e308 in map(abs, flat(d.args[0])) and d.g == 0.0 and is_masked(d),
    ),
]


# --- the judge ---


def is_ordinary(xs: list[float]) -> bool:
    return all(0.01 < abs(x) < 4.0 for x in xs)


def op_pairs(op: Op) -> Iterator[Pair]:
    """Every frozen number of an op beside ours."""
    for args, value, first, second in TABLE[op.name]:
        n = len(args) - op.constants
        row, ordinary, out = tuple(args), is_ordinary(args[:n]), op.forward(*args)
        yield Pair(op.name, "value", row, 1.0, (), ordinary, out, value)
        for g, theirs in zip(UPSTREAM, first):
            for i, (gx, t) in enumerate(zip(op.backward(g, out, *args), theirs)):
                yield Pair(op.name, "first", row, g, (i,), ordinary, gx or 0.0, t)  # None is 0
        xs = [Value(x) for x in args[:n]]
        slopes = grad(apply(op, *xs, *args[n:]), xs, create_graph=True)
        for i, (slope, theirs) in enumerate(zip(slopes, second)):
            for j, (h, t) in enumerate(zip(grad(slope, xs), theirs)):
                yield Pair(op.name, "second", row, 1.0, (i, j), ordinary, h, t)


def loss_pairs(name: str, loss: Callable[..., Any]) -> Iterator[Pair]:
    """Every frozen number of a loss beside that of a function that claims to be it."""
    for scores, target, options, values, first, second in TABLE[name]:
        args, ordinary = (scores, target, options), is_ordinary(flat(scores))
        xs = map_nested(Value, scores)
        outs = flat(loss(xs, target, **options))
        for i, (v, t) in enumerate(zip(outs, values)):
            yield Pair(name, "value", args, 1.0, (i,), ordinary, v.data, t)
        for g, theirs in zip(UPSTREAM, first):
            for x in flat(xs):
                x.grad = 0.0
            for i, v in enumerate(outs):
                v.backward(g * (1.0 + i))
            for i, (x, t) in enumerate(zip(flat(xs), theirs)):
                yield Pair(name, "first", args, g, (i,), ordinary, x.grad, t)
        total = sum((1.0 + i) * v for i, v in enumerate(outs))
        for i, (slope, theirs) in enumerate(zip(grad(total, flat(xs), create_graph=True), second)):
            for j, (h, t) in enumerate(zip(grad(slope, flat(xs)), theirs)):
                yield Pair(name, "second", args, 1.0, (i, j), ordinary, h, t)


# At ordinary points 4 units in the last place for a value and 1e-14 for a slope. A second
# derivative is a few roundings more, and at an edge a rounding of an argument may count a
# thousandfold (tan, a power of 1e5).
TOLERATED = {"value": 2.0**-51, "first": 1e-14, "second": 1e-12}


def deviates(d: Pair) -> bool:
    return not agrees(d.ours, d.torch, TOLERATED[d.kind] if d.ordinary else 1e-12)


def allowances(d: Pair) -> list[Allowed]:
    lines = [a for a in ALLOWED if d.name in a.names.split() and d.kind in a.kinds.split()]
    return [a for a in lines if a.where(d)]


def judge(name: str, found: Iterable[Pair]) -> Iterator[Any]:
    """Deviations that no line allows, then lines that nobody needs: we promise to differ there."""
    used = set()
    for d in filter(deviates, found):
        fitting = allowances(d)
        used.update((a, d.kind) for a in fitting)
        if not fitting:
            yield d
    listed = {(a, kind) for a in ALLOWED if name in a.names.split() for kind in a.kinds.split()}
    yield from [(name, kind, "an allowance nobody needs", a.reason) for a, kind in listed - used]


def frozen(op: Op) -> Iterator[Any]:
    """The judge: what it yields is wrong. It is lazy, so that a bad op is soon found out."""
    return judge(op.name, op_pairs(op))


def frozen_loss(name: str, loss: Callable[..., Any]) -> Iterator[Any]:
    return judge(name, loss_pairs(name, loss))
