"""Neurons, layers and MLPs: against torch.nn with copied weights, and what they take and return."""

import pytest
import torch

from micrograd_like.engine import Value
from micrograd_like.losses import mse_loss
from micrograd_like.nn import ACTIVATIONS, MLP, Activation, Layer, Neuron

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


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_method_of_value_on_every_number(name):
    outs = Activation(name)([[0.5, -1.0], [2.0]])
    expected = [ACTIVATIONS[name](Value(x)).data for x in (0.5, -1.0, 2.0)]
    assert [[v.data for v in row] for row in outs] == [expected[:2], expected[2:]]


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
