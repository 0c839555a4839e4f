"""One row for each layer: how to make it, what to give it, what it is in torch.

A new layer is one file in micrograd_like/nn and one row here, named like its class:
tests/nn/test_new_layer_checklist.py says what is missing. Further rows are further cases for the
comparison with torch.
"""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from micrograd_like.nn import (
    MLP,
    Activation,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Neuron,
    Sequential,
)


class Row(NamedTuple):
    """What the tests of all layers need to know about one."""

    make: Callable[[], Any]  # with settings that are not the defaults
    batch: tuple[int, ...]  # the shape of a batch for it
    twin: Callable[[], Any] | str  # torch's module, or why there is none
    start_only: tuple[str, ...] = ()  # arguments that only decide where the numbers start
    refuses: tuple[Any, ...] = (object(), [])  # inputs that get a sentence


RANDOM = ("init", "rng")

ROWS = {
    "Neuron": Row(
        lambda: Neuron(3, "sigmoid"), (2, 3),
        lambda: nn.Sequential(nn.Linear(3, 1), nn.Sigmoid(), nn.Flatten(0)), (*RANDOM, "nout")),
    "Layer": Row(
        lambda: Layer(3, 2, "relu"), (2, 3),
        lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU()), RANDOM),
    "Linear": Row(lambda: Linear(3, 2), (4, 3), lambda: nn.Linear(3, 2), RANDOM),
    "MLP": Row(
        lambda: MLP(3, [4, 3, 2], ["relu", "tanh"], "linear"), (2, 3),
        lambda: nn.Sequential(
            nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), RANDOM),
    "Activation": Row(lambda: Activation("tanh"), (2, 3), nn.Tanh, refuses=(object(),)),
    "Activation of an image": Row(lambda: Activation("relu"), (2, 2, 3, 2), nn.ReLU),
    "Flatten": Row(Flatten, (2, 2, 3, 2), nn.Flatten, refuses=()),
    "Dropout": Row(
        lambda: Dropout(0.25, rng=0), (2, 3), "it draws its own: see test_regularization.py",
        RANDOM, refuses=()),
    "BatchNorm": Row(
        lambda: BatchNorm(3, eps=1e-3, momentum=0.3), (5, 3),
        lambda: nn.BatchNorm1d(3, 1e-3, 0.3)),
    "BatchNorm of two samples": Row(lambda: BatchNorm(2), (2, 2), lambda: nn.BatchNorm1d(2)),
    "Conv2d": Row(
        lambda: Conv2d(2, 2, 3, stride=2, padding=2), (2, 2, 4, 5),
        lambda: nn.Conv2d(2, 2, 3, 2, 2), RANDOM),
    "Conv2d of one channel": Row(
        lambda: Conv2d(1, 1, 2), (2, 1, 3, 4), lambda: nn.Conv2d(1, 1, 2)),
    "Conv2d of several channels": Row(
        lambda: Conv2d(2, 3, 2), (2, 2, 3, 3), lambda: nn.Conv2d(2, 3, 2)),
    "Conv2d with stride": Row(
        lambda: Conv2d(2, 2, 2, stride=2), (2, 2, 5, 6), lambda: nn.Conv2d(2, 2, 2, 2)),
    "Conv2d with padding": Row(
        lambda: Conv2d(1, 2, 3, padding=1), (2, 1, 3, 4), lambda: nn.Conv2d(1, 2, 3, 1, 1)),
    "Conv2d saved by padding": Row(
        lambda: Conv2d(1, 1, 3, padding=1), (1, 1, 1, 1), lambda: nn.Conv2d(1, 1, 3, 1, 1)),
    "MaxPool2d": Row(
        lambda: MaxPool2d(3, 2, 1), (2, 2, 4, 5), lambda: nn.MaxPool2d(3, 2, 1)),
    "MaxPool2d of touching windows": Row(
        lambda: MaxPool2d(2), (2, 1, 5, 4), lambda: nn.MaxPool2d(2)),
    "AvgPool2d": Row(
        lambda: AvgPool2d(3, 2, 1), (2, 2, 4, 5), lambda: nn.AvgPool2d(3, 2, 1)),
    "AvgPool2d of touching windows": Row(
        lambda: AvgPool2d(2), (2, 1, 5, 4), lambda: nn.AvgPool2d(2)),
    "Sequential": Row(
        lambda: Sequential(Linear(3, 4), BatchNorm(4), Activation("tanh"), Linear(4, 2)), (5, 3),
        lambda: nn.Sequential(
            nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))),
    "Sequential, for images": Row(
        lambda: Sequential(Conv2d(1, 2, 2), Activation("relu"), Flatten(), Linear(8, 3)),
        (3, 1, 3, 3),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))),
    "Sequential, with pooling": Row(
        lambda: Sequential(Conv2d(1, 2, 2), MaxPool2d(2), AvgPool2d(2), Flatten(), Linear(2, 3)),
        (3, 1, 5, 5),
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 3))),
}  # fmt: skip


def numbers(shape, seed=0):
    """A nested list of ordinary numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).tolist()


def shake(module, seed=1):
    """Other parameters than the start values, or a bias of 0 would hide a mistake."""
    rng = random.Random(seed)
    for p in module.parameters():
        p.data = rng.uniform(-1.0, 1.0)
    return module
