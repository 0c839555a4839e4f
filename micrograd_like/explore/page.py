"""One HTML page that replays the backward pass of a graph, step by step.

>>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
>>> explore(a * b + a)
<Explorer of 4 Values>

Python does what can be computed once: it walks the graph, asks every op's rule for its local
derivatives, sorts the Values into groups (groups.py) and lays every group out (layout.py). The page
(explore.html) adds up the gradients again, visit by visit, with the same arithmetic and so to the
same last bit. A page is a snapshot: nothing here writes a ``.grad``.

Names: a Value is its position in topological order, i (inputs before users; step k of the backward
pass visits n - k). An item is what a card shows: the Value i, or the group g as ~g.
"""

from __future__ import annotations

import html
import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..draw import _text
from ..engine import Value, no_grad, topological_order
from ..files import write_whole
from .groups import MANY, Graph, Groups, Names
from .layout import GAP_Y, HEIGHT, WIDTH, Edge, layout, route

if TYPE_CHECKING:
    from pathlib import Path

_MAX_VALUES = 1_000_000
_MAX_STATIC = 100  # cards in the picture for paper and notebooks
_SIDE = 24  # of the grid on which the output of a model with two inputs is shown

# d(out) / d(input) in words, for each input; of an op of many inputs, for any of them. They are
# Python expressions (c is the condition, y of dot the partner) that a test compares with the rules.
_DERIVATIVES = {
    "add": ("1", "1"), "sub": ("1", "-1"), "mul": ("y", "x"), "div": ("1 / y", "-out / y"),
    "neg": ("-1",), "abs": ("sign(x)",), "sqrt": ("1 / (2 * out)",), "exp": ("out",),
    "pow": ("y * x**(y - 1)", "out * log(x)"), "powc": ("k * x**(k - 1)",), "expm1": ("out + 1",),
    "log": ("1 / x",), "log1p": ("1 / (1 + x)",), "sin": ("cos(x)",), "cos": ("-sin(x)",),
    "tan": ("1 + out**2",), "sinh": ("cosh(x)",), "cosh": ("sinh(x)",), "tanh": ("1 - out**2",),
    "atan": ("1 / (1 + x**2)",), "erfc": ("-2 / sqrt(pi) * exp(-(x**2))",),
    "sigmoid": ("out * (1 - out)",), "softplus": ("sigmoid(x)",),
    "silu": ("sigmoid(x) * (1 + x * (1 - sigmoid(x)))",),
    "gelu": ("erfc(-x / sqrt(2)) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi)",),
    "relu": ("1 if x > 0 else 0",), "elu": ("1 if x > 0 else k * exp(x)",),
    "leaky_relu": ("1 if x > 0 else k",), "where": ("", "1 if c else 0", "0 if c else 1"),
    "maximum": ("1 if x > y else 1/2 if x == y else 0", "1 if y > x else 1/2 if x == y else 0"),
    "minimum": ("1 if x < y else 1/2 if x == y else 0", "1 if y < x else 1/2 if x == y else 0"),
    "sum": ("1",), "max": ("1 / ties if x == out else 0",), "logsumexp": ("exp(x - out)",),
    "dot": ("y",),
}  # fmt: skip


class Explorer:
    """A page that is ready to be saved, opened or shown in a notebook."""

    def __init__(self, page: str, svg: str, n_values: int) -> None:
        self.page, self.svg, self._n_values = page, svg, n_values
        self._path: Path | None = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the page to a file that ends in .html, whole or not at all; returns the path.

        Raises:
            ValueError: another suffix.
            FileNotFoundError: the directory does not exist.
        """
        self._path = _checked_path(path)
        write_whole(self._path, self.page.encode("utf-8", "backslashreplace"))
        return self._path

    def open(self) -> None:
        """Shows the page in the browser; one that was not saved goes to a temporary file."""
        import tempfile
        import webbrowser
        from pathlib import Path

        path = self._path or self.save(Path(tempfile.mkdtemp()) / "explore.html")
        webbrowser.open(path.resolve().as_uri())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        frame = (
            '<iframe sandbox="allow-scripts allow-downloads" title="explore" width="100%" '
            f'height="640" style="border:0" srcdoc="{html.escape(self.page)}"></iframe>'
        )
        return {"text/html": frame, "image/svg+xml": self.svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Explorer of {self._n_values} Value{'s' * (self._n_values != 1)}>"


def explore(
    root: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    model: Any = None,
    names: Mapping[str, Value] | None = None,
    open: bool = False,
) -> Explorer:
    """The backward pass of a Value as one HTML page, to step through and to look around in.

    Args:
        root: the Value whose ``backward()`` is replayed, for example a loss. Or the History of
            ``fit(..., record=n)`` for a model of two inputs: the first sample's loss, by epoch.
        path: where to write the page; without it, use ``.save``, ``.open`` or a notebook.
        model: a Module; its parameters' names sort the Values into layers and neurons.
        names: more names, {name: Value}; dots in a name make groups. A Value's own label wins.
        open: show the page in the browser.

    Returns:
        An Explorer. No ``.grad`` is written.

    Raises:
        TypeError: root is not a Value, or a name's Value is not.
        ValueError: more than 1,000,000 Values, or a path that does not end in .html.
        FileNotFoundError: the directory of the path does not exist.

    Example:
        >>> x = Value(3.0, label="x")
        >>> explore(x**2)
        <Explorer of 2 Values>
    """
    path = path if path is None else _checked_path(path)
    recorded, training = getattr(root, "recorded", None), dict[str, Any]()
    model = recorded["model"] if recorded else model
    named = {**(dict(model.named_parameters()) if model is not None else {}), **(names or {})}
    if recorded:
        replay, training = _training(recorded, named)
    else:
        replay = _Replay(Graph(_checked_nodes(root), named))
    groups = Groups(replay.graph)
    given = Names(replay.graph, groups)
    svg = _static_svg(replay, groups, given)
    data = _data(replay, groups, given) | training
    explorer = Explorer(_page(data, svg), svg, len(replay.values))
    if path is not None:
        explorer.save(path)
    if open:
        explorer.open()
    return explorer


# --- what came in ---


def _checked_nodes(root: Any) -> list[Value]:
    if isinstance(root, Value):
        nodes = topological_order(root)
        if len(nodes) <= _MAX_VALUES:
            return nodes
        raise ValueError(
            f"the graph has {len(nodes):,} Values, explore shows at most {_MAX_VALUES:,}: "
            "pass the loss of fewer samples, or one Value inside the graph"
        )
    what = f"{type(root).__name__} {root!r:.60}"
    if hasattr(root, "recorded"):  # a History
        what += ", which has no recorded epochs: train with fit(..., record=1)"
    if isinstance(root, list | tuple) and all(isinstance(v, Value) for v in root):
        many = f"a list of {len(root)} Values: add them up, or choose one"
        what = many if root else "an empty list"
    raise TypeError(f"explore expects the Value whose backward pass to replay, got {what}")


def _checked_path(path: str | os.PathLike[str]) -> Path:
    from pathlib import Path

    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"cannot save a page as {path.name!r}: use a name that ends in .html")
    if not path.parent.is_dir():
        what = f"the directory {str(path.parent)!r} does not exist, create it first"
        raise FileNotFoundError(f"cannot save {path.name!r}: {what}")
    return path


# --- the backward pass ---


class _Replay:
    """One backward pass over a graph into lists: nothing of the graph is changed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = [v.data for v in graph.nodes]
        for v, xs in zip(graph.nodes, graph.inputs):
            for x, number in zip(xs, v.arguments):
                self.values[x] = number  # as recorded: the rules compute with it
        self.grads: list[float | None] = [None] * len(graph.nodes)
        self.grads[-1] = 1.0
        self.rules: list[list[Any]] = [[None] * len(xs) for xs in graph.inputs]
        self.notes: dict[int, list[str]] = {}
        for i in range(len(graph.nodes) - 1, -1, -1):
            self._visit(i)
        for i in range(len(graph.nodes)):
            self._compare_with_python(i)

    def _visit(self, i: int) -> None:
        v, g = self.graph.nodes[i], self.grads[i]
        if v.op is None or g is None:
            return
        try:
            received = v.op.backward(g, v.data, *v.arguments)
            local = v.op.backward(1.0, v.data, *v.arguments)
        except Exception as error:  # only a node made by hand, by the user's function, can fail
            self._note(i, f"nothing passes on: {error}")
            return
        for k, x in enumerate(self.graph.inputs[i]):
            if received[k] is not None:
                self.rules[i][k] = _rule(g, local[k], received[k])
                self.grads[x] = (self.grads[x] or 0.0) + received[k]

    def _compare_with_python(self, i: int) -> None:
        v, value, once = self.graph.nodes[i], self.values[i], self.grads[i]
        if v.data != value and v.data == v.data:
            self._note(i, f"value {value:.6g} when recorded, {v.data:.6g} now")
        if not v.grad or once is None or v.grad == once or v.grad != v.grad:
            return
        times = v.grad / once if once else 0.0
        if not v.inputs and times.is_integer() and times >= 2.0:
            why = f"= {times:.0f} x {once:.6g}: was zero_grad missed?"
        else:
            why = f"is not {once:.6g}, what one backward pass gives"
        self._note(i, f"stored gradient {v.grad:.6g} {why}")

    def _note(self, i: int, text: str) -> None:
        self.notes.setdefault(i, []).append(text)

    def numbers(self) -> dict[str, list[Any]]:
        """Values and rules as JSON; a rule is 0 for a product, whose factors are its inputs."""
        rules: list[Any] = []
        for v, xs, rule in zip(self.graph.nodes, self.graph.inputs, self.rules):
            half = len(xs) // 2
            product = v.op is not None and v.op.name in ("mul", "dot")
            partners = [self.values[x] for x in xs[half:] + xs[:half]]
            rules.append(0 if product and partners == rule else _plain(rule))
        return {"value": _plain(self.values), "rule": rules}


def _rule(g: float, d: float, received: float) -> Any:
    """How the page computes what an input receives: d stands for g * d, to the last bit.

    Else [r, d] stands for r: a masked 0, or the rule multiplies or divides in another order.
    """
    product = g * d
    is_nan = received != received and product != product
    return d if product == received or is_nan else [received, d]


# --- views: which cards, and where they go ---


def _views(groups: Groups) -> tuple[list[list[Any]], list[dict[str, Any]]]:
    """For each group its views; and the layouts, which equal views share.

    A view is the number of its layout, how many items are the group's own, and the items: its own
    and then its neighbours outside.
    """
    number: dict[Any, int] = {}  # of the layout for so many items and these edges
    views: list[list[Any]] = []
    for g, group in enumerate(groups.all):
        views.append([])
        for items in group.copies:
            shown, edges = _shown(groups, g, items)
            k = number.setdefault((len(shown), tuple(edges)), len(number))
            views[g].append([k, len(items), shown])
    return views, [layout(*key) for key in number]


def _shown(groups: Groups, g: int, items: list[int]) -> tuple[list[int], Iterable[Edge]]:
    """The items of a view with their neighbours outside, and the edges from place to place."""
    if groups.all[g].kind == "leaves":
        return items, []
    inputs, users = groups.graph.inputs, groups.graph.users
    place = {i: k for k, item in enumerate(items) for i in groups.nodes_of(item)}
    edges = groups.edges(items, place)
    around = [(a, b) for i in place for a, b in (*((x, i) for x in inputs[i]),
              *((i, u) for u in users[i])) if a not in place or b not in place]  # fmt: skip
    outside = {i: i for edge in around for i in edge if i not in place}
    if len(outside) > MANY:
        above = set(groups.way(g))
        outside = {i: _seen_from(groups, above, i) for i in outside}
    shown = [*items, *dict.fromkeys(outside.values())]
    place_of = {item: k for k, item in enumerate(shown)}
    place |= {i: place_of[item] for i, item in outside.items()}
    return shown, edges | dict.fromkeys((place[a], place[b]) for a, b in around)


def _seen_from(groups: Groups, above: set[int], i: int) -> int:
    """The item that stands for i in the nearest view around a group."""
    item = i
    for g in groups.way(groups.home[i]):
        if g in above:
            break
        item = ~g
    return item


# --- training ---


def _training(recorded: dict[str, Any], named: Mapping[str, Value]) -> tuple[_Replay, Any]:
    """The pass over the first sample's loss, and what changes in it from epoch to epoch."""
    model, loss, X, y = (recorded[key] for key in ("model", "loss", "X", "y"))
    if not recorded["epochs"] or len(X[0]) != 2:
        raise ValueError(
            "explore shows recorded epochs of a model with 2 inputs, got "
            f"{len(recorded['epochs'])} epochs and {len(X[0])} inputs"
        )
    grid, points = _map(X, y)
    x = [Value(number, label=f"x{k}") for k, number in enumerate(X[0], start=1)]
    kept, epochs = model.state_dict(), []
    try:
        for row in recorded["epochs"]:
            model.load_state_dict(row["state"])
            replay = _Replay(Graph(topological_order(loss(model.batch([x]), [y[0]])), named))
            with no_grad():
                field = b64encode(bytes(map(_shade, model.batch(grid)))).decode()
            shown = {"epoch": row["epoch"], "loss": row["loss"], "field": field}
            epochs.append(shown | replay.numbers())
    finally:
        model.load_state_dict(kept)
    return replay, {"epochs": epochs, "points": points, "side": _SIDE}


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


# --- writing ---


def _data(replay: _Replay, groups: Groups, names: Names) -> dict[str, Any]:
    """What the page knows; explore.html says how it reads it."""
    graph, numbers, (views, layouts) = replay.graph, replay.numbers(), _views(groups)
    ops = list(dict.fromkeys(v.op for v in graph.nodes if v.op is not None))
    row = {op: k for k, op in enumerate(ops)}
    return {
        "card": [WIDTH, HEIGHT, GAP_Y],
        "ops": [[op.name, op.symbol, _DERIVATIVES.get(op.name, [])] for op in ops],
        "op": [-1 if v.op is None else row[v.op] for v in graph.nodes],
        "value": numbers["value"],
        "inputs": graph.inputs,
        "rule": numbers["rule"],
        "name": names.given,
        "constant": {i: str(v.arguments[-1]) for i, v in enumerate(graph.nodes)
                     if v.op is not None and v.op.constants},
        "notes": replay.notes,
        "home": groups.home,
        "groups": [[group.name, group.parent, group.kind, of]
                   for group, of in zip(groups.all, views)],
        "layouts": layouts,
    }  # fmt: skip


def _plain(numbers: list[Any]) -> list[Any]:
    """JSON has no nan and no inf: they go as JavaScript's text. Only of them x - x is not 0."""
    return [
        _plain(x) if type(x) is list else json.dumps(x) if type(x) is float and x - x else x
        for x in numbers
    ]


def _page(data: dict[str, Any], svg: str) -> str:
    from importlib.resources import files

    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = files(__package__).joinpath("explore.html").read_text("utf-8")
    parts = {"training": "epochs" in data, "large": any("big" in x for x in data["layouts"])}
    for part in (part for part, is_needed in parts.items() if not is_needed):
        page = re.sub(f"<!--{part}-->.*?<!--/{part}-->", "", page, flags=re.DOTALL)
    page = re.sub(r"^\s+|^// .*\n|\s+// .*$", "", page, flags=re.MULTILINE)  # comments, indents
    # Spaces where no text of the page has them: around these signs, inside braces.
    around = r" ?(=>|[!=]==|&&|\|\||\?\?) ?| ([?:]) |(?<=[{;]) | (?=})|(?<=\)) (?={)"
    page = re.sub(around, r"\1\2", page)
    return page.replace("<!--svg-->", svg).replace("/*data*/", text)


def _static_svg(replay: _Replay, groups: Groups, names: Names) -> str:
    """The root's view as a picture; of a large one, the part that is nearest to the root.

    In the page its classes make it look like the page; elsewhere its attributes count.
    """
    (items,), left = groups.all[0].copies, ""
    if len(items) > _MAX_STATIC:
        left = f'<text y="-8">the last {_MAX_STATIC} of {len(items)} items</text>\n'
        items = items[-_MAX_STATIC:]
    place = {i: k for k, item in enumerate(items) for i in groups.nodes_of(item)}
    placed = layout(len(items), list(groups.edges(items, place)))
    lines = "".join(route(placed, edge) for edge in placed["e"])
    cards = [_card(replay, groups, names, item, x, y - HEIGHT // 2)
             for x, y, item in zip(placed["x"], placed["y"], items)]  # fmt: skip
    boxes, heads, symbols, numbers = ("\n".join(filter(None, parts)) for parts in zip(*cards))
    width, height = max(placed["x"]) + WIDTH + 24, max(placed["y"]) + HEIGHT // 2 + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -22 {width} {height}" '
        f'width="{width}" font-family="system-ui,sans-serif" font-size="12" fill="#566070">\n'
        f'{left}<path class="edge" fill="none" stroke="#a3adb9" d="{lines}"/>\n'
        f'<g class="box" fill="#fff" stroke="#a3adb9">\n{boxes}\n</g>\n'
        f'<g class="name" fill="#1b2431" font-weight="600">\n{heads}\n</g>\n'
        f'<g class="end" text-anchor="end">\n{symbols}\n</g>\n{numbers}\n</svg>'
    )


def _card(
    replay: _Replay, groups: Groups, names: Names, item: int, x: int, y: int
) -> tuple[str, str, str, str]:
    """The markup of a card with its corner at x, y: its box, name, op and numbers."""

    def text(right: int, down: int, words: str) -> str:
        return words and f'<text x="{x + right}" y="{y + down}">{_text(words)}</text>'

    box = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"'
    if item < 0:
        group = groups.all[~item]
        size = text(12, 37, f"{len(group.nodes)} values")
        return f'{box} stroke-dasharray="5 3"/>', text(12, 20, group.name[:17]), "", size
    grad, op = replay.grads[item], replay.graph.nodes[item].op
    symbol = op.symbol[:9] if op else ""
    numbers = text(12, 37, f"value {replay.values[item]:.5g}")
    numbers += text(12, 53, "grad none" if grad is None else f"grad {grad:.5g}")
    head = names.of(item)[: 17 - len(symbol)]
    return f"{box}/>", text(12, 20, head), text(138, 20, symbol), numbers
