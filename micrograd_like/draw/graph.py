"""The picture of a computation: a box for each Value, an ellipse for each op.

In the DOT text n0, n1, ... are the Values in topological order, and op3 is the op that made n3.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..engine import Value, topological_order
from ..words import symbol
from .drawing import ACCENT, FONT, INK, LINE, MUTED, SUFFIXES, Drawing, checked_path, escaped
from .naming import Naming, recorded

# rankdir: where edges leave a box. Boxes are wide: sideways, from the middle of the short end.
_TAILPORTS = {"LR": "e", "RL": "w", "TB": "c", "BT": "c"}
_EDGES_PER_NODE = 3  # dot's time grows with the edges too; a graph of binary ops has two a node
_LEAF, _INTERIOR, _ROOT = ("#e9edf2", LINE), ("#ffffff", "#9aa5b1"), ("#f1eafe", ACCENT)
_ELLIPSE = (
    f'shape=ellipse, style=filled, fillcolor="#eceff3", color="{LINE}", fontsize=13, width=0.4, '
    'height=0.35, margin="0.06,0.02", ordering=in'
)


def draw(
    root: Value | Iterable[Value],
    path: str | os.PathLike[str] | None = None,
    *,
    local_derivatives: bool = False,
    rankdir: str = "LR",
    model: Any = None,
    names: Mapping[str, Value] | None = None,
    max_nodes: int = 1000,
) -> Drawing:
    """The picture of how a Value was computed: a box for each Value, an ellipse for each op.

    A box shows name, data and grad, as they are now; and the number that the graph was recorded
    with, where data changed since. Leaves are grey, the root is violet.

    Args:
        root: a Value, or a list of Values to show in one picture.
        path: where to save the picture, as .svg, .png, .pdf or .dot.
        local_derivatives: write d(out)/d(input) on every edge from an input to an op. An input
            used twice has two edges. A dashed edge is never differentiated (a condition).
        rankdir: the direction of the computation: "LR" (left to right), "TB", "RL" or "BT".
        model: a Module; a parameter without a label has the path of its name.
        names: names for this picture only, {name: Value}, which go before a label; those of Values
            that are not in the picture are ignored.
        max_nodes: the largest number of Values to lay out. For 1000 Graphviz takes a second, or
            half a minute when everything is connected with everything.

    Raises:
        TypeError: root or a name's Value is not a Value.
        ValueError: an empty list, an unknown rankdir, a graph too large to lay out, or a path
            with another suffix.
        FileNotFoundError: the directory of the path does not exist.

    Example:
        >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
        >>> picture = draw(a * b, local_derivatives=True)
        >>> [line for line in picture.source.splitlines() if "n0 -> op2" in line]
        ['  n0 -> op2 [label="-3.0000"];']

    Source: draw_dot of the micrograd lecture, whose boxes and ellipses are kept.
    """
    if path is not None:
        checked_path(path, "a picture", SUFFIXES)
    roots = _checked_roots(root)
    if rankdir not in _TAILPORTS:
        raise ValueError(f"rankdir must be one of {', '.join(_TAILPORTS)}, got {rankdir!r:.60}")
    nodes = list(dict.fromkeys(v for end in roots for v in topological_order(end)))
    _check_size(nodes, max_nodes)
    naming = Naming(names, model)
    title = "1 Value" if len(nodes) == 1 else f"{len(nodes)} Values"
    caption = "on each edge: d(result) / d(input)" if local_derivatives else ""
    body = "\n".join(_nodes_and_edges(nodes, roots, naming, local_derivatives))
    source = f"""digraph "{title}" {{
  graph [rankdir={rankdir}, bgcolor="white", charset="UTF-8", nodesep=0.2, ranksep=0.35,
    {FONT}, fontsize=11, fontcolor="{MUTED}", label="{caption}"];
  node [{FONT}, fontsize=12, fontcolor="{INK}", shape=plain];
  edge [{FONT}, fontsize=10, fontcolor="{ACCENT}", color="{LINE}", arrowsize=0.6,
    tailport={_TAILPORTS[rankdir]}];
{body}
}}
"""
    drawing = Drawing(source, title)
    if path is not None:
        drawing.save(path)
    return drawing


def _nodes_and_edges(
    nodes: list[Value], roots: tuple[Value, ...], naming: Naming, local_derivatives: bool
) -> Iterator[str]:
    place, before = {v: i for i, v in enumerate(nodes)}, recorded(nodes)
    for i, v in enumerate(nodes):
        kind = _ROOT if v in roots else _INTERIOR if v.inputs else _LEAF
        yield f"  n{i} {_box(v, naming.of(v), before.get(v, v.data), kind)};"
        if v.op is None:
            continue
        op = escaped(symbol(v.op, v.arguments[len(v.inputs) :]))
        yield f'  op{i} [label="{op}", {_ELLIPSE}];'
        attributes = [""] * len(v.inputs)
        if local_derivatives:
            slopes = v.op.backward(1.0, v.data, *v.arguments)
            attributes = [" [style=dashed]" if d is None else f' [label="{_number(d)}"]'
                          for d in slopes]  # fmt: skip
        for x, attribute in zip(v.inputs, attributes):  # no edge for a constant argument
            yield f"  n{place[x]} -> op{i}{attribute};"
        yield f"  op{i} -> n{i};"


def _checked_roots(root: Any) -> tuple[Value, ...]:
    expected = "draw expects a Value or a list of Values"
    if isinstance(root, str | bytes) or not isinstance(root, Value | Iterable):
        raise TypeError(f"{expected}, got {type(root).__name__} {root!r:.60}")
    roots = (root,) if isinstance(root, Value) else tuple(root)
    if not roots:
        raise ValueError(f"{expected}, got an empty list")
    for i, v in enumerate(roots):
        if not isinstance(v, Value):
            raise TypeError(f"{expected}, got {type(v).__name__} {v!r:.60} at position {i}")
    return roots


def _check_size(nodes: list[Value], max_nodes: int) -> None:
    n_edges = sum(len(v.inputs) for v in nodes)
    sizes = ("Values", len(nodes), max_nodes), ("edges", n_edges, _EDGES_PER_NODE * max_nodes)
    for what, size, most in sizes:
        if size > most:
            raise ValueError(
                f"the graph has {size} {what}, draw lays out at most {most}: "
                "draw a smaller part, for example one neuron or the loss of one sample"
            )


def _box(v: Value, name: str, before: float, kind: tuple[str, str]) -> str:
    fill, border = kind
    cells = [f"<TD><B>{escaped(name)}</B></TD>"] if name else []
    cells += [f"<TD>data {_number(v.data)}</TD>", f"<TD>grad {_number(v.grad)}</TD>"]
    tooltip = f"data {v.data!r}, grad {v.grad!r}"
    if before != v.data and (before == before or v.data == v.data):
        cells.append(f"<TD>recorded {_number(before)}</TD>")
        tooltip += f", recorded {before!r}"
    return (
        f'[tooltip="{tooltip}", label=<'
        f'<TABLE STYLE="ROUNDED" BORDER="{2 if kind is _ROOT else 1}" CELLBORDER="0" '
        f'CELLSPACING="0" CELLPADDING="6" COLOR="{border}" BGCOLOR="{fill}">'
        f"<TR>{'<VR/>'.join(cells)}</TR></TABLE>>]"
    )


def _number(x: float) -> str:
    """Four decimals as in the lecture, unless that would show a small number as 0.0000."""
    return f"{x:.4f}" if x == 0.0 or 1e-3 <= abs(x) < 1e7 or not math.isfinite(x) else f"{x:.3e}"
