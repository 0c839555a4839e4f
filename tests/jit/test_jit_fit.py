"""The compiled training loop: every number it leaves is the one that the loop in Python leaves."""

import math
import os
import random
import re
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from micrograd_like import MLP, Value, functional, train
from micrograd_like.anomaly import detect_anomaly
from micrograd_like.estimators import MLPClassifier, MLPRegressor
from micrograd_like.jit import JitError, training
from micrograd_like.jit.training import Trainer
from micrograd_like.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from micrograd_like.nn import (
    Activation,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Module,
    Sequential,
)
from micrograd_like.optim import (
    SGD,
    Adam,
    AdamW,
    CosineAnnealingLR,
    ReduceLROnPlateau,
    RMSprop,
    StepLR,
)
from micrograd_like.serialize import load, load_state, save
from micrograd_like.train import EarlyStopping, fit, predict

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(20)]
Y = [a * b + 0.5 for a, b in X]
SIGNS = [math.copysign(1.0, a - b) for a, b in X]
CLASSES = [int(a > 0.5) + int(b > 0.0) for a, b in X]
IMAGES = [[[[RNG.gauss(0, 1) for _ in range(3)] for _ in range(3)]] for _ in range(20)]
SCORES = {"loss": cross_entropy, "y": CLASSES}


def network(activation="tanh", outputs=1):
    return MLP(2, [4, outputs], activation, output_activation="linear", rng=0)


def three_scores():
    return network(outputs=3)


def scores_for_images():
    return Sequential(Conv2d(1, 2, 2, rng=0), Activation("relu"), Flatten(), Linear(8, 3, rng=1))


def with_dropout():
    hidden = Linear(2, 4, rng=0), Activation("silu"), Dropout(0.3, rng=1)
    return Sequential(*hidden, Linear(4, 3, rng=2), Dropout(0.1, rng=3))


class One(Module):
    """The only number of a list."""

    def forward(self, x):
        return x[0]


def with_dropout_and_one_output():
    return Sequential(Linear(2, 3, rng=0), Dropout(0.3, rng=1), Linear(3, 1, rng=2), One())


class Shared(Module):
    """The same layer twice, and one weight in three places."""

    def __init__(self):
        self.layer, self.scale = Linear(2, 2, rng=0), Value(0.7)

    def forward(self, x):
        for _ in range(2):
            x = [v.tanh() * self.scale for v in self.layer(x)]
        return x[0] - x[1] * self.scale


class Deaf(Module):
    """Its output does not depend on its input."""

    def __init__(self):
        self.w = Value(0.7)

    def forward(self, x):
        return self.w * 1.0


class HalfDeaf(Deaf):
    """Only its second output, of three, depends on its input."""

    def forward(self, x):
        return [self.w.exp(), self.w * x[0], self.w * 1.0]


def one_of_each():
    names = ["sigmoid", "relu", "leaky_relu", "elu", "gelu", "softplus", "sin"]
    return MLP(2, [2] * len(names) + [1], names, output_activation="tanh", rng=3)


def first(outs, targets, i=0):
    """The mean of one output, whose place among the others must be right."""
    return functional.mean([out[i] for out in outs])


def second(outs, targets):
    """The same for the second."""
    return first(outs, targets, 1)


def third(outs, targets):
    """The same for the third."""
    return first(outs, targets, 2)


def move_a_weight(model, history):
    model.parameters()[0].data = 0.1 * len(history)


def sgd(parameters):
    return SGD(parameters, lr=0.05)


def run(
    jit, model=network, optimizer=sgd, part=Module.parameters, X=X, y=Y, loss=mse_loss,
    scheduler=None, callbacks=list, **options,
):  # fmt: skip
    """One training: the model, its optimiser and its History."""
    model = model() if not isinstance(model, Module) else model
    optimizer = optimizer(part(model)) if callable(optimizer) else optimizer
    options = {"epochs": 50, "batch_size": 8, "progress": False, **options}
    history = fit(
        model, X, y, loss, optimizer, jit=jit, callbacks=callbacks(),
        scheduler=scheduler and scheduler(optimizer), **options,
    )  # fmt: skip
    return model, optimizer, history


def left(model, optimizer, history=None):
    """Every number that a training leaves behind; the seconds it took are no result."""
    columns = {} if history is None else {k: history[k] for k in history if k != "time"}
    return {
        "parameters": model.state_dict(),
        "gradients": [p.grad for p in optimizer.params],
        "state": optimizer.state_dict(),
        "history": columns,
        "stopped": "" if history is None else history.stopped,
        "training": [m.training for m in model.modules()],
        "random": [m.rng.random() for m in model.modules() if hasattr(m, "rng")],
    }


def assert_close(one, two, at=""):
    """Equal to 1e-9, number by number, in the same nesting."""
    assert type(one) is type(two), at
    if isinstance(one, dict):
        assert one.keys() == two.keys(), at
        for key in one:
            assert_close(one[key], two[key], f"{at}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), at
        for i, (a, b) in enumerate(zip(one, two)):
            assert_close(a, b, f"{at}.{i}")
    else:
        close = isinstance(one, float) and math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9)
        assert close or one == two, f"{at}: {one!r} is not {two!r}"


# --- compiled equals eager ---

TRAININGS = {
    # optimisers and losses
    "plain SGD": {},
    "SGD with momentum, l1 loss": {
        "optimizer": partial(SGD, lr=0.02, momentum=0.9), "loss": l1_loss,
    },
    "SGD with dampening and decay": {
        "optimizer": partial(SGD, lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.01),
    },
    "SGD with nesterov, huber": {
        "optimizer": partial(SGD, lr=0.02, momentum=0.9, nesterov=True),
        "loss": partial(huber_loss, delta=0.4),
    },
    "RMSprop, hinge": {
        "optimizer": partial(RMSprop, lr=0.01, weight_decay=0.01), "loss": hinge_loss, "y": SIGNS,
    },
    "RMSprop centered, with momentum": {
        "optimizer": partial(RMSprop, lr=0.003, momentum=0.5, centered=True),
    },
    "Adam, cross entropy": {
        "optimizer": partial(Adam, lr=0.02, weight_decay=0.01), "model": three_scores,
        "loss": cross_entropy, "y": CLASSES, "metrics": ["accuracy"],
    },
    "Adam with other betas, binary cross entropy": {
        "optimizer": partial(Adam, lr=0.02, betas=(0.0, 0.9), eps=1e-3),
        "loss": binary_cross_entropy_with_logits, "y": [float(s > 0.0) for s in SIGNS],
    },
    "AdamW, a user's own loss": {
        "optimizer": partial(AdamW, lr=0.02, weight_decay=0.1),
        "loss": lambda outs, ys: functional.mean([abs(o - y) ** 2.5 for o, y in zip(outs, ys)]),
    },
    # models
    "every activation": {"model": one_of_each, "optimizer": partial(Adam, lr=0.01)},
    "several outputs": {"model": partial(network, outputs=2), "y": [[b, a * a] for a, b in X]},
    "a single neuron": {"model": partial(MLP, 2, [1], rng=0)},
    "dropout": {"model": with_dropout, "loss": cross_entropy, "y": CLASSES},
    "dropout, not shuffled, clipped": {
        "model": with_dropout, "loss": cross_entropy, "y": CLASSES, "shuffle": False,
        "max_norm": 0.5, "metrics": ["accuracy"],
    },
    "convolution": {
        "model": scores_for_images, "X": IMAGES, "loss": cross_entropy, "y": CLASSES, "epochs": 10,
    },
    "shared parameters": {"model": Shared, "l2": 0.01},
    "an output that no input changes": {"model": Deaf, "metrics": ["mae"]},
    "outputs that no input changes": {
        "model": HalfDeaf, "y": [[b, a, a * b] for a, b in X], "metrics": [first, second, third],
    },
    "frozen parameters": {"part": lambda m: m.layers[1].parameters(), "l2": 0.01, "max_norm": 0.5},
    # the data and its order
    "not shuffled": {"shuffle": False, "batch_size": 7},
    "another seed": {"seed": 5, "batch_size": 3, "optimizer": partial(Adam, lr=0.02)},
    "a last batch of one": {"batch_size": 19},
    "batches of one": {"batch_size": 1, "epochs": 10},
    "a batch larger than the data": {"batch_size": 1000},
    "one sample": {"X": X[:1], "y": Y[:1]},
    "batches of several blocks": {"X": X * 15, "y": Y * 15, "batch_size": 290, "epochs": 4},
    "arrays": {"X": np.array(X), "y": np.array(Y)},
    # everything else
    "l1 and l2": {"l1": 0.003, "l2": 0.01, "optimizer": partial(Adam, lr=0.02)},
    "l1 alone, clipped": {"l1": 0.01, "max_norm": 0.3},
    "clipped to nothing": {"max_norm": 0.0, "epochs": 3},
    "metrics and validation": {"validation": (X[:5], Y[5:10]), "metrics": ["r2", "mae"]},
    "StepLR": {"scheduler": partial(StepLR, step_size=7, gamma=0.7)},
    "cosine": {"scheduler": partial(CosineAnnealingLR, T_max=30), "optimizer": Adam},
    "plateau": {
        "optimizer": partial(SGD, lr=0.5), "validation": (X[:5], Y[:5]),
        "scheduler": partial(ReduceLROnPlateau, patience=1, factor=0.5),
    },
    "a callback that moves a parameter": {"callbacks": lambda: [move_a_weight]},
}  # fmt: skip


@pytest.mark.parametrize("settings", TRAININGS.values(), ids=TRAININGS.keys())
def test_compiled_training_leaves_the_numbers_of_training_in_python(settings):
    compiled, eager = run(True, **settings), run(False, **settings)
    assert (compiled[2].jit, eager[2].jit) == ("compiled", "in Python, as asked")
    assert_close(left(*compiled), left(*eager))


def test_early_stopping_stops_at_the_same_epoch_and_puts_the_same_parameters_back():
    settings = {
        "validation": (X[:5], Y[5:10]),  # wrong targets, so that it gets worse
        "callbacks": lambda: [EarlyStopping("val_loss", patience=2)],
    }
    compiled, eager = run(True, **settings), run(False, **settings)
    assert eager[2].stopped == "epoch 7: val_loss has not improved for 3 epochs"
    assert_close(left(*compiled), left(*eager))
    best = run(False, epochs=4)[0]  # the parameters of the fourth epoch, not of the last
    assert_close(compiled[0].state_dict(), best.state_dict())


def test_a_second_training_goes_on_from_the_first_compiled_or_not():
    def two(first, second):
        model, adam, _ = run(first, with_dropout, partial(Adam, lr=0.02), **SCORES, epochs=5)
        return left(*run(second, model, adam, **SCORES, epochs=5))

    eager = two(False, False)
    assert eager["state"]["state"][0]["step"] == 30.0
    for modes in [(True, True), (True, False), (False, True)]:
        assert_close(two(*modes), eager)


def test_training_goes_on_from_a_file(tmp_path):
    def in_two_parts(jit):
        path = tmp_path / f"{jit}.json"
        model, adam, _ = run(jit, with_dropout, partial(Adam, lr=0.02), **SCORES, epochs=5)
        save(model, path, adam)
        model = load(path)
        adam = Adam(model.parameters())
        load_state(path, adam)
        return left(*run(jit, model, adam, **SCORES, epochs=5))

    assert_close(in_two_parts(True), in_two_parts(False))


@pytest.mark.parametrize("model", [network, with_dropout_and_one_output, Deaf])
def test_the_number_of_threads_changes_no_bit(model, monkeypatch):
    monkeypatch.setattr(training, "SPREAD", 0)
    used = []
    own = training._Cores.work
    monkeypatch.setattr(training._Cores, "work", lambda *a, **k: used.append(1) or own(*a, **k))

    def bits(threads):
        settings = {"X": X * 15, "y": Y * 15, "batch_size": 300, "epochs": 3, "metrics": ["mae"]}
        return repr(left(*run(True, model, partial(Adam, lr=0.02), threads=threads, **settings)))

    one = bits(1)
    assert not used
    assert bits(2) == one
    assert bits(3) == one
    assert used


# --- when something happens ---


def exploding(rate, **settings):
    """What two trainings say and leave when the loss overflows, compiled and in Python."""
    found = []
    for jit in (True, False):
        model = MLP(2, [2, 1], "linear", output_activation="linear", rng=0)
        optimizer = SGD(model.parameters(), lr=rate, momentum=0.5)
        with pytest.raises(FloatingPointError) as error:
            run(jit, model, optimizer, **settings)
        # A product too large is inf in Python, and may vanish in a fused multiply-add.
        message = re.sub("is (inf|nan)", "is not finite", str(error.value))
        found.append((message, left(model, optimizer)))
    return found


@pytest.mark.parametrize(
    ("rate", "settings", "where"),
    [
        (1e200, {}, "epoch 1, batch 2"),
        (20.0, {}, "epoch [2-9], batch"),
        (1.0, {"X": [[1e200, 0.0]] * 3, "y": [0.0] * 3}, "epoch 1, batch 1"),
    ],
    ids=["at once", "after some epochs", "before the first step"],
)
def test_a_loss_that_is_not_finite_says_and_leaves_the_same(rate, settings, where):
    compiled, eager = exploding(rate, **settings)
    assert re.search(where, eager[0])
    assert compiled[0] == eager[0]
    assert_close(compiled[1], eager[1])
    assert all(map(math.isfinite, compiled[1]["parameters"].values()))


class Bounded(Module):
    """Its outputs are finite and the square of its weight is not."""

    def __init__(self):
        self.w = [Value(1e200)]

    def forward(self, x):
        return (self.w[0] * x[0]).tanh()


def test_a_penalty_that_overflows_ends_or_does_not_end_both_trainings():
    def end(jit):
        model = Bounded()
        sgd = SGD(model.parameters(), lr=0.05)
        try:
            run(jit, model, sgd, l2=1.0, epochs=2)
        except FloatingPointError as error:
            return str(error), left(model, sgd)
        return "", left(model, sgd)

    assert_close(end(True), end(False))


class Counting(Module):
    """Its loss falls by 1 for each of 40 parameters, whatever the sample."""

    def __init__(self):
        self.w = [Value(0.0) for _ in range(40)]

    def forward(self, x):
        return functional.sum(self.w) + 0.0 * x


def counts(model, sgd):
    """How many steps each number says were made; with momentum 1, p = -(1 + 2 + ... + m)."""
    moments = [state.get("momentum", 0.0) for state in sgd.state]
    steps = [(math.isqrt(1 - 8 * int(p.data)) - 1) / 2 for p in sgd.params]
    return {*moments, *steps}


def uphill(outs, targets):
    """The mean of the outputs."""
    return functional.mean(outs)


def momentum_1(parameters):
    return SGD(parameters, lr=1.0, momentum=1.0)


CTRL_C = """
import resource
import signal

from test_jit_fit import Counting, counts, momentum_1, predict, run, uphill

resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # should no signal ever come
model = Counting()
sgd = momentum_1(model.parameters())
settings = {"X": [1.0, 2.0], "y": [0.0, 0.0], "loss": uphill, "shuffle": False}
run(True, model, sgd, **settings, epochs=1)
try:
    print("ready", flush=True)
    run(True, model, sgd, **settings, epochs=10**8)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
(steps,) = counts(model, sgd)
print(1 <= steps < 10**8, model.training)
print(predict(model, [1.0]) == [sum(p.data for p in sgd.params)])
run(False, model, sgd, **settings, epochs=1)
print(counts(model, sgd) == {steps + 1})
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_ctrl_c_leaves_a_model_between_two_steps_that_can_be_used_and_trained():
    here = os.path.dirname(__file__)
    paths = os.pathsep.join([here, os.path.dirname(here), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-c", CTRL_C], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "ready\n"
        for _ in range(60):  # Python drops a signal that comes while a finaliser runs
            with suppress(subprocess.TimeoutExpired):
                child.wait(1.0)
            if child.poll() is not None:
                break
            child.send_signal(signal.SIGINT)
        assert child.stdout.read().split() == ["True", "False", "True", "True"]
        assert child.returncode == 0
    finally:
        child.kill()
        child.communicate()


def test_an_interrupt_at_any_call_leaves_all_parameters_of_one_step():
    model = Counting()
    sgd = momentum_1(model.parameters())
    model.train()
    trainer = Trainer(model, [1.0, 2.0], [0.0, 0.0], uphill, sgd)
    trainer.epochs([[0, 1]])
    done, calls, last, here = {1.0}, 0, 0, sys._getframe()

    def profile(frame, event, argument):
        nonlocal calls
        calls += frame is not here
        if calls == last and frame is not here:
            raise KeyboardInterrupt

    cut = True
    while cut:
        calls, last, cut = 0, last + 1, False
        sys.setprofile(profile)
        try:
            trainer.epochs([[0, 1]])
        except KeyboardInterrupt:
            cut = True
        finally:
            sys.setprofile(None)
        before, done = done, counts(model, sgd)
        assert done in (before, {steps + 1.0 for steps in before})
    assert last > 20


class Interrupting(Module):
    """Ctrl-C comes at the given call."""

    def __init__(self, call):
        self.left = call

    def forward(self, x):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return x[0]


@pytest.mark.parametrize("call", range(1, 7))
def test_an_interrupt_while_compiling_leaves_dropout_and_modes_as_they_were(call):
    hidden = Linear(2, 3, rng=0), Dropout(0.3, rng=1), Linear(3, 1, rng=2)
    model = Sequential(*hidden, Interrupting(call)).eval()
    before = [dict(vars(m)) for m in model.modules()]
    with pytest.raises(KeyboardInterrupt):
        Trainer(model, X, Y, mse_loss, sgd(model.parameters()))
    assert model.layers[-1].left == 0
    model.layers[-1].left = call
    assert [dict(vars(m)) for m in model.modules()] == before


@pytest.mark.parametrize("jit", [True, False])
def test_after_training_a_dropout_draws_by_itself(jit):
    model = run(jit, with_dropout, **SCORES, epochs=2)[0]
    assert not any("factor" in vars(m) for m in model.modules())


# --- what is compiled, and why not ---


class Branching(Module):
    """Decides by an input."""

    def __init__(self):
        self.w = Value(1.0)

    def forward(self, x):
        return self.w * x[0] if x[0] > 0.0 else self.w * x[1]


class Peeking(Branching):
    """Decides by an input's number."""

    def forward(self, x):
        return self.w * x[0] if getattr(x[0], "data", x[0]) > 0.0 else self.w * x[1]


class Switching(Branching):
    """Decides by a parameter, which training changes."""

    def forward(self, x):
        return self.w * x[0] if self.w > 0.5 else self.w * x[1]


class Sums(Module):
    """Takes samples of any length."""

    def __init__(self):
        self.w = Value(1.0)

    def forward(self, x):
        return self.w * functional.sum(x)


def with_batch_norm():
    return Sequential(Linear(2, 3, rng=0), BatchNorm(3))


def with_one_generator():
    rng = random.Random(0)
    return Sequential(Linear(2, 3, rng=0), Dropout(0.2, rng=rng), Dropout(0.2, rng=rng))


def spread(outs, targets):
    """Couples the samples: the mean's error, not the mean of errors."""
    return (functional.mean(outs) - functional.mean(targets)) ** 2


REFUSED = {
    "one generator": ({"model": with_one_generator, **SCORES}, "two Dropouts share a random gener"),
    "a branch": ({"model": Branching}, "may not branch on a Value.*use functional.where"),
    "a hidden branch": ({"model": Peeking}, "may not branch on a Value.*use functional.where"),
    "a branch on a parameter": ({"model": Switching}, "may not branch on a Value.*use functional"),
    "ragged samples": (
        {"model": Sums, "X": [x + [1.0] * (i % 2) for i, x in enumerate(X)]},
        "the samples are not numbers in lists of one shape",
    ),
}


@pytest.fixture
def eager_to_compile(monkeypatch):
    """Even a tiny training is worth compiling."""
    monkeypatch.setattr(train.steps, "WORTH_COMPILING", 0)


@pytest.mark.usefixtures("eager_to_compile")
@pytest.mark.parametrize(("settings", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_compiled_is_refused_or_runs_in_python_untouched(settings, reason):
    with pytest.raises(JitError, match=reason):
        run(True, **settings, epochs=3)
    auto, eager = run("auto", **settings, epochs=3), run(False, **settings, epochs=3)
    assert re.search(f"^in Python: .*{reason}", auto[2].jit)
    assert repr(left(*auto)) == repr(left(*eager))


@pytest.mark.usefixtures("eager_to_compile")
def test_auto_compiles_what_pays():
    assert run("auto", epochs=2)[2].jit == "compiled"
    with detect_anomaly():
        assert run("auto", epochs=2)[2].jit.startswith("in Python: detect_anomaly() watches")


def test_too_little_work_is_not_compiled():
    reason = "in Python: there is too little work for compiling to pay"
    assert run("auto", epochs=2)[2].jit == reason


def test_jit_must_be_true_false_or_auto():
    with pytest.raises(ValueError, match="jit must be True, False or \"auto\", got 'yes'"):
        run("yes")


def test_a_refused_training_leaves_the_mode_of_the_model():
    model = Branching().eval()
    with pytest.raises(JitError):
        run(True, model)
    assert not model.training


WITHOUT_LLVMLITE = """
import sys

sys.modules["llvmlite"] = None  # importing it fails
from micrograd_like import MLP, mse_loss, train

train.steps.WORTH_COMPILING = 0
settings = {"loss": mse_loss, "epochs": 1, "progress": False}
model = MLP(1, [1], rng=0)
print(train.fit(model, [[1.0]], [2.0], **settings).jit)
print(train.predict(model, [[1.0]]) == train.predict(model, [[1.0]], jit=False))
try:
    train.fit(model, [[1.0]], [2.0], **settings, jit=True)
except ImportError as error:
    print(error)
"""


def test_without_llvmlite_training_runs_in_python_and_says_so():
    command = [sys.executable, "-c", WITHOUT_LLVMLITE]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    reason = 'jit needs llvmlite: pip install "micrograd_like[jit]"'
    assert out.splitlines() == [f"in Python: {reason}", "True", reason]


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": hinge_loss, "y": [1.0] * 7 + [0.0] * 13},
        {"loss": cross_entropy, "model": three_scores, "y": [0] * 7 + [3] * 13},
        {"loss": cross_entropy, "model": three_scores, "y": [0] * 7 + [1.0] * 13},
        {"loss": binary_cross_entropy_with_logits, "y": [1.0] * 7 + [1.5] * 13},
        {"loss": mse_loss, "model": three_scores, "y": X},
    ],
    ids=["hinge", "no such class", "no class", "no probability", "shape"],
)
def test_a_wrong_target_is_the_same_error_as_in_python(settings):
    errors = []
    for jit in (True, False):
        with pytest.raises((ValueError, TypeError)) as error:
            run(jit, **settings, shuffle=False, batch_size=20)
        errors.append(repr(error.value))
    assert errors[0] == errors[1]


# --- prediction ---


def trained_batch_norm():
    model, _, _ = run(False, with_batch_norm, **SCORES, epochs=2)
    return model


PREDICTIONS = {
    "network": (network, X),
    "dropout": (with_dropout, X),
    "batch norm": (trained_batch_norm, X),
    "convolution": (scores_for_images, IMAGES),
    "one sample": (network, X[:1]),
    "an array": (network, np.array(X)),
    "function of a number": (lambda: lambda x: functional.exp(x) - x, [-1.0, 0.5, 2.0]),
    "function that returns a list": (lambda: lambda x: [x[0] * x[1], functional.tanh(x[1])], X),
    "function that returns a ragged list": (lambda: lambda x: [[x[0]], [x[1], x[0]]], X),
    "function that returns a tuple": (lambda: lambda x: (x[0], x[1] * 2.0), X),
}


def flat(x):
    return [number for part in x for number in flat(part)] if isinstance(x, list) else [x]


def shape(x):
    return [shape(part) for part in x] if isinstance(x, list) else type(x)


@pytest.mark.parametrize(("make", "samples"), PREDICTIONS.values(), ids=PREDICTIONS.keys())
def test_compiled_predictions_are_those_of_python(make, samples):
    f = make()
    compiled, eager = predict(f, samples, jit=True), predict(f, samples, jit=False)
    assert shape(compiled) == shape(eager)
    assert flat(compiled) == pytest.approx(flat(eager), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("jit", [True, False])
def test_prediction_leaves_every_module_in_its_mode(jit):
    model = trained_batch_norm().train()
    model.layers[1].eval()  # frozen, as in fine-tuning
    modes = [m.training for m in model.modules()]
    predict(model, X, jit=jit)
    assert [m.training for m in model.modules()] == modes


def test_predict_checks_its_argument_jit_as_fit_does():
    with pytest.raises(ValueError, match="jit must be True, False or \"auto\", got 'yes'"):
        predict(network(), X, jit="yes")


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_estimators_predict_the_same_compiled_and_in_python(kind, monkeypatch):
    samples, targets = np.array(X * 5), np.array((CLASSES if kind is MLPClassifier else Y) * 5)
    found = []
    for least, says in ((0, "compiled"), (10**12, "in Python: there is too little work")):
        monkeypatch.setattr(train.steps, "WORTH_COMPILING", least)
        model = kind((4,), max_iter=5, random_state=0).fit(samples, targets)
        assert model.history_.jit.startswith(says)
        found.append(model.predict(samples).tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-9)


WATCHED = {
    "a callback": {"callbacks": [lambda model, history: None]},
    "a record": {"record": 3},
    "validation": {"validation": ([[0.5, -0.5]], [0.25])},
    "validation and a callback": {
        "validation": ([[0.5, -0.5]], [0.25]), "callbacks": [lambda model, history: None],
    },
    "a metric": {"metrics": ["r2"]},
}  # fmt: skip


@pytest.mark.parametrize("watched", WATCHED.values(), ids=WATCHED)
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_who_looks_in_between_changes_no_bit(kind, watched):
    rng = random.Random(0)
    X = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(20)]
    y = [a * b for a, b in X]

    def trained(**more):
        model = MLP(2, [4, 1], rng=0)
        optimizer = kind(model.parameters(), lr=0.05)
        history = fit(model, X, y, mse_loss, optimizer, epochs=30, batch_size=7, jit=True,
                      progress=False, **more)  # fmt: skip
        assert history.jit == "compiled"
        grads = [p.grad for p in model.parameters()]
        return history["loss"], model.state_dict(), grads, optimizer.state_dict()

    assert trained(**watched) == trained()
