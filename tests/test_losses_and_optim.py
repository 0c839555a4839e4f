"""Losses and optimisers against torch's own, and their refusals."""

import pytest
import torch

from micrograd_like.engine import Value
from micrograd_like.losses import hinge_loss, mse_loss
from micrograd_like.optim import SGD, Optimizer

INPUTS, TARGETS = [[0.5, -2.0], [3.0, 1.0]], [[1.0, -1.0], [1.0, -1.0]]
LOSSES = {
    "mse_loss": (mse_loss, torch.nn.functional.mse_loss),
    "hinge_loss": (
        hinge_loss,
        lambda x, y, reduction: {
            "mean": lambda t: t.mean(),
            "sum": lambda t: t.sum(),
            "none": lambda t: t,
        }[reduction](torch.relu(1.0 - y * x)),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_and_its_gradients_equal_torch(name, reduction):
    ours, theirs = LOSSES[name]
    xs = [[Value(x) for x in row] for row in INPUTS]
    t = torch.tensor(INPUTS, dtype=torch.float64, requires_grad=True)

    loss = ours(xs, TARGETS, reduction=reduction)
    loss.backward()
    expected = theirs(t, torch.tensor(TARGETS, dtype=torch.float64), reduction=reduction)
    expected.backward()

    assert loss.data == pytest.approx(expected.item(), rel=1e-14)
    grads = [[x.grad for x in row] for row in xs]
    assert grads == [pytest.approx(row, rel=1e-14) for row in t.grad.tolist()]


@pytest.mark.parametrize("name", LOSSES)
def test_reduction_none_gives_every_loss(name):
    ours, theirs = LOSSES[name]
    flat, targets = INPUTS[0] + INPUTS[1], TARGETS[0] + TARGETS[1]
    expected = theirs(torch.tensor(flat), torch.tensor(targets), reduction="none").tolist()
    assert ours(flat, targets, reduction="none") == pytest.approx(expected)


def test_a_loss_takes_one_number_too():
    assert mse_loss(Value(3.0), 1.0).data == 4.0
    assert hinge_loss(0.25, -1) == 1.25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mse_loss([1.0, 2.0], [1.0]), r"shape \(2,\) do not fit targets of shape \(1,\)"),
        (lambda: mse_loss([[1.0], [2.0, 3.0]], [1.0]), "2 parts has parts of different shapes"),
        (lambda: mse_loss([], []), "a loss of nothing: the list of outputs is empty"),
        (lambda: mse_loss(1.0, 1.0, "avg"), "unknown reduction 'avg': choose from mean, sum, none"),
        (lambda: hinge_loss([1.0, 1.0], [1, 0]), "targets -1 and 1, got 0 at index 1"),
    ],
)
def test_a_loss_refuses_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


OPTIMISERS = [
    (SGD, torch.optim.SGD, {"lr": 0.1}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
]


@pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMISERS)
def test_fifty_steps_equal_torch(ours, theirs, options):
    start = [1.5, -0.7]
    ps = [Value(x) for x in start]
    t = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    one, two = ours(ps, **options), theirs([t], **options)
    for _ in range(50):
        for optimizer, (a, b) in ((one, ps), (two, t)):
            optimizer.zero_grad()
            loss = (a * b).tanh() ** 2 + (a + 0.5) ** 2 + b * b * 0.5
            loss.backward()
            optimizer.step()
        assert [p.data for p in ps] == pytest.approx(t.tolist(), rel=1e-12, abs=1e-14)
    assert abs(ps[0].data - start[0]) > 0.1


def test_parameters_may_come_from_a_generator():
    ps = [Value(1.0), Value(2.0)]
    optimizer = SGD((p for p in ps), lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        (ps[0] + ps[1]).backward()
        optimizer.step()
    assert [p.data for p in ps] == [-1.0, 0.0]


def test_rebinding_a_parameter_is_refused_before_the_graph_grows():
    with pytest.raises(ValueError, match=r"parameter 0 has history .* p.data -= ... instead of"):
        SGD([Value(1.0) - 0.1 * Value(2.0)])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SGD([]), ValueError, "SGD got no parameters to optimise"),
        (lambda: SGD([1.0]), TypeError, "parameter 0 is no Value but float 1.0"),
        (lambda: SGD([Value(1.0)] * 2), ValueError, None),
        (lambda: SGD([Value(1)], lr=-1), ValueError, "lr must be a finite number of at least 0"),
        (lambda: SGD([Value(1)], lr=float("nan")), ValueError, "at least 0, got nan"),
        (lambda: SGD([Value(1)], lr="0.1"), ValueError, "lr must be a number, got str '0.1'"),
        (lambda: SGD([Value(1)], momentum=-0.1), ValueError, "momentum must be a finite number"),
        (lambda: SGD([Value(1)], nesterov=True), ValueError, "nesterov needs momentum > 0"),
        (lambda: Optimizer([Value(1)]).step(), NotImplementedError, "does not define update"),
    ],
)
def test_an_optimiser_refuses_with_a_sentence(call, error, message):
    with pytest.raises(error, match=message or "got a parameter twice: pass each one once"):
        call()
