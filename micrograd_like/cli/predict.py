"""The command predict: from a saved network and a CSV file to answers."""

import argparse
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import Sheet, check_finite
from ..files import write_whole
from ..serialize import load_with_extra
from ..train import mae, predict_proba, r2
from ..train import predict as outputs_of
from .errors import CommandError, a_path, check_files, computing, explained
from .output import right, say, say_line
from .train import Recipe

PREDICT = """\
Answer every row of a table with a network that train has saved.

  python -m micrograd_like predict model.json new.csv

prints for each row the class and its probability

     row    species  probability
       1     setosa        99.8%
       2  virginica        97.1%

or, if the target was a number, that number."""
PREDICT_NOTE = """\
The file needs the columns that the network was trained on, under the same names
in any order; others are not looked at. If the target is among them, the answers
are compared with it."""


def add_predict(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Its options and its help."""
    short = "use a trained network on the rows of a CSV file"
    parser = add("predict", help=short, description=PREDICT, epilog=PREDICT_NOTE)
    parser.add_argument("model", type=a_path, metavar="MODEL.json", help="what train has saved")
    parser.add_argument("data", type=a_path, metavar="NEW.csv", help="a CSV file with a header")
    text = "write the predictions there, row for row, instead of printing them"
    parser.add_argument("--out", type=a_path, metavar="PREDICTIONS.csv", help=text)
    parser.set_defaults(run=predict)


def predict(options: argparse.Namespace) -> None:
    """Answers every row; where the file has the target too, tells how many are right."""
    check_files([options.model, options.data], out=options.out)
    model, recipe = _trained(options.model)
    with explained(f"cannot read {options.data}"):
        sheet = Sheet(options.data)
        X = sheet.rows(recipe.columns)
    with computing(f"{options.data} has numbers too large to compute with"):
        outputs = _outputs(model, recipe, recipe.inputs.transform(X))
        check_finite(outputs, "the answers")
    answers = _answers(recipe, outputs)
    if options.out:
        text = io.StringIO()
        header = ["prediction", "probability"] if recipe.classes else ["prediction"]
        csv.writer(text, lineterminator="\n").writerows([header, *answers])
        with explained(f"cannot save {options.out}"):
            write_whole(options.out, text.getvalue().encode())
        say_line("predictions", f"{options.out}, {len(answers)} rows")
    else:
        _print_answers(recipe, answers)
    with computing("the numbers are too large to compare the answers with the target"):
        _score(recipe, outputs, sheet)


def _trained(path: Path) -> tuple[Any, Recipe]:
    with explained(f"cannot read {path}"):
        model, extra = load_with_extra(path)
    try:
        return model, Recipe.from_extra(extra, model)
    except Exception:  # of any kind: something else than train has put it there
        raise CommandError(
            f"{path} holds a model, but not one of this command line: make it with "
            "python -m micrograd_like train DATA.csv --target COLUMN --save MODEL.json"
        ) from None


def _outputs(model: Any, recipe: Recipe, X: list[list[float]]) -> list[Any]:
    """For each row the probabilities of the classes, or the number in the target's own unit."""
    if recipe.classes:
        return predict_proba(model, X)
    [mean], [scale] = recipe.outputs.mean, recipe.outputs.scale
    return [mean + scale * output for output in outputs_of(model, X)]


def _answers(recipe: Recipe, outputs: list[Any]) -> list[tuple[Any, ...]]:
    """For each row the class and its probability, or the number alone."""
    if recipe.classes is None:
        return [(number,) for number in outputs]
    best = [max(range(len(row)), key=row.__getitem__) for row in outputs]
    return [(recipe.classes[k], row[k]) for k, row in zip(best, outputs)]


def _print_answers(recipe: Recipe, answers: list[tuple[Any, ...]]) -> None:
    texts = [answer[0] if recipe.classes else f"{answer[0]:.6g}" for answer in answers]
    width = max(map(len, [recipe.target, *texts]))
    say(f"   {'row':>6}  {recipe.target:>{width}}" + "  probability" * bool(recipe.classes))
    for row, (text, answer) in enumerate(zip(texts, answers), start=1):
        probability = f"  {answer[1]:>11.1%}" if recipe.classes else ""
        say(f"   {row:>6}  {text:>{width}}{probability}")
    say()


def _score(recipe: Recipe, outputs: list[Any], sheet: Sheet) -> None:
    """How good the answers are, if the file has the right ones."""
    try:
        [targets] = sheet.codes({recipe.target: recipe.classes})
    except ValueError as error:
        say_line(recipe.metric, f"unknown: {error}")
        return
    if recipe.classes:
        say_line("accuracy", right(outputs, targets))
    else:
        say_line("r2, at best 1", f"{r2(outputs, targets):.4f}")
        say_line("mean absolute error", f"{mae(outputs, targets):.4g}")
