"""The command line: what the package does, seen from a terminal.

    python -m micrograd_like demo

A sub-command is one function that takes the parsed options, prints what it did, and raises a
CommandError for what the user can put right. ``_parser`` names it and describes its options;
``main`` turns errors into one sentence and an exit code: 0 done, 1 failed, 2 wrongly called.
The extras are imported where they are used, so that ``--help`` needs none of them.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .draw import Drawing, draw, draw_network
from .engine import Value, no_grad
from .losses import hinge_loss, mse_loss
from .nn import MLP
from .optim import SGD

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
    _save(draw_network(model), "all its weights", out / "network")


def _save(drawing: Drawing, what: str, path: Path) -> None:
    for suffix in (".svg", ".png"):
        file = path.with_suffix(suffix)
        try:
            drawing.save(file)
        except (OSError, RuntimeError, ImportError) as error:
            raise CommandError(f"cannot save {file}: {_reason(error)}") from None
        _line(what, str(file))


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
        epilog="Start with: python -m micrograd_like demo",
    )
    parser.add_argument("--version", action="version", version=f"micrograd_like {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())  # no command
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
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
