"""Networks: neurons, layers and the multi-layer perceptron, tanh unless you ask for another."""

from .dense import (
    ACTIVATIONS,
    INITIALISERS,
    MLP,
    Activation,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    Module,
    Neuron,
    Sequential,
    he,
    uniform,
    xavier,
)

__all__ = [
    "ACTIVATIONS",
    "INITIALISERS",
    "MLP",
    "Activation",
    "BatchNorm",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Layer",
    "Linear",
    "Module",
    "Neuron",
    "Sequential",
    "he",
    "uniform",
    "xavier",
]
