"""Runs first: what an optimiser or a schedule still lacks, in one list for all of them."""

import inspect

import pytest
from helpers import known_optimizers as known
from helpers.still_missing import missing_words, public, report

from micrograd_like import optim
from micrograd_like.checks import number
from micrograd_like.optim import Optimizer, Scheduler
from micrograd_like.optim.optimizers import Resumable

KNOWN = "tests/helpers/known_optimizers.py: a row of"
OPTIONS = {ours: options for ours, _, options in [*known.OPTIMISERS, *known.SCHEDULERS]}
REFUSED = {**known.REFUSED_BY_OPTIMISERS, **known.REFUSED_BY_SCHEDULERS}


def missing(name, ours):
    """Every place where a class still has to be written, and what to write there."""
    kind = "OPTIMISERS" if issubclass(ours, Optimizer) else "SCHEDULERS"
    yield from missing_words(ours, ">>>", "Source: ")
    if not hasattr(optim, name):
        yield "__all__ of its file, and a line of micrograd_like/optim/__init__.py"
    yield from missing_settings(ours)
    if name not in REFUSED:
        yield f"{KNOWN} REFUSED_BY_{kind}, a call out of range and its sentence"
    if ours not in OPTIONS:
        yield f"{KNOWN} {kind}, its torch twin and options to compare with"
    else:
        yield from missing_state(known.after_a_step(ours, OPTIONS[ours]))


def missing_settings(ours):
    arguments = list(inspect.signature(ours).parameters)[1:]
    for name in [name for name in arguments if name not in ours.settings]:
        yield f"its settings: the range of {name}"
    for name, check in ours.settings.items():
        try:
            check(name, object())
        except ValueError:
            continue
        yield f"its settings: a range of {name} that refuses something"


def missing_state(one):
    """What is wrong with going on from a state, after a step."""
    state = one.state_dict()
    for name in (set(state) - {"state"}) ^ set(one.settings):
        yield f"its settings and its state: {name}, which is in one of them only"
    kept = {name for kept in state.get("state", []) for name in kept}
    for name in kept - {*getattr(one, "kept", ())}:
        yield f"its kept: the range of {name}"
    one.load_state_dict(state)
    if one.state_dict() != state:
        yield "a state that is the same after it was loaded"


def classes():
    found = public(optim, inspect.isclass)
    bases = {c.__name__ for c in (Optimizer, Scheduler, Resumable)}
    return {name: ours for name, ours in found.items() if name not in bases}


def test_every_optimiser_and_schedule_is_written_everywhere():
    report({name: list(missing(name, ours)) for name, ours in classes().items()})
    tables = {"Optimizer", "Scheduler", "clip_grad_norm_", *(ours.__name__ for ours in OPTIONS)}
    assert set(REFUSED) == tables == {*classes(), "Optimizer", "Scheduler", "clip_grad_norm_"}
    assert set(public(optim, inspect.isfunction)) == {"clip_grad_norm_"}


def test_a_class_alone_is_told_every_place(monkeypatch):
    class Rho(Optimizer):
        def __init__(self, params, lr=0.1, rho=0.9):
            super().__init__(params)
            self.lr, self.rho = lr, rho
            self.check()

        def update(self, p, g, state):
            state["sum"] = g
            return p - self.lr * g

    assert len(list(missing("Rho", Rho))) == 7
    monkeypatch.setitem(OPTIONS, Rho, {})
    told = list(missing("Rho", Rho))
    assert "its settings: the range of rho" in told
    assert "its kept: the range of sum" in told


def test_a_declared_range_is_all_that_a_new_setting_needs():
    class Rho(Optimizer):
        settings = {"rho": number(0.0)}  # noqa: RUF012

        def __init__(self, params, rho):
            super().__init__(params)
            self.rho = rho
            self.check()

    with pytest.raises(ValueError, match=r"^rho must be a finite number of at least 0, got -5$"):
        Rho(known.ONE, rho=-5)
