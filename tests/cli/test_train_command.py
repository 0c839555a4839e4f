"""The command train as a user runs it, with every mistake that we could think of."""

import os
import re
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from helpers.commands import (
    ROOT,
    assert_one_sentence,
    command,
    hide,
    numbers,
    write_csv,
    write_iris,
    write_small,
)
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from micrograd_like.cli import train as training
from micrograd_like.data import train_test_split
from micrograd_like.playground.record import MOST_CLASSES
from micrograd_like.serialize import load, load_state

README = (ROOT / "README.md").read_text("utf-8")

# --- what works ---


def test_train_says_what_it_found(iris):
    out = iris[1].stdout
    assert re.search(r"rows +150, of which 30 are held out\n", out)
    assert re.search(r"inputs +4 \(sepal length, ", out)
    assert re.search(r"target +species: 3 \(setosa, versicolor, virginica\)\n", out)
    assert re.search(r"network +4-8-8-3, tanh, 139 parameters\n", out)


def test_train_learns_the_flowers_and_says_how_well(iris):
    trained_on, held_out = numbers(r"accuracy +(\S+)% +(\S+)%\n", iris[1].stdout)
    assert trained_on >= 96.0
    assert held_out >= 93.0  # of 30
    losses = numbers(r"cross entropy +(\S+) +(\S+)\n", iris[1].stdout)
    assert all(0.0 < loss < 0.3 for loss in losses)


def test_train_shows_its_progress_and_saves_the_curves(iris):
    assert re.search(r"40/40 in .*loss 0\.\d+, held out 0\.\d+", iris[1].stderr)
    assert (iris[0] / "curves.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_scale_is_that_of_the_rows_that_are_trained_on(iris):
    X, y = load_iris(return_X_y=True)
    rows, _, _, _ = train_test_split(X.tolist(), y.tolist(), test_size=0.2, stratify=True)
    scaler = StandardScaler().fit(rows)
    mean, scale = load_state(iris[0] / "model.json")["inputs"]
    assert np.allclose(mean, scaler.mean_, rtol=1e-12)
    assert np.allclose(scale, scaler.scale_, rtol=1e-12)


def test_the_same_seed_gives_the_same_file_and_another_one_does_not(run):
    write_small()
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        words = ["d.csv", "--target", "answer", "--epochs", 3, "--seed", seed]
        assert run("train", *words, "--save", f"{name}.json")[0] == 0
    a, b, c = (load(f"{name}.json").state_dict() for name in "abc")
    assert a == b
    assert a != c


def test_a_category_becomes_one_input_for_each_value(run):
    write_small()
    code, out, _ = run("train", "d.csv", "--target", "answer", "--epochs", 1, "--hidden", "4")
    assert code == 0
    assert re.search(r"inputs +3 \(size, colour=blue, colour=red\)\n", out)
    assert "network                           3-4-2, tanh, 26 parameters" in out
    assert "not kept: save it with --save model.json" in out


@pytest.mark.parametrize("pair", [(0, 1), (-1, 1), (1, 2), ("0.0", "1.0")])
def test_a_target_of_two_whole_numbers_is_classes_unless_it_is_said_to_be_a_number(run, pair):
    write_csv("d.csv", ["id", "x", "$y"], [[i, i % 7, pair[i % 7 > 3]] for i in range(30)])
    words = ["train", "d.csv", "--target", "$y", "--ignore", "id", "--epochs", 2]
    code, out, _ = run(*words, "--save", "m.json")
    assert code == 0
    assert f"$y: 2 ({pair[0]}, {pair[1]})\n" in out
    assert re.search(r'if these are amounts, add +--number "\$y"\n', out)
    assert re.search(r"network +1-16-2,", out)
    assert "accuracy" in run("predict", "m.json", "d.csv")[1]
    _, out, _ = run(*words, "--category", "$y")
    assert ("accuracy" in out, "amounts" in out) == (True, False)
    _, out, _ = run(*words, "--number", "$y")
    assert ("r2" in out, "amounts" in out) == (True, False)


TARGETS = {  # the numbers, how often, and whether they may be either classes or amounts
    "three species": ([0, 1, 2], 10, True),
    "stars": ([1, 2, 3, 4, 5], 6, True),
    "ten digits": (range(10), 3, True),
    "eleven numbers": (range(11), 3, False),
    "halves": ([0.5, 1, 1.5], 10, False),
    "hardly any twice": (range(10), 2, False),
}


@pytest.mark.parametrize("command", ["train", "playground"])
@pytest.mark.parametrize(("numbers", "times", "asked"), TARGETS.values(), ids=TARGETS)
def test_numbers_that_may_be_classes_are_asked_about(run, command, numbers, times, asked):
    write_csv("d.csv", ["x", "y"], [[i, y] for i, y in enumerate(list(numbers) * times)])
    fast = ["--epochs", 1] if command == "train" else []
    code, _, err = run(command, "d.csv", "--target", "y", *fast)
    assert (code, bool(err)) == (int(asked), asked)
    if asked:
        assert err == (
            f"micrograd_like: the target 'y' has {len(numbers)} different numbers, {min(numbers)} "
            f'to {max(numbers)}: say --category "y" if they are classes, or --number "y" if they '
            "are amounts\n"
        )
    for meant in ("--category", "--number") if asked else ():
        shown = command == "train" or meant == "--number" or len(numbers) <= MOST_CLASSES
        assert run(command, "d.csv", "--target", "y", *fast, meant, "y")[0] == int(not shown)


def test_simpler_answers_stand_beside_the_networks(run, iris):
    out = iris[1].stdout
    shares = numbers(r"of always saying virginica +(\S+)% +(\S+)%\n", out)
    assert shares == [33.3, 33.3]
    assert min(numbers(r"of a linear model +(\S+)% +(\S+)%\n", out)) > 80.0
    write_csv("d.csv", ["x", "y"], [[i, 3 * i - 7 + i % 2] for i in range(40)])
    words = ["train", "d.csv", "--target", "y", "--epochs", 30]
    code, out, _ = run(*words)
    r2, linear = re.findall(r"(?:r2, at best 1|of a linear model) +\S+ +(\S+)\n", out)[:2]
    code, alone, _ = run(*words, "--hidden", 0)
    assert (code, "network                           1-1, tanh, 2 par" in alone) == (0, True)
    assert "of a linear model" not in alone
    assert re.search(r"r2, at best 1 +\S+ +(\S+)\n", alone)[1] == linear != r2
    best = numbers(r"always saying the mean +(\S+) +\S+\n", out)[0]
    assert best == pytest.approx(30.0, rel=0.1)  # of 40 numbers 3 apart the mean error


def test_a_linear_model_that_does_as_well_is_recommended(run):
    write_csv("d.csv", ["x", "y"], [[i, (i * 37) % 41] for i in range(40)])  # noise
    words = ["train", "d.csv", "--target", "y", "--lr", 0.05, "--hidden", "30", "--epochs", 3]
    for seed in range(2):
        _, out, _ = run(*words, "--seed", seed)
        loss = numbers(r"target scaled +\S+ +(\S+)\n", out)[0]
        linear = numbers(
            r"target scaled +\S+ +(\S+)\n", run(*words, "--seed", seed, "--hidden", 0)[1]
        )[0]
        assert ("train it with --hidden 0" in out) == (linear <= loss)


def test_the_best_epoch_is_kept_and_said_without_being_asked_for(run):
    write_csv("d.csv", ["x", "y"], [[i, (i * 37) % 41] for i in range(40)])  # noise
    words = ["train", "d.csv", "--target", "y", "--lr", 0.05, "--hidden", "30"]
    _, out, _ = run(*words, "--epochs", 60, "--save", "all.json")
    loss, best, of = numbers(r"kept: best held-out loss +(\S+), epoch (\d+) of (\d+)\n", out)
    assert best < of == 60
    assert "not converged" not in out
    assert loss == pytest.approx(numbers(r"target scaled +\S+ +(\S+)\n", out)[0], rel=1e-3)
    _, out, _ = run(*words, "--epochs", int(best), "--save", "best.json")
    assert "not converged" in out
    assert load("all.json").state_dict() == load("best.json").state_dict()


def test_training_stops_when_the_held_out_loss_gets_worse_and_keeps_the_best(run):
    write_csv("d.csv", ["x", "y"], [[i, (i * 37) % 41] for i in range(40)])  # noise
    words = ["train", "d.csv", "--target", "y", "--lr", 0.05, "--hidden", "30"]
    code, out, _ = run(*words, "--patience", 3, "--epochs", 200, "--save", "stopped.json")
    assert code == 0
    after, best = numbers(r"after (\d+) epochs; epoch (\d+) was best and is kept\n", out)
    assert after == best + 4 < 200
    run(*words, "--epochs", int(best), "--save", "best.json")
    stopped, best = [load(f"{name}.json").state_dict() for name in ("stopped", "best")]
    assert stopped == pytest.approx(best, rel=1e-9)  # one of them may be compiled, one in Python


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--activation", "relu"),
        ("--batch-size", 7),
        ("--epochs", 2),
        ("--hidden", "3,2"),
        ("--l2", 0.01),
        ("--lr", 0.02),
        ("--optimizer", "sgd"),
        ("--seed", 1),
        ("--test-size", 0.5),
    ],
)
def test_every_option_changes_the_network(run, option, value):
    write_small()
    words = ["train", "d.csv", "--target", "answer", "--epochs", 1, "--hidden", "4"]
    assert run(*words, "--save", "a.json")[0] == 0
    assert run(*words, option, value, "--save", "b.json")[0] == 0
    assert load("a.json").state_dict() != load("b.json").state_dict()


def test_every_epoch_measures_only_what_is_drawn(run, monkeypatch):
    """Of 20,000 rows the accuracy of every epoch took ten times as long as the training."""
    write_small()
    fit, asked = training.fit, []
    monkeypatch.setattr(
        training, "fit", lambda *args, **how: asked.append(how["metrics"]) or fit(*args, **how)
    )
    words = ["d.csv", "--target", "answer", "--epochs", 1]
    assert run("train", *words)[0] == run("train", *words, "--plot", "c.png")[0] == 0
    assert asked == [(), [], (), ["accuracy"]]  # the linear model, the network


def test_the_lines_of_the_readme_run_where_its_files_are(tmp_path):
    """In demos/data, and from the top of the repository."""
    data = ROOT / "demos" / "data"
    lines = re.findall(r"^python -m micrograd_like (?:train|predict) .*", README, re.MULTILINE)
    assert [line.split()[3] for line in lines] == ["train", "predict"]
    for folder in (tmp_path, tmp_path / "demos" / "data"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("iris.csv", "new.csv"):
            (folder / name).write_bytes((data / name).read_bytes())
    for line in lines:
        ended = command(*line.split()[3:], cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
    answers = re.findall(r"^ +\d  +(\w+) ", ended.stdout, re.MULTILINE)
    assert answers == ["setosa", "versicolor", "virginica", "virginica", "setosa"]


def test_the_flowers_are_those_of_scikit_learn(tmp_path):
    write_iris(tmp_path / "iris.csv")
    ours = (ROOT / "demos" / "data" / "iris.csv").read_text().splitlines()
    assert ours == (tmp_path / "iris.csv").read_text().splitlines()


# --- files as they come ---

MESSY = {  # each is this table: what is different, what to add to the call, what is said of it
    "plain": (lambda text: text.encode(), [], ""),
    "European": (
        lambda text: text.replace(",", ";").replace(".", ",").encode(),
        [], r"separated by +semicolons, with decimal commas\n",
    ),
    "tabs": (lambda text: text.replace(",", "\t").encode(), [], r"separated by +tabs\n"),
    "Excel": (lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"), [], ""),
    "cp1252": (lambda text: text.encode("cp1252"), ["--encoding", "cp1252"], ""),
    "UTF-16": (lambda text: text.encode("utf-16"), ["--encoding", "utf-16"], ""),
    "quotes": (
        lambda text: "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.split()
        ).encode(), [], "",
    ),
    "spaces": (lambda text: text.replace(",", " , ").replace("\n", "  \n\n").encode(), [], ""),
    "bars": (lambda text: text.replace(",", "|").encode(), ["--sep", "|"], "separated by +bars"),
    "numbered by pandas": (
        lambda text: "\n".join(f"{i or ''},{x}" for i, x in enumerate(text.split())).encode(),
        [], r"left out +1 column without a name\n",
    ),
    "gaps": (
        lambda text: (text + "NA,1.5,kühl\n2.5,,warm\n").encode(),
        ["--missing", "drop"], r"left out +2 rows with missing values\n",
    ),
    "no target": (
        lambda text: (text + "1.5,1.5,\n").encode(),
        ["--missing", "mean"], r"left out +1 row without the target\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "words", "said"), MESSY.values(), ids=MESSY)
def test_a_table_gives_the_same_network_however_it_is_written(run, tmp_path, written, words, said):
    rows = [f"{i * 1.25},{i % 5 / 4},{'kühl' if i % 3 else 'warm'}" for i in range(30)]
    text = "\n".join(["Länge,Höhe,Gefühl", *rows]) + "\n"
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    (tmp_path / "messy.csv").write_bytes(written(text))
    train = ["--target", "Gefühl", "--epochs", 1, "--hidden", 2, "--save"]
    run("train", "d.csv", *train, "a.json")
    code, out, err = run("train", "messy.csv", *train, "b.json", *words)
    assert (code, err) == (0, "")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert re.search(said, out)
    assert ("separated" in out, "left out" in out) == ("separated" in said, "left out" in said)


def test_gaps_are_filled_with_the_mean_of_the_rows_that_are_trained_on(run):
    rows = [[i if i % 4 else "?", "red" if i % 3 else "", i % 7 / 2] for i in range(40)]
    write_csv("d.csv", ["size", "colour", "y"], rows)
    words = ["d.csv", "--target", "y", "--epochs", 1, "--save", "m.json", "--missing", "mean"]
    code, out, err = run("train", *words)
    assert (code, err) == (0, "")
    assert "missing                           24, filled with the mean\n" in out
    learnt, _, _, _ = train_test_split(rows, rows, 0.2, seed=0)
    sizes = [row[0] for row in learnt if row[0] != "?"]
    (mean, share), (scale, _) = load_state("m.json")["inputs"]
    assert mean == pytest.approx(sum(sizes) / len(sizes))
    filled = [row[0] if row[0] != "?" else mean for row in learnt]
    assert scale == pytest.approx(np.std(filled))
    assert share == 1.0  # of those that have a colour all are red


# --- mistakes in the data ---

ROWS = "".join(f"{i},{'no' if i % 2 else 'yes'}\n" for i in range(20))
NUMBERS = "".join(f"{i},{i * i}\n" for i in range(20))

# What load_csv refuses is in test_data.py; here is one of those, and what only train refuses.
BAD_DATA = {
    "no file": (None, "cannot read d.csv: No such file or directory"),
    "a typo in a number": (
        "a,t\n" + ROWS + "5.1x,no\n",
        "d.csv, line 22, column 'a': expected a number, got '5.1x'",
    ),
    "one class": (
        "a,t\n1,yes\n2,yes\n",
        "the target 't' is yes in every row to train on: there is nothing to learn; give the file "
        "rows with other answers",
    ),
    "one number in training": (
        "a,t\n" + "".join(f"{i},{i / 3 if i in (7, 8) else 0}\n" for i in range(10)),
        "the target 't' is 0 in every row to train on: there is nothing to learn; give the file "
        "rows with other answers",
    ),
    "one row": ("a,t\n1,yes\n", "a test_size of 0.2 leaves no row of 1 to train on"),
    "too few rows of a class": (
        "a,t\n1,no\n2,yes\n",
        "no row of class 'no' is left to train on: the file has 1 of it; give it more rows, or "
        "a smaller --test-size",
    ),
    "too few rows": (
        "a,t\n1,2\n3,4\n5,9\n",
        "1 of 3 rows is held out, and r2 needs 2: give the file more rows, or a larger --test-size",
    ),
    "all names": (
        "a,t\n" + "".join(f"Ann {i},{i}\n" for i in range(101)),
        "the column 'a' has 101 different texts, 'Ann 0' among them: that is no category; leave "
        'it out with --ignore "a"',
    ),
    "huge numbers": (
        "a,t\n" + "1e308,yes\n1.5e308,no\n" * 9,
        "d.csv has numbers too large to compute with",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_is_one_sentence_and_leaves_nothing_behind(run, tmp_path, content, message):
    if content is not None:
        (tmp_path / "d.csv").write_text(content)
    before = list(tmp_path.iterdir())
    result = run("train", "d.csv", "--target", "t", "--save", "m.json", "--plot", "c.png")
    assert result == (1, "", f"micrograd_like: {message}\n")
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("number", "the column 'name' has 5000 different texts, 'Ann 0' among them: that is no "),
        ("name", r"no row of class 'Ann \d+' is left to train on: the file has 1 of it; give it "),
    ],
)
def test_too_many_texts_are_refused_before_they_take_memory(run, target, message):
    write_csv("d.csv", ["name", "number"], [(f"Ann {i}", i) for i in range(5000)])
    tracemalloc.start()
    try:
        code, _, err = run("train", "d.csv", "--target", target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == 1
    assert re.match(f"micrograd_like: {message}", err)
    assert peak < 20e6  # a number for each row and text would be 200e6


# --- mistakes in the call ---

BAD_OPTIONS = {
    (
        "--hidden",
        "8,,8",
    ): "--hidden: expected widths of at least 1 such as 8,8, or 0 for a linear model, got '8,,8'",
    (
        "--hidden",
        "0,8",
    ): "--hidden: expected widths of at least 1 such as 8,8, or 0 for a linear model, got '0,8'",
    (
        "--hidden",
        "a",
    ): "--hidden: expected widths of at least 1 such as 8,8, or 0 for a linear model, got 'a'",
    ("--sep", "x"): "--sep: expected one of , ; | : tab, got 'x'",
    ("--decimal", ";"): "--decimal: invalid choice: ';' (choose from ",
    ("--missing", "median"): "--missing: invalid choice: 'median' (choose from ",
    (
        "--encoding",
        "rot13",
    ): "--encoding: expected the name of an encoding such as cp1252, got 'rot13'",
    ("--lr", "-0.1"): "--lr: expected a number above 0, got '-0.1'",
    ("--lr", "nan"): "--lr: expected a number above 0, got 'nan'",
    ("--l2", "-1"): "--l2: expected a number of at least 0, got '-1'",
    ("--epochs", "0"): "--epochs: expected a whole number of at least 1, got '0'",
    ("--batch-size", "1.5"): "--batch-size: expected a whole number of at least 1, got '1.5'",
    ("--patience", "x"): "--patience: expected a whole number of at least 1, got 'x'",
    ("--test-size", "1"): "--test-size: expected a number between 0 and 1, got '1'",
    ("--seed", "x"): "--seed: invalid int value: 'x'",
    ("--activation", "tan"): "--activation: invalid choice: 'tan' (choose from ",
    ("--plot", "c.doc"): "--plot: expected a name that ends in .png, .svg or .pdf, got 'c.doc'",
    ("--optimizer", "lion"): "--optimizer: invalid choice: 'lion' (choose from ",
}


@pytest.mark.parametrize(("words", "message"), BAD_OPTIONS.items(), ids=map("=".join, BAD_OPTIONS))
def test_a_bad_option_is_one_sentence_that_points_to_the_help(run, words, message):
    code, out, err = run("train", "d.csv", "--target", "t", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"python -m micrograd_like train: argument {message}")
    assert err.endswith(" (see python -m micrograd_like train --help)\n")
    assert err.count("\n") == 1


BAD_FILES = {
    "missing directory": (
        ["--save", "no/m.json"],
        "--save no/m.json: there is no directory no, make it",
    ),
    "missing directory for the picture": (
        ["--plot", "no/c.png"],
        "--plot no/c.png: there is no directory no, make it",
    ),
    "a directory": (["--save", "."], "--save . is a directory: give the name of a file"),
    "over the data": (
        ["--save", "./d.csv"],
        "--save would overwrite the file d.csv: choose another",
    ),
    "over each other": (
        ["--save", "c.png", "--plot", "c.png"],
        "--plot would overwrite what --save writes: choose another",
    ),
    "a minus": (["--save", "-"], "--save -: give the name of a file"),
    "both": (
        ["--category", "a", "--number", "a"],
        "the column 'a' cannot be both a category and a number",
    ),
    "a number that is none": (
        ["--number", "t"],
        "d.csv, line 2, column 't': expected a number, got 'yes'",
    ),
    "unknown category": (["--category", "b"], "d.csv has no column 'b': choose from a, t"),
}


@pytest.mark.parametrize(("words", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_path_or_column_that_cannot_be_fails_before_training(run, tmp_path, words, message):
    (tmp_path / "d.csv").write_text("a,t\n" + ROWS)
    result = run("train", "d.csv", "--target", "t", "--epochs", 10**9, *words)
    assert result == (1, "", f"micrograd_like: {message}\n")


def test_a_directory_as_data_is_one_sentence(run):
    result = run("train", ".", "--target", "t")
    assert result == (1, "", "micrograd_like: cannot read .: Is a directory\n")


def test_a_missing_extra_is_one_sentence(tmp_path):
    words = ["--target", "t", "--plot", "c.png"]
    run = command("train", "d.csv", *words, cwd=tmp_path, path=hide(tmp_path, "matplotlib"))
    assert_one_sentence(run, 1, "this command needs the extras (No module named 'matplotlib')")


def test_training_and_predicting_need_no_extra(tmp_path):
    (tmp_path / "d.csv").write_text("a,t\n" + NUMBERS)
    hidden = hide(tmp_path, "tqdm", "sklearn", "numpy", "llvmlite", "matplotlib")
    words = ["d.csv", "--target", "t", "--epochs", 3, "--save", "m.json"]
    run = command("train", *map(str, words), cwd=tmp_path, path=hidden)
    assert (run.returncode, run.stderr) == (0, "")
    run = command("predict", "m.json", "d.csv", cwd=tmp_path, path=hidden)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    "how",
    [["--optimizer", "sgd"], [], ["--epochs", 1, "--batch-size", 100]],
    ids=["sgd", "adam", "after the last step"],
)
def test_a_loss_that_is_no_longer_finite_saves_nothing(run, tmp_path, how):
    (tmp_path / "d.csv").write_text("a,t\n" + NUMBERS)
    words = ["--target", "t", "--lr", "1e200", "--activation", "linear", "--save", "m.json", *how]
    code, _, err = run("train", "d.csv", *words)
    assert code == 1
    pattern = r"micrograd_like: the loss is .*: nothing is saved; try an --lr below 1e\+200\n"
    assert re.fullmatch(pattern, err)
    assert not (tmp_path / "m.json").exists()


def test_ctrl_c_ends_training_with_one_line_and_the_old_model_whole(tmp_path):
    write_iris(tmp_path / "iris.csv")
    (tmp_path / "m.json").write_text("old")
    words = ["iris.csv", "--target", "species", "--epochs", "100000", "--save", "m.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "micrograd_like", "train", *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        while b"network" not in process.stdout.readline():
            assert process.poll() is None
        shown = b""
        while b"held out" not in shown:  # the first epochs are done
            assert process.poll() is None
            shown += os.read(process.stderr.fileno(), 1000)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.decode().splitlines()[-1] == "micrograd_like: stopped"
    assert b"Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iris.csv", "m.json"]
    assert (tmp_path / "m.json").read_text() == "old"
