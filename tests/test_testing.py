"""The tester tested: assert_matches_torch must pass what is right and catch what is not."""

import pytest

from micrograd_like import ops
from micrograd_like.ops import Op
from micrograd_like.testing import assert_matches_torch


def test_a_right_gradient_passes_with_numbers_and_nested_lists():
    assert_matches_torch(lambda x, w: (w[0] * x).tanh() / w[1][0] + x**2, 0.3, [2.0, [-1.5]])


def test_an_input_that_is_not_used_has_gradient_zero_on_both_sides():
    assert_matches_torch(lambda x, y: x * 2.0, 1.0, 5.0)


def test_infinities_and_nan_are_compared_too():
    assert_matches_torch(lambda x: x.log(), 0.0)
    assert_matches_torch(lambda x: (x * x).sqrt(), 0.0)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda g, out, x: (g * (1.0 - out * out) * 1.001,), "1 of 2 numbers differ from torch"),
        (lambda g, out, x: (-g * (1.0 - out * out),), "d/d input 0 at 0.3"),
    ],
)
def test_a_wrong_rule_is_caught_and_named(monkeypatch, broken, message):
    monkeypatch.setattr(ops, "TANH", Op("tanh", "tanh", 1, ops.TANH.forward, broken))
    with pytest.raises(AssertionError, match=message):
        assert_matches_torch(lambda x: x.tanh(), 0.3)


def test_a_wrong_value_is_caught(monkeypatch):
    right = ops.TANH
    wrong = Op("tanh", "tanh", 1, lambda x: right.forward(x) + 1e-9, right.backward)
    monkeypatch.setattr(ops, "TANH", wrong)
    with pytest.raises(AssertionError, match=r"value: 0.29\d+, torch 0.29\d+, off by 1e-09"):
        assert_matches_torch(lambda x: x.tanh(), 0.3)
