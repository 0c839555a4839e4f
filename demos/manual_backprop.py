"""Backpropagation by hand, in NumPy: the chain rule written out, trained, and checked.

    python demos/manual_backprop.py   # manual_backprop.png goes here, or to --out DIR

A 2-3-1 ReLU network. This engine trains the same one, and so does torch where it is installed: the
same lines on its tensors, and its own autograd. All get the same losses. It needs numpy and
matplotlib: pip install "micrograd_like[all]"
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from micrograd_like import MLP, SGD, fit, mse_loss

lr, epochs, size = 0.05, 100, 8  # samples in a batch; there are 5 batches, the same in each epoch
X = np.random.default_rng(0).uniform(-2.0, 2.0, (40, 2))
Y = np.sin(X[:, 0]) + 0.5 * X[:, 1]


def forward(parameters: Any, x: Any) -> tuple[Any, Any]:
    """The hidden numbers and the output, a row for each sample."""
    W1, b1, W2, b2 = parameters
    hidden = (x @ W1 + b1).clip(0.0)  # ReLU
    return hidden, hidden @ W2 + b2


def by_hand(parameters: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Loss and gradients by the chain rule, in lines that mean the same to NumPy and torch."""
    hidden, out = forward(parameters, x)
    error = out - y
    d_out = 2.0 * error / len(x)  # of the mean squared error
    d_hidden = d_out[:, None] * parameters[2] * (hidden > 0.0)
    return (error**2).mean(), [x.T @ d_hidden, d_hidden.sum(0), d_out @ hidden, d_out.sum()]


def by_autograd(parameters: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Torch's own gradient."""
    import torch

    parameters = [p.clone().requires_grad_() for p in parameters]
    loss = torch.nn.functional.mse_loss(forward(parameters, x)[1], y)
    return loss.detach(), torch.autograd.grad(loss, parameters)


def train(way: Any, start: Any, asarray: Any = np.array) -> tuple[Any, Any]:
    """SGD with one way's gradient: the mean loss of each epoch, and the parameters at the end."""
    parameters, x, y, losses = [asarray(p) for p in start], asarray(X), asarray(Y), []
    for k in list(range(0, len(X), size)) * epochs:
        loss, gradients = way(parameters, x[k : k + size], y[k : k + size])
        parameters = [p - lr * g for p, g in zip(parameters, gradients)]
        losses.append(float(loss))
    return np.reshape(losses, (epochs, -1)).mean(axis=1), parameters


def picture(curves: dict[str, Any], predictions: Any) -> Figure:
    """The losses, one line under the other, and what came out beside what was wanted."""
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, (name, curve) in enumerate(curves.items()):
        left.semilogy(range(1, epochs + 1), curve, linewidth=10 - 3 * k, label=name)
    left.legend(title=f"{len(curves)} ways, one curve")
    left.set(xlabel="epoch", ylabel="loss")
    right.axline((0.0, 0.0), slope=1.0, color="#9aa5b1", linewidth=1.0)
    right.scatter(Y, predictions, color="#2b6cb0", edgecolor="white")
    right.set(xlabel="target", ylabel="prediction", title="after training")
    return figure


def main() -> None:
    """Trains every way, compares the losses, shows predictions, and saves the picture."""
    parser = argparse.ArgumentParser(description="Backpropagation by hand, in NumPy.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the picture goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    model = MLP(2, [3, 1], activation="relu", output_activation="linear", rng=1)
    p = np.array([v.data for v in model.parameters()])  # neuron by neuron: weights, then bias
    start = [p[:9].reshape(3, 3)[:, :2].T, p[2:9:3], p[9:12], p[12]]

    history = fit(model, X, Y, mse_loss, SGD(model.parameters(), lr), epochs, size, shuffle=False)
    losses, trained = train(by_hand, start)
    curves = {"this engine": history["loss"], "NumPy, by hand": losses}
    try:
        import torch

        curves["torch, by hand"] = train(by_hand, start, torch.tensor)[0]
        curves["torch, autograd"] = train(by_autograd, start, torch.tensor)[0]
    except ImportError:
        print("torch is not installed: NumPy and this engine only")

    predictions = forward(trained, X)[1]
    for x, y, prediction in list(zip(X, Y, predictions))[:5]:
        print(f"x = {x[0]:+.2f} {x[1]:+.2f}   target {y:+.3f}   prediction {prediction:+.3f}")
    gap = np.ptp(list(curves.values()), axis=0).max()
    first, last = losses[0], losses[-1]
    print(f"loss {first:.6f} at first, {last:.6f} at last; the {len(curves)} differ by {gap:.1e}")
    if not gap < 1e-9:
        raise SystemExit(f"the losses differ by {gap:.1e}: expected less than 1e-9")
    picture(curves, predictions).savefig(out / "manual_backprop.png", dpi=150)
    print("saved", out / "manual_backprop.png")


if __name__ == "__main__":
    main()
