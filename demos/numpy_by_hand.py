"""A classifier in NumPy alone: softmax, cross entropy and BatchNorm, with their gradients by hand.

    python demos/numpy_by_hand.py    # numpy_by_hand.png goes here, or to --out DIR

Linear, BatchNorm, ReLU, Linear, cross entropy; a row of every array is a sample. Each backward is
checked against this engine, which knows none of the formulas. It needs numpy and matplotlib:
pip install "micrograd_like[all]"
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from micrograd_like import Value, cross_entropy
from micrograd_like.data import make_circles, make_classification
from micrograd_like.functional import dot
from micrograd_like.nesting import flat
from micrograd_like.nn import BatchNorm, mlp
from micrograd_like.plot import plot_decision_boundary

lr, steps, eps = 0.5, 300, 1e-5


def cross_entropy_by_hand(scores: Any, y: Any) -> tuple[float, Any]:
    """The mean of -log p[y], where p is the softmax of a row of scores, and its gradient."""
    # loss = log(sum_j exp(s_j)) - s_y, so d loss / d s_k = exp(s_k) / sum_j exp(s_j) - [k = y].
    shifted = scores - scores.max(axis=1, keepdims=True)  # changes no p, and exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n, d_scores = len(y), np.exp(log_p)
    d_scores[range(n), y] -= 1.0
    return -log_p[range(n), y].mean(), d_scores / n


def batch_norm(x: Any, gamma: Any, beta: Any, mean: Any, var: Any) -> tuple[Any, Any]:
    """Every column with mean 0 and variance 1, then gamma * x + beta (Ioffe and Szegedy 2015)."""
    normal = (x - mean) / np.sqrt(var + eps)
    return gamma * normal + beta, normal


def batch_norm_backward(d_out: Any, gamma: Any, normal: Any, var: Any) -> tuple[Any, Any, Any]:
    """The gradients of x, gamma and beta."""
    # normal_i = (x_i - mean) * scale, where scale = (var + eps)**-0.5, and all x_j are in
    #   mean:  d mean / d x_j = 1 / n
    #   var:   d var / d x_j = 2 (x_j - mean) / n,   d scale / d var = -scale**3 / 2
    # so d normal_i / d x_j = scale * ([i = j] - 1 / n - normal_i * normal_j / n).
    # The gradient of x_j is the sum over i of that times g_i = d_out_i * gamma:
    g, scale = d_out * gamma, 1.0 / np.sqrt(var + eps)
    d_x = scale * (g - g.mean(axis=0) - normal * (g * normal).mean(axis=0))
    return d_x, (d_out * normal).sum(axis=0), d_out.sum(axis=0)


def forward(p: Any, x: Any, statistics: Any = None) -> tuple[Any, ...]:
    """The scores, and what the backward pass needs again."""
    W1, b1, gamma, beta, W2, b2 = p
    before = x @ W1.T + b1
    mean, var = statistics or (before.mean(axis=0), before.var(axis=0))
    out, normal = batch_norm(before, gamma, beta, mean, var)
    hidden = out.clip(0.0)  # ReLU
    return hidden @ W2.T + b2, hidden, normal, mean, var


def gradients(p: Any, x: Any, y: Any) -> tuple[float, list[Any], Any]:
    """The loss, its gradient for every parameter, and mean and variance of the batch."""
    scores, hidden, normal, mean, var = forward(p, x)
    loss, d_scores = cross_entropy_by_hand(scores, y)
    d_hidden = (d_scores @ p[4]) * (hidden > 0.0)
    d_before, d_gamma, d_beta = batch_norm_backward(d_hidden, p[2], normal, var)
    d_first = [d_before.T @ x, d_before.sum(axis=0)]
    d_last = [d_scores.T @ hidden, d_scores.sum(axis=0)]
    return loss, [*d_first, d_gamma, d_beta, *d_last], (mean, var)


def start(width: int, n_classes: int) -> list[Any]:
    """Random parameters, gamma and beta too, so that no mistake hides behind a 1 or a 0."""
    rng = np.random.default_rng(0)
    first = [rng.normal(size=(width, 2)), rng.normal(size=width)]
    last = [rng.normal(size=(n_classes, width)) / width**0.5, rng.normal(size=n_classes)]
    return [*first, rng.uniform(0.5, 1.5, width), 0.1 * rng.normal(size=width), *last]


def gap(loss: Value, leaves: Any, by_hand: Any) -> str:
    """The largest difference between gradients by hand and the engine's."""
    loss.backward()
    numbers = np.concatenate([np.ravel(g) for g in by_hand])
    return f"{np.abs(np.array([v.grad for v in leaves]) - numbers).max():.1e}"


def check(p: Any, x: Any, y: Any) -> None:
    """Both backward passes alone, and the whole network, against the engine."""
    scores, _, normal, mean, var = forward(p, x)
    leaves = [list(map(Value, row)) for row in scores.tolist()]
    by_hand = [cross_entropy_by_hand(scores, y)[1]]
    print("cross entropy:    differs by", gap(cross_entropy(leaves, y), flat(leaves), by_hand))

    norm, weights = BatchNorm(len(mean), eps), np.cos(np.arange(normal.size)).reshape(normal.shape)
    leaves = [list(map(Value, row)) for row in (x @ p[0].T + p[1]).tolist()]
    out = dot(flat(weights.tolist()), flat(norm.batch(leaves)))
    by_hand = [*batch_norm_backward(weights, np.ones_like(mean), normal, var)]
    print("BatchNorm:        differs by", gap(out, flat(leaves) + norm.parameters(), by_hand))

    model = mlp(2, [len(mean), len(p[5])], "relu", "linear", batch_norm=True)
    named = dict(model.named_parameters())
    values = [named[name] for names in model.tensors().values() for name in names if name in named]
    for v, number in zip(values, np.concatenate([np.ravel(a) for a in p])):
        v.data = number
    loss = cross_entropy(model.batch(x), y)
    print("the whole network: differs by", gap(loss, values, gradients(p, x, y)[1]))


def train(X: Any, y: Any, axes: Any, losses: Any) -> None:
    """Gradient descent on all samples; the boundary goes into axes, the loss into losses."""
    x, p, curve = np.array(X), start(16, max(y) + 1), []
    check(p, x, y)
    for _ in range(steps):
        loss, slopes, statistics = gradients(p, x, y)
        p = [a - lr * slope for a, slope in zip(p, slopes)]
        curve.append(loss)
    right = (forward(p, x, statistics)[0].argmax(axis=1) == y).mean()
    print(f"loss {curve[0]:.4f} at first, {curve[-1]:.4f} at last; accuracy {right:.1%}\n")
    losses.semilogy(curve, label=f"{max(y) + 1} classes")
    plot_decision_boundary(lambda point: forward(p, np.array([point]), statistics)[0][0].tolist(),
                           X, y, ax=axes)  # fmt: skip
    axes.set_title(f"accuracy {right:.1%}")


def main() -> None:
    """Trains on two sets, and saves the picture."""
    parser = argparse.ArgumentParser(description="A classifier with BatchNorm, by hand in NumPy.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the picture goes")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    first, second, losses = figure.subplots(1, 3)
    train(*make_circles(200, factor=0.4), first, losses)
    train(*make_classification(200, n_features=2, n_classes=4), second, losses)
    losses.set(xlabel="step", ylabel="loss")
    losses.legend()
    figure.savefig(out / "numpy_by_hand.png", dpi=110)
    print("saved", out / "numpy_by_hand.png")


if __name__ == "__main__":
    main()
