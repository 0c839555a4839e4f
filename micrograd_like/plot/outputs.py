"""What a model says: which class it chooses where, and how often it is right."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any

from ..checks import integer
from ..engine import Number
from ..nesting import is_list
from ..train import predict
from .common import BLUE, INK, ORANGE, Axes, axes, colour, legend, number, pale, steps

__all__ = [
    "confusion_matrix", "decision_scores", "plot_confusion_matrix", "plot_decision_boundary",
    "plot_predictions",
]  # fmt: skip

_MARKERS = "osD^vph<>d"


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


def plot_decision_boundary(
    model: Callable[[list[float]], Any],
    X: Iterable[Iterable[Number]],
    y: Iterable[Any],
    ax: Axes | None = None,
    resolution: int = 60,
) -> Axes:
    """Draws which class a model of two inputs chooses where, and the points it should be right on.

    Args:
        model: called with a list of two numbers, resolution**2 times, recording no graph. It
            returns one Value or number, whose sign is the class, or a list of scores, of which the
            largest is. For probabilities give ``lambda x: model(x) - 0.5``; a model with Dropout
            or BatchNorm goes into evaluation mode first.
        X: the points, rows of two numbers.
        y: their classes: -1 and 1 or 0 and 1 for one score, else 0 to n_scores - 1.
        resolution: grid points along each axis.

    Raises:
        ValueError: X is empty or not of two columns, y has another length, a label out of range.

    Example:
        >>> ax = plot_decision_boundary(lambda x: x[0] - x[1], [[0, 1], [1, 0]], [-1, 1])
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['class -1', 'class 1']
    """
    points, labels = _points(X), _int_labels(y)
    _same_length("points in X", points, "labels in y", labels)
    columns, rows, scores = decision_scores(model, points, resolution)
    classes = _classes(labels, len(scores[0][0]))
    ax = axes(ax)
    # The last class everywhere, over it the one before where that beats it, and so on: what is
    # seen is the largest score, the first one on a tie, and no gap where three regions meet.
    for k, leads in reversed(list(enumerate(_leads(scores)))):
        top = max((lead for row in leads for lead in row if lead >= 0.0), default=-1.0)
        if top >= 0.0:
            ax.contourf(columns, rows, leads, [0.0, top or 1.0], colors=[pale(colour(k))])
    for label, k in sorted(set(zip(labels, classes))):
        here = zip(*[point for point, other in zip(points, labels) if other == label])
        dots = ax.scatter(*here, marker=_MARKERS[k % len(_MARKERS)], label=f"class {label}")
        dots.set(color=colour(k), sizes=[36.0], edgecolor="white", linewidth=0.6, zorder=3)
    ax.set(xlabel="x[0]", ylabel="x[1]")
    legend(ax)
    return ax


def confusion_matrix(
    y_true: Iterable[Any], y_pred: Iterable[Any], n: int | None = None
) -> list[list[int]]:
    """How often class i (the row) was taken for class j (the column).

    Args:
        y_true: the right classes, ints from 0 to n - 1.
        y_pred: the predicted ones, as many.
        n: how many classes there are; by default as many as the largest label tells.

    Raises:
        ValueError: the lengths differ, or a label is out of range.
        TypeError: a label is not an int.

    Example:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1])
        [[1, 1], [0, 1]]

    Source: sklearn.metrics.confusion_matrix.
    """
    true, predicted = _int_labels(y_true), _int_labels(y_pred)
    _same_length("labels in y_true", true, "in y_pred", predicted)
    n = max(true + predicted, default=-1) + 1 if n is None else n
    for name, labels in (("y_true", true), ("y_pred", predicted)):
        for i, k in enumerate(labels):
            if not 0 <= k < n:
                raise ValueError(f"{name}[{i}] is class {k}, but there are {n}: 0 to {n - 1}")
    counts = Counter(zip(true, predicted))
    return [[counts[i, j] for j in range(n)] for i in range(n)]


def plot_confusion_matrix(
    y_true: Iterable[Any],
    y_pred: Iterable[Any],
    classes: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws which classes are taken for which: a row is the truth, the diagonal is right.

    Args:
        y_true: the right classes, ints from 0.
        y_pred: the predicted ones, as many.
        classes: the names of the classes; without it their numbers, up to the largest there is.

    Raises:
        ValueError: there are no labels, the lengths differ, or a label is out of range.
        TypeError: a label is not an int.
        ImportError: scikit-learn is not there.

    Example:
        >>> ax = plot_confusion_matrix([0, 0, 1], [0, 1, 1], classes=["cat", "dog"])
        >>> [text.get_text() for text in ax.texts]
        ['1', '1', '0', '1']

    Source: sklearn.metrics.ConfusionMatrixDisplay.
    """
    counts = confusion_matrix(y_true, y_pred, None if classes is None else len(classes))
    most = max((count for row in counts for count in row), default=0)
    if not most:
        raise ValueError("a confusion matrix of nothing: y_true and y_pred are empty")
    names = [str(name) for name in (range(len(counts)) if classes is None else classes)]
    ax = axes(ax, grid=False)
    try:
        import numpy as np
        from sklearn.metrics import ConfusionMatrixDisplay
    except ImportError:
        raise ImportError(
            'plot_confusion_matrix needs scikit-learn: pip install "micrograd_like[train]"'
        ) from None
    display = ConfusionMatrixDisplay(np.array(counts), display_labels=names)
    rotation = 90 if sum(map(len, names)) > 40 else 0  # characters that fit side by side
    look = {"cmap": "Blues", "im_kw": {"vmin": 0}, "colorbar": False, "values_format": "d"}
    display.plot(ax=ax, xticks_rotation=rotation, **look)
    for text in display.text_.flat:  # its own ink is too pale between the smallest and the largest
        text.set_color("white" if int(text.get_text()) > most / 2 else INK)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def plot_predictions(
    targets: Iterable[Number], predictions: Iterable[Number], ax: Axes | None = None
) -> Axes:
    """Draws each prediction over its target; the nearer to the diagonal, the better.

    Args:
        targets: the wanted numbers.
        predictions: what the model said, as many numbers or Values.

    Raises:
        ValueError: there are none, the lengths differ, or a number is infinite or nan.

    Example:
        >>> ax = plot_predictions([1.0, 2.0], [1.5, 1.75])
        >>> [float(end) for end in ax.get_lines()[0].get_xdata()]
        [1.0, 2.0]
    """
    x, y = _finite(targets, "target"), _finite(predictions, "prediction")
    _same_length("targets", x, "predictions", y)
    if not x:
        raise ValueError("there are no predictions to plot: both lists are empty")
    ends = [min(x + y), max(x + y)]
    ax = axes(ax)
    ax.plot(ends, ends, "--", color=ORANGE, label="prediction = target")
    ax.scatter(x, y, s=22, color=BLUE, edgecolors="white", linewidths=0.5, zorder=3)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel="target", ylabel="prediction")
    ax.legend()
    return ax


def _points(X: Iterable[Iterable[Number]]) -> list[list[float]]:
    points = []
    for i, row in enumerate(X):
        if not isinstance(row, Iterable) or isinstance(row, str):
            raise ValueError(f"X expects rows of two numbers, got {row!r:.60} as row {i}")
        points.append(_finite(row, f"number of row {i} of X"))
        if len(points[i]) != 2:
            raise ValueError(f"X expects rows of two numbers, got {len(points[i])} in row {i}")
    if not points:
        raise ValueError("X is empty: there are no points to plot")
    return points


def _finite(numbers: Iterable[Number], what: str) -> list[float]:
    floats = [number(x, f"{what} {i}") for i, x in enumerate(numbers)]
    for i, x in enumerate(floats):
        if not math.isfinite(x):
            raise ValueError(f"{what} {i} is {x}: only finite numbers can be plotted")
    return floats


def _int_labels(labels: Iterable[Any]) -> list[int]:
    """Labels as ints; a whole float (a target of hinge_loss, say) counts as one."""
    ints = []
    for i, label in enumerate(labels):
        if not (isinstance(label, Integral) or (isinstance(label, float) and label.is_integer())):
            raise TypeError(f"label {i} must be an int, got {type(label).__name__} {label!r:.60}")
        ints.append(int(label))
    return ints


def _same_length(what: str, xs: list[Any], other: str, ys: list[Any]) -> None:
    if len(xs) != len(ys):
        raise ValueError(f"there are {len(xs)} {what}, but {len(ys)} {other}")


def _widened(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin


def _leads(scores: list[list[list[float]]]) -> list[list[list[float]]]:
    """For each class, on the grid, its score less the best of the classes after it.

    The last class has 0; where a score is infinite or nan all have nan, and nothing is drawn.
    """
    if len(scores[0][0]) == 1:  # one score s: class 1 has s and class 0 has -s
        scores = [[[-s, s] for (s,) in row] for row in scores]

    def lead(at: list[float], k: int) -> float:
        return at[k] - max(at[k + 1 :], default=at[k]) if all(map(math.isfinite, at)) else math.nan

    return [[[lead(at, k) for at in row] for row in scores] for k in range(len(scores[0][0]))]


def _classes(labels: list[int], n_scores: int) -> list[int]:
    """The class of each label: an index of scores, or for one score 0 and 1."""
    for i, label in enumerate(labels):
        if n_scores == 1 and label not in (-1, 0, 1):
            raise ValueError(f"y[{i}] is {label}, but one score tells only -1 and 1, or 0 and 1")
        if n_scores > 1 and not 0 <= label < n_scores:
            top = n_scores - 1
            raise ValueError(f"y[{i}] is {label}, but the model's scores are of class 0 to {top}")
    if n_scores == 1 and {-1, 0} <= set(labels):
        raise ValueError("y has labels -1 and 0: for one score give -1 and 1, or 0 and 1")
    return [int(label > 0) for label in labels] if n_scores == 1 else labels
