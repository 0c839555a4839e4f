"""Who runs the steps: how much work there is, and schedules that are stepped after every batch."""

import math
import random
import re
import subprocess
import sys

import pytest
import torch
from helpers.compare import differences
from helpers.training import X, Y, network

from micrograd_like import Value, functional
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, Module
from micrograd_like.optim import (
    SGD,
    Adam,
    CosineAnnealingLR,
    ExponentialLR,
    ReduceLROnPlateau,
    Scheduler,
    StepLR,
)
from micrograd_like.train import fit, steps
from micrograd_like.train.given import problem


class Recurrent(Module):
    """A few parameters, each used at every time."""

    def __init__(self, size=4):
        rng = random.Random(0)
        self.u, self.v, self.b = [[Value(rng.gauss(0, 0.5)) for _ in range(size)] for _ in "uvb"]
        self.w = [[Value(rng.gauss(0, 0.5)) for _ in range(size)] for _ in range(size)]

    def forward(self, times):
        state = [0.0] * len(self.u)
        for t in times:
            each = zip(self.w, self.u, self.b)
            state = [(functional.dot(w, state) + u * t + b).tanh() for w, u, b in each]
        return functional.dot(self.v, state)


# --- how much work there is ---

TIMES = [[math.sin(0.1 * i * j) for j in range(60)] for i in range(10)]
WORK = {
    "an RNN of 28 parameters and 60 times": (Recurrent, TIMES, 20, True),
    "a network": (lambda: MLP(2, [16, 16, 1], rng=0), X, 40, True),
    "a few epochs of it": (lambda: MLP(2, [16, 16, 1], rng=0), X, 5, False),
    "one neuron": (lambda: MLP(2, [1], rng=0), X, 500, False),
    "many epochs of one neuron": (lambda: MLP(2, [1], rng=0), X, 5000, True),
    "a large sample, a few times": (lambda: MLP(2, [200, 20, 1], rng=0), X, 2, False),
}


@pytest.mark.parametrize(("make", "X", "epochs", "pays"), WORK.values(), ids=WORK)
def test_auto_counts_the_inputs_of_a_samples_nodes(make, X, epochs, pays):
    given = problem(make(), X, [0.5] * len(X), mse_loss, SGD, 0.0, 0.0, None, 32)
    assert steps.is_worth_compiling(given.work(), len(X) * epochs) == pays


def test_an_rnn_of_28_parameters_is_compiled():
    model = Recurrent()
    assert len(model.parameters()) == 28
    sgd = SGD(model.parameters(), lr=0.01)
    assert fit(model, TIMES, [0.5] * 10, mse_loss, sgd, epochs=20, progress=False).jit == "compiled"


WITHOUT = """
import sys

from micrograd_like import MLP, mse_loss, fit

print(fit(MLP(1, [1]), [[1.0]], [2.0], mse_loss, epochs=2, progress=False).jit)
print([name for name in ("numpy", "llvmlite", "micrograd_like.jit") if name in sys.modules])
"""


def test_where_there_is_little_to_do_the_compiler_is_not_even_imported():
    out = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True).stdout
    reason = "in Python: there is too little work for compiling to pay"
    assert out.splitlines() == [reason, "[]"]


class Counting(Module):
    """Its calls change it."""

    def __init__(self):
        self.w, self.calls, self.rng = Value(0.5), 0, random.Random(2)

    def forward(self, x):
        self.calls += 1
        return self.w * x[0] * self.rng.random()


def test_counting_the_work_leaves_no_trace():
    model, y = Counting().eval(), [0.5] * len(X)
    state = model.rng.getstate()
    given = problem(model, X, y, mse_loss, SGD, 0.0, 0.0, None, 32)
    assert given.work() > 0
    assert (model.calls, model.training, model.rng.getstate()) == (0, False, state)


def test_work_that_cannot_be_counted_is_none():
    given = problem(network(), X, Y, lambda o, t: o[5000], SGD, 0.0, 0.0, None, 32)
    assert given.work() == 0


# --- a schedule that is stepped after every batch ---


class OneCycle(Scheduler):
    """Up and down again, once."""

    def lr_at(self, epoch):
        return self.base_lr * (1.0 + min(epoch, 20 - epoch) / 5.0)


class Broken(Scheduler):
    """It fails at its tenth step."""

    def lr_at(self, epoch):
        if epoch == 10:
            raise ArithmeticError("the tenth")
        return self.base_lr * 0.9**epoch


class OwnStep(ExponentialLR):
    def step(self):
        super().step()
        self.optimizer.momentum *= 0.9


SCHEDULES = {
    "StepLR": lambda optimizer: StepLR(optimizer, 3, gamma=0.5),
    "ExponentialLR": lambda optimizer: ExponentialLR(optimizer, 0.9),
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=7),
    "one's own": OneCycle,
}


def scheduled(jit, make, **options):
    """What a training leaves with a schedule that is stepped after every batch, and its error."""
    model, error, history = network(), "", {}
    sgd = SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = make(sgd)
    options = {"epochs": 5, "batch_size": 8, "step_every": "batch", **options}
    try:
        history = fit(
            model, X, Y, mse_loss, sgd, scheduler=schedule, jit=jit, progress=False, **options
        )
    except (ArithmeticError, FloatingPointError) as caught:
        error = str(caught)
    left = [
        model.state_dict(), sgd.state_dict(), schedule.state_dict(), error,
        {k: history[k] for k in history if k != "time"},
    ]  # fmt: skip
    return left, getattr(history, "jit", "")


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_of_batches_is_the_same_compiled(make):
    (python, _), (compiled, says) = scheduled(False, make), scheduled(True, make)
    assert says == "compiled"
    assert not differences(compiled, python)
    assert python[2]["epoch"] == 20  # 4 batches in each of 5 epochs
    assert len(set(python[-1]["lr"])) == 5


@pytest.mark.parametrize("jit", [False, True])
def test_a_schedule_of_batches_is_torchs(jit):
    model = MLP(2, [1], output_activation="linear", rng=0)
    (neuron,) = model.layers[0].neurons
    values = [*neuron.w, neuron.b]
    w = torch.tensor([v.data for v in values], dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.SGD([w], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=7)
    for _ in range(3):
        for k in range(0, len(X), 8):
            x, y = (torch.tensor(part[k : k + 8], dtype=torch.float64) for part in (X, Y))
            theirs.zero_grad()
            ((x @ w[:2] + w[2] - y) ** 2).mean().backward()
            theirs.step()
            schedule.step()
    ours = SGD(values, lr=0.1)
    fit(
        model, X, Y, mse_loss, ours, epochs=3, batch_size=8, shuffle=False, jit=jit,
        scheduler=CosineAnnealingLR(ours, T_max=7), step_every="batch", progress=False,
    )  # fmt: skip
    assert [v.data for v in values] == pytest.approx(w.tolist(), rel=1e-9)
    assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"])


def test_an_error_of_the_schedule_comes_at_its_step():
    (python, _), (compiled, _) = scheduled(False, Broken), scheduled(True, Broken)
    assert python[3] == "the tenth"
    assert python[2]["epoch"] == 9
    assert not differences(compiled, python)


def test_after_a_loss_that_is_not_finite_the_schedule_is_at_the_step_before():
    def explode(optimizer):
        return ExponentialLR(optimizer, 1e10)

    (python, _), (compiled, _) = scheduled(False, explode), scheduled(True, explode)
    assert "the loss is" in python[3]
    assert 0 < python[2]["epoch"] < 20
    assert differences(compiled[1:3], python[1:3]) == []


def test_a_schedule_with_a_step_of_its_own_runs_in_python(monkeypatch):
    monkeypatch.setattr(steps, "WORTH_COMPILING", 0)

    def make(optimizer):
        return OwnStep(optimizer, 0.9)

    (python, _), (compiled, says) = scheduled(False, make), scheduled("auto", make)
    assert says == (
        "in Python: the OwnStep has a step() of its own, which only Python can run at every batch"
    )
    assert not differences(compiled, python)


def test_a_schedule_of_batches_leaves_the_epochs_in_one_call():
    model = network()
    adam = Adam(model.parameters(), lr=0.1)
    times = fit(
        model, X, Y, mse_loss, adam, epochs=100, scheduler=StepLR(adam, 50), step_every="batch",
        jit=True, progress=False,
    )["time"]  # fmt: skip
    assert len(set(times)) < 20


@pytest.mark.parametrize("jit", [False, True])
def test_what_cannot_be_stepped_after_every_batch_is_refused(jit):
    model = network()
    sgd = SGD(model.parameters(), lr=0.1)
    given = {"jit": jit, "progress": False, "epochs": 1}
    with pytest.raises(ValueError, match="unknown step_every 'step': choose from epoch, batch"):
        fit(model, X, Y, mse_loss, sgd, scheduler=StepLR(sgd, 2), step_every="step", **given)
    with pytest.raises(ValueError, match='looks at the numbers of an epoch: step_every="epoch"'):
        fit(
            model, X, Y, mse_loss, sgd, scheduler=ReduceLROnPlateau(sgd), step_every="batch",
            **given,
        )  # fmt: skip


class Irregular(Module):
    """So many operations, of which no two neighbours are alike."""

    def __init__(self, operations):
        rng = random.Random(0)
        self.w = [Value(rng.uniform(0.2, 0.9)) for _ in range(20)]
        self.plan = [
            (rng.randrange(4), rng.randint(1, 20), rng.randint(1, 20)) for _ in range(operations)
        ]

    def forward(self, x):
        ways = [
            lambda a, b: (a * b).tanh(), lambda a, b: 0.5 * (a + b),
            lambda a, b: functional.sigmoid(a - b), lambda a, b: functional.softplus(-a) * b,
        ]  # fmt: skip
        values = [w * x[0] for w in self.w]
        for way, i, j in self.plan:
            values.append(ways[way](values[-i], values[-j]))
        return functional.sum(values[-20:])


def test_auto_compiles_no_program_whose_compilation_takes_longer_than_it_saves():
    X, y = [[0.1 * i] for i in range(10)], [0.5] * 10

    def said(epochs):
        return fit(Irregular(700), X, y, mse_loss, epochs=epochs, progress=False).jit

    assert re.fullmatch(
        r"in Python: to compile [\d,]+ instructions would take longer than it saves", said(40)
    )
    assert said(100) == "compiled"
