"""Four ways to the gradient of one 2-3-1 ReLU network, and so four times the same training.

    python demos/manual_backprop.py   # manual_backprop.png goes here, or to --out DIR

It needs numpy, torch and matplotlib: pip install "micrograd_like[test]"
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from micrograd_like import MLP, mse_loss

lr, epochs = 0.05, 100
rng = np.random.default_rng(0)
X = rng.uniform(-2.0, 2.0, (40, 2))
Y = np.sin(X[:, 0]) + 0.5 * X[:, 1] + rng.normal(0.0, 0.1, 40)
BATCHES = [rng.permutation(40).reshape(5, 8) for _ in range(epochs)]  # the same for all
model = MLP(2, [3, 1], activation="relu", output_activation="linear", rng=1)
START = np.array([v.data for v in model.parameters()])  # neuron by neuron: weights, then bias


def engine(p: Any, x: Any, y: Any) -> tuple[float, Any]:
    """This library: the loss of a batch at the parameters p, and its gradient."""
    for v, number in zip(model.parameters(), p):
        v.data = number
    model.zero_grad()
    loss = mse_loss([model(row) for row in x.tolist()], y.tolist())
    loss.backward()
    return loss.data, np.array([v.grad for v in model.parameters()])


def by_hand(p: Any, x: Any, y: Any) -> tuple[float, Any]:
    """The chain rule written out, in lines that mean the same to NumPy and torch."""
    W1, W2 = p[:9].reshape(3, 3), p[9:]  # the last column is the bias
    before = x @ W1[:, :2].T + W1[:, 2]
    hidden = before * (before > 0.0)  # ReLU
    error = hidden @ W2[:3] + W2[3] - y
    d_out = 2.0 * error / len(x)  # of the mean squared error
    d_before = d_out[:, None] * W2[:3] * (before > 0.0)
    gradient = p * 0.0
    gradient[:9].reshape(3, 3)[:, :2], gradient[2:9:3] = d_before.T @ x, d_before.sum(0)
    gradient[9:12], gradient[12] = d_out @ hidden, d_out.sum()
    return float((error**2).mean()), gradient


def autograd(p: Any, x: Any, y: Any) -> tuple[float, Any]:
    """Torch's own gradient."""
    p = p.clone().requires_grad_()
    W1, W2 = p[:9].reshape(3, 3), p[9:]
    hidden = torch.relu(x @ W1[:, :2].T + W1[:, 2])
    loss = torch.nn.functional.mse_loss(hidden @ W2[:3] + W2[3], y)
    return loss.item(), torch.autograd.grad(loss, p)[0]


def train(way: Any, asarray: Any) -> list[float]:
    """SGD with one way's gradient; returns the mean loss of each epoch."""
    p, x, y, losses = asarray(START), asarray(X), asarray(Y), []
    for batch in np.concatenate(BATCHES):
        loss, gradient = way(p, x[batch], y[batch])
        p = p - lr * gradient
        losses.append(loss)
    return [float(loss) for loss in np.reshape(losses, (epochs, 5)).mean(axis=1)]


def main() -> None:
    """Trains four times, compares the losses, and saves the picture."""
    parser = argparse.ArgumentParser(description="Four ways to the same gradient.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the picture goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    curves = {
        "this engine": train(engine, np.asarray),
        "NumPy, by hand": train(by_hand, np.asarray),
        "torch, by hand": train(by_hand, torch.from_numpy),
        "torch, autograd": train(autograd, torch.from_numpy),
    }
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.subplots()
    colors = ["#2b6cb0", "#f7b267", "#7ba7d9", "#c65f00"]
    for k, ((name, curve), color) in enumerate(zip(curves.items(), colors)):
        print(f"{name:15}  loss {curve[0]:.6f} at first, {curve[-1]:.12f} at last")
        (line,) = axes.plot(range(1, epochs + 1), curve, color=color, linewidth=2.5, label=name)
        line.set(linestyle=(5 * k, (5, 15)), marker="osD^"[k], markevery=(5 * k, 20))
    axes.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
    axes.legend(title="Four ways, one curve", handlelength=5.0)
    gap = float(np.ptp(list(curves.values()), axis=0).max())
    print(f"largest difference of the four curves {gap:.1e}")
    if not gap < 1e-9:
        sys.exit(f"the four losses differ by {gap:.1e}: expected less than 1e-9")
    figure.savefig(out / "manual_backprop.png", dpi=150)
    print("saved", out / "manual_backprop.png")


if __name__ == "__main__":
    main()
