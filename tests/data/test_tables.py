"""From a CSV file to numbers, and every file that is none."""

import re

import pytest

from micrograd_like.data import Table, feature_names, load_columns, load_csv


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
}


@pytest.mark.parametrize(("text", "table"), TABLES.values(), ids=TABLES)
def test_a_csv_becomes_a_table(csv_file, text, table):
    assert load_csv(csv_file(text), "t") == table


MISSING = "the value is missing: fill it in, or leave out the row"

BAD_FILES = {
    "empty cell": ("a,t\n1,2\n,3\n", f"d.csv, line 3, column 'a': {MISSING}"),
    "question mark": ("a,t\n1,2\n?,3\n", f"d.csv, line 3, column 'a': {MISSING}"),
    "NA": ("a,t\n1,NA\n", f"d.csv, line 2, column 't': {MISSING}"),
    "nan": ("a,t\n\n1,2\nNaN,3\n", f"d.csv, line 4, column 'a': {MISSING}"),
    "a word among numbers": (
        "a,t\n1,2\n5.1x,3\n3,4\n",
        "d.csv, line 3, column 'a': expected a number, got '5.1x'",
    ),
    "missing text": ("a,t\nx,2\n?,3\n", f"d.csv, line 3, column 'a': {MISSING}"),
    "inf": ("a,t\n1,2\n-inf,3\n", "d.csv, line 3, column 'a': -inf is not finite"),
    "1e999": ("a,t\n1e999,3\n", "d.csv, line 2, column 'a': 1e999 is not finite"),
    "short row": ("a,t\n1,2\n3\n", "d.csv, line 3: expected 2 cells, got 1"),
    "long row": ("a,t\n1,2,3\n", "d.csv, line 2: expected 2 cells, got 3"),
    "no target": ("a,b\n1,2\n", "d.csv has no column 't': choose from a, b"),
    "only the target": ("t\n1\n", "d.csv has no column besides the target 't'"),
    "a name twice": ("a,a,t\n1,2,3\n", "d.csv has 2 columns named 'a': names must differ"),
    "a misspelt target": ("a,tt\n1,2\n", "d.csv has no column 't': did you mean 'tt'?"),
    "semicolons": ("a;t\n1;2\n", "d.csv seems to be separated by semicolons: save it with commas"),
    "tabs": ("a\tt\n1\t2\n", "d.csv seems to be separated by tabs: save it with commas"),
    "only a header": ("a,t\n", "d.csv has a header but no rows"),
    "nothing": ("", "d.csv is empty: it needs a header and rows"),
    "open quote": ('a,t\n1,"2\n', "d.csv, line 2: unexpected end of data"),
    "not text": (b"a,t\n\xff,1\n", "d.csv is not UTF-8 text: save it as CSV in UTF-8"),
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
    "missing value": ("kg,coat\n1,\n", f"d.csv, line 2, column 'coat': {MISSING}"),
}


@pytest.mark.parametrize(("content", "message"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_columns_that_do_not_fit_are_one_clear_sentence(csv_file, content, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_columns(csv_file(content), COLUMNS)
