"""Two moons on a page: a network that has learnt a little, and goes on learning in the browser.

    python demos/playground_moons.py     # playground_moons.html goes here, or to --out DIR

Open the page and press Play. Drag a sample, click a neuron; Back takes steps back. It needs no
network and nothing but the library.
"""

import argparse
from pathlib import Path

from micrograd_like import MLP, Adam, fit, hinge_loss, playground
from micrograd_like.data import make_moons


def main() -> None:
    """Trains for some epochs and writes the page."""
    parser = argparse.ArgumentParser(description="A page on which a network learns two moons.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the page goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    X, classes = make_moons(200, noise=0.12, seed=1)
    y = [2 * k - 1 for k in classes]  # the hinge loss wants -1 and 1
    model = MLP(2, [8, 8, 1], output_activation="linear", rng=3)
    optimizer = Adam(model.parameters(), lr=0.01)
    history = fit(model, X, y, hinge_loss, optimizer, epochs=15, batch_size=50, progress=False)
    print(f"loss {history['loss'][-1]:.3f} after {len(history)} epochs")
    path = out / "playground_moons.html"
    playground(
        model, X, y, hinge_loss, optimizer, path,
        history=history, title="Two moons", classes=["upper", "lower"],
    )  # fmt: skip
    print("saved", path)


if __name__ == "__main__":
    main()
