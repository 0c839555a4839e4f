"""Functions of one number with their derivatives, as the engine computes them.

>>> ax = plot_activation(lambda x: x * x)
>>> [line.get_label() for line in ax.get_lines()]
['f(x)', 'derivative']
"""

from collections.abc import Callable
from contextvars import Context
from functools import wraps
from typing import Any

from ..checks import integer
from ..engine import Number, Value, as_value, grad
from .inputs import number, steps
from .style import BLUE, MUTED, ORANGE, Axes, axes

__all__ = ["curve", "plot_activation", "plot_loss"]


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
    xs = steps(low, high, points)
    pairs = [Context().run(_with_slope, f, x) for x in xs]  # a context of its own: not in no_grad
    return xs, [y for y, _ in pairs], [slope for _, slope in pairs]


def plot_activation(
    f: Callable[[Value], Number], ax: Axes | None = None, low: float = -5.0, high: float = 5.0
) -> Axes:
    """Draws a function of one number and, dashed, its derivative as the engine computes it.

    Args:
        f: takes a Value, such as functional.tanh.
        low: where x starts.
        high: where it ends.

    Example:
        >>> ax = plot_activation(Value.tanh)
        >>> [line.get_label() for line in ax.get_lines()]
        ['tanh', 'derivative']
    """
    xs, ys, slopes = curve(f, low, high)
    name = getattr(f, "__name__", "<lambda>").replace("<lambda>", "f(x)")
    ax = axes(ax)
    ax.plot(xs, ys, color=BLUE, linewidth=2, label=name)
    ax.plot(xs, slopes, "--", color=ORANGE, linewidth=2, label="derivative")
    ax.set_xlabel("x")
    ax.legend()
    return ax


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
    ax = plot_activation(wraps(loss)(lambda prediction: loss(prediction, target)), ax, low, high)
    ax.set_xlabel("prediction")
    ax.axvline(centre, color=MUTED, linestyle=":", label="target")
    ax.legend()
    return ax


def _with_slope(f: Callable[[Value], Number], x: float) -> tuple[float, float]:
    leaf = Value(x)
    y = as_value(f(leaf))
    return y.data, grad(y, leaf)
