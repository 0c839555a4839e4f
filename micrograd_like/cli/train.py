"""The command train: from a CSV file to a network, and to the file that predict needs."""

from __future__ import annotations

import argparse
import io
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..checks import number
from ..data import (
    Columns,
    Scaler,
    Sheet,
    Table,
    check_categories,
    feature_names,
    train_test_split,
)
from ..files import write_whole
from ..losses import cross_entropy, mse_loss
from ..nn import ACTIVATIONS, MLP
from ..optim import SGD, Adam, RMSprop
from ..plot import plot_history
from ..serialize import save
from ..train import EarlyStopping, History, evaluate, fit
from .errors import CommandError, a_path, check_files, checked, computing, explained, need
from .output import progress_bar, say, say_line

TRAIN = """\
Learn to predict one column of a table from its other columns.

  python -m micrograd_like train iris.csv --target species \\
      --hidden 8,8 --save model.json --plot curves.png

What happens with a file like this one:

  sepal length,sepal width,petal length,petal width,species
  5.1,3.5,1.4,0.2,setosa
  6.3,3.3,6.0,2.5,virginica

  1. A column of numbers becomes one input; a column of words one input for
     each word. A target of words makes it classification, a target of numbers
     regression.
  2. A fifth of the rows is held out: the network never learns from them, so
     they tell how good it is on new rows.
  3. Inputs are scaled to mean 0 and variance 1 over the rows that are trained
     on, and so is a target of numbers.
  4. The network 4-8-8-3 (inputs, hidden layers, classes) is trained. The epoch
     that is best on the held-out rows is kept: having been chosen by them, it
     does a little better on them than on others.
  5. The model, with all that predict needs, and the curves are saved."""
TRAIN_NOTE = """\
The same seed gives the same numbers every time. For --plot and a progress bar:
pip install "micrograd_like[train,plot]\""""

OPTIMIZERS = {"adam": (Adam, 0.01), "rmsprop": (RMSprop, 0.01), "sgd": (SGD, 0.1)}  # with their lr
FEW_NUMBERS = 10  # in a target: they may well stand for classes
PICTURES, ENDINGS = (".png", ".svg", ".pdf"), ".png, .svg or .pdf"
MOST_PARAMETERS = 1_000_000  # they take 120 MB, and a step in Python seconds
LATE = 0.9  # of the epochs: when the best one comes later, more would do better


def add_train(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Its options and its help."""
    short = "train a network on the columns of a CSV file"
    usage = "python -m micrograd_like train DATA.csv --target COLUMN [options]"
    parser = add("train", help=short, usage=usage, description=TRAIN, epilog=TRAIN_NOTE)
    _add_data_options(parser.add_argument)
    _add_network_options(parser.add_argument_group("the network and its training"))
    parser.set_defaults(run=train)


def _add_data_options(add: Any) -> None:
    add("data", metavar="DATA.csv", help="a CSV file in UTF-8, with a header", type=a_path)
    add("--target", metavar="COLUMN", help="the column to predict", required=True)
    text = "take these numbers as words, such as 0 and 1 for no and yes; may be given again"
    add("--category", metavar="COLUMN", help=text, action="append", default=[])
    text = "leave this column out, such as an id; may be given again"
    add("--ignore", metavar="COLUMN", help=text, action="append", default=[])
    add("--save", metavar="MODEL.json", help="where to keep the model", type=a_path)
    picture = checked(
        a_path, lambda path: path.suffix.lower() in PICTURES, f"a name that ends in {ENDINGS}"
    )
    add("--plot", metavar="PICTURE", help="loss and score by epoch: .png, .svg, .pdf", type=picture)


def _add_network_options(group: Any) -> None:
    def add(name: str, default: Any, text: str, **how: Any) -> None:
        shown = "" if default is None else f" (default: {default})"
        group.add_argument(f"--{name}", default=default, help=text + shown, **how)

    widths = checked(
        lambda text: [int(width) for width in text.split(",")],
        lambda widths: min(widths) >= 1,
        "widths of at least 1 such as 8,8",
    )
    count = checked(int, lambda n: n >= 1, "a whole number of at least 1")
    positive = checked(float, lambda x: 0.0 < x < math.inf, "a number above 0")
    weight = checked(float, lambda x: 0.0 <= x < math.inf, "a number of at least 0")
    share = checked(float, lambda x: 0.0 < x < 1.0, "a number between 0 and 1")
    add("hidden", "16", "widths of the hidden layers", type=widths, metavar="8,8")
    add("activation", "tanh", ", ".join(ACTIVATIONS), choices=ACTIVATIONS, metavar="NAME")
    add("epochs", 100, "how often to go through the rows", type=count, metavar="N")
    add("batch-size", 16, "rows for each step", type=count, metavar="N")
    add("optimizer", "adam", ", ".join(OPTIMIZERS), choices=OPTIMIZERS, metavar="NAME")
    add("lr", None, "learning rate (default: 0.01, for sgd 0.1)", type=positive, metavar="X")
    add("l2", 0.004, "weight of the sum of squared weights in the loss", type=weight, metavar="X")
    add("test-size", 0.2, "share of the rows to hold out", type=share, metavar="X")
    text = "stop when the held-out loss has not improved for N epochs"
    add("patience", None, text, type=count, metavar="N")
    add("seed", 0, "of the split, the first weights and the order", type=int, metavar="N")


def train(options: argparse.Namespace) -> None:
    """Reads, splits, scales, trains, tells how good it is, saves."""
    need(*(["matplotlib"] if options.plot else []))
    check_files([options.data], save=options.save, plot=options.plot)
    table = read_table(options)
    X, held_out_X, y, held_out_y = _split(table, options)
    options.lr = options.lr or OPTIMIZERS[options.optimizer][1]
    widths = [*options.hidden, len(table.classes or [0])]
    _check_size(MLP.size(len(X[0]), widths))
    with computing(f"{options.data} has numbers too large to compute with"):
        # The scales are those of the rows that are trained on: the others must not be seen.
        outputs = Scaler() if table.classes else Scaler().fit([[t] for t in y])
        recipe = Recipe(options.target, table.columns, table.classes, Scaler().fit(X), outputs)
        parts = recipe.scaled(X, y), recipe.scaled(held_out_X, held_out_y)
    model = MLP(len(X[0]), widths, options.activation, "linear", rng=options.seed)
    _introduce(table, model, options, len(held_out_y))
    smaller = f"an --lr below {options.lr:g}" if options.l2 < 1.0 else "a smaller --l2"
    with computing(f"nothing is saved; try {smaller}"):
        history, stop = _fit(model, recipe, parts, options)
        _results(model, recipe, parts, history, stop)
    _keep(model, recipe, history, options)


def _check_size(parameters: int) -> None:
    if parameters > MOST_PARAMETERS:
        raise CommandError(
            f"this network would have {_count(parameters)} parameters, more than "
            f"{MOST_PARAMETERS:,}: give it a smaller --hidden, or leave columns out with --ignore"
        )


def _count(n: int) -> str:
    return f"{n:,}" if n < 10**12 else f"10**{math.floor(math.log10(n))}"


def read_table(options: argparse.Namespace) -> Table:
    """The columns that the options choose."""
    with explained(f"cannot read {options.data}"):
        sheet = Sheet(options.data)
        columns = sheet.choose(options.target, options.category, options.ignore)
        check_categories(columns, options.target, '--ignore "{}"')
        return sheet.table(columns)


def _split(table: Table, options: argparse.Namespace) -> tuple[Any, Any, Any, Any]:
    """X and y to train on and held out, if that can be learnt and judged."""
    classes = table.classes or []
    with explained():
        X, held_out_X, y, held_out_y = train_test_split(
            table.X, table.y, options.test_size, options.seed, stratify=bool(classes)
        )
    learnt = set(y)
    for k, name in enumerate(classes):
        if k not in learnt:
            raise CommandError(
                f"no row of class {name!r} is left to train on: the file has {table.y.count(k)} "
                "of it; give it more rows, or a smaller --test-size"
            )
    if min(y) == max(y):
        answer = classes[y[0]] if classes else f"{y[0]:g}"
        raise CommandError(
            f"the target {options.target!r} is {answer} in every row to train on: there is nothing "
            "to learn; give the file rows with other answers"
        )
    if not classes and len(held_out_y) < 2:
        raise CommandError(
            f"{len(held_out_y)} of {len(table.y)} rows is held out, and r2 needs 2: "
            "give the file more rows, or a larger --test-size"
        )
    return X, held_out_X, y, held_out_y


def _introduce(table: Table, model: MLP, options: argparse.Namespace, held_out: int) -> None:
    say(str(options.data))
    say_line("rows", f"{len(table.y)}, of which {held_out} are held out")
    say_line("inputs", _names(feature_names(table.columns)))
    if table.classes:
        say_line("target", f"{options.target}: {_names(table.classes)}")
    else:
        say_line("target", f"{options.target}: {min(table.y):g} to {max(table.y):g}")
        if len(set(table.y)) <= FEW_NUMBERS:
            say_line("  if these are classes, add", f'--category "{options.target}"')
    shape = "-".join(map(str, [model.nin, *model.nouts]))
    say_line("network", f"{shape}, {options.activation}, {len(model.parameters())} parameters")
    say()


def _names(names: list[str]) -> str:
    """How many, and as many of them as fit into the line."""
    return f"{len(names)} ({textwrap.shorten(', '.join(names), 36, placeholder=' ...')})"


def _fit(
    model: MLP, recipe: Recipe, parts: Any, options: argparse.Namespace
) -> tuple[History, EarlyStopping]:
    (X, y), held_out = parts
    optimizer, _ = OPTIMIZERS[options.optimizer]
    stop = EarlyStopping(patience=options.patience or math.inf)
    with progress_bar(options.epochs) as show:
        history = fit(
            model, X, y, recipe.loss, optimizer(model.parameters(), options.lr),
            epochs=options.epochs, batch_size=min(options.batch_size, len(X)), validation=held_out,
            l2=options.l2, metrics=[recipe.metric], callbacks=[show, stop], seed=options.seed,
            progress=False,
        )  # fmt: skip
    return history, stop


def _results(model: MLP, recipe: Recipe, parts: Any, history: History, stop: EarlyStopping) -> None:
    say()
    best, epochs = stop.best_epoch, len(history)
    if not best:
        raise FloatingPointError("the loss is not finite on the held-out rows after any epoch")
    if history.stopped:
        say_line("stopped early", f"after {epochs} epochs; epoch {best} was best and is kept")
    else:
        say_line("kept: best held-out loss", f"{stop.best:.4g}, epoch {best} of {epochs}")
        if best > LATE * epochs:
            say_line("not converged", "it was still falling: try more --epochs")
    if recipe.classes:
        lines = [("cross entropy", "loss", ".4f"), ("accuracy", "accuracy", ".1%")]
    else:
        lines = [("squared error, target scaled", "loss", ".4f"), ("r2, at best 1", "r2", ".4f")]
        lines.append(("mean absolute error", "mae", ".4g"))
    metrics = [key for _, key, _ in lines if key != "loss"]
    results = [evaluate(model, X, y, recipe.loss, metrics) for X, y in parts]
    if not all(math.isfinite(result["loss"]) for result in results):
        raise FloatingPointError("the loss is not finite after the last step")
    say_line("", f"{'trained on':>10}  {'held out':>10}")
    say_line("rows", "  ".join(f"{len(y):>10}" for _, y in parts))
    for name, key, form in lines:
        unit = recipe.outputs.scale[0] if key == "mae" else 1.0
        say_line(name, "  ".join(format(unit * result[key], f">10{form}") for result in results))


def _keep(model: MLP, recipe: Recipe, history: History, options: argparse.Namespace) -> None:
    say()
    if options.save:
        with explained(f"cannot save {options.save}"):
            save(model, options.save, extra=recipe.as_extra())
    say_line("model", str(options.save or "not kept: save it with --save model.json"))
    if options.plot:
        from matplotlib.figure import Figure

        figure, picture = Figure(figsize=(9.0, 3.6), dpi=120, layout="constrained"), io.BytesIO()
        with computing("the curves have numbers too large to draw"):
            for ax, key in zip(figure.subplots(1, 2), ("loss", recipe.metric)):
                curves = {"trained on": history[key], "held out": history[f"val_{key}"]}
                plot_history(curves, ax=ax).set_ylabel(key)
                ax.set_title(f"{key} during training", fontsize="medium")
            figure.savefig(picture, format=options.plot.suffix[1:].lower())
        with explained(f"cannot save {options.plot}"):
            write_whole(options.plot, picture.getvalue())
        say_line("curves", str(options.plot))


# --- what predict needs ---

_MEAN, _SCALE = number(), number(math.ulp(0.0))  # ulp: above 0


@dataclass
class Recipe:
    """The columns of a file, their scale, and what the outputs mean."""

    target: str
    columns: Columns
    classes: list[str] | None  # None: the target is a number, which is scaled too
    inputs: Scaler
    outputs: Scaler

    @classmethod
    def from_extra(cls, extra: Any, model: Any) -> Recipe:
        """What as_extra has made; an error if it is something else, or not this network's."""
        columns = {_text(name): _texts(texts) for name, texts in extra["columns"]}
        classes = _texts(extra["classes"])
        target = _text(extra["target"])
        if len(columns) != len(extra["columns"]) or target in columns:
            raise ValueError("two columns have the same name")
        if (len(feature_names(columns)), len(classes or [0])) != (model.nin, model.nouts[-1]):
            raise ValueError("the recipe is not this network's")
        inputs = _scaler(extra["inputs"], model.nin)
        outputs = _scaler(extra["outputs"], 0 if classes else 1)
        return cls(target, columns, classes, inputs, outputs)

    def as_extra(self) -> dict[str, Any]:
        """As save takes it; columns in pairs, for the name of one may start with a $."""
        return {
            "target": self.target,
            "columns": [list(pair) for pair in self.columns.items()],
            "classes": self.classes,
            "inputs": [self.inputs.mean, self.inputs.scale],
            "outputs": [self.outputs.mean, self.outputs.scale],
        }

    @property
    def loss(self) -> Callable[[Any, Any], Any]:
        return cross_entropy if self.classes else mse_loss

    @property
    def metric(self) -> str:
        return "accuracy" if self.classes else "r2"

    def scaled(self, X: list[list[float]], y: list[Any]) -> tuple[list[list[float]], list[Any]]:
        """Rows and targets as the network takes them."""
        targets = y if self.classes else [t for [t] in self.outputs.transform([[t] for t in y])]
        return self.inputs.transform(X), targets


def _scaler(numbers: Any, width: int) -> Scaler:
    means, scales = numbers
    if not len(means) == len(scales) == width:
        raise ValueError(f"expected the means and the scales of {width} columns")
    return Scaler([_MEAN("mean", x) for x in means], [_SCALE("scale", x) for x in scales])


def _text(x: Any) -> str:
    if type(x) is not str:
        raise TypeError("expected a text")
    return x


def _texts(xs: Any) -> list[str] | None:
    """The values of a column, all different, or None for one of numbers."""
    if xs is not None and (type(xs) is not list or not xs or len(set(map(_text, xs))) != len(xs)):
        raise TypeError("expected a list of different texts")
    return xs
