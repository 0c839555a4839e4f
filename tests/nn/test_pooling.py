"""Pooling where it is not torch's, at equal numbers, and as machine code."""

import pytest
import torch
from helpers.layers import numbers

from micrograd_like import SGD, cross_entropy, fit
from micrograd_like.engine import Value
from micrograd_like.functional import sum as total
from micrograd_like.nesting import flat, map_nested
from micrograd_like.nn import Activation, AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Sequential

TIED = [[[1.0, 5.0, 5.0], [5.0, 0.0, 5.0], [2.0, 2.0, 2.0]]]


def gradients(pool, image):
    image = map_nested(Value, image)
    total(flat(pool(image))).backward()
    return [v.grad for v in flat(image)]


def test_equal_numbers_share_the_gradient_that_torch_gives_to_the_first():
    ours = gradients(MaxPool2d(2, 1), TIED)
    third = 1.0 / 3.0
    assert ours == pytest.approx([0.0, 0.5 + third, third, 0.5 + 1.0, 0.0, third + 1.0, 0, 0, 0])
    tensor = torch.tensor(TIED, requires_grad=True)
    torch.nn.functional.max_pool2d(tensor, 2, 1).sum().backward()
    assert tensor.grad.flatten().tolist() == [0.0, 2.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]


def test_padding_is_never_the_largest_and_counts_as_zeros_in_the_mean():
    below = [[[-4.0, -8.0], [-8.0, -8.0]]]
    assert [v.data for v in flat(MaxPool2d(2, 2, 1)(below))] == [-4.0, -8.0, -8.0, -8.0]
    assert [v.data for v in flat(AvgPool2d(2, 2, 1)(below))] == [-1.0, -2.0, -2.0, -2.0]


def test_a_nan_in_a_window_is_not_hidden():
    assert str(MaxPool2d(2)([[[float("nan"), 1.0], [2.0, 3.0]]])[0][0][0].data) == "nan"


@pytest.mark.parametrize("pool", [MaxPool2d(3, 2, 1), AvgPool2d(2)])
def test_compiled_training_with_pooling_leaves_the_numbers_of_python(pool):
    pytest.importorskip("llvmlite", reason="the jit extra is not installed")

    def trained(jit):
        model = Sequential(
            Conv2d(1, 2, 3, rng=0), Activation("relu"), pool, Flatten(), Linear(8, 2, rng=1)
        )
        history = fit(model, numbers((6, 1, 6, 6)), [0, 1, 1, 0, 1, 0], cross_entropy,
                      SGD(model.parameters(), lr=0.1), 3, 4, jit=jit, progress=False)  # fmt: skip
        assert (history.jit == "compiled") is jit
        return [*history["loss"], *model.state_dict().values()]

    assert trained(True) == pytest.approx(trained(False), rel=1e-12)
