"""Classification and regression: a network for each, with their curves.

    python demos/classification_and_regression.py    # pictures go here, or to --out DIR

It needs the extras: pip install "micrograd_like[all]"
"""

import argparse
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer, load_diabetes

from micrograd_like import Adam, Linear, Sequential, cross_entropy, huber_loss, mse_loss
from micrograd_like.data import Scaler, train_test_split
from micrograd_like.nn import Activation, BatchNorm
from micrograd_like.optim import ExponentialLR
from micrograd_like.plot import plot_history
from micrograd_like.train import History, fit


def train(X: Any, y: Any, nout: int, loss: Any, metric: Any) -> History:
    """Sets a quarter aside, standardises by the rest, and trains two layers on it."""
    X, X_held_out, y, y_held_out = train_test_split(X.tolist(), y.tolist(), test_size=0.25)
    scaler = Scaler().fit(X)
    model = Sequential(
        Linear(len(X[0]), 8, init="he", rng=0), BatchNorm(8), Activation("relu"),
        Linear(8, nout, rng=1),
    )  # fmt: skip
    adam = Adam(model.parameters(), lr=0.02)
    return fit(model, scaler.transform(X), y, loss, adam, epochs=10, batch_size=32, l2=1e-3,
               scheduler=ExponentialLR(adam, 0.7), metrics=[metric],
               validation=(scaler.transform(X_held_out), y_held_out))  # fmt: skip


def classify() -> History:
    """Benign or malignant, from 30 measurements of 569 tumours."""
    X, y = load_breast_cancer(return_X_y=True)
    return train(X, y, 2, cross_entropy, "accuracy")


def regress() -> History:
    """How far diabetes went in a year, in standard deviations, for 442 patients."""
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    return train(X, y[:, None], 1, huber_loss, mse_loss)  # a target is a list, as an output is


def main() -> None:
    """Trains both, prints their held-out numbers, saves four pictures."""
    parser = argparse.ArgumentParser(description="Train a classifier and a regressor.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the pictures go")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    clf, reg = classify(), regress()
    print(f"held-out accuracy {clf['val_accuracy'][-1]:.1%}")
    print(f"held-out mean squared error {reg['val_mse_loss'][-1]:.3f} (1 is the mean's)")
    for history, metric, name in [
        (clf, "loss", "clf_curves_loss.png"),
        (clf, "accuracy", "clf_curves_acc.png"),
        (reg, "loss", "reg_curves_loss.png"),
        (reg, "mse_loss", "reg_curves_mse.png"),
    ]:
        figure = Figure(figsize=(6.0, 4.0), layout="constrained")
        plot_history(history, [metric, f"val_{metric}"], ax=figure.subplots())
        figure.savefig(out / name, dpi=150)
        print("saved", out / name)


if __name__ == "__main__":
    main()
