"""Networks against torch.nn with copied weights, and everything that can be asked of a Module."""

import copy
import math
import pickle
import random

import pytest
import torch

from micrograd_like.engine import Value
from micrograd_like.losses import mse_loss
from micrograd_like.nn import ACTIVATIONS, MLP, Layer, Module, Neuron

TORCH = {
    "linear": torch.nn.Identity(),
    "tanh": torch.nn.Tanh(),
    "sigmoid": torch.nn.Sigmoid(),
    "relu": torch.nn.ReLU(),
    "leaky_relu": torch.nn.LeakyReLU(),
    "elu": torch.nn.ELU(),
    "gelu": torch.nn.GELU(),
    "silu": torch.nn.SiLU(),
    "softplus": torch.nn.Softplus(threshold=1e9),
    "sin": torch.sin,
}


def torch_twin(model):
    """The same network in torch.nn, float64, with the same weights."""
    linears = []
    for layer in model.layers:
        linear = torch.nn.Linear(layer.nin, layer.nout, dtype=torch.float64)
        with torch.no_grad():
            weights = [[w.data for w in neuron.w] for neuron in layer.neurons]
            linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
            linear.bias.copy_(torch.tensor([n.b.data for n in layer.neurons]).double())
        linears.append(linear)

    def run(x):
        for linear, layer in zip(linears, model.layers):
            x = TORCH[layer.activation](linear(x))
        return x

    return run, linears


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_gradient_of_an_mlp_equals_torch_nn(activation):
    model = MLP(3, [5, 4, 2], activation=activation, output_activation="tanh", rng=3)
    for p in model.parameters():
        p.data = torch.tensor(p.data).item()  # a float32: the twin then starts bit-equal
    run, linears = torch_twin(model)
    xs = [[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]]
    ys = [[1.0, -1.0], [0.5, 0.0]]

    mse_loss([model(x) for x in xs], ys).backward()
    x, y = torch.tensor(xs, dtype=torch.float64), torch.tensor(ys, dtype=torch.float64)
    torch.nn.functional.mse_loss(run(x), y).backward()

    theirs = []
    for linear in linears:
        for row, b in zip(linear.weight.grad, linear.bias.grad):
            theirs += [*row.tolist(), b.item()]
    ours = [p.grad for p in model.parameters()]
    assert ours == pytest.approx(theirs, rel=1e-11, abs=1e-14)
    assert any(g != 0.0 for g in ours)


def test_the_twin_table_covers_every_activation():
    assert TORCH.keys() == ACTIVATIONS.keys()


def test_a_neuron_is_three_nodes_whatever_its_width():
    out = Neuron(100, rng=0)([1.0] * 100)
    total, b = out.inputs[0].inputs
    assert [out.op.name, out.inputs[0].op.name, total.op.name] == ["tanh", "add", "dot"]
    assert len(total.inputs) == 200
    assert b.op is None


def test_one_output_is_a_value_and_two_are_a_list():
    assert isinstance(MLP(2, [3, 1], rng=0)([1.0, 2.0]), Value)
    assert len(MLP(2, [3, 2], rng=0)([1.0, 2.0])) == 2
    assert isinstance(Layer(2, 1, rng=0)([1.0, 2.0]), list)


def test_a_hidden_layer_of_width_one_works():
    assert isinstance(MLP(2, [1, 3, 1], rng=0)([1.0, 2.0]), Value)


def test_activations_can_be_chosen_layer_by_layer():
    model = MLP(2, [3, 3, 1], activation=["relu", "sin"], output_activation="linear")
    assert [layer.activation for layer in model.layers] == ["relu", "sin", "linear"]


def test_inputs_may_be_a_generator_a_tuple_numpy_or_values():
    np = pytest.importorskip("numpy")
    model, x = MLP(2, [3, 1], rng=0), [0.5, -2.0]
    expected = model(x).data
    for same in ((v for v in x), tuple(x), np.array(x), [Value(v) for v in x]):
        assert model(same).data == expected


def test_gradients_reach_the_inputs():
    x = [Value(0.5), Value(-2.0)]
    MLP(2, [3, 1], rng=0)(x).backward()
    assert all(v.grad != 0.0 for v in x)


def test_the_same_seed_gives_the_same_network_and_global_randomness_is_untouched():
    state = random.getstate()
    one, two = MLP(2, [3, 1], rng=7), MLP(2, [3, 1], rng=random.Random(7))
    MLP(2, [3, 1])
    assert one.state_dict() == two.state_dict()
    assert random.getstate() == state
    assert MLP(2, [3, 1]).state_dict() != MLP(2, [3, 1]).state_dict()


@pytest.mark.parametrize(
    ("init", "activation", "bound"),
    [
        ("uniform", "tanh", 1.0),
        ("xavier", "relu", math.sqrt(6 / 150)),
        ("he", "tanh", math.sqrt(6 / 100)),
        ("auto", "tanh", math.sqrt(6 / 150)),
        ("auto", "relu", math.sqrt(6 / 100)),
    ],
)
def test_initialisers_fill_their_range_evenly(init, activation, bound):
    layer = Layer(100, 50, activation=activation, init=init, rng=0)
    weights = [w.data for neuron in layer.neurons for w in neuron.w]
    assert 0.99 * bound < max(map(abs, weights)) <= bound
    assert sum(w * w for w in weights) / len(weights) == pytest.approx(bound**2 / 3, rel=0.05)
    biases = [neuron.b.data for neuron in layer.neurons]
    assert (max(map(abs, biases)) > 0.5) if init == "uniform" else set(biases) == {0.0}


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
    ("call", "error", "message"),
    [
        (lambda: MLP(1, [1])(["1"]), TypeError, "expected a real number, got str '1'"),
        (lambda: Neuron(2)([1.0]), ValueError, "Neuron expects 2 inputs, got 1"),
        (lambda: Layer(2, 2)([1.0]), ValueError, "Layer expects 2 inputs, got 1"),
        (lambda: MLP(2, 3), TypeError, r"MLP expects a list of layer widths, got 3: write \[3\]"),
        (lambda: MLP(2, [True]), TypeError, "the number of neurons must be an int, got bool True"),
        (lambda: Neuron(2, "tanhh"), ValueError, "unknown activation 'tanhh': choose from linear"),
        (lambda: MLP(2, [1], init="big"), ValueError, "unknown initialiser 'big': choose from uni"),
        (lambda: MLP(2, [2, 1], ["relu", "tanh"]), ValueError, "MLP has 1 hidden layers, got 2"),
        (lambda: MLP(2, [1], rng="seed"), TypeError, "rng must be a random.Random or an int"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
