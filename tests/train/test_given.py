"""What fit refuses: what cannot train, in one sentence, the same in Python and compiled."""

import math
import re

import pytest
from helpers.training import X, Y, network

from micrograd_like.engine import Value, no_grad
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, Module
from micrograd_like.optim import SGD, Adam, StepLR
from micrograd_like.train import EarlyStopping, fit


def other():
    return network(rng=1).parameters()


def with_others(m):
    return {"optimizer": SGD([*m.parameters(), *other()], lr=0.1)}


def of_another(m):
    return {"optimizer": SGD(other(), lr=0.1)}


class Cut(Module):
    """Nothing of what it computes depends on its parameter."""

    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        return x[0] * 1.0


def constant(outputs, targets):
    return mse_loss([0.5], [1.0])


def another_scheduler(m):
    return {"scheduler": StepLR(SGD(other(), lr=0.1), 2)}


REFUSED = {
    "none of the model's": (of_another, ValueError,
        "none of the optimizer's 21 parameters is one of the model's 21: make the optimizer from "
        "model.parameters()"),
    "some of another's": (with_others, ValueError,
        "parameter 21 of the optimizer is not one of the model's, and the loss does not depend on "
        "it: make the optimizer from model.parameters()"),
    "a text as optimizer": (lambda m: {"optimizer": "adam"}, TypeError,
        "optimizer must be an optimizer such as Adam(model.parameters()), or its class, got str "
        "'adam'"),
    "a class that is none": (lambda m: {"optimizer": MLP}, TypeError,
        "optimizer must be an optimizer such as Adam(model.parameters()), or its class, got the "
        "class MLP"),
    "l1": (lambda m: {"l1": -0.1}, ValueError,
        "l1 must be a finite number of at least 0, got -0.1"),
    "l2": (lambda m: {"l2": math.nan}, ValueError,
        "l2 must be a finite number of at least 0, got nan"),
    "max_norm": (lambda m: {"max_norm": -1.0}, ValueError,
        "max_norm must be a finite number of at least 0, got -1.0"),
    "max_norm nan": (lambda m: {"max_norm": math.nan}, ValueError,
        "max_norm must be a finite number of at least 0, got nan"),
    "threads": (lambda m: {"threads": 0}, ValueError,
        "threads must be an int of at least 1, got 0"),
    "threads 1.5": (lambda m: {"threads": 1.5}, ValueError,
        "threads must be an int of at least 1, got 1.5"),
    "epochs": (lambda m: {"epochs": True}, ValueError,
        "epochs must be an int of at least 1, got True"),
    "batch_size": (lambda m: {"batch_size": "8"}, ValueError,
        "batch_size must be an int of at least 1, got '8'"),
    "record": (lambda m: {"record": "2"}, ValueError,
        "record must be an int of at least 1, got '2'"),
    "record None": (lambda m: {"record": None}, ValueError,
        "record must be an int of at least 1, got None"),
    "shuffle": (lambda m: {"shuffle": "no"}, ValueError,
        "shuffle must be True or False, got 'no'"),
    "progress": (lambda m: {"progress": 0}, ValueError,
                 'progress must be True, False or "lines", got 0'),
    "another progress": (lambda m: {"progress": "bars"}, ValueError,
                         'progress must be True, False or "lines", got \'bars\''),
    "seed": (lambda m: {"seed": 1.5}, ValueError, "seed must be an int, got float 1.5"),
    "seed None": (lambda m: {"seed": None}, ValueError, "seed must be an int, got NoneType None"),
    "a scheduler of another": (another_scheduler, ValueError,
        "the StepLR changes the learning rate of another optimizer: make it from the one that is "
        "given to fit"),
    "a scheduler's class": (lambda m: {"scheduler": StepLR}, TypeError,
        "scheduler must have a step() method, such as StepLR(optimizer, 10), got the class StepLR"),
    "no scheduler": (lambda m: {"scheduler": 0.1}, TypeError,
        "scheduler must have a step() method, such as StepLR(optimizer, 10), got float 0.1"),
    "a callback that is none": (lambda m: {"callbacks": ["stop"]}, TypeError,
        "callbacks must be functions of (model, history), got str 'stop'"),
    "a callback's class": (lambda m: {"callbacks": [EarlyStopping]}, TypeError,
        "callbacks must be functions of (model, history), got the class EarlyStopping"),
    "one callback": (lambda m: {"callbacks": print}, TypeError,
        f"callbacks must be a list, got {type(print).__name__} {print!r}: write [callback]"),
    "one metric": (lambda m: {"metrics": "mae"}, TypeError,
        "metrics must be a list, got str 'mae': write [metric]"),
    "validation": (lambda m: {"validation": X}, TypeError,
        "validation must be a pair (X, y), got list of 30"),
    "validation of one": (lambda m: {"validation": (X,)}, TypeError,
        "validation must be a pair (X, y), got tuple of 1"),
    "loss": (lambda m: {"loss": "mse"}, TypeError,
        "loss must be a function of outputs and targets, such as mse_loss, got str 'mse'"),
    "a loss of nothing": (lambda m: {"loss": lambda o, t: None}, TypeError,
        "the loss must return one Value, the mean over the batch, got NoneType None"),
    "a loss of each": (lambda m: {"loss": lambda o, t: [*t]}, TypeError,
        "the loss must return one Value, the mean over the batch, got list ["),
    "a constant loss": (lambda m: {"loss": constant}, ValueError,
        "no gradient reaches a parameter of the optimizer: the loss does not depend on them; is "
        "it computed from .data, of detached Values, or inside no_grad()?"),
    "a plain number": (lambda m: {"loss": lambda o, t: 1.0}, ValueError,
        "no gradient reaches a parameter of the optimizer: the loss does not depend on them"),
    "jit": (lambda m: {"jit": 1}, ValueError, 'jit must be True, False or "auto", got 1'),
    "a model's class": (lambda m: {"model": MLP}, TypeError,
        "model must be an nn.Module, got the class MLP"),
    "no model": (lambda m: {"model": math.sin}, TypeError, "model must be an nn.Module, got "),
}  # fmt: skip


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("options", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_train_is_refused_in_one_sentence_and_changes_nothing(
    options, error, message, jit
):
    model = network()
    options = {"epochs": 2, "progress": False, "loss": mse_loss, "jit": jit, **options(model)}
    options.setdefault("optimizer", SGD(model.parameters(), lr=0.1))
    before = model.state_dict(), [dict(vars(m)) for m in model.modules()]
    with pytest.raises(error, match=re.escape(message)):
        fit(options.pop("model", model), X, Y, **options)
    assert (model.state_dict(), [dict(vars(m)) for m in model.modules()]) == before
    good = {"loss": mse_loss, "optimizer": SGD(model.parameters(), lr=0.1), "epochs": 2}
    history = fit(model, X, Y, progress=False, jit=jit, **good)
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.parametrize("jit", [False, True])
def test_a_model_that_computes_without_its_parameters_is_refused(jit):
    with pytest.raises(ValueError, match="no gradient reaches a parameter of the optimizer"):
        fit(Cut(), X, Y, mse_loss, epochs=1, progress=False, jit=jit)


@pytest.mark.parametrize("jit", [False, True])
def test_training_inside_no_grad_is_refused(jit):
    model = network()
    with no_grad(), pytest.raises(ValueError, match=r"fit cannot train inside no_grad\(\)"):
        fit(model, X, Y, mse_loss, epochs=1, progress=False, jit=jit)


@pytest.mark.parametrize("jit", [False, True])
def test_an_idle_parameter_and_one_of_the_loss_are_welcome(jit):
    model, weight = network(), Value(0.1)
    model.idle = Value(3.0)

    def loss(outputs, targets):
        return (-weight).exp() * mse_loss(outputs, targets) + weight

    fit(model, X, Y, loss, Adam([weight, *model.parameters()]), epochs=2, progress=False, jit=jit)
    assert weight.data != 0.1
    assert model.idle.data == 3.0


def test_a_weight_that_only_another_batch_needs_is_welcome():
    model, weights = network(), [Value(1.0), Value(1.0)]
    y = [0.5] * 15 + [-0.5] * 15

    def loss(outputs, targets):
        return mse_loss([weights[t > 0] * o for o, t in zip(outputs, targets)], targets)

    sgd = SGD([*model.parameters(), *weights], lr=0.1)
    fit(model, X, y, loss, sgd, epochs=1, batch_size=15, shuffle=False, progress=False)
    assert weights[0].data != 1.0 != weights[1].data


@pytest.mark.parametrize("jit", [False, True])
def test_a_training_that_fails_leaves_every_module_in_its_mode(jit):
    model = network()
    model.layers[1].eval()
    before = [dict(vars(m)) for m in model.modules()]

    def broken(model, history):
        raise ArithmeticError("mine")

    with pytest.raises(ArithmeticError, match="mine"):
        fit(model, X, Y, mse_loss, epochs=2, progress=False, jit=jit, callbacks=[broken])
    assert [dict(vars(m)) for m in model.modules()] == before
    assert len(fit(model, X, Y, mse_loss, epochs=2, progress=False, jit=jit)) == 2


def test_a_scheduler_given_to_a_second_training_goes_on_as_torchs():
    model = network()
    sgd = SGD(model.parameters(), lr=0.1)
    schedule = StepLR(sgd, 2, gamma=0.1)
    rates = [
        fit(model, X, Y, mse_loss, sgd, epochs=3, scheduler=schedule, progress=False)["lr"]
        for _ in range(2)
    ]
    assert rates[0] + rates[1] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
