"""From a CSV file to numbers, and every file that is none."""

import contextlib
import os
import re
import subprocess
import sys
import time
import tracemalloc

import pytest

from micrograd_like.data import Table, feature_names, load_columns, load_csv, tables


@pytest.fixture
def csv_file(tmp_path, monkeypatch):
    """Writes a file d.csv into the current folder, so that messages are known to the letter."""
    monkeypatch.chdir(tmp_path)

    def write(content):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "d.csv").write_bytes(data)
        return "d.csv"

    return write


# --- load_csv ---

TABLES = {
    "a text target": (
        "a,t\n1,no\n2,yes\n",
        Table([[1.0], [2.0]], [0, 1], {"a": None}, ["no", "yes"]),
    ),
    "a numeric target": (
        "t,a\n1.5,2\n-3e2,4\n",
        Table([[2.0], [4.0]], [1.5, -300.0], {"a": None}, None),
    ),
    "a text feature": (
        "c,t\nred,1\nblue,2\n",
        Table([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0], {"c": ["blue", "red"]}, None),
    ),
    "sorted classes": (
        "a,t\n1,z\n2,b\n3,z\n",
        Table([[1.0], [2.0], [3.0]], [1, 0, 1], {"a": None}, ["b", "z"]),
    ),
    "quotes, BOM, CRLF, spaces, blank lines": (
        '\ufeff"a, b", t\r\n\r\n 1 ,"x"\r\n\r\n',
        Table([[1.0]], [0], {"a, b": None}, ["x"]),
    ),
    "semicolons and decimal commas": (
        "a, in cm;b;t\n1,5;2;x,y\n-,5e1;3;z\n",
        Table([[1.5, 2.0], [-5.0, 3.0]], [0, 1], {"a, in cm": None, "b": None}, ["x,y", "z"]),
    ),
    "tabs": (
        "a\tc\tt\n1\tx, y\t2\n2\tx; y\t2.5\n",
        Table(
            [[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]], [2.0, 2.5], {"a": None, "c": ["x, y", "x; y"]}, None
        ),
    ),
    "commas with semicolons in some cells": (
        'a,c,t\n1,"x; y",2\n2,z; z,3\n3,z; z,4\n',
        Table(
            [[1.0, 1.0, 0.0], [2.0, 0.0, 1.0], [3.0, 0.0, 1.0]],
            [2.0, 3.0, 4.0],
            {"a": None, "c": ["x; y", "z; z"]},
            None,
        ),
    ),
    "columns without a name": (
        ",a,t,\n0,7,5,\n1,8,6,\n",
        Table([[7.0], [8.0]], [5.0, 6.0], {"a": None}, None),
    ),
    "one number among gaps is a column of numbers": (
        "a,t\n1,2\n",
        Table([[1.0]], [2.0], {"a": None}, None),
    ),
}


@pytest.mark.parametrize(("text", "table"), TABLES.values(), ids=TABLES)
def test_a_csv_becomes_a_table(csv_file, text, table):
    assert load_csv(csv_file(text), "t") == table


def missing(places, one=True):
    what, it, its = (
        ("a missing value", "it", "its row") if one else ("2 missing values", "them", "their rows")
    )
    return (
        f"d.csv has {what} ({places}): fill {it} in, or give missing='drop' to leave {its} out, or "
        "missing='mean'"
    )


NOT_TEXT = (
    "d.csv is not UTF-8 text: save it as CSV in UTF-8, or give its encoding, such as "
    "encoding='cp1252'"
)
BAD_FILES = {
    "empty cell": ("a,t\n1,2\n,3\n", missing("column 'a' line 3")),
    "question mark": ("a,t\n1,2\n?,3\n", missing("column 'a' line 3")),
    "NA": ("a,t\n1,NA\n", missing("column 't' line 2")),
    "nan": ("a,t\n\n1,2\nNaN,3\n", missing("column 'a' line 4")),
    "a word among numbers": (
        "a,t\n1,2\n5.1x,3\n3,4\n",
        "d.csv, line 3, column 'a': expected a number, got '5.1x'",
    ),
    "missing text": ("a,t\nx,2\n?,3\n", missing("column 'a' line 3")),
    "inf": ("a,t\n1,2\n-inf,3\n", "d.csv, line 3, column 'a': -inf is not finite"),
    "1e999": ("a,t\n1e999,3\n", "d.csv, line 2, column 'a': 1e999 is not finite"),
    "short row": ("a,t\n1,2\n3\n", "d.csv, line 3: expected 2 cells, got 1"),
    "long row": ("a,t\n1,2,3\n", "d.csv, line 2: expected 2 cells, got 3"),
    "no target": ("a,b\n1,2\n", "d.csv has no column 't': choose from a, b"),
    "only the target": ("t\n1\n", "d.csv has no column besides the target 't'"),
    "a name twice": ("a,a,t\n1,2,3\n", "d.csv has 2 columns named 'a': names must differ"),
    "a misspelt target": ("a,tt\n1,2\n", "d.csv has no column 't': did you mean 'tt'?"),
    "two gaps": (
        "a,b,t\n1,n/a,2\n,3,3\n",
        missing("column 'a' line 3; column 'b' line 2", one=False),
    ),
    "both decimal signs": (
        "a;t\n1,5;2\n1.5;3\n",
        "d.csv, line 3, column 'a': expected a decimal comma, got '1.5'; or give decimal='.'",
    ),
    "marks of thousands": (
        "a;t\n1.234,5;2\n6,5;3\n",
        "d.csv, line 2, column 'a': expected a number without marks of thousands, got '1.234,5'",
    ),
    "decimal commas among commas": (
        'a,t\n"1,5",2\n"2,5",3\n',
        "d.csv, line 2, column 'a': expected a decimal point, got '1,5'; or give decimal=','",
    ),
    "no names": (",\n1,2\n", "d.csv is empty: it needs a header and rows"),
    "only a header": ("a,t\n", "d.csv has a header but no rows"),
    "nothing": ("", "d.csv is empty: it needs a header and rows"),
    "open quote": ('a,t\n1,"2\n', "d.csv, line 2: unexpected end of data"),
    "not text": (b"a,t\n\xff,1\n", NOT_TEXT),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_csv_is_one_clear_sentence(csv_file, content, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_csv(csv_file(content), "t")


def test_numbers_may_be_read_as_categories_and_columns_ignored(csv_file):
    path = csv_file("id,zip,t\n7,20,1\n8,10,0\n9,20,0\n")
    table = load_csv(path, "t", categories=["zip", "t"], ignore=["id"])
    assert table == Table(
        [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [1, 0, 0], {"zip": ["10", "20"]}, ["0", "1"]
    )
    assert feature_names(table.columns) == ["zip=10", "zip=20"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": ["t"]}, "the target 't' cannot be ignored"),
        ({"ignore": ["a"]}, "d.csv has no column besides the target 't'"),
        ({"ignore": ["A"]}, "d.csv has no column 'A': choose from a, t"),
        ({"categories": ["x"]}, "d.csv has no column 'x': choose from a, t"),
    ],
)
def test_a_column_that_cannot_be_chosen_is_named(csv_file, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_csv(csv_file("a,t\n1,2\n"), "t", **options)


GAPS = "a,c,t\n1,x,1\n,y,2\n3,NA,3\n5,x,?\n6,x,4\n"


def test_gaps_drop_their_rows_or_are_filled_with_means(csv_file):
    path = csv_file(GAPS)
    assert load_csv(path, "t", missing="drop").X == [[1.0, 1.0], [6.0, 1.0]]
    table = load_csv(path, "t", missing="mean")
    assert table.y == [1.0, 2.0, 3.0, 4.0]
    third = 1 / 3  # of those that have a c
    assert table.X[1] == [pytest.approx(10 / 3), 0.0, 1.0]
    assert table.X[2] == [3.0, pytest.approx(2 * third), pytest.approx(third)]
    columns = {"a": None, "c": ["x", "y"]}
    assert load_columns(path, columns, missing="drop") == [[1, 1, 0], [5, 1, 0], [6, 1, 0]]
    sheet = tables.Sheet(path, missing="drop")
    sheet.settle(columns)
    assert (sheet.numbers, sheet.lines, sheet.dropped) == ([1, 4, 5], [2, 5, 6], 2)


def test_a_message_names_the_first_ten_of_many_gaps(csv_file):
    path = csv_file("a,b,t\n" + "?,1,1\n" * 7 + "1,?,1\n" * 43)
    places = "column 'a' lines 2, 3, 4, 5, 6; column 'b' lines 9, 10, 11, 12, 13; and 40 more"
    with pytest.raises(ValueError, match=rf"has 50 missing values \({places}\): "):
        load_csv(path, "t")


def test_no_row_may_be_left(csv_file):
    path = csv_file("a,b,t\n?,1,1\n2,?,3\n")
    with pytest.raises(ValueError, match=r"^every row of d.csv has a missing value$"):
        load_csv(path, "t", missing="drop")
    with pytest.raises(ValueError, match=r"^the column 'a' of d.csv has no values: ignore it$"):
        load_csv(csv_file("a,t\n?,1\n,2\n"), "t", missing="mean")


def test_what_is_found_by_itself_can_be_given(csv_file):
    path = csv_file("a;b,t\n1;5,2\n")
    assert load_csv(path, "t", sep=",").columns == {"a;b": ["1;5"]}
    assert load_csv(csv_file("a|t\n1,5|2\n"), "t", sep="|").X == [[1.5]]
    assert load_csv(csv_file("a;t\n1,500;2\n"), "t").X == [[1.5]]
    with pytest.raises(ValueError, match="expected a decimal point, got '1,500'"):
        load_csv(csv_file("a;t\n1,500;2\n"), "t", decimal=".")
    assert load_csv(csv_file('a,t\n"1,5","2,5"\n'), "t", decimal=",").X == [[1.5]]
    assert load_csv(csv_file("ä,t\n1,2\n".encode("cp1252")), "t", encoding="cp1252").X == [[1.0]]
    with pytest.raises(ValueError, match="unknown sep 'x'"):
        load_csv(path, "t", sep="x")
    with pytest.raises(ValueError, match="'a' cannot be both a category and a number"):
        load_csv(csv_file("a,t\n1,2\n"), "t", categories=["a"], numbers=["a"])
    assert load_csv(csv_file("a,t\n10,1\n9,2\n"), "t", ["a"]).columns == {"a": ["9", "10"]}


def test_half_numbers_are_a_text_column(csv_file):
    assert load_csv(csv_file("a,t\n1,2\nx,3\n"), "t").columns == {"a": ["1", "x"]}


# --- load_columns ---

COLUMNS = {"kg": None, "coat": ["long", "short"]}


def test_columns_are_found_by_name_in_any_order(csv_file):
    path = csv_file("coat,name,kg\nshort,?,12\nlong,Rex,3\n")
    assert load_columns(path, COLUMNS) == [[12.0, 0.0, 1.0], [3.0, 1.0, 0.0]]


BAD_COLUMNS = {
    "missing": ("a,b\n1,2\n", "d.csv lacks the columns kg, coat: it has a, b"),
    "unknown values": (
        "kg,coat\n1,bald\n2,long\n3,curly\n4,bald\n",
        "d.csv has values that were not there in training: coat=bald, coat=curly",
    ),
    "no number": ("kg,coat\nx,long\n", "d.csv, line 2, column 'kg': expected a number, got 'x'"),
    "missing value": ("kg,coat\n1,\n", missing("column 'coat' line 2")),
}


@pytest.mark.parametrize(("content", "message"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_columns_that_do_not_fit_are_one_clear_sentence(csv_file, content, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_columns(csv_file(content), COLUMNS)


# --- large files: memory and time grow with the file ---


def cost(path):
    """The seconds of processor time and the bytes that reading takes, or its refusal."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with contextlib.suppress(ValueError):  # too many texts
            load_csv(path, "t")
        return time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("values", [100, 10**9], ids=["a category", "all different"])
def test_four_times_the_rows_take_four_times_the_memory(csv_file, values):
    peaks = []
    for n in (1_000, 4_000):
        path = csv_file("c,t\n" + "".join(f"text {i % values},{i}\n" for i in range(n)))
        peaks.append(cost(path)[1])
    assert peaks[1] < 5 * peaks[0]


def test_twenty_thousand_different_texts_are_refused_quickly(csv_file):
    path = csv_file("c,t\n" + "".join(f"Ann {i},{i}\n" for i in range(20_000)))
    words = "the column 'c' has 20000 different texts, 'Ann 0' among them: that is no category; "
    with pytest.raises(ValueError, match=words + r"leave it out with ignore=\['c'\]"):
        load_csv(path, "t")
    seconds, peak = cost(path)
    assert seconds < 3.0  # measured: 0.1 without tracemalloc
    assert peak < 20e6
    assert len(load_csv(path, "c").classes) == 20_000  # as a target they take no square


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)
from micrograd_like.data import load_csv
table = load_csv("d.csv", "c0")
print(len(table.X), len(table.X[0]))
"""


@pytest.mark.parametrize(
    ("columns", "rows"),
    [(20_000, 10), pytest.param(200, 50_000, marks=pytest.mark.slow)],
    ids=["wide", "tall"],
)
def test_wide_and_tall_tables_are_read_in_little_memory(csv_file, columns, rows):
    header = ",".join(f"c{i}" for i in range(columns))
    csv_file(header + ("\n" + ",".join(["1.5"] * columns)) * rows)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, env=environment
    )
    assert (run.stdout, run.stderr) == (f"{rows} {columns - 1}\n", "")


def test_what_is_too_large_is_said_at_the_first_row_that_shows_it(csv_file, monkeypatch):
    monkeypatch.setattr(tables, "MOST_CELLS", 20)
    path = csv_file("a,t\n" + "1,2\n" * 10 + "1,2\n" + "broken\n")
    words = r"^d.csv is too large: 11 rows of 2 cells at line 12, and 20 cells are the most; leave "
    with pytest.raises(ValueError, match=words):
        load_csv(path, "t")
    path = csv_file("a,t\n" + "".join(f"x{i},2\n" for i in range(5)))
    with pytest.raises(ValueError, match="5 rows of 5 cells as numbers, with one for each text"):
        load_csv(path, "t")


def test_a_message_names_ten_of_many_columns(csv_file):
    path = csv_file(",".join(f"c{i}" for i in range(500)) + "\n" + ",".join(["1"] * 500) + "\n")
    with pytest.raises(ValueError, match=r"c8, c9, ... and 490 more$"):
        load_csv(path, "zzz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a pipe or a device: save it as a file first"):
        load_csv(tmp_path / "pipe", "t")


def test_rows_from_a_file_are_the_rows_as_lists(csv_file):
    rows = [[i / 7.0, -1e-300 * i, 10.0**i] for i in range(-20, 20)]
    text = "\n".join(",".join(map(repr, row)) for row in rows)
    table = load_csv(csv_file("a,b,t\n" + text), "t")
    assert (table.X, table.y) == ([row[:2] for row in rows], [row[2] for row in rows])
