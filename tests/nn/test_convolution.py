"""Conv2d's weights, in the order in which torch keeps them."""

import pytest
import torch
from helpers.layers import numbers

from micrograd_like.nesting import flat
from micrograd_like.nn import Conv2d


def test_torch_s_weight_of_an_output_channel_is_ours_flattened():
    module, image = Conv2d(2, 3, 2, rng=0), numbers((2, 4, 3))
    weight = torch.tensor([[w.data for w in row] for row in module.w], dtype=torch.float64)
    expected = torch.nn.functional.conv2d(torch.tensor([image]).double(), weight.view(3, 2, 2, 2))
    assert [v.data for v in flat(module(image))] == pytest.approx(expected.flatten().tolist())
