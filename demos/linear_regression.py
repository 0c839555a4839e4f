"""A line through noisy points: the gradient by hand, by the engine, and no descent at all.

    python demos/linear_regression.py    # linear_regression.png goes here, or to --out DIR

It needs matplotlib: pip install "micrograd_like[plot]"
"""

import argparse
import random
import sys
from pathlib import Path

from matplotlib.figure import Figure

from micrograd_like import SGD, Value, mse_loss

rng = random.Random(0)
xs = [rng.uniform(-2.0, 2.0) for _ in range(100)]
ys = [2.0 * x - 1.0 + rng.gauss(0.0, 0.3) for x in xs]
n, lr, steps = len(xs), 0.1, 100
Steps = list[tuple[float, float, float]]  # (slope, offset, loss) before each step and at the end


def by_hand() -> Steps:
    """loss = mean of (w x + b - y)**2, so dw = mean of 2 (w x + b - y) x, and db without the x."""
    w, b, path = 0.0, 0.0, []
    for _ in range(steps + 1):
        errors = [w * x + b - y for x, y in zip(xs, ys)]
        path.append((w, b, sum(e * e for e in errors) / n))
        dw = sum(2.0 * e * x for e, x in zip(errors, xs)) / n
        db = sum(2.0 * e for e in errors) / n
        w, b = w - lr * dw, b - lr * db
    return path


def by_engine() -> Steps:
    """The same without a formula for the gradient."""
    w, b, path = Value(0.0), Value(0.0), []
    optimizer = SGD([w, b], lr=lr)
    for _ in range(steps + 1):
        loss = mse_loss([w * x + b for x in xs], ys)
        path.append((w.data, b.data, loss.data))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return path


def closed_form() -> tuple[float, float]:
    """Least squares: where both derivatives are 0."""
    x_mean, y_mean = sum(xs) / n, sum(ys) / n
    w = sum((x - x_mean) * y for x, y in zip(xs, ys)) / sum((x - x_mean) ** 2 for x in xs)
    return w, y_mean - w * x_mean


def picture(hand: Steps, engine: Steps) -> Figure:
    """The line over the points, and both losses."""
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    w, b, _ = engine[-1]
    left.scatter(xs, ys, s=22, color="#2b6cb0", alpha=0.7, edgecolor="none", label="points")
    left.axline((0.0, b), slope=w, color="#c65f00", linewidth=2.0, label=f"y = {w:.3f} x {b:+.3f}")
    left.set(xlabel="x", ylabel="y", title=f"The line after {steps} steps")
    left.legend()
    right.plot([p[2] for p in hand], color="#7ba7d9", linewidth=6.0, label="by hand")
    right.plot([p[2] for p in engine], color="#c65f00", linestyle="--", label="by the engine")
    right.set(xlabel="step", ylabel="mean squared error", yscale="log", title="Loss")
    right.legend()
    return figure


def main() -> None:
    """Finds the line three times, compares, and saves the picture."""
    parser = argparse.ArgumentParser(description="A line through noisy points, three ways.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the picture goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    hand, engine, exact = by_hand(), by_engine(), closed_form()
    for name, (w, b, *_) in zip(("hand", "engine", "exact"), (hand[-1], engine[-1], exact)):
        print(f"{name:6}  y = {w:.9f} x {b:+.9f}")
    gap = max(abs(p - q) for before, after in zip(hand, engine) for p, q in zip(before, after))
    rest = max(abs(p - q) for path in (hand, engine) for p, q in zip(path[-1], exact))
    print(f"hand and engine differ by {gap:.1e} at most, the exact line at the end by {rest:.1e}")
    if not (gap < 1e-12 and rest < 1e-6):
        sys.exit("the three lines differ: expected less than 1e-12 and 1e-6")
    picture(hand, engine).savefig(out / "linear_regression.png", dpi=150)
    print("saved", out / "linear_regression.png")


if __name__ == "__main__":
    main()
