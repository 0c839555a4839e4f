"""Trainings drawn by hypothesis, to be run in Python and compiled: what may be given to fit.

A Case is plain data, so that hypothesis can make it smaller. ``outcome`` runs it and returns all
that it leaves, or the error.
"""

import math
import random
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from micrograd_like import functional as F
from micrograd_like.engine import Value
from micrograd_like.losses import huber_loss, l1_loss, mse_loss
from micrograd_like.nesting import flat, map_nested
from micrograd_like.nn import MLP, Dropout, Linear, Module, Sequential
from micrograd_like.optim import (
    CosineAnnealingLR,
    ExponentialLR,
    ReduceLROnPlateau,
    StepLR,
)
from micrograd_like.train import EarlyStopping, fit

from .known_optimizers import OPTIMISERS
from .layers import ROWS, numbers

N = 7  # samples

# --- models ---


class Scaled(Module):
    """Every number of a list times a parameter and a plain factor."""

    factor = 1.0

    def __init__(self):
        self.w, self.shift, self.shifts = Value(0.8), 0.25, [0.5, -0.5]

    def forward(self, x):
        if self.training:
            return map_nested(lambda v: v * self.w * self.factor + self.shift * self.shifts[0], x)
        return map_nested(lambda v: v * self.w * self.factor, x)


class Tied(Module):
    """One layer twice, one Value in two places."""

    def __init__(self):
        self.layer, self.scale = Linear(2, 2, rng=0), Value(0.7)
        self.again, self.shift = self.scale, 0.0

    def forward(self, x):
        for _ in range(2):
            x = [v.tanh() * self.scale for v in self.layer(x)]
        return x[0] - x[1] * self.again + self.shift


class Unreached(Module):
    """One of its parameters and one of its inputs change nothing."""

    def __init__(self):
        self.w, self.idle, self.shift = Value(0.4), Value(0.3), 0.1

    def forward(self, x):
        return [(self.w * x[0]).sin() + self.shift, self.w * self.w]


class Counting(Module):
    """Counts its calls, and looks at the count: no program can."""

    def __init__(self):
        self.w, self.calls = Value(0.5), 0

    def forward(self, x):
        self.calls += 1
        return self.w * x[0] * (1.0 + 0.01 * self.calls)


MODELS = {
    "an MLP": lambda: MLP(2, [3, 1], output_activation="linear", rng=0),
    "an MLP with two outputs": lambda: MLP(2, [3, 2], ["silu"], "linear", rng=1),
    "a single neuron": lambda: MLP(2, [1], rng=2),
    "Dropout": lambda: Sequential(Linear(2, 4, rng=0), Dropout(0.3, rng=1), Linear(4, 1, rng=2)),
    "a module": lambda: Sequential(Linear(2, 3, rng=3), Scaled()),
    "tied weights": Tied,
    "an idle parameter": Unreached,
    "a count of calls": Counting,
}
LAYERS = {name: row for name, row in ROWS.items() if "saved" not in name}


def model_and_samples(name):
    """A model, N samples for it and targets of the shape of its outputs."""
    if name in MODELS:
        model, X = MODELS[name](), numbers((N, 2))
    else:
        model = Sequential(LAYERS[name].make(), Scaled())
        X = numbers((N, *LAYERS[name].batch[1:]))
        rng = random.Random(1)
        for p in model.parameters():  # the row's own numbers may be drawn anew each time
            p.data = rng.uniform(-1.0, 1.0)
    model.eval()
    rng = random.Random(2)
    y = [map_nested(lambda v: rng.uniform(-1.0, 1.0), model(x)) for x in X]
    with suppress(AttributeError):
        model.calls = 0
    return model, X, y


# --- losses; each may read a box, which callbacks change ---


def _flat_loss(loss, outputs, targets):
    return loss(list(map(flat, outputs)), list(map(flat, targets)))


RATE = 0.5


class Weighted:
    """A loss that is an object, and has one as a method."""

    def __init__(self, box):
        self.weight, self.box = 1.5, box

    def __call__(self, outputs, targets):
        return self.weight * _flat_loss(mse_loss, outputs, targets)

    def method(self, outputs, targets):
        return self(outputs, targets) * 2.0 + self.box["rate"]


def _learnable(model, box):
    return lambda o, t: (-box["s"]).exp() * _flat_loss(mse_loss, o, t) + box["s"]


def _penalised(model, box):
    weights = model.parameters()
    return lambda o, t: _flat_loss(mse_loss, o, t) + box["rate"] * F.dot(weights, weights)


def _with_default(model, box):
    def loss(outputs, targets, rate=0.5, *, shares=(0.25, 0.75)):
        a, b = _flat_loss(mse_loss, outputs, targets), _flat_loss(l1_loss, outputs, targets)
        return shares[0] * a + shares[1] * b * rate

    return loss


def _by_the_size(model, box):
    return lambda o, t: F.sum([_flat_loss(mse_loss, [a], [b]) for a, b in zip(o, t)]) / 3.0


def _with_detached(model, box):
    return lambda o, t: _flat_loss(mse_loss, o, t) + 0.1 * model.parameters()[0].detach() ** 2


def _frozen_number(model, box):
    return lambda o, t: _flat_loss(mse_loss, o, t) * (1.0 + model.parameters()[0].data ** 2)


LOSSES = {
    "mse": lambda model, box: partial(_flat_loss, mse_loss),
    "huber": lambda model, box: partial(_flat_loss, partial(huber_loss, delta=0.4)),
    "learnable": _learnable,
    "a penalty": _penalised,
    "a closed-over list": lambda model, box: (
        lambda o, t: box["list"][0] * _flat_loss(mse_loss, o, t)
    ),
    "a global": lambda model, box: lambda o, t: RATE * _flat_loss(mse_loss, o, t),
    "defaults": _with_default,
    "an object": lambda model, box: Weighted(box),
    "a bound method": lambda model, box: Weighted(box).method,
    "a namespace": lambda model, box: lambda o, t: box["space"].rate * _flat_loss(mse_loss, o, t),
    "a sum by three": _by_the_size,
    "something detached": _with_detached,
    "a parameter's number": _frozen_number,
}

# --- what a callback changes ---


def _set(name, number):
    def change(s):
        if name in vars(s.optimizer):
            setattr(s.optimizer, name, number)

    return change


def _scaled(name, number):
    """An attribute of the modules that have it."""

    def change(s):
        for m in s.model.modules():
            if hasattr(m, name):
                setattr(m, name, number)

    return change


def _in_box(key, number):
    def change(s):
        if key == "space":
            s.box["space"].rate = number
        elif key == "list":
            s.box["list"][0] = number
        else:
            s.box[key] = number

    return change


def _global(number):
    def change(s):
        global RATE
        RATE = number

    return change


def _of_loss(number):
    def change(s):
        loss = getattr(s.loss, "__self__", s.loss)
        if isinstance(loss, Weighted):
            loss.weight = number
        elif getattr(loss, "__kwdefaults__", None):
            loss.__defaults__, loss.__kwdefaults__ = (number,), {"shares": (number, 0.5)}

    return change


def _moved(s):
    s.optimizer.params[0].data = 0.125


def _replaced(s):
    for m in s.model.modules():
        for name, x in vars(m).items():
            if isinstance(x, Value):
                setattr(m, name, Value(0.375))
                return


def _forgotten(s):
    s.optimizer.state = [{} for _ in s.optimizer.params]


def _loaded(s):
    state = s.optimizer.state_dict()
    s.optimizer.load_state_dict(state | {"lr": 0.5 * state["lr"]})


def _nesterov(s):
    if hasattr(s.optimizer, "nesterov"):
        s.optimizer.momentum, s.optimizer.dampening, s.optimizer.nesterov = 0.5, 0.0, True


def _another_class(s):
    s.optimizer.__class__.decoupled_before = True  # an attribute that nothing reads
    del s.optimizer.__class__.decoupled_before
    if hasattr(s.optimizer, "betas"):
        s.optimizer.decoupled = not s.optimizer.decoupled


CHANGES = {
    "lr": _set("lr", 0.01), "lr 0": _set("lr", 0.0),
    "momentum": _set("momentum", 0.6), "no momentum": _set("momentum", 0.0),
    "dampening": _set("dampening", 0.2), "weight_decay": _set("weight_decay", 0.3),
    "no decay": _set("weight_decay", 0.0), "alpha": _set("alpha", 0.7), "eps": _set("eps", 0.05),
    "centered": _set("centered", True), "not centered": _set("centered", False),
    "betas": _set("betas", (0.5, 0.6)), "beta 0": _set("betas", (0.0, 0.9)),
    "nesterov": _nesterov, "not nesterov": _set("nesterov", False), "decoupled": _another_class,
    "an attribute": _scaled("shift", 0.75), "an attribute of a class": _scaled("factor", 1.5),
    "a list of the model": lambda s: [
        m.shifts.__setitem__(0, 0.9) for m in s.model.modules() if hasattr(m, "shifts")],
    "Dropout's p": _scaled("p", 0.6), "evaluation": lambda s: s.model.eval(),
    "half evaluation": lambda s: s.model.modules()[-1].eval(),
    "a moved parameter": _moved, "a replaced Value": _replaced,
    "an attribute nobody reads": lambda s: setattr(s.model, "epoch", 3),
    "the list": _in_box("list", 0.3), "the rate": _in_box("rate", 0.02),
    "the namespace": _in_box("space", 0.7), "the global": _global(0.9), "the loss": _of_loss(0.8),
    "a state of nothing": _forgotten, "a loaded state": _loaded,
    "the samples": lambda s: s.X[0].__setitem__(0, s.X[1][0]),
    "another activation": lambda s: [
        setattr(m, "_activate", Value.sin) for m in s.model.modules() if hasattr(m, "_activate")],
}  # fmt: skip

SCHEDULERS = {
    "none": None,
    "StepLR": partial(StepLR, step_size=1, gamma=0.7),
    "ExponentialLR": partial(ExponentialLR, gamma=0.8),
    "cosine": partial(CosineAnnealingLR, T_max=3, eta_min=0.001),
    "plateau": partial(ReduceLROnPlateau, patience=0, factor=0.5, threshold=0.3),
}
OPTIMISER_SETTINGS = {
    "lr": st.sampled_from([0.05, 0.02, 0.1]),
    "momentum": st.sampled_from([0.0, 0.9, 0.5]),
    "weight_decay": st.sampled_from([0.0, 0.1]),
    "eps": st.sampled_from([1e-3, 1e-5]),
    "alpha": st.sampled_from([0.9, 0.5]),
    "betas": st.sampled_from([(0.9, 0.99), (0.0, 0.5), (0.5, 0.3)]),
}


class Case(NamedTuple):
    """One training."""

    model: str
    loss: str
    optimizer: tuple[int, dict[str, Any]]  # a row of OPTIMISERS, other settings
    part: int  # which parameters are trained: a seed, 0 for all in order
    changes: list[tuple[int, str]]  # after which epoch, what
    scheduler: str
    options: dict[str, Any]
    fits: list[int]  # epochs of each
    validation: bool
    stop: bool


def _settings(row):
    ours = OPTIMISERS[row][0]
    known = {name: x for name, x in OPTIMISER_SETTINGS.items() if name in ours.settings}
    if OPTIMISERS[row][2].get("nesterov"):
        known.pop("momentum", None)
    return st.tuples(st.just(row), st.fixed_dictionaries({}, optional=known))


CASES = st.builds(
    Case,
    model=st.sampled_from([*MODELS, *MODELS, *LAYERS]),
    loss=st.sampled_from(sorted(LOSSES)),
    optimizer=st.integers(0, len(OPTIMISERS) - 1).flatmap(_settings),
    part=st.sampled_from([0, 0, 1, 2]),
    changes=st.one_of(st.just([]), *[st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(sorted(CHANGES))), min_size=n, max_size=n)
        for n in (1, 2, 3)]),
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
    options=st.fixed_dictionaries(
        {"batch_size": st.sampled_from([1, 2, 3, 7, 100])},
        optional={
            "shuffle": st.booleans(), "seed": st.integers(0, 3), "l1": st.just(0.01),
            "l2": st.just(0.05), "max_norm": st.sampled_from([0.1, 1.0]), "record": st.just(2),
            "metrics": st.just(["mae"]),
        }),
    fits=st.sampled_from([[4], [4], [2, 3]]),
    validation=st.booleans(),
    stop=st.booleans(),
)  # fmt: skip


def mae(outputs, targets):
    """The mean absolute error of outputs of any nesting."""
    pairs = list(zip(flat(outputs), flat(targets)))
    return math.fsum([abs(a - b) for a, b in pairs]) / len(pairs)


def outcome(case: Case, jit: bool | str) -> Any:
    """What a training leaves, how it ran, and its error."""
    global RATE
    RATE = 0.5
    model, X, y = model_and_samples(case.model)
    box = {"s": Value(0.1), "rate": 0.1, "list": [0.8], "space": SimpleNamespace(rate=1.2)}
    loss, params = LOSSES[case.loss](model, box), model.parameters()
    if case.part:
        rng = random.Random(case.part)
        params = rng.sample(params, rng.randint(1, len(params)))
    if case.loss == "learnable":
        params = [*params, box["s"]]
    ours, _, options = OPTIMISERS[case.optimizer[0]]
    optimizer = ours(params, **options | case.optimizer[1])
    scheduler = SCHEDULERS[case.scheduler] and SCHEDULERS[case.scheduler](optimizer)
    seen = SimpleNamespace(model=model, loss=loss, optimizer=optimizer, box=box, X=X)

    def change(model, history):
        for epoch, name in case.changes:
            if epoch == len(history):
                CHANGES[name](seen)

    change.start = change  # before the first epoch
    callbacks = [change] if case.changes else []
    stop = [EarlyStopping("loss", patience=0, min_delta=0.05)] if case.stop else []
    given = {**case.options, "progress": False, "jit": jit, "scheduler": scheduler}
    if "metrics" in given:
        given["metrics"] = [mae]
    if case.validation:
        given["validation"] = (X[:3], y[2:5])
    histories, error = [], None
    try:
        for epochs in case.fits:
            histories.append(fit(
                model, X, y, loss, optimizer, epochs=epochs, callbacks=[*callbacks, *stop],
                **given))  # fmt: skip
    except Exception as caught:
        error = caught
    columns = [{k: h[k] for k in h if k != "time"} for h in histories]
    recorded = [h.recorded and [e.state for e in h.recorded.epochs] for h in histories]
    left = {
        "parameters": [p.data for p in [*params, *model.parameters(), box["s"]]],
        "gradients": [p.grad for p in params],
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler and scheduler.state_dict(),
        "history": columns, "stopped": [h.stopped for h in histories], "recorded": recorded,
        "training": [m.training for m in model.modules()],
        "random": [m.rng.random() for m in model.modules() if hasattr(m, "rng")]
        if not isinstance(error, ValueError) else [],  # how much was drawn before a refusal
    }  # fmt: skip
    return left, [h.jit for h in histories], error
