"""What the judges know of each loss: a new one needs a row in every table here.

Its torch twin is in torch_twins.py. ``exact_loss`` is the judge that asks mpmath.
"""

import math
import random
from functools import cache, partial

from micrograd_like.engine import grad
from micrograd_like.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)

from .known_ops import mp
from .values import as_values, numbers

NAN = math.nan

# --- ours, its options, targets of SCORES: compared with torch ---

SCORES = [[0.5, -2.0, 0.0], [3.0, 1.0, 1.2]]
SIGNS, CLOSE = [[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]], [[0.5, -1.5, 3.0], [2.0, 1.0, -4.0]]
SHARES = [[1.0, 0.0, 0.25], [0.0, 1.0, 0.9]]
LOSSES = {
    "mse_loss": (mse_loss, {}, CLOSE),
    "l1_loss, an error of 0 included": (l1_loss, {}, CLOSE),
    "huber_loss": (huber_loss, {}, CLOSE),
    "huber_loss, delta 2.5": (huber_loss, {"delta": 2.5}, CLOSE),
    "hinge_loss, its kink included": (hinge_loss, {}, SIGNS),
    "cross_entropy": (cross_entropy, {}, [2, 0]),
    "binary_cross_entropy_with_logits": (binary_cross_entropy_with_logits, {}, SHARES),
}

ONE_OUTPUT = {  # targets of ONES, for a loss that takes one number for each sample
    **{name: [0.5, -1.0, 2.0, 0.0] for name in ("mse_loss", "l1_loss", "huber_loss")},
    "hinge_loss": [1, -1, -1, 1],
    "binary_cross_entropy_with_logits": [1, 0, 0, 1],
}
ONES = [0.4, -1.5, 0.9, 3.0]

# --- calls that are refused ---

bce = binary_cross_entropy_with_logits
MANY = [[1.0, 2.0], [1.0, 2.0]]
REFUSED = {  # calls, the error and a part of its sentence
    "mse_loss": [
        (lambda: mse_loss([1.0, 2.0], [1.0]), ValueError, r"shape \(2,\) do not fit .* \(1,\)"),
        (lambda: mse_loss([[1.0], [2.0, 3.0]], [1.0]), ValueError, "parts of different shapes"),
        (lambda: mse_loss([], []), ValueError, "a loss of nothing: the list of outputs is empty"),
        (lambda: mse_loss(1.0, 1.0, "avg"), ValueError, "'avg': choose from mean, sum, none"),
    ],
    "l1_loss": [
        (lambda: l1_loss(1.0, [1.0, 2.0]), ValueError, r"shape \(\) do not fit .* shape \(2,\)"),
        (lambda: l1_loss([[1.0], [2.0]], [[1.0, 2.0]]), ValueError, r"\(2, 1\) .* \(1, 2\): every"),
        (lambda: l1_loss([1.0, 2.0], [[1.0, 2.0]]), ValueError, r"\(2,\) do not fit .* \(1, 2\)"),
    ],
    "cross_entropy": [
        (lambda: cross_entropy([], []), ValueError, "a loss of nothing"),
        (lambda: cross_entropy([1.0], 0, "avg"), ValueError, "unknown reduction 'avg'"),
        (lambda: cross_entropy(MANY, [0, 2]), ValueError, "target 1 is class 2, but .* 2 classes"),
        (lambda: cross_entropy(MANY, [0, -1]), ValueError, "target 1 is class -1, but there are"),
        (lambda: cross_entropy(MANY, [0, 1.0]), TypeError, "target 1 must .* got float 1.0"),
        (lambda: cross_entropy([1.0, 2.0], True), TypeError, "the int of a class, got bool True"),
        (lambda: cross_entropy([1.0, 2.0], "1"), TypeError, "the int of a class, got str '1'"),
        (lambda: cross_entropy(MANY, [0]), ValueError, "got 2 lists of scores, 1 targets"),
        (lambda: cross_entropy([1.0, 2.0], [0, 0]), ValueError, r"scores of shape \(2,\) for"),
        (lambda: cross_entropy(MANY, 0), ValueError, r"got scores of shape \(2, 2\) for targets"),
        (lambda: cross_entropy(1.0, 0), ValueError, "expects one list of scores for each target"),
        (lambda: cross_entropy([[1.0], [1.0, 2.0]], [0, 0]), ValueError, "different shapes"),
        (lambda: cross_entropy([[1.0], [2.0]], [0, 1]), ValueError, "for one output write binary"),
        (lambda: cross_entropy([1.0, 2.0], [0, 1]), ValueError, "for one output write binary"),
        (lambda: cross_entropy(MANY, [[1, 1], [0, 1]]), ValueError, r"probabilities, got \[1, 1\]"),
        (lambda: cross_entropy(MANY, [[2, -1], [0, 1]]), ValueError, r"probabilities, got \[2, -1"),
    ],
    "hinge_loss": [
        (lambda: hinge_loss([1.0, 1.0], [1, 0]), ValueError, r"got 0 at index 1: write 2 \* y - 1"),
    ],
    "huber_loss": [
        (lambda: huber_loss(1.0, 1.0, delta=0.0), ValueError, "expects delta > 0, got 0.0"),
        (lambda: huber_loss(1.0, 1.0, delta=-1), ValueError, "expects delta > 0, got -1"),
        (lambda: huber_loss(1.0, 1.0, delta=NAN), ValueError, "expects delta > 0, got nan"),
    ],
    "binary_cross_entropy_with_logits": [
        (lambda: bce([0.0, 0.0], [1.0, 1.5]), ValueError, "from 0 to 1, got 1.5 at index 1"),
        (lambda: bce(0.0, -0.5), ValueError, "targets from 0 to 1, got -0.5 at index 0"),
        (lambda: bce(0.0, NAN), ValueError, "targets from 0 to 1, got nan at index 0"),
    ],
}


# --- mpmath's opinion ---


def exact_huber(y, x):
    d = abs(x - y)
    return d * d / 2 if d < 1 else d - mp.mpf(1) / 2


EXACT = {  # a loss of one sample, as a function of its target and its scores; targets
    "mse_loss": (lambda y, x: (x - y) ** 2, [0.0, 1.5]),
    "l1_loss": (lambda y, x: abs(x - y), [0.0, 1.5]),
    "huber_loss": (exact_huber, [0.0, 1.5]),
    "hinge_loss": (lambda y, x: max(mp.mpf(0), 1 - y * x), [1.0, -1.0]),
    "binary_cross_entropy_with_logits": (
        lambda y, x: y * mp.log(1 + mp.exp(-x)) + (1 - y) * mp.log(1 + mp.exp(x)),
        [0.0, 0.25, 1.0],
    ),
    "cross_entropy": (lambda k, *xs: mp.log(mp.fsum(map(mp.exp, xs))) - xs[k], [0, 1, 2]),
}


@cache
def exact_numbers(name):
    """Scores, their target, and to fifty digits the value, the slopes and their slopes."""
    f, targets = EXACT[name]
    rng, n, rows = random.Random(name), 3 if name == "cross_entropy" else 1, []
    units = [tuple([int(i == j) for j in range(n)]) for i in range(n)]
    orders = [(0,) * n, *units, *[tuple(map(sum, zip(a, b))) for a in units for b in units]]
    for y in targets * 15:
        xs = [rng.uniform(-3.0, 3.0) for _ in range(n)]
        exact = [mp.diff(partial(f, y), tuple(map(mp.mpf, xs)), order) for order in orders]
        rows.append((xs, y, exact))
    return rows


def exact_loss(name, loss):
    """The judge: what it yields is wrong by more than 1e-14 of the number."""
    for xs, y, exact in exact_numbers(name):
        values = as_values(xs)
        out = loss(values if len(xs) > 1 else values[0], y, reduction="mean")
        slopes = grad(out, values, create_graph=True)
        ours = [out.data, *numbers(slopes), *[h for slope in slopes for h in grad(slope, values)]]
        for i, (x, t) in enumerate(zip(ours, exact)):
            if not abs(x - t) <= 1e-14 * abs(t) + 1e-30:
                yield xs, y, i, x, t
