"""fit where the samples of a batch depend on each other: whole batches, compiled as in Python."""

import random
import re
from collections import Counter

import pytest
from helpers.compare import differences

from micrograd_like import functional
from micrograd_like.jit import JitError, problem
from micrograd_like.losses import mse_loss
from micrograd_like.nesting import flat
from micrograd_like.nn import MLP, Activation, BatchNorm, Dropout, Linear, Module, Sequential
from micrograd_like.optim import SGD, CosineAnnealingLR
from micrograd_like.train import fit, steps

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(11)]
Y = [a * b + 0.3 for a, b in X]


class First(Module):
    """The first number of a list."""

    def forward(self, x):
        return x[0]


# --- losses of which one sample alone has none ---


def correlation(outputs, targets):
    """1 - the correlation of outputs and targets."""
    a, b = [[v - functional.mean(vs) for v in vs] for vs in (outputs, targets)]
    power = functional.dot(a, a) * functional.dot(b, b) + 0.1
    return 1.0 - functional.dot(a, b) / functional.sqrt(power)


def contrastive(outputs, targets):
    """Neighbours with targets of one sign are to be near, the others apart."""
    pairs = list(zip(outputs, outputs[1:], targets, targets[1:]))
    far = [abs(a - b) for a, b, _, _ in pairs]
    alike = [functional.gt(t * u, 0.0) for _, _, t, u in pairs]
    costs = [functional.where(s, d, functional.relu(1.0 - d)) for s, d in zip(alike, far)]
    return functional.sum(costs) / len(outputs)


def spread(outputs, targets):
    """The error of the means, not the mean of the errors."""
    return (functional.mean(outputs) - functional.mean(targets)) ** 2


def total(outputs, targets):
    """A sum where others have a mean."""
    return 0.1 * mse_loss(outputs, targets, reduction="sum")


# --- models ---


def normalised(rng, dropout=False):
    size = rng.randint(1, 3)
    parts = [Linear(2, size, rng=rng.randint(0, 9)), BatchNorm(size, momentum=rng.random())]
    parts += [Activation(rng.choice(["tanh", "relu", "sin"]))]
    parts += [Dropout(0.3, rng=rng.randint(0, 9))] if dropout else []
    if rng.random() < 0.3:
        parts += [BatchNorm(size, eps=0.1)]
    return Sequential(*parts, Linear(size, 1, rng=0), First())


class Twice(Module):
    """The same BatchNorm at two places."""

    def __init__(self):
        self.norm, self.w = BatchNorm(2), MLP(2, [1], output_activation="linear", rng=1)

    def forward(self, x):
        return self.w(self.norm([v.tanh() for v in self.norm(x)]))

    def batch(self, xs):
        rows = [[v.tanh() for v in row] for row in self.norm.batch(xs)]
        return self.w.batch(self.norm.batch(rows))


class Centred(Module):
    """Its outputs have mean 0 over the batch: no layer of ours says so."""

    def __init__(self):
        self.w = MLP(2, [2, 1], output_activation="linear", rng=1)

    def forward(self, x):
        return self.w(x)

    def batch(self, xs):
        outs = self.w.batch(xs)
        return [out - functional.mean(outs) for out in outs]


LOSSES = [mse_loss, correlation, contrastive, spread, total]
MODELS = {
    "network": lambda rng: MLP(2, [2, 1], output_activation="linear", rng=rng.randint(0, 9)),
    "BatchNorm": normalised,
    "BatchNorm and Dropout": lambda rng: normalised(rng, dropout=True),
    "one BatchNorm twice": lambda rng: Twice(),
    "centred": lambda rng: Centred(),
}


def trained(jit, model, loss, rng, **options):
    """What a training leaves, how it ran, and its error."""
    sgd = SGD(model.parameters(), lr=0.02, momentum=rng.choice([0.0, 0.5]))
    schedule = rng.choice([None, CosineAnnealingLR(sgd, T_max=5)])
    history, error = {}, ""
    try:
        history = fit(
            model, X, Y, loss, sgd, epochs=3, jit=jit, progress=False, metrics=["mae"],
            validation=rng.choice([None, (X[:3], Y[1:4])]), scheduler=schedule,
            step_every=rng.choice(["epoch", "batch"]), **options,
        )  # fmt: skip
    except (ValueError, FloatingPointError) as caught:
        error = str(caught)
    left = [
        model.state_dict(), [p.grad for p in sgd.params], sgd.state_dict(),
        schedule and schedule.state_dict(), {k: history[k] for k in history if k != "time"},
        [m.training for m in model.modules()],
        [m.rng.random() for m in model.modules() if hasattr(m, "rng")] if not error else [],
    ]  # fmt: skip
    return left, getattr(history, "jit", "an error"), error


def compare(seeds):
    """How generated trainings ran, which are the same in both ways."""
    seen = Counter()
    for seed in seeds:
        rng = random.Random(seed)
        name, loss = rng.choice(list(MODELS)), rng.choice(LOSSES)
        size, again = rng.choice([2, 3, 4, 11, 100]), rng.randint(0, 99)
        found = []
        for jit in (False, True):
            rng = random.Random(again)
            try:
                found.append(trained(jit, MODELS[name](rng), loss, rng, batch_size=size))
            except JitError as error:
                assert "needs at least 2 samples" in str(error), (seed, name)  # noqa: PT017
                assert "needs at least 2 samples" in found[0][2]
                seen["refused"] += 1
        if len(found) == 2:
            assert found[0][2] == found[1][2], (seed, name)
            assert not differences(found[1][0], found[0][0]), (seed, name, loss, size)
            seen[found[1][1]] += 1
    return seen


def test_generated_trainings_with_coupled_samples_are_the_same_compiled():
    seen = compare(range(10))
    assert seen["compiled"] > 6, seen


@pytest.mark.slow
def test_hundreds_of_generated_trainings_with_coupled_samples(capsys):
    seen = compare(range(1000, 1300))
    with capsys.disabled():
        print(f"\n{dict(seen)}")
    assert seen["compiled"] > 200


def outcome(jit, model, **options):
    """The numbers of a training in one of the ways."""
    sgd = SGD(model.parameters(), lr=0.05)
    history = fit(model, X, Y, mse_loss, sgd, jit=jit, progress=False, **options)
    return [history["loss"], model.state_dict()], history.jit


def test_what_changes_between_the_epochs_holds_from_the_next_step_on():
    def change(model, history):
        model.layers[1].momentum = 0.7
        if len(history) == 2:
            model.layers[1].eps, model.layers[1].w[0].data = 0.5, -2.0

    def run(jit):
        model = normalised(random.Random(1))
        return outcome(jit, model, batch_size=4, epochs=4, callbacks=[change])

    (compiled, says), (python, _) = run(True), run(False)
    assert says == "compiled"
    assert not differences(compiled, python)


def test_a_schedule_of_batches_is_followed_in_the_last_one_too():
    def run(jit):
        model = normalised(random.Random(1))
        sgd = SGD(model.parameters(), lr=0.2)
        schedule = CosineAnnealingLR(sgd, T_max=7)
        history = fit(
            model, X, Y, correlation, sgd, epochs=3, batch_size=4, jit=jit, progress=False,
            scheduler=schedule, step_every="batch",
        )  # fmt: skip
        return [history["loss"], history["lr"], model.state_dict(), schedule.state_dict()]

    assert not differences(run(True), run(False))


def test_the_statistics_after_a_loss_that_is_not_finite_are_pythons():
    found = []
    for jit in (False, True):
        model = Sequential(Linear(2, 2, rng=0), BatchNorm(2), Linear(2, 1, rng=0), First())
        sgd = SGD(model.parameters(), lr=1e80)
        with pytest.raises(FloatingPointError) as error:
            fit(model, X, Y, mse_loss, sgd, batch_size=4, jit=jit, progress=False)
        found.append([re.sub("is (inf|nan)", "", str(error.value)), model.state_dict()])
    assert not differences(*found)
    assert found[0][1]["layers.1.running_mean.0"] != 0.0


def test_a_batch_that_is_too_large_runs_in_python_and_says_why(monkeypatch):
    monkeypatch.setattr(problem, "LARGEST", 100)
    monkeypatch.setattr(steps, "WORTH_COMPILING", 0)
    model = normalised(random.Random(1))
    _, says = outcome("auto", model, batch_size=11, epochs=2)
    assert re.search(r"a batch of 11 takes [\d,]+ operations, more than 100: give fit a sm", says)


def test_a_few_steps_of_whole_batches_are_not_worth_compiling():
    _, says = outcome("auto", MLP(2, [40, 1], rng=0), batch_size=11, epochs=2)
    assert says == "in Python: there is too little work for compiling to pay"


def test_outputs_of_whole_batches_are_in_the_order_of_the_samples():
    found = [
        fit(
            model := normalised(random.Random(2)), X, Y, correlation,
            SGD(model.parameters(), lr=0.1), epochs=2, batch_size=4, jit=jit, progress=False,
            metrics=["r2", ("last", lambda outputs, targets: outputs[-1] * targets[-1])],
        )
        for jit in (False, True)
    ]  # fmt: skip
    for name in ("r2", "last"):
        assert found[1][name] == pytest.approx(found[0][name], rel=1e-9)


def test_samples_that_are_no_longer_independent_are_trained_in_python_from_there_on(monkeypatch):
    flat_loss = {"is_mean": True}

    def loss(outputs, targets):
        return (mse_loss if flat_loss["is_mean"] else spread)(flat(outputs), targets)

    def change(model, history):
        flat_loss["is_mean"] = len(history) < 2

    def run(jit):
        flat_loss["is_mean"] = True
        model = MLP(2, [2, 1], rng=0)
        sgd = SGD(model.parameters(), lr=0.05)
        history = fit(model, X, Y, loss, sgd, epochs=4, callbacks=[change], jit=jit, progress=False)
        return [history["loss"], model.state_dict()], history.jit

    monkeypatch.setattr(steps, "WORTH_COMPILING", 0)
    (compiled, says), (python, _) = run("auto"), run(False)
    assert says.startswith("compiled; in Python from epoch 3 on: the loss of ")
    assert not differences(compiled, python)
