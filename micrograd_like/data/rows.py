"""Rows and targets on their way to a network: checked, scaled, split, in batches."""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, TypeVar

from ..checks import integer
from ..nesting import flat, is_list, listed, parts, samples

__all__ = [
    "Scaler", "batches", "check_finite", "check_lengths", "padded", "train_test_split",
]  # fmt: skip

Row = TypeVar("Row")
Label = TypeVar("Label")


def check_finite(X: Any, name: str = "X") -> None:
    """Refuses nan, infinities and what is no number, at any depth of lists.

    Raises:
        ValueError: nan or an infinity, naming its row and column, counted from 0.
        TypeError: something that is not a number.

    Example:
        >>> check_finite([[1.0, 2.0], [3.0, math.nan]])
        Traceback (most recent call last):
        ValueError: X has nan in row 1, column 1 (X[1][1])
    """
    try:
        if all(map(math.isfinite, flat(X))):
            return
    except (TypeError, OverflowError):
        pass
    for place, x in _leaves(X, ()):
        try:
            finite = math.isfinite(x)
        except (TypeError, OverflowError):  # such as 10**400
            what = f"{type(x).__name__} {x!r:.60}"
            raise TypeError(f"{name} has {what}{_at(name, place)}: expected a number") from None
        if not finite:
            raise ValueError(f"{name} has {x}{_at(name, place)}")


def _leaves(x: Any, place: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    """As nesting.flat, but each number comes with its place: an error must name it."""
    if is_list(x):
        for i, part in enumerate(parts(x)):
            yield from _leaves(part, (*place, i))
    else:
        yield place, x


def _at(name: str, place: tuple[int, ...]) -> str:
    where = name + "".join(f"[{i}]" for i in place)
    if len(place) > 2:
        return f" at {where}"
    return f" in {', '.join(f'{what} {i}' for what, i in zip(('row', 'column'), place))} ({where})"


def check_lengths(X: Sized, y: Sized) -> None:
    """Refuses an empty X, and an X and y of different lengths.

    Example:
        >>> check_lengths([[1.0], [2.0]], [0])
        Traceback (most recent call last):
        ValueError: X has 2 rows but y has 1: every row needs one target
    """
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} rows but y has {len(y)}: every row needs one target")
    if not len(X):
        raise ValueError("X and y are empty: expected at least one row")


class Scaler:
    """Shifts and scales every column to mean 0 and variance 1: (x - mean) / scale.

    Args:
        mean: one float for each column, once fitted.
        scale: the standard deviation of the population (divided by n); 1 for a constant column.

    Raises:
        ValueError: rows of different widths, nan or inf, no rows, a transform before the fit.
        OverflowError: a number divided by its column's scale is too large.

    Example:
        >>> Scaler().fit([[1.0, 5.0], [3.0, 5.0]])
        Scaler(mean=[2.0, 5.0], scale=[1.0, 1.0])
        >>> Scaler([2.0, 5.0], [1.0, 1.0]).transform([[5.0, 6.0]])
        [[3.0, 1.0]]

    Source: sklearn.preprocessing.StandardScaler.
    """

    def __init__(self, mean: Sequence[float] = (), scale: Sequence[float] = ()) -> None:
        self.mean, self.scale = list(mean), list(scale)

    def __repr__(self) -> str:
        return f"Scaler(mean={self.mean}, scale={self.scale})"

    def fit(self, X: Any) -> Scaler:
        """Takes mean and scale of every column from these rows; returns itself."""
        X = samples(X, "X")
        if not X or X[0] == []:
            raise ValueError("Scaler needs at least one row and one column")
        _check_rows(X, len(X[0]) if is_list(X[0]) else 1)
        self.mean, self.scale = [list(pair) for pair in zip(*map(_mean_and_scale, zip(*X)))]
        return self

    def transform(self, X: Any) -> list[list[float]]:
        """The scaled rows; X is left as it is."""
        if not self.mean:
            raise ValueError("this Scaler has no mean and scale yet: call fit(X) first")
        X = samples(X, "X")
        _check_rows(X, len(self.mean))
        columns = list(zip(self.mean, self.scale, strict=True))
        rows = [[float((x - mean) / scale) for x, (mean, scale) in zip(row, columns)] for row in X]
        if not all(math.isfinite(x) for row in rows for x in row):
            raise OverflowError("a number divided by its column's scale is too large")
        return rows

    def fit_transform(self, X: Any) -> list[list[float]]:
        """fit(X), then transform(X)."""
        X = samples(X, "X")
        return self.fit(X).transform(X)


def _check_rows(X: Sequence[Sequence[float]], width: int) -> None:
    for i, row in enumerate(X):
        if not is_list(row):
            raise ValueError(f"Scaler expects rows, got {row!r:.60} as row {i}: [[x] for x in X]")
        if len(row) != width:
            raise ValueError(f"Scaler expects rows of {width} numbers, got {len(row)} in row {i}")
    check_finite(X)


def _mean_and_scale(column: Sequence[float]) -> tuple[float, float]:
    n = len(column)
    mean = math.fsum(column) / n
    scale = math.hypot(*[x - mean for x in column]) / math.sqrt(n)
    # scikit-learn's bound: below it the deviations are only rounding errors of a constant.
    rounding = n * abs(mean) * sys.float_info.epsilon
    return mean, scale if scale > rounding else 1.0


# --- splits and batches ---


def train_test_split(
    X: Iterable[Row],
    y: Iterable[Label],
    test_size: float = 0.25,
    seed: int = 0,
    stratify: bool = False,
) -> tuple[list[Row], list[Row], list[Label], list[Label]]:
    """Shuffles the rows and puts some of them aside for testing.

    Args:
        X: the rows; an array's, a tensor's or a table's become lists.
        y: the target of each.
        test_size: the part to put aside, between 0 and 1, rounded up to whole rows.
        seed: the same seed gives the same split.
        stratify: give both parts the same proportions of classes, as near as whole rows allow.

    Returns:
        X_train, X_test, y_train, y_test.

    Example:
        >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> sorted(train_test_split(list("abcdefgh"), y, stratify=True)[3])
        [0, 1]

    Source: sklearn.model_selection.train_test_split, but not its random numbers.
    """
    rows, targets = listed(X, "X"), listed(y, "y")
    check_lengths(rows, targets)
    if not 0.0 < test_size < 1.0:
        raise ValueError(f"test_size must be between 0 and 1, got {test_size!r}")
    n = len(rows)
    size = math.ceil(n * test_size)
    if size == n:
        raise ValueError(f"a test_size of {test_size} leaves no row of {n} to train on")
    order = list(range(n))
    random.Random(seed).shuffle(order)
    chosen = set((_spread(order, targets) if stratify else order)[:size])
    train, test = [i for i in order if i not in chosen], [i for i in order if i in chosen]
    X_train, X_test, y_train, y_test = (
        [whole[i] for i in part] for whole in (rows, targets) for part in (train, test)
    )
    return X_train, X_test, y_train, y_test


def _spread(order: list[int], y: Sequence[Any]) -> list[int]:
    """The order in which every beginning has each class in proportion."""
    y = [tuple(flat(label)) for label in y]
    sizes, seen = Counter(y), Counter[Any]()
    keys = {}
    for i in order:
        keys[i] = (seen[y[i]] + 0.5) / sizes[y[i]]
        seen[y[i]] += 1
    return sorted(order, key=keys.__getitem__)


def batches(
    n_or_X: int | Sized, batch_size: int, rng: random.Random | None = None
) -> Iterator[list[int]]:
    """The indices 0 to n - 1 in lists of batch_size; the last may be shorter.

    Args:
        n_or_X: how many samples, or the list of them.
        batch_size: how many indices in a list.
        rng: shuffles them; without it they come in order. Keep one random.Random for the whole
            training, so that every epoch has an order of its own.

    Example:
        >>> list(batches(5, 2))
        [[0, 1], [2, 3], [4]]
        >>> list(batches(5, 2, random.Random(0)))
        [[2, 1], [0, 4], [3]]
    """
    n = len(n_or_X) if isinstance(n_or_X, Sized) else n_or_X
    n, batch_size = integer(1)("the number of samples", n), integer(1)("batch_size", batch_size)
    order = list(range(n))
    if rng is not None:
        if not isinstance(rng, random.Random):
            raise TypeError(f"rng must be a random.Random, got {type(rng).__name__} {rng!r:.60}")
        rng.shuffle(order)
    return (order[i : i + batch_size] for i in range(0, n, batch_size))


def padded(
    sequences: Iterable[Any], value: float = 0.0, length: int | None = None
) -> list[list[list[float]]]:
    """Sequences of any lengths as samples of one shape, which can be compiled.

    Each step gets a number more, its mask: 1 where the sequence has it and 0 where it was added. So
    a sample knows by itself what of it counts, in training, validation and prediction; give the
    model's loop ``functional.where(there, new, old)``, or multiply by ``there``.

    Args:
        sequences: for each sample a list of its steps, each a number or a list of n numbers.
        value: what a step that was added is made of; something that the model can take, such as an
            index that its table has.
        length: how many steps all get; that of the longest sequence. For data that comes later,
            such as validation, give that of training.

    Returns:
        For each sample its ``length`` steps, lists of 2 or n + 1 numbers, the last one the mask.

    Raises:
        ValueError: a sequence is longer than ``length``, steps have different numbers of numbers,
            or there is no step at all.
        TypeError: a sequence is no list of steps.

    Example:
        >>> X = padded([[3.0, 4.0], [5.0]])
        >>> X
        [[[3.0, 1.0], [4.0, 1.0]], [[5.0, 1.0], [0.0, 0.0]]]

        A network that reads step after step, trained compiled on sequences of any lengths:

        >>> from micrograd_like import Value, fit, mse_loss
        >>> from micrograd_like.functional import tanh, where
        >>> from micrograd_like.nn import Module
        >>> class Reader(Module):
        ...     def __init__(self):
        ...         self.w, self.u = Value(0.5), Value(0.1)
        ...     def forward(self, steps):
        ...         state = 0.0
        ...         for x, there in steps:
        ...             state = where(there, tanh(self.w * x + self.u * state), state)
        ...         return state
        >>> history = fit(Reader(), X, [0.5, -0.5], mse_loss, epochs=9, jit=True, progress=False)
        >>> history.jit, history["loss"][-1] < history["loss"][0]
        ('compiled', True)

    Source: torch.nn.utils.rnn.pad_sequence, with the mask in the sample.
    """
    rows = [_steps(sequence, i) for i, sequence in enumerate(samples(sequences, "sequences"))]
    sizes = {len(step) for steps in rows for step in steps}
    if len(sizes) != 1:
        made = f"of {sorted(sizes)} numbers" if sizes else "in none of them"
        raise ValueError(f"sequences must have steps of one size, got steps {made}")
    longest = max(map(len, rows))
    length = longest if length is None else integer(1)("length", length)
    if length < longest:
        i = next(i for i, steps in enumerate(rows) if len(steps) > length)
        raise ValueError(f"sequences[{i}] has {len(rows[i])} steps, more than {length}: cut it")
    none = [value] * sizes.pop() + [0.0]
    return [
        [*[[*step, 1.0] for step in steps], *[[*none] for _ in range(length - len(steps))]]
        for steps in rows
    ]


def _steps(sequence: Any, i: int) -> list[Any]:
    """Each step as a list of numbers."""
    if not is_list(sequence):
        got = f"got {type(sequence).__name__} {sequence!r:.60}"
        raise TypeError(f"sequences[{i}] must be a list of steps, {got}")
    return [list(step) if is_list(step) else [step] for step in sequence]
