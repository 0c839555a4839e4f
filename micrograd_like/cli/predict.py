"""The command predict: from a saved network and a CSV file to answers."""

import argparse
import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import Sheet, check_finite
from ..files import write_whole
from ..serialize import load_with_extra
from ..train import mae, predict_proba, r2
from ..train import predict as outputs_of
from .errors import CommandError, a_path, check_files, computing, explained
from .output import plain, right, say, say_line
from .recipe import Recipe
from .table import add_reading_options, read_sheet, say_reading

PREDICT = """\
Answer every row of a table with a network that train has saved.

  python -m micrograd_like predict model.json new.csv

prints for each row the class and the probability of every class

     row    species   setosa  versicolor  virginica
       1     setosa    99.8%        0.2%       0.0%
       2  virginica     0.0%        2.9%      97.1%

or, if the target was a number, that number."""
PREDICT_NOTE = """\
The file needs the columns that the network was trained on, under the same names
in any order; others are not looked at. If the target is among them, the answers
are compared with it. In a pipe, - is standard input and output:

  cat new.csv | python -m micrograd_like predict model.json - --out - | head"""
WIDTH = 80  # of a terminal: where all probabilities do not fit, that of the answer is shown


def add_predict(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Its options and its help."""
    short = "use a trained network on the rows of a CSV file"
    parser = add("predict", help=short, description=PREDICT, epilog=PREDICT_NOTE)
    parser.add_argument("model", type=a_path, metavar="MODEL.json", help="what train has saved")
    text = "a CSV file with a header; - is standard input"
    parser.add_argument("data", type=a_path, metavar="NEW.csv", help=text)
    text = (
        "write the predictions there, row for row, instead of printing them; - is standard output"
    )
    parser.add_argument("--out", type=a_path, metavar="PREDICTIONS.csv", help=text)
    add_reading_options(parser.add_argument)
    parser.set_defaults(run=predict)


def predict(options: argparse.Namespace) -> None:
    """Answers every row; where the file has the target too, tells how many are right."""
    to_stdout = str(options.out) == "-"
    check_files([options.model, options.data], out=None if to_stdout else options.out)
    model, recipe = _trained(options.model)
    sheet = read_sheet(options)
    with explained(f"cannot read {options.data}"):
        sheet.settle(recipe.columns)
        X = sheet.rows(recipe.columns)
    with computing(f"{options.data} has numbers too large to compute with"):
        outputs = _outputs(model, recipe, recipe.rows(X))
        check_finite(outputs, "the answers")
    answers = _answers(recipe, outputs)
    if to_stdout:
        print(_as_csv(recipe, sheet.numbers, answers, outputs), end="")
        return
    if options.out:
        with explained(f"cannot save {options.out}"):
            write_whole(options.out, _as_csv(recipe, sheet.numbers, answers, outputs).encode())
        say_line("predictions", f"{options.out}, {len(answers)} rows")
    else:
        _print_answers(recipe, sheet.numbers, answers, outputs)
    say_reading(sheet)
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


def _answers(recipe: Recipe, outputs: list[Any]) -> list[Any]:
    """For each row the class, or the number."""
    if recipe.classes is None:
        return outputs
    return [recipe.classes[max(range(len(row)), key=row.__getitem__)] for row in outputs]


def _as_csv(recipe: Recipe, rows: list[int], answers: list[Any], outputs: list[Any]) -> str:
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    write(["row", "prediction", *[f"P({name})" for name in recipe.classes or []]])
    for row, answer, output in zip(rows, answers, outputs):
        write([row, answer, *(output if recipe.classes else [])])
    return text.getvalue()


def _print_answers(recipe: Recipe, rows: list[int], answers: list[Any], outputs: list[Any]) -> None:
    texts = [answer if recipe.classes else f"{answer:.6g}" for answer in answers]
    width = max(len(plain(text)) for text in [recipe.target, *texts])
    heads = [plain(name).rjust(6) for name in recipe.classes or []]
    if heads and 11 + width + sum(2 + len(head) for head in heads) > WIDTH:
        heads, outputs = ["probability"], [[max(row)] for row in outputs]
    say("  ".join([f"   {'row':>6}", f"{plain(recipe.target):>{width}}", *heads]))
    for row, text, output in zip(rows, texts, outputs):
        shares = [f"{p:>{len(head)}.1%}" for head, p in zip(heads, output)] if heads else []
        say("  ".join([f"   {row:>6}", f"{plain(text):>{width}}", *shares]))
    say()


def _score(recipe: Recipe, outputs: list[Any], sheet: Sheet) -> None:
    """How good the answers are, for the rows where the file has the right ones."""
    if recipe.target not in sheet.cells:
        return
    sheet.find_decimal([*recipe.columns, recipe.target])
    try:
        [targets] = sheet.codes({recipe.target: recipe.classes})
    except ValueError as error:
        say_line("not compared with the target", str(error))
        return
    known = [i for i, target in enumerate(targets) if not math.isnan(target)]
    outputs, targets = [outputs[i] for i in known], [targets[i] for i in known]
    if not known:
        return
    if len(known) < len(sheet.lines):
        say_line("rows with the target", f"{len(known)} of {len(sheet.lines)}")
    if recipe.classes:
        say_line("accuracy", right(outputs, targets))
    else:
        if len(known) > 1:
            say_line("r2, at best 1", f"{r2(outputs, targets):.4f}")
        say_line("mean absolute error", f"{mae(outputs, targets):.4g}")
