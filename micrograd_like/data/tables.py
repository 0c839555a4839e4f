"""A CSV file becomes numbers. It is read once, whatever is asked of it afterwards.

    file -> Sheet: texts by column -> which columns, with which values -> rows of numbers

Until the last step time and memory grow with the file alone: a row has one number for each text.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from ..checks import choice
from .cells import (
    SEPARATORS,
    SIGNS,
    as_float,
    cells,
    is_missing,
    looks_like_a_number,
    name_of,
    opened,
)

__all__ = [
    "Columns", "Sheet", "Table", "check_categories", "feature_names", "fill_missing",
    "load_columns", "load_csv",
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
    numbers: Iterable[str] = (),
    **how: Any,
) -> Table:
    """Reads a file of separated values with a header.

    A column in which most cells are numbers becomes floats, and then all must be. Any other is
    text: as the target it becomes class indices, as a feature one number for each value, 1 for the
    value of the row and 0 for the others.

    Args:
        path: the file; blank lines are skipped, spaces around a cell and columns without a name
            too.
        target: the column to predict.
        categories: columns to read as text although they hold numbers.
        ignore: columns to leave out.
        numbers: columns to read as numbers whatever most of their cells are.
        how: the settings of Sheet: sep and decimal, which are found if they are not given, missing
            ("error", "drop" or "mean") and encoding.

    Raises:
        ValueError: missing values ("", "?", "NA", "nan"), all named; an infinite one or a word
            among numbers, with its line and column; a line of another length; an unknown column; no
            rows; a text feature of more than 100 values; more than 50 million cells.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "pets.csv")
        >>> _ = path.write_text("weight;coat;pet\\n4,5;long;cat\\n9;short;dog\\n")
        >>> load_csv(path, "pet")         # doctest: +NORMALIZE_WHITESPACE
        Table(X=[[4.5, 1.0, 0.0], [9.0, 0.0, 1.0]], y=[0, 1],
              columns={'weight': None, 'coat': ['long', 'short']}, classes=['cat', 'dog'])
    """
    sheet = Sheet(path, **how)
    columns = sheet.choose(target, categories, ignore, numbers)
    check_categories(columns, target, "ignore=[{!r}]")
    table = sheet.table(columns)
    return table._replace(X=fill_missing(table.X))


def load_columns(path: str | os.PathLike[str], columns: Columns, **how: Any) -> list[list[float]]:
    """Reads the columns of an earlier Table from another file: the X that the same model takes.

    They may be in another order; other columns are not looked at. The settings are those of Sheet.

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
    sheet = Sheet(path, **how)
    sheet.settle(columns)
    return fill_missing(sheet.rows(columns))


def fill_missing(X: list[list[float]], means: Sequence[float] | None = None) -> list[list[float]]:
    """X with a mean in the place of each nan, by default that of its column's other numbers.

    Of a text column that is how often each value occurs; where a column has no number at all it
    is 0.

    Example:
        >>> fill_missing([[1.0, math.nan], [3.0, 5.0]])
        [[1.0, 5.0], [3.0, 5.0]]
        >>> fill_missing([[math.nan, 2.0]], means=[7.0, 8.0])
        [[7.0, 2.0]]
    """
    if not any(math.isnan(x) for row in X for x in row):
        return X
    if means is None:
        there = [[x for x in column if not math.isnan(x)] for column in zip(*X)]
        means = [math.fsum(column) / len(column) if column else 0.0 for column in there]
    return [[mean if math.isnan(x) else x for x, mean in zip(row, means)] for row in X]


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

    Args:
        source: a path, or a file that is open for bytes, such as sys.stdin.buffer.
        sep: what is between the cells: one of , ; | : or a tab; by default what the header and
            most of the rows have.
        decimal: "." or ",", the sign between whole and decimal digits; by default "," where cells
            such as 5,1 are numbers and sep is none.
        missing: what to do where a value is missing: "error", "drop" its row, or "mean", for which
            rows gives nan (see fill_missing); a row without its target is dropped then, too.
        encoding: of the text.
        setting: how a message writes a setting and its value.

    Raises:
        ValueError: what is no table, with its line.

    Attributes:
        lines: of each row the number of its line in the file.
        numbers: of each row its number in the file, from 1.
        cells: of each column its texts.
        unnamed: how many columns have no name; they are left out.
        dropped, gaps: rows that are left out, cells that rows gives as nan: see settle.
    """

    def __init__(
        self, source: Any, sep: str | None = None, decimal: str | None = None,
        missing: str = "error", encoding: str = "utf-8", setting: str = "{}={!r}",
    ) -> None:  # fmt: skip
        choice(None, *SEPARATORS)("sep", sep)
        choice(None, *SIGNS)("decimal", decimal)
        self.missing = choice("error", "drop", "mean")("missing", missing)
        self.name, self.setting, self._given = name_of(source), setting.format, decimal
        self.decimal, self.dropped, self.gaps = decimal or ".", 0, 0
        with opened(source, encoding, self.setting("encoding", "cp1252")) as lines:
            self.sep, rows = cells(lines, sep, self.name)
            header, columns = self._read(rows)
        self.numbers = list(range(1, len(self.lines) + 1))
        self.cells = {name: texts for name, texts in zip(header, columns) if name}
        self.unnamed = sum(any(texts) for name, texts in zip(header, columns) if not name)

    def _read(self, rows: Any) -> tuple[list[str], list[list[str]]]:
        """The header and the texts below each of its names."""
        _, header = next(rows, (0, []))
        if not any(header):
            raise ValueError(f"{self.name} is empty: it needs a header and rows")
        self._check_header(header)
        self.lines: list[int] = []
        columns: list[list[str]] = [[] for _ in header]
        for line, row in rows:
            if len(row) != len(header):
                raise ValueError(
                    f"{self.name}, line {line}: expected {len(header)} cells, got {len(row)}"
                )
            self.lines.append(line)
            self._check_size(len(header), f"at line {line}")
            for column, cell in zip(columns, row):
                column.append(cell)
        if not self.lines:
            raise ValueError(f"{self.name} has a header but no rows")
        return header, columns

    def choose(
        self, target: str, categories: Iterable[str], ignore: Iterable[str],
        numbers: Iterable[str] = (),
    ) -> Columns:  # fmt: skip
        """The columns to use, each with its values; the target is the last."""
        categories, ignore, numbers = list(categories), list(ignore), list(numbers)
        for name in (target, *categories, *ignore, *numbers):
            self._check_known(name)
        if target in ignore:
            raise ValueError(f"the target {target!r} cannot be ignored")
        if both := set(categories) & set(numbers):
            raise ValueError(f"the column {min(both)!r} cannot be both a category and a number")
        features = [name for name in self.cells if name not in (target, *ignore)]
        if not features:
            raise ValueError(f"{self.name} has no column besides the target {target!r}")
        self.settle([*features, target], target)
        for name in features:
            if all(map(is_missing, self.cells[name])):
                raise ValueError(f"the column {name!r} of {self.name} has no values: ignore it")
        chosen: Columns = {}
        for name in (*features, target):
            is_text = name in categories or not (name in numbers or self.is_numeric(name))
            chosen[name] = self.values(name) if is_text else None
        return chosen

    def settle(self, names: Iterable[str], target: str | None = None) -> None:
        """Finds the decimal sign of these columns, and does what is said about missing values.

        Raises:
            ValueError: missing values, with their places, if they are an error; no row is left.
        """
        names = list(names)
        self._check_there(names)
        self.find_decimal(names)
        gaps = {
            name: {i for i, c in enumerate(self.cells[name]) if is_missing(c)} for name in names
        }
        count = sum(map(len, gaps.values()))
        if count and self.missing == "error":
            raise ValueError(self._missing(gaps, count))
        leave = gaps.get(target or "", set())
        if self.missing == "drop":
            leave = set().union(*gaps.values())
        if len(leave) == len(self.lines):
            what = f"no {target!r}" if self.missing == "mean" else "a missing value"
            raise ValueError(f"every row of {self.name} has {what}")
        self.dropped, self.gaps = len(leave), sum(len(gap - leave) for gap in gaps.values())
        if leave:
            stay = [i for i in range(len(self.lines)) if i not in leave]
            self.lines, self.numbers = ([x[i] for i in stay] for x in (self.lines, self.numbers))
            self.cells = {name: [x[i] for i in stay] for name, x in self.cells.items()}

    def find_decimal(self, names: Iterable[str]) -> None:
        """Takes the decimal sign from the cells of these columns, unless it was given."""
        if self._given is None and self.sep != ",":
            texts = (cell for name in names for cell in self.cells[name] if "," in cell)
            self.decimal = "," if any(as_float(cell, ",") is not None for cell in texts) else "."

    def _missing(self, gaps: dict[str, set[int]], count: int) -> str:
        """The sentence that names the places, up to so many."""
        places, left = [], count
        each = max(1, SHOWN // sum(map(bool, gaps.values())))  # lines of a column
        for name, rows in islice(((name, rows) for name, rows in gaps.items() if rows), SHOWN):
            some = sorted(rows)[:each]
            left -= len(some)
            lines = ", ".join(str(self.lines[i]) for i in some)
            places.append(f"column {name!r:.60} line{'s' * (len(some) > 1)} {lines}")
        one, more = count == 1, f"; and {left:,} more" if left else ""
        has = "a missing value" if one else f"{count:,} missing values"
        it, its = ("it", "its row") if one else ("them", "their rows")
        drop, mean = self.setting("missing", "drop"), self.setting("missing", "mean")
        return (
            f"{self.name} has {has} ({'; '.join(places)}{more}): fill {it} in, or give {drop} to "
            f"leave {its} out, or {mean}"
        )

    def values(self, name: str) -> list[str]:
        """The sorted values of a column, if it is taken as text; numbers in their own order."""
        texts = sorted({cell for cell in self.cells[name] if not is_missing(cell)})
        found = [as_float(text, self.decimal) for text in texts]
        order = {text: x for text, x in zip(texts, found) if x is not None}
        return sorted(texts, key=order.__getitem__) if len(order) == len(texts) else texts

    def codes(self, columns: Columns) -> list[list[Any]]:
        """For each of the columns its floats, or for each row the index of its value.

        A missing one is nan.
        """
        self._check_there(columns)
        codes: list[list[Any]] = []
        unknown: dict[str, None] = {}
        for name, values in columns.items():
            if values is None:
                codes.append(self._numbers(name))
                continue
            index: dict[str, Any] = {value: k for k, value in enumerate(values)}
            index |= {cell: math.nan for cell in set(self.cells[name]) if is_missing(cell)}
            unknown |= {f"{name}={cell}": None for cell in self.cells[name] if cell not in index}
            codes.append(list(map(index.get, self.cells[name])))
        if unknown:
            news = _some(unknown)
            raise ValueError(f"{self.name} has values that were not there in training: {news}")
        return codes

    def rows(self, columns: Columns) -> list[list[float]]:
        """X: a column of numbers as it is, a text column as one 1 among 0s; all nan if missing."""
        width = sum(1 if values is None else len(values) for values in columns.values())
        self._check_size(width, "as numbers, with one for each text")
        features: list[list[float]] = []
        for codes, values in zip(self.codes(columns), columns.values()):
            if values is None:
                features.append(codes)
            else:
                features += [
                    [code if code != code else float(k == code) for code in codes]
                    for k in range(len(values))
                ]
        return [list(row) for row in zip(*features)]

    def table(self, columns: Columns) -> Table:
        """The rows of what was chosen, and their targets."""
        inputs = dict(columns)
        target, classes = inputs.popitem()
        X, [y] = self.rows(inputs), self.codes({target: classes})
        return Table(X, y, inputs, classes)

    def is_numeric(self, name: str) -> bool:
        """Whether a column is one of numbers.

        The majority decides: one typo must not turn a column of numbers into text.
        """
        there = [cell for cell in self.cells[name] if not is_missing(cell)]
        return 2 * sum(map(looks_like_a_number, there)) > len(there)

    def _numbers(self, name: str) -> list[float]:
        """A column of numbers, nan where one is missing."""
        numbers = []
        for line, cell in zip(self.lines, self.cells[name]):
            x = as_float(cell, self.decimal)
            if (x is None or not math.isfinite(x)) and is_missing(cell):
                x = math.nan
            elif x is None or not math.isfinite(x):
                place = f"{self.name}, line {line}, column {name!r:.60}"
                raise ValueError(f"{place}: {self._no_number(cell, x)}")
            numbers.append(x)
        return numbers

    def _no_number(self, cell: str, x: float | None) -> str:
        if x is not None:
            return f"{cell} is not finite"
        other = "," if self.decimal == "." else "."
        if as_float(cell, other) is not None:
            here = f"decimal {SIGNS[self.decimal]}"
            return f"expected a {here}, got {cell!r:.60}; or give {self.setting('decimal', other)}"
        thousands = " without marks of thousands" * looks_like_a_number(cell)
        return f"expected a number{thousands}, got {cell!r:.60}"

    def _check_header(self, header: list[str]) -> None:
        if any("\0" in name for name in header):  # UTF-16 without its mark
            raise UnicodeError
        for name, count in Counter(filter(None, header)).items():
            if count > 1:
                raise ValueError(
                    f"{self.name} has {count} columns named {name!r:.60}: names must differ"
                )

    def _check_there(self, names: Iterable[str]) -> None:
        if missing := [name for name in names if name not in self.cells]:
            lacks = f"lacks the column{'s' * (len(missing) > 1)} {_some(missing)}"
            raise ValueError(f"{self.name} {lacks}: it has {_some(self.cells)}")

    def _check_size(self, width: int, where: str) -> None:
        if len(self.lines) * width > MOST_CELLS:
            raise ValueError(
                f"{self.name} is too large: {len(self.lines):,} rows of {width:,} cells {where}, "
                f"and {MOST_CELLS:,} cells are the most; leave out rows or columns"
            )

    def _check_known(self, name: str) -> None:
        if name not in self.cells:
            from difflib import get_close_matches  # only for a mistake: imports should be quick

            near = get_close_matches(name, self.cells, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {_some(self.cells)}"
            raise ValueError(f"{self.name} has no column {name!r}: {hint}")


def _some(names: Collection[str]) -> str:
    """The names, or the first of them and how many more there are."""
    more = f", ... and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"{name:.60}" for name in islice(names, SHOWN)) + more
