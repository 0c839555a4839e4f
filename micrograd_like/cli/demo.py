"""The command demo: trains two networks, checks the gradients of one, draws it."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__
from ..data import Scaler, train_test_split
from ..draw import draw, draw_network
from ..engine import Value, grad
from ..explore import explore
from ..losses import hinge_loss, mse_loss
from ..nn import MLP
from ..optim import SGD
from ..testing import assert_training_matches_torch, gradcheck
from ..train import fit
from ..train import predict as outputs_of
from .errors import INSTALL, CommandError, a_path, check_writable, explained, need
from .output import progress_bar, right, say, say_line

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

# Four samples in the manner of the micrograd lecture.
XS = [[2.0, 8.0, -1.0], [3.0, -1.0, 0.5], [0.5, 7.0, 8.0], [1.0, 1.0, -9.0]]
YS = [1.0, -1.0, -1.0, 1.0]
UNSEEN = [2.0, 3.0, -1.0]


def add_demo(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Its options and its help."""
    short = "train two small networks, check the gradients, draw the pictures"
    parser = add("demo", help=short, description=DEMO, epilog=DEMO_NOTE)
    text = "where to put the pictures; made if need be (default: %(default)s)"
    folder = Path("micrograd_like_demo")
    parser.add_argument("--out", type=a_path, metavar="DIR", default=folder, help=text)
    parser.set_defaults(run=demo)


def demo(options: argparse.Namespace) -> None:
    """Trains, checks and draws; prints every number that it claims."""
    need("sklearn")
    with explained(f"cannot make the directory {options.out}"):
        options.out.mkdir(parents=True, exist_ok=True)
    check_writable(options.out)
    say(f"micrograd_like {__version__}: two networks, trained, checked and drawn.")
    model = _four_samples()
    _iris()
    _check_gradients()
    _pictures(model, options.out)


def _four_samples() -> MLP:
    model = MLP(3, [4, 4, 1], rng=0)
    say()
    say(f"1. Four samples, a tanh network 3-4-4-1 with {len(model.parameters())} parameters")
    losses = _descend(model, XS, YS, mse_loss, lr=0.1, epochs=100)
    say_line("mean squared error", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    for x, y in zip(XS, YS):
        say_line(f"output for {x}", f"{model(x):+.4f}, wanted {y:+.0f}")
    say_line(f"output for {UNSEEN}", f"{model(UNSEEN):+.4f}, never seen in training")
    return model


def _iris() -> None:
    from sklearn.datasets import load_iris

    X, y = (array.tolist() for array in load_iris(return_X_y=True))
    X, held_out_X, y, held_out_y = train_test_split(X, y, 0.2, seed=1, stratify=True)
    scaler = Scaler().fit(X)  # its mean and deviation must not see what is held out
    X, held_out_X = scaler.transform(X), scaler.transform(held_out_X)
    model = MLP(4, [8, 3], output_activation="linear", rng=0)
    say()
    say(f"2. 150 iris flowers, a tanh network 4-8-3 with {len(model.parameters())} parameters")
    # One output for each species: +1 for its flowers, -1 for all others.
    targets = [[1.0 if k == species else -1.0 for k in range(3)] for species in y]
    losses = _descend(model, X, targets, hinge_loss, lr=0.3, epochs=20)
    say_line("hinge loss", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    say_line("accuracy, trained on", right(outputs_of(model, X), y))
    say_line("accuracy, held out", right(outputs_of(model, held_out_X), held_out_y))


def _descend(model: MLP, X: Any, y: Any, loss: Any, lr: float, epochs: int) -> list[float]:
    """Trains with SGD; the loss of every epoch."""
    with progress_bar(epochs) as show:
        history = fit(
            model, X, y, loss, SGD(model.parameters(), lr),
            epochs=epochs, batch_size=10, callbacks=[show], progress=False,
        )  # fmt: skip
    return history["loss"]


def _check_gradients() -> None:
    model = MLP(3, [4, 4, 1], rng=0)
    gradients = grad(mse_loss([model(x) for x in XS], YS), model.parameters())
    say()
    say(f"3. The {len(gradients)} gradients of the first step, checked")
    say_line("largest gradient", f"{max(map(abs, gradients)):.4f}")
    try:
        judge, tolerance = _compare_gradients(model)
    except AssertionError as error:
        what = str(error).splitlines()[0].rstrip(":")
        raise CommandError(
            f"the gradients are not right, {what}: "
            "please report it, with your version of Python and your platform"
        ) from None
    say_line(f"compared with {judge}", f"all {len(gradients)} agree, to {tolerance:.0e}")


def _compare_gradients(model: MLP) -> tuple[str, float]:
    """With what every gradient of the loss agrees, and how closely; or an AssertionError."""
    try:
        from torch import nn, optim
    except ImportError:
        say_line("torch", "is not installed, so by finite differences instead")
        gradcheck(lambda: mse_loss([model(x) for x in XS], YS), parameters=model, rtol=1e-9)
        return "finite differences", 1e-9
    layers = (nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1), nn.Tanh())
    assert_training_matches_torch(
        model, nn.Sequential(*layers), XS, YS,
        losses=(mse_loss, nn.functional.mse_loss), optimizers=(SGD, optim.SGD), steps=1, rtol=1e-12
    )  # fmt: skip
    return "torch", 1e-12


def _pictures(model: MLP, out: Path) -> None:
    say()
    say("4. Pictures of the first network")
    first, second, last = model.layers
    h = [Value(h.data, label=f"h{i}") for i, h in enumerate(second(first(XS[0])), start=1)]
    [output], [neuron] = last(h), last.neurons
    output.label = "output"
    model.zero_grad()
    output.backward()
    names = {f"w{i}": w for i, w in enumerate(neuron.w, start=1)} | {"b": neuron.b}
    graph, network = draw(output, local_derivatives=True, names=names), draw_network(model)
    page = partial(explore, output, names=names)
    for name, what, write in (
        ("neuron.svg", "its last neuron", graph.save),
        ("neuron.png", "its last neuron", graph.save),
        ("neuron.html", "its backward pass, in a browser", page),
        ("network.svg", "all its weights", network.save),
        ("network.png", "all its weights", network.save),
    ):
        with explained(f"cannot save {out / name}"):
            write(out / name)
        say_line(what, str(out / name))
