"""What a model says: which class it chooses where, and how often it is right."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from ..checks import integer
from ..engine import Number
from ..nesting import is_list, one, samples
from ..train.metrics import labels, places_of, predict
from .common import BLUE, GREY, INK, Axes, axes, class_colour, legend, number, pale, steps, titled

__all__ = [
    "confusion_matrix", "decision_margins", "decision_scores", "plot_confusion_matrix",
    "plot_decision_boundary", "plot_predictions",
]  # fmt: skip

_MARKERS = "osD^vph<>d"
# Of what a share is taken: of all with the same (true, predicted) as far as these tell.
_TOTALS: dict[str | None, Any] = {
    None: None, "true": itemgetter(0), "pred": itemgetter(1), "all": lambda _: None
}  # fmt: skip
_CELLS = {
    None: "how many of which class were taken for which",
    "true": "which share of a true class (row) was taken for which",
    "pred": "which share of a predicted class (column) is which",
    "all": "which share of all is which and was taken for which",
}
# How much of its colour a region has, from unsure to sure. Of many classes the palest have more, so
# that the colour-blind can tell them; of two less, so that points stand out.
_SHADES, _SHADES_OF_MANY = (0.18, 0.28, 0.38, 0.48, 0.58), (0.30, 0.38, 0.46, 0.54, 0.62)


def decision_scores(
    model: Callable[[list[float]], Any], X: Iterable[Iterable[Number]], resolution: int = 60
) -> tuple[list[float], list[float], list[list[list[float]]]]:
    """What a model says on a grid over the points, with a margin of a tenth around them.

    Arguments are those of plot_decision_boundary.

    Returns:
        The grid's columns and rows, and scores[row][column], the list of the model's outputs there.

    Example:
        >>> columns, rows, scores = decision_scores(lambda x: x[0], [[0, 0], [10, 5]], 3)
        >>> columns, rows, scores[0]
        ([-1.0, 5.0, 11.0], [-0.5, 2.5, 5.5], [[-1.0], [5.0], [11.0]])
    """
    integer(2)("resolution", resolution)
    columns, rows = (steps(*_widened(numbers), resolution) for numbers in zip(*_points(X)))
    outs = predict(model, [[x, y] for y in rows for x in columns])
    lists = [out if is_list(out) else [out] for out in outs]
    scores = [[number(score, "a score of the model") for score in out] for out in lists]
    if len(sizes := sorted(set(map(len, scores)))) > 1 or sizes == [0]:
        found = " or ".join(map(str, sizes))
        raise ValueError(f"the model must return the same number of scores, got {found}")
    return columns, rows, [scores[i : i + resolution] for i in range(0, len(scores), resolution)]


def decision_margins(
    scores: Sequence[Sequence[Sequence[float]]], threshold: float = 0.0
) -> list[list[list[float]]]:
    """How far each class is ahead of the best of the others: above 0 where it is chosen.

    Args:
        scores: scores[row][column] is a list, as decision_scores returns them. One score s counts
            as two: threshold - s for class 0, s - threshold for class 1.

    Returns:
        margins[class][row][column]; nan where a score is infinite or nan.

    Example:
        >>> decision_margins([[[0.5, 2.0, 1.0]]])
        [[[-1.5]], [[1.0]], [[-1.0]]]
    """
    return _ahead(_for_each_class(scores, threshold), lambda at, k: at[:k] + at[k + 1 :])


def plot_decision_boundary(
    model: Callable[[list[float]], Any],
    X: Iterable[Iterable[Number]],
    y: Iterable[Any],
    ax: Axes | None = None,
    resolution: int = 60,
    threshold: float = 0.0,
) -> Axes:
    """Draws which class a model of two inputs chooses where, and the points it should be right on.

    The darker a place, the further the chosen class is ahead of the others there, compared with
    the rest of the picture; along the line two are equal.

    Args:
        model: called with a list of two numbers, resolution**2 times, recording no graph. It
            returns one Value or number, whose sign is the class, or a list of scores, of which the
            largest is; a model with Dropout or BatchNorm computes in evaluation mode.
        X: the points, rows of two numbers.
        y: their classes: -1 and 1 or 0 and 1 for one score, else 0 to n_scores - 1.
        resolution: grid points along each axis.
        threshold: of one score; 0.5 for a probability, or after mse_loss with targets 0 and 1.

    Raises:
        ValueError: X is empty or not of two columns, y has another length, a label out of range.

    Example:
        >>> ax = plot_decision_boundary(lambda x: x[0] - x[1], [[0, 1], [1, 0]], [-1, 1])
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['class -1', 'class 1']
    """
    points, found = _points(X), labels(samples(y, "y"))
    _same_length("points in X", points, "labels in y", found)
    columns, rows, scores = decision_scores(model, points, resolution)
    places = places_of(found, len(scores[0][0]), "y")
    ax = axes(ax)
    _draw_regions(ax, columns, rows, scores, threshold)
    for label, k in sorted(set(zip(found, places))):
        here = zip(*[point for point, other in zip(points, found) if other == label])
        dots = ax.scatter(*here, marker=_MARKERS[k % len(_MARKERS)], label=f"class {label}")
        dots.set(color=class_colour(k), sizes=[36.0], edgecolor="white", linewidth=0.6, zorder=3)
    ax.set(xlabel="x[0]", ylabel="x[1]")
    titled(ax, "which class where; the darker, the surer")
    legend(ax)
    return ax


def _draw_regions(ax: Axes, columns: list[float], rows: list[float], scores: Any, t: float) -> None:
    # The last class everywhere, over it the one before where that beats it, and so on: what is
    # seen is the largest score, the first one on a tie, and no gap where three regions meet.
    leads = _ahead(_for_each_class(scores, t), lambda at, k: at[k + 1 :] or at[k:])
    shares = _SHADES if len(leads) < 3 else _SHADES_OF_MANY
    for k, lead in reversed(list(enumerate(leads))):
        top = max((x for row in lead for x in row if x >= 0.0), default=-1.0)
        if top >= 0.0:
            colour = pale(class_colour(k), shares[0])
            ax.contourf(columns, rows, lead, [0.0, top or 1.0], colors=[colour])
    margins = decision_margins(scores, t)
    won = sorted(x for margin in margins for row in margin for x in row if x > 0.0)
    for k, margin in enumerate(margins if won else ()):
        # Of the shares 1/5, 2/5, ... of what all but the surest tenth of the places stay below.
        levels = [won[int(0.9 * len(won))] * i / len(shares) for i in range(1, len(shares))]
        shades = [pale(class_colour(k), share) for share in shares[1:]]
        ax.contourf(columns, rows, margin, levels, colors=shades, extend="max")
        known = [x for row in margin for x in row if x == x]
        if min(known) < 0.0 < max(known):
            ax.contour(columns, rows, margin, [0.0], colors=INK, linewidths=0.8)


def confusion_matrix(
    *, outputs: Any, targets: Any, n: int | None = None, normalize: str | None = None
) -> list[list[float]]:
    """How often class i (the row) was taken for class j (the column).

    What came and what was wanted are given by name: other libraries have another order.

    Args:
        outputs: the predicted classes, ints from 0 to n - 1, or for each a list of scores, of which
            the largest is the prediction.
        targets: the right classes, as many.
        n: how many classes there are; by default as many as the largest label or list tells.
        normalize: "true" for shares of each row, "pred" of each column, "all" of everything; a
            share of nothing is 0. Without it the counts.

    Raises:
        ValueError: the lengths differ, a label is out of range, or normalize is another word.
        TypeError: a label is not an int.

    Example:
        >>> confusion_matrix(outputs=[0, 1, 1], targets=[0, 0, 1])
        [[1, 1], [0, 1]]
        >>> confusion_matrix(outputs=[0, 1, 1], targets=[0, 0, 1], normalize="true")
        [[0.5, 0.5], [0.0, 1.0]]

    Source: sklearn.metrics.confusion_matrix.
    """
    if normalize not in _TOTALS:
        expected = 'normalize must be "true", "pred", "all" or None'
        raise ValueError(f"{expected}, got {normalize!r:.60}")
    rows, true = list(map(one, samples(outputs, "outputs"))), labels(samples(targets, "targets"))
    predicted = labels([_largest(row) if is_list(row) else row for row in rows])
    _same_length("outputs", predicted, "targets", true)
    if n is None:
        sizes = [len(row) for row in rows if is_list(row)]
        n = max([label + 1 for label in true + predicted] + sizes, default=0)
    for name, found in (("targets", true), ("outputs", predicted)):
        for i, k in enumerate(found):
            if not 0 <= k < n:
                raise ValueError(f"{name}[{i}] is class {k}, but there are {n}: 0 to {n - 1}")
    counts = Counter(zip(true, predicted))
    if normalize is None:
        return [[counts[i, j] for j in range(n)] for i in range(n)]
    of_what = _TOTALS[normalize]
    totals = Counter(map(of_what, counts.elements()))
    return [[counts[i, j] / (totals[of_what((i, j))] or 1) for j in range(n)] for i in range(n)]


def plot_confusion_matrix(
    *,
    outputs: Any,
    targets: Any,
    classes: Sequence[str] | None = None,
    ax: Axes | None = None,
    normalize: str | None = None,
) -> Axes:
    """Draws which classes are taken for which: a row is the truth, the diagonal is right.

    Args:
        outputs: the predicted classes, or scores, as for confusion_matrix; given by name.
        targets: the right classes, as many; given by name.
        classes: the names of the classes; without it their numbers, up to the largest there is.
        normalize: shares, not counts, as for confusion_matrix.

    Raises:
        ValueError: there are no labels, the lengths differ, a label is out of range, or normalize
            is another word.
        TypeError: a label is not an int.
        ImportError: scikit-learn is not there.

    Example:
        >>> guesses, right, names = [0, 1, 1], [0, 0, 1], ["cat", "dog"]
        >>> ax = plot_confusion_matrix(outputs=guesses, targets=right, classes=names)
        >>> [text.get_text() for text in ax.texts]
        ['1', '1', '0', '1']

    Source: sklearn.metrics.ConfusionMatrixDisplay.
    """
    n = None if classes is None else len(classes)
    cells = confusion_matrix(outputs=outputs, targets=targets, n=n, normalize=normalize)
    most = max((cell for row in cells for cell in row), default=0.0)
    if not most:
        raise ValueError("a confusion matrix of nothing: outputs and targets are empty")
    names = [str(name) for name in (range(len(cells)) if classes is None else classes)]
    ax = axes(ax, grid=False)
    try:
        import numpy as np
        from sklearn.metrics import ConfusionMatrixDisplay
    except ImportError:
        raise ImportError(
            'plot_confusion_matrix needs scikit-learn: pip install "micrograd_like[train]"'
        ) from None
    display = ConfusionMatrixDisplay(np.array(cells), display_labels=names)
    rotation = 90 if sum(map(len, names)) > 40 else 0  # characters that fit side by side
    look = {"cmap": "Blues", "im_kw": {"vmin": 0}, "colorbar": False}
    look["values_format"] = "d" if normalize is None else ".2f"
    display.plot(ax=ax, xticks_rotation=rotation, **look)
    for text, cell in zip(display.text_.flat, chain.from_iterable(cells)):
        # Its own ink is too pale between the smallest and the largest.
        text.set(color="white" if cell > most / 2 else INK, size=min(10.0, 80.0 / len(cells)))
    ax.set(xlabel="predicted", ylabel="true")
    titled(ax, _CELLS[normalize])
    return ax


def plot_predictions(outputs: Any, targets: Any, ax: Axes | None = None) -> Axes:
    """Draws each prediction over its target; the nearer to the diagonal, the better.

    Args:
        outputs: what the model said, numbers or Values.
        targets: the wanted numbers, as many.

    Raises:
        ValueError: there are none, the lengths differ, or a number is infinite or nan.

    Example:
        >>> ax = plot_predictions([1.5, 1.75], [1.0, 2.0])
        >>> [float(end) for end in ax.get_lines()[0].get_xdata()]
        [1.0, 2.0]
    """
    y, x = _finite(outputs, "output"), _finite(targets, "target")
    _same_length("outputs", y, "targets", x)
    if not x:
        raise ValueError("there are no predictions to plot: both lists are empty")
    ends = [min(x + y), max(x + y)]
    ax = axes(ax)
    ax.plot(ends, ends, "--", color=GREY, label="output = target")
    ax.scatter(x, y, s=22, color=BLUE, edgecolors="white", linewidths=0.5, zorder=3)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel="target", ylabel="output")
    titled(ax, f"{len(x)} predictions over their targets")
    ax.legend()
    return ax


def _points(X: Any) -> list[list[float]]:
    points = []
    for i, row in enumerate(samples(X, "X")):
        if not is_list(row):
            raise ValueError(f"X expects rows of two numbers, got {row!r:.60} as row {i}")
        points.append(_finite(row, f"number of row {i} of X"))
        if len(points[i]) != 2:
            raise ValueError(f"X expects rows of two numbers, got {len(points[i])} in row {i}")
    if not points:
        raise ValueError("X is empty: there are no points to plot")
    return points


def _finite(numbers: Any, what: str) -> list[float]:
    floats = [number(one(x), f"{what} {i}") for i, x in enumerate(samples(numbers, f"{what}s"))]
    for i, x in enumerate(floats):
        if not math.isfinite(x):
            raise ValueError(f"{what} {i} is {x}: only finite numbers can be plotted")
    return floats


def _largest(scores: list[float]) -> float:
    """Its place; nan, which is no class, if a score is."""
    return math.nan if any(x != x for x in scores) else scores.index(max(scores))


def _same_length(what: str, xs: list[Any], other: str, ys: list[Any]) -> None:
    if len(xs) != len(ys):
        raise ValueError(f"there are {len(xs)} {what}, but {len(ys)} {other}")


def _widened(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin


def _for_each_class(scores: Any, threshold: float) -> list[list[list[float]]]:
    """The scores, also where there is one score s: the threshold - s of class 0, its negative."""
    if len(scores[0][0]) > 1:
        return [[list(at) for at in row] for row in scores]
    return [[[threshold - s, s - threshold] for (s,) in row] for row in scores]


def _ahead(
    scores: list[list[list[float]]], rivals: Callable[[list[float], int], list[float]]
) -> list[list[list[float]]]:
    """For each class, on the grid, its score less the best of its rivals.

    Where a score is infinite or nan all have nan, and nothing is drawn.
    """

    def lead(at: list[float], k: int) -> float:
        return at[k] - max(rivals(at, k)) if all(map(math.isfinite, at)) else math.nan

    return [[[lead(at, k) for at in row] for row in scores] for k in range(len(scores[0][0]))]
