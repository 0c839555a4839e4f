"""What fit compares with Python before it compiles: every target, the gradients, the indices."""

import random

import pytest

from micrograd_like import Value, functional
from micrograd_like.jit import JitError, problem
from micrograd_like.jit.problem import Coupled, Problem
from micrograd_like.losses import cross_entropy, mse_loss
from micrograd_like.nn import MLP, BatchNorm, Module
from micrograd_like.optim import SGD
from micrograd_like.train import fit

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(1500)]
Y = [a * b for a, b in X]


def network(outputs=1):
    return MLP(2, [2, outputs], output_activation="linear", rng=0)


def problem_of(model, X, y, loss, batch_size=32, size=1):
    return Problem(model, X, y, loss, model.parameters(), batch_size, size)


def unlike(wanted):
    """A loss that is another one where a target reads as this text."""

    def loss(outputs, targets):
        costs = [(o - t) * (o - t) * (2.0 if repr(t) == wanted else 1.0)
                 for o, t in zip(outputs, targets)]  # fmt: skip
        return functional.mean(costs)

    return loss


@pytest.mark.parametrize("where", [0, 1, 617, 1499])
def test_one_target_of_many_that_decides_is_refused_wherever_it_is(where, monkeypatch):
    monkeypatch.setattr(problem, "ALL", 100)  # of the samples only a few are compared evenly
    model = network()
    sgd = SGD(model.parameters(), lr=0.01)
    with pytest.raises(JitError, match="no number may decide"):
        fit(model, X, Y, unlike(repr(Y[where])), sgd, jit=True, epochs=1, progress=False)


def test_few_targets_are_compared_with_few_outputs(monkeypatch):
    monkeypatch.setattr(problem, "ALL", 0)
    seen = []

    def loss(outputs, targets):
        seen.append(len(targets))
        return cross_entropy(outputs, targets)

    classes = [i % 3 for i in range(len(X))]
    traced = problem_of(network(3), X, classes, loss, batch_size=1500)
    seen.clear()
    traced.check_loss(lambda data, scalars: (data[[0, 1, 0]], None))
    assert sum(seen) == 3 + 2  # one of each class, and the loss is traced with two


def test_a_batch_of_several_units_is_a_mean_over_them():
    def total(outputs, targets):
        return 0.5 * functional.sum([o * o for o in outputs])

    with pytest.raises(Coupled, match="the mean of their losses is"):
        problem_of(network(), X, Y, total)
    problem_of(network(), X, Y, total, batch_size=1)  # a batch has only one
    problem_of(network(), X, Y, total, batch_size=4, size=4)


def test_a_layer_that_needs_a_batch_is_given_one():
    model = BatchNorm(2)
    with pytest.raises(Coupled, match="cannot take one sample alone: BatchNorm needs at least 2"):
        problem_of(model, X[:8], X[:8], mse_loss)
    unit = problem_of(model, X[:8], X[:8], mse_loss, batch_size=4, size=4)
    assert len(unit.tape.outputs) == 4 * 2 + 1 + 2 * 2  # and n, means and variances
    assert (model.running_mean, model.running_var) == ([0.0, 0.0], [1.0, 1.0])


class Shy(Module):
    """What it computes in training is another thing for every call of its kind."""

    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        plain = isinstance(x[0], float)
        return (self.w.detach() if plain else self.w) * x[0] + 0.0 * self.w


def test_gradients_that_are_not_pythons_are_refused():
    with pytest.raises(JitError, match="the gradients that are compiled are not Python's"):
        problem_of(Shy(), X[:4], Y[:4], mse_loss)


class Table(Module):
    def __init__(self):
        self.rows = [[Value(0.1 * i), Value(0.2 * i)] for i in range(5)]

    def forward(self, x):
        return functional.sum(functional.take(self.rows, x))


@pytest.mark.parametrize("wrong", [5, -1, 1.5, 1e300])
def test_an_index_that_no_table_has_is_refused_before_anything_runs(wrong):
    indices = [i % 5 for i in range(20)]
    model = Table()
    given = {"jit": True, "epochs": 1, "progress": False}
    before = model.state_dict()
    for X, held in (([*indices[:7], wrong, *indices[8:]], indices), (indices, [wrong] * 20)):
        sgd = SGD(model.parameters(), lr=0.1)
        with pytest.raises((IndexError, ValueError), match=r"a table of 5|whole number"):
            fit(model, X, indices, mse_loss, sgd, validation=(held, indices), **given)
        if X is not indices:
            assert model.state_dict() == before


def test_an_embedding_is_trained_as_in_python():
    found = []
    for jit in (False, True):
        model = Table()
        sgd = SGD(model.parameters(), lr=0.1, momentum=0.5)
        history = fit(
            model, [i % 5 for i in range(20)], [float(i % 3) for i in range(20)], mse_loss, sgd,
            epochs=3, batch_size=8, jit=jit, progress=False,
        )  # fmt: skip
        found.append([*history["loss"], *model.state_dict().values()])
    assert history.jit == "compiled"
    assert found[1] == pytest.approx(found[0], rel=1e-9)
