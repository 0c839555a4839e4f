"""A CSV file as cells: its separator, what is missing in it, and what is a number."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", ":": "colons"}
FOUND = "\t;,"  # by itself, in this order: with one of the first two, a comma may be a decimal one
ENOUGH = 100  # lines to find it
SIGNS = {".": "point", ",": "comma"}  # between whole and decimal digits
GROUPED = re.compile(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?")  # with marks of thousands
MISSING = {"", "?", "NA", "N/A", "n/a", "#N/A", "null", "NULL"}


def name_of(source: Any) -> str:
    """What a message calls a path or an open file."""
    return "standard input" if hasattr(source, "read") else str(os.fspath(source))


@contextmanager
def opened(source: Any, encoding: str, wanted: str) -> Iterator[Iterable[str]]:
    """The lines of a path, or of a file that is open for bytes; wanted says how to name another."""
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding  # Excel's BOM
    shown = encoding.upper().removesuffix("-SIG")
    try:
        if hasattr(source, "read"):
            text = io.TextIOWrapper(source, encoding, newline="")
            try:
                yield text
            finally:
                text.detach()  # it is not ours to close
            return
        mode = os.stat(source).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a directory open says what it is
            raise ValueError(f"{source} is a pipe or a device: save it as a file first")
        with open(source, encoding=encoding, newline="") as file:
            yield file
    except UnicodeError:
        raise ValueError(
            f"{name_of(source)} is not {shown} text: save it as CSV in UTF-8, or give its "
            f"encoding, such as {wanted}"
        ) from None


def cells(
    lines: Iterable[str], sep: str | None, name: str
) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The separator; the line number and cells of each line that is not blank, the header first."""
    lines = iter(lines)
    first = list(islice(lines, ENOUGH))
    sep = sep or separator(first)
    return sep, _rows(chain(first, lines), sep, name)


def _rows(lines: Iterable[str], sep: str, name: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True, skipinitialspace=True, delimiter=sep)
    try:
        for row in reader:
            if any(row) or len(row) > 1:
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None


def separator(lines: list[str]) -> str:
    """What separates most of the lines into as many cells as the header has.

    >>> separator(["length, cm;species", "5,1;setosa"])
    ';'
    """
    widths = {}
    for sep in FOUND:
        reader, found = csv.reader(lines, skipinitialspace=True, delimiter=sep), []
        with suppress(csv.Error):
            found += [len(row) for row in reader if any(row) or len(row) > 1]
        widths[sep] = found[0] if found else 1
        if widths[sep] > 1 and 2 * found.count(widths[sep]) > len(found):
            return sep
    return max(reversed(FOUND), key=widths.__getitem__)


def is_missing(cell: str) -> bool:
    """Whether the cell says that there is no value."""
    return cell in MISSING or cell.lower() == "nan"


def looks_like_a_number(cell: str) -> bool:
    """Whether it is meant as one: with any decimal sign, or marks of thousands.

    >>> [looks_like_a_number(cell) for cell in ("5.1", "5,1", "1.234,5", "5.1x", "1.2.2024")]
    [True, True, True, False, False]
    """
    return any(as_float(cell, sign) is not None for sign in SIGNS) or bool(GROUPED.fullmatch(cell))


def as_float(cell: str, decimal: str) -> float | None:
    """The number, or None if it is none with this decimal sign."""
    if decimal == ",":
        if "." in cell:
            return None
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return None
