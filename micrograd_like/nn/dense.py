"""Networks: neurons, layers and the multi-layer perceptron, tanh unless you ask for another.

>>> model = MLP(3, [4, 4, 1], rng=0)
>>> out = model([2.0, 3.0, -1.0])               # a Value, since there is one output
>>> out.backward()
>>> len(model.parameters()), model.layers[0].neurons[0].w[0].grad != 0.0
(41, True)

A neuron is dot(w, x) + b and an activation: three nodes of the graph, whatever its width. This file
knows nothing of losses or training.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..engine import Number, Value, as_value
from ..functional import dot
from ..functional import sum as total
from ..nesting import flat, is_list, map_nested

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
_HALF_OFF = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}  # pass half the line: He


# --- initialisers: (nin, nout, rng) -> the start value of one weight ---


def uniform(nin: int, nout: int, rng: random.Random) -> float:
    """Uniform between -1 and 1, as in micrograd."""
    return rng.uniform(-1.0, 1.0)


def xavier(nin: int, nout: int, rng: random.Random) -> float:
    """Uniform with variance 2 / (nin + nout), which suits tanh.

    Source: Glorot and Bengio (2010), equation 16; torch.nn.init.xavier_uniform_.
    """
    bound = math.sqrt(6.0 / (nin + nout))
    return rng.uniform(-bound, bound)


def he(nin: int, nout: int, rng: random.Random) -> float:
    """Uniform with variance 2 / nin, which suits relu.

    Source: He et al. (2015), equation 10; torch.nn.init.kaiming_uniform_.
    """
    bound = math.sqrt(6.0 / nin)
    return rng.uniform(-bound, bound)


INITIALISERS = {"uniform": uniform, "xavier": xavier, "he": he}


# --- modules ---


class Module:
    """Anything with parameters: the Values among its attributes, and those of the modules in it.

    A subclass sets attributes in ``__init__`` (Values, Modules, lists of them) and computes in
    ``forward``. Names follow torch.nn.Module.

    Example:
        >>> class Line(Module):
        ...     def __init__(self):
        ...         self.slope, self.offset = Value(2.0), Value(1.0)
        ...     def forward(self, x):
        ...         return self.slope * x + self.offset
        >>> line = Line()
        >>> line(3.0).data, line.state_dict()
        (7.0, {'slope': 2.0, 'offset': 1.0})
    """

    training = True
    buffers: tuple[str, ...] = ()  # names of attributes that are state but not trained

    def forward(self, x: Any) -> Any:
        """The output for one sample; a subclass must define it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(x)")

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        """The outputs for a list of samples; BatchNorm, which needs them all, overrides it."""
        return [self(x) for x in xs]

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Pairs such as ("layers.0.neurons.3.b", Value), each parameter once."""
        seen = set()
        for name, p in _walk(Value, vars(self).items()):
            if p not in seen:
                seen.add(p)
                yield name, p

    def parameters(self) -> list[Value]:
        """The Values to train."""
        return [p for _, p in self.named_parameters()]

    def modules(self) -> list[Module]:
        """This module and those in it, at any depth."""
        return [self, *(m for _, m in _walk(Module, vars(self).items()))]

    def zero_grad(self) -> None:
        """Sets every parameter's grad to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def train(self, mode: bool = True) -> Module:
        """Puts this module and those in it into training mode; returns itself."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Module:
        """Puts this module and those in it into evaluation mode; returns itself."""
        return self.train(False)

    def state_dict(self) -> dict[str, float]:
        """Every parameter's number by its name, and the buffers (running statistics)."""
        state = {name: p.data for name, p in self.named_parameters()}
        return {**state, **{name: m[i] for name, m, i in self._named_buffers()}}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Sets every parameter and buffer from such a dict, or none of them.

        Raises:
            ValueError: the names differ; the message lists all that are missing or unknown.
            TypeError: an entry is not a number.
        """
        own = self.state_dict()
        wrong = [f"{name} is missing" for name in own if name not in state]
        wrong += [f"{name} is unknown" for name in state if name not in own]
        if wrong:
            raise ValueError(f"this state does not fit the {type(self).__name__}: {_some(wrong)}")
        new = {name: Value(number).data for name, number in state.items()}
        for name, p in self.named_parameters():
            p.data = new[name]
        for name, buffer, i in self._named_buffers():
            buffer[i] = new[name]

    def _named_buffers(self) -> Iterator[tuple[str, list[float], int]]:
        inside = _walk(Module, vars(self).items())
        modules = [("", self), *((f"{name}.", m) for name, m in inside)]
        for prefix, module in modules:
            for buffer in module.buffers:
                for i in range(len(getattr(module, buffer))):
                    yield f"{prefix}{buffer}.{i}", getattr(module, buffer), i


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
    """

    def __init__(
        self,
        nin: int,
        activation: str = "tanh",
        init: str = "auto",
        rng: random.Random | int | None = None,
        nout: int = 1,
    ) -> None:
        self.nin = _width(nin, "inputs")
        self.activation = _name(activation, ACTIVATIONS, "activation")
        rng = _random(rng)
        draw = _initialiser(init, activation)
        self.w = [Value(draw(nin, nout, rng)) for _ in range(nin)]
        self.b = Value(draw(nin, nout, rng) if draw is uniform else 0.0)
        self._activate = ACTIVATIONS[activation]

    def __call__(self, x: Iterable[Number]) -> Value:
        return self.forward(_inputs(self, x))

    def forward(self, x: Sequence[Value]) -> Value:
        """The output for nin Values that have been checked."""
        return self._activate(dot(self.w, x) + self.b)

    def __repr__(self) -> str:
        return f"Neuron({self.nin}, activation={self.activation!r})"


class Layer(Module):
    """nout neurons side by side on the same nin inputs; returns the list of their outputs.

    Args are those of Neuron, and nout is the number of neurons.

    Example:
        >>> layer = Layer(3, 2, activation="relu", rng=0)
        >>> len(layer([1.0, 2.0, 3.0]))
        2
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: str = "tanh",
        init: str = "auto",
        rng: random.Random | int | None = None,
    ) -> None:
        self.nin, self.nout = _width(nin, "inputs"), _width(nout, "neurons")
        self.activation = activation
        rng = _random(rng)
        self.neurons = [Neuron(nin, activation, init, rng, nout) for _ in range(nout)]

    def __call__(self, x: Iterable[Number]) -> list[Value]:
        return self.forward(_inputs(self, x))

    def forward(self, x: Sequence[Value]) -> list[Value]:
        """The outputs for nin Values that have been checked."""
        return [neuron.forward(x) for neuron in self.neurons]

    def __repr__(self) -> str:
        return f"Layer({self.nin}, {self.nout}, activation={self.activation!r})"


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

    Raises:
        ValueError: a width below 1, no layer, an unknown name, another number of inputs.
        TypeError: a width that is not an int, or inputs that are not a list of numbers.

    Example:
        >>> model = MLP(2, [16, 16, 1], activation="relu", output_activation="linear", rng=0)
        >>> model
        MLP(2, [16, 16, 1], activation='relu', output_activation='linear')
        >>> len(model.parameters())
        337
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str | Sequence[str] = "tanh",
        output_activation: str = "tanh",
        init: str = "auto",
        rng: random.Random | int | None = None,
    ) -> None:
        if not isinstance(nouts, Sequence) or isinstance(nouts, str):
            raise TypeError(f"MLP expects a list of layer widths, got {nouts!r}: write [{nouts}]")
        if not nouts:
            raise ValueError("MLP expects at least one layer width, got an empty list")
        self.nin, self.nouts = _width(nin, "inputs"), [_width(n, "neurons") for n in nouts]
        hidden = len(nouts) - 1
        names = [activation] * hidden if isinstance(activation, str) else list(activation)
        if len(names) != hidden:
            raise ValueError(f"MLP has {hidden} hidden layers, got {len(names)} activations")
        self.activation, self.output_activation = activation, output_activation
        rng = _random(rng)
        widths = zip([nin, *nouts], nouts, [*names, output_activation])
        self.layers = [Layer(n, m, name, init, rng) for n, m, name in widths]

    def __call__(self, x: Iterable[Number]) -> Any:
        return self.forward(_inputs(self, x))

    def forward(self, x: Sequence[Value]) -> Any:
        """The output for nin Values that have been checked."""
        for layer in self.layers:
            x = layer.forward(x)
        return x[0] if len(x) == 1 else x

    def __repr__(self) -> str:
        return (
            f"MLP({self.nin}, {self.nouts}, activation={self.activation!r}, "
            f"output_activation={self.output_activation!r})"
        )


# --- modules to compose ---


class Sequential(Module):
    """Modules one after the other, each fed with the output of the one before.

    Example:
        >>> model = Sequential(Linear(2, 3, rng=0), BatchNorm(3), Activation("relu"))
        >>> [len(out) for out in model.batch([[1.0, 2.0], [3.0, -1.0]])]
        [3, 3]

    Source: torch.nn.Sequential.
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential expects modules, got {type(module).__name__} at position {i}"
                )
        if not modules:
            raise ValueError("Sequential expects at least one module")
        self.layers = list(modules)

    def forward(self, x: Any) -> Any:
        """The output for one sample."""
        for layer in self.layers:
            x = layer(x)
        return x

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        """The outputs for a list of samples."""
        outs = list(xs)
        for layer in self.layers:
            outs = layer.batch(outs)
        return outs

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


class Linear(Layer):
    """A Layer without activation: w x + b.

    Source: torch.nn.Linear, but with this library's initialisers.

    Example:
        >>> Linear(3, 2)
        Linear(3, 2)
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        init: str = "auto",
        rng: random.Random | int | None = None,
    ) -> None:
        super().__init__(nin, nout, "linear", init, rng)

    def __repr__(self) -> str:
        return f"Linear({self.nin}, {self.nout})"


class Activation(Module):
    """One of ACTIVATIONS for every number of a nested list.

    Example:
        >>> [v.data for v in Activation("relu")([-1.0, 2.0])]
        [0.0, 2.0]
    """

    def __init__(self, name: str) -> None:
        self.name = _name(name, ACTIVATIONS, "activation")

    def forward(self, x: Any) -> Any:
        """The activations, nested as x is."""
        activate = ACTIVATIONS[self.name]
        return map_nested(lambda v: activate(as_value(v)), x)

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"


class Flatten(Module):
    """A nested list, such as the channels, rows and columns of an image, as one flat list.

    Example:
        >>> Flatten()([[1.0, 2.0], [3.0, 4.0]])
        [1.0, 2.0, 3.0, 4.0]

    Source: torch.nn.Flatten.
    """

    def forward(self, x: Any) -> list[Any]:
        """All numbers, left to right."""
        return flat(x)

    def __repr__(self) -> str:
        return "Flatten()"


class Dropout(Module):
    """In training, sets each number to 0 with probability p and scales the others by 1 / (1 - p).

    Args:
        p: the probability, 0 or more and below 1.
        rng: a random.Random, or a seed for one.

    Example:
        >>> dropout = Dropout(0.5, rng=0)
        >>> dropout([1.0, 1.0, 1.0, 1.0]), dropout.eval()([1.0, 1.0])
        ([2.0, 2.0, 0.0, 0.0], [1.0, 1.0])

    Source: Srivastava et al. (2014); torch.nn.Dropout.
    """

    def __init__(self, p: float = 0.5, rng: random.Random | int | None = None) -> None:
        if isinstance(p, bool) or not isinstance(p, int | float):
            raise TypeError(f"p must be a number, got {type(p).__name__} {p!r}")
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p must be 0 or more and below 1, got {p!r}")
        self.p = p
        self.rng = _random(rng)

    def forward(self, x: Any) -> Any:
        """The numbers that stay, nested as x is."""
        if not self.training:
            return x
        return map_nested(lambda v: v * self.factor(), x)

    def factor(self) -> float:
        """What one number is multiplied with: drawn anew at every call."""
        return 0.0 if self.rng.random() < self.p else 1.0 / (1.0 - self.p)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class BatchNorm(Module):
    """Each feature shifted and scaled to mean 0 and variance 1 over the batch, then w * x + b.

    In training, ``batch`` uses the statistics of the batch, with gradients through them, and keeps
    running ones; in evaluation the running ones are used, and single samples will do.

    Args:
        nin: how many features.
        eps: added to the variance, against division by zero.
        momentum: the weight of the batch in the running statistics.

    Raises:
        ValueError: in training, a single sample or a batch of one: there is no variance.

    Example:
        >>> norm = BatchNorm(1, eps=0.0)
        >>> [out[0].data for out in norm.batch([[1.0], [3.0]])]
        [-1.0, 1.0]
        >>> norm.running_mean, norm.running_var     # 0.9 * old + 0.1 * new
        ([0.2], [1.1])

    Source: Ioffe and Szegedy (2015), algorithm 1; torch.nn.BatchNorm1d.
    """

    buffers = ("running_mean", "running_var")

    def __init__(self, nin: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.nin, self.eps, self.momentum = _width(nin, "features"), eps, momentum
        if not (eps >= 0.0 and 0.0 <= momentum <= 1.0):
            raise ValueError(
                f"BatchNorm expects eps >= 0 and momentum from 0 to 1, got {eps!r} and {momentum!r}"
            )
        self.w = [Value(1.0) for _ in range(nin)]
        self.b = [Value(0.0) for _ in range(nin)]
        self.running_mean, self.running_var = [0.0] * nin, [1.0] * nin

    def forward(self, x: Iterable[Number]) -> list[Value]:
        """One sample, by the running statistics."""
        if self.training:
            raise ValueError(
                "BatchNorm needs the whole batch in training: call model.batch(xs), or model.eval()"
            )
        statistics = zip(self.running_mean, self.running_var)
        scaled = [
            (v - mean) * Value(var + self.eps) ** -0.5
            for v, (mean, var) in zip(_inputs(self, x), statistics)
        ]
        return self._affine(scaled)

    def batch(self, xs: Iterable[Any]) -> list[list[Value]]:
        """All samples, in training by their own statistics."""
        rows = [_inputs(self, x) for x in xs]
        if not self.training:
            return [self.forward(row) for row in rows]
        n = len(rows)
        if n < 2:
            raise ValueError(f"BatchNorm needs at least 2 samples in training, got {n}")
        columns = []
        for i, column in enumerate(zip(*rows)):
            mean = total(column) * (1.0 / n)
            centred = [v - mean for v in column]
            var = dot(centred, centred) * (1.0 / n)
            scale = (var + self.eps) ** -0.5
            columns.append([v * scale for v in centred])
            kept, m = 1.0 - self.momentum, self.momentum
            self.running_mean[i] = kept * self.running_mean[i] + m * mean.data
            self.running_var[i] = kept * self.running_var[i] + m * var.data * n / (n - 1)
        return [self._affine(row) for row in zip(*columns)]

    def _affine(self, x: Iterable[Value]) -> list[Value]:
        return [w * v + b for w, v, b in zip(self.w, x, self.b)]

    def __repr__(self) -> str:
        return f"BatchNorm({self.nin})"


class Conv2d(Module):
    """The same small window of weights, slid over an image: one dot for each place.

    Args:
        nin: channels of the input.
        nout: channels of the output, each with weights of its own.
        kernel_size: height and width of the window.
        stride: how far it moves.
        padding: rows and columns of zeros around the image.
        init: as for Neuron; a window is a neuron with nin * kernel_size**2 inputs.
        rng: a random.Random, or a seed for one.

    Returns:
        Called on an image, a list of nin channels of rows of numbers: nout such channels.

    Raises:
        ValueError: another number of channels, ragged rows, an image smaller than the window.

    Example:
        >>> image = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]
        >>> out = Conv2d(1, 2, kernel_size=2, rng=0)(image)
        >>> len(out), len(out[0]), len(out[0][0])
        (2, 2, 2)

    Source: torch.nn.Conv2d.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        init: str = "auto",
        rng: random.Random | int | None = None,
    ) -> None:
        self.nin, self.nout = _width(nin, "input channels"), _width(nout, "output channels")
        self.kernel_size = _width(kernel_size, "rows of the window")
        self.stride = _width(stride, "steps of the window")
        if not isinstance(padding, int) or isinstance(padding, bool) or padding < 0:
            raise ValueError(f"padding must be an int of at least 0, got {padding!r}")
        self.padding = padding
        size, rng = kernel_size * kernel_size, _random(rng)
        draw = _initialiser(init, "relu")
        self.w = [[Value(draw(nin * size, nout * size, rng)) for _ in range(nin * size)]
                  for _ in range(nout)]  # fmt: skip
        self.b = [Value(0.0) for _ in range(nout)]

    def forward(self, x: Any) -> list[list[list[Value]]]:
        """The output channels for one image."""
        image = self._padded(x)
        k, step = self.kernel_size, self.stride
        rows = range(0, len(image[0]) - k + 1, step)
        columns = range(0, len(image[0][0]) - k + 1, step)
        windows = [
            [
                [v for channel in image for row in channel[i : i + k] for v in row[j : j + k]]
                for j in columns
            ]
            for i in rows
        ]
        return [
            [[dot(w, window) + b for window in row] for row in windows]
            for w, b in zip(self.w, self.b)
        ]

    def _padded(self, x: Any) -> list[list[list[Value]]]:
        if not is_list(x) or len(x) != self.nin:
            got = f"{len(x)} channels" if is_list(x) else type(x).__name__
            raise ValueError(f"Conv2d expects an image of {self.nin} channels, got {got}")
        if not all(is_list(channel) and all(map(is_list, channel)) for channel in x):
            raise ValueError("Conv2d expects an image as channels of rows of numbers")
        widths = {len(row) for channel in x for row in channel}
        heights = {len(channel) for channel in x}
        if len(widths) != 1 or len(heights) != 1:
            raise ValueError("Conv2d expects channels of equal size with rows of equal length")
        p, width = self.padding, widths.pop() + 2 * self.padding
        if min(width, heights.pop() + 2 * p) < self.kernel_size:
            raise ValueError(f"the image is smaller than the window of {self.kernel_size}")
        zero = Value(0.0)
        side, edge = [zero] * p, [[zero] * width for _ in range(p)]
        return [
            edge + [[*side, *map(as_value, row), *side] for row in channel] + edge for channel in x
        ]

    def __repr__(self) -> str:
        return f"Conv2d({self.nin}, {self.nout}, kernel_size={self.kernel_size})"


# --- checks at the edge ---


def _inputs(module: Any, x: Iterable[Number]) -> list[Value]:
    """The inputs as Values: what may be wrong with them is found here, once."""
    name, nin = type(module).__name__, module.nin
    if isinstance(x, str) or not isinstance(x, Iterable):
        raise TypeError(f"{name} expects a list of {nin} numbers, got {type(x).__name__} {x!r:.60}")
    values = [as_value(v) for v in x]
    if len(values) != nin:
        raise ValueError(f"{name} expects {nin} inputs, got {len(values)}")
    return values


def _width(n: int, what: str) -> int:
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"the number of {what} must be an int, got {type(n).__name__} {n!r}")
    if n < 1:
        raise ValueError(f"the number of {what} must be at least 1, got {n}")
    return n


def _name(name: str, table: dict[str, Any], what: str) -> str:
    if name not in table:
        raise ValueError(f"unknown {what} {name!r}: choose from {', '.join(table)}")
    return name


def _initialiser(init: str, activation: str) -> Callable[[int, int, random.Random], float]:
    if init == "auto":
        return he if activation in _HALF_OFF else xavier
    return INITIALISERS[_name(init, {**INITIALISERS, "auto": None}, "initialiser")]


def _random(rng: random.Random | int | None) -> random.Random:
    if isinstance(rng, random.Random):
        return rng
    if rng is None or isinstance(rng, int):
        return random.Random(rng)
    raise TypeError(f"rng must be a random.Random or an int, got {type(rng).__name__} {rng!r}")


def _walk(kind: type, attributes: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every Value (or Module) among the attributes, in lists and dicts, and inside Modules."""
    for key, value in attributes:
        if isinstance(value, kind):
            yield f"{prefix}{key}", value
        if isinstance(value, Value):  # the most, and nothing is inside
            continue
        if isinstance(value, Module):
            yield from _walk(kind, vars(value).items(), f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield from _walk(kind, enumerate(value), f"{prefix}{key}.")
        elif isinstance(value, dict):
            yield from _walk(kind, value.items(), f"{prefix}{key}.")


def _some(lines: list[str]) -> str:
    return ", ".join(lines[:10]) + (f" and {len(lines) - 10} more" if len(lines) > 10 else "")
