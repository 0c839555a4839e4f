"""From a CSV file to a table, as train, predict and playground read it: one set of options."""

import argparse
import sys
from typing import Any

from ..data import Columns, Sheet, Table, check_categories, fill_missing
from ..data.cells import SEPARATORS
from .errors import CommandError, a_path, checked, explained
from .output import say_line

SHORT = {"tab": "\t", "\\t": "\t"}  # what a shell makes easy to type
FEW_NUMBERS = 10  # whole ones in a target: they may well stand for classes


def add_table_options(add: Any) -> None:
    """The file to learn from, its target, and what its columns are."""
    add(
        "data",
        metavar="DATA.csv",
        help="a CSV file with a header; - is standard input",
        type=a_path,
    )
    add("--target", metavar="COLUMN", help="the column to predict", required=True)
    text = "take these numbers as words, such as 0 and 1 for no and yes; may be given again"
    add("--category", metavar="COLUMN", help=text, action="append", default=[])
    text = "take these numbers as amounts, although they are few; may be given again"
    add("--number", metavar="COLUMN", help=text, action="append", default=[])
    text = "leave this column out, such as an id; may be given again"
    add("--ignore", metavar="COLUMN", help=text, action="append", default=[])
    add_reading_options(add)


def add_reading_options(add: Any) -> None:
    """How a file is written."""
    text = "what is between the cells: , ; | : or tab (default: found by itself)"
    sep = checked(lambda t: SHORT.get(t, t), SEPARATORS.__contains__, "one of , ; | : tab")
    add("--sep", metavar="CHAR", help=text, type=sep)
    text = "the decimal sign: . or , (default: found by itself)"
    add("--decimal", metavar="CHAR", help=text, choices=[".", ","])
    text = "what to do about missing values: error, drop the rows, mean of the column"
    how = ["error", "drop", "mean"]
    add("--missing", metavar="HOW", help=f"{text} (default: error)", choices=how, default="error")
    text = "of the text, such as cp1252 or utf-16 (default: utf-8)"
    encoding = checked(_text_encoding, bool, "the name of an encoding such as cp1252")
    add("--encoding", metavar="NAME", help=text, type=encoding, default="utf-8")


def _text_encoding(name: str) -> str:
    try:
        "".encode(name)
        b"".decode(name)
    except LookupError as error:
        raise ValueError from error
    return name


def read_sheet(options: argparse.Namespace) -> Sheet:
    """The file as text; - is standard input."""
    source = options.data
    if str(source) == "-":
        if sys.stdin is None:  # as after <&-
            raise CommandError("there is no standard input: give the name of a file")
        source = sys.stdin.buffer
    with explained(f"cannot read {options.data}"):
        return Sheet(
            source, options.sep, options.decimal, options.missing, options.encoding, "--{}={}"
        )


def read_columns(options: argparse.Namespace) -> tuple[Sheet, Columns]:
    """The file, and the columns that the options choose."""
    sheet, target = read_sheet(options), options.target
    with explained(f"cannot read {options.data}"):
        columns = sheet.choose(target, options.category, options.ignore, options.number)
        check_categories(columns, target, '--ignore "{}"')
        if columns[target] is None and target not in options.number:
            columns[target] = _classes(sheet, target)
    return sheet, columns


def _classes(sheet: Sheet, target: str) -> list[str] | None:
    """The values of a target of two whole numbers; None for other numbers, if that is plain."""
    [numbers] = sheet.codes({target: None})
    different = sorted(set(numbers))
    if len(different) > FEW_NUMBERS or not all(map(float.is_integer, different)):
        return None
    if len(different) == 2:
        return sheet.values(target)
    if len(different) == 1 or len(numbers) < 3 * len(different):
        return None
    raise CommandError(
        f"the target {target!r} has {len(different)} different numbers, {different[0]:g} to "
        f'{different[-1]:g}: say --category "{target}" if they are classes, or --number '
        f'"{target}" if they are amounts'
    )


def read_table(options: argparse.Namespace) -> Table:
    """The rows as numbers, with the mean of all in place of what is missing."""
    sheet, columns = read_columns(options)
    with explained(f"cannot read {options.data}"):
        table = sheet.table(columns)
    return table._replace(X=fill_missing(table.X))


def say_reading(sheet: Sheet) -> None:
    """What was found in the file, where it is not the usual."""
    if sheet.sep != "," or sheet.decimal != ".":
        commas = ", with decimal commas" * (sheet.decimal == ",")
        say_line("separated by", SEPARATORS[sheet.sep] + commas)
    for count, what in (
        (sheet.unnamed, "column{} without a name"),
        (
            sheet.dropped,
            "row{} with missing values" if sheet.missing == "drop" else "row{} without the target",
        ),
    ):
        if count:
            say_line("left out", f"{count} {what.format('s' * (count > 1))}")
    if sheet.gaps:
        say_line("missing", f"{sheet.gaps}, filled with the mean")
