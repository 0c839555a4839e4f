"""What a model file says about the columns: what train wrote is used, and nothing else."""

import math

import pytest
from helpers.commands import write_csv

from micrograd_like.nn import MLP
from micrograd_like.serialize import save

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
