"""A CSV file becomes numbers. It is read once, whatever is asked of it afterwards.

    file -> Sheet: texts by column -> which columns, with which values -> rows of numbers

Until the last step time and memory grow with the file alone: a row has one number for each text.
"""

from __future__ import annotations

import csv
import math
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Columns", "Sheet", "Table", "check_categories", "feature_names", "load_columns", "load_csv",
]  # fmt: skip

MOST_VALUES = 100  # of a text feature; more are names or remarks rather than categories
MOST_CELLS = 50_000_000  # of a file, and of what becomes of it: each takes up to 100 bytes
SHOWN = 10  # names in a message

Columns: TypeAlias = dict[str, list[str] | None]  # name -> its values, or None for numbers


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
            numbers, with its line and column; a line of another length; an unknown column; no rows;
            a text feature of more than 100 values; more than 50 million cells.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "pets.csv")
        >>> _ = path.write_text("weight,coat,pet\\n4.5,long,cat\\n9,short,dog\\n")
        >>> load_csv(path, "pet")         # doctest: +NORMALIZE_WHITESPACE
        Table(X=[[4.5, 1.0, 0.0], [9.0, 0.0, 1.0]], y=[0, 1],
              columns={'weight': None, 'coat': ['long', 'short']}, classes=['cat', 'dog'])
    """
    sheet = Sheet(path)
    columns = sheet.choose(target, categories, ignore)
    check_categories(columns, target, "ignore=[{!r}]")
    return sheet.table(columns)


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
    return Sheet(path).rows(columns)


def feature_names(columns: Columns) -> list[str]:
    """The name of each number in a row of X: one for a column of numbers, one for each text.

    Example:
        >>> feature_names({"kg": None, "coat": ["long", "short"]})
        ['kg', 'coat=long', 'coat=short']
    """
    names = []
    for name, values in columns.items():
        names += [name] if values is None else [f"{name}={value}" for value in values]
    return names


def check_categories(columns: Columns, target: str, how: str) -> None:
    """Refuses a text feature of so many values that it is no category; how says how to ignore it.

    Example:
        >>> check_categories({"name": [f"Ann {i}" for i in range(101)]}, "age", "ignore=[{!r}]")
        Traceback (most recent call last):
        ValueError: the column 'name' has 101 different texts, 'Ann 0' among them: that is no
        category; leave it out with ignore=['name']
    """
    for name, values in columns.items():
        if name != target and values and len(values) > MOST_VALUES:
            raise ValueError(
                f"the column {name!r} has {len(values)} different texts, {values[0]!r:.60} among "
                f"them: that is no category; leave it out with {how.format(name)}"
            )


# --- the steps ---


class Sheet:
    """A file as text: the cells of each column, and the line number of each row.

    Raises:
        ValueError: what is no table, with its line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        rows = _rows(path)
        _, header = next(rows, (0, []))
        if not header:
            raise ValueError(f"{path} is empty: it needs a header and rows")
        _check_header(path, header)
        self.lines: list[int] = []
        columns: list[list[str]] = [[] for _ in header]
        for line, row in rows:
            if len(row) != len(header):
                raise ValueError(
                    f"{path}, line {line}: expected {len(header)} cells, got {len(row)}"
                )
            self.lines.append(line)
            self._check_size(len(header), f"at line {line}")
            for column, cell in zip(columns, row):
                column.append(cell)
        if not self.lines:
            raise ValueError(f"{path} has a header but no rows")
        self.cells = dict(zip(header, columns))

    def choose(self, target: str, categories: Iterable[str], ignore: Iterable[str]) -> Columns:
        """The columns to use, each with its values; the target is the last."""
        categories, ignore = list(categories), list(ignore)
        for name in (target, *categories, *ignore):
            self._check_known(name)
        if target in ignore:
            raise ValueError(f"the target {target!r} cannot be ignored")
        features = [name for name in self.cells if name not in (target, *ignore)]
        if not features:
            raise ValueError(f"{self.path} has no column besides the target {target!r}")
        return {name: _values(self.cells[name], name in categories) for name in (*features, target)}

    def codes(self, columns: Columns) -> list[list[Any]]:
        """For each of the columns its floats, or for each row the index of its value."""
        if missing := [name for name in columns if name not in self.cells]:
            lacks = f"lacks the column{'s' * (len(missing) > 1)} {_some(missing)}"
            raise ValueError(f"{self.path} {lacks}: it has {_some(self.cells)}")
        codes: list[list[Any]] = []
        unknown: dict[str, None] = {}
        for name, values in columns.items():
            if values is None:
                codes.append(self._decoded(name, _number))
                continue
            index = {value: k for k, value in enumerate(values)}
            texts = self._decoded(name, _text)
            unknown |= {f"{name}={text}": None for text in texts if text not in index}
            codes.append(list(map(index.get, texts)))
        if unknown:
            news = _some(unknown)
            raise ValueError(f"{self.path} has values that were not there in training: {news}")
        return codes

    def rows(self, columns: Columns) -> list[list[float]]:
        """X: a column of numbers as it is, a text column as one 1 among 0s."""
        width = sum(1 if values is None else len(values) for values in columns.values())
        self._check_size(width, "as numbers, with one for each text")
        features: list[list[float]] = []
        for codes, values in zip(self.codes(columns), columns.values()):
            if values is None:
                features.append(codes)
            else:
                features += [
                    [1.0 if k == code else 0.0 for code in codes] for k in range(len(values))
                ]
        return [list(row) for row in zip(*features)]

    def table(self, columns: Columns) -> Table:
        """The rows of what was chosen, and their targets."""
        inputs = dict(columns)
        target, classes = inputs.popitem()
        X, [y] = self.rows(inputs), self.codes({target: classes})
        return Table(X, y, inputs, classes)

    def _decoded(self, name: str, decode: Callable[[str], Any]) -> list[Any]:
        decoded = []
        for line, cell in zip(self.lines, self.cells[name]):
            try:
                decoded.append(decode(cell))
            except ValueError as error:
                place = f"{self.path}, line {line}, column {name!r}"
                raise ValueError(f"{place}: {error}") from None
        return decoded

    def _check_size(self, width: int, where: str) -> None:
        if len(self.lines) * width > MOST_CELLS:
            raise ValueError(
                f"{self.path} is too large: {len(self.lines):,} rows of {width:,} cells {where}, "
                f"and {MOST_CELLS:,} cells are the most; leave out rows or columns"
            )

    def _check_known(self, name: str) -> None:
        if name not in self.cells:
            from difflib import get_close_matches  # only for a mistake: imports should be quick

            near = get_close_matches(name, self.cells, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {_some(self.cells)}"
            raise ValueError(f"{self.path} has no column {name!r}: {hint}")


def _some(names: Collection[str]) -> str:
    """The names, or the first of them and how many more there are."""
    more = f", ... and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"{name:.60}" for name in islice(names, SHOWN)) + more


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each line that is not blank, the header first."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a directory open says what it is
        raise ValueError(f"{path} is a pipe or a device: save it as a file first")
    with open(path, encoding="utf-8-sig", newline="") as file:  # -sig: Excel writes a BOM
        reader = csv.reader(file, strict=True, skipinitialspace=True)
        try:
            for cells in reader:
                if any(cells) or len(cells) > 1:
                    yield reader.line_num, [cell.strip() for cell in cells]
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from None


def _check_header(path: str | os.PathLike[str], header: list[str]) -> None:
    if any("\0" in name for name in header):  # UTF-16 without its mark
        raise ValueError(f"{path} is not UTF-8 text: save it as CSV in UTF-8")
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise ValueError(f"{path} seems to be separated by {name}: save it with commas")
    for name, count in Counter(header).items():
        if count > 1:
            raise ValueError(f"{path} has {count} columns named {name!r}: names must differ")


def _values(cells: Sequence[str], text: bool) -> list[str] | None:
    """The sorted values of a text column; None for one of numbers.

    The majority decides: one typo must not turn a column of numbers into text.
    """
    numbers = sum(_float(cell) is not None for cell in cells)
    return sorted(set(cells)) if text or 2 * numbers <= len(cells) else None


def _text(cell: str) -> str:
    """The cell, if it holds anything; if not, the error says what to do."""
    if cell in ("", "?", "NA") or cell.lower() == "nan":
        raise ValueError("the value is missing: fill it in, or leave out the row")
    return cell


def _number(cell: str) -> float:
    x = _float(_text(cell))  # nan is a missing value rather than a number
    if x is None:
        raise ValueError(f"expected a number, got {cell!r:.60}")
    if not math.isfinite(x):
        raise ValueError(f"{cell} is not finite")
    return x


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
