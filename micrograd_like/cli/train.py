"""The command train: from a CSV file to a network, and to the file that predict needs."""

from __future__ import annotations

import argparse
import io
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..data import Scaler, Sheet, Table, feature_names, fill_missing, train_test_split
from ..engine import Value
from ..files import write_whole
from ..nn import ACTIVATIONS, MLP
from ..optim import SGD, Adam, RMSprop
from ..plot import plot_history
from ..serialize import save
from ..train import EarlyStopping, History, accuracy, fit, mae, predict, r2
from .errors import CommandError, a_path, check_files, checked, computing, explained, need, widths
from .output import progress_bar, say, say_line
from .recipe import Recipe
from .table import add_table_options, read_columns, say_reading

TRAIN = """\
Learn to predict one column of a table from its other columns.

  python -m micrograd_like train iris.csv --target species \\
      --hidden 8,8 --save model.json --plot curves.png

What happens with a file like this one:

  sepal length,sepal width,petal length,petal width,species
  5.1,3.5,1.4,0.2,setosa
  6.3,3.3,6.0,2.5,virginica

  1. A column of numbers becomes one input; a column of words one input for
     each word. A target of words, or of two whole numbers such as 0 and 1,
     makes it classification, a target of other numbers regression.
  2. A fifth of the rows is held out: the network never learns from them, so
     they tell how good it is on new rows.
  3. Inputs are scaled to mean 0 and variance 1 over the rows that are trained
     on, and so is a target of numbers.
  4. The network 4-8-8-3 (inputs, hidden layers, classes) is trained. The epoch
     that is best on the held-out rows is kept: having been chosen by them, it
     does a little better on them than on others.
  5. A linear model is trained in the same way, to compare; --hidden 0 trains it
     alone.
  6. The model, with all that predict needs, and the curves are saved."""
TRAIN_NOTE = """\
The same seed gives the same numbers every time. For --plot and a progress bar:
pip install "micrograd_like[train,plot]\""""

OPTIMIZERS = {"adam": (Adam, 0.01), "rmsprop": (RMSprop, 0.01), "sgd": (SGD, 0.1)}  # with their lr
PICTURES, ENDINGS = (".png", ".svg", ".pdf"), ".png, .svg or .pdf"
MOST_PARAMETERS = 1_000_000  # they take 120 MB, and a step in Python seconds
METRICS = {
    "loss": ("", ".4f"),
    "accuracy": ("accuracy", ".1%"),
    "r2": ("r2, at best 1", ".4f"),
    "mae": ("mean absolute error", ".4g"),
}
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
    add_table_options(add)
    add("--save", metavar="MODEL.json", help="where to keep the model", type=a_path)
    picture = checked(
        a_path, lambda path: path.suffix.lower() in PICTURES, f"a name that ends in {ENDINGS}"
    )
    add("--plot", metavar="PICTURE", help="loss and score by epoch: .png, .svg, .pdf", type=picture)


def _add_network_options(group: Any) -> None:
    def add(name: str, default: Any, text: str, **how: Any) -> None:
        shown = "" if default is None else f" (default: {default})"
        group.add_argument(f"--{name}", default=default, help=text + shown, **how)

    count = checked(int, lambda n: n >= 1, "a whole number of at least 1")
    positive = checked(float, lambda x: 0.0 < x < math.inf, "a number above 0")
    weight = checked(float, lambda x: 0.0 <= x < math.inf, "a number of at least 0")
    share = checked(float, lambda x: 0.0 < x < 1.0, "a number between 0 and 1")
    add("hidden", "16", "widths of the hidden layers, 0 for none", type=widths, metavar="8,8")
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
    sheet, columns = read_columns(options)
    with explained():
        table = sheet.table(columns)
    X, held_out_X, y, held_out_y = _split(table, options)
    options.lr = options.lr or OPTIMIZERS[options.optimizer][1]
    widths = [*options.hidden, len(table.classes or [0])]
    _check_size(MLP.size(len(X[0]), widths))
    with computing(f"{options.data} has numbers too large to compute with"):
        # The scales are those of the rows that are trained on: the others must not be seen.
        inputs = Scaler().fit(fill_missing(X))
        outputs = Scaler() if table.classes else Scaler().fit([[t] for t in y])
        recipe = Recipe(options.target, table.columns, table.classes, inputs, outputs)
        parts = recipe.scaled(X, y), recipe.scaled(held_out_X, held_out_y)
    model, linear = _network(recipe, widths, options), _network(recipe, widths[-1:], options)
    _introduce(table, model, options, len(held_out_y), sheet)
    smaller = f"an --lr below {options.lr:g}" if options.l2 < 1.0 else "a smaller --l2"
    with computing(f"nothing is saved; try {smaller}"):
        if options.hidden:
            _fit(linear, recipe, parts, options, "linear model")
        drawn = [recipe.metric] if options.plot else []  # in every epoch it takes time
        history, stop = _fit(model, recipe, parts, options, "training", drawn)
        _results(model, linear, recipe, parts, history, stop)
    _keep(model, recipe, history, options)


def _network(recipe: Recipe, widths: list[int], options: argparse.Namespace) -> MLP:
    return MLP(len(recipe.inputs.mean), widths, options.activation, "linear", rng=options.seed)


def _check_size(parameters: int) -> None:
    if parameters > MOST_PARAMETERS:
        raise CommandError(
            f"this network would have {_count(parameters)} parameters, more than "
            f"{MOST_PARAMETERS:,}: give it a smaller --hidden, or leave columns out with --ignore"
        )


def _count(n: int) -> str:
    return f"{n:,}" if n < 10**12 else f"10**{math.floor(math.log10(n))}"


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


def _introduce(
    table: Table, model: MLP, options: argparse.Namespace, held_out: int, sheet: Sheet
) -> None:
    say(sheet.name)
    say_reading(sheet)
    say_line("rows", f"{len(table.y)}, of which {held_out} are held out")
    say_line("inputs", _names(feature_names(table.columns)))
    if table.classes:
        say_line("target", f"{options.target}: {_names(table.classes)}")
        if sheet.is_numeric(options.target) and options.target not in options.category:
            say_line("  if these are amounts, add", f'--number "{options.target}"')
    else:
        say_line("target", f"{options.target}: {min(table.y):g} to {max(table.y):g}")
    shape = "-".join(map(str, [model.nin, *model.nouts]))
    say_line("network", f"{shape}, {options.activation}, {len(model.parameters())} parameters")
    say()


def _names(names: list[str]) -> str:
    """How many, and as many of them as fit into the line."""
    return f"{len(names)} ({textwrap.shorten(', '.join(names), 36, placeholder=' ...')})"


def _fit(
    model: MLP, recipe: Recipe, parts: Any, options: argparse.Namespace, name: str,
    metrics: Sequence[str] = (),
) -> tuple[History, EarlyStopping]:  # fmt: skip
    (X, y), held_out = parts
    optimizer, _ = OPTIMIZERS[options.optimizer]
    stop = EarlyStopping(patience=options.patience or math.inf)
    with progress_bar(options.epochs, name) as show:
        history = fit(
            model, X, y, recipe.loss, optimizer(model.parameters(), options.lr),
            epochs=options.epochs, batch_size=min(options.batch_size, len(X)), validation=held_out,
            l2=options.l2, metrics=metrics, callbacks=[show, stop], seed=options.seed,
            progress=False,
        )  # fmt: skip
    return history, stop


def _results(
    model: MLP, linear: MLP, recipe: Recipe, parts: Any, history: History, stop: EarlyStopping
) -> None:
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
    results = [_scores(model, recipe, *part) for part in parts]
    if not all(math.isfinite(result["loss"]) for result in results):
        raise FloatingPointError("the loss is not finite after the last step")
    say_line("", f"{'trained on':>10}  {'held out':>10}")
    say_line("rows", "  ".join(f"{len(y):>10}" for _, y in parts))
    simple = [_scores(linear, recipe, *part) for part in parts] if len(model.nouts) > 1 else []
    constant, answer = _constant(recipe, parts)
    for key, (name, form) in METRICS.items():
        _say_scores(name or recipe.loss_name, key, form, results)
        if key != "loss":  # what a network has to beat
            _say_scores("  of a linear model", key, form, simple)
            _say_scores(f"  of always saying {answer}", key, form, constant)
    if simple and simple[1]["loss"] <= results[1]["loss"]:
        say_line("a linear model does as well", "train it with --hidden 0")


def _say_scores(name: str, key: str, form: str, results: list[dict[str, float]]) -> None:
    """A line of the table, if there is such a metric."""
    if results and key in results[0]:
        say_line(name, "  ".join(format(result[key], f">10{form}") for result in results))


def _scores(model: MLP, recipe: Recipe, X: list[list[float]], y: list[Any]) -> dict[str, float]:
    """The loss and the metrics of a network."""
    outs = predict(model, X)
    loss = recipe.loss(outs, y)
    return {
        "loss": float(loss.data if isinstance(loss, Value) else loss),
        **_judged(outs, y, recipe),
    }


def _judged(outs: list[Any], y: list[Any], recipe: Recipe) -> dict[str, float]:
    """The metrics of answers, those of numbers in the target's own unit."""
    if recipe.classes:
        return {"accuracy": accuracy(outs, y)}
    return {"r2": r2(outs, y), "mae": recipe.outputs.scale[0] * mae(outs, y)}


def _constant(recipe: Recipe, parts: Any) -> tuple[list[dict[str, float]], str]:
    """The scores of the same answer for every row, the best one for those that are trained on."""
    if not recipe.classes:  # the mean, which is 0 when scaled; its r2 is 0
        return [{"mae": _judged([0.0] * len(y), y, recipe)["mae"]} for _, y in parts], "the mean"
    [(most, _)] = Counter(parts[0][1]).most_common(1)
    return [{"accuracy": y.count(most) / len(y)} for _, y in parts], f"{recipe.classes[most]:.14}"


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
