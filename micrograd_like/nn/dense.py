"""Activations, layers in which every input reaches every output, and the networks made of them.

>>> MLP(2, [16, 1], rng=0).layers
[Layer(2, 16, activation='tanh'), Layer(16, 1, activation='tanh')]

A neuron is dot(w, x) + b and an activation: three nodes of the graph, whatever its width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..checks import choice
from ..engine import Value, as_value
from ..functional import dot
from ..nesting import is_list, map_nested
from .init import Rng, initialiser, random_source, uniform
from .module import Module, Twin, as_inputs, text, texts, width, widths

__all__ = ["ACTIVATIONS", "MLP", "Activation", "Layer", "Linear", "Neuron"]

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
known = choice(*ACTIVATIONS)

# What computes the same in torch.nn, whose Softplus is x itself from a threshold on.
_IN_TORCH = {
    "tanh": "nn.Tanh()",
    "sigmoid": "nn.Sigmoid()",
    "relu": "nn.ReLU()",
    "leaky_relu": "nn.LeakyReLU()",
    "elu": "nn.ELU()",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "softplus": "nn.Softplus(threshold=1000.0)",
    "sin": "Sin()",
}


def _activation(name: str) -> list[Twin]:
    return [(_IN_TORCH[name], {})] if name in _IN_TORCH else []


def _linear(nin: int, nout: int) -> Twin:
    return f"nn.Linear({nin}, {nout})", {"weight": [nout, nin], "bias": [nout]}


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
        self._configure(name=known("activation", name))

    def twins(self) -> list[Twin]:
        return _activation(self.name)

    def forward(self, x: Any) -> Any:
        activate = ACTIVATIONS[self.name]
        return map_nested(lambda v: activate(as_value(v)), x)


class Neuron(Module):
    """activation(dot(w, x) + b).

    Args:
        nin: how many inputs.
        activation: a name from ACTIVATIONS.
        init: "uniform" (weights and bias from -1 to 1, as micrograd), "xavier", "he", or "auto",
            which is "he" for relu and its kind and "xavier" for the others; these start at b = 0.
        rng: a random.Random, or a seed for one; without it every neuron is different.
        nout: how many neurons share these inputs, which Xavier takes into account.

    Example:
        >>> neuron = Neuron(2, rng=0)
        >>> neuron.w[0].data, neuron.w[1].data = 0.5, -1.0
        >>> neuron([4.0, 2.0]).data
        0.0

    Source: micrograd's Neuron.
    """

    settings: ClassVar = {"nin": width("inputs"), "activation": text}
    biases = ("b",)
    nin: int
    activation: str

    checked = as_inputs

    def __init__(
        self, nin: int, activation: str = "tanh", init: str = "auto", rng: Rng = None, nout: int = 1
    ) -> None:
        self._configure(nin=nin, activation=known("activation", activation))
        rng = random_source(rng)
        draw = initialiser(init, activation)
        self.w = [Value(draw(nin, nout, rng)) for _ in range(nin)]
        self.b = Value(draw(nin, nout, rng) if draw is uniform else 0.0)
        self._activate = ACTIVATIONS[activation]

    @staticmethod
    def size(nin: int, **others: Any) -> int:
        return nin + 1

    def twins(self) -> list[Twin]:
        return [_linear(self.nin, 1), *_activation(self.activation)]

    def forward(self, x: Sequence[Value]) -> Value:
        return self._activate(dot(self.w, x) + self.b)


class Layer(Module):
    """nout neurons side by side on the same nin inputs; returns the list of their outputs.

    Args are those of Neuron, and nout is the number of neurons.

    Example:
        >>> layer = Layer(3, 2, activation="relu", rng=0)
        >>> len(layer([1.0, 2.0, 3.0]))
        2

    Source: micrograd's Layer.
    """

    settings: ClassVar = {"nin": width("inputs"), "nout": width("neurons"), "activation": text}
    stacked = ("neurons",)
    nin: int
    nout: int
    activation: str

    checked = as_inputs

    def __init__(
        self, nin: int, nout: int, activation: str = "tanh", init: str = "auto", rng: Rng = None
    ) -> None:
        self._configure(nin=nin, nout=nout, activation=known("activation", activation))
        rng = random_source(rng)
        self.neurons = [Neuron(nin, activation, init, rng, nout) for _ in range(nout)]

    @staticmethod
    def size(nin: int, nout: int, **others: Any) -> int:
        return (nin + 1) * nout

    def twins(self) -> list[Twin]:
        return [_linear(self.nin, self.nout), *_activation(self.activation)]

    def forward(self, x: Sequence[Value]) -> list[Value]:
        return [neuron.forward(x) for neuron in self.neurons]


class Linear(Layer):
    """A Layer without activation: w x + b.

    Example:
        >>> Linear(3, 2)
        Linear(3, 2)

    Source: torch.nn.Linear, but with this library's initialisers.
    """

    settings: ClassVar = {"nin": width("inputs"), "nout": width("neurons")}

    def __init__(self, nin: int, nout: int, init: str = "auto", rng: Rng = None) -> None:
        super().__init__(nin, nout, "linear", init, rng)


class MLP(Module):
    """A multi-layer perceptron: layers one after the other.

    Args:
        nin: how many inputs.
        nouts: the widths of the layers, the last one the number of outputs.
        activation: of the hidden layers; one name for all, or a list with one for each.
        output_activation: of the last layer; "linear" for a number that is not confined to -1..1.
        init: as for Neuron.
        rng: a random.Random, or a seed for one.

    Returns:
        Called on a list of nin numbers or Values: a Value when there is one output, else a list.
        With BatchNorm or Dropout between the layers: ``mlp``.

    Raises:
        ValueError: a width below 1, no layer, an unknown name, another number of inputs.
        TypeError: a width that is not an int, or inputs that are not a list of numbers.

    Example:
        >>> model = MLP(2, [16, 16, 1], activation="relu", output_activation="linear", rng=0)
        >>> model
        MLP(2, [16, 16, 1], activation='relu', output_activation='linear')
        >>> len(model.parameters())
        337

    Source: micrograd's MLP.
    """

    settings: ClassVar = {
        "nin": width("inputs"),
        "nouts": widths("neurons"),
        "activation": texts,
        "output_activation": text,
    }
    nin: int
    nouts: list[int]
    activation: str | Sequence[str]
    output_activation: str
    checked = as_inputs

    def __init__(
        self, nin: int, nouts: Sequence[int],
        activation: str | Sequence[str] = "tanh", output_activation: str = "tanh",
        init: str = "auto", rng: Rng = None,
    ) -> None:  # fmt: skip
        if not is_list(nouts):
            raise TypeError(f"MLP expects a list of layer widths, got {nouts!r}: write [{nouts}]")
        if not len(nouts):
            raise ValueError("MLP expects at least one layer width, got an empty list")
        self._configure(nin=nin, nouts=list(nouts))
        self.activation, self.output_activation = activation, output_activation
        hidden = len(self.nouts) - 1
        names = list(activation) if is_list(activation) else [activation] * hidden
        if len(names) != hidden:
            raise ValueError(f"MLP has {hidden} hidden layers, got {len(names)} activations")
        rng = random_source(rng)
        widths = zip([self.nin, *self.nouts], self.nouts, [*names, output_activation])
        self.layers = [Layer(n, m, name, init, rng) for n, m, name in widths]

    @staticmethod
    def size(nin: int, nouts: Sequence[int], **others: Any) -> int:
        return sum((n + 1) * m for n, m in zip([nin, *nouts], nouts))

    def twins(self) -> list[Twin]:
        return [twin for layer in self.layers for twin in layer.twins()]

    def forward(self, x: Sequence[Value]) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x[0] if len(x) == 1 else x
