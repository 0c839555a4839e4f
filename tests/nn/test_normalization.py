"""BatchNorm over time: running statistics as torch keeps them."""

import pytest
import torch
from helpers.layers import numbers, shake

from micrograd_like.nn import BatchNorm, Linear, Sequential
from micrograd_like.testing import assert_module_matches_torch


def after_batches(module, twin, n):
    for seed in range(n):
        x = [[3.0 * v + seed for v in row] for row in numbers((4 + seed, 3), seed)]
        module.batch(x)
        twin(torch.tensor(x, dtype=torch.float64))


def test_running_statistics_after_several_batches_equal_torch_and_eval_uses_them():
    module = shake(BatchNorm(3, momentum=0.2))
    twin = torch.nn.BatchNorm1d(3, momentum=0.2, dtype=torch.float64)
    after_batches(module, twin, 5)
    assert module.running_mean == pytest.approx(twin.running_mean.tolist(), rel=1e-12)
    assert module.running_var == pytest.approx(twin.running_var.tolist(), rel=1e-12)
    before = module.state_dict()
    assert_module_matches_torch(module.eval(), twin, numbers((4, 3), seed=9))
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


def test_a_batchnorm_that_is_used_twice_has_one_set_of_statistics():
    norm = BatchNorm(2)
    model = Sequential(norm, norm)
    state = model.state_dict()
    assert len(state) == 4 + 2 * 4  # its parameters once, its statistics by both names
    model.load_state_dict(dict.fromkeys(state, 2.0))
    assert norm.running_mean == norm.running_var == [2.0, 2.0]
