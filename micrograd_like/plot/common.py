"""What all plots share: their Axes and colours, plain numbers, and the points where they look.

>>> pale(BLUE, 0.25), colour(10) == colour(0) == class_colour(1)
('#cadaeb', True)
>>> steps(-1.0, 1.0, 5)
[-1.0, -0.5, 0.0, 0.5, 1.0]
"""

import math
from typing import TYPE_CHECKING, Any

from ..engine import as_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # matplotlib is loaded when something is drawn

# As in draw and explore: blue is positive and class 1, orange negative and class 0, violet a
# derivative (a dashed line, since some see it as blue), grey a mark.
BLUE, ORANGE, VIOLET, GREY, INK = "#2b6cb0", "#e07b00", "#6d28d9", "#6b7280", "#1f2937"
# Any two of these differ by 15 (CIEDE2000) or more, also for the colour-blind of every kind.
_MORE = ("#00a887", "#931548", "#b685ff", "#0a0a43", "#e0a3c8", "#cc0000", "#0022a8", "#4c0000")
COLOURS = (BLUE, ORANGE, *_MORE)


def axes(ax: Axes | None, grid: bool = True) -> Axes:
    """The Axes given, as they are, or new ones in our style."""
    return panels(1, grid)[0] if ax is None else ax


def panels(n: int, grid: bool = True) -> list[Axes]:
    """So many new Axes in our style, three in a row, in one new Figure."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "micrograd_like[plot]"') from None
    # A Figure of its own, not pyplot's: no window, nothing global, freed when nobody holds it.
    columns, rows = min(n, 3), math.ceil(n / 3)
    size = (6.0, 4.2) if n == 1 else (4.5 * columns, 3.6 * rows)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    made = [figure.add_subplot(rows, columns, i + 1) for i in range(n)]
    for ax in made:
        ax.spines[["top", "right"]].set_visible(not grid)
        if grid:
            ax.grid(color="#e5e7eb", linewidth=0.8)
        ax.set_axisbelow(True)
    return made


def titled(ax: Axes, title: str) -> None:
    """A title, unless the Axes that were given have one."""
    if not ax.get_title():
        ax.set_title(title, fontsize="medium")


def legend(ax: Axes) -> None:
    """The names inside the plot, or beside it when they are too many not to hide something."""
    if len(ax.get_legend_handles_labels()[1]) <= 6:
        ax.legend()
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def integer_ticks(axis: Any) -> None:
    """Marks whole numbers only, at least one."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def colour(k: int) -> str:
    """The colour of line number k."""
    return COLOURS[k % len(COLOURS)]


def class_colour(k: int) -> str:
    """The colour of class number k, in regions and points."""
    return colour(k ^ 1 if k < 2 else k)


def pale(colour: str, share: float) -> str:
    """The colour of a region behind points of this colour: this share of it, the rest white."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{int(share * c + (1.0 - share) * 255):02x}" for c in channels)


def number(x: Any, what: str) -> float:
    """A number or Value as a float."""
    try:
        return as_value(x).data
    except TypeError:
        raise TypeError(f"{what} must be a number, got {type(x).__name__} {x!r:.60}") from None


def steps(low: float, high: float, n: int) -> list[float]:
    """n equal steps that meet both ends and, when n is odd, the middle exactly."""
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    return [middle + half * (2 * i - n + 1) / (n - 1) for i in range(n)]
