"""One HTML page that replays the backward pass of a graph, step by step.

Python does what can be computed once: every op's rule gives its local derivatives (replay.py), the
Values are sorted into groups (groups.py), and every group is laid out (layout.py). The page itself
(web/explore.html) adds up the gradients again, visit by visit, to the same last bit.
"""

import html
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..draw import Naming, checked_path, one_line
from ..engine import Value, topological_order
from ..modes import uncollected
from ..pages.export import small, texts
from ..pages.page import PAGE_SUFFIXES, Page
from ..words import words
from .calls import Calls
from .graph import Graph
from .groups import MANY, Groups
from .layout import GAP_Y, HEIGHT, WIDTH, Edge, layout, route
from .leaf import changeable, needs_exact, why_not
from .names import Names
from .replay import BackwardPass
from .training import by_epoch

_MAX_VALUES = 1_000_000
_MAX_STATIC = 100  # cards in the picture for paper and notebooks


class Explorer(Page):
    """A page that is ready to be saved, opened or shown in a notebook."""

    def __init__(self, page: str, svg: str, n_values: int) -> None:
        super().__init__(page, "explore", 640)
        self.svg, self._n_values = svg, n_values

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return super()._repr_mimebundle_(include, exclude) | {"image/svg+xml": self.svg}

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

    No ``.grad`` is written. In the page a leaf can be changed, and all numbers follow, those of the
    backward pass, too, if the graph has at most 20,000 Values and none was made by hand.

    Args:
        root: the Value whose ``backward()`` is replayed, for example a loss, or a list of this one
            Value. Or a function without arguments that computes it: then the functions that it
            calls are the groups, so that a large graph can be read. Or the History of
            ``fit(..., record=n)`` for a model of two inputs: a sample's loss, by epoch; the page
            lets the reader choose both.
        path: where to write the page; without it, use ``.save``, ``.open`` or a notebook.
        model: a Module; its parameters' names sort the Values into layers and neurons.
        names: names for this page only, {name: Value}, which go before a label; dots in them make
            groups, and numbers at the end tables: "wq.3.0". ``names=locals()`` names all that has
            a variable: what is no Value is left out.
        open: show the page in the browser.

    Raises:
        TypeError: root is no Value, or a function with arguments; or no name's Value is one.
        ValueError: more than 1,000,000 Values, or a path that does not end in .html.
        FileNotFoundError: the directory of the path does not exist.

    Example:
        >>> x = Value(3.0, label="x")
        >>> explore(x**2)
        <Explorer of 2 Values>
        >>> def loss():                # a function: the calls inside it are the groups
        ...     return (2.0 * x - 1.0) ** 2
        >>> explore(loss)
        <Explorer of 6 Values>
    """
    if path is not None:
        checked_path(path, "a page", PAGE_SUFFIXES)
    explorer = _made(root, model, names)
    if path is not None:
        explorer.save(path)
    if open:
        explorer.open()
    return explorer


@uncollected()  # which would look through a large graph's lists, and they have no cycles
def _made(root: Any, model: Any, names: Mapping[str, Value] | None) -> Explorer:
    calls = Calls() if callable(root) else None
    if calls is not None:
        root = calls.during(_without_arguments(root))
    record = getattr(root, "recorded", None)
    naming = Naming(_values_of(names), record.model if record else model)
    if record:
        walk, more = by_epoch(record, naming)
    else:
        walk = BackwardPass(Graph(_checked_nodes(root), naming, calls))
        walk.compare_with_stored()
        more = changeable(walk)
    given = Names(Groups(walk.graph), walk.values)
    svg = _static_svg(walk, given)
    return Explorer(_page(_data(walk, given) | more, svg), svg, len(walk.values))


def guest(root: Value, leaves: Iterable[Value], model: Any) -> tuple[str, str]:
    """A page in another page, which tells it the numbers of these leaves (web/guest.js).

    Returns:
        The page; or nothing, and why the numbers of this graph cannot be computed anew.
    """
    nodes = topological_order(root)
    walk = BackwardPass(Graph(nodes, Naming(None, model)))
    if why := why_not(walk):
        return "", why
    place = {v: i for i, v in enumerate(nodes)}
    told = {"leaves": [place.get(v, -1) for v in leaves]}  # -1: it is not in the graph
    given = Names(Groups(walk.graph), walk.values)
    return _page(_data(walk, given) | changeable(walk) | told, ""), ""


def _values_of(names: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The names of Values, as locals() has others too; if there is none, all: Naming refuses."""
    if not isinstance(names, Mapping):
        return names
    return {name: v for name, v in names.items() if isinstance(v, Value)} or names


def _without_arguments(function: Any) -> Callable[[], Any]:
    import inspect  # here, since it takes 10 ms to import

    try:
        inspect.signature(function).bind()
    except TypeError:
        name = getattr(function, "__name__", type(function).__name__)
        raise TypeError(
            f"explore calls a function without arguments, and {name} has some: "
            f"write explore(lambda: {name}(...))"
        ) from None
    except ValueError:  # a function in C that does not tell
        pass
    return function  # type: ignore[no-any-return]


def _checked_nodes(root: Any) -> list[Value]:
    if isinstance(root, list | tuple) and len(root) == 1:
        (root,) = root
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
    elif isinstance(root, list | tuple) and not root:
        what = "an empty list"
    elif isinstance(root, list | tuple) and all(isinstance(v, Value) for v in root):
        what = f"a list of {len(root)} Values: add them up, or choose one"
    raise TypeError(f"explore expects the Value whose backward pass to replay, got {what}")


# --- views: which cards, and where they go ---


def _views(groups: Groups) -> tuple[list[list[Any]], list[dict[str, Any]]]:
    """For each group its views; and the layouts, which equal views share.

    A view: its layout's number, how many items are the group's own, those and then the others.
    """
    number: dict[Any, int] = {}  # of the layout for so many items and these edges
    views: list[list[Any]] = [[] for _ in groups.all]
    for g, group in enumerate(groups.all):
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
    folded, around = groups.graph.folded, []
    for i in place:
        around += [(x, i) for x in inputs[i] if x not in place and x not in folded]
        around += [(i, u) for u in users[i] if u not in place and i not in folded]
    outside = {i: i for edge in around for i in edge if i not in place}
    work = [groups.work[i] for i in outside if groups.work[i]]
    if len(outside) > MANY or len(set(work)) < len(work):  # many, or those of several samples
        outside = {i: groups.seen_from(g, i) for i in outside}
    shown = [*items, *dict.fromkeys(outside.values())]
    place_of = {item: k for k, item in enumerate(shown)}
    place |= {i: place_of[item] for i, item in outside.items()}
    return shown, edges | dict.fromkeys((place[a], place[b]) for a, b in around)


# --- writing ---


def _data(walk: BackwardPass, names: Names) -> dict[str, Any]:
    """What the page knows. An op is a row of ops; -1 is a leaf, -2 a constant, which is no card."""
    graph, groups = walk.graph, names.groups
    views, layouts = _views(groups)
    ops = list(dict.fromkeys(v.op for v in graph.nodes if v.op is not None))
    row = {op: k for k, op in enumerate(ops)}
    return {
        "card": [WIDTH, HEIGHT, GAP_Y],
        "ops": [[op.name, op.symbol, words(op).derivatives] for op in ops],
        "op": [-2 if i in graph.folded else -1 if v.op is None else row[v.op]
               for i, v in enumerate(graph.nodes)],
        "inputs": graph.inputs,
        **walk.numbers(),
        "name": names.given,
        "constant": {i: str(v.arguments[-1]) for i, v in enumerate(graph.nodes)
                     if v.op is not None and v.op.constants},
        "notes": walk.notes,
        "now": walk.now,
        "home": groups.home,
        "groups": [[group.name, group.parent, group.kind, of]
                   for group, of in zip(groups.all, views)],
        "layouts": layouts,
    }  # fmt: skip


def _page(data: dict[str, Any], svg: str) -> str:
    from importlib.resources import files  # here, since it takes 6 ms to import

    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    web = files(__package__).joinpath("web")
    page = web.joinpath("explore.html").read_text("utf-8")
    parts = {  # of explore.html, and whether this page needs them
        "comment": False,
        "training": "epochs" in data,
        "large": any("big" in x for x in data["layouts"]),
        "groups": len(data["groups"]) > 1,
        "leaf": "rules" in data,
        "guest": "leaves" in data,
    }
    for part in (part for part, is_needed in parts.items() if not is_needed):
        page = re.sub(f"<!--{part}-->.*?<!--/{part}-->", "", page, flags=re.DOTALL)
    page = re.sub(r"/\*(\w+\.(?:css|js))\*/", lambda of: _squeezed(web.joinpath(of[1])), page)
    tapes = small(texts(["tape.js", "exact.js"] if needs_exact(data) else ["tape.js"]))
    if not needs_exact(data):
        tapes += "let EXACT=BROWSERS;"  # what leaf.js asks for
    # at once: a label may look like a place
    given = {"<!--svg-->": svg, "/*data*/": text, "/*tapes*/": tapes}
    return re.sub("|".join(map(re.escape, given)), lambda place: given[place[0]], page)


def _squeezed(file: Any) -> str:
    """A file of the page without comments, indentation, and spaces that mean nothing."""
    text: str = file.read_text("utf-8")
    if file.name.endswith(".css"):
        return re.sub(r"(?<=[{},;])\s+|\s+(?=[{}])", "", text)
    return small(text)


def _static_svg(walk: BackwardPass, names: Names) -> str:
    """The root's view as a picture; of a large one, the part that is nearest to the root."""
    groups, note = names.groups, ""
    (items,) = groups.all[0].copies
    if len(items) > _MAX_STATIC:
        note = f'<text y="-8">the last {_MAX_STATIC} of {len(items)} items</text>\n'
        items = items[-_MAX_STATIC:]
    place = {i: k for k, item in enumerate(items) for i in groups.nodes_of(item)}
    placed = layout(len(items), list(groups.edges(items, place)))
    lines = "".join(route(placed, edge) for edge in placed["e"])
    left = placed["left"]
    cards = [_card(walk, names, item, left[x], y - HEIGHT // 2)
             for x, y, item in zip(placed["x"], placed["y"], items)]  # fmt: skip
    boxes, heads, symbols, numbers = ("\n".join(filter(None, parts)) for parts in zip(*cards))
    width, height = left[-1] + WIDTH + 24, max(placed["y"]) + HEIGHT // 2 + 40
    return (  # in the page its classes make it look like the page; elsewhere its attributes count
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -22 {width} {height}" '
        f'width="{width}" font-family="system-ui,sans-serif" font-size="12" fill="#566070">\n'
        f'{note}<path class="edge" fill="none" stroke="#a3adb9" d="{lines}"/>\n'
        f'<g class="box" fill="#fff" stroke="#a3adb9">\n{boxes}\n</g>\n'
        f'<g class="name" fill="#1b2431" font-weight="600">\n{heads}\n</g>\n'
        f'<g class="end" text-anchor="end">\n{symbols}\n</g>\n{numbers}\n</svg>'
    )


def _card(walk: BackwardPass, names: Names, item: int, x: int, y: int) -> tuple[str, ...]:
    """The markup of a card with its corner at x, y: its box, name, op and numbers."""

    def text(right: int, down: int, line: str) -> str:
        shown = html.escape(one_line(line), quote=False)
        return shown and f'<text x="{x + right}" y="{y + down}">{shown}</text>'

    box = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"'
    if item < 0:
        group = names.groups.all[~item]
        size = text(12, 37, f"{len(group.nodes)} values")
        return f'{box} stroke-dasharray="5 3"/>', text(12, 20, group.name[:17]), "", size
    grad, op = walk.grads[item], walk.graph.nodes[item].op
    name = names.of(item)
    symbol = "" if op is None or name.startswith(op.symbol) else op.symbol[:9]
    numbers = text(12, 37, f"value {walk.values[item]:.5g}")
    numbers += text(12, 53, "grad none" if grad is None else f"grad {grad:.5g}")
    head = name[: 17 - len(symbol)]
    return f"{box}/>", text(12, 20, head), text(WIDTH - 12, 20, symbol), numbers
