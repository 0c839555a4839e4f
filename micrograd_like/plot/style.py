"""How the plots look: colours, and Axes of their own.

>>> pale(BLUE), colour(10) == colour(0)
('#cadaeb', True)

Blue and orange come first: the colour-blind tell them apart.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # matplotlib is loaded when something is drawn

BLUE, ORANGE, INK, MUTED = "#2b6cb0", "#e07b00", "#1f2937", "#6b7280"
_MORE = ("#6d28d9", "#56b4e9", "#c9a200", "#d177b0", "#6b7280", "#7a4a1e", "#1f2937", "#b9a6e8")
COLOURS = (BLUE, ORANGE, *_MORE)
MARKERS = "osD^vph<>d"
FEW = 30  # points that are worth a marker each


def axes(ax: Axes | None, grid: bool = True) -> Axes:
    """The Axes given, as they are, or new ones in our style."""
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "micrograd_like[plot]"') from None
    # A Figure of its own, not pyplot's: no window, nothing global, freed when nobody holds it.
    ax = Figure(figsize=(6.0, 4.2), dpi=120, layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(not grid)
    if grid:
        ax.grid(color="#e5e7eb", linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


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
    """The colour of the line or class number k."""
    return COLOURS[k % len(COLOURS)]


def pale(colour: str) -> str:
    """The colour of a region behind points of this colour: mixed with three parts of white."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{(c + 3 * 255) // 4:02x}" for c in channels)
