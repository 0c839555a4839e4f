"""The parameters of a model: norms, histograms, and the loss around them."""

import math
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

from ..checks import integer
from ..engine import Number, Value, assign, no_grad
from .common import BLUE, GREY, INK, ORANGE, Axes, axes, integer_ticks, number, steps, titled
from .curves import draw_lines, numbers_of

__all__ = [
    "histograms", "loss_landscape", "plot_histogram", "plot_loss_landscape", "plot_weight_norms",
    "weight_norms",
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
    layers = _layers(model, "data")
    return {layer: math.hypot(*numbers.values()) for layer, numbers in layers.items()}


def plot_weight_norms(norms: Mapping[str, Sequence[float]], ax: Axes | None = None) -> Axes:
    """Draws how the weights of each layer grew or shrank.

    Args:
        norms: for each layer the list of its norms, one for each epoch; see weight_norms.

    Example:
        >>> ax = plot_weight_norms({"layers.0": [2.0, 2.5], "layers.1": [1.0, 1.25]})
        >>> [float(norm) for norm in ax.get_lines()[1].get_ydata()]
        [1.0, 1.25]
    """
    lines, ax = numbers_of(norms, list(norms)), axes(ax)
    draw_lines(ax, lines, "how large the parameters of each layer are")
    ax.set_ylabel("L2 norm of the parameters")
    return ax


def histograms(
    model: Any, of: str = "data", bins: int = 30
) -> tuple[list[float], dict[str, list[int]]]:
    """How the weights of each layer, or their gradients, are distributed over the same bins.

    Args:
        model: anything with named_parameters(); which layer one belongs to is as in weight_norms.
        of: "data" for the weights and biases, "grad" for their gradients.
        bins: how many; one or two more where 0 lies between the numbers, since it is an edge then.

    Returns:
        The edges of the bins, and for each layer how many of its numbers are in each: an edge
        belongs to the bin on its right, the last one to the last bin.

    Example:
        >>> from micrograd_like import MLP
        >>> histograms(MLP(2, [3, 1], rng=0), of="grad", bins=2)  # before the first backward()
        ([-0.5, 0.0, 0.5], {'layers.0': [0, 9], 'layers.1': [0, 4]})
    """
    layers = _finite_layers(model, of)
    integer(1)("bins", bins)
    edges = _edges(list(chain.from_iterable(layers.values())), bins)
    last = len(edges) - 2
    counts = {}
    for layer, numbers in layers.items():
        found = Counter(min(max(bisect_right(edges, x) - 1, 0), last) for x in numbers)
        counts[layer] = [found[i] for i in range(last + 1)]
    return edges, counts


def plot_histogram(model: Any, of: str = "data", ax: Axes | None = None, bins: int = 30) -> Axes:
    """Draws how the weights of each layer, or their gradients, are distributed.

    All layers have the same scale from left to right, and each its own height. The text above a
    layer says how large its numbers are (rms, the root of the mean square) and how many are
    exactly 0: with of="grad" a dead layer is one grey bar, and says "all 0".

    Args:
        model: anything with named_parameters().
        of: "data" for the weights and biases, "grad" for their gradients.
        bins: how many bars; one or two more, so that none is on both sides of 0: orange is below.

    Raises:
        ValueError: there are no parameters, or one of the numbers is infinite or nan.

    Example:
        >>> from micrograd_like import MLP
        >>> ax = plot_histogram(MLP(2, [16, 1], rng=0), of="grad")
        >>> [text.get_text() for text in ax.texts]
        ['48 numbers, all 0', '17 numbers, all 0']
    """
    layers, (edges, counts) = _finite_layers(model, of), histograms(model, of, bins)
    ax, what = axes(ax), "weights and biases" if of == "data" else "gradients"
    edge = min(0.5, 20.0 / bins)  # makes neighbours visible and hides no narrow bar
    widths = [right - left for left, right in pairwise(edges)]
    lone = len(layers) == 1
    for i, (layer, numbers) in enumerate(layers.items()):
        # Several layers: the first on top, each with 1 unit of height, text in its upper quarter.
        unit, floor = (max(counts[layer]) / 0.75, 0.0) if lone else (1.0, -float(i))
        heights = [0.75 * unit * count / max(counts[layer]) for count in counts[layer]]
        signs = [ORANGE if left < 0.0 else BLUE for left in edges[:-1]] if any(numbers) else GREY
        ax.bar(edges[:-1], heights, widths, floor, align="edge",
               color=signs, edgecolor="white", linewidth=edge)  # fmt: skip
        ax.text(0.02, floor + 0.95 * unit, _about(numbers), color=INK, fontsize="small",
                transform=ax.get_yaxis_transform(), verticalalignment="top")  # fmt: skip
    if lone:
        ax.set(ylim=(0.0, unit), ylabel=f"how many of {len(numbers)}")
        integer_ticks(ax.yaxis)
    else:
        ax.set(ylim=(1.0 - len(layers), 1.0), ylabel="layer")
        ax.set_yticks([-i for i in range(len(layers))], layers)
    ax.set_xlabel(what)
    titled(ax, what if lone else f"{what} of each layer")
    return ax


def _about(numbers: Sequence[float]) -> str:
    """Their number, their size, and how many are exactly 0."""
    zeros = sum(x == 0.0 for x in numbers)
    if zeros == len(numbers):
        return f"{zeros} numbers, all 0"
    rms = math.hypot(*numbers) / math.sqrt(len(numbers))
    return f"{len(numbers)} numbers, rms {rms:.2g}" + (f", {zeros} are 0" if zeros else "")


def _edges(numbers: Sequence[float], bins: int) -> list[float]:
    """The edges of bins of equal width over all numbers; no bin has numbers of both signs."""
    low, high = min(numbers), max(numbers)
    width = high / bins - low / bins  # of each half: the difference may be too large for a float
    if low + width == low:  # all are the same number, or as good as
        return [low - 0.5 + i / bins for i in range(bins + 1)]
    if not low < 0.0 <= high:
        return [*(low + i * width for i in range(bins)), high]
    first, last = math.floor(low / width), max(math.ceil(high / width), 1)
    return [i * width for i in range(first, last + 1)]


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
    titled(ax, "the loss around the present parameters")
    ax.plot([0.0], [0.0], "*", color=INK, markeredgecolor="white", markersize=14, label="now")
    ax.set(aspect="equal", xlabel="along a random direction", ylabel="along another")
    ax.legend()
    return ax


def _finite_layers(model: Any, of: str) -> dict[str, list[float]]:
    """The numbers of each layer, all of which a histogram can show."""
    layers = _layers(model, of)
    for name, x in chain.from_iterable(numbers.items() for numbers in layers.values()):
        if not math.isfinite(x):
            raise ValueError(f"the {of} of {name} is {x}, which no histogram can show")
    return {layer: list(numbers.values()) for layer, numbers in layers.items()}


def _layers(model: Any, of: str) -> dict[str, dict[str, float]]:
    """For each layer the names of its parameters and their numbers, or gradients."""
    if of not in ("data", "grad"):
        raise ValueError(f'of must be "data" or "grad", got {of!r}')
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"expected a model with named_parameters(), got {type(model).__name__}")
    tensors = model.tensors() if hasattr(model, "tensors") else {}
    places = {name: tensor for tensor, names in tensors.items() for name in names}
    layers: dict[str, dict[str, float]] = {}
    for name, p in model.named_parameters():
        layer = places.get(name, "").rpartition(".")[0] or "model"
        layers.setdefault(layer, {})[name] = float(getattr(p, of))
    if not layers:
        raise ValueError(f"this {type(model).__name__} has no parameters")
    return layers


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
