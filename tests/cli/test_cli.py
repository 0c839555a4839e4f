"""The commands train and predict as a user runs them, with every mistake that we could think of."""

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler
from test_demos import ROOT, assert_one_sentence, command, hide, numbers

from micrograd_like.cli import main
from micrograd_like.data import train_test_split
from micrograd_like.nn import MLP
from micrograd_like.serialize import load, load_state, save


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in this process, in an empty folder: exit code, what it printed, its errors.

    Progress bars are left out of the errors.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:  # argparse's way to end
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        lines = [line for line in err.splitlines(keepends=True) if "training |" not in line]
        return code, out, "".join(lines).lstrip("\r\n")

    return call


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_iris(path):
    """The 150 flowers as text: sepal length, ..., species."""
    data = load_iris()
    header = [name.removesuffix(" (cm)") for name in data.feature_names]
    rows = [[*x, data.target_names[y]] for x, y in zip(data.data.tolist(), data.target)]
    write_csv(path, [*header, "species"], rows)


def write_small(path="d.csv"):
    """40 rows: a number, a category, a target of words that depends on both."""
    rows = [
        [i, "red" if i % 3 else "blue", "yes" if i + 9 * (i % 3) > 25 else "no"] for i in range(40)
    ]
    write_csv(path, ["size", "colour", "answer"], rows)


# --- what works ---


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris")
    write_iris(folder / "iris.csv")
    options = ["--hidden", "8,8", "--epochs", "40", "--save", "model.json", "--plot", "curves.png"]
    trained = command("train", "iris.csv", "--target", "species", *options, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    predicted = command("predict", "model.json", "iris.csv", cwd=folder)
    assert predicted.returncode == 0, predicted.stderr
    return folder, trained, predicted


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


def test_both_commands_print_lines_of_at_most_80_characters(iris):
    lines = (iris[1].stdout + iris[2].stdout).splitlines()
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)


def test_predict_agrees_with_what_train_counted(iris):
    shares = numbers(r"accuracy +(\S+)% +(\S+)%\n", iris[1].stdout)
    right, of = numbers(r"accuracy +\S+%, (\d+) of (\d+) right\n", iris[2].stdout)
    assert (right, of) == (round(shares[0] * 1.2) + round(shares[1] * 0.3), 150)


def test_predict_prints_the_class_and_its_probability_for_every_row(iris):
    rows = re.findall(r"^ +(\d+) +(\w+) +(\d+\.\d)%$", iris[2].stdout, re.MULTILINE)
    assert [int(row) for row, _, _ in rows] == list(range(1, 151))
    assert len({len(line) for line in iris[2].stdout.splitlines()[:151]}) == 1  # aligned
    assert rows[0][1] == "setosa"
    assert float(rows[0][2]) > 90.0


def test_predictions_are_those_of_the_saved_network(iris, run):
    """By hand, in numpy: scale, matrix products, tanh, softmax."""
    folder, _, _ = iris
    assert run("predict", folder / "model.json", folder / "iris.csv", "--out", "p.csv")[0] == 0
    model, extra = load(folder / "model.json"), load_state(folder / "model.json")
    mean, scale = extra["inputs"]
    h = (load_iris().data - mean) / scale
    for i, layer in enumerate(model.layers):
        w = np.array([[w.data for w in neuron.w] for neuron in layer.neurons])
        h = h @ w.T + [neuron.b.data for neuron in layer.neurons]
        h = np.tanh(h) if i < 2 else h
    probabilities = np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)
    header, *rows = read_csv("p.csv")
    assert header == ["prediction", "probability"]
    names = [extra["classes"][k] for k in probabilities.argmax(axis=1)]
    assert [name for name, _ in rows] == names
    assert np.allclose([float(p) for _, p in rows], probabilities.max(axis=1), rtol=1e-12)


def test_the_scale_is_that_of_the_rows_that_are_trained_on(iris):
    X, y = load_iris(return_X_y=True)
    rows, _, _, _ = train_test_split(X.tolist(), y.tolist(), test_size=0.2, stratify=True)
    scaler = StandardScaler().fit(rows)
    mean, scale = load_state(iris[0] / "model.json")["inputs"]
    assert np.allclose(mean, scaler.mean_, rtol=1e-12)
    assert np.allclose(scale, scaler.scale_, rtol=1e-12)


def test_a_numeric_target_is_predicted_in_its_own_unit(run):
    data = load_diabetes(scaled=False)
    rows = [[*x, y] for x, y in zip(data.data.tolist(), data.target)]
    write_csv("diabetes.csv", [*data.feature_names, "progression"], rows)
    words = ["diabetes.csv", "--target", "progression", "--hidden", "8", "--save", "m.json"]
    code, out, err = run("train", *words, "--epochs", 15, "--lr", 0.005, "--plot", "c.svg")
    assert (code, err) == (0, "")
    assert re.search(r"target +progression: 25 to 346\n", out)
    trained_on, held_out = numbers(r"r2, at best 1 +(\S+) +(\S+)\n", out)
    assert trained_on > 0.45
    assert held_out > 0.35
    errors = numbers(r"mean absolute error +(\S+) +(\S+)\n", out)
    code, out, _ = run("predict", "m.json", "diabetes.csv", "--out", "p.csv")
    header, *predictions = read_csv("p.csv")
    assert header == ["prediction"]
    answers = [float(p) for [p] in predictions]
    mean_error = mean_absolute_error(data.target, answers)
    assert mean_error == pytest.approx((353 * errors[0] + 89 * errors[1]) / 442, rel=1e-3)
    assert numbers(r"r2, at best 1 +(\S+)\n", out)[0] == pytest.approx(
        r2_score(data.target, answers), abs=1e-4
    )
    assert numbers(r"mean absolute error +(\S+)\n", out)[0] == pytest.approx(mean_error, rel=1e-3)


def test_the_same_seed_gives_the_same_file_and_another_one_does_not(run):
    write_small()
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        words = ["d.csv", "--target", "answer", "--epochs", 3, "--seed", seed]
        assert run("train", *words, "--save", f"{name}.json")[0] == 0
    a, b, c = (load(f"{name}.json").state_dict() for name in "abc")
    assert a == b
    assert a != c


def test_columns_may_be_in_another_order_and_others_are_not_looked_at(run):
    write_small()
    run("train", "d.csv", "--target", "answer", "--epochs", 5, "--save", "m.json")
    _, *rows = read_csv("d.csv")
    write_csv("new.csv", ["note", "colour", "size"], [["?", row[1], row[0]] for row in rows])
    _, wanted, _ = run("predict", "m.json", "d.csv")
    code, out, _ = run("predict", "m.json", "new.csv")
    assert code == 0
    table = slice(0, 41)
    assert out.splitlines()[table] == wanted.splitlines()[table]
    assert "unknown: new.csv lacks the column answer: it has note, colour, size\n" in out
    assert re.search(r"accuracy +\S+%, \d+ of 40 right\n", wanted)


def test_a_category_becomes_one_input_for_each_value(run):
    write_small()
    code, out, _ = run("train", "d.csv", "--target", "answer", "--epochs", 1, "--hidden", "4")
    assert code == 0
    assert re.search(r"inputs +3 \(size, colour=blue, colour=red\)\n", out)
    assert "network                           3-4-2, tanh, 26 parameters" in out
    assert "not kept: save it with --save model.json" in out


def test_numbers_that_stand_for_classes_are_offered_and_taken_as_such(run):
    write_csv("d.csv", ["id", "x", "$y"], [[i, i % 7, int(i % 7 > 3)] for i in range(30)])
    words = ["train", "d.csv", "--target", "$y", "--ignore", "id", "--epochs", 2]
    _, out, _ = run(*words)
    assert re.search(r'if these are classes, add +--category "\$y"\n', out)
    code, out, _ = run(*words, "--category", "$y", "--save", "m.json")
    assert code == 0
    assert re.search(r"target +\$y: 2 \(0, 1\)\n", out)
    assert re.search(r"network +1-16-2,", out)
    assert "accuracy" in run("predict", "m.json", "d.csv")[1]


def test_training_stops_when_the_held_out_loss_gets_worse_and_keeps_the_best(run):
    write_csv("d.csv", ["x", "y"], [[i, (i * 37) % 41] for i in range(40)])  # noise
    words = ["train", "d.csv", "--target", "y", "--lr", 0.05, "--hidden", "30"]
    code, out, _ = run(*words, "--patience", 3, "--epochs", 200, "--save", "stopped.json")
    assert code == 0
    after, best = numbers(r"after (\d+) epochs; epoch (\d+) was best and is kept\n", out)
    assert after == best + 4 < 200
    run(*words, "--epochs", int(best), "--save", "best.json")
    assert load("stopped.json").state_dict() == load("best.json").state_dict()


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


def test_help_is_a_lesson_that_fits_the_terminal(run):
    for words, lesson in {
        (): "train iris.csv --target species --save model.json",
        ("train",): "--hidden 8,8 --save model.json --plot curves.png",
        ("predict",): "predict model.json new.csv",
    }.items():
        code, out, err = run(*words, "--help")
        assert (code, err) == (0, "")
        assert lesson in out
        assert max(map(len, out.splitlines())) <= 80


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
        "a,t\n" + "".join(f"{i},{i if i in (7, 8) else 0}\n" for i in range(10)),
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


# --- mistakes in the call ---

BAD_OPTIONS = {
    ("--hidden", "8,,8"): "--hidden: expected widths of at least 1 such as 8,8, got '8,,8'",
    ("--hidden", "0"): "--hidden: expected widths of at least 1 such as 8,8, got '0'",
    ("--hidden", "a"): "--hidden: expected widths of at least 1 such as 8,8, got 'a'",
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


@pytest.mark.parametrize("missing", ["tqdm", "matplotlib"])
def test_a_missing_extra_is_one_sentence(missing, tmp_path):
    words = ["--target", "t", "--plot", "c.png"]
    run = command("train", "d.csv", *words, cwd=tmp_path, path=hide(tmp_path, missing))
    assert_one_sentence(run, 1, f"this command needs the extras (No module named '{missing}')")


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


# --- mistakes in predict ---

BAD_NEW = {
    "missing columns": ("a,b\n1,2\n", "new.csv lacks the columns size, colour: it has a, b"),
    "unknown categories": (
        "size,colour\n1,pink\n2,red\n3,grey\n",
        "new.csv has values that were not there in training: colour=pink, colour=grey",
    ),
    "a typo": (
        "size,colour\n1x,red\n",
        "new.csv, line 2, column 'size': expected a number, got '1x'",
    ),
    "huge numbers": (
        "size,colour\n-1e308,red\n1e400,red\n",
        "new.csv, line 3, column 'size': 1e400 is not finite",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_NEW.values(), ids=BAD_NEW)
def test_a_file_that_does_not_fit_the_model_is_one_sentence(run, tmp_path, content, message):
    write_small()
    run("train", "d.csv", "--target", "answer", "--epochs", 1, "--save", "m.json")
    (tmp_path / "new.csv").write_text(content)
    result = run("predict", "m.json", "new.csv", "--out", "p.csv")
    assert result == (1, "", f"micrograd_like: {message}\n")
    assert not (tmp_path / "p.csv").exists()


BAD_CALLS = {
    "no model": (["none.json", "d.csv"], "cannot read none.json: No such file or directory"),
    "no data": (["m.json", "none.csv"], "cannot read none.csv: No such file or directory"),
    "the wrong way round": (
        ["d.csv", "m.json"],
        "cannot load d.csv: it is cut off, damaged or not JSON",
    ),
    "other JSON": (
        ["other.json", "d.csv"],
        "cannot load other.json: it is no micrograd_like model",
    ),
    "a directory": ([".", "d.csv"], "cannot read .: Is a directory"),
    "over the model": (
        ["m.json", "d.csv", "--out", "m.json"],
        "--out would overwrite the file m.json: choose another",
    ),
    "missing directory": (
        ["m.json", "d.csv", "--out", "no/p.csv"],
        "--out no/p.csv: there is no directory no, make it",
    ),
}


@pytest.mark.parametrize(("words", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_predict_called_wrongly_is_one_sentence(run, tmp_path, words, message):
    write_small()
    run("train", "d.csv", "--target", "answer", "--epochs", 1, "--save", "m.json")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    assert run("predict", *words) == (1, "", f"micrograd_like: {message}\n")


FINE = {
    "target": "t",
    "columns": [["a", None], ["b", ["x", "y"]]],
    "classes": ["no", "yes"],
    "inputs": [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
    "outputs": [[], []],
}
OTHER_EXTRAS = {
    "none": None,
    "a list": [1, 2],
    "another dict": {"epoch": 3},
    "no target": {k: v for k, v in FINE.items() if k != "target"},
    "too few columns": FINE | {"columns": [["a", None]]},
    "too many classes": FINE | {"classes": ["a", "b", "c"]},
    "a number for the classes": FINE | {"classes": 2},
    "scale 0": FINE | {"inputs": [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]},
    "words for the scale": FINE | {"inputs": [[0.0, 0.0, 0.0], ["a", "b", "c"]]},
    "means missing": FINE | {"inputs": [[], []]},
    "a scale missing": FINE | {"inputs": [[0.0, 0.0, 0.0], [1.0, 1.0]]},
    "nan for the scale": FINE | {"inputs": [[0.0, 0.0, 0.0], [1.0, math.nan, 1.0]]},
}


def test_a_recipe_written_by_hand_is_used(run):
    save(MLP(3, [2], output_activation="linear", rng=0), "m.json", extra=FINE)
    write_csv("d.csv", ["a", "b"], [[1, "x"]])
    assert run("predict", "m.json", "d.csv")[0] == 0


def test_a_number_that_overflows_when_scaled_is_one_sentence(run):
    extra = FINE | {"inputs": [[0.0, 0.0, 0.0], [1e-3, 1.0, 1.0]]}
    save(MLP(3, [2], output_activation="linear", rng=0), "m.json", extra=extra)
    write_csv("d.csv", ["a", "b"], [[1e308, "x"]])
    message = "micrograd_like: d.csv has numbers too large to compute with\n"
    assert run("predict", "m.json", "d.csv") == (1, "", message)


@pytest.mark.parametrize("extra", OTHER_EXTRAS.values(), ids=OTHER_EXTRAS)
def test_a_model_that_train_has_not_saved_is_one_sentence(run, extra):
    save(MLP(3, [2], output_activation="linear", rng=0), "m.json", extra=extra)
    code, out, err = run("predict", "m.json", "d.csv")
    assert (code, out) == (1, "")
    assert err == (
        "micrograd_like: m.json holds a model, but not one of this command line: make it with "
        "python -m micrograd_like train DATA.csv --target COLUMN --save MODEL.json\n"
    )
