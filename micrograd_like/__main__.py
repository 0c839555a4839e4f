"""The command line: what the package does, seen from a terminal.

    python -m micrograd_like demo
    python -m micrograd_like train iris.csv --target species --save model.json
    python -m micrograd_like predict model.json new.csv

A sub-command is one function that takes the parsed options, prints what it did, and raises a
CommandError for what the user can put right. ``_parser`` names it and describes its options;
``main`` turns errors into one sentence and an exit code: 0 done, 1 failed, 2 wrongly called.
The extras are imported where they are used, so that ``--help`` needs none of them.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import random
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .data import Columns, Scaler, Table, feature_names, load_columns, load_csv, train_test_split
from .draw import Drawing, draw, draw_network
from .engine import Value, no_grad
from .explore import explore
from .files import write_whole
from .losses import cross_entropy, hinge_loss, mse_loss
from .nn import ACTIVATIONS, MLP
from .optim import SGD, Adam, RMSprop
from .plot import plot_history
from .serialize import load, load_state, save
from .train import METRICS, EarlyStopping, History, evaluate, fit, predict_proba
from .train import predict as outputs_of

INSTALL = 'pip install "micrograd_like[all]"'


class CommandError(Exception):
    """What went wrong and what to do about it, in one sentence for the terminal."""


# --- demo: train two networks, check the gradients of one, draw it ---

# Four samples in the manner of the micrograd lecture.
XS = [[2.0, 8.0, -1.0], [3.0, -1.0, 0.5], [0.5, 7.0, 8.0], [1.0, 1.0, -9.0]]
YS = [1.0, -1.0, -1.0, 1.0]
UNSEEN = [2.0, 3.0, -1.0]

# How far two ways to compute a gradient of about 1 may be apart. torch differs by rounding alone,
# about 1e-16; finite differences over a step of 1e-6 magnify that to about 1e-10.
TORCH_TOLERANCE, DIFFERENCES_TOLERANCE = 1e-12, 1e-7


def demo(options: argparse.Namespace) -> None:
    """Trains, checks and draws; prints every number that it claims."""
    _need("tqdm", "sklearn")
    out = _directory(options.out)
    _say(f"micrograd_like {__version__}: two networks, trained, checked and drawn.")
    model = _four_samples()
    _iris()
    _check_gradients()
    _pictures(model, out)


def _four_samples() -> MLP:
    model = MLP(3, [4, 4, 1], rng=0)
    _head(1, f"Four samples, a tanh network 3-4-4-1 with {len(model.parameters())} parameters")
    optimizer = SGD(model.parameters(), lr=0.1)
    losses = []
    bar = _bar(100)
    for _ in bar:
        loss = mse_loss([model(x) for x in XS], YS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
        bar.set_postfix_str(f"loss {loss.data:.4f}", refresh=False)
    _line("mean squared error", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    for x, y in zip(XS, YS):
        _line(f"output for {_numbers(x)}", f"{model(x).data:+.4f}, wanted {y:+.0f}")
    _line(f"output for {_numbers(UNSEEN)}", f"{model(UNSEEN).data:+.4f}, never seen in training")
    return model


def _iris() -> None:
    xs, ys, held_out_xs, held_out_ys = _iris_data()
    model = MLP(4, [8, 3], output_activation="linear", rng=0)
    _head(2, f"150 iris flowers, a tanh network 4-8-3 with {len(model.parameters())} parameters")
    optimizer = SGD(model.parameters(), lr=0.3)
    rng = random.Random(0)
    losses = []
    bar = _bar(20)
    for _ in bar:
        losses.append(_epoch(model, optimizer, xs, ys, rng))
        bar.set_postfix_str(f"loss {losses[-1]:.4f}", refresh=False)
    _line("hinge loss", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    _line("accuracy, trained on", _accuracy(model, xs, ys))
    _line("accuracy, held out", _accuracy(model, held_out_xs, held_out_ys))


def _epoch(
    model: MLP, optimizer: SGD, xs: list[list[float]], ys: list[int], rng: random.Random
) -> float:
    """One step for every ten flowers, in a random order; returns the mean of their losses."""
    order = rng.sample(range(len(xs)), len(xs))
    batches = [order[start : start + 10] for start in range(0, len(xs), 10)]
    total = 0.0
    for batch in batches:
        # One output for each species: +1 for its flowers, -1 for all others.
        targets = [[1.0 if ys[i] == species else -1.0 for species in range(3)] for i in batch]
        loss = hinge_loss([model(xs[i]) for i in batch], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.data
    return total / len(batches)


def _accuracy(model: MLP, xs: list[list[float]], ys: list[int]) -> str:
    """The species with the highest score is the answer."""
    with no_grad():
        scores = [model(x) for x in xs]
    right = sum(max(range(3), key=s.__getitem__) == y for s, y in zip(scores, ys))
    return f"{right / len(ys):.1%}, {right} of {len(ys)} right"


def _iris_data() -> tuple[list[list[float]], list[int], list[list[float]], list[int]]:
    """Measurements and species, for training and held out, a fifth of every species."""
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = load_iris(return_X_y=True)
    xs, held_out_xs, ys, held_out_ys = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    scaler = StandardScaler().fit(xs)  # its mean and deviation must not see what is held out
    return (
        scaler.transform(xs).tolist(),
        ys.tolist(),
        scaler.transform(held_out_xs).tolist(),
        held_out_ys.tolist(),
    )


def _check_gradients() -> None:
    model = MLP(3, [4, 4, 1], rng=0)
    _head(3, f"The {len(model.parameters())} gradients of the first step, checked")
    mse_loss([model(x) for x in XS], YS).backward()
    ours = [p.grad for p in model.parameters()]
    try:
        name, theirs, tolerance = "torch", _torch_gradients(model), TORCH_TOLERANCE
    except ImportError:
        _line("torch", "is not installed, so by finite differences instead")
        name, theirs = "finite differences", _finite_differences(model)
        tolerance = DIFFERENCES_TOLERANCE
    largest = max(abs(a - b) for a, b in zip(ours, theirs))
    _line("largest gradient", f"{max(map(abs, ours)):.4f}")
    _line("largest difference", f"{largest:.1e} from {name}")
    if not largest <= tolerance:
        raise CommandError(
            f"the gradients differ from {name} by {largest:.1e}, more than {tolerance:.0e}: "
            "please report it, with your version of Python and your platform"
        )


def _torch_gradients(model: MLP) -> list[float]:
    """The same network in torch, float64, with the same weights: one gradient a parameter."""
    import torch

    def tensor(numbers: Any, trained: bool = False) -> Any:
        return torch.tensor(numbers, dtype=torch.float64, requires_grad=trained)

    x = tensor(XS)
    parameters = []
    for layer in model.layers:
        w = tensor([[w.data for w in neuron.w] for neuron in layer.neurons], trained=True)
        b = tensor([neuron.b.data for neuron in layer.neurons], trained=True)
        x = torch.tanh(torch.nn.functional.linear(x, w, b))
        parameters.append((w, b))
    torch.nn.functional.mse_loss(x[:, 0], tensor(YS)).backward()  # type: ignore[no-untyped-call]
    rows = [row for w, b in parameters for row in zip(w.grad.tolist(), b.grad.tolist())]
    return [g for w_grads, b_grad in rows for g in (*w_grads, b_grad)]


def _finite_differences(model: MLP, step: float = 1e-6) -> list[float]:
    """How much the loss changes when a parameter does, to both sides of where it is."""

    def loss_at(p: Value, number: float) -> float:
        before, p.data = p.data, number
        loss: Value = mse_loss([model(x) for x in XS], YS)
        p.data = before
        return loss.data

    with no_grad():
        return [
            (loss_at(p, p.data + step) - loss_at(p, p.data - step)) / (2.0 * step)
            for p in model.parameters()
        ]


def _pictures(model: MLP, out: Path) -> None:
    _head(4, "Pictures of the first network")
    x: Any = XS[0]
    for layer in model.layers[:-1]:
        x = layer(x)
    x = [Value(h.data, label=f"h{i}") for i, h in enumerate(x, start=1)]
    (neuron,) = model.layers[-1].neurons
    output = neuron(x)
    output.label = "output"
    model.zero_grad()
    output.backward()
    names = {f"w{i}": w for i, w in enumerate(neuron.w, start=1)} | {"b": neuron.b}
    graph = draw(output, local_derivatives=True, names=names)
    _save(graph, "its last neuron", out / "neuron")
    page = out / "neuron.html"
    try:
        explore(output, page, names=names)
    except OSError as error:
        raise CommandError(f"cannot save {page}: {_reason(error)}") from None
    _line("its backward pass", f"{page}, open it in a browser")
    _save(draw_network(model), "all its weights", out / "network")


def _save(drawing: Drawing, what: str, path: Path) -> None:
    for suffix in (".svg", ".png"):
        file = path.with_suffix(suffix)
        try:
            drawing.save(file)
        except (OSError, RuntimeError, ImportError) as error:
            raise CommandError(f"cannot save {file}: {_reason(error)}") from None
        _line(what, str(file))


# --- train: from a CSV to a network ---

OPTIMIZERS = {"adam": (Adam, 0.01), "rmsprop": (RMSprop, 0.01), "sgd": (SGD, 0.1)}  # with their lr
PICTURES = (".png", ".svg", ".pdf")
FEW_NUMBERS = 10  # in a target: they may well stand for classes
MOST_VALUES = 100  # of a text feature; more are names or remarks rather than categories

Part = tuple[list[list[float]], list[Any]]  # X and y as the network takes them


@dataclass
class Recipe:
    """What a network needs to be used on a file: its columns, their scale, what outputs mean."""

    target: str
    columns: Columns
    classes: list[str] | None  # None: the target is a number, which the network has scaled
    inputs: Scaler
    outputs: Scaler

    @classmethod
    def of(cls, target: str, table: Table, X: list[list[float]], y: list[Any]) -> Recipe:
        """With the scales of the rows that are trained on: the others must not be seen."""
        outputs = Scaler() if table.classes else Scaler().fit([[t] for t in y])
        return cls(target, table.columns, table.classes, Scaler().fit(X), outputs)

    @classmethod
    def from_extra(cls, extra: Any, model: Any) -> Recipe:
        """What as_extra has made; an error if it is something else, or does not fit the network."""
        columns = {
            str(name): values and list(map(str, values)) for name, values in extra["columns"]
        }
        classes = extra["classes"] and list(map(str, extra["classes"]))
        scalers = [_scaler(*extra[name]) for name in ("inputs", "outputs")]
        recipe = cls(str(extra["target"]), columns, classes, *scalers)
        sizes = model.nin, model.nouts[-1]
        if recipe.sizes != sizes or [len(s.mean) for s in scalers] != [sizes[0], not classes]:
            raise ValueError("the recipe is not this network's")
        return recipe

    @property
    def loss(self) -> Callable[[Any, Any], Any]:
        return cross_entropy if self.classes else mse_loss

    @property
    def metric(self) -> str:
        return "accuracy" if self.classes else "r2"

    @property
    def sizes(self) -> tuple[int, int]:
        """How many inputs and outputs the network has."""
        return len(feature_names(self.columns)), len(self.classes) if self.classes else 1

    def as_extra(self) -> dict[str, Any]:
        """As save takes it; columns in pairs, for the name of one may start with a $."""
        return {
            "target": self.target,
            "columns": [list(pair) for pair in self.columns.items()],
            "classes": self.classes,
            "inputs": [self.inputs.mean, self.inputs.scale],
            "outputs": [self.outputs.mean, self.outputs.scale],
        }

    def part(self, X: list[list[float]], y: list[Any]) -> Part:
        """Rows and targets, scaled."""
        targets = y if self.classes else [t for [t] in _scaled([[t] for t in y], self.outputs)]
        return _scaled(X, self.inputs), targets


def _scaler(mean: list[float], scale: list[float]) -> Scaler:
    if len(mean) != len(scale) or not all(0.0 < s < math.inf for s in scale):
        raise ValueError("a scale that cannot be")
    scaler = Scaler()
    scaler.mean, scaler.scale = [float(m) for m in mean], [float(s) for s in scale]
    return scaler


def _scaled(rows: list[list[float]], scaler: Scaler) -> list[list[float]]:
    scaled = scaler.transform(rows)
    if not all(math.isfinite(x) for row in scaled for x in row):
        raise OverflowError("a number divided by its column's scale is too large")
    return scaled


def train(options: argparse.Namespace) -> None:
    """Reads, splits, scales, trains, tells how good it is, saves."""
    _need("tqdm", *(["matplotlib"] if options.plot else []))
    _check_outputs({"--save": options.save, "--plot": options.plot}, [options.data])
    table = _table(options)
    with _explained():
        X, held_out_X, y, held_out_y = train_test_split(
            table.X, table.y, options.test_size, options.seed, stratify=table.classes is not None
        )
    _check_split(table, y, held_out_y, options)
    with _arithmetic(options):
        recipe = Recipe.of(options.target, table, X, y)
        parts = recipe.part(X, y), recipe.part(held_out_X, held_out_y)
        inputs, outputs = recipe.sizes
        widths = [*options.hidden, outputs]
        model = MLP(inputs, widths, options.activation, "linear", rng=options.seed)
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
    wanted = "two classes" if table.classes else "different numbers"
    if min(table.y) == max(table.y):
        answer = table.classes[0] if table.classes else f"{table.y[0]:g}"
        raise CommandError(
            f"the target {options.target!r} is {answer} in every row: there is nothing to learn, "
            f"it needs {wanted}"
        )
    return table


def _check_split(
    table: Table, y: list[Any], held_out_y: list[Any], options: argparse.Namespace
) -> None:
    for k, name in enumerate(table.classes or []):
        if k not in y:
            raise CommandError(
                f"no row of class {name!r} is left to train on: the file has {table.y.count(k)} "
                "of it; give it more rows, or a smaller --test-size"
            )
    if table.classes is None and len(held_out_y) < 2:
        raise CommandError(
            f"{len(held_out_y)} of {len(table.y)} rows is held out, and r2 needs 2: "
            "give the file more rows, or a larger --test-size"
        )
    if table.classes is None and min(y) == max(y):
        raise CommandError(
            f"the target {options.target!r} is {y[0]:g} in every row that is left to train on: "
            "give the file more rows, or another --seed"
        )


def _introduce(table: Table, model: MLP, options: argparse.Namespace, held_out: int) -> None:
    _say(str(options.data))
    _line("rows", f"{len(table.y)}, of which {held_out} are held out")
    numbers = [name for name, values in table.columns.items() if values is None]
    if numbers:
        _line("numbers", _names(numbers))
    for name, values in table.columns.items():
        if values is not None:
            _line(f"category {name}"[: _WIDTH - 1], _names(values))
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


def _fit(
    model: MLP, recipe: Recipe, parts: tuple[Part, Part], options: argparse.Namespace
) -> History:
    optimizer, lr = OPTIMIZERS[options.optimizer]
    stop = [EarlyStopping(patience=options.patience)] if options.patience else []
    bar = _bar(options.epochs)

    def show(model: MLP, history: History) -> None:
        loss, held_out = history["loss"][-1], history["val_loss"][-1]
        bar.set_postfix_str(f"loss {loss:.4f}, held out {held_out:.4f}", refresh=False)
        bar.update()

    try:
        return fit(
            model,
            *parts[0],
            recipe.loss,
            optimizer(model.parameters(), lr=options.lr or lr),
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=parts[1],
            l2=options.l2,
            metrics=[recipe.metric],
            callbacks=[show, *stop],
            seed=options.seed,
            progress=False,
        )
    finally:
        bar.close()


def _results(model: MLP, recipe: Recipe, parts: tuple[Part, Part], history: History) -> None:
    _say("")
    if history.stopped:
        best = min(range(len(history)), key=history["val_loss"].__getitem__) + 1
        _line("stopped early", f"after {len(history)} epochs; epoch {best} was best and is kept")
    metrics = [recipe.metric] if recipe.classes else [recipe.metric, "mae"]
    results = [evaluate(model, *part, recipe.loss, metrics) for part in parts]
    if not all(math.isfinite(result["loss"]) for result in results):
        raise FloatingPointError("the loss is not finite after the last step")
    _line("", f"{'trained on':>10}  {'held out':>10}")
    _line("rows", "  ".join(f"{len(y):>10}" for _, y in parts))
    loss = "cross entropy" if recipe.classes else "squared error, target scaled"
    _line(loss, "  ".join(f"{result['loss']:>10.4f}" for result in results))
    if recipe.classes:
        _line("accuracy", "  ".join(f"{result['accuracy']:>10.1%}" for result in results))
    else:
        _line("r2, at best 1", "  ".join(f"{result['r2']:>10.4f}" for result in results))
        errors = [result["mae"] * recipe.outputs.scale[0] for result in results]
        _line("mean absolute error", "  ".join(f"{error:>10.4g}" for error in errors))


def _keep(model: MLP, recipe: Recipe, history: History, options: argparse.Namespace) -> None:
    _say("")
    if options.save:
        with _explained(f"cannot save {options.save}"):
            save(model, options.save, extra=recipe.as_extra())
        _line("model", str(options.save))
    else:
        _line("model", "not kept: save it with --save model.json")
    if options.plot:
        with _explained(f"cannot save {options.plot}"):
            write_whole(options.plot, _curves(history, recipe, options.plot.suffix[1:].lower()))
        _line("curves", str(options.plot))


def _curves(history: History, recipe: Recipe, form: str) -> bytes:
    """The picture of the loss and the metric over the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), dpi=120, layout="constrained")
    names = {"loss": "cross entropy" if recipe.classes else "squared error, target scaled"}
    for ax, name in zip(figure.subplots(1, 2), ("loss", recipe.metric)):
        plot_history({"trained on": history[name], "held out": history[f"val_{name}"]}, ax=ax)
        ax.set_ylabel(names.get(name, name))
        ax.grid(color="#e5e7eb", linewidth=0.8)
    picture = io.BytesIO()
    figure.savefig(picture, format=form)
    return picture.getvalue()


# --- predict: from a saved network and a CSV to answers ---


def predict(options: argparse.Namespace) -> None:
    """Answers every row; where the file has the target too, tells how many are right."""
    _check_outputs({"--out": options.out}, [options.model, options.data])
    with _explained(f"cannot read {options.model}"):
        model, extra = load(options.model), load_state(options.model)
    try:
        recipe = Recipe.from_extra(extra, model)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise CommandError(
            f"{options.model} holds a model, but not one of this command line: make it with "
            "python -m micrograd_like train DATA.csv --target COLUMN --save MODEL.json"
        ) from None
    with _explained(f"cannot read {options.data}"):
        X = load_columns(options.data, recipe.columns)
    with _arithmetic(options):
        outputs = _outputs(model, recipe, _scaled(X, recipe.inputs))
    answers = _answers(recipe, outputs)
    if options.out:
        with _explained(f"cannot save {options.out}"):
            write_whole(options.out, _as_csv(recipe, answers))
        _line("predictions", f"{options.out}, {len(answers)} rows")
    else:
        _print_answers(recipe, answers)
        _say("")
    _score(recipe, outputs, options.data)


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


def _as_csv(recipe: Recipe, answers: list[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    header = ("prediction", "probability") if recipe.classes else ("prediction",)
    csv.writer(text, lineterminator="\n").writerows([header, *answers])
    return text.getvalue().encode()


def _score(recipe: Recipe, outputs: list[Any], data: Path) -> None:
    """How good the answers are, if the file has the right ones."""
    try:
        targets = load_columns(data, {recipe.target: recipe.classes})
    except (ValueError, OSError) as error:
        _line(recipe.metric, f"unknown: {error}")
        return
    if recipe.classes:
        classes = [row.index(1.0) for row in targets]
        score = METRICS["accuracy"](outputs, classes)
        _line("accuracy", f"{score:.1%}, {round(score * len(classes))} of {len(classes)} right")
    else:
        numbers = [row[0] for row in targets]
        _line("r2, at best 1", f"{METRICS['r2'](outputs, numbers):.4f}")
        _line("mean absolute error", f"{METRICS['mae'](outputs, numbers):.4g}")


# --- what sub-commands share ---

_WIDTH = 34  # of the column of names


def _need(*modules: str) -> None:
    """All at once and before any work, so that nobody waits for an error."""
    try:
        for name in modules:
            import_module(name)
    except ImportError as error:
        raise CommandError(f"this command needs the extras ({error}): {INSTALL}") from None


def _directory(path: Path) -> Path:
    """The directory, made if need be; a CommandError if nothing can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"cannot make the directory {path}: {_reason(error)}; choose another with --out"
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write into the directory {path}; choose another with --out")
    return path


def _check_outputs(outputs: dict[str, Path | None], inputs: list[Path]) -> None:
    """Before any work: each file can be written, and none is written over another."""
    files = {path.resolve(): f"the file {path}" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.is_dir():
            raise CommandError(f"{option} {path} is a directory: give the name of a file")
        if not path.parent.is_dir():
            raise CommandError(f"{option} {path}: there is no directory {path.parent}, make it")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise CommandError(f"{option} {path}: cannot write into the directory {path.parent}")
        if option == "--plot" and path.suffix.lower() not in PICTURES:
            raise CommandError(f"--plot {path}: use a name that ends in {', '.join(PICTURES)}")
        if path.resolve() in files:
            raise CommandError(f"{option} would overwrite {files[path.resolve()]}: choose another")
        files[path.resolve()] = f"what {option} writes"


@contextmanager
def _explained(what: str = "") -> Iterator[None]:
    """For calls whose errors are sentences for users; what says what the system has refused."""
    try:
        yield
    except OSError as error:
        text = f"{what}: {error.strerror}" if error.strerror else str(error)
        raise CommandError(text) from None
    except ValueError as error:
        raise CommandError(str(error)) from None


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


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _bar(steps: int) -> Any:
    from tqdm import tqdm

    form = "   training |{bar:30}| {n_fmt}/{total_fmt} in {elapsed}{postfix}"
    return tqdm(range(steps), bar_format=form)


def _head(number: int, text: str) -> None:
    _say(f"\n{number}. {text}")


def _line(name: str, text: str) -> None:
    _say(f"   {name:<{_WIDTH}}{text}")


def _say(text: str) -> None:
    print(text, flush=True)  # bars go to stderr: what was said before must be seen before


def _numbers(numbers: Iterable[float]) -> str:
    return "[" + ", ".join(f"{x:4.1f}" for x in numbers) + "]"


# --- the command line itself ---


class _Parser(argparse.ArgumentParser):
    """Wrong calls get one sentence, where argparse repeats the usage first."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m micrograd_like",
        description="A scalar autograd engine that can be read in one sitting, with tanh networks.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""\
start with:
  python -m micrograd_like demo

train a network on a table and use it:
  python -m micrograd_like train iris.csv --target species --save model.json
  python -m micrograd_like predict model.json new.csv

each command explains itself: python -m micrograd_like train --help""",
    )
    parser.add_argument("--version", action="version", version=f"micrograd_like {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())  # no command
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_train(commands)
    _add_predict(commands)
    return parser


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="train two small networks, check the gradients, draw the pictures",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
See the package at work, in a few seconds:
  1. train the 3-4-4-1 tanh network of the micrograd lecture on four samples
  2. train a 4-8-3 network on 120 iris flowers and test it on 30 others
  3. compare every gradient of one step with PyTorch's
     (or with finite differences, if torch is not installed)
  4. draw one neuron with its gradients, and the trained network""",
        epilog=f"""\
The seeds are fixed: the numbers are the same every time.
Needs the extras: {INSTALL}
The first part as a script to read: demos/tiny_mlp.py""",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("micrograd_like_demo"),
        help="where to put the pictures; made if need be (default: %(default)s)",
    )
    parser.set_defaults(run=demo)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train a network on the columns of a CSV file",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m micrograd_like train DATA.csv --target COLUMN [options]",
        description="""\
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
  5. The model, with all that predict needs, and the curves are saved.""",
        epilog="""\
The same seed gives the same numbers every time. Needs the train extra, and for
--plot the plot extra: pip install "micrograd_like[train,plot]\"""",
    )
    add = parser.add_argument
    add("data", type=Path, metavar="DATA.csv", help="a CSV file in UTF-8, with a header")
    add("--target", required=True, metavar="COLUMN", help="the column to predict")
    add(
        "--category",
        action="append",
        default=[],
        metavar="COLUMN",
        help="take these numbers as words, such as 0 and 1 for no and yes; may be given again",
    )
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave this column out, such as an id; may be given again",
    )
    add("--save", type=Path, metavar="MODEL.json", help="where to keep the model")
    add("--plot", type=Path, metavar="PICTURE", help="loss and score by epoch: .png, .svg, .pdf")
    _add_network_options(parser.add_argument_group("the network and its training"))
    parser.set_defaults(run=train)


def _add_network_options(group: Any) -> None:
    def add(name: str, default: Any, text: str, **how: Any) -> None:
        shown = "" if default is None else f" (default: {default})"
        group.add_argument(f"--{name}", default=default, help=text + shown, **how)

    count = _checked(int, lambda n: n >= 1, "a whole number of at least 1")
    positive = _checked(float, lambda x: 0.0 < x < math.inf, "a number above 0")
    add("hidden", "16", "widths of the hidden layers", type=_widths, metavar="8,8")
    add("activation", "tanh", ", ".join(ACTIVATIONS), choices=ACTIVATIONS, metavar="NAME")
    add("epochs", 100, "how often to go through the rows", type=count, metavar="N")
    add("batch-size", 16, "rows for each step", type=count, metavar="N")
    add("optimizer", "adam", ", ".join(OPTIMIZERS), choices=OPTIMIZERS, metavar="NAME")
    add("lr", None, "learning rate (default: 0.01, for sgd 0.1)", type=positive, metavar="X")
    weight = _checked(float, lambda x: 0.0 <= x < math.inf, "a number of at least 0")
    add("l2", 0.0, "weight of the sum of squared weights in the loss", type=weight, metavar="X")
    share = _checked(float, lambda x: 0.0 < x < 1.0, "a number between 0 and 1")
    add("test-size", 0.2, "share of the rows to hold out", type=share, metavar="X")
    patience = (
        "stop when the held-out loss has not improved for N epochs and keep the best; having "
        "chosen, the held-out score is a little too good"
    )
    add("patience", None, patience, type=count, metavar="N")
    add("seed", 0, "of the split, the first weights and the order", type=int, metavar="N")


def _checked(
    kind: Callable[[str], Any], good: Callable[[Any], bool], expected: str
) -> Callable[[str], Any]:
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


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="use a trained network on the rows of a CSV file",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Answer every row of a table with a network that train has saved.

  python -m micrograd_like predict model.json new.csv

prints for each row the class and its probability

     row    species  probability
       1     setosa        99.8%
       2  virginica        97.1%

or, if the target was a number, that number.""",
        epilog="""\
The file needs the columns that the network was trained on, under the same names
in any order; others are not looked at. If the target is among them, the answers
are compared with it.""",
    )
    parser.add_argument("model", type=Path, metavar="MODEL.json", help="what train has saved")
    parser.add_argument("data", type=Path, metavar="NEW.csv", help="a CSV file with a header")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PREDICTIONS.csv",
        help="write the predictions there, row for row, instead of printing them",
    )
    parser.set_defaults(run=predict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one sub-command.

    Args:
        arguments: the words after ``python -m micrograd_like``; those of this process by default.

    Returns:
        The exit code.
    """
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
            print(f"micrograd_like: {_reason(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
