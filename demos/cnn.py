"""A CNN for 28x28 images: convolution and pooling, compiled; MNIST, if you have its files.

    python demos/cnn.py                     # cnn.png goes here, or to --out DIR
    python demos/cnn.py --data mnist.npz    # or the folder of train-images-idx3-ubyte.gz and so on
    python demos/cnn.py --quick             # a small network and few images, in seconds

Nothing is downloaded. Without --data the images are scikit-learn's handwritten digits, 8x8 pixels
scaled up: these are not MNIST. It needs the extras: pip install "micrograd_like[all]"
"""

import argparse
import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from micrograd_like import Adam, Linear, Sequential, cross_entropy, fit, predict
from micrograd_like.data import train_test_split
from micrograd_like.nn import Activation, Conv2d, Flatten, MaxPool2d
from micrograd_like.optim import ExponentialLR


def network(quick: bool) -> Sequential:
    """28x28 -> 24x24 -> 12x12 -> 8x8 -> 4x4 -> 10 scores: 3,106 parameters; quick has 782."""
    if quick:
        conv = Conv2d(1, 2, kernel_size=5, stride=2, rng=0)
        return Sequential(conv, MaxPool2d(2), Activation("relu"), Flatten(), Linear(72, 10, rng=1))
    return Sequential(
        Conv2d(1, 8, kernel_size=5, rng=0), MaxPool2d(2), Activation("relu"),
        Conv2d(8, 8, kernel_size=5, rng=1), MaxPool2d(2), Activation("relu"),
        Flatten(), Linear(128, 10, rng=2),
    )  # fmt: skip


# --- images of values from 0 to 1, and their digits ---


def read(path: Path) -> list[Any]:
    """Images and digits to train on, then to test on, of MNIST's files."""
    if not path.exists():
        raise SystemExit(f"there is no {path}: expected mnist.npz or the folder of its IDX files")
    if path.suffix == ".npz":  # as Keras has it
        with np.load(path) as file:
            return [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return [idx(path, f"{part}-ubyte") for part in parts]


def idx(folder: Path, name: str) -> Any:
    """An array of bytes: 0, 0, 8 (bytes), how many sizes, each size in 4 bytes, the numbers."""
    for path, opened in ((folder / f"{name}.gz", gzip.open), (folder / name, open)):
        if path.exists():
            with opened(path, "rb") as file:
                content: bytes = file.read()
            if content[:3] != b"\0\0\x08":
                raise SystemExit(f"{path} is no IDX file of bytes")
            sizes = np.frombuffer(content, ">u4", content[3], offset=4)
            return np.frombuffer(content, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)
    raise SystemExit(f"{folder} has no {name}.gz: expected the four IDX files of MNIST")


def scaled_up() -> list[Any]:
    """Scikit-learn's 1,797 digits, from 8x8 to 28x28 pixels by linear interpolation."""
    from sklearn.datasets import load_digits

    data, places = load_digits(), np.linspace(0.0, 7.0, 28)
    wide = np.stack([np.interp(places, range(8), row) for row in np.eye(8)], axis=1)
    images = wide @ data.images @ wide.T * (255.0 / 16.0)
    X, X_test, y, y_test = train_test_split(images, data.target)
    return [np.array(part) for part in (X, y, X_test, y_test)]


def samples(images: Any, digits: Any, n: int) -> tuple[list[Any], list[int]]:
    """The first n as the network takes them: one channel of rows of numbers, and a class."""
    return [[image] for image in (images[:n] / 255.0).round(4).tolist()], digits[:n].tolist()


# --- the picture ---


def picture(model: Any, X: list[Any], y: list[int], title: str) -> Figure:
    """Ten images with what the network says, mistakes of it, and what its first layer looks for."""
    X, y = X[:200], y[:200]
    answers = [scores.index(max(scores)) for scores in predict(model, X)]
    wrong = [k for k, digit in enumerate(y) if answers[k] != digit]
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    parts: Any = figure.subfigures(3, 1)
    for part, about, which in ((parts[0], title, range(10)), (parts[1], "mistakes", wrong[:10])):
        part.suptitle(about)
        for ax in (grid := part.subplots(1, 10)):
            ax.set_axis_off()
        for ax, k in zip(grid, which):
            ax.imshow(X[k][0], cmap="gray_r")
            is_not = f", is {y[k]}" if answers[k] != y[k] else ""
            ax.set_title(f"{answers[k]}{is_not}", fontsize=10)
    windows = [np.reshape([w.data for w in ws], (5, 5)) for ws in model.layers[0].w]
    most = np.abs(windows).max()
    parts[2].suptitle("the filters of the first layer: orange is negative")
    for ax, window in zip(parts[2].subplots(1, len(windows)), windows):
        ax.imshow(window, cmap="PuOr", vmin=-most, vmax=most)
        ax.set_axis_off()
    return figure


def main() -> None:
    """Trains, says how well and how fast, and saves the picture."""
    parser = argparse.ArgumentParser(description="A convolutional network on 28x28 images.")
    parser.add_argument("--out", type=Path, default=Path(), help="where cnn.png goes")
    parser.add_argument("--data", type=Path, help="mnist.npz, or a folder of IDX files")
    parser.add_argument("--images", type=int, default=5000, help="the most to train on")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="a small network, 300 images")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    count = 300 if options.quick else options.images
    images, digits, others, right = read(options.data) if options.data else scaled_up()
    (X, y), held_out = samples(images, digits, count), samples(others, right, max(count // 4, 20))
    source = options.data.name if options.data else "scikit-learn's 8x8 digits, scaled up to 28x28"
    print(f"{len(X)} images to train on, {len(held_out[0])} held out: {source}")

    model, began = network(options.quick), time.perf_counter()
    adam = Adam(model.parameters(), lr=0.01)
    history = fit(
        model, X, y, cross_entropy, adam, epochs=options.epochs, batch_size=32, jit=True,
        scheduler=ExponentialLR(adam, 0.85), validation=held_out, metrics=["accuracy"],
        progress="lines",
    )  # fmt: skip
    seconds, training = time.perf_counter() - began, sum(history["time"])
    each = 1e6 * training / (len(history) * len(X))
    print(f"{seconds:.1f} s, {training:.1f} s of them training, {each:.0f} us an image")
    print("the rest is compiling, and making lists of the images")
    share = history["val_accuracy"][-1]
    print(f"held-out accuracy {share:.1%} of {len(held_out[0])} images")
    picture(model, *held_out, f"{source}: {share:.1%}").savefig(options.out / "cnn.png", dpi=90)
    print("saved", options.out / "cnn.png")


if __name__ == "__main__":
    main()
