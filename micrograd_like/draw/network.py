"""The picture of a network: a column of circles for each layer, a line for each weight."""

import math
import os
import statistics
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ..engine import Value
from .drawing import FONT, INK, LINE, MUTED, SUFFIXES, Drawing, checked_path, escaped
from .naming import Naming

_MAX_WEIGHTS = 2000
_POSITIVE, _NEGATIVE, _NEITHER = "#2b6cb0", "#e07b00", "#9aa5b1"  # told apart by the colour-blind


def draw_network(model: Any, path: str | os.PathLike[str] | None = None) -> Drawing:
    """The picture of a network: a column of circles for each layer, a line for each weight.

    Blue is positive, orange negative, and the larger the magnitude the wider the line: the width
    is width_share of the magnitude and the median of all, so that one huge weight hides no other.
    The ring of a neuron shows its bias in the same way.

    Args:
        model: an MLP, or anything with ``layers``; or one layer, anything with ``neurons``. A
            neuron has ``w`` (a list of Values), ``b`` (a Value) and ``activation`` (its name).
        path: where to save the picture, as .svg, .png, .pdf or .dot.

    Raises:
        TypeError: model, or one of its layers, is not of that kind.
        ValueError: the layers do not fit together, there are more than 2000 weights, or a path
            with another suffix.
        FileNotFoundError: the directory of the path does not exist.

    Example:
        >>> from types import SimpleNamespace as Any
        >>> neuron = Any(w=[Value(0.5), Value(-2.0)], b=Value(0.0), activation="tanh")
        >>> draw_network(Any(neurons=[neuron]))
        <Drawing of a network 2-1>
    """
    if path is not None:
        checked_path(path, "a picture", SUFFIXES)
    layers = _checked_layers(model)
    naming = Naming(model=model if hasattr(model, "named_parameters") else None)
    columns = [len(layers[0][0].w), *map(len, layers)]
    _check_weights(layers, columns)
    title = "a network " + "-".join(map(str, columns))
    weights = [w for layer in layers for neuron in layer for w in neuron.w]
    body = "\n".join([*_columns(layers, columns, naming), *_weights(layers, weights, naming)])
    positive = f'<FONT COLOR="{_POSITIVE}">positive</FONT>'
    negative = f'<FONT COLOR="{_NEGATIVE}">negative</FONT>'
    # neato keeps every node where its pos pins it, so a column is a column.
    source = f"""digraph "{title}" {{
  graph [layout=neato, inputscale=72, splines=line, bgcolor="white", charset="UTF-8",
    outputorder=edgesfirst, {FONT}, fontsize=11, fontcolor="{MUTED}", pad=0.15,
    label=<<BR/>{positive}, {negative}; lines are weights{_size(weights)}, rings are biases>];
  node [{FONT}, fontsize=12, fontcolor="{INK}", shape=circle, style=filled,
    fixedsize=true, width=0.42, label=""];
  edge [arrowhead=none];
{body}
}}
"""
    drawing = Drawing(source, title, engine="neato")
    if path is not None:
        drawing.save(path)
    return drawing


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


def _columns(layers: list[list[Any]], columns: list[int], naming: Naming) -> list[str]:
    """The nodes of all columns, each column centred, its caption at the height of the tallest."""
    gap_y = 44 if max(columns) <= 8 else 36  # points; a circle takes 30
    height = gap_y * max(columns)
    gap_x = max(130, min(1.2 * height / len(layers), 600))  # tall columns need flatter lines
    typical = typical_size(neuron.b for layer in layers for neuron in layer)
    lines = []
    for depth, width in enumerate(columns):
        x = f"{depth * gap_x:.0f}"
        for j in range(width):
            y = (width - 1 - 2 * j) * gap_y // 2
            look = f'label="x{j + 1}", color="{LINE}", fillcolor="#e9edf2"'
            if depth:
                bias = layers[depth - 1][j].b
                look = 'fillcolor="white", ' + _stroke(naming.of(bias) or "b", bias, typical, 4.0)
            lines.append(f'  l{depth}_{j} [pos="{x},{y}!", {look}];')
        lines.append(
            f'  caption{depth} [pos="{x},{height // 2 + 16}!", shape=plain, style="", '
            f"fixedsize=false, label=<{_caption(layers, depth, width)}>];"
        )
    return lines


def _weights(layers: list[list[Any]], weights: list[Value], naming: Naming) -> list[str]:
    """An edge for every weight, thinner where there are many."""
    typical, width = typical_size(weights), 4.5 / (1.0 + len(weights) / 300)
    return [
        f"  l{depth}_{i} -> l{depth + 1}_{j} [{_stroke(naming.of(w) or 'w', w, typical, width)}];"
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
    return f'<B>{escaped(upper)}</B><BR/><FONT POINT-SIZE="10" COLOR="{MUTED}">{lower}</FONT>'


def _size(weights: list[Value]) -> str:
    """How large the largest weight is, which its width does not tell."""
    largest = max((abs(w.data) for w in weights if w.data == w.data), default=0.0)
    return f" of up to {largest:.3g}" if largest else ""


def typical_size(values: Iterable[Value]) -> float:
    """The median of the magnitudes that are finite and not 0; without any 1."""
    sizes = [abs(v.data) for v in values if math.isfinite(v.data) and v.data]
    return statistics.median(sizes) if sizes else 1.0


def width_share(x: float, typical: float) -> float:
    """The share of the full width that a number gets: half for a typical one, never all.

    Example:
        >>> [width_share(x, typical=2.0) for x in (0.0, -2.0, 6.0, 1e300)]
        [0.0, 0.5, 0.75, 1.0]
    """
    return 0.0 if x != x else 1.0 - 1.0 / (1.0 + abs(x) / typical)


def _stroke(name: str, v: Value, typical: float, width: float) -> str:
    """The attributes that show a number as a line: sign as colour, magnitude as width."""
    x = v.data
    color = _POSITIVE if x > 0.0 else _NEGATIVE if x < 0.0 else _NEITHER
    width *= 0.08 + 0.92 * width_share(x, typical)
    return f'color="{color}", penwidth={width:.3f}, tooltip="{escaped(name)} = {x!r}"'
