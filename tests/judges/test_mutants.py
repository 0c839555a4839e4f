"""The tester tested: rules that are wrong on purpose, and the judges that must notice.

Every op gets the generic mutants and some of its own. A mutant that no judge notices must be listed
in EQUIVALENT with the reason why it is not wrong; one that is listed there and noticed fails too.
"""

import inspect
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from helpers.known_losses import exact_loss
from helpers.make_oracle import COMPARISONS
from test_ops import DIFFERENTIABLE, differences, exact, modes
from test_oracle import LOSSES, allowances, deviates, flat, frozen, frozen_loss, loss_pairs
from test_programs import (
    NORMAL,
    differing,
    loss_on_programs,
    on_programs,
    run_ours,
    tame_run,
)

from micrograd_like import engine
from micrograd_like.engine import grad
from micrograd_like.ops import COS, COSH, DIV, EXP, GT, LOG, OPS, SQRT, WHERE, Op

inf, nan = math.inf, math.nan
Rule = Callable[..., Any]
JUDGES = [frozen, exact, differences, modes]  # and on_programs, which takes longer


class Mutant(NamedTuple):
    name: str
    what: str
    op: Op


def with_rule(op: Op, backward: Rule) -> Op:
    return Op(op.name, op.symbol, op.arity, op.forward, backward, op.constants)


def with_forward(op: Op, forward: Rule) -> Op:
    return Op(op.name, op.symbol, op.arity, forward, op.backward, op.constants)


# --- mutants of any op ---


def on_each(op: Op, change: Rule) -> Rule:
    """The rule with something done to every gradient that it returns."""

    def backward(g: Any, out: Any, *args: Any) -> Any:
        return [None if gx is None else change(gx) for gx in op.backward(g, out, *args)]

    return backward


def dropping(op: Op, index: int) -> Rule:
    """The rule with one contribution lost."""

    def backward(g: Any, out: Any, *args: Any) -> Any:
        received = list(op.backward(g, out, *args))
        received[index] = None if received[index] is None else 0.0
        return received

    return backward


def swapped(op: Op) -> Rule:
    """The rule with the gradients of its inputs in the opposite order."""

    def backward(g: Any, out: Any, *args: Any) -> Any:
        received = list(op.backward(g, out, *args))
        n = len(args) - op.constants
        first = 1 if op.name == "where" else 0  # its condition receives nothing
        return [*received[:first], *received[first:n][::-1], *received[n:]]

    return backward


def unmasked(op: Op) -> Rule:
    """The rule as local derivative times g, so that 0 * inf is nan on a masked path."""

    def backward(g: Any, out: Any, *args: Any) -> Any:
        return [None if gx is None else g * gx for gx in op.backward(1.0, out, *args)]

    return backward


def generic_mutants(op: Op) -> Iterator[tuple[str, Op]]:
    yield "value times 1 + 1e-12", with_forward(op, lambda *a: op.forward(*a) * (1.0 + 1e-12))
    yield "value plus 1e-9", with_forward(op, lambda *a: op.forward(*a) + 1e-9)
    if op.name in COMPARISONS:
        yield "arguments swapped", with_forward(op, lambda x, y: op.forward(y, x))
        yield "negated", with_forward(op, lambda x, y: 1.0 - op.forward(x, y))
        yield "lets the gradient pass", with_rule(op, lambda g, out, x, y: (g, g))
        return
    yield "value 0 for nan", with_forward(op, lambda *a: _or_zero(op.forward(*a)))
    yield "gradient times 1.001", with_rule(op, on_each(op, lambda gx: gx * 1.001))
    yield "gradient plus 1e-9", with_rule(op, on_each(op, lambda gx: gx + 1e-9))
    yield "gradient with the wrong sign", with_rule(op, on_each(op, lambda gx: -gx))
    yield "upstream gradient ignored", with_rule(op, lambda g, *args: op.backward(1.0, *args))
    yield "gradient 0", with_rule(op, on_each(op, lambda gx: 0.0 * gx))
    n = op.arity - op.constants if op.arity else 2
    if n > 1:
        yield "first contribution lost", with_rule(op, dropping(op, n - 2))
        yield "last contribution lost", with_rule(op, dropping(op, n - 1 if op.arity else -1))
        yield "gradients swapped", with_rule(op, swapped(op))


def _or_zero(x: float) -> float:
    return 0.0 if x != x else x


# --- mutants of one op: the mistakes that people make ---

RULES: dict[str, dict[str, Rule]] = {
    "mul": {"own operand": lambda g, out, x, y: (g * x, g * y)},
    "div": {
        "sign of the divisor's": lambda g, out, x, y: (DIV(g, y), g * DIV(out, y)),
        "g * (1 / y) overflows": lambda g, out, x, y: (g * DIV(1.0, y), -g * DIV(out, y)),
        "divisor not squared": lambda g, out, x, y: (DIV(g, y), -g * out),
    },
    "abs": {
        "slope 1 at 0": lambda g, out, x: (g if x >= 0.0 else -g,),
        "slope -1 at 0": lambda g, out, x: (g if x > 0.0 else -g,),
    },
    "pow": {
        "exponent not lowered": lambda g, out, x, y: (g * y * out, g * (out * LOG(x))),
        "no masks": lambda g, out, x, y: (g * (y * OPS["pow"](x, y - 1.0)), g * (out * LOG(x))),
    },
    "powc": {
        "exponent not lowered": lambda g, out, x, k: (g * (k * out) if k else 0.0, None),
        "factor forgotten": lambda g, out, x, k: (g * OPS["powc"](x, k - 1.0) if k else 0.0, None),
        "x**0 not masked": lambda g, out, x, k: (g * (k * OPS["powc"](x, k - 1.0)), None),
        "k / x times out": lambda g, out, x, k: (g * (k * DIV(out, x)) if k else 0.0, None),
    },
    "sqrt": {
        "slope 0 at 0": lambda g, out, x: (DIV(g, 2.0 * out) if x else 0.0,),
        "half forgotten": lambda g, out, x: (DIV(g, out),),
    },
    "exp": {"gradient times 1.0005": lambda g, out, x: (g * out * 1.0005,)},
    "expm1": {"out, as for exp": lambda g, out, x: (g * out,)},
    "log": {
        "times x": lambda g, out, x: (g * x,),
        "nan below 0": lambda g, out, x: (g * DIV(1.0, x) * (out - out + 1.0),),
    },
    "log1p": {"as for log": lambda g, out, x: (DIV(g, x),)},
    "sin": {"sine": lambda g, out, x: (g * out,)},
    "cos": {"sign": lambda g, out, x: (g * OPS["sin"](x),)},
    "tan": {"1 - out**2": lambda g, out, x: (g * (1.0 - out * out),)},
    "sinh": {"cosine": lambda g, out, x: (g * COS(x),)},
    "cosh": {"cosh": lambda g, out, x: (g * COSH(x),)},
    "tanh": {
        "1 + out**2": lambda g, out, x: (g * (1.0 + out * out),),
        "1 - x**2": lambda g, out, x: (g * (1.0 - x * x),),
    },
    "atan": {"asin's": lambda g, out, x: (DIV(g, SQRT(1.0 - x * x)),)},
    "erfc": {"constant forgotten": lambda g, out, x: (-g * EXP(-(x * x)),)},
    "sigmoid": {"of x": lambda g, out, x: (g * (x * (1.0 - x)),)},
    "softplus": {"sigmoid(-x)": lambda g, out, x: (g * OPS["sigmoid"](-x),)},
    "silu": {"product rule forgotten": lambda g, out, x: (g * OPS["sigmoid"](x),)},
    "gelu": {
        "product rule forgotten": lambda g, out, x: (g * DIV(out, x),),
        "no limits, nor 0": lambda g, out, x: (
            g * (DIV(out, x) + 0.3989422804014327 * x * EXP(-0.5 * x * x)),
        ),
    },
    "relu": {
        "slope 1 at 0": lambda g, out, x: (g if x >= 0.0 else 0.0,),
        "slope 1/2 at 0": lambda g, out, x: (0.5 * g * ((x >= 0.0) + (x > 0.0)),),
        "no mask": lambda g, out, x: (g * (x > 0.0),),
        "0 at nan": lambda g, out, x: (WHERE(GT(x, 0.0), g, 0.0),),
    },
    "elu": {
        "slope 1 at 0": lambda g, out, x, k: (g if x >= 0.0 else g * (out + k), None),
        "alpha forgotten": lambda g, out, x, k: (g if x > 0.0 else g * EXP(x), None),
    },
    "leaky_relu": {
        "slope 1 at 0": lambda g, out, x, k: (g if x >= 0.0 else g * k, None),
        "slope 0 below": lambda g, out, x, k: (g if x > 0.0 else 0.0, None),
    },
    "where": {
        "inverted": lambda g, out, c, x, y: (None, WHERE(c, 0.0, g), WHERE(c, g, 0.0)),
        "gradient for the condition": lambda g, out, c, x, y: (
            g,
            WHERE(c, g, 0.0),
            WHERE(c, 0.0, g),
        ),
        "both branches": lambda g, out, c, x, y: (None, g, g),
    },
    "maximum": {
        "ties to the first": lambda g, out, x, y: (g, 0.0) if x >= y else (0.0, g),
        "ties to both": lambda g, out, x, y: (g if x >= y else 0.0, g if y >= x else 0.0),
    },
    "minimum": {
        "ties to the first": lambda g, out, x, y: (g, 0.0) if x <= y else (0.0, g),
        "as maximum": lambda g, out, x, y: OPS["maximum"].backward(g, out, x, y),
    },
    "max": {
        "ties to all": lambda g, out, *xs: [g if x >= out else 0.0 for x in xs],
        "ties to the first": lambda g, out, *xs: [
            g if x >= out and not any(z >= out for z in xs[:i]) else 0.0 for i, x in enumerate(xs)
        ],
    },
    "sum": {"mean's": lambda g, out, *xs: [g * DIV(1.0, float(len(xs)))] * len(xs)},
    "logsumexp": {"not divided": lambda g, out, *xs: [g * EXP(x) for x in xs]},
    "dot": {"own operand": lambda g, out, *wx: [g * x for x in wx]},
    **{name: {} for name in ("add", "sub", "neg")},
}
FORWARDS: dict[str, dict[str, Rule]] = {
    "gt": {">=": lambda x, y: float(x >= y)},
    "ge": {">": lambda x, y: float(x > y)},
    "eq": {">=": lambda x, y: float(x >= y)},
    "relu": {"Python's max": lambda x: max(0.0, x)},
    "maximum": {"Python's max": max},
    "minimum": {"Python's min": min},
    "softplus": {"threshold of 20": lambda x: x if x > 20.0 else OPS["softplus"].forward(x)},
    "where": {"> 0": lambda c, x, y: x if c > 0.0 else y},
    "pow": {"Python's, real part": lambda x, y: _python_power(x, y)},
    "div": {"0 for x / 0": lambda x, y: x / y if y else 0.0},
    "log1p": {"log(1 + x)": lambda x: OPS["log"].forward(1.0 + x)},
    "gelu": {
        "tanh's formula": lambda x: (
            0.5 * x * (1 + math.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
        )
    },
}
# The generic mutant that only an infinite g shows; in the other ops there is nothing to mask.
MASKED = ["relu", "where", "maximum", "minimum", "max", "pow", "powc"]


def _python_power(x: float, y: float) -> float:
    try:
        return complex(x**y).real
    except (OverflowError, ZeroDivisionError):
        return inf


def mutants(name: str) -> list[Mutant]:
    op = OPS[name]
    found = list(generic_mutants(op))
    found += [(f"rule: {what}", with_rule(op, rule)) for what, rule in RULES.get(name, {}).items()]
    found += [(f"value: {what}", with_forward(op, f)) for what, f in FORWARDS.get(name, {}).items()]
    if name in MASKED:
        found.append(("mask forgotten", with_rule(op, unmasked(op))))
    return [Mutant(name, what, mutant) for what, mutant in found]


EQUIVALENT = {
    ("add", "gradients swapped"): "both inputs receive g",
    ("sum", "gradients swapped"): "all inputs receive g",
    ("eq", "arguments swapped"): "equality is symmetric",
}


# --- the trial ---


@cache
def noticed_by(name: str) -> dict[str, list[str]]:
    """For each mutant of an op the judges that notice it."""
    verdicts = {}
    for mutant in mutants(name):
        verdicts[mutant.what] = [j.__name__ for j in JUDGES if notices(j, mutant.op)]
        if not verdicts[mutant.what] and notices(on_programs, mutant.op):
            verdicts[mutant.what] = ["on_programs"]
    return verdicts


def notices(judge: Callable[[Op], Iterator[Any]], op: Op) -> bool:
    if op.name in COMPARISONS and judge in (exact, differences, modes):
        return False  # there is no derivative to look at
    return next(judge(op), None) is not None


def test_every_op_has_mutants_of_its_own_listed():
    assert set(DIFFERENTIABLE) - set(RULES) == set()  # an op may list none: {}
    assert {*RULES, *FORWARDS, *MASKED} - set(OPS) == set()


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_mutant_is_noticed_but_for_the_equivalent_ones(name):
    verdicts = noticed_by(name)
    equivalent = {what for op, what in EQUIVALENT if op == name}
    assert {what for what, judges in verdicts.items() if not judges} == equivalent
    assert len(set(verdicts) - equivalent) >= 3


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_random_programs_alone_notice_a_thousandth_and_a_sign(name):
    for what in ("gradient times 1.001", "gradient with the wrong sign"):
        (mutant,) = [m for m in mutants(name) if m.what == what]
        assert notices(on_programs, mutant.op), what


@pytest.mark.parametrize("name", sorted(OPS))
def test_no_judge_objects_to_the_ops_as_they_are(name):
    assert [judge.__name__ for judge in JUDGES if notices(judge, OPS[name])] == []


def test_what_torch_s_own_gradcheck_lets_pass_is_noticed():
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.exp())
            return x.exp()

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] * 1.0005

    assert torch.autograd.gradcheck(Exp.apply, torch.tensor([0.5, 1.7], requires_grad=True))
    judges = noticed_by("exp")["rule: gradient times 1.0005"]
    assert judges[:3] == ["frozen", "exact", "differences"]


# --- the engine: a contribution that is lost where paths meet ---

SOURCE = inspect.getsource(engine._backward_pass)
ACCUMULATIONS = list(re.finditer(r"get\(\w+, 0\.0\) \+ ", SOURCE))


@pytest.mark.parametrize("place", range(len(ACCUMULATIONS)))
def test_programs_notice_a_lost_accumulation(place, monkeypatch):
    start, end = ACCUMULATIONS[place].span()
    namespace = dict(vars(engine))
    exec("from __future__ import annotations\n" + SOURCE[:start] + SOURCE[end:], namespace)
    cases = tame_run(NORMAL).cases
    assert not any(differing(run_ours(program)[0], theirs) for program, theirs in cases)
    monkeypatch.setattr(engine, "_backward_pass", namespace["_backward_pass"])
    assert any(differing(run_ours(program)[0], theirs) for program, theirs in cases)


def test_the_places_where_the_engine_accumulates_were_found():
    assert len(ACCUMULATIONS) == SOURCE.count("+") == 5


# --- losses ---


def _scaled(loss: Any, factor: float) -> Any:
    return [_scaled(x, factor) for x in loss] if isinstance(loss, list) else loss * factor


LOSS_MUTANTS: dict[str, Rule] = {
    "times 1.001": lambda f, x, y, **options: _scaled(f(x, y, **options), 1.001),
    "times 1 + 1e-12": lambda f, x, y, **options: _scaled(f(x, y, **options), 1.0 + 1e-12),
    "the mean for the sum": lambda f, x, y, reduction, **options: f(
        x, y, {"sum": "mean"}.get(reduction, reduction), **options
    ),
    "the sum for the mean": lambda f, x, y, reduction, **options: f(
        x, y, {"mean": "sum"}.get(reduction, reduction), **options
    ),
    "options ignored": lambda f, x, y, **options: f(x, y),
    "the first sample twice": lambda f, x, y, **options: f(
        *([x[0], x[0]], [y[0], y[0]]) if isinstance(y, list) else (x, y), **options
    ),
}


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("what", LOSS_MUTANTS)
def test_a_wrong_loss_is_noticed(name, what):
    def wrong(x: Any, y: Any, **options: Any) -> Any:
        return LOSS_MUTANTS[what](LOSSES[name], x, y, **options)

    assert next(frozen_loss(name, wrong), None) is not None


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_judge_notices_a_loss_that_is_off_by_a_thousandth_and_none_the_loss_itself(name):
    def wrong(x: Any, y: Any, **options: Any) -> Any:
        return _scaled(LOSSES[name](x, y, **options), 1.001)

    for judge in (frozen_loss, exact_loss, loss_on_programs):
        assert next(judge(name, wrong), None) is not None, judge
        assert next(judge(name, LOSSES[name]), None) is None, judge


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"l1_loss", "hinge_loss"}))  # they have none
def test_a_loss_that_lost_its_curvature_is_noticed(name):
    def straight(x: Any, y: Any, **options: Any) -> Any:
        """The tangent: its value and its slope at x are those of the loss."""
        xs, loss = flat(x), LOSSES[name](x, y, **options)
        outs = [
            out.detach() + sum(g * (v - v.data) for g, v in zip(grad(out, xs), xs))
            for out in flat(loss)
        ]
        return outs if isinstance(loss, list) else outs[0]

    tame = [d for d in loss_pairs(name, straight) if d.ordinary and math.isfinite(d.torch * d.g)]
    assert {d.kind for d in tame if deviates(d) and not allowances(d)} == {"second"}
    assert next(exact_loss(name, straight), None) is not None


def test_facts(capsys):
    """What was tried; `pytest -k facts` shows it."""
    verdicts = {(name, what): j for name in OPS for what, j in noticed_by(name).items()}
    alone = Counter(judge for judges in verdicts.values() for judge in judges)
    noticed = sum(map(bool, verdicts.values()))
    with capsys.disabled():
        print(f"\n{len(verdicts)} wrong ops, {noticed} noticed, {len(EQUIVALENT)} equivalent")
        print("  by each judge alone:", ", ".join(f"{j} {n}" for j, n in alone.most_common()))
        print(f"  and {len(LOSSES) * len(LOSS_MUTANTS)} wrong losses, {len(ACCUMULATIONS)} engines")
    assert noticed + len(EQUIVALENT) == len(verdicts)
