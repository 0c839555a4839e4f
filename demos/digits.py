"""Handwritten digits: real 8x8 images, a perceptron, and with --cnn a convolutional network.

    python demos/digits.py --epochs 12      # digits.png goes here, or to --out DIR

It needs the extras: pip install "micrograd_like[all]"
"""

import argparse
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from micrograd_like import MLP, Adam, Linear, Sequential, cross_entropy
from micrograd_like.data import train_test_split
from micrograd_like.nn import Activation, Conv2d, Flatten, Module
from micrograd_like.optim import ExponentialLR
from micrograd_like.plot import plot_confusion_matrix
from micrograd_like.train import accuracy, fit, predict


def perceptron() -> Module:
    """64-32-10: 2,410 parameters."""
    return MLP(64, [32, 10], activation="relu", output_activation="linear", rng=0)


def convolutional() -> Module:
    """Eight windows of 3x3 that move by 2, then one layer: 810 parameters."""
    return Sequential(
        Conv2d(1, 8, kernel_size=3, stride=2, rng=0), Activation("relu"), Flatten(),
        Linear(72, 10, rng=1),
    )  # fmt: skip


def main() -> None:
    """Trains on three quarters of the images, counts the errors on the rest."""
    parser = argparse.ArgumentParser(description="Recognise handwritten digits.")
    parser.add_argument("--out", type=Path, default=Path(), help="where digits.png goes")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--cnn", action="store_true", help="the convolutional network")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    data = load_digits()
    images: list[Any] = (data.images / 16.0).tolist()
    samples = [[image] if options.cnn else Flatten()(image) for image in images]
    X, X_held_out, y, y_held_out = train_test_split(samples, data.target.tolist(), test_size=0.25)
    model = convolutional() if options.cnn else perceptron()
    adam = Adam(model.parameters(), lr=0.02)
    fit(model, X, y, cross_entropy, adam, epochs=options.epochs, batch_size=32,
        scheduler=ExponentialLR(adam, 0.85), metrics=["accuracy"])  # fmt: skip

    scores = predict(model, X_held_out)
    share = accuracy(scores, y_held_out)
    print(f"held-out accuracy {share:.1%} of {len(y_held_out)} images")
    figure = Figure(figsize=(6.0, 5.5), layout="constrained")
    axes = plot_confusion_matrix(outputs=scores, targets=y_held_out, ax=figure.subplots())
    axes.set_title(f"Digits, held-out accuracy {share:.1%}")
    figure.savefig(options.out / "digits.png", dpi=150)
    print("saved", options.out / "digits.png")


if __name__ == "__main__":
    main()
