"""Every layer: against torch.nn in training and evaluation, and what it says of bad input."""

import pytest
import torch
from helpers.layers import ROWS, numbers, shake

from micrograd_like.engine import Value
from micrograd_like.nesting import flat, shape
from micrograd_like.nn import (
    MLP,
    Activation,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Neuron,
    Sequential,
)
from micrograd_like.testing import assert_module_matches_torch

IMAGE = [[[1.0, 2.0], [3.0, 4.0]]]
TWINS = {name: row for name, row in ROWS.items() if not isinstance(row.twin, str)}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_and_every_gradient_equal_torch(name, training):
    row = TWINS[name]
    assert_module_matches_torch(
        shake(row.make()).train(training), row.twin(), numbers(row.batch), rtol=1e-11
    )


@pytest.mark.parametrize("name", TWINS)
def test_outputs_are_nested_as_torch_s(name):
    row = TWINS[name]
    expected = row.twin().double()(torch.tensor(numbers(row.batch), dtype=torch.float64))
    assert shape(row.make().batch(numbers(row.batch))) == tuple(expected.shape)


@pytest.mark.parametrize("name", ROWS)
def test_a_single_sample_in_evaluation_is_a_batch_of_one(name):
    row = ROWS[name]
    module, x = shake(row.make()).eval(), numbers(row.batch)[0]
    [expected] = module.batch([x])
    assert list(map(float_of, flat(module(x)))) == list(map(float_of, flat(expected)))


def float_of(v):
    return v.data if isinstance(v, Value) else v


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
        (lambda: BatchNorm(1)([1.0]), ValueError, r"call model.batch\(xs\), or model.eval\(\)"),
        (lambda: Sequential(BatchNorm(1))([1.0]), ValueError, "the whole batch in training"),
        (lambda: BatchNorm(1).batch([[1.0]]), ValueError, "at least 2 samples in training, got 1"),
        (lambda: BatchNorm(1).batch([]), ValueError, "at least 2 samples in training, got 0"),
        (lambda: BatchNorm(2).batch([[1.0]] * 2), ValueError, "BatchNorm expects 2 inputs, got 1"),
        (lambda: BatchNorm(2).eval()([1.0]), ValueError, "BatchNorm expects 2 inputs, got 1"),
        (lambda: BatchNorm(0), ValueError, "the number of features must be at least 1, got 0"),
        (lambda: Conv2d(2, 1, 2)(IMAGE), ValueError, "an image of 2 channels, got 1 channels"),
        (lambda: Conv2d(2, 1, 2)(1.0), ValueError, "an image of 2 channels, got float"),
        (lambda: Conv2d(1, 1, 2)([[[1.0, 2.0], [3.0]]]), ValueError, "rows of equal length"),
        (lambda: Conv2d(2, 1, 1)([[[1.0]], [[1.0]] * 2]), ValueError, "channels of equal size"),
        (lambda: Conv2d(1, 1, 3)(IMAGE), ValueError, "image is smaller than the window of 3"),
        (lambda: Conv2d(1, 1, 0), ValueError, "rows of the window must be at least 1, got 0"),
        (lambda: Conv2d(1, 1, 2, stride=0), ValueError, "steps of the window must be at least 1"),
        (lambda: Conv2d(1, 1, 2, padding=-1), ValueError, "padding must be an int .* got -1"),
        (lambda: Conv2d(0, 1, 2), ValueError, "number of input channels must be at least 1"),
        (lambda: Conv2d(1, 2.0, 2), TypeError, "number of output channels must be an int"),
        (lambda: MaxPool2d(3)(IMAGE), ValueError, "image is smaller than the window of 3"),
        (lambda: MaxPool2d(1)(1.0), ValueError, "MaxPool2d expects an image of some .* got float"),
        (lambda: AvgPool2d(1)([]), ValueError, "AvgPool2d expects an image .*, got 0 channels"),
        (lambda: AvgPool2d(1)([[1.0]]), ValueError, "an image as channels of rows of numbers"),
        (lambda: AvgPool2d(2, padding=2), ValueError, "at most half of the window of 2, got 2"),
        (lambda: MaxPool2d((2, 2)), TypeError, "rows of the window must be an int, got tuple"),
        (lambda: Dropout(1.0), ValueError, "p must be 0 or more and below 1, got 1.0"),
        (lambda: Dropout(-0.1), ValueError, "p must be 0 or more and below 1, got -0.1"),
        (lambda: Dropout(float("nan")), ValueError, "p must be 0 or more and below 1, got nan"),
        (lambda: Dropout(rng="seed"), TypeError, "rng must be a random.Random or an int"),
        (lambda: Sequential(Flatten(), abs), TypeError, "got builtin.* at position 1"),
        (lambda: Sequential([Flatten()]), TypeError, "expects modules, got list at position 0"),
        (lambda: Sequential(), ValueError, "Sequential expects at least one module"),
        (lambda: Activation("swish"), ValueError, "unknown activation 'swish': choose from linear"),
        (lambda: Linear(2, 3)([1.0]), ValueError, "Linear expects 2 inputs, got 1"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
