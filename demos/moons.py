"""Two moons: a network finds the curve between two sets of points, as in micrograd's notebook.

    python demos/moons.py            # moons.png goes to the current directory, or to --out DIR

It needs the extras: pip install "micrograd_like[all]"
"""

import argparse
from pathlib import Path

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from sklearn.datasets import make_moons
from tqdm import tqdm

from micrograd_like import MLP, SGD, Value, hinge_loss, no_grad
from micrograd_like.functional import dot


def train(model: MLP, xs: list[list[float]], ys: list[float], steps: int) -> float:
    """Full-batch SGD with a falling learning rate; returns the accuracy."""
    parameters = model.parameters()
    optimizer = SGD(parameters)
    bar = tqdm(range(steps), desc="training", unit="step")
    for k in bar:
        scores = [model(x) for x in xs]
        loss = hinge_loss(scores, ys) + 1e-4 * dot(parameters, parameters)  # L2
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1.0 - 0.9 * k / steps
        optimizer.step()
        bar.set_postfix_str(f"loss {loss:.4f}, accuracy {accuracy(scores, ys):.0%}", refresh=False)
    return accuracy([model(x) for x in xs], ys)


def accuracy(scores: list[Value], ys: list[float]) -> float:
    """The share of scores on the right side of 0."""
    return sum((score > 0.0) == (y > 0.0) for score, y in zip(scores, ys)) / len(ys)


def picture(model: MLP, xs: list[list[float]], ys: list[float], title: str) -> Figure:
    """The score everywhere as colour, the line where it is 0, and the points."""
    across = [-1.5 + 4.0 * i / 80 for i in range(81)]
    up = [-1.0 + 2.5 * i / 50 for i in range(51)]
    with no_grad():
        scores = [[model([x, y]).data for x in across] for y in up]
    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.subplots()
    colors = LinearSegmentedColormap.from_list("score", ["#f7b267", "white", "#7ba7d9"])
    levels = [i / 2 for i in range(-6, 7)]
    filled = axes.contourf(across, up, scores, levels, cmap=colors, extend="both")
    axes.contour(across, up, scores, [0.0], colors="#1f2937", linewidths=1.5)
    figure.colorbar(filled, label="score of the network", ticks=range(-3, 4))
    for sign, color in [(1.0, "#2b6cb0"), (-1.0, "#c65f00")]:
        first, second = zip(*[x for x, y in zip(xs, ys) if y == sign])
        axes.scatter(first, second, color=color, edgecolor="white", label=f"target {sign:+.0f}")
    axes.set(xlabel="first input", ylabel="second input", title=title)
    axes.legend(loc="upper right")
    return figure


def main() -> None:
    """Trains, says how well, and saves the picture."""
    parser = argparse.ArgumentParser(description="Separate two moons with a 2-16-16-1 network.")
    parser.add_argument("--out", type=Path, default=Path(), help="where moons.png goes")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    points, classes = make_moons(n_samples=100, noise=0.1, random_state=1)
    xs, ys = points.tolist(), [2.0 * c - 1.0 for c in classes.tolist()]
    model = MLP(2, [16, 16, 1], activation="relu", output_activation="linear", rng=1)
    share = train(model, xs, ys, options.steps)
    print(f"accuracy {share:.0%} on {len(xs)} points")
    picture(model, xs, ys, f"Two moons, accuracy {share:.0%}").savefig(out / "moons.png", dpi=150)
    print("saved", out / "moons.png")


if __name__ == "__main__":
    main()
