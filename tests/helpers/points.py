"""Where ops and losses are looked at."""

import itertools
import math
import random
from typing import Any

from micrograd_like.check_engine.functions import EDGES, ORDINARY
from micrograd_like.ops import Op

from .known_ops import KNOWN

inf, nan = math.inf, math.nan
UPSTREAM = [1.0, 0.0, -2.5, inf, nan]
FEW = [-1.3, 0.0, 2.0, 1e308, inf, -inf, nan]
WIDE = [(0.7,), (2.0, -1.3), (1.5, 1.5), (0.3, -2.0, 0.3, 0.1, -0.6), (3.1, 0.5, -0.04, 3.1, 3.1)]
WIDE_DOT = [(0.7, -1.3), (0.3, -2.0, 0.9, 1.7, 0.5, -0.6), (3.1, 0.5, 3.1, 1.5, -0.04, 3.1)]

# --- ops ---


def points(op: Op, edges: bool = True) -> list[tuple[float, ...]]:
    """The argument tuples at which an op is looked at, whatever its arity."""
    if op.name == "dot":
        few = [-1.3, 0.0, inf, nan] if edges else [-1.3, 0.0, 2.0]
        return [*WIDE_DOT, *itertools.product(few, repeat=4)]
    if op.name == "take":
        few = FEW if edges else [-1.3, 0.0, 2.0]
        wrong = [(i, 0.7, -1.3) for i in [-1.0, 2.0, 0.5, inf, nan] if edges]
        return [(3.0, *WIDE[-1]), *wrong, *itertools.product([0.0, 1.0], few, few)]
    if op.arity is None or op.arity - op.constants == 3:
        few = FEW if edges else [-1.3, 0.0, 2.0]
        return [*(WIDE if op.arity is None else []), *itertools.product(few, repeat=3)]
    n = op.arity - op.constants
    xs = ORDINARY + (EDGES + KNOWN[op.name].special if edges else [])
    if n == 2 and edges:  # -3 is odd, 2 even: it matters to a power
        xs = [*ORDINARY[::2], 1.0, -1.0, 2.0, -3.0, *EDGES]
    return list(itertools.product(*[xs] * n, *[KNOWN[op.name].constants] * op.constants))


def smooth(op: Op) -> list[tuple[float, ...]]:
    """Argument tuples where an op is ordinary and has derivatives: random, no ties, no kinks."""
    rng = random.Random(op.name)
    n = 6 if op.arity is None else op.arity - op.constants
    tuples = [[rng.uniform(-3.0, 3.0) for _ in range(n)] for _ in range(30)]
    if op.name in ("where", "take"):
        tuples = [[float(i % 2), *xs[1:]] for i, xs in enumerate(tuples)]
    if op.arity == 1:
        tuples += [[x] for x in ORDINARY]
    if not op.constants:
        return [tuple(xs) for xs in tuples]
    return [(*xs, k) for xs in tuples[:10] for k in KNOWN[op.name].constants]


# --- losses ---

# Their targets; hinge's kink is where target times score is 1, the others' at the target.
TARGETS: dict[str, list[Any]] = {
    "mse_loss": [0.0, 1.5, inf],
    "l1_loss": [0.0, 1.5, inf],
    "huber_loss": [0.0, 1.5, inf],
    "hinge_loss": [1.0, -1.0],
    "binary_cross_entropy_with_logits": [0.0, 1.0, 0.25],
    "cross_entropy": [0, 1, 2],
}
OPTIONS: dict[str, list[dict[str, Any]]] = {"huber_loss": [{}, {"delta": 2.5}]}
REDUCTIONS = ["mean", "sum", "none"]
SCORES = [*ORDINARY[::3], *EDGES, 1.0, -1.0, 1.5, 2.5, -2.5, 4.0, 30.0, -30.0]


def loss_cases(name: str) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Scores, target and options: single samples, and batches of two whose second is ordinary."""
    if name == "cross_entropy":
        every, ordinary = [list(xs) for xs in itertools.product(FEW, repeat=3)], [0.5, -1.0, 2.0]
        every += [[710.0, -745.0, 1e5], [1e-300, -5e-324, -1e308]]
    else:
        every, ordinary = SCORES, 0.5
    cases: list[tuple[Any, Any, dict[str, Any]]] = []
    for options, reduction in itertools.product(OPTIONS.get(name, [{}]), REDUCTIONS):
        options = {**options, "reduction": reduction}
        for i, x in enumerate(every):
            targets = TARGETS[name]
            if name == "cross_entropy":  # a third of them each: every product is there anyway
                targets = [targets[i % 3]]
            cases += [([x, ordinary], [y, targets[0]], options) for y in targets]
            if reduction == "mean":
                cases += [(x, y, options) for y in targets]
    return cases
