"""The page of the op table: each row as it stands in ops.py, its derivative, a plot, its edges.

Everything is asked of the table: the plots and the edges are what its rows compute.
"""

import ast
import inspect
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx.application import Sphinx

from micrograd_like import functional, ops
from micrograd_like.ops import OPS, Op
from micrograd_like.words import words

FOLDER = Path(__file__).parents[1] / "reference" / "generated"
BLUE, ORANGE, GREY = "#1f62ad", "#b45309", "#566070"
EDGES = (-math.inf, -1.0, 0.0, 1.0, math.inf, math.nan)
OTHERS = (1.5, -1.0)  # what further arguments are, in a plot
ASSIGNED = {node.target.id: node for node in ast.parse(inspect.getsource(ops)).body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}  # fmt: skip

HEAD = """\
The operations
==============

Every row of the op table, :mod:`micrograd_like.ops`: in words, as it stands in the file, its
derivatives, a plot (blue: the operation, orange: its derivative), and what it gives at the edges.
"""


def arguments(op: Op) -> list[str]:
    """What the arguments are called, as in words.py."""
    if op.name in ("where", "take"):
        return ["c" if op.name == "where" else "i", "x", "y"]
    inputs = 2 if op.arity is None else op.arity - op.constants
    return ["x", "y"][:inputs] + ["k"] * op.constants


def constant(op: Op) -> list[float]:
    """The default of the constant argument; of a power, a cube."""
    function = getattr(functional, op.name, None)
    defaults = [p.default for p in inspect.signature(function).parameters.values()
                if p.default is not p.empty] if function else []  # fmt: skip
    return (defaults or [3.0]) * op.constants


def slopes(op: Op, args: Sequence[float]) -> list[float | None]:
    """The derivative for each argument, by the row's rule."""
    return list(op.backward(1.0, op.forward(*args), *args))


def row(op: Op) -> str:
    """The row as it stands in ops.py, after the functions that it names."""
    text = inspect.getsource(ops)
    node = ASSIGNED[op.name.upper()]
    named = [getattr(ops, n.id) for n in ast.walk(node) if isinstance(n, ast.Name)
             and n.id.startswith("_") and inspect.isfunction(getattr(ops, n.id))]  # fmt: skip
    helpers = [inspect.getsource(f) for f in dict.fromkeys(named) if f is not ops._ieee]
    return "\n".join([*helpers, ast.get_source_segment(text, node) or ""])


def plot(op: Op) -> Figure:
    """The operation and its derivative over its first argument."""
    xs = [i / 50.0 for i in range(-200, 201)]
    names = arguments(op)
    rest = [*OTHERS[: len(names) - 1 - op.constants], *constant(op)]
    ys = [op.forward(x, *rest) for x in xs]
    ds = [slopes(op, (x, *rest))[0] for x in xs]
    figure = Figure(figsize=(4.2, 2.4), layout="constrained")
    axes = figure.subplots()
    for line, colour in ((ys, BLUE), (ds, ORANGE)):
        if None not in line:
            shown = [v if v is not None and abs(v) < 1e3 else math.nan for v in line]
            axes.plot(xs, shown, color=colour, lw=1.8)
            axes.plot(*zip(*alone(xs, shown)), ".", color=colour) if alone(xs, shown) else None
    finite = [0.0, 1.0, *[v for v in (*ys, *ds) if v is not None and abs(v) < 1e3]]
    low, high = max(min(finite), -6.0), min(max(finite), 6.0)
    margin = 0.05 * (high - low)
    axes.set(xlim=(-4, 4), ylim=(low - margin, high + margin), xlabel=names[0])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY)
    if rest:
        axes.set_title(", ".join(f"{n} = {v:g}" for n, v in zip(names[1:], rest)), fontsize=9)
    return figure


def alone(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Points whose neighbours are nan, or far away: a line does not show them."""
    apart = lambda y, other: other != other or abs(y - other) > 0.2  # noqa: E731
    return [(x, y) for x, y, before, after in zip(xs[1:], ys[1:], ys, ys[2:])
            if y == y and apart(y, before) and apart(y, after)]  # fmt: skip


def edges(op: Op) -> str:
    """What comes out, and the derivatives, where numbers are not ordinary."""
    names = arguments(op)
    inputs = [n for n in names if n != "k"]
    two = len(names) - op.constants == 2
    second = [(y,) for y in EDGES] if two else [OTHERS[: len(inputs) - 1]]
    points = [(x, *rest) for x in EDGES for rest in second]
    ordinary = slopes(op, (1.0,) * len(inputs) + tuple(constant(op)))
    differentiated = [n for n, d in zip(inputs, ordinary) if d is not None]
    table = [[*names, "out", *[f"d out / d {n}" for n in differentiated]]]
    for point in points:
        args = (*point, *constant(op))
        ds = [d for d in slopes(op, args) if d is not None]
        table.append([number(v) for v in (*args, op.forward(*args), *ds)])
    return list_table(table)


def number(x: float) -> str:
    """A number, short."""
    return f"{x + 0.0:.6g}"


def list_table(rows: Iterable[Sequence[str]]) -> str:
    """The rows as reStructuredText, the first one as a heading."""
    lines = [".. list-table::", "   :header-rows: 1", "   :class: edges", ""]
    for cells in rows:
        lines += [f"   {'-' if i else '* -'} {cell}".replace("   - ", "     - ")
                  for i, cell in enumerate(cells)]  # fmt: skip
    return "\n".join(lines)


def section(op: Op) -> str:
    """All there is to say of an op."""
    function: Any = getattr(functional, op.name, None)
    doc = (inspect.getdoc(function) or "").split("\n\n")[0].replace("*", r"\*").replace("|", r"\|")
    names = arguments(op)
    pairs = zip(names, words(op).derivatives)
    derivatives = "\n".join(f"| d out / d {name} = ``{text}``" for name, text in pairs if text)
    return "\n".join([
        f".. _op-{op.name}:", "", op.name, "-" * len(op.name), "",
        doc or f"The {words(op).noun}, written ``{op.symbol}``.", "",
        ".. code-block:: python", "", *[f"   {line}" for line in row(op).splitlines()], "",
        derivatives or "It passes no gradient on.", "",
        f".. image:: op-{op.name}.svg", "   :class: made",
        f"   :alt: {op.name} and its derivative from -4 to 4", "",
        ".. raw:: html", "", "   <details><summary>The edges</summary>", "", edges(op), "",
        ".. raw:: html", "", "   </details>", "",
    ])  # fmt: skip


def write(app: Sphinx) -> None:
    """Writes the page and its plots."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for op in OPS.values():
        place = FOLDER / f"op-{op.name}.svg"
        plot(op).savefig(place, metadata={"Date": None}, transparent=True)
    (FOLDER / "optable.rst").write_text("\n".join([HEAD, *map(section, OPS.values())]), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Before Sphinx looks for its pages."""
    app.connect("builder-inited", write, priority=10)
    return {"parallel_read_safe": True}
