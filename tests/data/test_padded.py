"""Sequences of unequal length as samples of one shape: what was added changes nothing."""

import math
import random

import numpy as np
import pytest
from helpers.compare import differences

from micrograd_like import Value, functional
from micrograd_like.data import padded
from micrograd_like.losses import mse_loss
from micrograd_like.nn import Module
from micrograd_like.optim import SGD
from micrograd_like.train import fit, predict

RNG = random.Random(0)
SEQUENCES = [[RNG.gauss(0, 1) for _ in range(RNG.randint(1, 6))] for _ in range(12)]
SENTENCES = [[RNG.randrange(5) for _ in range(RNG.randint(1, 4))] for _ in range(12)]
Y = [math.fsum(steps) for steps in SEQUENCES]


class Recurrent(Module):
    """Reads step after step; samples of any lengths, or padded."""

    def __init__(self):
        self.w, self.u, self.b, self.v = Value(0.4), Value(0.3), Value(0.1), Value(0.8)

    def step(self, x, state):
        return (self.w * x + self.u * state + self.b).tanh()

    def forward(self, steps):
        state = 0.0
        for step in steps:
            if isinstance(step, list):
                x, there = step
                state = functional.where(there, self.step(x, state), state)
            else:
                state = self.step(step, state)
        return self.v * state


class Bag(Module):
    """The mean of a sentence's embeddings, weighted."""

    def __init__(self):
        rng = random.Random(1)
        self.table = [[Value(rng.gauss(0, 1)) for _ in range(2)] for _ in range(5)]
        self.w = [Value(0.5), Value(-0.5)]

    def forward(self, words):
        pairs = [word if isinstance(word, list) else (word, 1.0) for word in words]
        n = functional.sum([there for _, there in pairs])
        rows = [[there * x for x in functional.take(self.table, word)] for word, there in pairs]
        return functional.dot(self.w, [functional.sum(column) / n for column in zip(*rows)])


def trained(model, X, **options):
    sgd = SGD(model.parameters(), lr=0.1)
    history = fit(model, X, Y, mse_loss, sgd, epochs=4, batch_size=5, progress=False, **options)
    return [history["loss"], model.state_dict()], history.jit


@pytest.mark.parametrize(("make", "sequences"), [(Recurrent, SEQUENCES), (Bag, SENTENCES)])
def test_what_was_added_changes_nothing_and_padded_samples_are_compiled(make, sequences):
    ragged, _ = trained(make(), sequences, jit=False)
    compiled, says = trained(make(), padded(sequences), jit=True)
    longer, _ = trained(make(), padded(sequences, value=3.0, length=9), jit=True)
    assert says == "compiled"
    assert not differences(compiled, ragged)
    assert not differences(longer, ragged)


def test_data_that_comes_later_is_padded_to_the_same_length():
    model = Recurrent()
    X = padded(SEQUENCES)
    later = padded(SEQUENCES[:2], length=len(X[0]))
    assert later == X[:2]
    assert predict(model, later, jit=True) == pytest.approx(predict(model, SEQUENCES[:2]))


PADDED = {
    "numbers": ([[1, 2], [3]], {}, [[[1, 1.0], [2, 1.0]], [[3, 1.0], [0.0, 0.0]]]),
    "lists": ([[[1, 2]], []], {"value": 7}, [[[1, 2, 1.0]], [[7, 7, 0.0]]]),
    "a length": ([[1.0]], {"length": 2}, [[[1.0, 1.0], [0.0, 0.0]]]),
    "arrays": ([np.ones(1), np.ones(2)], {}, [[[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0]] * 2]),
    "pairs": (iter([([1.0, 2.0], [3.0, 4.0])]), {}, [[[1.0, 2.0, 1.0], [3.0, 4.0, 1.0]]]),
}


@pytest.mark.parametrize(("sequences", "options", "wanted"), PADDED.values(), ids=PADDED)
def test_every_step_gets_its_mask(sequences, options, wanted):
    assert padded(sequences, **options) == wanted


def test_the_steps_that_were_added_are_not_one_list():
    (steps,) = padded([[1.0]], length=3)
    steps[1][0] = 5.0
    assert steps[2] == [0.0, 0.0]


WRONG = {
    "too long": ([[1.0], [1.0, 2.0, 3.0]], {"length": 2}, ValueError,
        r"sequences\[1\] has 3 steps, more than 2: cut it"),
    "sizes": ([[[1.0]], [[1.0, 2.0]]], {}, ValueError,
        r"sequences must have steps of one size, got steps of \[1, 2\] numbers"),
    "nothing": ([[], []], {}, ValueError, "steps of one size, got steps in none of them"),
    "a number": ([1.0], {}, TypeError, r"sequences\[0\] must be a list of steps, got float 1.0"),
    "no length": ([[1.0]], {"length": 0}, ValueError, "length must be an int of at least 1, got 0"),
}  # fmt: skip


@pytest.mark.parametrize(("sequences", "options", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_padded_is_refused_in_one_sentence(sequences, options, error, message):
    with pytest.raises(error, match=message):
        padded(sequences, **options)
