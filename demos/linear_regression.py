"""Linear regression: the gradient by hand, by the engine, and no descent at all.

    python demos/linear_regression.py    # linear_regression.png goes here, or to --out DIR

It needs matplotlib: pip install "micrograd_like[plot]"
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, linear_regression

from matplotlib.figure import Figure

from micrograd_like import Value, mse_loss
from micrograd_like.data import make_noisy_line

X, ys = make_noisy_line(100, slope=2.0, intercept=-1.0, noise=0.2)
xs = [x for [x] in X]
lr, steps = 0.3, 100
Numbers = tuple[float, float, float]


def by_hand(w: float, b: float) -> Numbers:
    """loss = mean of (w x + b - y)**2, so dw = mean of 2 (w x + b - y) x, and db without the x."""
    errors = [w * x + b - y for x, y in zip(xs, ys)]
    dw = fmean(2.0 * e * x for e, x in zip(errors, xs))
    db = fmean(2.0 * e for e in errors)
    return fmean(e * e for e in errors), dw, db


def by_engine(w: float, b: float) -> Numbers:
    """The same without a formula for the gradient."""
    slope, offset = Value(w), Value(b)
    loss = mse_loss([slope * x + offset for x in xs], ys)
    loss.backward()
    return loss.data, slope.grad, offset.grad


def descend(way: Callable[[float, float], Numbers]) -> list[Numbers]:
    """From the line y = 0 downhill; returns w, b and the loss before each step and at the end."""
    w, b, path = 0.0, 0.0, []
    for _ in range(steps + 1):
        loss, dw, db = way(w, b)
        path.append((w, b, loss))
        w, b = w - lr * dw, b - lr * db
    return path


def main() -> None:
    """Finds the line three times, compares, and saves the picture."""
    parser = argparse.ArgumentParser(description="A line through noisy points, three ways.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the picture goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    hand, engine = descend(by_hand), descend(by_engine)
    exact = linear_regression(xs, ys)  # least squares: where both derivatives are 0
    for name, (w, b, *_) in zip(("hand", "engine", "exact"), (hand[-1], engine[-1], exact)):
        print(f"{name:6}  y = {w:.9f} x {b:+.9f}")
    gap = max(abs(p - q) for before, after in zip(hand, engine) for p, q in zip(before, after))
    rest = max(abs(p - q) for path in (hand, engine) for p, q in zip(path[-1], exact))
    print(f"hand and engine differ by {gap:.1e} at most, the exact line at the end by {rest:.1e}")
    if not (gap < 1e-12 and rest < 1e-6):
        sys.exit("the three lines differ: expected less than 1e-12 and 1e-6")
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(xs, ys, "o", color="#2b6cb0", alpha=0.6, markersize=4.0)
    left.axline((0.0, exact.intercept), slope=exact.slope, color="#c65f00", linewidth=2.0)
    left.set(xlabel="x", ylabel="y", title=f"y = {exact.slope:.3f} x {exact.intercept:+.3f}")
    right.plot([p[2] for p in hand], color="#7ba7d9", linewidth=6.0, label="by hand")
    right.plot([p[2] for p in engine], "--", color="#c65f00", label="by the engine")
    right.set(xlabel="step", ylabel="mean squared error", yscale="log", title="Loss")
    right.legend()
    figure.savefig(out / "linear_regression.png", dpi=150)
    print("saved", out / "linear_regression.png")


if __name__ == "__main__":
    main()
