"""States that are damaged or hostile: refused as a whole, or gone on from."""

import copy
import itertools
import math
import re

import pytest
from helpers.known_optimizers import OPTIMISERS, SCHEDULERS, after_a_step

from micrograd_like.engine import Value
from micrograd_like.optim import SGD, Adam, ReduceLROnPlateau, RMSprop, StepLR

INF, NAN = math.inf, math.nan


def changed(state, keys, value):
    """A copy of a state with another value in one place; GONE takes the place away."""
    state = part = copy.deepcopy(state)
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    if value is GONE:
        del part[keys[-1]]
    return state


GONE = object()
NESTEROV = {"momentum": 0.9, "nesterov": True}


@pytest.mark.parametrize(
    ("ours", "keys", "value", "message"),
    [
        (SGD, ["lr"], NAN, "lr must be a finite number of at least 0, got nan"),
        (SGD, ["lr"], 10**400, "lr must be a finite number of at least 0, got 1" + "0" * 59),
        (SGD, ["lr"], True, "lr must be a number, got bool True"),
        (SGD, ["lr"], GONE, "this state does not fit SGD: lr"),
        (SGD, ["momentum"], 0.0, "nesterov needs momentum > 0 and dampening = 0"),
        (SGD, ["nesterov"], "no", "unknown nesterov 'no': choose from True, False"),
        (SGD, ["state", 0, "momentum"], INF, "momentum of parameter 0 must be a finite number, "
            "got inf"),
        (RMSprop, ["alpha"], 1.5, "alpha must be at most 1, got 1.5"),
        (RMSprop, ["state", 0, "v"], NAN, "v of parameter 0 must be a finite number of at least "
            "0, got nan"),
        (Adam, ["betas"], (0.9, 1.0), "betas must be two numbers of at least 0 and below 1, got "
            "(0.9, 1.0)"),
        (Adam, ["betas"], 0.9, "betas must be two numbers of at least 0 and below 1, got 0.9"),
        (Adam, ["eps"], -1e-8, "eps must be a finite number of at least 0, got -1e-08"),
        (Adam, ["state"], [], "a state of 0 parameters, not 2"),
        (Adam, ["state"], {}, "the state must be a list of dicts, got {}"),
        (Adam, ["state", 1], [1.0], "the state must be a list of dicts, got [{"),
        (Adam, ["state", 1], {}, "the state of parameter 1 lacks m, step, v"),
        (Adam, ["state", 0, "v"], GONE, "the state of parameter 0 lacks v"),
        (Adam, ["state", 0, "v"], -1e-9, "v of parameter 0 must be a finite number of at least 0, "
            "got -1e-09"),
        (Adam, ["state", 1, "step"], -1.0, "step of parameter 1 must be a finite number of at "
            "least 0, got -1.0"),
        (Adam, ["state", 1, "step"], 7.0, "parameters 0 and 1 are not at the same step"),
        (Adam, ["state", 1, "m"], NAN, "m of parameter 1 must be a finite number, got nan"),
        (Adam, ["state", 1, "m"], "x", "m of parameter 1 must be a number, got str 'x'"),
        (StepLR, ["epoch"], -1, "epoch must be an int of at least 0, got -1"),
        (StepLR, ["epoch"], 2**53, f"epoch must be an int of at most {2**53 - 1}, got {2**53}"),
        (StepLR, ["base_lr"], NAN, "base_lr must be a finite number of at least 0, got nan"),
        (StepLR, ["step_size"], 0, "step_size must be an int of at least 1, got 0"),
        (ReduceLROnPlateau, ["best"], NAN, "best must be a number or None, got nan"),
        (ReduceLROnPlateau, ["best"], "1", "best must be a number, got str '1'"),
        (ReduceLROnPlateau, ["bad_epochs"], None, "bad_epochs must be an int of at least 0, got "
            "None"),
        (ReduceLROnPlateau, ["waiting"], 0.5, "waiting must be an int of at least 0, got 0.5"),
    ],
)  # fmt: skip
def test_a_state_that_cannot_be_is_refused_and_changes_nothing(ours, keys, value, message):
    options = {SGD: NESTEROV, StepLR: {"step_size": 2}}.get(ours, {})
    one = after_a_step(ours, options)
    before = repr(one.state_dict())
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        one.load_state_dict(changed(one.state_dict(), keys, value))
    assert repr(one.state_dict()) == before


@pytest.mark.parametrize("state", [None, [], "lr", 1.0])
def test_a_state_that_is_no_dict_is_refused(state):
    with pytest.raises(ValueError, match=r"^the state of SGD must be a dict, got "):
        SGD([Value(1.0)]).load_state_dict(state)


ODD = [None, True, "", "x", [], {}, (1.0,), NAN, INF, -INF, -1, -1.0, 0, 0.0, 0.5, 1, 2, 1e308]
ODD += [5e-324, 2**53, 10**400, GONE]


@pytest.mark.parametrize(("ours", "theirs", "options"), [*OPTIMISERS, *SCHEDULERS])
def test_whatever_stands_in_a_state_is_refused_or_can_be_gone_on_from(ours, theirs, options):
    one = after_a_step(ours, options)
    state = one.state_dict()
    places = [[key] for key in state]
    places += [["state", i, key] for i, kept in enumerate(state.get("state", [])) for key in kept]
    refused = 0
    for keys, value in itertools.product(places, ODD):
        before = repr(one.state_dict())
        try:
            one.load_state_dict(changed(state, keys, value))
        except ValueError:
            refused += 1
            assert repr(one.state_dict()) == before
        else:
            one.step(*[1.0] * (ours is ReduceLROnPlateau))
            one.load_state_dict(state)
    assert 0.4 < refused / (len(places) * len(ODD)) < 1.0
