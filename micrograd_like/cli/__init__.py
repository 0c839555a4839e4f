"""The command line: what the package does, seen from a terminal.

    python -m micrograd_like demo
    python -m micrograd_like train iris.csv --target species --save model.json
    python -m micrograd_like predict model.json new.csv

A command is one function that takes the parsed options, prints what it did, and raises a
CommandError for what the user can put right; ``main`` turns errors into one sentence and an exit
code: 0 done, 1 failed, 2 wrongly called. The extras are imported where they are used, so that
``--help`` needs none of them.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..data import Columns, Scaler, Table, feature_names, load_columns, load_csv, train_test_split
from ..draw import draw, draw_network
from ..engine import Value, grad
from ..explore import explore
from ..files import write_whole
from ..losses import cross_entropy, hinge_loss, mse_loss
from ..nn import ACTIVATIONS, MLP
from ..optim import SGD, Adam, RMSprop
from ..plot import plot_history
from ..serialize import load, load_state, save
from ..train import EarlyStopping, History, accuracy, evaluate, fit, mae, predict_proba, r2
from ..train import predict as outputs_of

INSTALL = 'pip install "micrograd_like[all]"'


class CommandError(Exception):
    """What went wrong and what to do about it, in one sentence for the terminal."""


# --- demo: train two networks, check the gradients of one, draw it ---

# Four samples in the manner of the micrograd lecture.
XS = [[2.0, 8.0, -1.0], [3.0, -1.0, 0.5], [0.5, 7.0, 8.0], [1.0, 1.0, -9.0]]
YS = [1.0, -1.0, -1.0, 1.0]
UNSEEN = [2.0, 3.0, -1.0]


def demo(options: argparse.Namespace) -> None:
    """Trains, checks and draws; prints every number that it claims."""
    _need("tqdm", "sklearn")
    with _explained(f"cannot make the directory {options.out}"):
        options.out.mkdir(parents=True, exist_ok=True)
    _check_writable(options.out)
    _say(f"micrograd_like {__version__}: two networks, trained, checked and drawn.")
    model = _four_samples()
    _iris()
    _check_gradients()
    _pictures(model, options.out)


def _four_samples() -> MLP:
    model = MLP(3, [4, 4, 1], rng=0)
    _say(f"\n1. Four samples, a tanh network 3-4-4-1 with {len(model.parameters())} parameters")
    losses = _descend(model, XS, YS, mse_loss, lr=0.1, epochs=100)
    _line("mean squared error", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    for x, y in zip(XS, YS):
        _line(f"output for {x}", f"{model(x):+.4f}, wanted {y:+.0f}")
    _line(f"output for {UNSEEN}", f"{model(UNSEEN):+.4f}, never seen in training")
    return model


def _iris() -> None:
    from sklearn.datasets import load_iris

    X, y = (array.tolist() for array in load_iris(return_X_y=True))
    X, held_out_X, y, held_out_y = train_test_split(X, y, 0.2, seed=1, stratify=True)
    scaler = Scaler().fit(X)  # its mean and deviation must not see what is held out
    X, held_out_X = scaler.transform(X), scaler.transform(held_out_X)
    model = MLP(4, [8, 3], output_activation="linear", rng=0)
    _say(f"\n2. 150 iris flowers, a tanh network 4-8-3 with {len(model.parameters())} parameters")
    # One output for each species: +1 for its flowers, -1 for all others.
    targets = [[1.0 if k == species else -1.0 for k in range(3)] for species in y]
    losses = _descend(model, X, targets, hinge_loss, lr=0.3, epochs=20)
    _line("hinge loss", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    _line("accuracy, trained on", _right(outputs_of(model, X), y))
    _line("accuracy, held out", _right(outputs_of(model, held_out_X), held_out_y))


def _descend(model: MLP, X: Any, y: Any, loss: Any, lr: float, epochs: int) -> list[float]:
    """Trains with SGD; the loss of every epoch."""
    with _bar(epochs) as show:
        history = fit(
            model, X, y, loss, SGD(model.parameters(), lr),
            epochs=epochs, batch_size=10, callbacks=[show], progress=False,
        )  # fmt: skip
    return history["loss"]


def _check_gradients() -> None:
    model = MLP(3, [4, 4, 1], rng=0)
    ours = grad(mse_loss([model(x) for x in XS], YS), model.parameters())
    _say(f"\n3. The {len(ours)} gradients of the first step, checked")
    name, theirs, tolerance = _expected_gradients([p.data for p in model.parameters()])
    largest = max(abs(a - b) for a, b in zip(ours, theirs))
    _line("largest gradient", f"{max(map(abs, ours)):.4f}")
    _line("largest difference", f"{largest:.1e} from {name}")
    if not largest <= tolerance:
        raise CommandError(
            f"the gradients differ from {name} by {largest:.1e}, more than {tolerance:.0e}: "
            "please report it, with your version of Python and your platform"
        )


def _expected_gradients(numbers: list[float]) -> tuple[str, list[float], float]:
    """Where they are from, the gradients for these parameters, and how far off they may be."""
    try:
        import torch
    except ImportError:
        _line("torch", "is not installed, so by finite differences instead")
    else:
        ps = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
        gradients = torch.autograd.grad(_loss_by_hand(ps), ps)
        return "torch", [g.item() for g in gradients], 1e-12  # differs by rounding, about 1e-16
    step = 1e-6  # magnifies that to 1e-10

    def loss_at(i: int, move: float) -> float:
        moved = [Value(n + move if j == i else n) for j, n in enumerate(numbers)]
        return float(_loss_by_hand(moved).data)

    sides = [(loss_at(i, step), loss_at(i, -step)) for i in range(len(numbers))]
    return "finite differences", [(up - down) / (2.0 * step) for up, down in sides], 1e-7


def _loss_by_hand(parameters: list[Any]) -> Any:
    """The same loss of the same network, written out for Values and for torch's numbers."""
    loss = 0.0
    for x, y in zip(XS, YS):
        p, h = iter(parameters), x
        for width in (4, 4, 1):
            h = [(sum(next(p) * x for x in h) + next(p)).tanh() for _ in range(width)]
        loss += (h[0] - y) ** 2 / len(YS)
    return loss


def _pictures(model: MLP, out: Path) -> None:
    _say("\n4. Pictures of the first network")
    first, second, last = model.layers
    h = [Value(h.data, label=f"h{i}") for i, h in enumerate(second(first(XS[0])), start=1)]
    [output], [neuron] = last(h), last.neurons
    output.label = "output"
    model.zero_grad()
    output.backward()
    names = {f"w{i}": w for i, w in enumerate(neuron.w, start=1)} | {"b": neuron.b}
    graph, network = draw(output, local_derivatives=True, names=names), draw_network(model)

    def page(path: Path) -> None:
        explore(output, path, names=names)

    files: dict[str, tuple[str, Callable[[Path], Any]]] = {
        "neuron.svg": ("its last neuron", graph.save),
        "neuron.png": ("its last neuron", graph.save),
        "neuron.html": ("its backward pass, in a browser", page),
        "network.svg": ("all its weights", network.save),
        "network.png": ("all its weights", network.save),
    }
    for name, (what, write) in files.items():
        with _explained(f"cannot save {out / name}"):
            write(out / name)
        _line(what, str(out / name))


# --- train: from a CSV to a network ---

OPTIMIZERS = {"adam": (Adam, 0.01), "rmsprop": (RMSprop, 0.01), "sgd": (SGD, 0.1)}  # with their lr
FEW_NUMBERS = 10  # in a target: they may well stand for classes
MOST_VALUES = 100  # of a text feature; more are names or remarks rather than categories


@dataclass
class Recipe:
    """What a network needs to be used on a file: its columns, their scale, what outputs mean."""

    target: str
    columns: Columns
    classes: list[str] | None  # None: the target is a number, which is scaled too
    inputs: Scaler
    outputs: Scaler

    @classmethod
    def from_extra(cls, extra: Any, model: Any) -> Recipe:
        """What as_extra has made; an error if it is something else, or not this network's."""
        columns = {
            str(name): values and list(map(str, values)) for name, values in extra["columns"]
        }
        classes = extra["classes"] and list(map(str, extra["classes"]))
        scalers = [Scaler(*extra[name]) for name in ("inputs", "outputs")]
        recipe = cls(str(extra["target"]), columns, classes, *scalers)
        if (len(feature_names(columns)), len(classes or [0])) != (model.nin, model.nouts[-1]):
            raise ValueError("the recipe is not this network's")
        recipe.scaled([[0.0] * model.nin], [0.0])  # tries the scales
        return recipe

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


def train(options: argparse.Namespace) -> None:
    """Reads, splits, scales, trains, tells how good it is, saves."""
    _need("tqdm", *(["matplotlib"] if options.plot else []))
    _check_outputs([options.data], save=options.save, plot=options.plot)
    table = _table(options)
    X, held_out_X, y, held_out_y = _split(table, options)
    with _arithmetic(options):
        # The scales are those of the rows that are trained on: the others must not be seen.
        outputs = Scaler() if table.classes else Scaler().fit([[t] for t in y])
        recipe = Recipe(options.target, table.columns, table.classes, Scaler().fit(X), outputs)
        parts = recipe.scaled(X, y), recipe.scaled(held_out_X, held_out_y)
        widths = [*options.hidden, len(table.classes or [0])]
        model = MLP(len(X[0]), widths, options.activation, "linear", rng=options.seed)
        _introduce(table, model, options, len(held_out_y))
        history = _fit(model, recipe, parts, options)
        _results(model, recipe, parts, history)
    _keep(model, recipe, history, options)


def _table(options: argparse.Namespace) -> Table:
    with _explained(f"cannot read {options.data}"):
        table = load_csv(options.data, options.target, options.category, options.ignore)
    for name, values in table.columns.items():
        if values and len(values) > MOST_VALUES:
            raise CommandError(
                f"the column {name!r} has {len(values)} different texts, {values[0]!r} among them: "
                f'that is no category; leave it out with --ignore "{name}"'
            )
    return table


def _split(table: Table, options: argparse.Namespace) -> tuple[Any, Any, Any, Any]:
    """X and y to train on and held out, if that can be learnt and judged."""
    classes = table.classes or []
    with _explained():
        X, held_out_X, y, held_out_y = train_test_split(
            table.X, table.y, options.test_size, options.seed, stratify=bool(classes)
        )
    for k, name in enumerate(classes):
        if k not in y:
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
    _say(str(options.data))
    _line("rows", f"{len(table.y)}, of which {held_out} are held out")
    _line("inputs", _names(feature_names(table.columns)))
    if table.classes:
        _line("target", f"{options.target}: {_names(table.classes)}")
    else:
        _line("target", f"{options.target}: {min(table.y):g} to {max(table.y):g}")
        if len(set(table.y)) <= FEW_NUMBERS:
            _line("  if these are classes, add", f'--category "{options.target}"')
    shape = "-".join(map(str, [model.nin, *model.nouts]))
    _line("network", f"{shape}, {options.activation}, {len(model.parameters())} parameters\n")


def _names(names: list[str]) -> str:
    """How many, and as many of them as fit into the line."""
    return f"{len(names)} ({textwrap.shorten(', '.join(names), 36, placeholder=' ...')})"


def _fit(model: MLP, recipe: Recipe, parts: Any, options: argparse.Namespace) -> History:
    (X, y), held_out = parts
    optimizer, lr = OPTIMIZERS[options.optimizer]
    stop = [EarlyStopping(patience=options.patience)] if options.patience else []
    with _bar(options.epochs) as show:
        return fit(
            model, X, y, recipe.loss, optimizer(model.parameters(), lr=options.lr or lr),
            epochs=options.epochs, batch_size=options.batch_size, validation=held_out,
            l2=options.l2, metrics=[recipe.metric], callbacks=[show, *stop], seed=options.seed,
            progress=False,
        )  # fmt: skip


def _results(model: MLP, recipe: Recipe, parts: Any, history: History) -> None:
    _say("")
    if history.stopped:
        best = min(range(len(history)), key=history["val_loss"].__getitem__) + 1
        _line("stopped early", f"after {len(history)} epochs; epoch {best} was best and is kept")
    metrics = [recipe.metric] if recipe.classes else [recipe.metric, "mae"]
    results = [evaluate(model, X, y, recipe.loss, metrics) for X, y in parts]
    if not all(math.isfinite(result["loss"]) for result in results):
        raise FloatingPointError("the loss is not finite after the last step")

    def row(name: str, numbers: Iterable[float], form: str = "") -> None:
        _line(name, "  ".join(format(number, f">10{form}") for number in numbers))

    _line("", f"{'trained on':>10}  {'held out':>10}")
    row("rows", [len(y) for _, y in parts])
    name = "cross entropy" if recipe.classes else "squared error, target scaled"
    row(name, [result["loss"] for result in results], ".4f")
    if recipe.classes:
        row("accuracy", [result["accuracy"] for result in results], ".1%")
    else:
        row("r2, at best 1", [result["r2"] for result in results], ".4f")
        scale = recipe.outputs.scale[0]
        row("mean absolute error", [scale * result["mae"] for result in results], ".4g")


def _keep(model: MLP, recipe: Recipe, history: History, options: argparse.Namespace) -> None:
    _say("")
    if options.save:
        with _explained(f"cannot save {options.save}"):
            save(model, options.save, extra=recipe.as_extra())
    _line("model", str(options.save or "not kept: save it with --save model.json"))
    if options.plot:
        from matplotlib.figure import Figure

        figure, picture = Figure(figsize=(9.0, 3.6), dpi=120, layout="constrained"), io.BytesIO()
        for ax, key in zip(figure.subplots(1, 2), ("loss", recipe.metric)):
            curves = {"trained on": history[key], "held out": history[f"val_{key}"]}
            plot_history(curves, ax=ax).set_ylabel(key)
        figure.savefig(picture, format=options.plot.suffix[1:].lower())
        with _explained(f"cannot save {options.plot}"):
            write_whole(options.plot, picture.getvalue())
        _line("curves", str(options.plot))


@contextmanager
def _arithmetic(options: argparse.Namespace) -> Iterator[None]:
    """For what can grow too large: the file's own numbers, or those of training."""
    try:
        yield
    except FloatingPointError as error:
        reason = str(error).partition(":")[0]
        lr = options.lr or OPTIMIZERS[options.optimizer][1]
        raise CommandError(f"{reason}: nothing is saved; try an --lr below {lr:g}") from None
    except OverflowError:
        raise CommandError(f"{options.data} has numbers too large to compute with") from None


# --- predict: from a saved network and a CSV to answers ---


def predict(options: argparse.Namespace) -> None:
    """Answers every row; where the file has the target too, tells how many are right."""
    _check_outputs([options.model, options.data], out=options.out)
    model, recipe = _trained(options.model)
    with _explained(f"cannot read {options.data}"):
        X = load_columns(options.data, recipe.columns)
    with _arithmetic(options):
        outputs = _outputs(model, recipe, recipe.inputs.transform(X))
    answers = _answers(recipe, outputs)
    if options.out:
        text = io.StringIO()
        header = ["prediction", "probability"] if recipe.classes else ["prediction"]
        csv.writer(text, lineterminator="\n").writerows([header, *answers])
        with _explained(f"cannot save {options.out}"):
            write_whole(options.out, text.getvalue().encode())
        _line("predictions", f"{options.out}, {len(answers)} rows")
    else:
        _print_answers(recipe, answers)
    _score(recipe, outputs, options.data)


def _trained(path: Path) -> tuple[Any, Recipe]:
    with _explained(f"cannot read {path}"):
        model, extra = load(path), load_state(path)
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
    _say(f"   {'row':>6}  {recipe.target:>{width}}" + "  probability" * bool(recipe.classes))
    for row, (text, answer) in enumerate(zip(texts, answers), start=1):
        probability = f"  {answer[1]:>11.1%}" if recipe.classes else ""
        _say(f"   {row:>6}  {text:>{width}}{probability}")
    _say("")


def _score(recipe: Recipe, outputs: list[Any], data: Path) -> None:
    """How good the answers are, if the file has the right ones."""
    try:
        targets = load_columns(data, {recipe.target: recipe.classes})
    except (ValueError, OSError) as error:
        _line(recipe.metric, f"unknown: {error}")
        return
    if recipe.classes:
        _line("accuracy", _right(outputs, [row.index(1.0) for row in targets]))
    else:
        numbers = [number for [number] in targets]
        _line("r2, at best 1", f"{r2(outputs, numbers):.4f}")
        _line("mean absolute error", f"{mae(outputs, numbers):.4g}")


# --- what commands share ---


def _need(*modules: str) -> None:
    """All at once and before any work, so that nobody waits for an error."""
    try:
        for name in modules:
            import_module(name)
    except ImportError as error:
        raise CommandError(f"this command needs the extras ({error}): {INSTALL}") from None


def _check_outputs(inputs: list[Path], **outputs: Path | None) -> None:
    """Before any work: the file of each option can be written, and over none of the others."""
    taken = {path.resolve(): f"the file {path}" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.is_dir():
            raise CommandError(f"--{option} {path} is a directory: give the name of a file")
        if not path.parent.is_dir():
            raise CommandError(f"--{option} {path}: there is no directory {path.parent}, make it")
        _check_writable(path.parent)
        other = taken.setdefault(path.resolve(), f"what --{option} writes")
        if other != f"what --{option} writes":
            raise CommandError(f"--{option} would overwrite {other}: choose another")


def _check_writable(directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write into the directory {directory}: choose another")


@contextmanager
def _explained(what: str = "") -> Iterator[None]:
    """For calls whose errors are sentences for users; what says what the system has refused."""
    try:
        yield
    except (OSError, ValueError, ImportError, RuntimeError) as error:  # the last two: no Graphviz
        reason = getattr(error, "strerror", None)
        raise CommandError(f"{what}: {reason}" if reason else str(error)) from None


@contextmanager
def _bar(epochs: int) -> Iterator[Callable[[MLP, History], None]]:
    """A progress bar, as the callback of fit that moves it."""
    from tqdm import tqdm

    form = "   training |{bar:30}| {n_fmt}/{total_fmt} in {elapsed}{postfix}"
    with tqdm(total=epochs, bar_format=form) as bar:

        def show(model: MLP, history: History) -> None:
            text = f"loss {history['loss'][-1]:.4f}"
            if "val_loss" in history:
                text += f", held out {history['val_loss'][-1]:.4f}"
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        yield show


def _right(outputs: list[Any], classes: list[int]) -> str:
    share = accuracy(outputs, classes)
    return f"{share:.1%}, {round(share * len(classes))} of {len(classes)} right"


def _line(name: str, text: str) -> None:
    _say(f"   {name:<34}{text}")


def _say(text: str) -> None:
    print(text, flush=True)  # bars go to stderr: what was said before must be seen before


# --- the command line itself ---

START = """\
start with:
  python -m micrograd_like demo

train a network on a table and use it:
  python -m micrograd_like train iris.csv --target species --save model.json
  python -m micrograd_like predict model.json new.csv

each command explains itself: python -m micrograd_like train --help"""

DEMO = """\
See the package at work, in a few seconds:
  1. train the 3-4-4-1 tanh network of the micrograd lecture on four samples
  2. train a 4-8-3 network on 120 iris flowers and test it on 30 others
  3. compare every gradient of one step with PyTorch's
     (or with finite differences, if torch is not installed)
  4. draw one neuron with its gradients, and the trained network"""
DEMO_NOTE = f"""\
The seeds are fixed: the numbers are the same every time.
Needs the extras: {INSTALL}
The first part as a script to read: demos/tiny_mlp.py"""

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
  4. The network 4-8-8-3 (inputs, hidden layers, classes) is trained.
  5. The model, with all that predict needs, and the curves are saved."""
TRAIN_NOTE = """\
The same seed gives the same numbers every time. Needs the train extra, and for
--plot the plot extra: pip install "micrograd_like[train,plot]\""""

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


class _Parser(argparse.ArgumentParser):
    """Texts keep their lines; wrong calls get one sentence, where argparse repeats the usage."""

    def __init__(self, **how: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **how)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    about = "A scalar autograd engine that can be read in one sitting, with tanh networks."
    parser = _Parser(prog="python -m micrograd_like", description=about, epilog=START)
    parser.add_argument("--version", action="version", version=f"micrograd_like {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())  # no command
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser

    short = "train two small networks, check the gradients, draw the pictures"
    sub = add("demo", help=short, description=DEMO, epilog=DEMO_NOTE)
    text = "where to put the pictures; made if need be (default: %(default)s)"
    folder = Path("micrograd_like_demo")
    sub.add_argument("--out", type=Path, metavar="DIR", default=folder, help=text)
    sub.set_defaults(run=demo)

    short = "train a network on the columns of a CSV file"
    usage = "python -m micrograd_like train DATA.csv --target COLUMN [options]"
    sub = add("train", help=short, usage=usage, description=TRAIN, epilog=TRAIN_NOTE)
    _add_data_options(sub)
    _add_network_options(sub.add_argument_group("the network and its training"))
    sub.set_defaults(run=train)

    short = "use a trained network on the rows of a CSV file"
    sub = add("predict", help=short, description=PREDICT, epilog=PREDICT_NOTE)
    sub.add_argument("model", type=Path, metavar="MODEL.json", help="what train has saved")
    sub.add_argument("data", type=Path, metavar="NEW.csv", help="a CSV file with a header")
    text = "write the predictions there, row for row, instead of printing them"
    sub.add_argument("--out", type=Path, metavar="PREDICTIONS.csv", help=text)
    sub.set_defaults(run=predict)
    return parser


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    def add(name: str, metavar: str, text: str, **how: Any) -> None:
        parser.add_argument(name, metavar=metavar, help=text, **how)

    several: dict[str, Any] = {"action": "append", "default": []}
    add("data", "DATA.csv", "a CSV file in UTF-8, with a header", type=Path)
    add("--target", "COLUMN", "the column to predict", required=True)
    text = "take these numbers as words, such as 0 and 1 for no and yes; may be given again"
    add("--category", "COLUMN", text, **several)
    add("--ignore", "COLUMN", "leave this column out, such as an id; may be given again", **several)
    add("--save", "MODEL.json", "where to keep the model", type=Path)
    add("--plot", "PICTURE", "loss and score by epoch: .png, .svg, .pdf", type=_picture)


def _add_network_options(group: Any) -> None:
    def add(name: str, default: Any, text: str, **how: Any) -> None:
        shown = "" if default is None else f" (default: {default})"
        group.add_argument(f"--{name}", default=default, help=text + shown, **how)

    count = _checked(int, lambda n: n >= 1, "a whole number of at least 1")
    positive = _checked(float, lambda x: 0.0 < x < math.inf, "a number above 0")
    weight = _checked(float, lambda x: 0.0 <= x < math.inf, "a number of at least 0")
    share = _checked(float, lambda x: 0.0 < x < 1.0, "a number between 0 and 1")
    add("hidden", "16", "widths of the hidden layers", type=_widths, metavar="8,8")
    add("activation", "tanh", ", ".join(ACTIVATIONS), choices=ACTIVATIONS, metavar="NAME")
    add("epochs", 100, "how often to go through the rows", type=count, metavar="N")
    add("batch-size", 16, "rows for each step", type=count, metavar="N")
    add("optimizer", "adam", ", ".join(OPTIMIZERS), choices=OPTIMIZERS, metavar="NAME")
    add("lr", None, "learning rate (default: 0.01, for sgd 0.1)", type=positive, metavar="X")
    add("l2", 0.0, "weight of the sum of squared weights in the loss", type=weight, metavar="X")
    add("test-size", 0.2, "share of the rows to hold out", type=share, metavar="X")
    text = (
        "stop when the held-out loss has not improved for N epochs and keep the best; having "
        "chosen, the held-out score is a little too good"
    )
    add("patience", None, text, type=count, metavar="N")
    add("seed", 0, "of the split, the first weights and the order", type=int, metavar="N")


def _checked(kind: Callable[[str], Any], good: Callable[[Any], bool], expected: str) -> Any:
    """A converter for argparse whose errors say what was expected."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not good(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return convert


_widths = _checked(
    lambda text: [int(width) for width in text.split(",")],
    lambda widths: min(widths) >= 1,
    "widths of at least 1 such as 8,8",
)
_picture = _checked(
    Path,
    lambda path: path.suffix.lower() in (".png", ".svg", ".pdf"),
    "a name that ends in .png, .svg or .pdf",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, by default that of this process; returns the exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may be hard to print
    try:
        options.run(options)
    except CommandError as error:
        print(f"micrograd_like: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmicrograd_like: stopped", file=sys.stderr)
        return 130  # what a shell reports for Ctrl-C
    except OSError as error:  # the disk is full, or our reader has gone, as in: demo | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed again at exit
        if not isinstance(error, BrokenPipeError):
            print(f"micrograd_like: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0

