"""Data as plain lists: reading a CSV, scaling, splitting, batches, toy sets.

>>> X, y = make_xor(8, noise=0.1, seed=0)
>>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25)
>>> scaler = Scaler().fit(X_train)
>>> len(scaler.transform(X_test)), y
(2, [0, 1, 1, 0, 0, 1, 1, 0])

X is a list of rows, one row of floats for each sample; y is the list of what to predict. This file
knows nothing of Values or networks.
"""

from __future__ import annotations

import csv
import math
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, NamedTuple, TypeVar

Row = TypeVar("Row")
Label = TypeVar("Label")

Columns = dict[str, list[str] | None]  # name -> its values, or None for a column of numbers


# --- tables ---


class Table(NamedTuple):
    """What load_csv has read.

    Args:
        X: one list of floats for each row.
        y: the target of each row: a class index, or a float when classes is None.
        columns: the columns that X is made of, each with its sorted values, or None for numbers.
        classes: the names of the classes, sorted, or None for a numeric target.
    """

    X: list[list[float]]
    y: list[Any]
    columns: Columns
    classes: list[str] | None


def feature_names(columns: Columns) -> list[str]:
    """The name of each number in a row of X: one for a column of numbers, one for each text.

    Example:
        >>> feature_names({"kg": None, "coat": ["long", "short"]})
        ['kg', 'coat=long', 'coat=short']
    """
    return [
        feature
        for name, values in columns.items()
        for feature in ([name] if values is None else [f"{name}={value}" for value in values])
    ]


def load_csv(
    path: str | os.PathLike[str],
    target: str,
    categories: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Table:
    """Reads a comma-separated file with a header.

    A column in which most cells are numbers becomes floats, and then all must be. Any other is
    text: as the target it becomes class indices, as a feature one number for each value, 1 for the
    value of the row and 0 for the others.

    Args:
        path: a UTF-8 file; blank lines are skipped, spaces around a cell too.
        target: the column to predict.
        categories: columns to read as text although they hold numbers.
        ignore: columns to leave out.

    Raises:
        ValueError: a missing value ("", "?", "NA", "nan"), an infinite one or a word among
            numbers, with its line and column; a line of another length; an unknown column; no rows.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "pets.csv")
        >>> _ = path.write_text("weight,coat,pet\\n4.5,long,cat\\n9,short,dog\\n")
        >>> load_csv(path, "pet")         # doctest: +NORMALIZE_WHITESPACE
        Table(X=[[4.5, 1.0, 0.0], [9.0, 0.0, 1.0]], y=[0, 1],
              columns={'weight': None, 'coat': ['long', 'short']}, classes=['cat', 'dog'])
    """
    sheet = _read(path)
    categories, ignore = list(categories), list(ignore)
    for name in (target, *categories, *ignore):
        _check_known(sheet, name)
    if target in ignore:
        raise ValueError(f"the target {target!r} cannot be ignored")
    columns = {
        name: _values(cells, name in categories)
        for name, cells in sheet.cells.items()
        if name not in ignore
    }
    classes = columns.pop(target)
    if not columns:
        raise ValueError(f"{path} has no column besides the target {target!r}")
    X, targets = _encode(sheet, columns), _encode(sheet, {target: classes})
    y = [row[0] if classes is None else row.index(1.0) for row in targets]
    return Table(X, y, columns, classes)


def load_columns(path: str | os.PathLike[str], columns: Columns) -> list[list[float]]:
    """Reads the columns of an earlier Table from another file: the X that the same model takes.

    They may be in another order; other columns are not looked at.

    Raises:
        ValueError: columns that are not there, all named; values that the Table did not have, all
            named; or as for load_csv.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "more_pets.csv")
        >>> _ = path.write_text("name,coat,weight\\nRex,short,12\\n")
        >>> load_columns(path, {"weight": None, "coat": ["long", "short"]})
        [[12.0, 0.0, 1.0]]
    """
    sheet = _read(path)
    if missing := [name for name in columns if name not in sheet.cells]:
        raise ValueError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            f"it has {', '.join(sheet.cells)}"
        )
    return _encode(sheet, columns)


class _Sheet(NamedTuple):
    """A file as text: the line number of each row, and the cells of each column."""

    path: str | os.PathLike[str]
    lines: list[int]
    cells: dict[str, tuple[str, ...]]


def _read(path: str | os.PathLike[str]) -> _Sheet:
    lines, rows = [], []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # -sig: Excel writes a BOM
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            for cells in reader:
                if any(cells) or len(cells) > 1:
                    lines.append(reader.line_num)
                    rows.append([cell.strip() for cell in cells])
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise ValueError(f"{path} is empty: it needs a header and rows")
    header = rows.pop(0)
    _check_header(path, header)
    if not rows:
        raise ValueError(f"{path} has a header but no rows")
    for line, row in zip(lines[1:], rows):
        if len(row) != len(header):
            raise ValueError(f"{path}, line {line}: expected {len(header)} cells, got {len(row)}")
    return _Sheet(path, lines[1:], dict(zip(header, zip(*rows))))


def _check_header(path: str | os.PathLike[str], header: list[str]) -> None:
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise ValueError(f"{path} seems to be separated by {name}: save it with commas")
    for name, count in Counter(header).items():
        if count > 1:
            raise ValueError(f"{path} has {count} columns named {name!r}: names must differ")


def _check_known(sheet: _Sheet, name: str) -> None:
    if name not in sheet.cells:
        from difflib import get_close_matches  # only for a mistake: imports should be quick

        near = get_close_matches(name, sheet.cells, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(sheet.cells)}"
        raise ValueError(f"{sheet.path} has no column {name!r}: {hint}")


def _values(cells: Sequence[str], text: bool) -> list[str] | None:
    """The sorted values of a text column; None for one of numbers.

    The majority decides: one typo must not turn a column of numbers into text.
    """
    numbers = sum(_float(cell) is not None for cell in cells)
    return sorted(set(cells)) if text or 2 * numbers <= len(cells) else None


def _encode(sheet: _Sheet, columns: Columns) -> list[list[float]]:
    """The rows as floats: a column of numbers as it is, a text column as one 1 among 0s."""
    encoded: list[list[float]] = []
    unknown: dict[str, None] = {}
    for name, values in columns.items():
        cells = sheet.cells[name]
        for line, cell in zip(sheet.lines, cells):
            if why := _problem(cell, number=values is None):
                raise ValueError(f"{sheet.path}, line {line}, column {name!r}: {why}")
        if values is None:
            encoded.append(list(map(float, cells)))
        else:
            unknown |= {f"{name}={cell}": None for cell in cells if cell not in values}
            encoded += [[float(cell == value) for cell in cells] for value in values]
    if unknown:
        raise ValueError(
            f"{sheet.path} has values that were not there in training: {', '.join(unknown)}"
        )
    return [list(row) for row in zip(*encoded)]


def _problem(cell: str, number: bool) -> str:
    """Why a cell cannot be used; empty if it can."""
    if cell in ("", "?", "NA") or cell.lower() == "nan":
        return "the value is missing: fill it in, or leave out the row"
    x = _float(cell) if number else 0.0
    if x is None:
        return f"expected a number, got {cell!r:.60}"
    return "" if math.isfinite(x) else f"{cell} is not finite"


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


# --- checks ---


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
    for place, number in _leaves(X, ()):
        try:
            finite = math.isfinite(number)
        except (TypeError, OverflowError):  # such as 10**400
            what = f"{type(number).__name__} {number!r:.60}"
            raise TypeError(f"{name} has {what}{_at(name, place)}: expected a number") from None
        if not finite:
            raise ValueError(f"{name} has {number}{_at(name, place)}")


def _leaves(x: Any, place: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(x, Sized) and isinstance(x, Iterable) and not isinstance(x, str):
        for i, part in enumerate(x):
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


# --- scaling, splitting, batches ---


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

    def fit(self, X: Sequence[Sequence[float]]) -> Scaler:
        """Takes mean and scale of every column from these rows; returns itself."""
        if not len(X) or not len(X[0]):
            raise ValueError("Scaler needs at least one row and one column")
        self._check(X, len(X[0]))
        self.mean, self.scale = [list(pair) for pair in zip(*map(_mean_and_scale, zip(*X)))]
        return self

    def transform(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """The scaled rows; X is left as it is."""
        if not self.mean:
            raise ValueError("this Scaler has no mean and scale yet: call fit(X) first")
        self._check(X, len(self.mean))
        columns = list(zip(self.mean, self.scale, strict=True))
        rows = [[float((x - mean) / scale) for x, (mean, scale) in zip(row, columns)] for row in X]
        if not all(math.isfinite(x) for row in rows for x in row):
            raise OverflowError("a number divided by its column's scale is too large")
        return rows

    def fit_transform(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """fit(X), then transform(X)."""
        return self.fit(X).transform(X)

    @staticmethod
    def _check(X: Sequence[Sequence[float]], width: int) -> None:
        for i, row in enumerate(X):
            if len(row) != width:
                raise ValueError(
                    f"Scaler expects rows of {width} numbers, got {len(row)} in row {i}"
                )
        check_finite(X)


def _mean_and_scale(column: Sequence[float]) -> tuple[float, float]:
    n = len(column)
    mean = math.fsum(column) / n
    scale = math.hypot(*[x - mean for x in column]) / math.sqrt(n)
    # scikit-learn's bound: below it the deviations are only rounding errors of a constant.
    rounding = n * abs(mean) * sys.float_info.epsilon
    return mean, scale if scale > rounding else 1.0


def train_test_split(
    X: Sequence[Row],
    y: Sequence[Label],
    test_size: float = 0.25,
    seed: int = 0,
    stratify: bool = False,
) -> tuple[list[Row], list[Row], list[Label], list[Label]]:
    """Shuffles the rows and puts some of them aside for testing.

    Args:
        X: the rows.
        y: the target of each.
        test_size: the part to put aside, between 0 and 1, rounded up to whole rows.
        seed: the same seed gives the same split.
        stratify: give both parts the same proportions of classes, as near as whole rows allow.

    Returns:
        X_train, X_test, y_train, y_test.

    Example:
        >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> sorted(train_test_split("abcdefgh", y, stratify=True)[3])
        [0, 1]

    Source: sklearn.model_selection.train_test_split, but not its random numbers.
    """
    check_lengths(X, y)
    if not 0.0 < test_size < 1.0:
        raise ValueError(f"test_size must be between 0 and 1, got {test_size!r}")
    n = len(X)
    size = math.ceil(n * test_size)
    if size == n:
        raise ValueError(f"a test_size of {test_size} leaves no row of {n} to train on")
    order = list(range(n))
    random.Random(seed).shuffle(order)
    chosen = set((_spread(order, y) if stratify else order)[:size])
    train, test = [i for i in order if i not in chosen], [i for i in order if i in chosen]
    return [X[i] for i in train], [X[i] for i in test], [y[i] for i in train], [y[i] for i in test]


def _spread(order: list[int], y: Sequence[Any]) -> list[int]:
    """The order in which every beginning has each class in proportion."""
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
    n = n_or_X if isinstance(n_or_X, int) else len(n_or_X)
    _at_least_1("the number of samples", n)
    _at_least_1("batch_size", batch_size)
    if rng is not None and not isinstance(rng, random.Random):
        raise TypeError(f"rng must be a random.Random, got {type(rng).__name__} {rng!r:.60}")
    order = list(range(n))
    if rng is not None:
        rng.shuffle(order)
    return (order[i : i + batch_size] for i in range(0, n, batch_size))


# --- toy sets ---


def make_xor(
    n: int = 100, noise: float = 0.1, seed: int = 0
) -> tuple[list[list[float]], list[int]]:
    """Points around the four corners (+-1, +-1); the class is 1 where the signs differ.

    Args:
        n: how many points.
        noise: its standard deviation; here of the distance from the corner, in each direction.
        seed: the same seed gives the same points.

    Example:
        >>> make_xor(4, noise=0.0)
        ([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    rng = _rng(n, noise, seed)
    corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
    X = [[x + rng.gauss(0.0, noise) for x in corners[i % 4]] for i in range(n)]
    return X, [(0, 1, 1, 0)[i % 4] for i in range(n)]


def make_spirals(
    n: int = 100, noise: float = 0.02, seed: int = 0, turns: float = 1.5
) -> tuple[list[list[float]], list[int]]:
    """Two arms that wind around each other inside the unit circle, class 0 and class 1 in turn.

    Args are those of make_xor, and turns: how often an arm goes round.

    Example:
        >>> X, y = make_spirals(4, noise=0.0, turns=1.0)
        >>> y, [round(v, 9) + 0.0 for v in X[2]]     # the end of the first arm
        ([0, 1, 0, 1], [1.0, 0.0])
    """
    rng = _rng(n, noise, seed)
    X = []
    for i in range(n):
        radius = (i // 2 + 1) / ((n + 1) // 2)
        angle = 2.0 * math.pi * turns * radius + math.pi * (i % 2)
        point = radius * math.cos(angle), radius * math.sin(angle)
        X.append([x + rng.gauss(0.0, noise) for x in point])
    return X, [i % 2 for i in range(n)]


def make_noisy_line(
    n: int = 100, slope: float = 2.0, intercept: float = 1.0, noise: float = 0.1, seed: int = 0
) -> tuple[list[list[float]], list[float]]:
    """y = slope * x + intercept + noise, with x uniform between -1 and 1; else as make_xor.

    Example:
        >>> X, y = make_noisy_line(3, slope=0.0, intercept=5.0, noise=0.0)
        >>> len(X), y
        (3, [5.0, 5.0, 5.0])
    """
    rng = _rng(n, noise, seed)
    X = [[rng.uniform(-1.0, 1.0)] for _ in range(n)]
    return X, [slope * x + intercept + rng.gauss(0.0, noise) for [x] in X]


def _rng(n: int, noise: float, seed: int) -> random.Random:
    _at_least_1("n", n)
    if not (math.isfinite(noise) and noise >= 0.0):
        raise ValueError(f"noise must be a finite number of at least 0, got {noise!r}")
    return random.Random(seed)


def _at_least_1(name: str, n: Any) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name} must be an int of at least 1, got {n!r:.60}")
