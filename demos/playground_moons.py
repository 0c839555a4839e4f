"""Two moons on a page: a network that has learnt a little, and goes on learning in the browser.

    python demos/playground_moons.py     # playground_moons.html goes here, or to --out DIR

Open the page and press Play. Drag a sample, click a neuron; Back takes steps back. It needs no
network and nothing but the library.
"""

import argparse
import math
import random
from pathlib import Path

from micrograd_like import MLP, Adam, fit, hinge_loss, playground


def moons(count: int, noise: float, rng: random.Random) -> tuple[list[list[float]], list[int]]:
    """Two half circles that reach into each other, and their classes, 1 and -1."""
    points, classes = [], []
    for i in range(count):
        side, angle = 1 - 2 * (i % 2), rng.uniform(0.0, math.pi)
        x = math.cos(angle) if side > 0 else 1.0 - math.cos(angle)
        y = math.sin(angle) if side > 0 else 0.5 - math.sin(angle)
        points.append([round(x + rng.gauss(0.0, noise), 4), round(y + rng.gauss(0.0, noise), 4)])
        classes.append(side)
    return points, classes


def main() -> None:
    """Trains for some epochs and writes the page."""
    parser = argparse.ArgumentParser(description="A page on which a network learns two moons.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the page goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    X, y = moons(200, 0.12, random.Random(1))
    model = MLP(2, [8, 8, 1], output_activation="linear", rng=3)
    optimizer = Adam(model.parameters(), lr=0.01)
    history = fit(model, X, y, hinge_loss, optimizer, epochs=15, batch_size=50, progress=False)
    print(f"loss {history['loss'][-1]:.3f} after {len(history)} epochs")
    path = out / "playground_moons.html"
    playground(
        model, X, y, hinge_loss, optimizer, path,
        history=history, title="Two moons", classes=["lower", "upper"],
    )  # fmt: skip
    print("saved", path)


if __name__ == "__main__":
    main()
