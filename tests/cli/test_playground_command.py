"""The command playground as a user runs it."""

import json
import re

import pytest
from helpers.commands import write_csv, write_iris


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text("utf-8"))[1])


def test_a_table_becomes_a_page(run, tmp_path):
    write_iris(tmp_path / "iris.csv")
    code, out, err = run("playground", "iris.csv", "--target", "species", "--hidden", "4")
    assert (code, err) == (0, "")
    assert "4-4-3, tanh" in out
    data = data_of(tmp_path / "playground.html")
    assert (data["kind"], data["inputs"], data["optimizer"]) == ("scores", 4, "Adam")
    assert data["labels"] == ["setosa", "versicolor", "virginica"]
    assert len(data["names"]) == 4


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (["a,b,t", "1,2,no", "2,1,yes", "3,1,yes"], "sign"),
        (["a,b,t", "1,2,0.5", "2,1,0.1", "3,1,7"], "number"),
        (["a,t", "1,0.5", "2,0.1", "3,7"], "number"),
    ],
)
def test_the_target_tells_the_loss(run, tmp_path, rows, kind):
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    code, _, err = run("playground", "t.csv", "--target", "t", "--out", "p.html")
    assert (code, err) == (0, "")
    assert data_of(tmp_path / "p.html")["kind"] == kind


def test_a_column_without_a_name_gets_one(run, tmp_path):
    (tmp_path / "t.csv").write_text(",a,t\n0,10,0\n1,20,3\n2,60,1\n")
    assert run("playground", "t.csv", "--target", "t", "--out", "p.html")[0] == 0
    assert data_of(tmp_path / "p.html")["names"] == ["x0", "a"]


def test_numbers_are_scaled_and_may_be_classes_and_both_is_said(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,t\n10,0\n20,1\n60,1\n")
    code, out, _ = run("playground", "t.csv", "--target", "t", "--out", "p.html")
    assert code == 0
    assert "scaled to mean 0 and variance 1" in out
    assert '--category "t"' in out
    assert data_of(tmp_path / "p.html")["labels"] == ["0", "1"]
    assert data_of(tmp_path / "p.html")["title"] == "t of t.csv, scaled"
    out = run("playground", "t.csv", "--target", "t", "--category", "t", "--out", "p.html")[1]
    assert "--category" not in out
    assert data_of(tmp_path / "p.html")["labels"] == ["0", "1"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["no.csv", "--target", "t"], "cannot read no.csv"),
        (["t.csv", "--target", "no"], "no column 'no'"),
        (["t.csv", "--target", "t", "--out", "p.png"], "ends in .html"),
        (["t.csv", "--target", "t", "--out", "no/p.html"], "there is no directory no"),
        (["t.csv", "--target", "t", "--out", "t.csv"], "would overwrite"),
        (["t.csv", "--target", "t", "--hidden", "90,90"], "smaller --hidden"),
        (["long.csv", "--target", "t"], "a page holds 5,000"),
        (["same.csv", "--target", "t"], "nothing to learn"),
        (["many.csv", "--target", "t"], "has 9 classes, a page shows at most 8"),
        (["hole.csv", "--target", "t"], "line 2, column 'a': the value is missing"),
        (["lone.csv", "--target", "t"], "no column besides the target"),
    ],
)
def test_every_mistake_is_one_sentence(run, tmp_path, words, says):
    write_csv(tmp_path / "t.csv", ["a", "t"], [[1, 2], [2, 1]])
    write_csv(tmp_path / "long.csv", ["a", "t"], [[i, i] for i in range(5001)])
    write_csv(tmp_path / "same.csv", ["a", "t"], [[1, 2], [2, 2]])
    write_csv(tmp_path / "many.csv", ["a", "t"], [[i, f"class {i}"] for i in range(9)])
    write_csv(tmp_path / "hole.csv", ["a", "t"], [["", 1], [2, 2]])
    write_csv(tmp_path / "lone.csv", ["t"], [[1], [2]])
    code, out, err = run("playground", *words)
    assert (code, out) == (1, "")
    assert says in err
    assert err.count("\n") == 1
