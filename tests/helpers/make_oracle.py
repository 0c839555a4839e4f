"""Writes oracle.jsonl.gz: what PyTorch says about every op and every loss, frozen.

    python -m helpers.make_oracle    # in tests/

The first line says which torch spoke. Each further line is one place and what is true there:
of an op [name, arguments, value, gradients, second derivatives], of a loss [name, scores,
target, options, values, gradients, second derivatives]. ``gradients`` has one list for each
upstream gradient of the header. Numbers are written so that reading gives the same bits; inf and
nan are text. The same torch writes the same bytes. test_oracle.py compares.
"""

import gzip
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from helpers.torch_twins import LOSS_TWINS, TWINS, tensor
from micrograd_like.ops import OPS, Op

PATH = Path(__file__).with_name("oracle.jsonl.gz")
inf, nan = float("inf"), float("nan")
COMPARISONS = ("gt", "ge", "eq")
UPSTREAM = [1.0, 0.0, -2.5, inf, nan]

# --- where ops and losses are looked at ---

ORDINARY = [-2.7, -1.3, -0.6, -0.04, 0.03, 0.5, 0.9, 1.0, 1.7, 3.1]
EDGES = [0.0, -0.0, 1e-300, -1e-300, 5e-324, -5e-324, 1e308, -1e308, inf, -inf, nan]
EDGES += [710.0, -710.0, 745.0, -745.0, 1e5, -1e5]
SPECIAL = {  # where an op's formula changes or a naive one breaks
    "abs": [-1.0],
    "cos": [1.5707963267948966, 3.141592653589793],
    "cosh": [-711.0, 711.0, 710.4758600739439],
    "elu": [-40.0, -37.0],
    "erfc": [-6.0, 5.0, 26.5, 27.3],
    "exp": [709.0, 709.782712893384, -708.4, -745.2],
    "expm1": [-37.0, -40.0, 1e-8, 709.782712893384],
    "gelu": [-8.0, 8.0, -40.0, 40.0, -41.0, 41.0],
    "log": [0.999, 1.001],
    "log1p": [-1.0, -1.5, -0.999, 1e-8],
    "sigmoid": [-37.0, 37.0, -709.0],
    "silu": [-37.0, 37.0],
    "sin": [1.5707963267948966, 3.141592653589793],
    "sinh": [-711.0, 711.0, 710.4758600739439],
    "softplus": [19.0, 20.0, 21.0, 30.0, -36.0],
    "sqrt": [4.0, -1.0],
    "tan": [1.5707963267948966, -1.5707963267948966],
    "tanh": [355.0, -356.0, 20.0],
}
CONSTANTS = {
    "powc": [-2.0, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0],
    "leaky_relu": [0.01, 0.0],
    "elu": [1.0, 0.3],
}
FEW = [-1.3, 0.0, 2.0, 1e308, inf, -inf, nan]
WIDE = [(0.7,), (2.0, -1.3), (1.5, 1.5), (0.3, -2.0, 0.3, 0.1, -0.6), (3.1, 0.5, -0.04, 3.1, 3.1)]
WIDE_DOT = [(0.7, -1.3), (0.3, -2.0, 0.9, 1.7, 0.5, -0.6), (3.1, 0.5, 3.1, 1.5, -0.04, 3.1)]


def points(op: Op, edges: bool = True) -> list[tuple[float, ...]]:
    """The argument tuples at which an op is looked at, whatever its arity."""
    if op.name == "dot":
        few = [-1.3, 0.0, inf, nan] if edges else [-1.3, 0.0, 2.0]
        return [*WIDE_DOT, *itertools.product(few, repeat=4)]
    if op.arity is None or op.arity - op.constants == 3:
        few = FEW if edges else [-1.3, 0.0, 2.0]
        return [*(WIDE if op.arity is None else []), *itertools.product(few, repeat=3)]
    n = op.arity - op.constants
    xs = ORDINARY + (EDGES + SPECIAL.get(op.name, []) if edges else [])
    if n == 2 and edges:  # -3 is odd, 2 even: it matters to a power
        xs = [*ORDINARY[::2], 1.0, -1.0, 2.0, -3.0, *EDGES]
    return list(itertools.product(*[xs] * n, *[CONSTANTS.get(op.name)] * op.constants))


# A loss's targets; hinge's kink is where target times score is 1, the others' at the target.
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


# --- what torch says there ---


def slopes(y: Any, xs: list[Any], g: Any, create_graph: bool = False) -> list[Any]:
    """The gradient of y with respect to each x; zeros where y does not depend on it."""
    if not y.requires_grad:
        return [torch.zeros_like(x) for x in xs]
    got = torch.autograd.grad(
        y, xs, g, retain_graph=True, allow_unused=True, create_graph=create_graph
    )
    return [torch.zeros_like(x) if gx is None else gx for x, gx in zip(xs, got)]


def torch_op(op: Op, args: tuple[float, ...]) -> tuple[Any, ...]:
    """torch's value, the gradients for each g, and the matrix of second derivatives."""
    n = len(args) - op.constants
    xs = [tensor(x) for x in args[:n]]
    out = TWINS[op.name](*xs, *args[n:])
    one = torch.ones(())
    first = [[gx.item() for gx in slopes(out, xs, g * one)] for g in UPSTREAM]
    second = [slopes(gx, xs, one) for gx in slopes(out, xs, one, create_graph=True)]
    return out.item(), first, [[h.item() for h in row] for row in second]


def torch_loss(name: str, scores: Any, target: Any, options: dict[str, Any]) -> tuple[Any, ...]:
    """torch's values, the gradients for each g, and the second derivatives, flat.

    Of several values the i-th counts 1 + i.
    """
    xs = tensor(scores)
    y = torch.tensor(target, dtype=torch.int64 if name == "cross_entropy" else torch.float64)
    out = LOSS_TWINS[name](xs, y, **options)
    weights = 1.0 + torch.arange(out.numel()).reshape(out.shape)
    first = [slopes(out, [xs], g * weights)[0].flatten().tolist() for g in UPSTREAM]
    (recorded,) = slopes(out, [xs], weights, create_graph=True)
    rows = [slopes(gx, [xs], torch.ones(()))[0] + 0.0 for gx in recorded.flatten()]  # for zeros
    second = [row.flatten().tolist() for row in rows]
    return out.flatten().tolist(), first, second


# --- the file ---


def header() -> dict[str, Any]:
    version = torch.__version__.split("+")[0]  # without how it was built: +cpu
    threads = torch.get_num_threads()
    return {"torch": version, "dtype": "float64", "threads": threads, "upstream": UPSTREAM}


def rows() -> Iterator[list[Any]]:
    """Every line of the file but the first, in a fixed order."""
    for name in sorted(OPS):
        for args in points(OPS[name]):
            yield [name, list(args), *torch_op(OPS[name], args)]
    for name in sorted(LOSS_TWINS):
        for case in loss_cases(name):
            yield [name, *case, *torch_loss(name, *case)]


def as_text(x: Any) -> Any:
    """inf and nan as text: JSON has no word for them."""
    if isinstance(x, list):
        return [as_text(part) for part in x]
    return repr(x) if isinstance(x, float) and x - x != 0.0 else x


def as_numbers(x: Any) -> Any:
    """What as_text made text, as numbers again."""
    if isinstance(x, list):
        return [as_numbers(part) for part in x]
    return float(x) if x in ("inf", "-inf", "nan") else x


def write(path: Path, rows: Iterable[list[Any]]) -> None:
    lines = [json.dumps({**header(), "upstream": as_text(UPSTREAM)})]
    lines += [json.dumps(as_text(row), separators=(",", ":")) for row in rows]
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write("\n".join([*lines, ""]).encode())


def read(path: Path = PATH) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The header, and for each name its rows without the name."""
    with gzip.open(path, "rt") as file:
        first, *rest = map(json.loads, file)
    table: dict[str, list[Any]] = {}
    for name, *row in map(as_numbers, rest):
        table.setdefault(name, []).append(row)
    return {key: as_numbers(x) for key, x in first.items()}, table


if __name__ == "__main__":
    write(PATH, rows())
    print(f"{PATH.name}: {sum(map(len, read()[1].values()))} rows, {PATH.stat().st_size} bytes")
