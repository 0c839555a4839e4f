"""A computation by position: what a Value is made from, where it belongs, how it was made.

>>> a, b = Value(2.0), Value(-3.0)
>>> graph = Graph([a, b, a * b], Naming({"encoder.0.weights.1": b}))
>>> graph.inputs[2], paths_of(graph)[2]
([0, 1], ('encoder 0',))

A Value is its position in topological order (inputs before users). A path is a tuple of names, from
the outermost group to the innermost.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from ..draw import Naming
from ..engine import Value
from .calls import Calls, Path
from .layout import neighbours


class Graph:
    """The Values of a computation by position: their inputs, their users, the names given."""

    def __init__(self, nodes: Sequence[Value], naming: Naming, calls: Calls | None = None) -> None:
        self.nodes, self.calls = nodes, calls
        position = {v: i for i, v in enumerate(nodes)}
        self.inputs = [[position[x] for x in v.inputs] for v in nodes]
        edges = ((x, i) for i, xs in enumerate(self.inputs) for x in xs)
        _, self.users = neighbours(len(nodes), edges)
        self.names: dict[int, str] = {}  # at the end of a path
        self.paths: dict[int, Path] = {}
        self.called: list[str] = []  # of every Value; nothing: by what it was made from
        self.has_batch = bool(naming.paths) or calls is None  # else the calls are its parts
        self.folded: set[int] = set()  # constants: no item, since their users' names tell them
        for i, v in enumerate(nodes):
            name = naming.of(v).strip()
            path = naming.paths.get(v) or naming.entries.get(v, "").strip()
            if path and (not v.inputs or "." in path):  # else it is where its inputs are
                *parts, self.names[i] = _parts(path)
                self.paths[i] = tuple(parts)
            self.called.append(name if name == naming.label(v).strip() else _parts(name)[-1])
            if v.is_constant and not self.called[i] and self.users[i]:
                self.folded.add(i)


def _parts(name: str) -> list[str]:
    """ "layers.0.neurons.3.w.2" as groups and a name: ["layer 0", "neuron 3", "w2"]."""
    parts: list[list[str]] = []
    for word in [word for word in name.split(".") if word.strip()] or [name]:
        if word.isdigit() and parts:
            parts[-1].append(word)
        else:
            parts.append([word])
    groups = [" ".join([p[0].removesuffix("s"), *p[1:]]) if p[1:] else p[0] for p in parts[:-1]]
    name, *indices = parts[-1]
    is_apart = indices and name[-1].isdigit()  # "fc1.2.3" is "fc1 2,3"
    return [*groups, name + " " * bool(is_apart) + ",".join(indices)]


def table_of(name: str) -> str:
    """ "w" for the name w3,1 of a table's number; else nothing."""
    return re.sub(r" ?\d+,.*", "", name) if "," in name else ""


# --- by the parameters' paths and by calls ---


def paths_of(graph: Graph) -> list[Path]:
    """Where every Value belongs: to a module, else to the calls that made it.

    A leaf without a name belongs to what its users have in common.
    """
    paths = _module_paths(graph)
    if graph.calls is not None:
        calls = graph.calls.paths(v for v, path in zip(graph.nodes, paths) if not path)
        paths = [path or calls.get(v, ()) for v, path in zip(graph.nodes, paths)]
        for i, xs in enumerate(graph.inputs):
            if not xs and not graph.called[i]:
                paths[i] = _common([paths[u] for u in graph.users[i]])
    return paths


def _common(paths: Iterable[Path]) -> Path:
    """What all of them begin with."""
    same = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths))
    return tuple(parts[0] for parts in same)


def _module_paths(graph: Graph) -> list[Path]:
    """Which module every Value belongs to: that of its parameters, or of all its inputs."""
    paths: list[Path] = []
    for i, xs in enumerate(graph.inputs):
        own = [paths[x] for x in xs if x in graph.paths]
        if i in graph.paths:
            path = graph.paths[i]
        elif own:
            path = _common(own)
        else:
            path = paths[xs[0]] if xs and len({paths[x] for x in xs}) == 1 else ()
        paths.append(path)
    return paths


def work_of(graph: Graph) -> list[int]:
    """Of every Value a number for how it comes from which parameters; 0 without any.

    Equal numbers: the same is done with the same parameters, for another sample.
    """
    work: list[int] = []
    for i, v in enumerate(graph.nodes):
        below = [work[x] for x in graph.inputs[i]]
        is_made = v.op is not None and any(below)
        parameter = i + 1 if i in graph.paths and v.op is None else 0
        work.append(hash((v.op and v.op.name, *below)) if is_made else parameter)
    return work
