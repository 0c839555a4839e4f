"""Two spirals: the README's example, its curves and its boundary.

    python demos/spirals.py            # spirals.png goes to the current directory, or to --out DIR

It needs the plot extra: pip install "micrograd_like[plot]"
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from micrograd_like import MLP, Adam, cross_entropy, evaluate, fit
from micrograd_like.data import make_spirals, train_test_split
from micrograd_like.plot import plot_decision_boundary, plot_history


def main() -> None:
    """Trains, says how well on what was held out, and saves the picture."""
    parser = argparse.ArgumentParser(description="Tell two spirals apart with a 2-16-2 network.")
    parser.add_argument("--out", type=Path, default=Path(), help="where spirals.png goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    X, y = make_spirals(150, noise=0.05, seed=0, turns=0.75)
    X, X_held_out, y, y_held_out = train_test_split(X, y)
    model = MLP(2, [16, 2], output_activation="linear", rng=0)
    adam = Adam(model.parameters(), lr=0.05)
    history = fit(model, X, y, cross_entropy, adam, epochs=60, metrics=["accuracy"], progress=False)
    numbers = evaluate(model, X_held_out, y_held_out, cross_entropy, ["accuracy"])
    print(f"loss {history['loss'][-1]:.4f}, held-out accuracy {numbers['accuracy']:.1%}")
    figure = Figure(figsize=(12.0, 3.9), layout="constrained")
    loss, accuracy, boundary = figure.subplots(1, 3)
    plot_history(history, "loss", ax=loss)
    plot_history(history, "accuracy", ax=accuracy)
    plot_decision_boundary(model, X, y, ax=boundary)
    for ax in (loss, accuracy):
        ax.grid(color="#e5e7eb")
    for ax in (loss, accuracy, boundary):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / "spirals.png", dpi=120)
    print("saved", out / "spirals.png")


if __name__ == "__main__":
    main()
