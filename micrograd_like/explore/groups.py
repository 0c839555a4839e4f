"""Values sorted into named groups, so that a large graph can be looked at part by part.

>>> from micrograd_like.draw import Naming
>>> a, b = Value(2.0), Value(-3.0)
>>> graph = Graph([a, b, a * b], Naming({"encoder.0.weights.1": b}))
>>> [group.name for group in Groups(graph).all]
['graph', 'encoder 0']

Groups come from the names of parameters (a Value belongs to the module of its parameters), else
from the calls of functions that made the Values (calls.py), and from structure: long sums, many
parameters, many equal parts. Nothing here knows a place or a picture.

Names: a Value is its position in topological order, i (inputs before users). An item is what a
view shows of a group: the Value i, or the group g as ~g.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..engine import Value
from ..words import words
from .graph import Graph, paths_of, table_of, work_of
from .layout import neighbours, peeled, ranks

MANY = 24  # cards side by side in a view, or neighbours outside: of more, equal ones become one
_LONG = 8  # additions in a row, or parameters side by side: more become one item


class Group:
    """Some Values that are one card in the view around them."""

    def __init__(self, name: str, parent: int, kind: str, nodes: list[int], depth: int) -> None:
        self.name, self.parent, self.kind = name, parent, kind  # module, sum, leaves, copies
        self.nodes = nodes  # at any depth
        self.depth = depth  # how many parts of a path lead here
        self.copies = [nodes]  # the items of each view; only copies and samples have several


class Groups:
    """The tree of groups: by the parameters' paths or the calls, then by structure."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.path = paths_of(graph)
        self.parameters = Counter(graph.paths.values())  # how many each module has
        self.work = work_of(graph)
        self.outputs = Counter(path for i, path in enumerate(self.path) if self._is_handed_on(i))
        self.all = [Group("graph", -1, "module", list(range(len(graph.nodes))), 0)]
        self.home = [0] * len(graph.nodes)  # the innermost group
        self.copy = [0] * len(graph.nodes)  # which of the copies in its home
        for g, group in enumerate(self.all):  # the list grows meanwhile
            if group.kind == "module":
                group.copies = [self._divide(g)]

    def nodes_of(self, item: int) -> list[int]:
        """The Values of an item, at any depth."""
        return [item] if item >= 0 else self.all[~item].nodes

    def seen_from(self, g: int, i: int) -> int:
        """The item that stands for the Value i in the nearest view around a group."""
        around = [g]
        while g > 0:
            g = self.all[g].parent
            around.append(g)
        below, item, home = i, i, self.home[i]
        while home not in around:
            below, item, home = item, ~home, self.all[home].parent
        is_table = below < 0 and self.all[~item].kind == "leaves"  # it tells more than "parameters"
        return below if is_table else item

    def edges(self, items: list[int], slot: dict[int, int]) -> dict[tuple[int, int], None]:
        """Pairs of slots, each once, in a fixed order; slot says where each Value is."""
        edges: dict[tuple[int, int], None] = {}
        for i in (i for item in items for i in self.nodes_of(item)):
            to = slot[i]
            for x in self.graph.inputs[i]:
                a = slot.get(x)
                if a is not None and a != to:
                    edges[a, to] = None
        return edges

    def _is_handed_on(self, i: int) -> bool:
        """Whether nothing in its module or call uses it."""
        path = self.path[i]
        return all(self.path[u][: len(path)] != path for u in self.graph.users[i])

    def maker_of(self, i: int) -> str:
        """ "neuron 3" for a Value that stands for all that this numbered module does, else nothing.

        The module hands it on, and it was made from every one of the module's parameters. What has
        none, as a call, hands on this Value only.
        """
        path, graph = self.path[i], self.graph
        if not self._is_handed_on(i):
            return ""
        if graph.calls and not graph.users[i]:
            return graph.calls.title
        if path and not self.parameters[path]:
            return path[-1] if self.outputs[path] == 1 else ""
        if not path or not path[-1][-1].isdigit():
            return ""
        made_from, seen = [i], {i}
        for v in made_from:  # the list grows meanwhile
            new = {x for x in graph.inputs[v] if self.path[x] == path} - seen
            made_from += new
            seen |= new
        names = [graph.names[v] for v in made_from if v in graph.paths]
        # A table of weights, with names such as w0,1, has a row for each of several outputs.
        is_all = len(names) == self.parameters[path] and not any("," in name for name in names)
        return path[-1] if is_all else ""

    def _new(self, name: str, parent: int, kind: str, nodes: list[int], depth: int = 0) -> int:
        """Makes a group and returns its item."""
        g = len(self.all)
        self.all.append(Group(name, parent, kind, nodes, depth))
        for i in nodes:
            if self.home[i] == parent:  # else it is in a smaller group already
                self.home[i] = g
        return ~g

    def _divide(self, g: int) -> list[int]:
        """The items of a module's view."""
        group = self.all[g]
        modules: dict[str, list[int]] = {}
        for i in group.nodes:
            if len(self.path[i]) > group.depth:
                modules.setdefault(self.path[i][group.depth], []).append(i)
        loose = [i for i in group.nodes if len(self.path[i]) == group.depth]
        loose = [i for i in loose if i not in self.graph.folded]
        modules = _without_cycles(self.graph, group.nodes, modules)
        items = [self._new(name, g, "module", m, group.depth + 1) for name, m in modules.items()]
        items += self._parameters(g, self._sums(g, loose))
        items.sort(key=lambda item: self.nodes_of(item)[0])
        return self._fold_copies(g, items)

    def _sums(self, g: int, loose: list[int]) -> list[int]:
        """Long chains of additions, each used by the next alone, become one item."""
        graph = self.graph
        chains: dict[int, list[int]] = {}  # by its last addition
        for i in loose:
            if _is_add(graph.nodes[i]):
                before = [x for x in graph.inputs[i] if x in chains and graph.users[x] == [i]]
                chains[i] = chains.pop(before[0]) if before else []
                chains[i].append(i)
        long = [chain for chain in chains.values() if len(chain) >= _LONG]
        sums = [self._new(f"sum of {len(chain) + 1}", g, "sum", chain) for chain in long]
        taken = {i for chain in long for i in chain}
        return [*sums, *(i for i in loose if i not in taken)]

    def _parameters(self, g: int, items: list[int]) -> list[int]:
        """Many parameters become one item; in it every table is one, and there every row."""
        named = [i for i in items if i in self.graph.paths]
        if len(named) <= _LONG:
            return items
        bag = self._new(f"parameters ({len(named)})", g, "leaves", named)
        tables = self._bags(bag, named, table_of)
        for table in (item for item in tables if item < 0):
            self._bags(table, self.nodes_of(table), lambda name: name.rpartition(",")[0])
        return [bag, *(i for i in items if i not in self.graph.paths)]

    def _bags(self, bag: int, leaves: list[int], part: Callable[[str], str]) -> list[int]:
        """The items in a group of parameters: of many, those with an equal part of their names."""
        if len(leaves) <= MANY:
            return leaves
        parts: dict[str, list[int]] = {}
        for i in leaves:
            parts.setdefault(part(self.graph.names[i]), []).append(i)
        items = []
        for name, of in parts.items():
            is_one = name and 1 < len(of) < len(leaves)
            items += [self._new(name, ~bag, "leaves", of)] if is_one else of
        self.all[~bag].copies = [items]
        return items

    def _fold_copies(self, g: int, items: list[int]) -> list[int]:
        """Samples, and many equal parts side by side or one after the other, become one item."""
        if self.graph.has_batch:
            items = self._folded(g, items, self._samples(items), 2, "samples")
        if len(items) > MANY:
            items = self._folded(g, items, self._equal_parts(items), MANY)
        for turned in (True, False):
            if len(items) > MANY:  # still
                items = self._folded(g, items, self._columns(items, turned), _LONG)
        return items

    def _folded(
        self, g: int, items: list[int], equal: Iterable[list[list[int]]], least: int,
        kind: str = "copies",
    ) -> list[int]:  # fmt: skip
        """The items of a view, with one for all equal parts where there are so many."""
        folds = [same for same in equal if len(same) >= least]
        item_of = {item: item for item in items}
        for f, same in enumerate(folds, start=len(self.all)):
            item_of |= {item: ~f for copy in same for item in copy}
        slot = {i: item_of[item] for item in items for i in self.nodes_of(item)}
        if _on_cycles(self.edges(items, slot)):
            return items  # rare: one copy's output reaches another by a way around
        for same in folds:
            self._fold(g, same, kind)
        return list(dict.fromkeys(item_of.values()))

    def _samples(self, items: list[int]) -> Iterable[list[list[int]]]:
        """Parts of a view that do the same with the same parameters, for another sample each.

        Left out are what they share: modules, parameters, and where they are added up.
        """
        work = self.work
        own = [item for item in items if work[self.nodes_of(item)[-1]]]
        own = [item for item in own if self._is_loose(item)]
        terms: dict[int, list[int]] = {}  # of an item: what it joins, also by sums before it
        joins: set[int] = set()
        for item in own:
            nodes = self.nodes_of(item)
            terms[item] = []
            before = [x for i in nodes for x in self.graph.inputs[i] if x not in nodes and work[x]]
            for x in dict.fromkeys(before):
                is_sum = x in terms and _is_add(self.graph.nodes[x])
                terms[item] += terms[x] if is_sum and len(self.graph.users[x]) == 1 else [work[x]]
            if len(set(terms[item])) < len(terms[item]):
                joins.add(item)
        for item in reversed(own):  # a chain of sums that ends in a join has joined from its begin
            if item in joins:
                adds = [x for i in self.nodes_of(item) for x in self.graph.inputs[i] if x in terms]
                joins.update(x for x in adds if _is_add(self.graph.nodes[x]))
        for further in (set(), self._mixed(own)):
            apart = [item for item in own if item not in joins | further]
            folds = [*self._of_any_class(self._equal_parts(apart, by_work=True))]
            if any(same[1:] for same in folds):
                break
        return folds

    def _mixed(self, own: list[int]) -> set[int]:
        """The items that are made from outputs of a module for several samples."""
        nodes = {i for item in own for i in self.nodes_of(item)}
        sample: dict[int, set[int]] = {}  # of a Value: in each work, so many came before
        turn: Counter[int] = Counter()
        for x in sorted(x for i in nodes for x in set(self._made_from([i])) - nodes):
            if x not in sample:
                sample[x] = {turn[self.work[x]]}
                turn[self.work[x]] += 1
        for i in sorted(nodes):
            sample[i] = set().union(*(sample.get(x, ()) for x in self.graph.inputs[i]))
        return {item for item in own if len(sample[self.nodes_of(item)[-1]]) > 1}

    def _of_any_class(self, equal: Iterable[list[list[int]]]) -> Iterable[list[list[int]]]:
        """Those of the parts together that differ only in which output a class chooses.

        They have as many items of each kind, on numbers that came about in the same way. Two terms
        of one sample can, too, but they share such a number.
        """
        alike: dict[Any, list[list[list[int]]]] = {}
        for same in equal:
            kinds = sorted(self._kind(item) for item in same[0])
            works = sorted(self.work[x] for x in self._made_from(same[0]))
            alike.setdefault((*kinds, *works), []).append(same)
        for all_of in alike.values():
            parts = sorted(part for same in all_of for part in same)
            numbers = Counter(x for part in parts for x in self._made_from(part))
            yield from [parts] if max(numbers.values(), default=2) == 1 else all_of

    def _made_from(self, part: list[int]) -> set[int]:
        """The Values outside that a part computes with: those that come from parameters."""
        nodes = {i for item in part for i in self.nodes_of(item)}
        before = {x for i in nodes for x in self.graph.inputs[i]} - nodes
        return {x for x in before if self.work[x] and self.graph.inputs[x]}

    def _is_loose(self, item: int) -> bool:
        """Whether it is neither a module nor a leaf."""
        return self.all[~item].kind == "sum" if item < 0 else bool(self.graph.inputs[item])

    def _equal_parts(self, items: list[int], by_work: bool = False) -> Iterable[list[list[int]]]:
        """What hangs together in a view, as items; equal parts in one list."""
        slot = {i: k for k, item in enumerate(items) for i in self.nodes_of(item)}
        inputs, users = neighbours(len(items), self.edges(items, slot))
        equal: dict[Any, list[list[int]]] = {}
        for part in _components(inputs, users):
            place = {k: j for j, k in enumerate(part)}
            links = [[place.get(a, -1) for a in near[k]] for near in (inputs, users) for k in part]
            last = [self.work[self.nodes_of(items[k])[-1]] for k in part] if by_work else []
            key = str(links), *[self._kind(items[k]) for k in part], *last
            equal.setdefault(key, []).append([items[k] for k in part])
        return equal.values()

    def _columns(self, items: list[int], turned: bool) -> Iterable[list[list[int]]]:
        """Equal items that are as far from the view's end, or turned from its begin, as parts."""
        slot = {i: k for k, item in enumerate(items) for i in self.nodes_of(item)}
        edges = [(b, a) if turned else (a, b) for a, b in self.edges(items, slot)]
        equal: dict[Any, list[list[int]]] = {}
        for item, rank in zip(items, ranks(len(items), edges)):
            equal.setdefault((rank, self._kind(item)), []).append([item])
        return equal.values()

    def _fold(self, g: int, same: list[list[int]], kind: str) -> None:
        """Makes one group of equal parts; its views show one of them each."""
        nodes = sorted(i for copy in same for item in copy for i in self.nodes_of(item))
        first, last = same[0][0], same[0][-1]
        if len(same[0]) == 1 and first >= 0 and not self.graph.inputs[first]:
            self._new(f"leaves ({len(same)})", g, "leaves", nodes)
            return
        f = ~self._new(f"{self._kind(last)[0]} x {len(same)}", g, kind, nodes)
        self.all[f].copies = same
        for c, item in ((c, item) for c, copy in enumerate(same) for item in copy):
            for i in self.nodes_of(item):
                self.copy[i] = c
            if item < 0:
                self.all[~item].parent = f

    def _kind(self, item: int) -> tuple[str, int]:
        """What makes two items of a view equal."""
        if item < 0:
            group = self.all[~item]
            return re.sub(r" \d+$", "", group.name), len(group.nodes)
        op = self.graph.nodes[item].op
        return (words(op).noun, 1) if op else ("leaf", item in self.graph.paths)


# --- what parts are made of ---


def _is_add(v: Value) -> bool:
    return v.op is not None and v.op.name == "add"


def _without_cycles(
    graph: Graph, nodes: list[int], modules: dict[str, list[int]]
) -> dict[str, list[int]]:
    """A module that its own output comes back to (a recurrent one) is cut into its uses."""
    part: dict[int, Any] = {i: i for i in nodes}
    part |= {i: name for name, members in modules.items() for i in members}
    edges = {(part[x], part[i]) for i in nodes for x in graph.inputs[i] if x in part}
    cyclic = _on_cycles({(a, b) for a, b in edges if a != b})
    if not cyclic:
        return modules
    # A stage counts the changes of module on the way to a Value: it grows along every edge
    # between modules, so what is cut by stage has no cycle. Leaves wait for their first user.
    stage: dict[int, int] = {}
    for i in nodes:
        inside = [x for x in graph.inputs[i] if x in part]
        stage[i] = max((stage[x] + (part[x] != part[i]) for x in inside), default=0)
    for i in (i for i in nodes if not graph.inputs[i]):
        users = [u for u in graph.users[i] if u in part]
        stage[i] = min((stage[u] - (part[u] != part[i]) for u in users), default=0)
    cut: dict[str, list[int]] = {}
    for name, members in modules.items():
        stages = sorted({stage[i] for i in members}) if name in cyclic else []
        for i in members:
            use = f" ({stages.index(stage[i]) + 1})" if len(stages) > 1 else ""
            cut.setdefault(name + use, []).append(i)
    return cut


def _on_cycles(edges: Iterable[tuple[Any, Any]]) -> set[Any]:
    """The vertices on a cycle, or on the way from one to another: what peeling leaves over."""
    left = list(edges)
    for _ in range(2):  # from the front, then from the back
        gone = set(peeled(left))
        left = [(b, a) for a, b in left if a not in gone and b not in gone]
    return {v for edge in left for v in edge}


def _components(inputs: list[list[int]], users: list[list[int]]) -> list[list[int]]:
    """What hangs together when the busiest slots, connected with very many, are taken away."""
    seen = [len(a) + len(b) > MANY for a, b in zip(inputs, users)]
    parts = []
    for start in range(len(inputs)):
        part = [] if seen[start] else [start]
        for k in part:  # the list grows meanwhile
            if not seen[k]:
                seen[k] = True
                part += [other for other in (*inputs[k], *users[k]) if not seen[other]]
        if part:
            parts.append(sorted(set(part)))
    return parts
