"""What the judges know of each op: one row says it all, and a new op needs one.

An op's arguments arrive in the table's order, a constant argument last. ``mistakes`` are the rules
and values that people write instead; test_mutants.py shows that each is noticed. Where we mean to
differ from torch, OP_DEVIATIONS says why.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple

import mpmath
import torch
from torch.nn import functional as F

from micrograd_like.ops import COS, COSH, DIV, EQ, EXP, GT, LOG, OPS, SQRT, WHERE, Op

from .compare import same

Rule = Callable[..., Any]
inf = math.inf
mp = mpmath.mp.clone()
mp.dps = 50


@dataclass(frozen=True)
class Known:
    """An op as others see it."""

    torch: Rule  # the same on float64 tensors without dimensions, a constant as a float
    exact: Rule | None  # and on mpmath's numbers; None for a comparison, which has no derivative
    mistakes: dict[str, Rule] = field(default_factory=dict)  # rules (g, out, *args) that are wrong
    wrong_values: dict[str, Rule] = field(default_factory=dict)  # and wrong forwards
    masked: bool = False  # does a path receive exactly 0, also of an infinite g?
    special: list[float] = field(
        default_factory=list
    )  # where the formula changes or a naive one breaks
    constants: list[float] = field(default_factory=list)
    smooth: Rule = lambda *args: True  # is there one slope at these ordinary arguments?


def with_rule(op: Op, backward: Rule) -> Op:
    """The op with another rule: a mutant."""
    return Op(op.name, op.symbol, op.arity, op.forward, backward, op.constants)


def _compare(relation: Rule) -> Rule:
    return lambda x, y: relation(x.detach(), y.detach()).to(torch.float64)


def _torch_dot(*wx: Any) -> Any:
    n = len(wx) // 2
    return torch.stack([w * x for w, x in zip(wx[:n], wx[n:])]).sum(0) if n else torch.zeros(())


def _torch_take(i: Any, *xs: Any) -> Any:
    none = torch.tensor(math.nan)
    return reduce(
        lambda taken, kx: torch.where(i.detach() == kx[0], kx[1], taken), enumerate(xs), none
    )


def _python_power(x: float, y: float) -> float:
    try:
        return complex(x**y).real
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _tanh_gelu(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def _no_ties(*xs: float) -> bool:
    return len(set(xs)) == len(xs)


KNOWN: dict[str, Known] = {
    "add": Known(torch.add, lambda x, y: x + y),
    "sub": Known(torch.sub, lambda x, y: x - y),
    "mul": Known(
        torch.mul,
        lambda x, y: x * y,
        mistakes={"own operand": lambda g, out, x, y: (g * x, g * y)},
    ),
    "div": Known(
        torch.div,
        lambda x, y: x / y,
        mistakes={
            "sign of the divisor's": lambda g, out, x, y: (DIV(g, y), g * DIV(out, y)),
            "g * (1 / y) overflows": lambda g, out, x, y: (g * DIV(1.0, y), -g * DIV(out, y)),
            "divisor not squared": lambda g, out, x, y: (DIV(g, y), -g * out),
        },
        wrong_values={"0 for x / 0": lambda x, y: x / y if y else 0.0},
    ),
    "neg": Known(torch.neg, lambda x: -x),
    "abs": Known(
        torch.abs,
        abs,
        mistakes={
            "slope 1 at 0": lambda g, out, x: (g if x >= 0.0 else -g,),
            "slope -1 at 0": lambda g, out, x: (g if x > 0.0 else -g,),
        },
        special=[-1.0],
    ),
    "pow": Known(
        torch.pow,
        mp.power,
        mistakes={
            "exponent not lowered": lambda g, out, x, y: (g * y * out, g * (out * LOG(x))),
            "no masks": lambda g, out, x, y: (
                g * (y * OPS["pow"](x, y - 1.0)),
                g * (out * LOG(x)),
            ),
        },
        wrong_values={"Python's, real part": _python_power},
        masked=True,
        smooth=lambda x, y: x >= 0.0,
    ),
    "powc": Known(
        torch.pow,
        mp.power,
        mistakes={
            "exponent not lowered": lambda g, out, x, k: (g * (k * out) if k else 0.0, None),
            "factor forgotten": lambda g, out, x, k: (
                g * OPS["powc"](x, k - 1.0) if k else 0.0,
                None,
            ),
            "x**0 not masked": lambda g, out, x, k: (g * (k * OPS["powc"](x, k - 1.0)), None),
            "k / x times out": lambda g, out, x, k: (g * (k * DIV(out, x)) if k else 0.0, None),
        },
        masked=True,
        constants=[-2.0, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0],
        smooth=lambda x, k: x >= 0.0 or k in (1.0, 2.0, 3.0),
    ),
    "sqrt": Known(
        torch.sqrt,
        mp.sqrt,
        mistakes={
            "slope 0 at 0": lambda g, out, x: (DIV(g, 2.0 * out) if x else 0.0,),
            "half forgotten": lambda g, out, x: (DIV(g, out),),
        },
        special=[4.0, -1.0],
        smooth=lambda x: x >= 0.0,
    ),
    "exp": Known(
        torch.exp,
        mp.exp,
        mistakes={"gradient times 1.0005": lambda g, out, x: (g * out * 1.0005,)},
        special=[709.0, 709.782712893384, -708.4, -745.2],
    ),
    "expm1": Known(
        torch.expm1,
        lambda x: mp.exp(x) - 1,
        mistakes={"out, as for exp": lambda g, out, x: (g * out,)},
        special=[-37.0, -40.0, 1e-8, 709.782712893384],
    ),
    "log": Known(
        torch.log,
        mp.log,
        mistakes={
            "times x": lambda g, out, x: (g * x,),
            "nan below 0": lambda g, out, x: (g * DIV(1.0, x) * (out - out + 1.0),),
        },
        special=[0.999, 1.001],
        smooth=lambda x: x >= 0.0,
    ),
    "log1p": Known(
        torch.log1p,
        lambda x: mp.log(1 + x),
        mistakes={"as for log": lambda g, out, x: (DIV(g, x),)},
        wrong_values={"log(1 + x)": lambda x: OPS["log"].forward(1.0 + x)},
        special=[-1.0, -1.5, -0.999, 1e-8],
        smooth=lambda x: x >= 0.0,
    ),
    "sin": Known(
        torch.sin,
        mp.sin,
        mistakes={"sine": lambda g, out, x: (g * out,)},
        special=[1.5707963267948966, 3.141592653589793],
    ),
    "cos": Known(
        torch.cos,
        mp.cos,
        mistakes={"sign": lambda g, out, x: (g * OPS["sin"](x),)},
        special=[1.5707963267948966, 3.141592653589793],
    ),
    "tan": Known(
        torch.tan,
        mp.tan,
        mistakes={"1 - out**2": lambda g, out, x: (g * (1.0 - out * out),)},
        special=[1.5707963267948966, -1.5707963267948966],
    ),
    "sinh": Known(
        torch.sinh,
        mp.sinh,
        mistakes={"cosine": lambda g, out, x: (g * COS(x),)},
        special=[-711.0, 711.0, 710.4758600739439],
    ),
    "cosh": Known(
        torch.cosh,
        mp.cosh,
        mistakes={"cosh": lambda g, out, x: (g * COSH(x),)},
        special=[-711.0, 711.0, 710.4758600739439],
    ),
    "tanh": Known(
        torch.tanh,
        mp.tanh,
        mistakes={
            "1 + out**2": lambda g, out, x: (g * (1.0 + out * out),),
            "1 - x**2": lambda g, out, x: (g * (1.0 - x * x),),
        },
        special=[355.0, -356.0, 20.0],
    ),
    "atan": Known(
        torch.atan,
        mp.atan,
        mistakes={"asin's": lambda g, out, x: (DIV(g, SQRT(1.0 - x * x)),)},
    ),
    "erfc": Known(
        torch.erfc,
        mp.erfc,
        mistakes={"constant forgotten": lambda g, out, x: (-g * EXP(-(x * x)),)},
        special=[-6.0, 5.0, 26.5, 27.3],
    ),
    "sigmoid": Known(
        torch.sigmoid,
        lambda x: 1 / (1 + mp.exp(-x)),
        mistakes={"of x": lambda g, out, x: (g * (x * (1.0 - x)),)},
        special=[-37.0, 37.0, -709.0],
    ),
    "softplus": Known(
        F.softplus,  # with its threshold of 20: a listed deviation
        lambda x: mp.log(1 + mp.exp(x)),
        mistakes={"sigmoid(-x)": lambda g, out, x: (g * OPS["sigmoid"](-x),)},
        wrong_values={"threshold of 20": lambda x: x if x > 20.0 else OPS["softplus"].forward(x)},
        special=[19.0, 20.0, 21.0, 30.0, -36.0],
    ),
    "silu": Known(
        F.silu,
        lambda x: x / (1 + mp.exp(-x)),
        mistakes={"product rule forgotten": lambda g, out, x: (g * OPS["sigmoid"](x),)},
        special=[-37.0, 37.0],
    ),
    "gelu": Known(
        F.gelu,  # the exact form, not tanh's
        lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        mistakes={
            "product rule forgotten": lambda g, out, x: (g * DIV(out, x),),
            "no limits, nor 0": lambda g, out, x: (
                g * (DIV(out, x) + 0.3989422804014327 * x * EXP(-0.5 * x * x)),
            ),
        },
        wrong_values={"tanh's formula": _tanh_gelu},
        special=[-8.0, 8.0, -40.0, 40.0, -41.0, 41.0],
    ),
    "relu": Known(
        torch.relu,
        lambda x: max(x, mp.mpf(0)),
        mistakes={
            "slope 1 at 0": lambda g, out, x: (g if x >= 0.0 else 0.0,),
            "slope 1/2 at 0": lambda g, out, x: (0.5 * g * ((x >= 0.0) + (x > 0.0)),),
            "no mask": lambda g, out, x: (g * (x > 0.0),),
            "0 at nan": lambda g, out, x: (WHERE(GT(x, 0.0), g, 0.0),),
        },
        wrong_values={"Python's max": lambda x: max(0.0, x)},
        masked=True,
    ),
    "elu": Known(
        F.elu,
        lambda x, k: x if x > 0 else k * (mp.exp(x) - 1),
        mistakes={
            "slope 1 at 0": lambda g, out, x, k: (g if x >= 0.0 else g * (out + k), None),
            "alpha forgotten": lambda g, out, x, k: (g if x > 0.0 else g * EXP(x), None),
        },
        special=[-40.0, -37.0],
        constants=[1.0, 0.3],
    ),
    "leaky_relu": Known(
        F.leaky_relu,
        lambda x, k: x if x > 0 else k * x,
        mistakes={
            "slope 1 at 0": lambda g, out, x, k: (g if x >= 0.0 else g * k, None),
            "slope 0 below": lambda g, out, x, k: (g if x > 0.0 else 0.0, None),
        },
        constants=[0.01, 0.0],
    ),
    "gt": Known(_compare(torch.gt), None, wrong_values={">=": lambda x, y: float(x >= y)}),
    "ge": Known(_compare(torch.ge), None, wrong_values={">": lambda x, y: float(x > y)}),
    "eq": Known(_compare(torch.eq), None, wrong_values={">=": lambda x, y: float(x >= y)}),
    "detach": Known(
        lambda x: x.detach(),
        None,
        mistakes={"not detached": lambda g, out, x: (g,)},
        wrong_values={"0": lambda x: 0.0},
    ),
    "where": Known(
        lambda cond, x, y: torch.where(cond.detach() != 0, x, y),
        lambda cond, x, y: x if cond > 0.5 else y,  # smooth at 0 and 1
        mistakes={
            "inverted": lambda g, out, c, x, y: (None, WHERE(c, 0.0, g), WHERE(c, g, 0.0)),
            "gradient for the condition": lambda g, out, c, x, y: (
                g,
                WHERE(c, g, 0.0),
                WHERE(c, 0.0, g),
            ),
            "both branches": lambda g, out, c, x, y: (None, g, g),
        },
        wrong_values={"> 0": lambda c, x, y: x if c > 0.0 else y},
        masked=True,
    ),
    "maximum": Known(
        torch.maximum,
        max,
        mistakes={
            "ties to the first": lambda g, out, x, y: (g, 0.0) if x >= y else (0.0, g),
            "ties to both": lambda g, out, x, y: (g if x >= y else 0.0, g if y >= x else 0.0),
        },
        wrong_values={"Python's max": max},
        masked=True,
        smooth=_no_ties,
    ),
    "minimum": Known(
        torch.minimum,
        min,
        mistakes={
            "ties to the first": lambda g, out, x, y: (g, 0.0) if x <= y else (0.0, g),
            "as maximum": lambda g, out, x, y: OPS["maximum"].backward(g, out, x, y),
        },
        wrong_values={"Python's min": min},
        masked=True,
        smooth=_no_ties,
    ),
    "sum": Known(
        lambda *xs: torch.stack(xs).sum(0),
        lambda *xs: mp.fsum(xs),
        mistakes={"mean's": lambda g, out, *xs: [g * DIV(1.0, float(len(xs)))] * len(xs)},
    ),
    "max": Known(
        lambda *xs: torch.stack(xs).amax(0),  # not max: it gives all to one of the tied
        lambda *xs: max(xs),
        mistakes={
            "ties to all": lambda g, out, *xs: [g if x >= out else 0.0 for x in xs],
            "ties to the first": lambda g, out, *xs: [
                g if x >= out and not any(z >= out for z in xs[:i]) else 0.0
                for i, x in enumerate(xs)
            ],
        },
        masked=True,
        smooth=_no_ties,
    ),
    "logsumexp": Known(
        lambda *xs: torch.stack(xs).logsumexp(0),
        lambda *xs: mp.log(mp.fsum(map(mp.exp, xs))),
        mistakes={"not divided": lambda g, out, *xs: [g * EXP(x) for x in xs]},
    ),
    "take": Known(
        _torch_take,
        lambda i, *xs: xs[round(i)],
        mistakes={
            "all of them": lambda g, out, i, *xs: (None, *[g for _ in xs]),
            "the equal ones": lambda g, out, i, *xs: (
                None,
                *[WHERE(EQ(x, out), g, 0.0) for x in xs],
            ),
            "one too far": lambda g, out, i, *xs: OPS["take"].backward(g, out, i - 1.0, *xs),
        },
        wrong_values={"from 1": lambda i, *xs: OPS["take"].forward(i - 1.0, *xs)},
        masked=True,
    ),
    "dot": Known(
        _torch_dot,
        lambda *wx: mp.fdot(wx[: len(wx) // 2], wx[len(wx) // 2 :]),
        mistakes={"own operand": lambda g, out, *wx: [g * x for x in wx]},
    ),
}
COMPARISONS = [name for name, known in KNOWN.items() if known.exact is None]


# --- where we mean to differ from torch ---


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


def is_masked(d: Pair) -> bool:
    return d.ours == 0.0 and math.isnan(d.torch)


OP_DEVIATIONS = [
    Allowed(
        "pow",
        "first",
        "0**y does not change with y: masked, where torch multiplies g by a zero (inf * 0 = nan)",
        lambda d: d.index == (1,) and d.args[0] == 0.0 <= d.args[1] and is_masked(d),
    ),
    Allowed(
        "pow",
        "second",
        "the same mask again; torch computes log(0) * 0 = nan beneath it",
        lambda d: 1 in d.index and d.args[0] == 0.0 <= d.args[1] and is_masked(d),
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
        lambda d: abs(d.args[0]) >= 1e308 and is_masked(d),
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
        lambda d: d.args[0] == -inf and is_masked(d),
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
        lambda d: not math.isfinite(d.g) and d.args[d.index[0]] < max(d.args) and is_masked(d),
    ),
    Allowed(
        "logsumexp",
        "second",
        "0 beside an infinite input; torch adds the nan of that input's slope times 0",
        lambda d: inf in d.args and is_masked(d),
    ),
    Allowed(
        "expm1",
        "first second",
        "the slope is out + 1 for both, and at -37 torch's out is -1, ours the next float",
        lambda d: d.args == (-37.0,) and (abs(d.ours) < 3e-16 or d.g == inf),
    ),
]
