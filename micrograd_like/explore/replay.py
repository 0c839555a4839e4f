"""The backward pass into lists: every gradient, and how the page computes it to the last bit.

>>> from micrograd_like import Value
>>> from micrograd_like.draw import Naming
>>> a, b = Value(2.0), Value(-3.0)
>>> walk = BackwardPass(Graph([a, b, a * b], Naming()))
>>> walk.grads, walk.rules[2]
([-3.0, 2.0, 1.0], [-3.0, 2.0])

Nothing of the graph is changed, and what is stored in it is only compared: a gradient that was
added up, clipped, or is another pass's is no mistake. A Value is its position in topological order,
as in groups.py.
"""

import json
from collections import defaultdict
from typing import Any

from ..draw import recorded
from .graph import Graph


class BackwardPass:
    """The values of a graph, the gradients of its last one, and the rules that give them.

    A rule says what each input receives: d stands for g * d, to the last bit. Else [r, d] stands
    for r: a masked 0, or the op multiplies or divides in another order.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        used = recorded(graph.nodes)
        self.values = [used.get(v, v.data) for v in graph.nodes]  # what the rules compute with
        self.grads: list[float | None] = [None] * len(graph.nodes)
        self.grads[-1] = 1.0
        self.rules: list[list[Any]] = [[None] * len(xs) for xs in graph.inputs]
        self.notes: dict[int, list[str]] = defaultdict(list)
        self.now: dict[int, dict[str, Any]] = {}
        for i in range(len(graph.nodes) - 1, -1, -1):
            self._visit(i)

    def _visit(self, i: int) -> None:
        v, g = self.graph.nodes[i], self.grads[i]
        if v.op is None or g is None:
            return
        try:
            received = v.op.backward(g, v.data, *v.arguments)
            local = v.op.backward(1.0, v.data, *v.arguments)
        except Exception as error:  # only a node made by hand, by the user's function, can fail
            self.notes[i].append(f"nothing passes on: {error}")
            return
        for k, (x, r, d) in enumerate(zip(self.graph.inputs[i], received, local)):
            if r is not None:
                is_product = g * d == r or (g * d != g * d and r != r)  # or both are nan
                self.rules[i][k] = d if is_product else [r, d]
                self.grads[x] = (self.grads[x] or 0.0) + r

    def compare_with_stored(self) -> None:
        """What Values hold now that is not of this pass; and where zero_grad may have been missed.

        An optimiser's step changes data, and a gradient may be that of another pass, a sum over
        batches, clipped: ``now`` only tells. What zero_grad left (0) is not told.
        """
        for i, v in enumerate(self.graph.nodes):
            held = {} if _same(v.data, self.values[i]) else {"data": v.data}
            if v.grad and not _same(v.grad, self.grads[i] or 0.0):
                held["grad"] = v.grad
            if held:
                self.now[i] = dict(zip(held, plain([*held.values()])))
        for i, times in self._multiples().items():
            what = f"{self.graph.nodes[i].grad:.6g} = {times} x {self.grads[i]:.6g}"
            self.notes[i].append(f"stored gradient {what}: was zero_grad missed?")

    def _multiples(self) -> dict[int, int]:
        """The leaves that hold the gradient of this pass several times, and how many.

        Only where nothing else explains it: this pass was the last one through the graph, and all
        leaves, or all that have a name, hold the same multiple.
        """
        nodes, grads, names = self.graph.nodes, self.grads, self.graph.called
        inside = [i for i, v in enumerate(nodes) if v.inputs and grads[i] is not None]
        leaves = [i for i, v in enumerate(nodes) if not v.inputs and grads[i]]
        times = {i: _multiple(nodes[i].grad, grads[i]) for i in leaves}
        told = {times[i] for i in leaves if names[i]} or set(times.values())
        most = max(told, default=0)
        is_last = all(_same(nodes[i].grad, grads[i]) for i in inside)
        if not is_last or len(told) > 1 or not set(times.values()) <= {1, most}:
            return {}
        return {i: k for i, k in times.items() if k > 1 and i not in self.graph.folded}

    def numbers(self) -> dict[str, list[Any]]:
        """Values and rules as JSON; a rule is 0 for a product, whose factors are its inputs."""
        rules: list[Any] = []
        for v, xs, rule in zip(self.graph.nodes, self.graph.inputs, self.rules):
            half = len(xs) // 2
            product = v.op is not None and v.op.name in ("mul", "dot")
            partners = [self.values[x] for x in xs[half:] + xs[:half]]
            rules.append(0 if product and partners == rule else plain(rule))
        return {"value": plain(self.values), "rule": rules}


def _same(x: float, y: float | None) -> bool:
    return x == y or (x != x and y != y)


def _multiple(stored: float, once: float | None) -> int:
    """How many times the one is the other, 0 if no whole number of times."""
    times = stored / once if once else 0.0
    if not 0.5 < times < 1e6:  # nan, too
        return 0
    return round(times) if abs(times - round(times)) < 1e-12 * times else 0


def plain(numbers: list[Any]) -> list[Any]:
    """JSON has no nan and no inf: they go as JavaScript's text. Only of them x - x is not 0."""
    return [
        plain(x) if type(x) is list else json.dumps(x) if type(x) is float and x - x else x
        for x in numbers
    ]
