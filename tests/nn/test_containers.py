"""Modules made of modules, and the layers that only pass numbers on."""

import pytest

from micrograd_like.engine import Value
from micrograd_like.nn import ACTIVATIONS, MLP, Activation, Linear, Sequential


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
