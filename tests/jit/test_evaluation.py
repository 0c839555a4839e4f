"""What is held out, evaluated by machine code: the numbers of Python, after every epoch."""

import math
import random

import pytest
from helpers.compare import differences

from micrograd_like import Value, functional
from micrograd_like.jit import evaluation, native
from micrograd_like.losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from micrograd_like.nn import MLP, Activation, BatchNorm, Dropout, Linear, Module, Sequential
from micrograd_like.optim import SGD, ReduceLROnPlateau
from micrograd_like.train import EarlyStopping, evaluate, fit

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(20)]
Y = [a * b for a, b in X]
SIGNS = [float(y > 0.0) for y in Y]
CLASSES = [int(a > 0.5) + int(b > 0.0) for a, b in X]
HELD = X[12:]


class First(Module):
    """The first number of a list."""

    def forward(self, x):
        return x[0]


class Noisy(Module):
    """Another function in evaluation, with a plain number that it keeps."""

    def __init__(self):
        self.w, self.b, self.shift = Value(0.4), Value(0.1), 0.5

    def forward(self, x):
        y = self.w * x[0] + self.b
        return y.tanh() if self.training else y * self.shift


class Learnable:
    """A loss with a parameter that is trained too."""

    def __init__(self):
        self.s = Value(0.2)

    def __call__(self, outputs, targets):
        return (-self.s).exp() * mse_loss(outputs, targets) + self.s


def with_dropout():
    return Sequential(Linear(2, 3, rng=0), Dropout(0.4, rng=1), Linear(3, 1, rng=2), First())


def with_batch_norm():
    layers = Linear(2, 3, rng=0), BatchNorm(3, momentum=0.4), Activation("tanh")
    return Sequential(*layers, Linear(3, 1, rng=2), First())


def network(outputs=1):
    return MLP(2, [4, outputs], output_activation="linear", rng=0)


def spread(outputs, targets):
    """Not a mean over the samples."""
    return (functional.mean(outputs) - functional.mean(targets)) ** 2


CASES = {
    "a network": (network, mse_loss, Y, {"metrics": ["r2", "mae"]}),
    "logits": (network, binary_cross_entropy_with_logits, SIGNS, {"metrics": ["accuracy"]}),
    "classes": (lambda: network(3), cross_entropy, CLASSES, {"metrics": ["accuracy"]}),
    "Dropout": (with_dropout, mse_loss, Y, {"metrics": ["mae"]}),
    "BatchNorm": (with_batch_norm, mse_loss, Y, {"metrics": ["mae"], "batch_size": 10}),
    "another function": (Noisy, mse_loss, Y, {}),
    "a coupled loss": (network, spread, Y, {"metrics": ["mae"], "batch_size": 6}),
    "a loss with a parameter": (network, Learnable(), Y, {}),
    "frozen parameters": (network, mse_loss, Y, {"part": lambda m: m.layers[1].parameters()}),
    "a schedule": (network, mse_loss, Y, {"lr": 0.8, "plateau": True}),
    "a metric of one's own": (
        network, mse_loss, Y, {"metrics": [("worst", lambda o, t: max(o) - min(t))]}
    ),
}  # fmt: skip


def trained(case, jit, callbacks=()):
    make, loss, y, options = case
    options, model = dict(options), make()
    sgd = SGD(options.pop("part", type(model).parameters)(model), lr=options.pop("lr", 0.05))
    if options.pop("plateau", False):
        options["scheduler"] = ReduceLROnPlateau(sgd, patience=0, factor=0.3)
    history = fit(
        model, X, y, loss, sgd, epochs=6, jit=jit, progress=False, validation=(HELD, y[:8]),
        callbacks=callbacks, **options,
    )  # fmt: skip
    return history, model


@pytest.fixture
def python_evaluates_nothing(monkeypatch):
    """Every evaluation by Python is an error."""

    def refused(*args, **options):
        raise AssertionError("Python evaluates")

    monkeypatch.setattr("micrograd_like.train.metrics.evaluate", refused)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_held_out_gets_the_numbers_of_python(case, request):
    python, model = trained(case, False)
    request.getfixturevalue("python_evaluates_nothing")
    compiled, again = trained(case, True)
    assert compiled.jit == "compiled"
    columns = [{k: h[k] for k in h if k != "time"} for h in (python, compiled)]
    assert list(columns[0]) == list(columns[1])
    assert not differences(columns[1], columns[0])
    assert not differences(again.state_dict(), model.state_dict())
    assert "val_loss" in columns[0]


def test_a_model_that_computes_the_same_in_evaluation_is_not_compiled_again(monkeypatch):
    made, own = [], evaluation.Native
    monkeypatch.setattr(evaluation, "Native", lambda *args: made.append(1) or own(*args))
    trained(CASES["a network"], True)
    assert not made
    trained(CASES["Dropout"], True)
    assert made


class Hidden:
    """Nobody can see what is in it."""

    __slots__ = ("_number",)


@pytest.mark.parametrize("what", ["an attribute", "what cannot be seen"])
def test_what_a_callback_changes_is_evaluated_so_from_the_next_epoch_on(what):
    hidden = Hidden()

    class Shifted(Noisy):
        def forward(self, x):
            y = super().forward(x)
            return y if self.training else y + hidden._number

    def change(model, history):
        if what == "an attribute":
            model.shift = -1.0 * len(history)
        else:
            hidden._number = 1.0 * len(history)

    found = []
    for jit in (False, True):
        hidden._number = 0.0
        history, _ = trained((Shifted, mse_loss, Y, {}), jit, [change])
        found.append(history["val_loss"])
    assert found[1] == pytest.approx(found[0], rel=1e-9)
    assert history.jit == "compiled"


class Deciding(Noisy):
    """It can be compiled in training only."""

    def forward(self, x):
        y = self.w * x[0] + self.b
        return y if self.training or y.data > 0.0 else y * 0.5


def test_a_model_whose_evaluation_cannot_be_compiled_is_evaluated_in_python():
    (python, _), (compiled, _) = [
        trained((Deciding, mse_loss, Y, {}), jit) for jit in (False, True)
    ]
    assert compiled.jit == "compiled"
    assert compiled["val_loss"] == pytest.approx(python["val_loss"], rel=1e-9)


def test_an_evaluation_that_is_refused_leaves_no_trace():
    class Counting(Noisy):
        seen = 0

        def forward(self, x):
            if not self.training:
                self.seen += 1
            return super().forward(x)

    model = Counting()
    history = fit(
        model, X, Y, mse_loss, SGD(model.parameters()), epochs=2, jit=True, progress=False,
        validation=(HELD, Y[:8]),
    )  # fmt: skip
    assert history.jit == "compiled"
    assert vars(model).keys() == {"w", "b", "shift", "training", "seen"}
    assert model.seen == 2 * len(HELD)


def test_the_best_epoch_is_that_of_python_and_its_parameters_come_back():
    def stopped(jit):
        stop = EarlyStopping("val_loss", patience=1)
        history, model = trained((network, mse_loss, Y, {"lr": 0.3}), jit, [stop])
        return [stop.best, model.state_dict()], stop.best_epoch, model, history

    (compiled, at, model, _), (python, epoch, _, _) = stopped(True), stopped(False)
    assert at == epoch
    assert not differences(compiled, python)
    assert evaluate(model, HELD, Y[:8], mse_loss)["loss"] == pytest.approx(compiled[0], rel=1e-9)


def test_a_loss_that_becomes_nan_on_what_is_held_out_does_so_in_both_ways():
    held = [[1e200, 0.0]] * 8, Y[:8]
    found = [
        fit(
            model := network(), X, Y, mse_loss, SGD(model.parameters(), lr=0.01), epochs=2, jit=jit,
            progress=False, validation=held,
        )["val_loss"]
        for jit in (False, True)
    ]  # fmt: skip
    assert not differences(found[1], found[0])


def test_two_hundred_epochs_take_no_longer_for_being_looked_at(monkeypatch):
    calls, own = [], native.Native.__call__
    monkeypatch.setattr(native.Native, "__call__", lambda *args: calls.append(1) or own(*args))
    model = network()
    history = fit(
        model, X, SIGNS, mse_loss, SGD(model.parameters(), lr=0.01), epochs=200, jit=True,
        progress=False, validation=(HELD, SIGNS[:8]), metrics=["accuracy"],
    )  # fmt: skip
    assert len(history["val_accuracy"]) == 200
    assert len(calls) < 210  # one for each epoch, some for the comparison
    assert len(set(history["time"])) < 20  # several epochs at a time
    assert math.isfinite(history["val_loss"][-1])
