"""Every layer against torch.nn with the same numbers, in training and evaluation."""

import pytest
import torch
from helpers.layers import ROWS, numbers, shake

from micrograd_like.engine import Value
from micrograd_like.nesting import flat, shape
from micrograd_like.testing import assert_module_matches_torch

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
