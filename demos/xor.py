"""XOR with all that fit offers: a schedule, L2, a history, saving, loading, and a page of it.

    python demos/xor.py              # the files go to the current directory, or to --out DIR

It needs the extras: pip install "micrograd_like[all]"
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from micrograd_like import MLP, SGD, evaluate, explore, fit, hinge_loss, load, predict, save
from micrograd_like.data import make_xor, train_test_split
from micrograd_like.optim import CosineAnnealingLR
from micrograd_like.plot import plot_decision_boundary, plot_history


def main() -> None:
    """Trains, saves, loads, compares, draws."""
    parser = argparse.ArgumentParser(description="Learn exclusive or from noisy points.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the files go")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    X, classes = make_xor(120, noise=0.35, seed=0)
    y = [2 * c - 1 for c in classes]
    X, X_held_out, y, y_held_out = train_test_split(X, y, test_size=0.25, seed=0)
    model = MLP(2, [8, 1], output_activation="linear", rng=0)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = CosineAnnealingLR(optimizer, T_max=40)
    history = fit(
        model, X, y, hinge_loss, optimizer, epochs=40, batch_size=16, scheduler=schedule,
        l2=1e-4, metrics=["accuracy"], validation=(X_held_out, y_held_out), record=4,
    )  # fmt: skip
    print(f"loss {history['loss'][0]:.4f} at first, {history['loss'][-1]:.4f} at last")
    scores = evaluate(model, X_held_out, y_held_out, hinge_loss, metrics=["accuracy"])
    print(f"held-out accuracy {scores['accuracy']:.1%}")

    save(model, out / "xor.json", optimizer, schedule)
    same = predict(load(out / "xor.json"), X) == predict(model, X)
    print("the loaded model predicts", "the same numbers" if same else "something else")

    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_decision_boundary(model, X, y, ax=left).set_title("What the network learned")
    plot_history(history, ["loss", "val_loss"], ax=right).set_title("How it learned")
    figure.savefig(out / "xor.png", dpi=150)
    explore(history, out / "xor.html")  # every fourth epoch, for any sample, to walk through
    for name in ("xor.json", "xor.html", "xor.png"):
        print("saved", out / name)


if __name__ == "__main__":
    main()
