"""The backward pass into lists: every gradient, and how the page computes it to the last bit.

>>> from micrograd_like import Value
>>> a, b = Value(2.0), Value(-3.0)
>>> walk = BackwardPass(Graph([a, b, a * b], {}))
>>> walk.grads, walk.rules[2]
([-3.0, 2.0, 1.0], [-3.0, 2.0])

Nothing of the graph is changed, and what is stored in it is only compared.

Names: a Value is its position in topological order, i (inputs before users).
"""

import json
from typing import Any

from .groups import Graph


class BackwardPass:
    """The values of a graph, the gradients of its last one, and the rules that give them."""

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
            self._compare_with_stored(i)

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

    def _compare_with_stored(self, i: int) -> None:
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


def _plain(numbers: list[Any]) -> list[Any]:
    """JSON has no nan and no inf: they go as JavaScript's text. Only of them x - x is not 0."""
    return [
        _plain(x) if type(x) is list else json.dumps(x) if type(x) is float and x - x else x
        for x in numbers
    ]
