"""fit in Python and compiled: the same numbers, or a sentence why it cannot be compiled."""

import math
import random
import re
from collections import Counter

import pytest
import torch
from helpers.compare import differences
from helpers.training import X, Y, network
from helpers.trainings import CASES, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograd_like import functional, train
from micrograd_like.engine import Value
from micrograd_like.jit import JitError, training
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, Module
from micrograd_like.optim import SGD, Adam, RMSprop
from micrograd_like.train import fit
from micrograd_like.transforms import grad


@pytest.fixture(autouse=True)
def everything_is_worth_compiling(monkeypatch):
    monkeypatch.setattr(train.steps, "WORTH_COMPILING", 0)


def compare_two_ways(n):
    """How often a training of n was compiled, compiled until something changed, and so on."""
    seen = Counter()

    @settings(max_examples=n)
    @given(CASES, st.sampled_from([True, "auto", "auto"]))
    def check(case, jit):
        python, _, error = outcome(case, False)
        compiled, says, other = outcome(case, jit)
        if jit is True and isinstance(other, JitError):
            assert len(str(other)) > 20
            seen["refused"] += 1
            return
        assert (type(other), str(other)) == (type(error), str(error))
        assert not differences(compiled, python)
        for how in says or ["error"]:
            seen[how.split(":")[0]] += 1

    check()
    return seen


def test_eighty_generated_trainings_are_the_same_compiled():
    seen = compare_two_ways(80)
    assert seen["compiled"] > 30, seen


@pytest.mark.slow
def test_thousands_of_generated_trainings_are_the_same_compiled():
    seen = compare_two_ways(2000)
    assert seen["compiled"] > 800, seen


# --- one by one: what the generated trainings hit by luck ---


def both(make, X=X, y=Y, jit=True, **options):
    """What two trainings leave, in Python and compiled, and how the second one ran."""
    found = []
    for way in (False, jit):
        model, loss, optimizer, callbacks = make()
        options = {"epochs": 4, "batch_size": 8, "progress": False, **options}
        history = fit(model, X, y, loss, optimizer, jit=way, callbacks=callbacks, **options)
        found.append([
            [p.data for p in optimizer.params], optimizer.state_dict(), history.stopped,
            [p.data for p in model.parameters()],
            {k: history[k] for k in history if k != "time"},
        ])  # fmt: skip
    return *found, history.jit


def at(epoch, change):
    """A callback that does something after an epoch."""

    def call(model, history):
        if len(history) == epoch:
            change(model)

    return call


SETTINGS = {
    "lr": 0.5, "weight_decay": 0.7, "betas": (0.1, 0.2), "eps": 0.5, "momentum": 0.8,
    "dampening": 0.5, "alpha": 0.1, "centered": True, "decoupled": True,
}  # fmt: skip


@pytest.mark.parametrize("name", [*SETTINGS, "nesterov"])
def test_a_setting_that_a_callback_changes_holds_from_the_next_step_on(name):
    def make():
        model = network()
        kinds = (Adam, SGD, RMSprop)
        kind = next(kind for kind in kinds if name in kind.settings or hasattr(kind, name))
        options = {"momentum": 0.5} if kind is SGD else {}
        optimizer = kind(model.parameters(), lr=0.02, weight_decay=0.1, **options)
        change = at(2, lambda m: setattr(optimizer, name, SETTINGS.get(name, True)))
        return model, mse_loss, optimizer, [change]

    python, compiled, says = both(make)
    assert says == "compiled"
    assert not differences(compiled, python)
    model, loss, optimizer, _ = make()
    fit(model, X, Y, loss, optimizer, epochs=4, batch_size=8, progress=False)
    assert differences([p.data for p in optimizer.params], python[0])


def test_settings_that_change_every_epoch_need_no_second_compilation(monkeypatch):
    made = []
    own = training.Native

    def native(*args, **options):
        made.append(1)
        return own(*args, **options)

    monkeypatch.setattr(training, "Native", native)

    def make():
        model = network()
        adam = Adam(model.parameters(), lr=0.02, weight_decay=0.1)

        def anneal(model, history):
            adam.weight_decay *= 0.9
            adam.betas = (0.9 * adam.betas[0], adam.betas[1])

        return model, mse_loss, adam, [anneal]

    python, compiled, says = both(make, epochs=8)
    assert says == "compiled"
    assert len(made) == 1
    assert not differences(compiled, python)


class Averaging(SGD):
    """Keeps a mean of its steps, in a step of its own."""

    def step(self):
        super().step()
        self.steps = getattr(self, "steps", 0) + 1


class Patient(SGD):
    """Adds the gradients of two steps."""

    def zero_grad(self):
        self.turn = not getattr(self, "turn", False)
        if self.turn:
            super().zero_grad()


class Forgetful(SGD):
    """Its rule changes a setting of its own, for every parameter."""

    def update(self, p, g, state):
        self.weight_decay = 0.9 * self.weight_decay + 0.01
        return super().update(p, g, state)


class Looking(SGD):
    """Its rule looks at another parameter."""

    def update(self, p, g, state):
        return super().update(p, g, state) - 0.01 * self.params[0].grad


class Turning(SGD):
    """Its rule reads a global."""

    def update(self, p, g, state):
        return super().update(p, g * FACTOR[0], state)


FACTOR = [1.0]
OWN_WAYS = {
    Averaging: "the optimizer has a step\\(\\) of its own, which only Python can run",
    Patient: "the optimizer has a zero_grad\\(\\) of its own, which only Python can run",
    Forgetful: "the optimizer's rule changes its settings",
    Looking: "the optimizer's rule reads more than its settings: .* has no attribute 'params'",
}


@pytest.mark.parametrize(("kind", "reason"), OWN_WAYS.items())
def test_an_optimizer_with_a_way_of_its_own_runs_in_python(kind, reason):
    def make():
        model = network()
        return model, mse_loss, kind(model.parameters(), lr=0.05), []

    python, compiled, says = both(make, jit="auto")
    assert re.search("^in Python: " + reason, says)
    assert not differences(compiled, python)
    with pytest.raises(JitError, match=reason):
        both(make)


def test_what_an_optimizers_rule_reads_from_outside_is_followed():
    def make():
        FACTOR[0] = 1.0
        model = network()
        change = at(2, lambda m: FACTOR.__setitem__(0, -2.0))
        return model, mse_loss, Turning(model.parameters(), lr=0.05), [change]

    python, compiled, says = both(make)
    assert says == "compiled"
    assert not differences(compiled, python)


def test_a_step_of_the_optimizers_own_is_seen_when_a_callback_gives_it_one():
    def make():
        model = network()
        sgd = SGD(model.parameters(), lr=0.05)

        def twice():
            SGD.step(sgd)
            SGD.step(sgd)

        return model, mse_loss, sgd, [at(2, lambda m: setattr(sgd, "step", twice))]

    def without_step(found):
        return [
            {k: v for k, v in part.items() if k != "step"} if isinstance(part, dict) else part
            for part in found
        ]

    python, compiled, says = both(make, jit="auto")
    assert says.startswith("compiled; in Python from epoch 3 on: the optimizer has a step() of its")
    assert not differences(without_step(compiled), without_step(python))


def rare(outputs, targets):
    """One target goes another way, and a Value never equals a number."""
    return functional.mean([
        (o - t) * (o - t) * (5.0 if any(t is not None and repr(t) == r for r in RARE) else 1.0)
        for o, t in zip(outputs, targets)
    ])  # fmt: skip


def rare_output(outputs, targets):
    """An output beyond all others goes another way."""
    largest = [0.25 if "9.5" in repr(getattr(o, "data", o))[:3] else 1.0 for o in outputs]
    return functional.mean([w * o * o for w, o in zip(largest, outputs)])


RARE = ["0.123"]


@pytest.mark.parametrize("loss", [rare, rare_output])
def test_one_sample_of_a_thousand_that_goes_another_way_is_noticed(loss):
    X = [[math.sin(i), math.cos(i)] for i in range(1000)]
    y = [math.sin(3 * i) for i in range(1000)]
    X[617], y[617] = [9.5, 0.0], 0.123

    def make():
        model = Line()
        return model, loss, SGD(model.parameters(), lr=0.01), []

    with pytest.raises(JitError):
        both(make, X, y, epochs=1)
    python, compiled, says = both(make, X, y, epochs=1, jit="auto")
    assert says.startswith("in Python: ")
    assert not differences(compiled, python)


class Line(Module):
    def __init__(self):
        self.w, self.v = Value(1.0), Value(0.1)

    def forward(self, x):
        return self.w * x[0] + self.v * x[1]


class Slotted:
    """Nobody can see what is in it."""

    __slots__ = ("_hidden",)

    def set(self, x):
        self._hidden = x
        return self

    def get(self):
        return self._hidden


def test_what_cannot_be_seen_changing_is_noticed_by_one_sample():
    def make():
        model, secret = network(), Slotted().set(1.0)

        def loss(outputs, targets):
            return secret.get() * mse_loss(outputs, targets)

        return model, loss, SGD(model.parameters(), lr=0.05), [at(2, lambda m: secret.set(3.0))]

    python, compiled, says = both(make)
    assert says == "compiled"
    assert not differences(compiled, python)


@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_the_norm_of_gradients_whose_squares_overflow_is_finite(max_norm):
    def make():
        model = Line()
        return model, lambda o, t: functional.mean(o) * 1e200, SGD(model.parameters(), 1e-201), []

    python, compiled, _ = both(make, max_norm=max_norm)
    assert not differences(compiled, python)
    assert 1e199 < compiled[-1]["grad_norm"][0] < 1e201


def test_epochs_in_several_trainings_are_those_of_one():
    def trained(jit, *epochs):
        model = network()
        adam = Adam(model.parameters(), lr=0.05)
        for n in epochs:
            fit(model, X, Y, mse_loss, adam, epochs=n, shuffle=False, jit=jit, progress=False)
        return [p.data for p in adam.params]

    assert trained(False, 5) == trained(False, 1, 3, 1)
    assert trained(True, 5) == trained(True, 2, 3)


def test_a_model_with_a_train_of_its_own_runs_in_python():
    class Annealed(Line):
        rate = 1.0

        def train(self, mode=True):
            self.rate *= 0.9
            return super().train(mode)

        def forward(self, x):
            return super().forward(x) * self.rate

    def make():
        model = Annealed()
        return model, mse_loss, SGD(model.parameters(), lr=0.05), []

    python, compiled, says = both(make, jit="auto")
    assert says == "in Python: the model has a train() of its own, which only Python can run"
    assert not differences(compiled, python)


def test_a_failed_attempt_to_compile_leaves_no_trace():
    calls, rng = [], random.Random(3)

    def loss(outputs, targets):
        calls.append(len(outputs))
        return mse_loss(outputs, targets) * (1.0 + 0.1 * rng.random())

    def make():
        calls.clear()
        rng.seed(3)
        random.seed(5)
        model = network()
        return model, loss, SGD(model.parameters(), lr=0.05), []

    python, compiled, says = both(make, jit="auto")
    assert says.startswith("in Python: ")
    assert not differences(compiled, python)
    assert calls == [8, 8, 8, 6] * 4
    assert random.random() == random.Random(5).random()


# --- gradients in the loss ---


def physics(t, u, d):
    """u'' = -u with u(0) = 0 and u'(0) = 1."""
    return (d(d(u))(t) + u(t)) ** 2 + u(0.0 * t) ** 2 + (d(u)(0.0 * t) - 1.0) ** 2


def learning_to_learn(t, u, d):
    """The loss after a step of descent, whose slope is that of another loss."""
    inner = lambda v: (v * u(t) - t) ** 2  # noqa: E731
    return inner(0.5 - 0.1 * d(inner)(0.5 + 0.0 * t)) ** 2


def slope_of_slopes(t, u, d):
    """A gradient of a function of a gradient."""
    return d(lambda s: d(lambda r: u(r) * r * s)(s) ** 2)(t)


TIMES = [0.1 * i for i in range(12)]


def in_torch(formula, epochs, lr):
    """The losses of the same steps, by torch.func."""
    start = [p.data for p in derived().parameters()]
    params = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer, losses = torch.optim.SGD([params], lr=lr), []

    def u(t):
        hidden = torch.tanh(params[0:4:2] * t + params[1:4:2])
        return (params[4:6] * hidden).sum() + params[6]

    for _ in range(epochs):
        times = [torch.tensor(t, dtype=torch.float64) for t in TIMES]
        loss = torch.stack([formula(t, u, torch.func.grad) for t in times]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def derived():
    return MLP(1, [2, 1], output_activation="linear", rng=0)


@pytest.mark.parametrize("formula", [physics, learning_to_learn, slope_of_slopes])
def test_gradients_inside_a_loss_train_as_in_torch_compiled_or_not(formula):
    losses = []
    for jit in (False, True):
        model = derived()

        def loss(outputs, times, model=model):
            return functional.mean([formula(t, lambda x: model([x]), grad) for t in times])

        history = fit(
            model, [[t] for t in TIMES], TIMES, loss, SGD(model.parameters(), lr=0.02), epochs=8,
            batch_size=12, shuffle=False, jit=jit, progress=False,
        )  # fmt: skip
        assert history.jit == ("compiled" if jit else "in Python, as asked")
        losses.append(history["loss"])
    theirs = in_torch(formula, 8, 0.02)
    assert losses[0] == pytest.approx(theirs, rel=1e-9)
    assert losses[1] == pytest.approx(theirs, rel=1e-9)
    assert theirs[-1] != pytest.approx(theirs[0], rel=1e-3)
