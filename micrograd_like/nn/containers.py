"""Modules made of modules.

>>> from micrograd_like.nn import Flatten, Linear
>>> Sequential(Flatten(), Linear(4, 1))
Sequential(Flatten(), Linear(4, 1))
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from .edge import many
from .module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """Modules one after the other, each fed with the output of the one before.

    Example:
        >>> from micrograd_like.nn import Activation, BatchNorm, Linear
        >>> model = Sequential(Linear(2, 3, rng=0), BatchNorm(3), Activation("relu"))
        >>> [len(out) for out in model.batch([[1.0, 2.0], [3.0, -1.0]])]
        [3, 3]

    Source: torch.nn.Sequential.
    """

    settings: ClassVar = {"layers": many}
    parts = "layers"
    layers: list[Module]

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(
                    f"Sequential expects modules, got {type(layer).__name__} at position {i}"
                )
        if not layers:
            raise ValueError("Sequential expects at least one module")
        self._configure(layers=list(layers))

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        outs = list(xs)
        for layer in self.layers:
            outs = layer.batch(outs)
        return outs
