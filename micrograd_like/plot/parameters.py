"""The parameters of a model: norms, histograms, and the loss around them."""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..checks import integer
from ..engine import Number, Value, assign, no_grad
from .common import BLUE, INK, VIOLET, Axes, axes, integer_ticks, number, steps
from .curves import plot_history

__all__ = [
    "loss_landscape", "plot_histogram", "plot_loss_landscape", "plot_weight_norms", "weight_norms",
]  # fmt: skip


def weight_norms(model: Any) -> dict[str, float]:
    """The L2 norm, sqrt(sum of squares), of the parameters of each layer, biases among them.

    Args:
        model: a Module. A parameter belongs to the module or dict that holds it, one of a Layer's
            neurons to the Layer, one of the model's own to "model".

    Example:
        >>> from micrograd_like import MLP
        >>> list(weight_norms(MLP(2, [4, 1], rng=0)))
        ['layers.0', 'layers.1']
    """
    layers: dict[str, list[float]] = {}
    parameters = _named_parameters(model)
    tensors = {name: tensor for tensor, names in model.tensors().items() for name in names}
    for name, p in parameters:
        layer = tensors[name].rpartition(".")[0] or "model"
        layers.setdefault(layer, []).append(p.data)
    return {layer: math.hypot(*numbers) for layer, numbers in layers.items()}


def plot_weight_norms(norms: Mapping[str, Sequence[float]], ax: Axes | None = None) -> Axes:
    """Draws how the weights of each layer grew or shrank.

    Args:
        norms: for each layer the list of its norms, one for each epoch; see weight_norms.

    Example:
        >>> ax = plot_weight_norms({"layers.0": [2.0, 2.5], "layers.1": [1.0, 1.25]})
        >>> [float(norm) for norm in ax.get_lines()[1].get_ydata()]
        [1.0, 1.25]
    """
    ax = plot_history(norms, ax=ax)
    ax.set_ylabel("L2 norm of the parameters")
    return ax


def plot_histogram(model: Any, of: str = "data", ax: Axes | None = None, bins: int = 30) -> Axes:
    """Draws how the weights of a model, or their gradients, are distributed.

    Args:
        model: anything with named_parameters().
        of: "data" for the weights and biases, "grad" for their gradients.
        bins: how many bars.

    Raises:
        ValueError: there are no parameters, or one of the numbers is infinite or nan.

    Example:
        >>> from micrograd_like import MLP
        >>> ax = plot_histogram(MLP(2, [16, 1], rng=0), bins=10)
        >>> sum(int(bar.get_height()) for bar in ax.patches)
        65
    """
    if of not in ("data", "grad"):
        raise ValueError(f'of must be "data" or "grad", got {of!r}')
    numbers = {name: float(getattr(p, of)) for name, p in _named_parameters(model)}
    for name, x in numbers.items():
        if not math.isfinite(x):
            raise ValueError(f"the {of} of {name} is {x}, which no histogram can show")
    integer(1)("bins", bins)
    ax = axes(ax)
    colour, what = (BLUE, "weights and biases") if of == "data" else (VIOLET, "gradients")
    edge = 20.0 / bins  # makes neighbours visible and hides no narrow bar
    ax.hist(list(numbers.values()), bins, color=colour, edgecolor="white", linewidth=edge)
    ax.set(xlabel=what, ylabel=f"how many of {len(numbers)}")
    integer_ticks(ax.yaxis)
    return ax


def loss_landscape(
    loss: Callable[[], Number],
    parameters: Iterable[Value],
    span: float | None = None,
    resolution: int = 21,
    rng: random.Random | int = 0,
) -> tuple[list[float], list[list[float]]]:
    """The loss on a grid around the parameters, along two random directions at right angles.

    Arguments are those of plot_loss_landscape.

    Returns:
        The offsets, and for each offset along the second direction the row of losses.

    Example:
        >>> w, b = Value(3.0), Value(4.0)
        >>> offsets, rows = loss_landscape(lambda: w * w + b * b, [w, b], resolution=3)
        >>> offsets, rows[1][1]
        ([-5.0, 0.0, 5.0], 25.0)
    """
    leaves = list(dict.fromkeys(parameters))
    integer(2)("resolution", resolution)
    start = [p.data for p in leaves]
    span = (math.hypot(*start) or 1.0) if span is None else span
    if not (math.isfinite(span) and span > 0.0):
        raise ValueError(f"span must be a finite number above 0, got {span!r}")
    along, across = _two_directions(len(leaves), rng)
    offsets = steps(-span, span, resolution)

    def loss_at(right: float, down: float) -> float:
        moves = zip(start, along, across)
        assign(leaves, data=[at + right * a + down * b for at, a, b in moves])
        return number(loss(), "the loss")

    try:
        with no_grad():
            return offsets, [[loss_at(right, down) for right in offsets] for down in offsets]
    finally:
        assign(leaves, data=start)


def plot_loss_landscape(
    loss: Callable[[], Number],
    parameters: Iterable[Value],
    ax: Axes | None = None,
    span: float | None = None,
    resolution: int = 21,
    rng: random.Random | int = 0,
) -> Axes:
    """Draws a slice of the loss: the present parameters in the middle, two random directions.

    The parameters are moved to compute it and put back, also after an error.

    Args:
        loss: a function without arguments that computes the loss anew; called resolution**2 times.
        parameters: the Values to move, at least two.
        span: how far to go either way, as a distance between lists of parameters; by default the
            norm of the parameters.
        resolution: points along each direction; odd, the present parameters are one of them.
        rng: a random.Random, or a seed for one.

    Raises:
        ValueError: fewer than two parameters, a bad span or resolution, or no finite loss at all.

    Example:
        >>> w, b = Value(3.0), Value(4.0)
        >>> ax = plot_loss_landscape(lambda: w * w + b * b, [w, b], resolution=5)
        >>> w.data, b.data
        (3.0, 4.0)

    Source: Li et al. (2018), section 4, with directions scaled to the whole model, not to filters.
    """
    offsets, rows = loss_landscape(loss, parameters, span, resolution, rng)
    if not any(math.isfinite(number) for row in rows for number in row):
        raise ValueError("the loss is infinite or nan everywhere: choose a smaller span")
    ax = axes(ax)
    filled = ax.contourf(offsets, offsets, rows, levels=20, cmap="Blues")
    ax.figure.colorbar(filled, ax=ax, label="loss")
    ax.plot([0.0], [0.0], "*", color=INK, markeredgecolor="white", markersize=14, label="now")
    ax.set(aspect="equal", xlabel="along a random direction", ylabel="along another")
    ax.legend()
    return ax


def _named_parameters(model: Any) -> list[tuple[str, Value]]:
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"expected a model with named_parameters(), got {type(model).__name__}")
    pairs = list(model.named_parameters())
    if not pairs:
        raise ValueError(f"this {type(model).__name__} has no parameters")
    return pairs


def _two_directions(n: int, rng: random.Random | int) -> tuple[list[float], list[float]]:
    """Two random unit vectors of n numbers at right angles."""
    if n < 2:
        raise ValueError(f"a slice along two directions needs two parameters or more, got {n}")
    rng = rng if isinstance(rng, random.Random) else random.Random(rng)
    a, b = ([rng.gauss(0.0, 1.0) for _ in range(n)] for _ in range(2))
    a = [x / math.hypot(*a) for x in a]
    shadow = sum(x * y for x, y in zip(a, b))
    b = [y - shadow * x for x, y in zip(a, b)]
    return a, [y / math.hypot(*b) for y in b]
