"""Every loss and its gradient, as functions of one prediction.

    python demos/losses.py            # losses.png goes to the current directory, or to --out DIR

It needs matplotlib: pip install "micrograd_like[plot]". When torch is there, it has to agree.
"""

import argparse
import math
import sys
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure

from micrograd_like import Value, losses

TARGETS = {"mse_loss": 0.0, "l1_loss": 0.0, "huber_loss": 0.0, "hinge_loss": 1.0,
           "binary_cross_entropy_with_logits": 1.0, "cross_entropy": 0}  # fmt: skip
POINTS = [-2.0, 0.0, 1.0]  # printed, and dots in the picture: 0 and 1 are where the kinks are
COLORS = ["#2b6cb0", "#c65f00"]


def from_engine(name: str, number: float) -> tuple[float, float]:
    """The loss of one prediction and its gradient; cross entropy has a second score of 1."""
    x = Value(number)
    prediction = [x, 1.0] if name == "cross_entropy" else x
    loss = getattr(losses, name)(prediction, TARGETS[name])
    loss.backward()
    return loss.data, x.grad


def from_torch(name: str, number: float) -> tuple[float, float]:
    """The same from torch, which calls all but the hinge loss by the same names."""
    import torch

    x = torch.tensor(number, dtype=torch.float64, requires_grad=True)
    one, target = torch.ones_like(x), torch.tensor(TARGETS[name]).to(x)
    if name == "hinge_loss":
        loss = torch.relu(1.0 - target * x)
    elif name == "cross_entropy":
        loss = torch.nn.functional.cross_entropy(torch.stack([x, one]), target.long())
    else:
        loss = getattr(torch.nn.functional, name)(x, target)
    return loss.item(), torch.autograd.grad(loss, x)[0].item()


def picture() -> Figure:
    """One pair of axes for each loss: blue is the loss, orange its gradient."""
    figure = Figure(figsize=(10.5, 6.5), layout="constrained")
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    xs = [i / 40 for i in range(-120, 121)]
    for axes, (name, target) in zip(grid.flat, TARGETS.items()):
        values, slopes = zip(*[from_engine(name, x) for x in xs])
        # No line where the gradient jumps: it has no value in between.
        drawn = [math.nan if abs(b - a) > 0.4 else b for a, b in pairwise((slopes[0], *slopes))]
        axes.axhline(0.0, color="#9ca3af", linewidth=0.8)
        axes.plot(xs, values, color=COLORS[0], linewidth=2.0, label="loss")
        axes.plot(xs, drawn, "--", color=COLORS[1], linewidth=2.0, label="gradient")
        for points, color in zip(zip(*[from_engine(name, x) for x in POINTS]), COLORS):
            axes.plot(POINTS, points, "o", color=color)
        what = "scores x and 1, class 0" if name == "cross_entropy" else f"target {target:g}"
        axes.set_title(f"{name}\n{what}", fontsize=10)
        axes.set_ylim(-4.4, 4.4)
    figure.supxlabel("prediction x", fontsize=10)
    grid[0, 0].legend(loc="lower right")
    return figure


def main() -> None:
    """Prints values and gradients, compares them with torch, and saves the picture."""
    parser = argparse.ArgumentParser(description="Every loss and its gradient.")
    parser.add_argument("--out", type=Path, default=Path(), help="where losses.png goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    print("loss and gradient at".ljust(32), "".join(f"{f'x = {x:g}':>18}" for x in POINTS))
    for name in TARGETS:
        pairs = [from_engine(name, x) for x in POINTS]
        print(name.ljust(32), "".join(f"{loss:9.4f}{slope:+9.4f}" for loss, slope in pairs))
    picture().savefig(out / "losses.png", dpi=150)
    print("saved", out / "losses.png")
    try:
        gaps = [abs(ours - theirs) for name in TARGETS for x in POINTS
                for ours, theirs in zip(from_engine(name, x), from_torch(name, x))]  # fmt: skip
    except ModuleNotFoundError:
        print("torch is not installed: nothing to compare with")
        return
    print(f"largest difference from torch {max(gaps):.1e}")
    if not max(gaps) < 1e-12:
        sys.exit(f"the losses differ from torch by {max(gaps):.1e}: expected less than 1e-12")


if __name__ == "__main__":
    main()
