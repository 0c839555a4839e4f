"""Losses, optimisers and schedules against torch's own, and their refusals."""

import copy
import inspect
import itertools
import math
import random
import re
import warnings
from functools import cache, partial

import pytest
import torch
from helpers.known_ops import mp
from helpers.torch_twins import LOSS_TWINS, tensor

from micrograd_like import losses, optim
from micrograd_like.engine import Value, grad
from micrograd_like.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from micrograd_like.nesting import flat, map_nested
from micrograd_like.optim import (
    SGD,
    Adam,
    AdamW,
    CosineAnnealingLR,
    ExponentialLR,
    Optimizer,
    ReduceLROnPlateau,
    RMSprop,
    Scheduler,
    StepLR,
    clip_grad_norm_,
)
from micrograd_like.testing import gradcheck, gradgradcheck
from micrograd_like.transforms import directional_derivative

F = torch.nn.functional
SCHEDULES = torch.optim.lr_scheduler
INF, NAN = math.inf, math.nan
as_values = partial(map_nested, Value)


def public(module, kind):
    """The names that a module defines itself, without the private ones."""
    members = inspect.getmembers(module, kind)
    return {k for k, v in members if v.__module__.startswith(module.__name__) and k[0] != "_"}


# --- losses: ours, its options, targets of SCORES ---

SCORES = [[0.5, -2.0, 0.0], [3.0, 1.0, 1.2]]
SIGNS, CLOSE = [[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]], [[0.5, -1.5, 3.0], [2.0, 1.0, -4.0]]
SHARES = [[1.0, 0.0, 0.25], [0.0, 1.0, 0.9]]
LOSSES = {
    "mse_loss": (mse_loss, {}, CLOSE),
    "l1_loss, an error of 0 included": (l1_loss, {}, CLOSE),
    "huber_loss": (huber_loss, {}, CLOSE),
    "huber_loss, delta 2.5": (huber_loss, {"delta": 2.5}, CLOSE),
    "hinge_loss, its kink included": (hinge_loss, {}, SIGNS),
    "cross_entropy": (cross_entropy, {}, [2, 0]),
    "binary_cross_entropy_with_logits": (binary_cross_entropy_with_logits, {}, SHARES),
}
# How one sample, a list and a batch are taken from scores and targets; classes have no "number".
PARTS = {"batch": lambda x: x, "list": lambda x: x[1], "number": lambda x: x[1][0]}
CASES = [(n, p) for n in LOSSES for p in PARTS if (n, p) != ("cross_entropy", "number")]


def numbers(values):
    return [v.data for v in flat(values)]


def grads(values):
    return [v.grad for v in flat(values)]


def run_torch(ours, x, y, options):
    """The scores as a tensor, and what torch's loss of the same name gives."""
    t, target = tensor(x), torch.tensor(y)  # ints of a cross entropy stay ints
    return t, LOSS_TWINS[ours.__name__](t, target, **options)


def test_the_loss_table_covers_every_loss():
    assert {ours.__name__ for ours, *_ in LOSSES.values()} == public(losses, inspect.isfunction)


@pytest.mark.parametrize(("name", "part"), CASES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_and_its_gradients_equal_torch(name, part, reduction):
    ours, options, y = LOSSES[name]
    x, y, options = PARTS[part](SCORES), PARTS[part](y), {**options, "reduction": reduction}
    xs = as_values(x)
    t, expected = run_torch(ours, x, y, options)

    loss = ours(xs, y, **options)
    weights = [1.0 + i for i in range(len(flat(loss)))]  # with "none" each loss counts differently
    sum(w * v for w, v in zip(weights, flat(loss))).backward()
    (expected.flatten() * torch.tensor(weights)).sum().backward()

    assert numbers(loss) == pytest.approx(expected.flatten().tolist(), rel=1e-14, abs=1e-15)
    assert grads(xs) == pytest.approx(t.grad.flatten().tolist(), rel=1e-14, abs=1e-15)
    assert any(v != 0.0 for v in numbers(loss))


@pytest.mark.parametrize(("name", "part"), CASES)
def test_reduction_none_is_nested_as_torch_s_and_floats_give_floats(name, part):
    ours, options, y = LOSSES[name]
    x, y, options = PARTS[part](SCORES), PARTS[part](y), {**options, "reduction": "none"}
    loss = ours(x, y, **options)
    assert {type(v) for v in flat(loss)} == {float}
    _, expected = run_torch(ours, x, y, options)
    assert torch.tensor(loss).shape == expected.shape


@pytest.mark.parametrize("name", LOSSES)
def test_the_default_reduction_is_the_mean(name):
    ours, options, y = LOSSES[name]
    assert ours(SCORES, y, **options) == ours(SCORES, y, reduction="mean", **options)


# --- mpmath's opinion of every loss, and our own second ones ---


def exact_huber(y, x):
    d = abs(x - y)
    return d * d / 2 if d < 1 else d - mp.mpf(1) / 2


EXACT = {  # a loss of one sample, as a function of its target and its scores; targets
    "mse_loss": (lambda y, x: (x - y) ** 2, [0.0, 1.5]),
    "l1_loss": (lambda y, x: abs(x - y), [0.0, 1.5]),
    "huber_loss": (exact_huber, [0.0, 1.5]),
    "hinge_loss": (lambda y, x: max(mp.mpf(0), 1 - y * x), [1.0, -1.0]),
    "binary_cross_entropy_with_logits": (
        lambda y, x: y * mp.log(1 + mp.exp(-x)) + (1 - y) * mp.log(1 + mp.exp(x)),
        [0.0, 0.25, 1.0],
    ),
    "cross_entropy": (lambda k, *xs: mp.log(mp.fsum(map(mp.exp, xs))) - xs[k], [0, 1, 2]),
}


@cache
def exact_numbers(name):
    """Scores, their target, and to fifty digits the value, the slopes and their slopes."""
    f, targets = EXACT[name]
    rng, n, rows = random.Random(name), 3 if name == "cross_entropy" else 1, []
    units = [tuple([int(i == j) for j in range(n)]) for i in range(n)]
    orders = [(0,) * n, *units, *[tuple(map(sum, zip(a, b))) for a in units for b in units]]
    for y in targets * 15:
        xs = [rng.uniform(-3.0, 3.0) for _ in range(n)]
        exact = [mp.diff(partial(f, y), tuple(map(mp.mpf, xs)), order) for order in orders]
        rows.append((xs, y, exact))
    return rows


def exact_loss(name, loss):
    """The judge: what it yields is wrong by more than 1e-14 of the number."""
    for xs, y, exact in exact_numbers(name):
        values = as_values(xs)
        out = loss(values if len(xs) > 1 else values[0], y, reduction="mean")
        slopes = grad(out, values, create_graph=True)
        ours = [out.data, *numbers(slopes), *[h for slope in slopes for h in grad(slope, values)]]
        for i, (x, t) in enumerate(zip(ours, exact)):
            if not abs(x - t) <= 1e-14 * abs(t) + 1e-30:
                yield xs, y, i, x, t


def test_every_loss_is_checked_against_mpmath():
    assert set(EXACT) == public(losses, inspect.isfunction)


@pytest.mark.parametrize("name", EXACT)
def test_a_loss_and_its_derivatives_are_right_to_fifty_digits(name):
    assert list(exact_loss(name, getattr(losses, name))) == []


@pytest.mark.parametrize("name", EXACT)
def test_differences_and_forward_mode_agree_on_a_loss(name):
    loss, rng = getattr(losses, name), random.Random(name)
    for xs, y, _ in exact_numbers(name):

        def f(xs, y=y):
            return loss(xs if len(xs) > 1 else xs[0], y)

        assert gradcheck(f, xs)
        assert gradgradcheck(f, xs)
        direction, values = [rng.uniform(-1.0, 1.0) for _ in xs], as_values(xs)
        parts = [g * d for g, d in zip(grad(f(values), values), direction)]
        forward = directional_derivative(f, xs, direction)
        assert forward == pytest.approx(sum(parts), rel=0.0, abs=1e-14 * sum(map(abs, parts)))


bce = binary_cross_entropy_with_logits
EDGES = {
    "minus infinity at a wrong class": (cross_entropy, [-INF, 1.0, 2.0], 2),
    "minus infinity at the target": (cross_entropy, [-INF, 0.0], 0),
    "scores of 1000, right": (cross_entropy, [1000.0, -1000.0, 0.0], 0),
    "scores of 1000, wrong": (cross_entropy, [1000.0, -1000.0, 0.0], 1),
    "nan among the scores": (cross_entropy, [NAN, 1.0], 1),
    "certain and right": (bce, [1000.0, -1000.0], [1.0, 0.0]),
    "certain and wrong": (bce, [1000.0, -1000.0], [0.0, 1.0]),
    "certain, target between": (bce, [1000.0, -1000.0], [0.25, 0.25]),
    "infinite errors": (huber_loss, [INF, -INF], [0.0, 0.0]),
    "an error whose square overflows": (huber_loss, [1e200], [0.0]),
    "an error of exactly delta": (huber_loss, [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]),
    "an infinite absolute error": (l1_loss, [INF, 0.0], [0.0, 0.0]),
    "nan": (hinge_loss, [NAN, 1.0], [1.0, 1.0]),
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_values_equal_torch(name):
    ours, x, y = EDGES[name]
    xs, options = as_values(x), {"reduction": "sum"}
    loss = ours(xs, y, **options)
    loss.backward()
    t, expected = run_torch(ours, x, y, options)
    expected.backward()
    assert loss.data == pytest.approx(expected.item(), rel=1e-14, nan_ok=True)
    if not math.isnan(loss.data):  # the slope at nan is a convention of its own
        assert grads(xs) == pytest.approx(t.grad.tolist(), rel=1e-14)


def test_an_impossible_target_pulls_with_slopes_minus_one_and_one():
    xs = as_values([-INF, 0.0])
    loss = cross_entropy(xs, 0)
    loss.backward()
    assert (loss.data, grads(xs)) == (INF, [-1.0, 1.0])


def test_huber_at_delta_one_is_torch_s_smooth_l1():
    expected = F.smooth_l1_loss(torch.tensor(SCORES), torch.tensor(CLOSE))
    assert huber_loss(SCORES, CLOSE) == pytest.approx(expected.item(), rel=1e-14)


def test_targets_may_be_numpy():
    np = pytest.importorskip("numpy")
    assert cross_entropy(SCORES, np.array([2, 0])) == cross_entropy(SCORES, [2, 0])
    assert mse_loss(np.array(SCORES), np.array(CLOSE)) == mse_loss(SCORES, CLOSE)


MANY = [[1.0, 2.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mse_loss([1.0, 2.0], [1.0]), ValueError, r"shape \(2,\) do not fit .* \(1,\)"),
        (lambda: l1_loss(1.0, [1.0]), ValueError, r"shape \(\) do not fit .* of shape \(1,\)"),
        (lambda: mse_loss([[1.0], [2.0, 3.0]], [1.0]), ValueError, "parts of different shapes"),
        (lambda: mse_loss([], []), ValueError, "a loss of nothing: the list of outputs is empty"),
        (lambda: cross_entropy([], []), ValueError, "a loss of nothing"),
        (lambda: mse_loss(1.0, 1.0, "avg"), ValueError, "'avg': choose from mean, sum, none"),
        (lambda: cross_entropy([1.0], 0, "avg"), ValueError, "unknown reduction 'avg'"),
        (lambda: hinge_loss([1.0, 1.0], [1, 0]), ValueError, "-1 and 1, got 0 at index 1"),
        (lambda: huber_loss(1.0, 1.0, delta=0.0), ValueError, "expects delta > 0, got 0.0"),
        (lambda: huber_loss(1.0, 1.0, delta=-1), ValueError, "expects delta > 0, got -1"),
        (lambda: huber_loss(1.0, 1.0, delta=NAN), ValueError, "expects delta > 0, got nan"),
        (lambda: cross_entropy(MANY, [0, 2]), ValueError, "target 1 is class 2, but .* 2 classes"),
        (lambda: cross_entropy(MANY, [0, -1]), ValueError, "target 1 is class -1, but there are"),
        (lambda: cross_entropy(MANY, [0, 1.0]), TypeError, "target 1 must .* got float 1.0"),
        (lambda: cross_entropy([1.0, 2.0], True), TypeError, "the int of a class, got bool True"),
        (lambda: cross_entropy([1.0, 2.0], "1"), TypeError, "the int of a class, got str '1'"),
        (lambda: cross_entropy(MANY, [0]), ValueError, "got 2 lists of scores, 1 targets"),
        (lambda: cross_entropy([1.0, 2.0], [0, 0]), ValueError, r"scores of shape \(2,\) for"),
        (lambda: cross_entropy(MANY, 0), ValueError, r"got scores of shape \(2, 2\) for targets"),
        (lambda: cross_entropy(1.0, 0), ValueError, "expects one list of scores for each target"),
        (lambda: cross_entropy([[1.0], [1.0, 2.0]], [0, 0]), ValueError, "different shapes"),
        (lambda: bce([0.0, 0.0], [1.0, 1.5]), ValueError, "from 0 to 1, got 1.5 at index 1"),
        (lambda: bce(0.0, -0.5), ValueError, "targets from 0 to 1, got -0.5 at index 0"),
        (lambda: bce(0.0, NAN), ValueError, "targets from 0 to 1, got nan at index 0"),
    ],
)
def test_a_loss_refuses_with_a_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- optimisers: ours, torch's, options ---

OPTIMISERS = [
    (SGD, torch.optim.SGD, {"lr": 0.1}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (RMSprop, torch.optim.RMSprop, {"lr": 0.02}),
    (RMSprop, torch.optim.RMSprop, {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "momentum": 0.9}),
    (RMSprop, torch.optim.RMSprop, {"lr": 0.02, "centered": True}),
    (RMSprop, torch.optim.RMSprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    (Adam, torch.optim.Adam, {"lr": 0.05}),
    (Adam, torch.optim.Adam, {"lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    (Adam, torch.optim.Adam, {"lr": 0.05, "betas": (0.0, 0.0), "eps": 1e-2}),
    (AdamW, torch.optim.AdamW, {"lr": 0.05}),
    (AdamW, torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.3, "betas": (0.8, 0.95)}),
]
START = [1.5, -0.7]


def train_step(optimizer, a, b):
    optimizer.zero_grad()
    ((a * b).tanh() ** 2 + (a + 0.5) ** 2 + b * b * 0.5).backward()
    optimizer.step()


def test_the_optimiser_table_covers_every_optimiser():
    classes = {k for k in public(optim, inspect.isclass) if issubclass(vars(optim)[k], Optimizer)}
    assert {ours.__name__ for ours, *_ in OPTIMISERS} == classes - {"Optimizer"}


@pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMISERS)
def test_fifty_steps_equal_torch(ours, theirs, options):
    ps, t = as_values(START), torch.tensor(START, dtype=torch.float64, requires_grad=True)
    one, two = ours(ps, **options), theirs([t], **options)
    for _ in range(50):
        train_step(one, *ps)
        train_step(two, *t)
        assert numbers(ps) == pytest.approx(t.tolist(), rel=1e-12, abs=1e-14)
    assert abs(ps[0].data - START[0]) > 0.1


@pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMISERS)
def test_the_defaults_are_torch_s(ours, theirs, options):
    default = theirs([torch.zeros(1)]).defaults
    settings = ours([Value(0.0)]).state_dict()
    del settings["state"]
    assert settings == {name: default[name] for name in settings}


@pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMISERS)
def test_an_optimiser_goes_on_exactly_from_its_state(ours, theirs, options):
    ps = as_values(START)
    one = ours(ps, **options)
    for _ in range(5):
        train_step(one, *ps)
    state, qs = one.state_dict(), as_values(numbers(ps))
    two = ours(qs, lr=123.0)
    two.load_state_dict(state)
    for _ in range(5):
        train_step(one, *ps)
    assert numbers(qs) != numbers(ps)
    for _ in range(5):  # after the others: the state was a copy
        train_step(two, *qs)
    assert numbers(qs) == numbers(ps)
    assert two.state_dict() == one.state_dict()


@pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMISERS)
@pytest.mark.parametrize("gradient", [0.0, INF, NAN, 1e150])
def test_no_gradient_makes_a_step_raise_and_all_is_as_in_torch(ours, theirs, options, gradient):
    options = {**options, **({} if ours is SGD else {"eps": 0.0})}
    p, t = Value(1.0), torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    p.grad, t.grad = gradient, torch.tensor([gradient], dtype=torch.float64)
    ours([p], **options).step()
    theirs([t], **options).step()
    assert p.data == pytest.approx(t.item(), rel=1e-12, nan_ok=True)


def test_parameters_may_come_from_a_generator():
    ps = as_values([1.0, 2.0])
    optimizer = SGD((p for p in ps), lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        (ps[0] + ps[1]).backward()
        optimizer.step()
    assert numbers(ps) == [-1.0, 0.0]


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer = Adam([Value(1.0)])
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=r"this state does not fit Adam: betas, .*momentum"):
        optimizer.load_state_dict(SGD([Value(1.0)]).state_dict())
    with pytest.raises(ValueError, match="a state of 2 parameters, not 1"):
        optimizer.load_state_dict(Adam([Value(1.0), Value(2.0)], lr=1.0).state_dict())
    assert optimizer.state_dict() == before


def test_rebinding_a_parameter_is_refused_before_the_graph_grows():
    with pytest.raises(ValueError, match=r"parameter 0 has history .* p.data -= ... instead of"):
        SGD([Value(1.0) - 0.1 * Value(2.0)])


TWICE = [Value(1.0)] * 2
ONE = [Value(1.0)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SGD([]), ValueError, "SGD got no parameters to optimise"),
        (lambda: SGD([1.0]), TypeError, "parameter 0 is no Value but float 1.0"),
        (lambda: SGD(TWICE), ValueError, "SGD got a parameter twice: pass each one once"),
        (lambda: SGD(ONE, lr=-1), ValueError, "lr must be a finite number of at least 0, got -1"),
        (lambda: SGD(ONE, lr=NAN), ValueError, "at least 0, got nan"),
        (lambda: SGD(ONE, lr="0.1"), ValueError, "lr must be a number, got str '0.1'"),
        (lambda: SGD(ONE, lr=True), ValueError, "lr must be a number, got bool True"),
        (lambda: SGD(ONE, momentum=-0.1), ValueError, "momentum must be a finite number"),
        (lambda: SGD(ONE, dampening=INF), ValueError, "dampening must be a finite .* got inf"),
        (lambda: SGD(ONE, weight_decay=-1), ValueError, "weight_decay must be a finite number"),
        (lambda: SGD(ONE, nesterov=True), ValueError, "nesterov needs momentum > 0"),
        (lambda: SGD(ONE, nesterov="no"), ValueError, "'no': choose from True, False"),
        (lambda: SGD(ONE, 1.0, 0.9, 0.1, nesterov=True), ValueError, "and dampening = 0"),
        (lambda: RMSprop(ONE, alpha=1.5), ValueError, "alpha must be at most 1, got 1.5"),
        (lambda: RMSprop(ONE, alpha=-1), ValueError, "alpha must be a finite number of at least"),
        (lambda: RMSprop(ONE, eps=-1), ValueError, "eps must be a finite number of at least 0"),
        (lambda: RMSprop(ONE, momentum=-1), ValueError, "momentum must be a finite number"),
        (lambda: Adam(ONE, betas=(0.9, 1.0)), ValueError, r"below 1, got \(0.9, 1.0\)"),
        (lambda: Adam(ONE, betas=(0.9,)), ValueError, r"betas must be two numbers .* \(0.9,\)"),
        (lambda: Adam(ONE, betas=0.9), ValueError, "betas must be two numbers .* got 0.9"),
        (lambda: Adam(ONE, betas=(-0.1, 0.9)), ValueError, "beta must be a finite .* got -0.1"),
        (lambda: AdamW(ONE, weight_decay="1"), ValueError, "weight_decay must be a number, got"),
        (lambda: Optimizer(ONE).step(), NotImplementedError, "does not define update"),
        (lambda: clip_grad_norm_(ONE, -1.0), ValueError, "max_norm must be a finite number of"),
    ],
)
def test_an_optimiser_refuses_with_a_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("start", [[3.0, -4.0], [0.1, 0.2], [0.0, 0.0], [NAN, 2.0], [INF, 2.0]])
@pytest.mark.parametrize("max_norm", [1.0, 0.0, 100.0])
def test_clip_grad_norm_equals_torch(start, max_norm):
    ps, t = as_values([0.0, 0.0]), torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for p, g in zip(ps, start):
        p.grad = g
    t.grad = torch.tensor(start, dtype=torch.float64)
    expected = torch.nn.utils.clip_grad_norm_([t], max_norm).item()
    norm = clip_grad_norm_((p for p in ps), max_norm)
    assert norm == pytest.approx(expected, rel=1e-14, nan_ok=True)
    assert grads(ps) == pytest.approx(t.grad.tolist(), rel=1e-14, nan_ok=True)


# --- schedulers: ours, torch's, options ---

SCHEDULERS = [
    (StepLR, SCHEDULES.StepLR, {"step_size": 7}),
    (StepLR, SCHEDULES.StepLR, {"step_size": 1, "gamma": 0.9}),
    (StepLR, SCHEDULES.StepLR, {"step_size": 1, "gamma": 1e10}),  # beyond the floats at last
    (ExponentialLR, SCHEDULES.ExponentialLR, {"gamma": 0.93}),
    (ExponentialLR, SCHEDULES.ExponentialLR, {"gamma": 1e10}),
    (CosineAnnealingLR, SCHEDULES.CosineAnnealingLR, {"T_max": 60}),
    (CosineAnnealingLR, SCHEDULES.CosineAnnealingLR, {"T_max": 9, "eta_min": 0.01}),
    (ReduceLROnPlateau, SCHEDULES.ReduceLROnPlateau, {"patience": 3}),
    (
        ReduceLROnPlateau,
        SCHEDULES.ReduceLROnPlateau,
        {"patience": 1, "factor": 0.7, "cooldown": 3, "min_lr": 0.1, "threshold": 0.05},
    ),
    (
        ReduceLROnPlateau,
        SCHEDULES.ReduceLROnPlateau,
        {"mode": "max", "patience": 2, "factor": 0.5, "cooldown": 1, "min_lr": 1e-4},
    ),
]
METRICS = {
    "noisy and falling": [5.0 / (1 + i) + random.Random(i).gauss(0.0, 0.3) for i in range(50)],
    "noisy and rising": [i / 10 + random.Random(i).gauss(0.0, 1.0) for i in range(50)],
    "nan first": [NAN, *[1.0 + 0.01 * (i % 7) for i in range(49)]],
    "infinite first": [INF, -INF, *[1.0 / (1 + i) for i in range(48)]],
    "constant": [1.0] * 50,
}


def metrics_of(ours):
    return METRICS if ours is ReduceLROnPlateau else {"none": [None] * 50}


def schedule_step(schedule, metric):
    schedule.step() if metric is None else schedule.step(metric)


def test_the_scheduler_table_covers_every_scheduler():
    classes = {k for k in public(optim, inspect.isclass) if issubclass(vars(optim)[k], Scheduler)}
    assert {ours.__name__ for ours, *_ in SCHEDULERS} == classes - {"Scheduler"}


def test_the_tables_of_this_file_cover_every_public_name_of_optim():
    tables = {ours.__name__ for ours, *_ in [*OPTIMISERS, *SCHEDULERS]}
    assert public(optim, inspect.isclass) == tables | {"Optimizer", "Scheduler"}
    assert public(optim, inspect.isfunction) == {"clip_grad_norm_"}


@pytest.mark.parametrize(
    ("ours", "theirs", "options", "metrics"),
    [(*row, name) for row in SCHEDULERS for name in metrics_of(row[0])],
)
def test_the_learning_rate_of_fifty_epochs_equals_torch(ours, theirs, options, metrics):
    one, two = SGD(as_values([0.0]), lr=0.5), torch.optim.SGD([torch.zeros(1)], lr=0.5)
    schedule, expected = ours(one, **options), theirs(two, **options)
    rates = []
    for metric in metrics_of(ours)[metrics]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch misses its optimizer's steps
            schedule_step(expected, metric)
        schedule_step(schedule, metric)
        rates.append(one.lr)
        assert one.lr == pytest.approx(two.param_groups[0]["lr"], rel=1e-12, abs=1e-15)
    assert len(set(rates)) > 1


@pytest.mark.parametrize(("ours", "theirs", "options"), SCHEDULERS)
def test_a_scheduler_goes_on_exactly_from_its_state(ours, theirs, options):
    metrics = next(iter(metrics_of(ours).values()))
    one = SGD(as_values([0.0]), lr=0.5)
    schedule = ours(one, **options)
    for metric in metrics[:20]:
        schedule_step(schedule, metric)
    two = SGD(as_values([0.0]), lr=one.lr)
    twin = ours(two, **options)
    twin.load_state_dict(schedule.state_dict())
    for metric in metrics[20:]:
        schedule_step(schedule, metric)
        schedule_step(twin, metric)
        assert two.lr == one.lr
    assert twin.state_dict() == schedule.state_dict()


def test_no_growth_makes_more_than_nothing_of_a_rate_of_zero():
    assert ExponentialLR(SGD(as_values([0.0]), lr=0.0), gamma=1e10).lr_at(99) == 0.0


def test_a_plateau_keeps_the_number_of_a_loss_and_not_its_graph():
    schedule = ReduceLROnPlateau(SGD(as_values([0.0])))
    schedule.step(Value(2.0) * Value(3.0))
    assert type(schedule.best) is float
    assert schedule.best == 6.0


LR = SGD([Value(1.0)])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: StepLR("sgd", 1), TypeError, "a scheduler needs an optimizer, got str"),
        (lambda: StepLR(LR, 0), ValueError, "step_size must be an int of at least 1, got 0"),
        (lambda: StepLR(LR, 2.5), ValueError, "step_size must be an int of at least 1, got 2.5"),
        (lambda: StepLR(LR, True), ValueError, "step_size must be an int of at least 1, got True"),
        (lambda: StepLR(LR, 1, gamma=-1), ValueError, "gamma must be a finite number of at least"),
        (lambda: ExponentialLR(LR, NAN), ValueError, "gamma must be a finite number .* got nan"),
        (lambda: CosineAnnealingLR(LR, 0), ValueError, "T_max must be an int of at least 1, got 0"),
        (lambda: CosineAnnealingLR(LR, 2.5), ValueError, "T_max must be an int .* got 2.5"),
        (lambda: CosineAnnealingLR(LR, 5, "0"), ValueError, "eta_min must be a number, got str"),
        (lambda: CosineAnnealingLR(LR, 5, -0.1), ValueError, "eta_min must be a finite number of"),
        (lambda: ReduceLROnPlateau(LR, "best"), ValueError, "'best': choose from min, max"),
        (lambda: ReduceLROnPlateau(LR, factor=1.0), ValueError, "factor must be below 1, got 1.0"),
        (lambda: ReduceLROnPlateau(LR, factor=-1), ValueError, "factor must be a finite number"),
        (lambda: ReduceLROnPlateau(LR, patience=-1), ValueError, "patience must be an int of at l"),
        (lambda: ReduceLROnPlateau(LR, patience=1.5), ValueError, "an int of at least 0, got 1.5"),
        (lambda: ReduceLROnPlateau(LR, cooldown=-1), ValueError, "cooldown must be an int of at l"),
        (lambda: ReduceLROnPlateau(LR, min_lr=-1), ValueError, "min_lr must be a finite number of"),
        (lambda: ReduceLROnPlateau(LR, min_lr="0"), ValueError, "min_lr must be a number, got str"),
        (lambda: ReduceLROnPlateau(LR, threshold=-1), ValueError, "threshold must be a finite num"),
        (lambda: ReduceLROnPlateau(LR, threshold=NAN), ValueError, "threshold must .* got nan"),
        (lambda: Scheduler(LR).step(), NotImplementedError, r"does not define lr_at\(epoch\)"),
        (
            lambda: StepLR(LR, 1).load_state_dict(ExponentialLR(LR, 0.9).state_dict()),
            ValueError,
            "this state does not fit StepLR: step_size",
        ),
    ],
)
def test_a_scheduler_refuses_with_a_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- states that are damaged or hostile ---


def after_a_step(ours, options):
    """An optimiser of two parameters after a step, or a scheduler of one after an epoch."""
    ps = as_values(START)
    if issubclass(ours, Optimizer):
        optimizer = ours(ps, **options)
        train_step(optimizer, *ps)
        return optimizer
    schedule = ours(SGD(ps, lr=0.5), **options)
    schedule_step(schedule, 1.0 if ours is ReduceLROnPlateau else None)
    return schedule


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
        (StepLR, ["epoch"], 2**53, "epoch must be an int of at least 0, got 9007199254740992"),
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
