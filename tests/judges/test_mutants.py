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
from helpers.checklist import COMPLETE, DIFFERENTIABLE
from helpers.exact import exact
from helpers.known_losses import exact_loss
from helpers.known_ops import COMPARISONS, KNOWN, Rule, with_rule
from helpers.live_torch import (
    NORMAL,
    differing,
    loss_on_programs,
    on_programs,
    run_ours,
    tame_run,
)
from helpers.oracle import LOSSES, allowances, deviates, frozen, frozen_loss, loss_pairs
from helpers.second_opinions import differences, modes

from micrograd_like import engine
from micrograd_like.engine import grad
from micrograd_like.nesting import flat
from micrograd_like.ops import OPS, Op

JUDGES = [frozen, exact, differences, modes]  # and on_programs, which takes longer


class Mutant(NamedTuple):
    name: str
    what: str
    op: Op


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
        first = 1 if op.name in ("where", "take") else 0  # the condition receives nothing
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
        if op.arity == 2:
            yield "arguments swapped", with_forward(op, lambda x, y: op.forward(y, x))
        yield "negated", with_forward(op, lambda *xs: 1.0 - op.forward(*xs))
        yield "lets the gradient pass", with_rule(op, lambda g, out, *xs: (g,) * len(xs))
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


def mutants(name: str) -> list[Mutant]:
    op, known = OPS[name], KNOWN[name]
    found = list(generic_mutants(op))
    found += [(f"rule: {what}", with_rule(op, rule)) for what, rule in known.mistakes.items()]
    found += [(f"value: {what}", with_forward(op, f)) for what, f in known.wrong_values.items()]
    if known.masked:
        found.append(("mask forgotten", with_rule(op, unmasked(op))))
    return [Mutant(name, what, mutant) for what, mutant in found]


EQUIVALENT = {
    ("add", "gradients swapped"): "both inputs receive g",
    ("sum", "gradients swapped"): "all inputs receive g",
    ("take", "first contribution lost"): "the index receives nothing",
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


@pytest.mark.parametrize("name", COMPLETE)
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


@pytest.mark.parametrize("name", COMPLETE)
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
    verdicts = {(name, what): j for name in COMPLETE for what, j in noticed_by(name).items()}
    alone = Counter(judge for judges in verdicts.values() for judge in judges)
    noticed = sum(map(bool, verdicts.values()))
    with capsys.disabled():
        print(f"\n{len(verdicts)} wrong ops, {noticed} noticed, {len(EQUIVALENT)} equivalent")
        print("  by each judge alone:", ", ".join(f"{j} {n}" for j, n in alone.most_common()))
        print(f"  and {len(LOSSES) * len(LOSS_MUTANTS)} wrong losses, {len(ACCUMULATIONS)} engines")
    assert noticed + len(EQUIVALENT) == len(verdicts)
