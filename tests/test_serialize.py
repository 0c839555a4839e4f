"""Saving and loading: to the last bit, never half a file, and no file can do harm."""

import inspect
import json
import math
import os
import random
import re
import sys

import pytest

from micrograd_like import nn
from micrograd_like.engine import Value
from micrograd_like.nn import (
    MLP,
    Activation,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    Module,
    Neuron,
    Sequential,
)
from micrograd_like.optim import SGD, Adam, ReduceLROnPlateau, StepLR
from micrograd_like.serialize import LoadError, _checksum, load, load_state, save

MODELS = {
    "MLP": lambda: MLP(2, [3, 1], rng=1),
    "MLP with a list": lambda: MLP(2, [3, 2, 1], ["relu", "sin"], "linear", rng=1),
    "Layer": lambda: Layer(2, 3, "relu", rng=2),
    "Neuron": lambda: Neuron(2, "sigmoid", rng=3),
    "Linear": lambda: Linear(2, 3, rng=4),
    "Sequential": lambda: Sequential(
        Linear(2, 3, rng=5), BatchNorm(3, 1e-3, 0.2), Activation("gelu"), Dropout(0.25, rng=6)
    ).eval(),
    "images": lambda: Sequential(
        Sequential(Conv2d(1, 2, 2, stride=2, padding=1, rng=7), Flatten()), Linear(8, 1, rng=8)
    ),
}
INPUT = {"images": [[[1.0, 2.0], [3.0, 4.0]]]}


def numbers(out):
    return [numbers(v) for v in out] if isinstance(out, list) else out.data


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return "m.json"


def rewrite(path, change):
    """Changes a saved document and gives it a right checksum, as an attacker would."""
    with open(path) as file:
        document = json.load(file)
    change(document["content"])
    document["checksum"] = _checksum(document["content"])
    with open(path, "w") as file:
        json.dump(document, file)


# --- round trips ---


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_bit_for_bit(path, name):
    model = MODELS[name]()
    save(model, path)
    twin = load(path)
    assert repr(twin) == repr(model)
    assert list(twin.state_dict().items()) == list(model.state_dict().items())
    assert [m.training for m in twin.modules()] == [m.training for m in model.modules()]
    x = INPUT.get(name, [0.5, -1.5])
    assert numbers(twin(x)) == numbers(model(x))


@pytest.mark.parametrize(
    "number", [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e16, math.nan, math.inf, -math.inf]
)
def test_every_float_comes_back_bit_for_bit(path, number):
    model = Neuron(1)
    model.w[0].data = number
    save(model, path)
    assert load(path).w[0].data.hex() == number.hex()


def test_running_statistics_come_back(path):
    model = BatchNorm(1)
    model.batch([[1.0], [4.0]])
    save(model, path)
    assert load(path).running_var == model.running_var != [1.0]


def test_dropouts_that_share_a_generator_go_on_as_before(path):
    rng = random.Random(1)
    rng.gauss(0.0, 1.0)
    model = Sequential(Dropout(0.5, rng), Dropout(0.5, rng))
    save(model, path)
    twin = load(path)
    assert [twin([1.0] * 9) for _ in range(5)] == [model([1.0] * 9) for _ in range(5)]


def test_extra_comes_back_as_it_was(path):
    extra = {"epoch": 3, "best": math.inf, "nan": "nan", "pair": (1, [None, True, 0.1]), "é": {}}
    save(Neuron(1), path, extra=extra)
    assert load_state(path) == extra


@pytest.mark.parametrize(
    "make",
    [lambda ps: SGD(ps, lr=0.1, momentum=0.9, nesterov=True), lambda ps: Adam(ps, lr=0.05)],
    ids=["SGD", "Adam"],
)
def test_training_continued_after_loading_equals_training_not_stopped(path, make):
    def prepare(model):
        optimizer = make(model.parameters())
        return model, optimizer, StepLR(optimizer, step_size=3, gamma=0.5)

    def train(model, optimizer, scheduler):
        for _ in range(4):
            model.zero_grad()
            loss = sum((out[0] - y) ** 2 for out, y in zip(model.batch(X), [1.0, -1.0, 0.5]))
            loss.backward()
            optimizer.step()
            scheduler.step()

    X = [[1.0, 2.0], [-1.0, 0.5], [0.3, -0.7]]
    layers = Linear(2, 4, rng=0), BatchNorm(4), Activation("tanh"), Dropout(0.3, 1), Linear(4, 1)
    model, optimizer, scheduler = prepare(Sequential(*layers))
    train(model, optimizer, scheduler)
    save(model, path, optimizer, scheduler)
    train(model, optimizer, scheduler)

    twin, optimizer2, scheduler2 = prepare(load(path))
    load_state(path, optimizer2, scheduler2)
    train(twin, optimizer2, scheduler2)

    assert twin.state_dict() == model.state_dict()
    assert optimizer2.state_dict() == optimizer.state_dict()
    assert scheduler2.state_dict() == scheduler.state_dict()


def test_a_plateau_scheduler_comes_back_before_and_after_its_first_step(path):
    model = Neuron(1)
    optimizer = SGD(model.parameters(), lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer)
    for metric in (math.inf, 2.0):
        save(model, path, optimizer, scheduler)
        twin = ReduceLROnPlateau(SGD(model.parameters(), lr=0.5))
        load_state(path, twin.optimizer, twin)
        assert twin.state_dict() == scheduler.state_dict()
        scheduler.step(metric)


# --- what cannot be saved ---


class Mine(MLP):
    pass


def changed():
    model = MLP(1, [1, 1], rng=0)
    model.layers[0].neurons[0].activation = "relu"
    return model


def tied():
    layer = Linear(1, 1)
    return Sequential(layer, layer)


UNSAVABLE = {
    "unknown module": (lambda: Sequential(Mine(1, [1])), TypeError,
        "cannot save a Mine, only the modules of micrograd_like.nn: "
        "keep its state_dict() and build it yourself"),
    "no module": (lambda: [1.0], TypeError,
        "cannot save a list, only the modules of micrograd_like.nn: "
        "keep its state_dict() and build it yourself"),
    "changed": (changed, ValueError,
        "this MLP was changed after it was made, or shares a part with itself, "
        "and loading would not give it back: keep its state_dict()"),
    "tied": (tied, ValueError, "the architecture has 4 numbers, the state 2"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), UNSAVABLE.values(), ids=UNSAVABLE)
def test_a_model_that_would_not_come_back_is_refused_and_writes_nothing(path, make, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        save(make(), path)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({1, 2}, "cannot save set {1, 2}: use numbers and lists"),
        ([Value(1.0)], "cannot save Value Value(data=1.0, grad=0.0): use numbers and lists"),
        ({1: 2}, "cannot save the key 1: use a string that starts without $"),
        ({"$float": 2}, "cannot save the key '$float': use a string that starts without $"),
    ],
)
def test_an_extra_that_would_not_come_back_is_refused(path, extra, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        save(Neuron(1), path, extra=extra)


# --- where to: interrupted saving is in test_faults.py ---


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^there is no folder .*nowhere$"):
        save(Neuron(1), tmp_path / "nowhere" / "m.json")


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_saving_through_a_link_writes_the_file_it_points_to(path):
    save(Neuron(1), path)
    os.symlink(path, "link.json")
    save(Neuron(2), "link.json")
    assert os.path.islink("link.json")
    assert load(path).nin == 2


# --- files that are wrong ---

BAD_FILES = {
    "empty": (b"", "it is cut off, damaged or not JSON"),
    "not text": (b"\xff\xfe", "it is cut off, damaged or not JSON"),
    "pickle": (b"\x80\x04N.", "it is cut off, damaged or not JSON"),
    "other JSON": (b'{"a": 1}', "it is no micrograd_like model"),
    "deep": (b"[" * 200_000, "it is nested too deeply"),
    "NaN": (b'{"a": NaN}', "NaN is no JSON number"),
    "a key twice": (b'{"a": 1, "a": 2}', "the key 'a' occurs twice"),
    "no version": (b'{"format": "micrograd_like model"}', "'version' is missing"),
    "newer": (
        b'{"format": "micrograd_like model", "version": 2}',
        "it has version 2, this library reads 1: update it",
    ),
    "odd version": (
        b'{"format": "micrograd_like model", "version": "1"}', "version '1' does not exist"
    ),
    "wrong checksum": (
        b'{"format": "micrograd_like model", "version": 1, "checksum": "", "content": {}}',
        "the checksum differs: the file is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("read", [load, load_state])
@pytest.mark.parametrize(("data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_wrong_file_is_one_clear_error(path, data, message, read):
    with open(path, "wb") as file:
        file.write(data)
    with pytest.raises(LoadError, match=f"^{re.escape(f'cannot load {path}: {message}')}$"):
        read(path)


def put(*keys_and_value):
    """A change of a document's content: put("a", "b", 1) sets content["a"]["b"] = 1."""
    *keys, last, value = keys_and_value

    def change(content):
        for key in keys:
            content = content[key]
        content[last] = value

    return change


LAYERS = ", ".join(
    sorted(name for name, x in vars(nn).items() if Module in getattr(x, "__mro__", ())[1:])
)
HOSTILE = {
    "huge": (put("architecture", "nin", 10**9),
        "the architecture has 3000000007 numbers, the state 13"),
    "huge square": (put("architecture", {"class": "Linear", "nin": 10**9, "nout": 10**9}),
        "the architecture has 1000000001000000000 numbers, the state 13"),
    "negative": (put("architecture", "nin", -1), "nin of MLP cannot be -1"),
    "fractional": (put("architecture", "nouts", [3, 1.0]), "nouts of MLP cannot be [3, 1.0]"),
    "text as a width": (put("architecture", "nouts", [10**9, "aa"]),
        "nouts of MLP cannot be [1000000000, 'aa']"),
    "no layers": (put("architecture", {"class": "Sequential", "layers": []}),
        "the architecture has 0 numbers, the state 13"),
    "unknown class": (put("architecture", "class", "os.system"),
        f"unknown module 'os.system': choose from {LAYERS}"),
    "abstract class": (put("architecture", {"class": ["MLP"]}),
        "{'class': ['MLP']} describes no module"),
    "more arguments": (put("architecture", "rng", 1), "missing or unknown arguments of MLP: rng"),
    "unknown activation": (put("architecture", "activation", "eval"),
        "unknown activation 'eval': choose from linear, tanh, sigmoid, relu, leaky_relu, elu, "
        "gelu, silu, softplus, sin"),
    "text as a number": (put("state", "layers.0.neurons.0.b", "1.0"),
        "layers.0.neurons.0.b is '1.0': expected a float"),
    "null as a number": (put("state", "layers.0.neurons.0.b", None),
        "layers.0.neurons.0.b is None: expected a float"),
    "infinite literal": (put("state", "layers.0.neurons.0.b", 10**400),
        "layers.0.neurons.0.b is 1" + "0" * 59 + ": expected a float"),
    "a state that is a list": (put("state", [1.0]), "state cannot be [1.0]"),
    "modes": (put("training", [True]), "the training modes do not fit the modules"),
    "generators": (put("generators", [0]), "the generators do not fit the Dropouts"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_with_a_right_checksum_is_one_clear_error(path, change, message):
    save(MLP(2, [3, 1], rng=0), path)
    rewrite(path, change)
    with pytest.raises(LoadError) as caught:
        load(path)
    assert str(caught.value) == f"cannot load {path}: {message}"


def test_modules_nested_too_deeply_to_be_built_are_one_clear_error(path):
    model = Flatten()
    for _ in range(40):
        model = Sequential(model)
    save(model, path)
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(len(inspect.stack()) + 60)
        with pytest.raises(LoadError, match=r"^cannot load m\.json: it is nested too deeply$"):
            load(path)
    finally:
        sys.setrecursionlimit(limit)
    assert repr(load(path)) == repr(model)


def test_all_differences_of_a_state_are_listed(path):
    def rename(content):
        content["state"]["c"] = content["state"].pop("b")

    save(Neuron(1), path)
    rewrite(path, rename)
    message = "cannot load m.json: this state does not fit the Neuron: b is missing, c is unknown"
    with pytest.raises(LoadError, match=f"^{message}$"):
        load(path)


def test_a_missing_file_stays_the_systems_error():
    with pytest.raises(FileNotFoundError):
        load("nowhere.json")


BAD_STATES = {
    "lr is nan": (put("optimizer", "state", "lr", {"$float": "nan"}),
        "lr must be a finite number of at least 0, got nan"),
    "lr is null": (put("optimizer", "state", "lr", None),
        "lr must be a number, got NoneType None"),
    "lr is text": (put("optimizer", "state", "lr", "1"), "lr must be a number, got str '1'"),
    "no state at all": (put("optimizer", "state", None),
        "the state of SGD must be a dict, got None"),
    "fewer parameters": (put("optimizer", "state", "state", []), "a state of 0 parameters, not 2"),
    "text per parameter": (
        put("optimizer", "state", "state", [{"m": "x"}, {}]),
        "m of parameter 0 must be a number, got str 'x'",
    ),
    "another class": (
        put("optimizer", "class", "Adam"), "it holds the state of Adam, not of SGD"
    ),
    "none": (put("optimizer", None), "it holds no state of the optimizer: give it to save()"),
    "unknown key": (
        put("scheduler", "state", "x", 1), "this state does not fit StepLR: x"
    ),
    "negative epoch": (
        put("scheduler", "state", "epoch", -1), "epoch must be an int of at least 0, got -1"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_does_not_fit_changes_neither_optimizer_nor_scheduler(path, change, message):
    model = Neuron(1)
    optimizer = SGD(model.parameters(), lr=0.5)
    save(model, path, optimizer, StepLR(optimizer, 1))
    rewrite(path, change)
    other = SGD(model.parameters(), lr=0.25, momentum=0.5)
    scheduler = StepLR(other, 7)
    before = other.state_dict(), scheduler.state_dict()
    with pytest.raises(LoadError, match=f"^{re.escape(f'cannot load {path}: {message}')}$"):
        load_state(path, other, scheduler)
    assert (other.state_dict(), scheduler.state_dict()) == before


def test_a_module_of_ones_own_is_kept_by_its_state_dict():
    class Line(Module):
        def __init__(self):
            self.slope = Value(2.0)

    with pytest.raises(TypeError, match="cannot save a Line"):
        save(Line(), "never.json")
