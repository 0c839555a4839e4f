"""Writes oracle.jsonl.gz: what PyTorch says about every op and every loss, frozen.

    python -m tests.helpers.make_oracle

The first line says which torch spoke. Each further line is one place and what is true there:
of an op [name, arguments, value, gradients, second derivatives], of a loss [name, scores,
target, options, values, gradients, second derivatives]. ``gradients`` has one list for each
upstream gradient of the header. Numbers are written so that reading gives the same bits; inf and
nan are text. The same torch writes the same bytes. test_oracle.py compares.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from micrograd_like.ops import OPS, Op

from .known_ops import KNOWN
from .points import UPSTREAM, loss_cases, points
from .torch_twins import LOSS_TWINS, tensor

PATH = Path(__file__).with_name("oracle.jsonl.gz")

# --- what torch says ---


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
    out = KNOWN[op.name].torch(*xs, *args[n:])
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
    for name in sorted(KNOWN):
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


@cache
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
