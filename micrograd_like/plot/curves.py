"""Curves: what a training run recorded, and functions of one number with their derivatives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from functools import wraps
from typing import Any

from ..checks import integer
from ..engine import Number, Value, as_value, grad
from . import common
from .common import BLUE, COLOURS, Axes, axes, colour, integer_ticks, legend, number, steps

__all__ = ["curve", "plot_activation", "plot_history", "plot_loss", "plot_schedule"]

_STYLES = ("-", ":", "-.")  # "--" is for validation
_FEW = 30  # points that are worth a marker each


def plot_history(
    history: Any, keys: str | Iterable[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draws how the numbers of a training run changed: the loss, and beside it each metric.

    "val_loss" is drawn dashed in the colour of "loss". A history that has no "loss" is a set of
    curves to be compared, in one panel.

    Args:
        history: for each name the list of its numbers, one for each epoch.
        keys: which names, in this order; without it all but lr, grad_norm and time, whose
            numbers are of another size.
        ax: where to draw all of them; without it each in a panel of its own in a new Figure.

    Returns:
        The Axes of the first panel; those of all are ``ax.figure.axes``.

    Raises:
        ValueError: the history is empty, or has no such key.

    Example:
        >>> ax = plot_history({"loss": [0.9, 0.5], "accuracy": [0.6, 0.8]})
        >>> [panel.get_title() for panel in ax.figure.axes]
        ['loss during training', 'accuracy during training']
    """
    lines = numbers_of(history, keys)
    if ax is not None or "loss" not in history:
        ax = axes(ax)
        draw_lines(ax, lines)
        return ax
    groups = _by_base(lines).values()
    drawn = common.panels(len(groups))
    for panel, group in zip(drawn, groups):
        draw_lines(panel, group)
    return drawn[0]


def numbers_of(history: Any, keys: str | Iterable[str] | None = None) -> dict[str, list[float]]:
    """The numbers that plot_history draws."""
    if keys is None:
        keys = [name for name in history if name not in ("lr", "grad_norm", "time")]
    lines = {}
    for name in [keys] if isinstance(keys, str) else keys:
        if name not in list(history):
            raise ValueError(f"the history has no {name!r}: choose from {', '.join(history)}")
        lines[name] = [number(x, repr(name)) for x in history[name]]
    if not any(lines.values()):
        raise ValueError("there is nothing to plot: the history is empty")
    return lines


def draw_lines(ax: Axes, lines: Mapping[str, Sequence[float]], title: str = "") -> None:
    """A line over the epochs for each name; that of validation dashed, in the same colour."""
    bases = list(_by_base(lines))
    for name, numbers in lines.items():
        i = bases.index(name.removeprefix("val_"))
        style = "--" if name != bases[i] else _STYLES[i // len(COLOURS) % len(_STYLES)]
        marker = "o" if len(numbers) <= _FEW else None  # a line of one point would not be seen
        epochs = range(1, len(numbers) + 1)
        ax.plot(epochs, numbers, style, c=colour(i), marker=marker, markersize=4, label=name)
    integer_ticks(ax.xaxis)
    ax.set(xlabel="epoch", ylabel=bases[0] if len(bases) == 1 else "value")
    common.titled(ax, title or (f"{bases[0]} during training" if len(bases) == 1 else "training"))
    legend(ax)


def _by_base(lines: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Sequence[float]]]:
    """For each name the lines of training and of validation."""
    groups: dict[str, dict[str, Sequence[float]]] = {}
    for name, numbers in lines.items():
        groups.setdefault(name.removeprefix("val_"), {})[name] = numbers
    return groups


def plot_schedule(lr_at: Callable[[int], float], epochs: int, ax: Axes | None = None) -> Axes:
    """Draws a learning rate schedule: the step after 0 epochs, after 1, and so on.

    Args:
        lr_at: the learning rate after so many epochs, as the lr_at of the schedulers in optim.
        epochs: how many epochs.

    Example:
        >>> ax = plot_schedule(lambda epoch: 0.5**epoch, epochs=3)
        >>> [float(lr) for lr in ax.get_lines()[0].get_ydata()]
        [1.0, 0.5, 0.25]
    """
    integer(1)("epochs", epochs)
    rates = [number(lr_at(epoch), "the learning rate") for epoch in range(epochs)]
    ax = axes(ax)
    marker = "o" if epochs <= _FEW else None
    ax.plot(range(epochs), rates, color=BLUE, drawstyle="steps-post", marker=marker, markersize=4)
    integer_ticks(ax.xaxis)
    ax.set(xlabel="epochs done", ylabel="learning rate")
    common.titled(ax, "learning rate schedule")
    ax.set_ylim(bottom=min(0.0, *rates, ax.get_ylim()[0]))
    return ax


def curve(
    f: Callable[[Value], Number], low: float, high: float, points: int = 201
) -> tuple[list[float], list[float], list[float]]:
    """A function of one number and its derivative, at points from low to high.

    Returns:
        The lists of x, f(x) and f'(x).

    Example:
        >>> curve(lambda x: x**2, -1.0, 1.0, points=3)
        ([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [-2.0, 0.0, 2.0])
    """
    if not low < high:
        raise ValueError(f"low must be below high, got {low!r} and {high!r}")
    integer(2)("points", points)

    def with_slope(x: float) -> tuple[float, float]:
        y = as_value(f(leaf := Value(x)))
        return y.data, grad(y, leaf)

    xs = steps(low, high, points)
    pairs = [Context().run(with_slope, x) for x in xs]  # a context of its own: not in no_grad
    return xs, [y for y, _ in pairs], [slope for _, slope in pairs]


def plot_activation(
    f: Callable[[Value], Number], ax: Axes | None = None, low: float = -5.0, high: float = 5.0
) -> Axes:
    """Draws a function of one number and, dashed, its derivative as the engine computes it.

    Args:
        f: takes a Value, such as functional.tanh.
        low: where x starts; it ends at high.

    Example:
        >>> ax = plot_activation(Value.tanh)
        >>> [line.get_label() for line in ax.get_lines()]
        ['tanh', 'derivative']
    """
    ax = axes(ax)
    name = _draw_with_slope(f, ax, low, high)
    ax.set(xlabel="x", ylabel="f(x) and f'(x)")
    common.titled(ax, f"{name} and its derivative")
    ax.legend()
    return ax


def _draw_with_slope(f: Callable[[Value], Number], ax: Axes, low: float, high: float) -> str:
    """Both lines; returns what the function is called."""
    xs, ys, slopes = curve(f, low, high)
    name: str = getattr(f, "__name__", "<lambda>").replace("<lambda>", "f(x)")
    ax.plot(xs, ys, color=BLUE, linewidth=2, label=name)
    ax.plot(xs, slopes, "--", color=common.VIOLET, linewidth=2, label="derivative")
    return name


def plot_loss(
    loss: Callable[[Value, Any], Number],
    target: Any,
    ax: Axes | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Axes:
    """Draws the loss of one prediction and, dashed, its derivative: what training would follow.

    Args:
        loss: takes a prediction and a target, such as losses.mse_loss.
        target: the wanted output; a dotted line marks it.
        low: where the prediction starts; by default 3 below the target.
        high: where it ends; by default 3 above the target.

    Example:
        >>> from micrograd_like import mse_loss
        >>> [line.get_label() for line in plot_loss(mse_loss, 1.0).get_lines()]
        ['mse_loss', 'derivative', 'target']
    """
    centre = number(target, "the target")
    low, high = centre - 3.0 if low is None else low, centre + 3.0 if high is None else high
    ax = axes(ax)
    name = _draw_with_slope(wraps(loss)(lambda x: loss(x, target)), ax, low, high)
    ax.axvline(centre, color=common.GREY, linestyle=":", label="target")
    ax.set(xlabel="prediction", ylabel="loss and its derivative")
    common.titled(ax, f"{name} of one prediction, target {centre:g}")
    ax.legend()
    return ax
