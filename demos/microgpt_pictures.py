"""A GPT while it learns: the loss of every step of demos/microgpt.py, and what letters mean.

    python demos/microgpt_pictures.py       # two pictures go here, or to --out DIR

It needs the extras: pip install "micrograd_like[all]"
"""

import argparse
import random
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from microgpt import GPT, NAMES, example, train

PUBLISHED = {1: 3.3660, 1000: 2.6497}  # what microgpt.py prints of its losses, by step
BLUE, ORANGE = "#1f5fbf", "#c05a00"


def loss_picture(losses: list[float]) -> Figure:
    """Every step, a running mean, and the two numbers that were published."""
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.subplots()
    window, steps = 50, range(1, len(losses) + 1)
    means = np.convolve(losses, np.ones(window) / window, "valid")
    axes.plot(steps, losses, ".", color=BLUE, alpha=0.25, ms=4, label="each step, one name")
    axes.plot(steps[window - 1 :], means, color=BLUE, lw=2, label=f"mean of {window} steps")
    axes.plot(list(PUBLISHED), [*PUBLISHED.values()], "o", mfc="none", mec=ORANGE, mew=2, ms=10,
              label="published: steps 1 and 1000")  # fmt: skip
    axes.set(title="A scalar GPT learns names", xlabel="step", ylabel="loss (nats a letter)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def letters_picture(gpt: GPT, letters: str) -> Figure:
    """The 16 numbers of every letter, seen from where they differ most."""
    table = np.array([[w.data for w in row] for row in gpt.wte])
    around = table - table.mean(axis=0)
    _, sizes, axes_of_most = np.linalg.svd(around)
    places = around @ axes_of_most[:2].T
    shares = (sizes**2 / (sizes**2).sum())[:2]
    figure = Figure(figsize=(6.5, 6.0), layout="constrained")
    axes = figure.subplots()
    for token, (x, y) in enumerate(places):
        name = letters[token] if token < len(letters) else "end"
        vowel = name in [*"aeiouy", "end"]
        axes.text(x, y, name, color=ORANGE if vowel else BLUE, ha="center", va="center",
                  fontsize=13, fontweight="bold" if vowel else "normal")  # fmt: skip
    margin = 0.08 * np.ptp(places, axis=0)
    low, high = places.min(axis=0) - margin, places.max(axis=0) + margin
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set(title="What it has learned of letters: vowels and the end in bold")
    axes.set_xlabel(f"first principal component ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second ({shares[1]:.0%})")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Trains as the demo does, and draws."""
    parser = argparse.ArgumentParser(description="Pictures of a scalar GPT.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the pictures go")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(42)
    names = NAMES.read_text(encoding="utf-8").split()
    rng.shuffle(names)
    letters = "".join(sorted(set("".join(names))))
    gpt = GPT(len(letters) + 1, rng)
    losses = train(gpt, [example(name, letters) for name in names], options.steps)
    pictures = {"loss": loss_picture(losses), "letters": letters_picture(gpt, letters)}
    for name, picture in pictures.items():
        picture.savefig(options.out / f"microgpt_{name}.png", dpi=150)
        print(f"saved {options.out / f'microgpt_{name}.png'}")


if __name__ == "__main__":
    main()
