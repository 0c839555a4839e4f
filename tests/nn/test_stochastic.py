"""Dropout: what it draws, from where, and when it does not."""

import random

import pytest
from helpers.layers import numbers

from micrograd_like.engine import Value
from micrograd_like.nesting import map_nested
from micrograd_like.nn import Dropout, Linear, Sequential


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
    x = map_nested(Value, numbers((2, 3)))
    dropout = Dropout(0.9, rng=0).eval()
    assert dropout(x) is x
    assert dropout.batch(x) == x
    assert Dropout(0.0)([1.5, -2.0]) == [1.5, -2.0]


def test_dropout_masks_the_gradient_as_it_masks_the_number():
    x = map_nested(Value, [1.0] * 20)
    outs = Dropout(0.5, rng=0)(x)
    sum(outs).backward()
    assert [v.grad for v in x] == [v.data for v in outs]
    assert {v.grad for v in x} == {0.0, 2.0}


def test_eval_reaches_the_dropout_inside_a_sequential():
    model = Sequential(Linear(2, 30, rng=0), Dropout(0.5, rng=0))
    assert 0.0 in [v.data for v in model([1.0, 1.0])]
    assert 0.0 not in [v.data for v in model.eval()([1.0, 1.0])]
