"""Losses and their gradients: each as a function of one prediction.

    python demos/losses.py            # losses.png goes to the current directory, or to --out DIR

It needs matplotlib: pip install "micrograd_like[plot]". When torch is there, it has to agree.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from micrograd_like import losses, value_and_grad
from micrograd_like.plot import curve
from micrograd_like.testing import assert_matches_torch

LOSSES = {
    "mse_loss": ("target 0", lambda x: losses.mse_loss(x, 0.0)),
    "l1_loss": ("target 0", lambda x: losses.l1_loss(x, 0.0)),
    "huber_loss": ("target 0", lambda x: losses.huber_loss(x, 0.0)),
    "hinge_loss": ("target 1", lambda x: losses.hinge_loss(x, 1.0)),
    "binary_cross_entropy_with_logits": (
        "target 1", lambda x: losses.binary_cross_entropy_with_logits(x, 1.0)),
    "cross_entropy": ("scores x and 1, class 0", lambda x: losses.cross_entropy([x, 1.0], 0)),
}  # fmt: skip
POINTS = [-2.0, 0.0, 1.0]  # 0 and 1 are where the kinks are


def compare_with_torch() -> None:
    """Every loss and its gradient at the points; torch has all but the hinge loss by name."""
    import torch
    from torch.nn import functional as f

    zero, one = torch.tensor([0.0, 1.0], dtype=torch.float64)
    twins = {
        "mse_loss": lambda x: f.mse_loss(x, zero),
        "l1_loss": lambda x: f.l1_loss(x, zero),
        "huber_loss": lambda x: f.huber_loss(x, zero),
        "hinge_loss": lambda x: f.relu(one - x),
        "binary_cross_entropy_with_logits": lambda x: f.binary_cross_entropy_with_logits(x, one),
        "cross_entropy": lambda x: f.cross_entropy(torch.stack([x, one]), zero.long()),
    }
    for name, (_, loss) in LOSSES.items():
        for x in POINTS:
            assert_matches_torch(loss, x, twin=twins[name])
    print("torch gives the same numbers, to 1e-12")


def picture() -> Figure:
    """One pair of axes for each loss; the gradient is dotted, since it may jump."""
    figure = Figure(figsize=(10.5, 6.5), layout="constrained")
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    for axes, (name, (target, loss)) in zip(grid.flat, LOSSES.items()):
        xs, values, slopes = curve(loss, -3.0, 3.0, points=31)
        axes.plot(xs, values, color="#2b6cb0", linewidth=2.0, label="loss")
        axes.plot(xs, slopes, "o", color="#c65f00", markersize=3.0, label="gradient")
        axes.set(title=f"{name}\n{target}", xlabel="prediction x", ylim=(-4.4, 4.4))
    grid[0, 0].legend(loc="lower right")
    return figure


def main() -> None:
    """Prints values and gradients, saves the picture, and compares with torch."""
    parser = argparse.ArgumentParser(description="Every loss and its gradient.")
    parser.add_argument("--out", type=Path, default=Path(), help="where losses.png goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    print(f"{'loss and gradient at':32}", *[f"{f'x = {x:g}':>17}" for x in POINTS])
    for name, (_, loss) in LOSSES.items():
        print(f"{name:32}", *[f"{y:8.4f}{dy:+9.4f}" for y, dy in map(value_and_grad(loss), POINTS)])
    picture().savefig(out / "losses.png", dpi=150)
    print("saved", out / "losses.png")
    try:
        compare_with_torch()
    except ImportError:
        print("torch is not installed: nothing to compare with")


if __name__ == "__main__":
    main()
