"""Pictures of graphs and networks, laid out by Graphviz.

>>> picture = draw(Value(2.0, label="a") * Value(-3.0, label="b"))
>>> picture, "data 2.0000" in picture.svg()
(<Drawing of 3 Values>, True)

Both functions write text in Graphviz's DOT language; a ``Drawing`` turns it into a picture when
asked. This file knows no op and no layer class, and drawing changes nothing.

In the DOT text n0, n1, ... are the Values in topological order, and op3 is the op that made n3.
"""

import math
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from .engine import Value, topological_order
from .files import write_whole
from .words import symbol

# rankdir: where edges leave a box. Boxes are wide: sideways, from the middle of the short end.
_TAILPORTS = {"LR": "e", "RL": "w", "TB": "c", "BT": "c"}
_EDGES_PER_NODE = 3  # dot's time grows with the edges too; a graph of binary ops has two a node
_MAX_WEIGHTS = 2000
_LONGEST_LABEL = 40
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "\\\\"})
_PNG_DPI = 192  # twice the usual 96: sharp on a laptop's screen
_one_layout_at_a_time = threading.Lock()  # Graphviz's library keeps global state

# Dark text on light boxes on white: legible whatever the page around the picture looks like.
_INK, _MUTED, _LINE, _ACCENT = "#1f2937", "#6b7280", "#8a94a3", "#6d28d9"
_LEAF, _INTERIOR, _ROOT = ("#e8f1fb", "#5b8fc7"), ("#ffffff", "#9aa5b1"), ("#fff3d6", "#d08700")
_POSITIVE, _NEGATIVE, _NEITHER = "#2b6cb0", "#e07b00", "#9aa5b1"  # told apart by the colour-blind
_FONT = 'fontname="Helvetica,Arial,sans-serif"'
_ELLIPSE = (
    f'shape=ellipse, style=filled, fillcolor="#eceff3", color="{_LINE}", fontsize=13, width=0.4, '
    'height=0.35, margin="0.06,0.02", ordering=in'
)


class Drawing:
    """A picture: DOT text that Graphviz lays out when it is shown or saved.

    A notebook shows it by itself. Graphviz is the ``dot`` program if there is one on the PATH, or
    else the library inside the pygraphviz package. The DOT text itself is ``source``.
    """

    def __init__(self, source: str, title: str = "a graph", engine: str = "dot") -> None:
        self.source, self._title, self._engine = source, title, engine

    def svg(self) -> str:
        """The picture as an ``<svg>`` element, fit for a file or for the middle of an HTML page.

        Raises:
            ImportError: Graphviz is not installed.
            RuntimeError: the ``dot`` program failed; with what it said.
        """
        text = _render(self.source, "svg", self._engine).decode()
        return text[text.index("<svg") :]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a .svg, .png, .pdf or .dot file, whole or not at all; returns the path.

        Raises:
            ValueError: another suffix.
            ImportError: Graphviz is not installed (.dot does not need it).
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix == ".dot":
            content = self.source.encode()
        elif suffix == ".svg":
            content = self.svg().encode()
        elif suffix in (".png", ".pdf"):
            content = _render(self.source, suffix[1:], self._engine)
        else:
            expected = "use a name that ends in .svg, .png, .pdf or .dot"
            raise ValueError(f"cannot save a picture as {path.name!r}: {expected}")
        write_whole(path, content)
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": self.source}

    def __repr__(self) -> str:
        return f"<Drawing of {self._title}>"


# --- the graph of a computation ---


def draw(
    root: Value | Iterable[Value],
    *,
    local_derivatives: bool = False,
    rankdir: str = "LR",
    names: Mapping[str, Value] | None = None,
    max_nodes: int = 1000,
) -> Drawing:
    """The picture of how a Value was computed: a box for each Value, an ellipse for each op.

    A box shows label, data and grad. Leaves are blue, the root is yellow.

    Args:
        root: a Value, or a list of Values to show in one picture.
        local_derivatives: write d(out)/d(input) on every edge from an input to an op. An input
            used twice has two edges. A dashed edge is never differentiated (a condition).
        rankdir: the direction of the computation: "LR" (left to right), "TB", "RL" or "BT".
        names: labels for this picture only, for example ``dict(model.named_parameters())``; those
            of Values that are not in the picture are ignored.
        max_nodes: the largest number of Values to lay out. For 1000 Graphviz takes a second, or
            half a minute when everything is connected with everything.

    Raises:
        TypeError: root or a name's Value is not a Value.
        ValueError: an empty list, an unknown rankdir, or a graph too large to lay out.

    Example:
        >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
        >>> picture = draw(a * b, local_derivatives=True)
        >>> [line for line in picture.source.splitlines() if "n0 -> op2" in line]
        ['  n0 -> op2 [label="-3.0000"];']

    Source: draw_dot of the micrograd lecture, whose boxes and ellipses are kept.
    """
    roots = _checked_roots(root)
    if rankdir not in _TAILPORTS:
        raise ValueError(f"rankdir must be one of {', '.join(_TAILPORTS)}, got {rankdir!r:.60}")
    nodes = list(dict.fromkeys(v for end in roots for v in topological_order(end)))
    _check_size(nodes, max_nodes)
    labels = _labels(nodes, names or {})
    title = "1 Value" if len(nodes) == 1 else f"{len(nodes)} Values"
    caption = "on each edge: d(result) / d(input)" if local_derivatives else ""
    body = "\n".join(_nodes_and_edges(nodes, roots, labels, local_derivatives))
    source = f"""digraph "{title}" {{
  graph [rankdir={rankdir}, bgcolor="white", charset="UTF-8", nodesep=0.2, ranksep=0.35,
    {_FONT}, fontsize=11, fontcolor="{_MUTED}", label="{caption}"];
  node [{_FONT}, fontsize=12, fontcolor="{_INK}", shape=plain];
  edge [{_FONT}, fontsize=10, fontcolor="{_ACCENT}", color="{_LINE}", arrowsize=0.6,
    tailport={_TAILPORTS[rankdir]}];
{body}
}}
"""
    return Drawing(source, title)


def _nodes_and_edges(
    nodes: list[Value], roots: tuple[Value, ...], labels: dict[Value, str], local_derivatives: bool
) -> Iterator[str]:
    place = {v: i for i, v in enumerate(nodes)}
    for i, v in enumerate(nodes):
        kind = _ROOT if v in roots else _INTERIOR if v.inputs else _LEAF
        yield f"  n{i} {_box(v, labels[v], kind)};"
        if v.op is None:
            continue
        op = _text(symbol(v.op, v.arguments[len(v.inputs) :]))
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


def _labels(nodes: list[Value], names: Mapping[str, Value]) -> dict[Value, str]:
    labels = {v: str(v.label) for v in nodes}
    for name, v in names.items():
        if not isinstance(v, Value):
            got = f"got {type(v).__name__} {v!r:.60} for {name!r:.60}"
            raise TypeError(f"names expects {{name: Value}}, {got}")
        labels[v] = str(name)
    return labels


def _box(v: Value, label: str, kind: tuple[str, str]) -> str:
    fill, border = kind
    cells = [f"<TD><B>{_text(label)}</B></TD>"] if label else []
    cells += [f"<TD>data {_number(v.data)}</TD>", f"<TD>grad {_number(v.grad)}</TD>"]
    return (
        f'[tooltip="data {v.data!r}, grad {v.grad!r}", label=<'
        f'<TABLE STYLE="ROUNDED" BORDER="{2 if kind is _ROOT else 1}" CELLBORDER="0" '
        f'CELLSPACING="0" CELLPADDING="6" COLOR="{border}" BGCOLOR="{fill}">'
        f"<TR>{'<VR/>'.join(cells)}</TR></TABLE>>]"
    )


# --- networks ---


def draw_network(model: Any) -> Drawing:
    """The picture of a network: a column of circles for each layer, a line for each weight.

    Blue is positive, orange negative, and the larger the magnitude the wider the line. The ring
    of a neuron shows its bias in the same way.

    Args:
        model: an MLP, or anything with ``layers``; or one layer, anything with ``neurons``. A
            neuron has ``w`` (a list of Values), ``b`` (a Value) and ``activation`` (its name).

    Raises:
        TypeError: model, or one of its layers, is not of that kind.
        ValueError: the layers do not fit together, or there are more than 2000 weights.

    Example:
        >>> from types import SimpleNamespace as Any
        >>> neuron = Any(w=[Value(0.5), Value(-2.0)], b=Value(0.0), activation="tanh")
        >>> draw_network(Any(neurons=[neuron]))
        <Drawing of a network 2-1>
    """
    layers = _checked_layers(model)
    columns = [len(layers[0][0].w), *map(len, layers)]
    _check_weights(layers, columns)
    title = "a network " + "-".join(map(str, columns))
    body = "\n".join([*_columns(layers, columns), *_weights(layers)])
    positive = f'<FONT COLOR="{_POSITIVE}">positive</FONT>'
    negative = f'<FONT COLOR="{_NEGATIVE}">negative</FONT>'
    # neato keeps every node where its pos pins it, so a column is a column.
    source = f"""digraph "{title}" {{
  graph [layout=neato, inputscale=72, splines=line, bgcolor="white", charset="UTF-8",
    outputorder=edgesfirst, {_FONT}, fontsize=11, fontcolor="{_MUTED}", pad=0.15,
    label=<<BR/>{positive}, {negative}; lines are weights, rings are biases>];
  node [{_FONT}, fontsize=12, fontcolor="{_INK}", shape=circle, style=filled,
    fixedsize=true, width=0.42, label=""];
  edge [arrowhead=none];
{body}
}}
"""
    return Drawing(source, title, engine="neato")


def _checked_layers(model: Any) -> list[list[Any]]:
    """The model's layers, each a list of neurons; not empty."""
    given = getattr(model, "layers", None)
    layers = []
    for i, layer in enumerate([model] if given is None else given):
        neurons = list(getattr(layer, "neurons", ()))
        if not neurons or not all(hasattr(n, "w") and hasattr(n, "b") for n in neurons):
            which = "" if layer is model else f" in layer {i}"
            raise TypeError(
                "draw_network expects an MLP or a Layer, that is .layers with .neurons, each with "
                f".w and .b; got {type(layer).__name__} {layer!r:.60}{which}"
            )
        layers.append(neurons)
    if not layers:
        raise TypeError("draw_network expects at least one layer, got a model whose .layers is []")
    return layers


def _check_weights(layers: list[list[Any]], columns: list[int]) -> None:
    for i, (n_in, neurons) in enumerate(zip(columns, layers)):
        for neuron in neurons:
            if len(neuron.w) != n_in:
                expected = f"expected {n_in}: one for each output of the layer before"
                raise ValueError(f"layer {i} has a neuron with {len(neuron.w)} weights, {expected}")
    n_weights = sum(n_in * n_out for n_in, n_out in pairwise(columns))
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"the network has {n_weights} weights, draw_network shows at most {_MAX_WEIGHTS}: "
            "draw one of its layers, or a smaller network"
        )


def _columns(layers: list[list[Any]], columns: list[int]) -> list[str]:
    """The nodes of all columns, each column centred, its caption at the height of the tallest."""
    gap_y = 44 if max(columns) <= 8 else 36  # points; a circle takes 30
    height = gap_y * max(columns)
    gap_x = max(130, min(1.2 * height / len(layers), 600))  # tall columns need flatter lines
    lines = []
    for depth, width in enumerate(columns):
        x = f"{depth * gap_x:.0f}"
        for j in range(width):
            y = (width - 1 - 2 * j) * gap_y // 2
            look = f'label="x{j + 1}", color="{_LEAF[1]}", fillcolor="{_LEAF[0]}"'
            if depth:
                look = 'fillcolor="white", ' + _stroke("b", layers[depth - 1][j].b, 1.0, 2.5)
            lines.append(f'  l{depth}_{j} [pos="{x},{y}!", {look}];')
        lines.append(
            f'  caption{depth} [pos="{x},{height // 2 + 16}!", shape=plain, style="", '
            f"fixedsize=false, label=<{_caption(layers, depth, width)}>];"
        )
    return lines


def _weights(layers: list[list[Any]]) -> list[str]:
    """An edge for every weight, thinner where there are many."""
    magnitudes = [abs(w.data) for layer in layers for neuron in layer for w in neuron.w]
    largest = max(filter(math.isfinite, magnitudes), default=0.0)
    width = 3.0 / (1.0 + len(magnitudes) / 300)
    return [
        f"  l{depth}_{i} -> l{depth + 1}_{j} [{_stroke('w', w, largest, width)}];"
        for depth, layer in enumerate(layers)
        for j, neuron in enumerate(layer)
        for i, w in enumerate(neuron.w)
    ]


def _caption(layers: list[list[Any]], depth: int, width: int) -> str:
    upper, lower = "inputs" if width > 1 else "input", str(width)
    if depth:
        names = [getattr(neuron, "activation", "") for neuron in layers[depth - 1]]
        upper = ", ".join(dict.fromkeys(str(name) for name in names if name)) or "layer"
        lower = "1 neuron" if width == 1 else f"{width} neurons"
    return f'<B>{_text(upper)}</B><BR/><FONT POINT-SIZE="10" COLOR="{_MUTED}">{lower}</FONT>'


def _stroke(name: str, v: Value, largest: float, width: float) -> str:
    """The attributes that show a number as a line: sign as colour, magnitude as width."""
    x = v.data
    color = _POSITIVE if x > 0.0 else _NEGATIVE if x < 0.0 else _NEITHER
    share = min(abs(x) / largest, 1.0) if largest and x == x else 0.0
    width *= 0.15 + 0.85 * share
    return f'color="{color}", penwidth={width:.3f}, tooltip="{name} = {x!r}"'


# --- text, and Graphviz ---


def _number(x: float) -> str:
    """Four decimals as in the lecture, unless that would show a small number as 0.0000."""
    return f"{x:.4f}" if x == 0.0 or 1e-3 <= abs(x) < 1e7 or not math.isfinite(x) else f"{x:.3e}"


def one_line(text: str) -> str:
    """Any text as one line for a picture: short, and without what no picture can show."""
    # Control characters are no XML, and direction marks could turn the rest of the box around.
    # The two joiners stay: emoji and several scripts are written with them.
    shown = "".join(
        c if c.isprintable() or c in "\u200c\u200d" else c.encode("unicode_escape").decode()
        for c in text[: _LONGEST_LABEL + 1]
    )
    return shown if len(shown) <= _LONGEST_LABEL else shown[: _LONGEST_LABEL - 1] + "\u2026"


def _text(text: str) -> str:
    """One line that DOT shows as it is, between quotes and in an HTML-like label."""
    return one_line(text).translate(_ESCAPES)


def _render(source: str, format: str, engine: str) -> bytes:
    import shutil
    import subprocess

    program = shutil.which("dot")
    if program is None:
        return _render_with_library(source, format, engine)
    dpi = [f"-Gdpi={_PNG_DPI}"] if format == "png" else []
    command = [program, f"-K{engine}", f"-T{format}", *dpi]
    done = subprocess.run(command, input=source.encode(), capture_output=True)
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()
        status = f"exit status {done.returncode}"
        raise RuntimeError(f"{program} failed to make {format} ({status}): {said:.500}")
    return done.stdout


def _render_with_library(source: str, format: str, engine: str) -> bytes:
    try:
        import pygraphviz
    except ImportError:
        raise ImportError(
            'pictures need Graphviz: pip install "micrograd_like[draw]" '
            "(or put Graphviz's own dot program on the PATH)"
        ) from None
    with _one_layout_at_a_time, closing(pygraphviz.AGraph(string=source)) as graph:
        if format == "png":
            graph.graph_attr["dpi"] = str(_PNG_DPI)
        # From 1000 nodes on pygraphviz writes a warning to stderr; draw has its own limit.
        graph.number_of_nodes = lambda: 0
        return bytes(graph.draw(format=format, prog=engine))
