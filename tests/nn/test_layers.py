"""The modules to compose, each against its twin in torch.nn with copied weights, float64."""

import random

import pytest
import torch

from micrograd_like.engine import Value
from micrograd_like.nn import (
    ACTIVATIONS,
    MLP,
    Activation,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Sequential,
)

nn = torch.nn
FLOAT64 = {"dtype": torch.float64}


def copied(module):
    """The torch.nn twin of a module, with its weights (and running statistics)."""
    if isinstance(module, Sequential):
        return nn.Sequential(*map(copied, module.layers))
    if isinstance(module, Linear):
        twin = nn.Linear(module.nin, module.nout, **FLOAT64)
    elif isinstance(module, BatchNorm):
        twin = nn.BatchNorm1d(module.nin, module.eps, module.momentum, **FLOAT64)
        twin.running_mean.copy_(torch.tensor(module.running_mean))
        twin.running_var.copy_(torch.tensor(module.running_var))
    elif isinstance(module, Conv2d):
        size, step, edge = module.kernel_size, module.stride, module.padding
        twin = nn.Conv2d(module.nin, module.nout, size, step, edge, **FLOAT64)
    else:
        names = {"relu": nn.ReLU(), "tanh": nn.Tanh()}
        return nn.Flatten() if isinstance(module, Flatten) else names[module.name]
    values = torch.tensor([p.data for p in own_parameters(module)], **FLOAT64)
    with torch.no_grad():
        cut = twin.weight.numel()
        twin.weight.copy_(values[:cut].reshape(twin.weight.shape))
        twin.bias.copy_(values[cut:])
    return twin


def own_parameters(module):
    """The parameters in torch's order: first every weight, then every bias."""
    if isinstance(module, Sequential):
        return [p for layer in module.layers for p in own_parameters(layer)]
    if isinstance(module, Linear):
        return [w for n in module.neurons for w in n.w] + [n.b for n in module.neurons]
    return flat([module.w, module.b]) if isinstance(module, BatchNorm | Conv2d) else []


def flat(x):
    return [leaf for part in x for leaf in flat(part)] if isinstance(x, list | tuple) else [x]


def numbers(shape, seed=0):
    """A nested list of ordinary numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, **FLOAT64).tolist()


def as_values(x):
    return [as_values(part) for part in x] if isinstance(x, list) else Value(x)


def shake(module, seed=1):
    """Other parameters than the start values, or a bias of 0 would hide a mistake."""
    rng = random.Random(seed)
    for p in module.parameters():
        p.data = rng.uniform(-1.0, 1.0)
    return module


# Every row: the module, and the shape of a batch for it.
MODULES = {
    "Linear": (lambda: Linear(3, 2), (4, 3)),
    "Activation": (lambda: Activation("tanh"), (2, 3)),
    "Activation of an image": (lambda: Activation("relu"), (2, 2, 3, 2)),
    "Flatten": (Flatten, (2, 2, 3, 2)),
    "BatchNorm": (lambda: BatchNorm(3), (5, 3)),
    "BatchNorm of two samples": (lambda: BatchNorm(2, eps=1e-3, momentum=0.3), (2, 2)),
    "Conv2d": (lambda: Conv2d(1, 1, 2), (2, 1, 3, 4)),
    "Conv2d of several channels": (lambda: Conv2d(2, 3, 2), (2, 2, 3, 3)),
    "Conv2d with stride": (lambda: Conv2d(2, 2, 2, stride=2), (2, 2, 5, 6)),
    "Conv2d with padding": (lambda: Conv2d(1, 2, 3, padding=1), (2, 1, 3, 4)),
    "Conv2d with all": (lambda: Conv2d(2, 2, 3, stride=2, padding=2), (2, 2, 4, 5)),
    "Conv2d saved by padding": (lambda: Conv2d(1, 1, 3, padding=1), (1, 1, 1, 1)),
    "Sequential, dense": (
        lambda: Sequential(Linear(3, 4), BatchNorm(4), Activation("tanh"), Linear(4, 2)),
        (5, 3),
    ),
    "Sequential, for images": (
        lambda: Sequential(Conv2d(1, 2, 2), Activation("relu"), Flatten(), Linear(8, 3)),
        (3, 1, 3, 3),
    ),
}


def assert_equals_torch(module, twin, x):
    """Outputs, gradients to the inputs and of every parameter, with unequal weights."""
    xs, t = as_values(x), torch.tensor(x, requires_grad=True, **FLOAT64)
    outs, expected = module.batch(xs), twin(t)
    weights = [1.0 + 0.5 * i for i in range(expected.numel())]
    sum(w * v * v for w, v in zip(weights, flat(outs))).backward()
    (expected.flatten() ** 2 * torch.tensor(weights)).sum().backward()

    assert shape(outs) == tuple(expected.shape)
    close = {"rel": 1e-11, "abs": 1e-12}
    assert [v.data for v in flat(outs)] == pytest.approx(expected.flatten().tolist(), **close)
    assert [v.grad for v in flat(xs)] == pytest.approx(t.grad.flatten().tolist(), **close)
    theirs = [g for p in twin.parameters() for g in p.grad.flatten().tolist()]
    assert [p.grad for p in own_parameters(module)] == pytest.approx(theirs, **close)
    assert len(theirs) == len(module.parameters())


def shape(x):
    return (len(x), *shape(x[0])) if isinstance(x, list) else ()


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("training", [True, False])
def test_a_module_and_every_gradient_equal_torch(name, training):
    make, batch = MODULES[name]
    module = shake(make()).train(training)
    assert_equals_torch(module, copied(module).train(training), numbers(batch))


@pytest.mark.parametrize("name", MODULES)
def test_a_single_sample_in_evaluation_is_a_batch_of_one(name):
    make, batch = MODULES[name]
    module, x = shake(make()).eval(), numbers(batch)[0]
    [expected] = module.batch([x])
    assert list(map(float_of, flat(module(x)))) == list(map(float_of, flat(expected)))


def float_of(v):
    return v.data if isinstance(v, Value) else v


def test_torch_s_weight_of_an_output_channel_is_ours_flattened():
    module = Conv2d(2, 3, 2, rng=0)
    weight = copied(module).weight
    assert tuple(weight.shape) == (3, 2, 2, 2)
    assert [[w.data for w in row] for row in module.w] == weight.flatten(1).tolist()


# --- BatchNorm over time ---


def after_batches(module, twin, n):
    for seed in range(n):
        x = [[3.0 * v + seed for v in row] for row in numbers((4 + seed, 3), seed)]
        module.batch(x)
        twin(torch.tensor(x, **FLOAT64))


def test_running_statistics_after_several_batches_equal_torch_and_eval_uses_them():
    module = shake(BatchNorm(3, momentum=0.2))
    twin = copied(module)
    after_batches(module, twin, 5)
    assert module.running_mean == pytest.approx(twin.running_mean.tolist(), rel=1e-12)
    assert module.running_var == pytest.approx(twin.running_var.tolist(), rel=1e-12)
    before = module.state_dict()
    assert_equals_torch(module.eval(), twin.eval(), numbers((4, 3), seed=9))
    assert module.state_dict() == before  # evaluation leaves the statistics alone


def test_state_dict_holds_the_running_statistics_and_goes_round():
    one = Sequential(Linear(3, 3, rng=0), shake(BatchNorm(3)))
    one.batch(numbers((5, 3)))
    state = one.state_dict()
    assert {k: v for k, v in state.items() if "running" in k} == {
        **{f"layers.1.running_mean.{i}": v for i, v in enumerate(one.layers[1].running_mean)},
        **{f"layers.1.running_var.{i}": v for i, v in enumerate(one.layers[1].running_var)},
    }
    two = Sequential(Linear(3, 3, rng=1), BatchNorm(3))
    two.load_state_dict(state)
    assert two.state_dict() == state
    x = numbers(3, seed=4)
    assert [v.data for v in two.eval()(x)] == [v.data for v in one.eval()(x)]
    two.train().batch(numbers((5, 3), seed=5))
    assert one.state_dict() == state  # nothing is shared


def test_a_refused_state_leaves_the_running_statistics_alone():
    module = BatchNorm(1)
    with pytest.raises(ValueError, match=r"does not fit the BatchNorm: running_var.0 is missing"):
        module.load_state_dict({"w.0": 2.0, "b.0": 2.0, "running_mean.0": 2.0})
    with pytest.raises(TypeError, match="expected a real number, got str"):
        module.load_state_dict({**module.state_dict(), "running_var.0": "1"})
    assert module.state_dict() == BatchNorm(1).state_dict()


# --- Dropout ---


def test_dropout_keeps_the_expectation():
    outs = Dropout(0.3, rng=0)([1.0] * 10_000)
    assert set(outs) == {0.0, 1.0 / (1.0 - 0.3)}
    assert outs.count(0.0) / 10_000 == pytest.approx(0.3, abs=0.02)
    assert sum(outs) / 10_000 == pytest.approx(1.0, abs=0.03)


def test_dropout_is_reproducible_by_its_own_rng_alone():
    state = random.getstate()
    one, two, other = Dropout(rng=3), Dropout(rng=random.Random(3)), Dropout(rng=4)
    x = [1.0] * 50
    first = one(x)
    assert first == two(x) != other(x)
    assert one(x) != first  # the next call draws anew
    assert random.getstate() == state


def test_dropout_in_evaluation_and_with_p_zero_is_the_identity():
    x = as_values(numbers((2, 3)))
    dropout = Dropout(0.9, rng=0).eval()
    assert dropout(x) is x
    assert dropout.batch(x) == x
    assert Dropout(0.0)([1.5, -2.0]) == [1.5, -2.0]


def test_dropout_masks_the_gradient_as_it_masks_the_number():
    x = as_values([1.0] * 20)
    outs = Dropout(0.5, rng=0)(x)
    sum(outs).backward()
    assert [v.grad for v in x] == [v.data for v in outs]
    assert {v.grad for v in x} == {0.0, 2.0}


def test_eval_reaches_the_dropout_inside_a_sequential():
    model = Sequential(Linear(2, 30, rng=0), Dropout(0.5, rng=0))
    assert 0.0 in [v.data for v in model([1.0, 1.0])]
    assert 0.0 not in [v.data for v in model.eval()([1.0, 1.0])]


# --- composition ---


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_method_of_value_on_every_number(name):
    outs = Activation(name)([[0.5, -1.0], [2.0]])
    expected = [ACTIVATIONS[name](Value(x)).data for x in (0.5, -1.0, 2.0)]
    assert [[v.data for v in row] for row in outs] == [expected[:2], expected[2:]]


def test_a_sequential_may_hold_networks_and_each_parameter_counts_once():
    inner = Linear(2, 2, rng=0)
    model = Sequential(inner, Sequential(inner), MLP(2, [3, 1], rng=0))
    assert isinstance(model([1.0, 2.0]), Value)
    assert len(model.parameters()) == 6 + 13


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


IMAGE = [[[1.0, 2.0], [3.0, 4.0]]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
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
