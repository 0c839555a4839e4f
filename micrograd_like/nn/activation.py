"""The activations, and the layer that is nothing else.

>>> sorted(HALF_OFF - ACTIVATIONS.keys())
[]
"""

from collections.abc import Callable
from typing import Any, ClassVar

from ..checks import choice
from ..engine import Value, as_value
from ..nesting import map_nested
from .edge import text
from .module import Module

__all__ = ["ACTIVATIONS", "Activation"]

# Every activation is a method of Value; "linear" is none at all.
ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "linear": Value.__pos__,
    "tanh": Value.tanh,
    "sigmoid": Value.sigmoid,
    "relu": Value.relu,
    "leaky_relu": Value.leaky_relu,
    "elu": Value.elu,
    "gelu": Value.gelu,
    "silu": Value.silu,
    "softplus": Value.softplus,
    "sin": Value.sin,
}
HALF_OFF = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}  # pass half the line: He


def known(activation: str) -> str:
    """The name, if there is an activation of that name."""
    choice(*ACTIVATIONS)("activation", activation)
    return activation


class Activation(Module):
    """One of ACTIVATIONS for every number of a nested list.

    Example:
        >>> [v.data for v in Activation("relu")([-1.0, 2.0])]
        [0.0, 2.0]

    Source: torch.nn.Tanh, torch.nn.ReLU and so on.
    """

    settings: ClassVar = {"name": text}
    name: str

    def __init__(self, name: str) -> None:
        self._configure(name=known(name))

    def forward(self, x: Any) -> Any:
        activate = ACTIVATIONS[self.name]
        return map_nested(lambda v: activate(as_value(v)), x)
