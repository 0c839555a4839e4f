"""One HTML page that replays the backward pass of a graph, step by step.

>>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
>>> explore(a * b + a)
<Explorer of 4 Values>

Python does what can be computed once: it walks the graph, asks every op's rule for its local
derivatives, sorts the Values into groups and lays every group out. The page (explore.html) adds up
the gradients again, visit by visit, with the same arithmetic and so to the same last bit. A page is
a snapshot: nothing here writes a ``.grad``.

Names: a Value is its position in topological order, i (inputs before users; step k of the backward
pass visits n - k). An item is what a card shows: the Value i, or the group g as ~g.
"""

from __future__ import annotations

import html
import json
import math
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .draw import _text
from .engine import Value, no_grad, topological_order
from .files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

_MAX_VALUES = 1_000_000
_MAX_CARDS = 1000  # in one view; above, the page shows a neighbourhood
_MAX_STATIC = 100  # cards in the picture for paper and notebooks
_MANY = 24  # equal siblings or neighbours outside: more become one card
_SIDE = 24  # of the grid on which the output of a model with two inputs is shown
_LONG = 8  # additions in a row, or parameters side by side: more become one card
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _LANE = 150, 60, 60, 12, 20  # of a card, between cards; of an edge

_NOUNS = {"add": "sum", "sub": "difference", "mul": "product", "div": "quotient", "pow": "power",
          "powc": "power", "neg": "negative"}  # fmt: skip

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
    """A page that is ready to be saved, opened or shown in a notebook.

    Example:
        >>> a = Value(2.0, label="a")
        >>> "out = a * a" in explore(a * a).page       # the page writes it, from the graph
        False
    """

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
    if path is not None:
        path = _checked_path(path)
    recorded, training = getattr(root, "recorded", None), dict[str, Any]()
    if recorded is not None:
        model = recorded["model"]
    named = {**(dict(model.named_parameters()) if model is not None else {}), **(names or {})}
    if recorded is None:
        graph = _Graph(_checked_root(root), named)
    else:
        graph, training = _training(recorded, named)
    groups = _Groups(graph)
    graph.name_all(groups)
    views = _Views(graph, groups)
    svg = views.static_svg()
    explorer = Explorer(_page(_data(graph, groups, views) | training, svg), svg, len(graph.nodes))
    if path is not None:
        explorer.save(path)
    if open:
        explorer.open()
    return explorer


# --- what came in ---


def _checked_root(root: Any) -> Value:
    if isinstance(root, Value):
        return root
    what = f"{type(root).__name__} {root!r:.60}"
    if hasattr(root, "columns"):  # a History
        what += ", which has no recorded epochs: train with fit(..., record=1)"
    if isinstance(root, list | tuple) and all(isinstance(v, Value) for v in root):
        what = f"a list of {len(root)} Values: add them up, or choose one"
    if isinstance(root, list | tuple) and not root:
        what = "an empty list"
    raise TypeError(f"explore expects the Value whose backward pass to replay, got {what}")


def _checked_path(path: str | os.PathLike[str]) -> Path:
    from pathlib import Path

    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"cannot save a page as {path.name!r}: use a name that ends in .html")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot save {path.name!r}: the directory {str(path.parent)!r} does not exist, "
            "create it first"
        )
    return path


# --- the graph as numbers ---


class _Graph:
    """The Values below a root, by position: their inputs, users, rules and names."""

    def __init__(self, root: Value, named: Mapping[str, Value]) -> None:
        self.nodes = topological_order(root)
        if len(self.nodes) > _MAX_VALUES:
            raise ValueError(
                f"the graph has {len(self.nodes):,} Values, explore shows at most {_MAX_VALUES:,}: "
                "pass the loss of fewer samples, or one Value inside the graph"
            )
        position = {v: i for i, v in enumerate(self.nodes)}
        self.inputs = [[position[x] for x in v.inputs] for v in self.nodes]
        self.users: list[list[int]] = [[] for _ in self.nodes]
        for i, xs in enumerate(self.inputs):
            for x in dict.fromkeys(xs):
                self.users[x].append(i)
        self.paths: dict[int, list[str]] = {}
        for name, v in named.items():
            if not isinstance(v, Value):
                raise TypeError(
                    f"names expects {{name: Value}}, got {type(v).__name__} {v!r:.60} "
                    f"for {name!r:.60}"
                )
            if v in position:
                self.paths.setdefault(position[v], _parts(str(name)))
        self.names: list[str | None] = []
        self.notes: dict[int, list[str]] = {}
        self.values = [v.data for v in self.nodes]
        for v, xs in zip(self.nodes, self.inputs):
            for x, number in zip(xs, v.arguments):
                self.values[x] = number  # as recorded: the rules compute with it
        self._replay()
        self._compare_with_python()

    def _replay(self) -> None:
        """One backward pass into a list, with the rule of every edge in the page's form."""
        self.grads: list[float | None] = [None] * len(self.nodes)
        self.grads[-1] = 1.0
        self.rules: list[list[Any]] = [[None] * len(xs) for xs in self.inputs]
        for i in range(len(self.nodes) - 1, -1, -1):
            v, g = self.nodes[i], self.grads[i]
            if v.op is None or g is None:
                continue
            try:
                received = v.op.backward(g, v.data, *v.arguments)
                local = v.op.backward(1.0, v.data, *v.arguments)
            except Exception as error:  # only a node made by hand, by the user's function, can fail
                self.notes[i] = [f"nothing passes on: {error}"]
                continue
            for k, x in enumerate(self.inputs[i]):
                if received[k] is not None:
                    self.rules[i][k] = _form(v, k, g, local[k], received[k])
                    self.grads[x] = (self.grads[x] or 0.0) + received[k]

    def _compare_with_python(self) -> None:
        for i, v in enumerate(self.nodes):
            if v.data != self.values[i] and v.data == v.data:
                self._note(i, f"value {self.values[i]:.6g} when recorded, {v.data:.6g} now")
            once, stored = self.grads[i], v.grad
            if not stored or once is None or stored == once or stored != stored:
                continue
            times = stored / once if once else 0.0
            if not v.inputs and times == round(times) and times >= 2.0:
                why = f"= {times:.0f} x {once:.6g}: was zero_grad missed?"
            else:
                why = f"is not {once:.6g}, what one backward pass gives"
            self._note(i, f"stored gradient {stored:.6g} {why}")

    def _note(self, i: int, text: str) -> None:
        self.notes.setdefault(i, []).append(text)

    def name_all(self, groups: _Groups) -> None:
        """A label wins, then the parameter's path, then what the Value was made from."""
        short: list[bool] = []  # may be an operand in the name of another Value
        counts: dict[tuple[int, int, str], int] = {}
        numbered: list[tuple[int, tuple[int, int, str]]] = []
        for i, v in enumerate(self.nodes):
            name: str | None = str(v.label).strip() or self.paths.get(i, [""])[-1]
            if not name and v.op is None:
                name = f"{v.data:.5g}"
            if not name:
                name = groups.neuron_of_output(i)
            named = bool(name)
            if not name and all(short[x] for x in self.inputs[i]) and len(self.expression(i)) <= 16:
                name = None  # the page writes the expression
            elif not name and v.op is not None:
                noun = _NOUNS.get(v.op.name, v.op.name or "node")
                key = groups.home[i], groups.copy[i], noun
                counts[key] = counts.get(key, 0) + 1
                numbered.append((i, key))
                name = f"{noun} {counts[key]}"
            self.names.append(name)
            short.append(named and len(name or "") <= 10)
        for i, key in numbered:
            if counts[key] == 1:
                self.names[i] = key[2]  # the only one of its kind

    def name(self, i: int) -> str:
        return self.names[i] or self.expression(i).replace(" ", "")

    def expression(self, i: int) -> str:
        """How a Value was computed from its inputs' names, as the page writes it too."""
        v = self.nodes[i]
        assert v.op is not None
        args = [self.name(x) for x in self.inputs[i][:7]]
        args += [f"{k:g}" for k in v.arguments[len(self.inputs[i]) :]]
        if len(args) == 2 and re.fullmatch(r"\W+", v.op.symbol):
            return f"{args[0]} {v.op.symbol} {args[1]}"
        return f"{v.op.symbol}({', '.join(args)})"


def _common(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """What all paths begin with."""
    first, last = min(paths), max(paths)  # of sorted paths, those between share what these share
    same = [a == b for a, b in zip(first, last)] + [False]
    return first[: same.index(False)]


def _parts(name: str) -> list[str]:
    """ "layers.0.neurons.3.w.2" as groups and a name: ["layer 0", "neuron 3", "w2"]."""
    parts: list[list[str]] = []
    for word in name.split("."):
        if word.isdigit() and parts:
            parts[-1].append(word)
        else:
            parts.append([word])
    groups = [" ".join([p[0].removesuffix("s"), *p[1:]]) if p[1:] else p[0] for p in parts[:-1]]
    return [*groups, parts[-1][0] + ",".join(parts[-1][1:])]


def _form(v: Value, k: int, g: float, d: float, received: float) -> Any:
    """How the page computes what input k receives from g, to the last bit.

    d stands for g * d, ["/", y] for g / y, and ["=", r, d] for r, when neither gives what the
    rule gave: a masked 0, or factors in another order.
    """

    def same(x: float) -> bool:
        return x == received or (x != x and received != received)

    if same(g * d):
        return d
    assert v.op is not None
    upstream = Value(g)  # a rule called with a Value records what it does
    try:
        done = v.op.backward(upstream, v.data, *v.arguments)[k]
    except TypeError:  # made by hand: it takes only numbers
        done = None
    if isinstance(done, Value) and done.op and done.op.name == "div":
        x, y = done.inputs
        if x is upstream and y.data and same(g / y.data):
            return ["/", y.data]
    return ["=", received, d]


# --- groups ---


class _Group:
    def __init__(self, name: str, parent: int, kind: str, nodes: list[int], depth: int) -> None:
        self.name, self.parent, self.kind = name, parent, kind  # module, sum, leaves or copies
        self.nodes = nodes  # at any depth
        self.depth = depth  # how many parts of a path lead here
        self.copies: list[list[int]] = []  # the items of each view; only copies have several


class _Groups:
    """The tree of groups: by the parameters' paths, then by structure."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.path = self._module_paths()
        self.all = [_Group("graph", -1, "module", list(range(len(graph.nodes))), 0)]
        self.home = [0] * len(graph.nodes)
        self.copy = [0] * len(graph.nodes)  # which of the copies in its home
        for g in self._growing():
            if self.all[g].kind == "module":
                self.all[g].copies = [self._divide(g)]

    def _growing(self) -> Iterable[int]:
        g = 0
        while g < len(self.all):
            yield g
            g += 1

    def _module_paths(self) -> list[tuple[str, ...]]:
        """Which module every Value belongs to: that of its parameters, or of all its inputs."""
        graph = self.graph
        paths: list[tuple[str, ...]] = []
        for i, xs in enumerate(graph.inputs):
            own = [paths[x] for x in xs if x in graph.paths]
            if i in graph.paths:
                path = tuple(graph.paths[i][:-1])
            elif own:
                path = _common(own)
            else:
                path = paths[xs[0]] if xs and len({paths[x] for x in xs}) == 1 else ()
            paths.append(path)
        return paths

    def neuron_of_output(self, i: int) -> str:
        """ "neuron 3" for the Value that this neuron hands on, else nothing."""
        path, users = self.path[i], self.graph.users[i]
        is_output = path and all(self.path[u] != path for u in users)
        return path[-1] if is_output and path[-1].startswith("neuron ") else ""

    def new(self, name: str, parent: int, kind: str, nodes: list[int], depth: int = 0) -> int:
        """Makes a group and returns its item."""
        self.all.append(_Group(name, parent, kind, nodes, depth))
        g = len(self.all) - 1
        if kind != "module":
            for i in nodes:
                self.home[i] = g
            self.all[g].copies = [nodes]
        return ~g

    def nodes_of(self, item: int) -> list[int]:
        return [item] if item >= 0 else self.all[~item].nodes

    def _divide(self, g: int) -> list[int]:
        """The items of a module's view."""
        group = self.all[g]
        modules: dict[str, list[int]] = {}
        loose: list[int] = []
        for i in group.nodes:
            if len(self.path[i]) > group.depth:
                modules.setdefault(self.path[i][group.depth], []).append(i)
            else:
                loose.append(i)
                self.home[i] = g
        modules = self._without_cycles(group.nodes, modules)
        items = [self.new(name, g, "module", m, group.depth + 1) for name, m in modules.items()]
        items += self._parameters(g, self._sums(g, loose))
        items.sort(key=lambda item: self.nodes_of(item)[0])
        return self._fold_copies(g, items)

    def _without_cycles(
        self, nodes: list[int], modules: dict[str, list[int]]
    ) -> dict[str, list[int]]:
        """A module that its own output comes back to (a recurrent one) is cut into its uses."""
        part: dict[int, Any] = {i: i for i in nodes}
        part |= {i: name for name, members in modules.items() for i in members}
        edges = {(part[x], part[i]) for i in nodes for x in self.graph.inputs[i] if x in part}
        cyclic = _on_cycles({e for e in edges if e[0] != e[1]})
        if not cyclic:
            return modules
        # A stage counts the changes of module on the way to a Value: it grows along every edge
        # between modules, so what is cut by stage has no cycle. Leaves wait for their first user.
        stage: dict[int, int] = {}
        for i in nodes:
            inside = [x for x in self.graph.inputs[i] if x in part]
            stage[i] = max((stage[x] + (part[x] != part[i]) for x in inside), default=0)
        for i in nodes:
            if not self.graph.inputs[i]:
                users = [u for u in self.graph.users[i] if u in part]
                stage[i] = min((stage[u] - (part[u] != part[i]) for u in users), default=0)
        cut: dict[str, list[int]] = {}
        for name, members in modules.items():
            stages = sorted({stage[i] for i in members}) if name in cyclic else []
            for i in members:
                use = f" ({stages.index(stage[i]) + 1})" if len(stages) > 1 else ""
                cut.setdefault(name + use, []).append(i)
        return cut

    def _sums(self, g: int, loose: list[int]) -> list[int]:
        """Long chains of additions, each used by the next alone, become one item."""
        graph = self.graph
        free, chains = set(loose), dict[int, list[int]]()
        for i in loose:
            op = graph.nodes[i].op
            if op is None or op.name != "add":
                continue
            before = [x for x in graph.inputs[i] if x in chains and graph.users[x] == [i]]
            chains[i] = chains.pop(before[0]) if before else []
            chains[i].append(i)
        items: list[int] = []
        for chain in chains.values():
            if len(chain) >= _LONG:
                items.append(self.new(f"sum of {len(chain) + 1}", g, "sum", chain))
                free.difference_update(chain)
        return [*items, *(i for i in loose if i in free)]

    def _parameters(self, g: int, items: list[int]) -> list[int]:
        named = [i for i in items if i in self.graph.paths]
        if len(named) <= _LONG:
            return items
        bag = self.new(f"parameters ({len(named)})", g, "leaves", named)
        return [bag, *(i for i in items if i not in self.graph.paths)]

    def _fold_copies(self, g: int, items: list[int]) -> list[int]:
        """Many equal parts of a view, one after the other or side by side, become one item."""
        if len(items) <= _MANY:
            return items
        slot = {i: k for k, item in enumerate(items) for i in self.nodes_of(item)}
        inputs: list[list[int]] = [[] for _ in items]
        users: list[list[int]] = [[] for _ in items]
        for a, b in self._edges(items, slot):
            inputs[b].append(a)
            users[a].append(b)
        parts = _components(inputs, users)
        equal: dict[Any, list[list[int]]] = {}
        for part in parts:
            local = {k: j for j, k in enumerate(part)}
            key = tuple(
                (self._kind(items[k]), tuple(local.get(a, -1) for a in inputs[k]),
                 tuple(local.get(b, -1) for b in users[k]))
                for k in part
            )  # fmt: skip
            equal.setdefault(key, []).append([items[k] for k in part])
        return self._folded(g, items, [same for same in equal.values() if len(same) >= _MANY])

    def _folded(self, g: int, items: list[int], folds: list[list[list[int]]]) -> list[int]:
        item_of = {item: item for item in items}
        for n, same in enumerate(folds):
            item_of |= {item: -len(self.all) - n - 1 for copy in same for item in copy}
        slot = {i: item_of[item] for item in items for i in self.nodes_of(item)}
        if _on_cycles(self._edges(items, slot)):
            return items  # rare: one copy's output reaches another by a way around
        for same in folds:
            nodes = sorted(i for copy in same for item in copy for i in self.nodes_of(item))
            last, leaf = same[0][-1], same[0][0] >= 0 and not self.graph.inputs[same[0][0]]
            if len(same[0]) == 1 and leaf:
                self.new(f"leaves ({len(same)})", g, "leaves", nodes)
                continue
            f = ~self.new(f"{self._kind(last)[0]} x {len(same)}", g, "copies", nodes)
            self.all[f].copies = same
            for c, copy in enumerate(same):
                for i in (i for item in copy for i in self.nodes_of(item)):
                    self.copy[i] = c
            for item in (item for copy in same for item in copy if item < 0):
                self.all[~item].parent = f
                if self.all[~item].kind != "module":
                    for i in self.nodes_of(item):
                        self.home[i] = ~item
        return list(dict.fromkeys(item_of.values()))

    def _kind(self, item: int) -> tuple[str, int]:
        """What makes two items of a view equal."""
        if item < 0:
            group = self.all[~item]
            return re.sub(r" \d+$", "", group.name), len(group.nodes)
        op = self.graph.nodes[item].op
        return (_NOUNS.get(op.name, op.name), 1) if op else ("leaf", item in self.graph.paths)

    def _edges(self, items: list[int], slot: dict[int, int]) -> dict[tuple[int, int], None]:
        """Pairs of slots, each once, in a fixed order."""
        edges: dict[tuple[int, int], None] = {}
        for item in items:
            for i in self.nodes_of(item):
                b = slot[i]
                for x in self.graph.inputs[i]:
                    a = slot.get(x, b)
                    if a != b:
                        edges[a, b] = None
        return edges


def _on_cycles(edges: Iterable[tuple[Any, Any]]) -> set[Any]:
    """The vertices on a cycle, or on the way from one to another: what peeling leaves over."""
    left = list(edges)
    for start, end in ((0, 1), (1, 0)):  # peel from the front, then from the back
        users: dict[Any, list[Any]] = {}
        waiting: dict[Any, int] = {}
        for edge in left:
            users.setdefault(edge[start], []).append(edge[end])
            waiting[edge[end]] = waiting.get(edge[end], 0) + 1
        free = [v for v in users if v not in waiting]
        for v in free:
            for u in users.get(v, ()):
                waiting[u] -= 1
                if not waiting[u]:
                    free.append(u)
        gone = set(free)
        left = [(a, b) for a, b in left if a not in gone and b not in gone]
    return {v for edge in left for v in edge}


def _components(inputs: list[list[int]], users: list[list[int]]) -> list[list[int]]:
    """What hangs together when the busiest slots, connected with very many, are taken away."""
    busy = [len(a) + len(b) > _MANY for a, b in zip(inputs, users)]
    seen, parts = [*busy], []
    for start in range(len(inputs)):
        if seen[start]:
            continue
        seen[start] = True
        part = [start]
        for k in part:
            for other in (*inputs[k], *users[k]):
                if not seen[other]:
                    seen[other] = True
                    part.append(other)
        parts.append(sorted(part))
    return parts


# --- views: where every card goes ---


class _Views:
    """For each group what its view shows, and the layouts, which equal views share."""

    def __init__(self, graph: _Graph, groups: _Groups) -> None:
        self.graph, self.groups = graph, groups
        self.layouts: list[dict[str, Any]] = []
        self._known: dict[Any, int] = {}
        self.of = [[self._view(g, items) for items in group.copies]
                   for g, group in enumerate(groups.all)]  # fmt: skip

    def _view(self, g: int, items: list[int]) -> list[Any]:
        """The number of a layout; the items: those of the group, then its neighbours outside."""
        if self.groups.all[g].kind == "leaves":
            return [self._layout(len(items), []), len(items), items]
        slot = {i: k for k, item in enumerate(items) for i in self.groups.nodes_of(item)}
        edges = self.groups._edges(items, slot)
        around: dict[tuple[int, int], tuple[int, bool]] = {}
        for i, k in slot.items():
            around |= {(x, k): (x, True) for x in self.graph.inputs[i] if x not in slot}
            around |= {(k, ~u): (u, False) for u in self.graph.users[i] if u not in slot}
        outside = {i: i for i, _ in around.values()}
        if len(outside) > _MANY:
            above = self._above(g)
            outside = {i: self._seen_from(above, i) for i in outside}
        shown = [*items, *dict.fromkeys(outside.values())]
        slot_of = {item: k for k, item in enumerate(shown)}
        for (a, b), (i, is_input) in around.items():
            other = slot_of[outside[i]]
            edges[(other, b) if is_input else (a, other)] = None
        return [self._layout(len(shown), list(edges)), len(items), shown]

    def _above(self, g: int) -> set[int]:
        above = set()
        while g >= 0:
            above.add(g)
            g = self.groups.all[g].parent
        return above

    def _seen_from(self, above: set[int], i: int) -> int:
        """The item that stands for i in the nearest view around a group."""
        item, g = i, self.groups.home[i]
        while g not in above:
            item, g = ~g, self.groups.all[g].parent
        return item

    def _layout(self, count: int, edges: list[tuple[int, int]]) -> int:
        key = count, tuple(edges)
        if key not in self._known:
            self._known[key] = len(self.layouts)
            self.layouts.append(_layout(count, edges))
        return self._known[key]

    def static_svg(self) -> str:
        """The root's view as a picture; of a large one, the part that is nearest to the root."""
        (_, _, items), left = self.of[0][0], ""
        if len(items) > _MAX_STATIC:
            left = f"the last {_MAX_STATIC} of {len(items)} items"
            items = items[-_MAX_STATIC:]
        slot = {i: k for k, item in enumerate(items) for i in self.groups.nodes_of(item)}
        edges = list(self.groups._edges(items, slot))
        layout = _layout(len(items), edges)
        return _svg(layout, [self._card(item) for item in items], left)

    def _card(self, item: int) -> list[str]:
        graph = self.graph
        if item < 0:
            group = self.groups.all[~item]
            return [group.name, "", f"{len(group.nodes)} values", ""]
        grad, op = graph.grads[item], graph.nodes[item].op
        shown = "none" if grad is None else f"{grad:.5g}"
        return [graph.name(item), op.symbol if op else "",
                f"value {graph.values[item]:.5g}", f"grad {shown}"]  # fmt: skip


def _layout(count: int, edges: list[tuple[int, int]]) -> dict[str, Any]:
    """Columns by longest path, in each column the cards in the order of least crossing.

    A long edge gets a lane through the columns between, so that it crosses no card. More cards
    than a view can show get a column and an order only; the page stacks those it shows.
    """
    rank = _ranks(count, edges)
    columns: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for k in range(count):
        columns[rank[k]].append(k)
    if not edges and count > 1:
        rows = math.ceil(math.sqrt(count * 3.0))  # a grid, about as wide as high
        columns = [list(range(k, min(k + rows, count))) for k in range(0, count, rows)]
    lanes: dict[tuple[int, int], int] = {}
    links = list(edges) if count > _MAX_CARDS else _with_lanes(edges, rank, columns, lanes, count)
    slots = count + len(lanes)
    before: list[list[int]] = [[] for _ in range(slots)]
    after: list[list[int]] = [[] for _ in range(slots)]
    for a, b in links:
        before[b].append(a)
        after[a].append(b)
    if edges:
        _order(columns, before, after)
    if count > _MAX_CARDS:
        place = {k: (c, j) for c, column in enumerate(columns) for j, k in enumerate(column)}
        return {"big": 1, "x": [place[k][0] for k in range(count)],
                "y": [place[k][1] for k in range(count)], "e": [], "gap": _GAP_X}  # fmt: skip
    ys = _heights(columns, before, after, count)
    # A tall column needs flatter lines.
    gap = min(_GAP_X + 8 * max(map(len, columns)), 4 * _GAP_X) if edges else _GAP_X // 3
    xs = {k: c * (_WIDTH + gap) for c, column in enumerate(columns) for k in column}
    routes = [[a, b, *(ys[lanes[a, r]] for r in range(rank[a] + 1, rank[b]) if (a, r) in lanes)]
              for a, b in edges]  # fmt: skip
    return {"x": [xs[k] for k in range(count)], "y": [ys[k] for k in range(count)], "e": routes,
            "gap": gap}  # fmt: skip


def _ranks(count: int, edges: list[tuple[int, int]]) -> list[int]:
    """The column of every slot: right of all its inputs; what has none, next to its users."""
    users: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in edges:
        users[a].append(b)
        waiting[b] += 1
    rank = [0] * count
    order = [k for k in range(count) if not waiting[k]]
    sources = len(order)
    for a in order:
        for b in users[a]:
            rank[b] = max(rank[b], rank[a] + 1)
            waiting[b] -= 1
            if not waiting[b]:
                order.append(b)
    for a in order[:sources]:
        rank[a] = min((rank[b] for b in users[a]), default=1) - 1
    return rank


def _with_lanes(
    edges: list[tuple[int, int]],
    rank: list[int],
    columns: list[list[int]],
    lanes: dict[tuple[int, int], int],
    count: int,
) -> list[tuple[int, int]]:
    """Edges from column to column; fills lanes: {(a, column): the slot of a's lane there}."""
    if sum(rank[b] - rank[a] - 1 for a, b in edges) > 20 * _MAX_CARDS:
        return edges
    links: dict[tuple[int, int], None] = {}
    for a, b in edges:
        at = a
        for r in range(rank[a] + 1, rank[b]):
            if (a, r) not in lanes:
                lanes[a, r] = count + len(lanes)
                columns[r].append(lanes[a, r])
            links[at, lanes[a, r]] = None
            at = lanes[a, r]
        links[at, b] = None
    return list(links)


def _order(columns: list[list[int]], before: list[list[int]], after: list[list[int]]) -> None:
    """Barycentre sweeps: every slot goes to the mean place of its neighbours, there and back."""
    place = {k: float(j) for column in columns for j, k in enumerate(column)}
    for sweep in range(6):
        rightwards = sweep % 2 == 0
        neighbours = before if rightwards else after
        for column in columns if rightwards else reversed(columns):
            if len(column) == 1:
                place[column[0]] = 0.0
                continue
            mean = {}
            for k in column:
                near = [place[n] for n in neighbours[k]]
                mean[k] = sum(near) / len(near) if near else place[k]
            column.sort(key=mean.__getitem__)
            middle = (len(column) - 1) / 2.0
            place |= {k: j - middle for j, k in enumerate(column)}


def _heights(
    columns: list[list[int]], before: list[list[int]], after: list[list[int]], count: int
) -> list[int]:
    """The y of every slot: as near to its neighbours as the order and the gaps allow."""
    step = [_HEIGHT + _GAP_Y] * count + [_LANE] * (len(before) - count)
    y = [0.0] * len(before)
    for column in columns:
        _stack(column, dict.fromkeys(column, 0.0), step, y)
    for sweep in range(8):
        rightwards = sweep % 2 == 0
        for column in columns if rightwards else reversed(columns):
            wanted = {}
            for k in column:
                near = [y[n] for n in (before if rightwards else after)[k]]
                near = near or [y[n] for n in (*before[k], *after[k])]
                wanted[k] = sum(near) / len(near) if near else y[k]
            _stack(column, wanted, step, y)
    top = min(y[k] - step[k] / 2.0 for k in range(len(y)))
    return [round(y[k] - top) for k in range(len(y))]


def _stack(column: list[int], wanted: dict[int, float], step: list[int], y: list[float]) -> None:
    """Least squares under the gaps: neighbours that want to overlap share their mean place."""
    blocks: list[list[float]] = []  # [sum of wanted tops, how many]
    offsets, offset = [], 0.0
    for k in column:
        offset += step[k] / 2.0
        offsets.append(offset)
        blocks.append([wanted[k] - offset, 1.0])
        offset += step[k] / 2.0
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            total, n = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + n]
    tops = [total / n for total, n in blocks for _ in range(int(n))]
    for k, top, offset in zip(column, tops, offsets):
        y[k] = top + offset


# --- training ---


def _training(recorded: dict[str, Any], named: dict[str, Value]) -> tuple[_Graph, dict[str, Any]]:
    """The graph of the first sample's loss, and what changes in it from epoch to epoch."""
    model, loss, X, y = (recorded[key] for key in ("model", "loss", "X", "y"))
    if not recorded["epochs"] or len(X[0]) != 2:
        raise ValueError(
            "explore shows recorded epochs of a model with 2 inputs, got "
            f"{len(recorded['epochs'])} epochs and {len(X[0])} inputs"
        )
    lows = [min(column) for column in zip(*X)]
    spans = [(max(column) - low) or 1.0 for column, low in zip(zip(*X), lows)]
    steps = [k * 1.2 / (_SIDE - 1) - 0.1 for k in range(_SIDE)]  # a margin of a tenth
    across, up = ([low + span * s for s in steps] for low, span in zip(lows, spans))
    grid = [[a, b] for b in reversed(up) for a in across]
    x = [Value(number, label=f"x{k}") for k, number in enumerate(X[0], start=1)]
    kept, epochs = model.state_dict(), []
    try:
        for row in recorded["epochs"]:
            model.load_state_dict(row["state"])
            graph = _Graph(loss(model.batch([x]), [y[0]]), named)
            with no_grad():
                field = _bytes([_score(out) for out in model.batch(grid)])
            epochs.append({"epoch": row["epoch"], "loss": row["loss"], "field": field,
                           "value": _plain(graph.values), "rule": _rules(graph)})  # fmt: skip
    finally:
        model.load_state_dict(kept)
    points = []  # in percent of the picture: across, down; and the target
    for row, target in zip(X, y):
        a, b = (100 * (0.1 + (n - low) / span) / 1.2 for n, low, span in zip(row, lows, spans))
        points.append([round(a, 1), round(100 - b, 1), target])
    return graph, {"epochs": epochs, "points": points, "side": _SIDE}


def _score(out: Any) -> float:
    """One number for a sample: the output, or by how much the second of several is ahead."""
    scores = [v.data for v in out] if isinstance(out, list) else [out.data]
    return float(scores[1] - scores[0] if len(scores) > 1 else scores[0])


def _bytes(scores: list[float]) -> str:
    """A byte for each score, 0 at -3 or below, 255 at 3 or above; nan in the middle."""
    bounded = [max(-3.0, min(3.0, s)) if s == s else 0.0 for s in scores]
    return b64encode(bytes([round(127.5 + 42.5 * s) for s in bounded])).decode()


# --- writing ---


def _data(graph: _Graph, groups: _Groups, views: _Views) -> dict[str, Any]:
    """What the page knows; explore.html says how it reads it."""
    ops = list(dict.fromkeys(v.op for v in graph.nodes if v.op is not None))
    row = {op: k for k, op in enumerate(ops)}
    return {
        "card": [_WIDTH, _HEIGHT, _GAP_Y],
        "ops": [[op.name, op.symbol, _DERIVATIVES.get(op.name, [])] for op in ops],
        "op": [-1 if v.op is None else row[v.op] for v in graph.nodes],
        "value": _plain(graph.values),
        "inputs": graph.inputs,
        "rule": _rules(graph),
        "name": graph.names,
        "constant": {i: str(v.arguments[-1]) for i, v in enumerate(graph.nodes)
                     if v.op is not None and v.op.constants},
        "notes": graph.notes,
        "home": groups.home,
        "groups": [[group.name, group.parent, group.kind, of]
                   for group, of in zip(groups.all, views.of)],
        "layouts": views.layouts,
    }  # fmt: skip


def _rules(graph: _Graph) -> list[Any]:
    """The rules as JSON; 0 for a product, where each input's derivative is its partner."""

    def told(i: int, rules: list[Any]) -> Any:
        op, xs = graph.nodes[i].op, graph.inputs[i]
        half = len(xs) // 2
        product = op is not None and op.name in ("mul", "dot")
        if product and [graph.values[x] for x in xs[half:] + xs[:half]] == rules:
            return 0
        return _plain(rules)

    return [told(i, rules) for i, rules in enumerate(graph.rules)]


def _plain(numbers: list[Any]) -> list[Any]:
    """JSON has no nan and no inf: they go as text. An x - x is 0 unless x is one of them."""
    return [
        _plain(x) if type(x) is list else str(x) if type(x) is float and x - x != 0.0 else x
        for x in numbers
    ]


def _page(data: dict[str, Any], svg: str) -> str:
    from importlib.resources import files

    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = files(__package__).joinpath("explore.html").read_text("utf-8")
    page = re.sub(r"^\s+|^// .*\n|\s+// .*$", "", page, flags=re.MULTILINE)  # comments, indents
    # Spaces where no text of the page has them: around these signs, inside braces.
    around = r" ?(=>|[!=]==|&&|\|\||\?\?) ?| ([?:]) |(?<=[{;]) | (?=})|(?<=\)) (?={)"
    page = re.sub(around, r"\1\2", page)
    return page.replace("<!--svg-->", svg).replace("/*data*/", text)


def _svg(layout: dict[str, Any], cards: list[list[str]], left: str) -> str:
    """A picture without a script: what the page draws, as it is after the backward pass."""
    width, height = max(layout["x"]) + _WIDTH, max(layout["y"]) + _HEIGHT // 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -24 {width + 24} {height + 44}" '
        f'width="{width + 24}" font-family="system-ui,sans-serif" font-size="12" fill="#1f2937">',
        f'<text y="-10">{left}</text><g fill="none" stroke="#9aa5b1">',
        *(f'<path d="{_route(layout, edge)}"/>' for edge in layout["e"]),
        "</g>",
    ]
    for x, y, (name, *rest) in zip(layout["x"], layout["y"], cards):
        dashes = "" if rest[-1] else ' stroke-dasharray="5 3"'
        lines.append(
            f'<g transform="translate({x} {y - _HEIGHT // 2})"><rect width="{_WIDTH}" rx="8" '
            f'height="{_HEIGHT}" fill="#fff" stroke="#6b7280"{dashes}/>'
            f'<text x="12" y="19" font-weight="600">{_text(name[:16])}</text>'
            f'<text x="138" y="19" text-anchor="end">{_text(rest[0])}</text>'
            f'<text x="12" y="37">{rest[1]}</text><text x="12" y="53">{rest[2]}</text></g>'
        )
    return "\n".join([*lines, "</svg>"])


def _route(layout: dict[str, Any], edge: list[int]) -> str:
    """From the right side of one card, through the lanes, to the left side of another."""
    a, b, *lanes = edge
    x, y = layout["x"][a] + _WIDTH, layout["y"][a]
    path = f"M{x} {y}"
    for j, lane in enumerate([*lanes, layout["y"][b]]):
        last = j == len(lanes)
        to = layout["x"][b] if last else x + layout["gap"]
        middle = (x + to) // 2
        path += f"C{middle} {y} {middle} {lane} {to} {lane}"
        x, y = to + _WIDTH, lane
        path += "" if last else f"H{x}"
    return path
