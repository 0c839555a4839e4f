"""Plots of training and of models, with matplotlib: curves, boundaries, histograms, slices.

>>> ax = plot_history({"loss": [0.9, 0.5, 0.2], "val_loss": [1.0, 0.7, 0.6]})
>>> [line.get_label() for line in ax.get_lines()]
['loss', 'val_loss']

Every plot draws into the Axes ``ax`` that it is given, or into those of a new Figure, and returns
them; ``ax.figure.savefig("loss.png")`` saves it. Nothing is shown, no global setting of matplotlib
is touched, and without matplotlib an ImportError says what to install. What is drawn is computed by
plain functions on floats. This file knows no training loop and no layers: models, losses and
schedules come in as things to call. Blue and orange come first: the colour-blind tell them apart.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from functools import wraps
from numbers import Integral
from typing import TYPE_CHECKING, Any

from .engine import Number, Value, as_value, grad, no_grad
from .train import predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _INK, _MUTED = "#2b6cb0", "#e07b00", "#1f2937", "#6b7280"
_MORE = ("#6d28d9", "#56b4e9", "#c9a200", "#d177b0", "#6b7280", "#7a4a1e", "#1f2937", "#b9a6e8")
_COLOURS = (_BLUE, _ORANGE, *_MORE)
_MARKERS = "osD^vph<>d"
_STYLES = ("-", ":", "-.")  # "--" is for validation
_FEW = 30  # points that are worth a marker each


# --- over the epochs ---


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
    ax = _axes(ax)
    for name, numbers in lines.items():
        i = bases.index(name.removeprefix("val_"))
        style = "--" if name != bases[i] else _STYLES[i // len(_COLOURS) % len(_STYLES)]
        marker = "o" if len(numbers) <= _FEW else None  # a line of one point would not be seen
        epochs = range(1, len(numbers) + 1)
        ax.plot(epochs, numbers, style, c=_colour(i), marker=marker, markersize=4, label=name)
    _integer_ticks(ax.xaxis)
    ax.set_xlabel("epoch")
    ax.set_ylabel(bases[0] if len(bases) == 1 else "value")
    _legend(ax)
    return ax


def weight_norms(model: Any) -> dict[str, float]:
    """The L2 norm, sqrt(sum of squares), of the parameters of each layer, biases among them.

    Args:
        model: anything with named_parameters(); "layers.0.neurons.3.b" belongs to "layers.0",
            and a parameter of the model itself to "model".

    Example:
        >>> from micrograd_like import MLP
        >>> list(weight_norms(MLP(2, [4, 1], rng=0)))
        ['layers.0', 'layers.1']
    """
    layers: dict[str, list[float]] = {}
    for name, p in _named_parameters(model):
        layers.setdefault(_layer_of(name), []).append(p.data)
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


def plot_schedule(lr_at: Callable[[int], float], epochs: int, ax: Axes | None = None) -> Axes:
    """Draws a learning rate schedule: the step after 0 epochs, after 1, and so on.

    Args:
        lr_at: the learning rate after so many epochs, as the lr_at of the schedulers in optim.py.
        epochs: how many epochs.

    Example:
        >>> ax = plot_schedule(lambda epoch: 0.5**epoch, epochs=3)
        >>> [float(lr) for lr in ax.get_lines()[0].get_ydata()]
        [1.0, 0.5, 0.25]
    """
    _at_least("epochs", epochs, 1)
    rates = [_number(lr_at(epoch), "the learning rate") for epoch in range(epochs)]
    ax = _axes(ax)
    marker = "o" if epochs <= _FEW else None
    ax.plot(range(epochs), rates, color=_BLUE, drawstyle="steps-post", marker=marker, markersize=4)
    _integer_ticks(ax.xaxis)
    ax.set_xlabel("epochs done")
    ax.set_ylabel("learning rate")
    ax.set_ylim(bottom=min(0.0, *rates, ax.get_ylim()[0]))
    return ax


# --- the parameters ---


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
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"the {of} of {name} is {number}, which no histogram can show")
    _at_least("bins", bins, 1)
    ax = _axes(ax)
    colour = _BLUE if of == "data" else _ORANGE
    edge = 20.0 / bins  # makes neighbours visible and hides no narrow bar
    ax.hist(list(numbers.values()), bins, color=colour, edgecolor="white", linewidth=edge)
    ax.set_xlabel("weights and biases" if of == "data" else "gradients")
    ax.set_ylabel(f"how many of {len(numbers)}")
    _integer_ticks(ax.yaxis)
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
    _at_least("resolution", resolution, 2)
    start = [p.data for p in leaves]
    span = (math.hypot(*start) or 1.0) if span is None else span
    if not (math.isfinite(span) and span > 0.0):
        raise ValueError(f"span must be a finite number above 0, got {span!r}")
    along, across = _two_directions(len(leaves), rng)
    offsets = _steps(-span, span, resolution)
    rows = []
    try:
        with no_grad():
            for down in offsets:
                row = []
                for right in offsets:
                    for p, at, a, b in zip(leaves, start, along, across):
                        p.data = at + right * a + down * b
                    row.append(_number(loss(), "the loss"))
                rows.append(row)
    finally:
        for p, at in zip(leaves, start):
            p.data = at
    return offsets, rows


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
    ax = _axes(ax)
    filled = ax.contourf(offsets, offsets, rows, levels=20, cmap="Blues")
    ax.figure.colorbar(filled, ax=ax, label="loss")
    ax.plot([0.0], [0.0], "*", color=_ORANGE, markeredgecolor="white", markersize=14, label="now")
    ax.set_aspect("equal")
    ax.set_xlabel("along a random direction")
    ax.set_ylabel("along another")
    ax.legend()
    return ax


# --- what a model says ---


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
    _at_least("resolution", resolution, 2)
    columns, rows = (_steps(*_widened(numbers), resolution) for numbers in zip(*_points(X)))
    outs = iter(predict(model, [[x, y] for y in rows for x in columns]))
    scores = [[_scores(next(outs)) for _ in columns] for _ in rows]
    sizes = {len(at) for row in scores for at in row}
    if len(sizes) > 1 or 0 in sizes:
        found = " or ".join(map(str, sorted(sizes)))
        raise ValueError(f"the model must return the same number of scores, got {found}")
    return columns, rows, scores


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
    points, labels = _points(X), _labels(y)
    _same_length("points in X", points, "labels in y", labels)
    columns, rows, scores = decision_scores(model, points, resolution)
    classes = _classes(labels, len(scores[0][0]))
    ax = _axes(ax)
    # The last class everywhere, over it the one before where that beats it, and so on: what is
    # seen is the largest score, the first one on a tie, and no gap where three regions meet.
    for k, leads in reversed(list(enumerate(_leads(scores)))):
        top = max((lead for row in leads for lead in row if lead >= 0.0), default=-1.0)
        if top >= 0.0:
            ax.contourf(columns, rows, leads, [0.0, top or 1.0], colors=[_pale(_colour(k))])
    for label, k in sorted(set(zip(labels, classes))):
        here = zip(*[point for point, other in zip(points, labels) if other == label])
        dots = ax.scatter(*here, marker=_MARKERS[k % len(_MARKERS)], label=f"class {label}")
        dots.set(color=_colour(k), sizes=[36.0], edgecolor="white", linewidth=0.6, zorder=3)
    ax.set_xlabel("x[0]")
    ax.set_ylabel("x[1]")
    _legend(ax)
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
    true, predicted = _labels(y_true), _labels(y_pred)
    _same_length("labels in y_true", true, "in y_pred", predicted)
    n = max(true + predicted, default=-1) + 1 if n is None else n
    for name, labels in (("y_true", true), ("y_pred", predicted)):
        for i, k in enumerate(labels):
            if not 0 <= k < n:
                raise ValueError(f"{name}[{i}] is class {k}, but there are {n}: 0 to {n - 1}")
    counts = [[0] * n for _ in range(n)]
    for i, j in zip(true, predicted):
        counts[i][j] += 1
    return counts


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

    Example:
        >>> ax = plot_confusion_matrix([0, 0, 1], [0, 1, 1], classes=["cat", "dog"])
        >>> [text.get_text() for text in ax.texts]
        ['1', '1', '0', '1']
    """
    counts = confusion_matrix(y_true, y_pred, None if classes is None else len(classes))
    most = max((count for row in counts for count in row), default=0)
    if not most:
        raise ValueError("a confusion matrix of nothing: y_true and y_pred are empty")
    names = [str(name) for name in (range(len(counts)) if classes is None else classes)]
    ax = _axes(ax, grid=False)
    ax.imshow(counts, cmap="Blues", vmin=0, vmax=most)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            ink = "white" if count > most / 2 else _INK
            ax.text(j, i, str(count), ha="center", va="center", color=ink)
    ax.set_xticks(range(len(names)), names)
    if sum(map(len, names)) > 40:  # characters that fit side by side
        ax.tick_params("x", rotation=90)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
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
    ax = _axes(ax)
    ax.plot(ends, ends, "--", color=_ORANGE, label="prediction = target")
    ax.scatter(x, y, s=22, color=_BLUE, edgecolors="white", linewidths=0.5, zorder=3)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("target")
    ax.set_ylabel("prediction")
    ax.legend()
    return ax


# --- functions of one number ---


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
    _at_least("points", points, 2)
    xs = _steps(low, high, points)
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
    ax = _axes(ax)
    ax.plot(xs, ys, color=_BLUE, linewidth=2, label=name)
    ax.plot(xs, slopes, "--", color=_ORANGE, linewidth=2, label="derivative")
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
    centre = _number(target, "the target")
    low, high = centre - 3.0 if low is None else low, centre + 3.0 if high is None else high
    ax = plot_activation(wraps(loss)(lambda prediction: loss(prediction, target)), ax, low, high)
    ax.set_xlabel("prediction")
    ax.axvline(centre, color=_MUTED, linestyle=":", label="target")
    ax.legend()
    return ax


def _with_slope(f: Callable[[Value], Number], x: float) -> tuple[float, float]:
    leaf = Value(x)
    y = as_value(f(leaf))
    return y.data, grad(y, leaf)


# --- numbers ---


def _lines(history: Any, keys: str | Iterable[str] | None) -> dict[str, list[float]]:
    """The chosen names and their numbers, of which there must be some."""
    there = list(history)
    if keys is None:
        keys = [name for name in there if name not in ("lr", "grad_norm", "time")]
    wanted = [keys] if isinstance(keys, str) else list(keys)
    for key in wanted:
        if key not in there:
            raise ValueError(f"the history has no {key!r}: choose from {', '.join(there)}")
    lines = {key: [_number(v, f"{key!r}") for v in history[key]] for key in wanted}
    if not any(lines.values()):
        raise ValueError("there is nothing to plot: the history is empty")
    return lines


def _layer_of(name: str) -> str:
    """ "layers.0" for "layers.0.neurons.3.w.1", "model" for "slope"."""
    parts = name.split(".")
    while parts[-1].isdigit():
        parts.pop()
    parts.pop()  # the name of the attribute, such as w
    if parts[-2:-1] == ["neurons"]:
        del parts[-2:]
    return ".".join(parts) or "model"


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


def _steps(low: float, high: float, n: int) -> list[float]:
    """n equal steps that meet both ends and, when n is odd, the middle exactly."""
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    return [middle + half * (2 * i - n + 1) / (n - 1) for i in range(n)]


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


def _scores(out: Any) -> list[float]:
    outs = list(out) if hasattr(out, "__len__") else [out]
    return [_number(score, "a score of the model") for score in outs]


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


def _labels(labels: Iterable[Any]) -> list[int]:
    """Labels as ints; a whole float (a target of hinge_loss, say) counts as one."""
    ints = []
    for i, label in enumerate(labels):
        whole = isinstance(label, Integral) or (isinstance(label, float) and label.is_integer())
        if not whole:
            raise TypeError(f"label {i} must be an int, got {type(label).__name__} {label!r:.60}")
        ints.append(int(label))
    return ints


def _finite(numbers: Iterable[Number], what: str) -> list[float]:
    floats = [_number(x, f"{what} {i}") for i, x in enumerate(numbers)]
    for i, x in enumerate(floats):
        if not math.isfinite(x):
            raise ValueError(f"{what} {i} is {x}: only finite numbers can be plotted")
    return floats


def _number(x: Any, what: str) -> float:
    try:
        return as_value(x).data
    except TypeError:
        raise TypeError(f"{what} must be a number, got {type(x).__name__} {x!r:.60}") from None


def _same_length(what: str, xs: list[Any], other: str, ys: list[Any]) -> None:
    if len(xs) != len(ys):
        raise ValueError(f"there are {len(xs)} {what}, but {len(ys)} {other}")


def _at_least(name: str, n: int, least: int) -> None:
    if not isinstance(n, Integral) or n < least:
        raise ValueError(f"{name} must be an int of at least {least}, got {n!r}")


# --- matplotlib ---


def _axes(ax: Axes | None, grid: bool = True) -> Axes:
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


def _legend(ax: Axes) -> None:
    """The names inside the plot, or beside it when they are too many not to hide something."""
    if len(ax.get_legend_handles_labels()[1]) <= 6:
        ax.legend()
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _integer_ticks(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def _colour(k: int) -> str:
    return _COLOURS[k % len(_COLOURS)]


def _pale(colour: str) -> str:
    """The colour of a region behind points of this colour: mixed with three parts of white."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{(c + 3 * 255) // 4:02x}" for c in channels)
