"""A small network and what it is trained on."""

import random

from micrograd_like import MLP
from micrograd_like.losses import mse_loss
from micrograd_like.optim import SGD
from micrograd_like.train import fit

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(30)]
Y = [x[0] * x[1] for x in X]


def network(rng=0):
    return MLP(2, [5, 1], output_activation="linear", rng=rng)


def train(model, **options):
    optimizer = SGD(model.parameters(), lr=0.1)
    defaults = {"loss": mse_loss, "optimizer": optimizer, "progress": False}
    return fit(model, X, Y, **{**defaults, **options})
