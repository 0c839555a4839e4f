"""What can be asked of any Module: its parameters, weights, tensors and state."""

import copy
import pickle
import sys

import pytest
from helpers.layers import ROWS

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
    Sequential,
)
from micrograd_like.nn.module import _walk


def test_parameters_come_in_order_once_and_with_names():
    model = MLP(2, [2, 1], rng=0)
    names = [name for name, _ in model.named_parameters()]
    assert names[:4] == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
    ]
    assert len(names) == 9
    model.layers.append(model.layers[0])  # shared: still each parameter once
    assert len(model.parameters()) == 9


def test_zero_grad_train_and_eval_reach_every_module():
    model = MLP(2, [2, 1], rng=0)
    model([1.0, 1.0]).backward()
    model.zero_grad()
    assert {p.grad for p in model.parameters()} == {0.0}
    assert model.eval() is model
    assert {m.training for m in model.modules()} == {False}
    assert len(model.train().modules()) == 1 + 2 + 3
    assert {m.training for m in model.modules()} == {True}


def test_state_dict_goes_round():
    one, two = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    two.load_state_dict(one.state_dict())
    assert two([0.3, 0.4]).data == one([0.3, 0.4]).data


def test_a_wrong_state_dict_lists_every_difference_and_changes_nothing():
    model = MLP(2, [1], rng=0)
    before = model.state_dict()
    state = {"layers.0.neurons.0.w.0": 1.0, "layers.0.neurons.0.w.1": 1.0, "extra": 0.0}
    message = "does not fit the MLP: layers.0.neurons.0.b is missing, extra is unknown"
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(state)
    with pytest.raises(TypeError, match="expected a real number, got str 'x'"):
        model.load_state_dict({**before, "layers.0.neurons.0.b": "x"})
    assert model.state_dict() == before


def test_a_model_can_be_copied_and_pickled():
    model = MLP(2, [3, 1], rng=0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.state_dict() == model.state_dict()
        twin.parameters()[0].data += 1.0
        assert twin.state_dict() != model.state_dict()


def test_a_module_of_your_own_finds_values_in_lists_and_dicts():
    class Mine(Module):
        def __init__(self):
            self.gain = Value(2.0)
            self.parts = {"inner": Layer(1, 1, rng=0)}

    names = [name for name, _ in Mine().named_parameters()]
    assert names == ["gain", "parts.inner.neurons.0.w.0", "parts.inner.neurons.0.b"]
    with pytest.raises(NotImplementedError, match="Mine does not define forward"):
        Mine()(1.0)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Sequential(Linear(2, 3), Activation("relu")), "Sequential(Linear(2, 3), Activation('r"),
        (Sequential(Flatten(), Dropout(0.25)), "Sequential(Flatten(), Dropout(0.25))"),
        (Sequential(BatchNorm(3), Conv2d(1, 2, 3)), "BatchNorm(3), Conv2d(1, 2, kernel_size=3"),
    ],
)
def test_a_module_shows_how_it_was_made(module, text):
    assert text in repr(module)


def test_a_sequential_may_hold_networks_and_each_parameter_counts_once():
    inner = Linear(2, 2, rng=0)
    model = Sequential(inner, Sequential(inner), MLP(2, [3, 1], rng=0))
    assert isinstance(model([1.0, 2.0]), Value)
    assert len(model.parameters()) == 6 + 13


# --- what a penalty applies to ---


def all_but_biases(model):
    """By the names that the layers of this library give them."""
    return [p for name, p in model.named_parameters() if "b" not in name.split(".")]


@pytest.mark.parametrize("name", ROWS)
def test_the_weights_of_a_layer_are_all_but_its_biases(name):
    model = ROWS[name].make()
    assert model.weights() == all_but_biases(model)


def test_a_module_that_is_called_b_is_penalised_as_any_other():
    class Two(Module):
        def __init__(self):
            self.a, self.b = Linear(2, 1), Linear(1, 1)

    assert len(Two().weights()) == 3


def test_the_weights_of_a_module_of_your_own_are_all_that_it_does_not_declare_as_biases():
    class Line(Module):
        def __init__(self):
            self.w, self.b = [Value(1.0)], {"left": [Value(2.0)]}

    class Declared(Line):
        biases = ("b",)

    assert [p.data for p in Line().weights()] == [1.0, 2.0]
    assert [p.data for p in Declared().weights()] == [1.0]


def test_weights_are_found_also_where_an_attribute_has_their_name():
    class Line(Module):
        def __init__(self):
            self.weights, self.rows = [Value(1.0)], 3

    assert [p.data for p in Module.weights(Line())] == [1.0]


# --- what torch keeps in one tensor ---


def test_tensors_sort_every_number_of_the_state():
    model = Sequential(MLP(2, [2, 1]), BatchNorm(1))
    tensors = model.tensors()
    assert [(name, len(names)) for name, names in tensors.items()] == [
        ("layers.0.layers.0.w", 4),
        ("layers.0.layers.0.b", 2),
        ("layers.0.layers.1.w", 2),
        ("layers.0.layers.1.b", 1),
        ("layers.1.w", 1),
        ("layers.1.b", 1),
        ("layers.1.running_mean", 1),
        ("layers.1.running_var", 1),
    ]
    first = [f"layers.0.layers.0.neurons.{i}.w.{j}" for i in (0, 1) for j in (0, 1)]
    assert tensors["layers.0.layers.0.w"] == first
    assert sorted(name for names in tensors.values() for name in names) == sorted(
        model.state_dict()
    )


def test_tensors_of_a_module_of_your_own_go_by_its_attributes_whatever_they_are_called():
    class Mine(Module):
        def __init__(self):
            self.gain = Value(2.0)
            self.neurons = [[Value(1.0)] * 1, [Value(2.0), Value(3.0)]]
            self.parts = {"in": Linear(1, 1), 0: [Value(4.0)]}
            self.grid = [[Linear(1, 1)], [Linear(1, 1)]]

    assert {name: len(names) for name, names in Mine().tensors().items()} == {
        "gain": 1,
        "neurons": 3,
        "parts.in.w": 1,
        "parts.in.b": 1,
        "parts.0": 1,
        "grid.0.0.w": 1,
        "grid.0.0.b": 1,
        "grid.1.0.w": 1,
        "grid.1.0.b": 1,
    }


# --- interrupts ---


@pytest.mark.parametrize("change", ["load_state_dict", "zero_grad"])
def test_a_change_that_is_interrupted_at_any_call_is_made_in_all_of_it_or_in_nothing(change):
    def start():
        model = Sequential(Linear(2, 2, rng=0), BatchNorm(2))
        for p in model.parameters():
            p.grad = 1.0
        return model, lambda: (model.state_dict(), [p.grad for p in model.parameters()])

    model, state = start()
    args = [dict.fromkeys(model.state_dict(), 0.5)] if change == "load_state_dict" else []
    before = state()
    getattr(model, change)(*args)
    after = state()
    found, cut = [], True
    while cut:
        model, state = start()
        cut = interrupted_at(len(found) + 1, getattr(model, change), *args)
        found.append(state())
    assert found == [before] * found.index(after) + [after] * found.count(after)
    assert before != after != found[10]


def interrupted_at(count, function, *args):
    """Whether the call or return of that number, Python's or C's, came and stopped the function."""

    def profile(frame, event, argument):
        nonlocal count
        if frame.f_code is not interrupted_at.__code__:
            count -= 1
            if count == 0:
                raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        function(*args)
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_modules_are_those_that_the_walk_over_everything_meets():
    class Own(Module):
        def __init__(self):
            self.parts = {"a": [Linear(2, 2, rng=0), (Dropout(0.5, rng=1), 3.0)], "b": "text"}
            self.w, self.net = [[Value(1.0), [Value(2.0)]]], MLP(2, [3, 1], rng=0)

        def forward(self, x):
            return x

    for model in (Own(), Sequential(Linear(2, 2, rng=0), BatchNorm(2), Own()), MLP(2, [2], rng=0)):
        met = [m for _, _, _, m in _walk(model) if isinstance(m, Module)]
        assert len(met) > 2
        assert [*map(id, model.modules())] == [*map(id, met)]
