"""A fit that fails changes nothing of the model but numbers: of every module, every attribute."""

import math
import random

import pytest

from micrograd_like import Value
from micrograd_like.jit import JitError, training
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, BatchNorm, Dropout, Linear, Module, Sequential
from micrograd_like.optim import SGD
from micrograd_like.train import fit

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(10)]
Y = [a * b for a, b in X]


class Own(Module):
    """A module with attributes of every kind, some of which its calls change."""

    def __init__(self):
        self.w, self.parts, self.names = Value(0.4), [Value(0.1), [Value(0.2)]], {"a": 1.0}
        self.calls, self.rng, self.best, self.norm = 0, random.Random(4), None, Linear(2, 1, rng=0)

    def forward(self, x):
        self.calls += 1
        self.names["b"] = self.best = self.rng.random()
        return self.norm(x)[0] * self.w + self.parts[0] + self.parts[1][0]


MODELS = {
    "a network": lambda: MLP(2, [3, 1], output_activation="linear", rng=0),
    "half in evaluation": lambda: Sequential(Linear(2, 2, rng=0), Linear(2, 1, rng=1).eval()),
    "Dropout": lambda: Sequential(Linear(2, 2, rng=0), Dropout(0.5, rng=1), Linear(2, 1, rng=2)),
    "BatchNorm": lambda: Sequential(Linear(2, 2, rng=0), BatchNorm(2), Linear(2, 1, rng=1)).eval(),
    "attributes": Own,
}


def content(x):
    """All that is in an object, to be compared: Values by identity."""
    if isinstance(x, Module):
        return type(x), {name: content(part) for name, part in vars(x).items()}
    if isinstance(x, dict):
        return {name: content(part) for name, part in x.items()}
    if isinstance(x, list | tuple):
        return [content(part) for part in x]
    return x.getstate() if isinstance(x, random.Random) else id(x) if isinstance(x, Value) else x


def branches(outputs, targets):
    """It decides by a number."""
    first = outputs[0][0] if isinstance(outputs[0], list) else outputs[0]
    return mse_loss(outputs, targets) * (2.0 if first.data > 0.0 else 1.0)


def breaks(outputs, targets, **_):
    raise ZeroDivisionError("mine")


def is_nan(outputs, targets):
    return mse_loss(outputs, targets) * math.nan


def rises(outputs, targets, calls=[0]):  # noqa: B006
    """Another function at every call."""
    calls[0] += 1
    return mse_loss(outputs, targets) * calls[0]


class OwnStep(SGD):
    def step(self):
        super().step()


FAILURES = {
    "a branch": {"loss": branches},
    "an error in the loss": {"loss": breaks},
    "another function at every call": {"loss": rises},
    "nan": {"loss": is_nan},
    "an optimizer's own step": {"optimizer": OwnStep},
    "ragged samples": {"X": [x + [1.0] * (i % 2) for i, x in enumerate(X)]},
    "wrong targets": {"y": [[y, y] for y in Y]},
    "LLVM": {"llvm": True},
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_training_that_cannot_be_compiled_leaves_every_attribute(failure, model, monkeypatch):
    if "llvm" in failure:
        monkeypatch.setattr(training, "Native", breaks)
    model = model()
    before, numbers = content(model), model.state_dict()
    modes = [m.training for m in model.modules()]
    options = {"X": X, "y": Y, "loss": mse_loss, "optimizer": SGD, "batch_size": 4, **failure}
    options.pop("llvm", None)
    sgd = options.pop("optimizer")(model.parameters(), lr=0.1)
    kinds = (JitError, ZeroDivisionError, FloatingPointError, ValueError)
    with pytest.raises(kinds):
        fit(model, **options, optimizer=sgd, epochs=2, jit=True, progress=False)
    after = content(model)
    if failure != FAILURES["nan"]:  # Python takes its first step, too, before it sees that
        assert model.state_dict() == numbers
        assert after == before
    else:
        weights = dict(model.named_parameters())
        assert {name: p.data for name, p in weights.items()} == {n: numbers[n] for n in weights}
        assert [m.training for m in model.modules()] == modes


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_an_error_between_the_epochs_leaves_every_attribute_but_what_training_moves(model):
    for jit in (False, "auto"):
        made = model()
        before = [m.training for m in made.modules()]
        with pytest.raises(ArithmeticError, match="mine"):
            fit(
                made, X, Y, mse_loss, SGD(made.parameters()), epochs=2, jit=jit, progress=False,
                metrics=[("bad", lambda outputs, targets: (_ for _ in ()).throw(
                    ArithmeticError("mine")))],
            )  # fmt: skip
        assert [m.training for m in made.modules()] == before
        assert not any("factor" in vars(m) or "keep" in vars(m) for m in made.modules())
