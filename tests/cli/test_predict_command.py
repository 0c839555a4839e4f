"""The command predict as a user runs it, with every mistake that we could think of."""

import json
import math
import re
from unittest import mock

import numpy as np
import pytest
from helpers.commands import numbers, read_csv, write_csv, write_small
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import mean_absolute_error, r2_score

from micrograd_like.nn import MLP
from micrograd_like.serialize import load, load_state, save

# --- what works ---


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


def test_a_numeric_target_is_predicted_in_its_own_unit(run):
    data = load_diabetes(scaled=False)
    rows = [[*x, y] for x, y in zip(data.data.tolist(), data.target)]
    write_csv("diabetes.csv", [*data.feature_names, "progression"], rows)
    words = ["diabetes.csv", "--target", "progression", "--hidden", "8", "--save", "m.json"]
    code, out, err = run("train", *words, "--epochs", 15, "--lr", 0.005, "--plot", "c.svg")
    assert (code, err) == (0, "")
    with open("c.svg") as picture:
        titles = re.findall("<!-- (.*) during training -->", picture.read())
    assert titles == ["loss", "r2"]
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


def test_each_file_is_read_once(run):
    write_small()
    run("train", "d.csv", "--target", "answer", "--epochs", 1, "--save", "m.json")
    with mock.patch("builtins.open", wraps=open) as opened:
        _, out, _ = run("predict", "m.json", "d.csv")
    assert "accuracy" in out
    assert [str(call.args[0]) for call in opened.call_args_list] == ["m.json", "d.csv"]


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


# --- what a model file says about the columns: what train wrote is used, and nothing else ---

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
    "a scale below 0": FINE | {"inputs": [[0.0, 0.0, 0.0], [1.0, -1.0, 1.0]]},
    "a scale too many": FINE | {"outputs": [[0.0], [1.0]]},
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
