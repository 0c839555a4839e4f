"""The first judge: every op and every loss against the frozen table of torch's numbers.

The table is made by make_oracle.py. Where we mean to differ, ALLOWED says where and why.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from micrograd_like import losses
from micrograd_like.engine import Value, apply, grad
from micrograd_like.nesting import flat, map_nested
from micrograd_like.ops import Op

from .compare import agrees, same
from .make_oracle import read
from .points import UPSTREAM

inf = math.inf
HEADER, TABLE = read()
LOSSES = {
    name: f
    for name, f in inspect.getmembers(losses, inspect.isfunction)
    if f.__module__ == losses.__name__ and name[0] != "_"
}


class Pair(NamedTuple):
    """One number of torch's beside ours; where they differ, a deviation, d for short."""

    name: str
    kind: str  # value, first or second derivative
    args: tuple[Any, ...]  # of a loss: scores, target, options
    g: float
    index: tuple[int, ...]  # with respect to which inputs
    ordinary: bool  # is every input?
    ours: float
    torch: float


class Allowed(NamedTuple):
    """A disagreement that we keep; one that no longer occurs fails the test."""

    names: str
    kinds: str
    reason: str
    where: Callable[[Pair], bool]


def _is_root(k: float) -> Callable[[Pair], bool]:
    def where(d: Pair) -> bool:
        return d.args in [(-0.0, k), (-inf, k)] and math.copysign(1.0, d.args[0]) < 0

    return where


def _masked(d: Pair) -> bool:
    return d.ours == 0.0 and math.isnan(d.torch)


def _between_samples(d: Pair) -> bool:
    half = len(flat(d.args[0])) // 2  # every batch of the table has two samples
    return isinstance(d.args[1], list) and len({i < half for i in d.index}) == 2


ALLOWED = [
    Allowed(
        "pow",
        "first",
        "0**y does not change with y: masked, where torch multiplies g by a zero (inf * 0 = nan)",
        lambda d: d.index == (1,) and d.args[0] == 0.0 <= d.args[1] and _masked(d),
    ),
    Allowed(
        "pow",
        "second",
        "the same mask again; torch computes log(0) * 0 = nan beneath it",
        lambda d: 1 in d.index and d.args[0] == 0.0 <= d.args[1] and _masked(d),
    ),
    *[
        Allowed("powc", kinds, f"torch takes the constant exponent {k} for a root; we do as C99", w)
        for k, kinds, w in [
            (-0.5, "value", _is_root(-0.5)),
            (0.5, "value first", _is_root(0.5)),
            (1.5, "first second", _is_root(1.5)),
        ]
    ],
    Allowed(
        "erfc gelu",
        "second",
        "the density is 0 out there; torch multiplies it by x*x = inf",
        lambda d: abs(d.args[0]) >= 1e308 and _masked(d),
    ),
    Allowed(
        "sigmoid silu",
        "value first second",
        "torch's 1/(1+exp(-x)) underflows where exp(-x) overflows; the true number is subnormal",
        lambda d: d.args[0] in (-710.0, -745.0) and 0.0 < abs(d.ours) < 1e-305,
    ),
    Allowed(
        "sigmoid silu",
        "first",
        "the slope that torch takes for 0 there, times an infinite g",
        lambda d: d.args[0] in (-710.0, -745.0) and d.g == inf == abs(d.ours),
    ),
    Allowed(
        "softplus",
        "value first",
        "torch: exactly x above its threshold of 20",
        lambda d: d.args[0] == 21.0 and abs(d.ours - d.torch) < 2e-9,
    ),
    Allowed(
        "softplus",
        "second",
        "torch: exactly x from its threshold of 20 on, and an underflow at -710",
        lambda d: d.args[0] in (-710.0, 20.0, 21.0, 30.0) and d.torch == 0.0 < d.ours < 3e-9,
    ),
    Allowed(
        "gelu",
        "value",
        "torch's 1 + erf cancels for negative x; mpmath confirms ours",
        lambda d: d.args[0] in (-2.7, -8.0) and abs(d.ours - d.torch) < 1e-16,
    ),
    Allowed(
        "gelu",
        "first",
        "torch's 1 + erf cancels for negative x; mpmath confirms ours",
        lambda d: d.args[0] == -8.0 and abs(d.ours - d.torch) < 1e-16,
    ),
    Allowed(
        "gelu",
        "value",
        "the limit at -inf is 0; torch computes -inf * 0",
        lambda d: d.args[0] == -inf and _masked(d),
    ),
    Allowed(
        "gelu",
        "first",
        "the limits at -inf and inf are 0 and 1; torch computes inf * 0",
        lambda d: abs(d.args[0]) == inf and same(d.ours, d.g * (d.args[0] > 0.0)),
    ),
    Allowed(
        "max",
        "first",
        "the losers are masked; torch multiplies g by a zero (inf * 0 = nan)",
        lambda d: not math.isfinite(d.g) and d.args[d.index[0]] < max(d.args) and _masked(d),
    ),
    Allowed(
        "logsumexp",
        "second",
        "0 beside an infinite input; torch adds the nan of that input's slope times 0",
        lambda d: inf in d.args and _masked(d),
    ),
    Allowed(
        "expm1",
        "first second",
        "the slope is out + 1 for both, and at -37 torch's out is -1, ours the next float",
        lambda d: d.args == (-37.0,) and (abs(d.ours) < 3e-16 or d.g == inf),
    ),
    # The losses: torch has one op for each, ours are written in ops that can be read.
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
        "cross_entropy",
        "value",
        "log(sum of exp) minus the score cancels when the loss is small: a rounding of the score",
        lambda d: abs(d.ours - d.torch) <= math.ulp(max(flat(d.args[0]))),
    ),
    Allowed(
        "cross_entropy",
        "value first second",
        "log(2) is lost beside two scores of 1e308; torch subtracts the largest first",
        lambda d: flat(d.args[0]).count(1e308) > 1,
    ),
    Allowed(
        "cross_entropy",
        "value first second",
        "a score of inf: torch computes inf - inf for every class, we only for the largest",
        lambda d: inf in flat(d.args[0]) and math.isnan(d.torch),
    ),
    Allowed(
        "binary_cross_entropy_with_logits cross_entropy",
        "second",
        "0 between two samples; torch adds the nan of one sample's slope times 0",
        lambda d: _between_samples(d) and _masked(d),
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
        lambda d: 1e308 in map(abs, flat(d.args[0])) and d.g == 0.0 and _masked(d),
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
