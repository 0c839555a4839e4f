"""A training for the page: one sample's graph at every recorded epoch, what the model learned.

Python computes the first sample's numbers at every epoch. Another sample's graph is the same with
other numbers in some leaves, what its inputs and its target became: the page gets these, and
computes the rest as when a leaf is changed (leaf.py).
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from ..draw import Naming
from ..engine import Value, as_value, no_grad, topological_order
from ..nesting import flat
from .graph import Graph
from .leaf import changeable, why_not
from .replay import BackwardPass, plain

_SIDE = 24  # of the grid on which a model's output is shown
_MOST = 500  # samples that can be chosen, if in all recorded epochs
_MOST_VALUES = 5_000_000  # are made for their graphs: they take about as long as the grid
_BRANCHES = (
    "since the model or the loss branches (cross_entropy does not if every target is a list of "
    "probabilities)"
)


def by_epoch(record: Any, naming: Naming) -> tuple[BackwardPass, dict[str, Any]]:
    """The pass over the first sample's loss, and for the page what changes from epoch to epoch.

    Epochs at which that loss has another graph than at the last are left out.
    """
    model, X, y = record.model, record.X, record.y
    if not record.epochs or len(X[0]) != 2:
        got = f"got {len(record.epochs)} epochs and {len(X[0])} inputs"
        raise ValueError(f"explore shows recorded epochs of a model with 2 inputs, {got}")
    grid, points, ranges = _map(X, y)
    parameters = set(model.parameters())
    kept, epochs, shapes = model.state_dict(), [(0, None, record.start), *record.epochs], []
    try:
        rows = []
        for epoch, loss, state in epochs:
            model.load_state_dict(state)
            nodes, shape = _graph(record, 0, parameters)
            walk = BackwardPass(Graph(nodes, naming))
            told = {"epoch": epoch, **_learned(record, grid, loss), **walk.numbers()}
            rows.append(told)
            shapes.append(shape)
        same = [k for k, own in enumerate(shapes) if own == shape]
        samples = _samples(record, walk, shape, [epochs[k][2] for k in same])
    finally:
        model.load_state_dict(kept)
    more = changeable(walk) | {"epochs": [rows[k] for k in same], "left": len(rows) - len(same)}
    if "samples" in samples:  # a constant is named by its number
        more["unnamed"] += [i for i in samples["samples"]["at"] if i in walk.graph.folded]
    return walk, more | {"points": points, "side": _SIDE, "ranges": ranges} | samples


def _learned(record: Any, grid: list[list[float]], loss: float | None) -> dict[str, Any]:
    """The loss of all samples, computed where it is not known, and the outputs on the grid."""
    with no_grad():
        if loss is None:  # before the first epoch
            loss = as_value(record.loss(record.model.batch(record.X), record.y)).data
        field = bytes(map(_shade, record.model.batch(grid)))
    return {"loss": plain([loss])[0], "field": b64encode(field).decode()}


# --- another sample in the same graph ---


def _graph(record: Any, k: int, parameters: set[Value]) -> tuple[list[Value], int]:
    """The graph of sample k's loss, and a number that equal graphs have in common.

    Equal are the ops, their inputs and constants, and the places of the model's parameters.
    """
    x = [Value(number, label=f"x{j}") for j, number in enumerate(record.X[k], start=1)]
    nodes = topological_order(as_value(record.loss(record.model.batch([x]), [record.y[k]])))
    place = {v: i for i, v in enumerate(nodes)}
    rows: list[Any] = [v if v in parameters else None for v in nodes]
    for i, v in enumerate(nodes):
        if v.op is not None:
            constants = map(str, v.arguments[len(v.inputs) :])
            rows[i] = v.op, *[place[x] for x in v.inputs], *constants
    return nodes, hash(tuple(rows))


def _samples(
    record: Any, walk: BackwardPass, shape: int, states: list[dict[str, Any]]
) -> dict[str, Any]:
    """The leaves in which the samples' graphs differ, and their numbers; or why not.

    ``at`` are the leaves: first those of ``rows`` (by sample), then those of ``later`` (by epoch
    and sample), which change in training, too, as what was detached does.
    """
    if why := why_not(walk):
        return {"one": why}
    n_values, parameters = len(states) * len(walk.values), set(record.model.parameters())
    most = min(len(record.X), _MOST, max(1, _MOST_VALUES // n_values))
    leaves = [i for i, v in enumerate(walk.graph.nodes) if v.op is None and v not in parameters]
    table: list[list[list[float]]] = []  # by epoch, sample and leaf
    for state in states:
        record.model.load_state_dict(state)
        table.append([])
        for k in range(most):
            nodes, own = _graph(record, k, parameters)
            if own != shape:
                return {"one": f"sample {k + 1} has another graph, {_BRANCHES}"}
            table[-1].append([nodes[i].data for i in leaves])
    differ = [j for j in range(len(leaves)) if any(_several(r[j] for r in rows) for rows in table)]
    later = [j for j in differ if any(_several(r[k][j] for r in table) for k in range(most))]
    still = [j for j in differ if j not in later]
    return {
        "samples": {
            "at": [leaves[j] for j in still + later],
            "rows": _columns(table[0], still),
            "later": [_columns(rows, later) for rows in table] if later else [],
        }
    }


def _several(numbers: Iterable[float]) -> bool:
    """Whether they differ, be it in a sign of zero."""
    return len({*map(repr, numbers)}) > 1


def _columns(rows: list[list[float]], some: list[int]) -> list[list[Any]]:
    return [plain([row[j] for j in some]) for row in rows]


# --- what the model has learned ---


def _map(X: Any, y: Any) -> tuple[list[list[float]], list[list[Any]], list[list[float]]]:
    """A grid over the samples, row by row from the top; of each x, y in percent, target > 0; and
    from where to where the grid goes, across and up."""
    ranges = [(min(column), (max(column) - min(column)) or 1.0) for column in zip(*X)]
    steps = [k * 1.2 / (_SIDE - 1) - 0.1 for k in range(_SIDE)]  # a margin of a tenth
    across, up = ([low + span * s for s in steps] for low, span in ranges)
    points = []
    for row, target in zip(X, y):
        a, b = (100 * (0.1 + (n - low) / span) / 1.2 for n, (low, span) in zip(row, ranges))
        points.append([round(float(a), 1), round(float(100 - b), 1), int(_score(target) > 0.0)])
    ends = [[float(low - 0.1 * span), float(low + 1.1 * span)] for low, span in ranges]
    return [[a, b] for b in reversed(up) for a in across], points, ends


def _score(out: Any) -> float:
    """Of an output or a target: its number, or how far the second leads the first."""
    first, *others = [as_value(x).data for x in flat(out)]
    return others[0] - first if others else first


def _shade(out: Any) -> int:
    """0 for an output of -3 or less, 255 for 3 or more; of several, how far the second leads."""
    score = _score(out)
    return round(127.5 + 42.5 * max(-3.0, min(3.0, score))) if score == score else 128
