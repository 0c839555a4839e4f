"""Losses against torch's own, mpmath and our own second opinions, and their refusals."""

import itertools
import math
import random

import pytest
import torch
from helpers.known_losses import CLOSE, EXACT, LOSSES, REFUSED, SCORES, exact_loss, exact_numbers
from helpers.torch_twins import LOSS_TWINS, tensor
from helpers.values import as_values, grads, numbers

from micrograd_like import functional, losses
from micrograd_like.engine import Value, grad
from micrograd_like.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from micrograd_like.nesting import flat
from micrograd_like.testing import gradcheck, gradgradcheck
from micrograd_like.transforms import directional_derivative

F = torch.nn.functional
INF, NAN = math.inf, math.nan

# How one sample, a list and a batch are taken from scores and targets; classes have no "number".
PARTS = {"batch": lambda x: x, "list": lambda x: x[1], "number": lambda x: x[1][0]}
CASES = [(n, p) for n in LOSSES for p in PARTS if (n, p) != ("cross_entropy", "number")]


def run_torch(ours, x, y, options):
    """The scores as a tensor, and what torch's loss of the same name gives."""
    t, target = tensor(x), torch.tensor(y)  # ints of a cross entropy stay ints
    return t, LOSS_TWINS[ours.__name__](t, target, **options)


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


LARGE = [0.0, 1.0, -30.0, 710.0, -745.0, 1e3, -1e3, 1e5, 1e16, 1e308, -1e308, INF, -INF, NAN]
LISTS = [
    *[[x] * n for x in [*LARGE, 0.1, 1 / 3] for n in (1, 2, 3, 7)],  # equal ones of any size
    *[list(two) for two in itertools.product(LARGE, repeat=2)],
    *[[1e3, 1001.0, 1002.0], [-745.0, 0.0, 745.0], [INF, 0.0, 1.0], [-INF, -INF, 0.0]],
]


def assert_torch_s(ours, theirs, slopes, their_slopes, what):
    assert ours == pytest.approx(theirs, rel=1e-14, abs=1e-300, nan_ok=True), what
    if not any(map(math.isnan, ours)):  # the slope at nan is a convention of its own
        assert slopes == pytest.approx(their_slopes, rel=1e-13, abs=1e-15, nan_ok=True), what


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_scores_of_any_size_is_torch_s(name):
    for xs in LISTS:
        outs, t = getattr(functional, name)(values := as_values(xs)), tensor(xs)
        expected = getattr(torch, name)(t, 0)
        assert getattr(functional, name)(xs) == pytest.approx(numbers(outs), rel=0.0, nan_ok=True)
        outs[0].backward()
        expected[0].backward()
        assert_torch_s(numbers(outs), expected.tolist(), grads(values), t.grad.tolist(), xs)


def test_softmax_of_equal_scores_is_exactly_equal():
    for x in LARGE[:-3]:
        assert functional.softmax([x, x]) == [0.5, 0.5]
        assert functional.softmax([x] * 4) == [0.25] * 4
        assert functional.log_softmax([x, x]) == [-math.log(2.0)] * 2
        assert cross_entropy([x, x], 0) == math.log(2.0)
        assert functional.softmax([x]) == [1.0]
        assert cross_entropy([x], 0) == 0.0


def test_cross_entropy_of_scores_of_any_size_is_torch_s_by_class_and_one_hot():
    for xs in LISTS:
        for k in range(len(xs)):
            ours, t = cross_entropy(values := as_values(xs), k), tensor(xs)
            expected = F.cross_entropy(t, torch.tensor(k))
            ours.backward()
            expected.backward()
            what = (xs, k)
            assert_torch_s([ours.data], [expected.item()], grads(values), t.grad.tolist(), what)
            if len(xs) > 1:
                hot = cross_entropy([xs], [[int(j == k) for j in range(len(xs))]])
                assert hot == pytest.approx(ours.data, rel=0.0, nan_ok=True), what


def test_binary_cross_entropy_of_scores_of_any_size_is_torch_s():
    for x, y in itertools.product([*LARGE, -710.0, -1e5, 745.0], [0.0, 1.0, 0.25]):
        ours, t = bce(value := Value(x), y), tensor(x)
        expected = F.binary_cross_entropy_with_logits(t, torch.tensor(y))
        ours.backward()
        expected.backward()
        assert_torch_s([ours.data], [expected.item()], [value.grad], [t.grad.item()], (x, y))


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


@pytest.mark.parametrize(
    ("call", "error", "message"), [row for rows in REFUSED.values() for row in rows]
)
def test_a_loss_refuses_with_a_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
