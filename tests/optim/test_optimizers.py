"""Optimisers against torch's own, step by step, and their refusals."""

import math

import pytest
import torch
from helpers.known_optimizers import OPTIMISERS, REFUSED_BY_OPTIMISERS, START, train_step
from helpers.values import as_values, grads, numbers

from micrograd_like.engine import Value
from micrograd_like.optim import SGD, Adam, clip_grad_norm_

INF, NAN = math.inf, math.nan


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


@pytest.mark.parametrize(
    ("call", "error", "message"), [row for rows in REFUSED_BY_OPTIMISERS.values() for row in rows]
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
