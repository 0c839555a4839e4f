"""A training that can be stopped and continued; run with a saved file, it continues that one.

python -m tests.helpers.resumed m.json
"""

import json
import math
import sys
from typing import Any

from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, Dropout, Linear, Sequential
from micrograd_like.optim import Adam, StepLR
from micrograd_like.serialize import load, load_state
from micrograd_like.train import fit

EPOCHS = 6
X = [[math.sin(i), math.cos(3.0 * i)] for i in range(20)]
Y = [[a * b] for a, b in X]


def network() -> Sequential:
    return Sequential(MLP(2, [5, 4], rng=0), Dropout(0.2, rng=1), Linear(4, 1, rng=2))


def training(model: Any) -> tuple[Adam, StepLR]:
    adam = Adam(model.parameters(), lr=0.05, weight_decay=0.01)
    return adam, StepLR(adam, step_size=2, gamma=0.5)


def one_epoch(epoch: int, model: Any, adam: Adam, scheduler: StepLR) -> None:
    options: Any = {"scheduler": scheduler, "seed": epoch, "progress": False}
    fit(model, X, Y, mse_loss, adam, epochs=1, batch_size=6, **options)


def state(*things: Any) -> Any:
    """All numbers of a model, an optimiser, a schedule, as they are in a file."""
    return json.loads(json.dumps([thing.state_dict() for thing in things]))


if __name__ == "__main__":
    model = load(sys.argv[1])
    adam, scheduler = training(model)
    start = load_state(sys.argv[1], adam, scheduler)["epoch"]
    for epoch in range(start, EPOCHS):
        one_epoch(epoch, model, adam, scheduler)
    print(json.dumps(state(model, adam, scheduler)))
