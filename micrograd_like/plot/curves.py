"""Over the epochs: what a training run recorded, and learning rates.

>>> ax = plot_history({"loss": [0.9, 0.5, 0.2], "val_loss": [1.0, 0.7, 0.6]})
>>> [line.get_label() for line in ax.get_lines()]
['loss', 'val_loss']
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..checks import integer
from .inputs import number
from .style import BLUE, COLOURS, FEW, Axes, axes, colour, integer_ticks, legend

__all__ = ["plot_history", "plot_schedule"]

_STYLES = ("-", ":", "-.")  # "--" is for validation


def plot_history(
    history: Any, keys: str | Iterable[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draws how the numbers of a training run changed, one line for each name.

    "val_loss" is drawn dashed in the colour of "loss".

    Args:
        history: for each name the list of its numbers, one for each epoch.
        keys: which names, in this order; without it all but lr, grad_norm and time, whose
            numbers are of another size.

    Raises:
        ValueError: the history is empty, or has no such key.

    Example:
        >>> ax = plot_history({"loss": [0.9, 0.5], "accuracy": [0.6, 0.8]}, keys="loss")
        >>> [int(epoch) for epoch in ax.get_lines()[0].get_xdata()]
        [1, 2]
    """
    lines = _lines(history, keys)
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in lines))
    ax = axes(ax)
    for name, numbers in lines.items():
        i = bases.index(name.removeprefix("val_"))
        style = "--" if name != bases[i] else _STYLES[i // len(COLOURS) % len(_STYLES)]
        marker = "o" if len(numbers) <= FEW else None  # a line of one point would not be seen
        epochs = range(1, len(numbers) + 1)
        ax.plot(epochs, numbers, style, c=colour(i), marker=marker, markersize=4, label=name)
    integer_ticks(ax.xaxis)
    ax.set_xlabel("epoch")
    ax.set_ylabel(bases[0] if len(bases) == 1 else "value")
    legend(ax)
    return ax


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
    marker = "o" if epochs <= FEW else None
    ax.plot(range(epochs), rates, color=BLUE, drawstyle="steps-post", marker=marker, markersize=4)
    integer_ticks(ax.xaxis)
    ax.set_xlabel("epochs done")
    ax.set_ylabel("learning rate")
    ax.set_ylim(bottom=min(0.0, *rates, ax.get_ylim()[0]))
    return ax


def _lines(history: Any, keys: str | Iterable[str] | None) -> dict[str, list[float]]:
    """The chosen names and their numbers, of which there must be some."""
    there = list(history)
    if keys is None:
        keys = [name for name in there if name not in ("lr", "grad_norm", "time")]
    wanted = [keys] if isinstance(keys, str) else list(keys)
    for key in wanted:
        if key not in there:
            raise ValueError(f"the history has no {key!r}: choose from {', '.join(there)}")
    lines = {key: [number(v, f"{key!r}") for v in history[key]] for key in wanted}
    if not any(lines.values()):
        raise ValueError("there is nothing to plot: the history is empty")
    return lines
