"""Where weights start: their range, and whose random numbers they are."""

import math
import random

import pytest

from micrograd_like.nn import MLP, Layer


def test_the_same_seed_gives_the_same_network_and_global_randomness_is_untouched():
    state = random.getstate()
    one, two = MLP(2, [3, 1], rng=7), MLP(2, [3, 1], rng=random.Random(7))
    MLP(2, [3, 1])
    assert one.state_dict() == two.state_dict()
    assert random.getstate() == state
    assert MLP(2, [3, 1]).state_dict() != MLP(2, [3, 1]).state_dict()


@pytest.mark.parametrize(
    ("init", "activation", "bound"),
    [
        ("uniform", "tanh", 1.0),
        ("xavier", "relu", math.sqrt(6 / 150)),
        ("he", "tanh", math.sqrt(6 / 100)),
        ("auto", "tanh", math.sqrt(6 / 150)),
        ("auto", "relu", math.sqrt(6 / 100)),
    ],
)
def test_initialisers_fill_their_range_evenly(init, activation, bound):
    layer = Layer(100, 50, activation=activation, init=init, rng=0)
    weights = [w.data for neuron in layer.neurons for w in neuron.w]
    assert 0.99 * bound < max(map(abs, weights)) <= bound
    assert sum(w * w for w in weights) / len(weights) == pytest.approx(bound**2 / 3, rel=0.05)
    biases = [neuron.b.data for neuron in layer.neurons]
    assert (max(map(abs, biases)) > 0.5) if init == "uniform" else set(biases) == {0.0}
