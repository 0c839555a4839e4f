"""Four ways to the gradient of one 2-3-1 ReLU network, and so four times the same training.

    python demos/manual_backprop.py   # manual_backprop.png goes here, or to --out DIR

It needs numpy, torch and matplotlib: pip install "micrograd_like[test]"
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from micrograd_like import MLP, SGD, fit, mse_loss

lr, epochs, size = 0.05, 100, 8  # samples in a batch; there are 5 batches, the same in each epoch
X = np.random.default_rng(0).uniform(-2.0, 2.0, (40, 2))
Y = np.sin(X[:, 0]) + 0.5 * X[:, 1]
model = MLP(2, [3, 1], activation="relu", output_activation="linear", rng=1)
p = np.array([v.data for v in model.parameters()])  # neuron by neuron: weights, then bias
START = [p[:9].reshape(3, 3)[:, :2].T, p[2:9:3], p[9:12], p[12]]


def by_hand(parameters: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The chain rule written out, in lines that mean the same to NumPy and torch."""
    W1, b1, W2, b2 = parameters
    hidden = (x @ W1 + b1).clip(0.0)  # ReLU
    error = hidden @ W2 + b2 - y
    d_out = 2.0 * error / len(x)  # of the mean squared error
    d_hidden = d_out[:, None] * W2 * (hidden > 0.0)
    return (error**2).mean(), [x.T @ d_hidden, d_hidden.sum(0), d_out @ hidden, d_out.sum()]


def autograd(parameters: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Torch's own gradient."""
    W1, b1, W2, b2 = parameters = [p.clone().requires_grad_() for p in parameters]
    loss = torch.nn.functional.mse_loss(torch.relu(x @ W1 + b1) @ W2 + b2, y)
    return loss.detach(), torch.autograd.grad(loss, parameters)


def train(way: Any, asarray: Any) -> Any:
    """SGD with one way's gradient; returns the mean loss of each epoch."""
    parameters, x, y, losses = [asarray(p) for p in START], asarray(X), asarray(Y), []
    for k in list(range(0, len(X), size)) * epochs:
        loss, gradients = way(parameters, x[k : k + size], y[k : k + size])
        parameters = [p - lr * g for p, g in zip(parameters, gradients)]
        losses.append(float(loss))
    return np.reshape(losses, (epochs, -1)).mean(axis=1)


def main() -> None:
    """Trains four times, compares the losses, and saves the picture."""
    parser = argparse.ArgumentParser(description="Four ways to the same gradient.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the picture goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    history = fit(model, X, Y, mse_loss, SGD(model.parameters(), lr), epochs, size, shuffle=False)
    curves = {
        "this engine": history["loss"],
        "NumPy, by hand": train(by_hand, np.array),
        "torch, by hand": train(by_hand, torch.tensor),
        "torch, autograd": train(autograd, torch.tensor),
    }
    axes: Any = Figure(layout="constrained").add_subplot(xlabel="epoch", ylabel="loss")
    for k, (name, curve) in enumerate(curves.items()):
        axes.semilogy(range(1, epochs + 1), curve, linewidth=10 - 3 * k, label=name)
    axes.legend(title="Four ways, one curve")
    gap = np.ptp(list(curves.values()), axis=0).max()
    print(f"loss {curve[0]:.6f} at first, {curve[-1]:.6f} at last; the four differ by {gap:.1e}")
    if not gap < 1e-9:
        raise SystemExit(f"the four losses differ by {gap:.1e}: expected less than 1e-9")
    axes.figure.savefig(out / "manual_backprop.png", dpi=150)
    print("saved", out / "manual_backprop.png")


if __name__ == "__main__":
    main()
