"""Training in the page: the same graph at every recorded epoch, and what the model has learned.

A model of two inputs is shown, whose output can be drawn over the plane of its samples.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..engine import Value, no_grad, topological_order
from .groups import Graph
from .replay import BackwardPass

_SIDE = 24  # of the grid on which the output is shown


def by_epoch(recorded: Any, named: Mapping[str, Value]) -> tuple[BackwardPass, dict[str, Any]]:
    """The pass over the first sample's loss, and for the page what changes from epoch to epoch."""
    model, X, y = recorded.model, recorded.X, recorded.y
    if not recorded.epochs or len(X[0]) != 2:
        raise ValueError(
            "explore shows recorded epochs of a model with 2 inputs, got "
            f"{len(recorded.epochs)} epochs and {len(X[0])} inputs"
        )
    grid, points = _map(X, y)
    x = [Value(number, label=f"x{k}") for k, number in enumerate(X[0], start=1)]
    kept, epochs = model.state_dict(), []
    try:
        for row in recorded.epochs:
            model.load_state_dict(row.state)
            root = recorded.loss(model.batch([x]), [y[0]])
            walk = BackwardPass(Graph(topological_order(root), named))
            with no_grad():
                field = b64encode(bytes(map(_shade, model.batch(grid)))).decode()
            epochs.append({"epoch": row.epoch, "loss": row.loss, "field": field} | walk.numbers())
    finally:
        model.load_state_dict(kept)
    return walk, {"epochs": epochs, "points": points, "side": _SIDE}


def _map(X: Any, y: Any) -> tuple[list[list[float]], list[list[Any]]]:
    """A grid over the samples, row by row from the top; where on it, in percent, each is: x, y.

    With it goes 1 for a target above 0.
    """
    lows = [min(column) for column in zip(*X)]
    spans = [(max(column) - low) or 1.0 for column, low in zip(zip(*X), lows)]
    steps = [k * 1.2 / (_SIDE - 1) - 0.1 for k in range(_SIDE)]  # a margin of a tenth
    across, up = ([low + span * s for s in steps] for low, span in zip(lows, spans))
    points = []
    for row, target in zip(X, y):
        a, b = (100 * (0.1 + (n - low) / span) / 1.2 for n, low, span in zip(row, lows, spans))
        kind = isinstance(target, Real) and float(target) > 0.0
        points.append([round(float(a), 1), round(float(100 - b), 1), int(kind)])
    return [[a, b] for b in reversed(up) for a in across], points


def _shade(out: Any) -> int:
    """A byte for an output, 0 at -3 or below, 255 at 3 or above; nan in the middle.

    With several outputs it is for how much the second is ahead of the first.
    """
    scores = [v.data for v in out] if isinstance(out, list) else [0.0, out.data]
    score = scores[1] - scores[0] if len(scores) > 1 else scores[0]
    return round(127.5 + 42.5 * max(-3.0, min(3.0, score))) if score == score else 128
