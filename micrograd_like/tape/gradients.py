"""gradients: recorded code -> the same code and, behind it, the gradients of its first sum.

The rule of an op is recorded once, as code with places for g, out and the inputs, and written down
wherever the op is used: what comes out is what engine.grad(..., create_graph=True) would have
recorded, in the same order, without a Value for each number.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from .. import ops
from ..engine import Value
from ..ops import Op
from .recording import Recorded, needed_for, number, record

__all__: list[str] = []
ZERO, ONE = (0.0).hex(), (1.0).hex()


def with_gradients(recorded: Recorded, first: int, wanted: Sequence[int | None]) -> Recorded:
    """The code whose sums are the first one and its gradients for the wanted places.

    ``first`` is the place of the first result; None is a place that nothing reads. What is taken
    from a table of wanted places gives its gradient to one of them: that is a put, and costs the
    same for a table of any length.
    """
    written = _Written(recorded, first, wanted)
    root = recorded.sums[0]
    grads = {root: written.constant(ONE)}
    where = {x: i for i, x in enumerate(wanted, 1)}
    tables: dict[Any, Any] = {}  # equal ones once
    puts = []
    for v in reversed(_topological_order(recorded, first, written.needing)):
        if v not in grads:  # below a comparison, where no gradient goes
            continue
        op, reads, _ = recorded.code[v - first]
        if op is ops.TAKE and where.keys() >= set(reads[1:]):
            table = tuple([where[x] for x in reads[1:]])
            puts.append((reads[0], grads[v], tables.setdefault(table, table)))
            continue
        for x, gx in written.contributions(v, grads[v]):
            if x in grads:
                written.code.append((ops.ADD, (grads[x], gx), ""))
                gx = first + len(written.code) - 1
            grads[x] = gx
    slopes = [grads[x] if x in grads else written.constant(ZERO) for x in wanted]
    return Recorded(written.code, recorded.outputs, [root, *slopes], written.leaves, puts)


def _topological_order(recorded: Recorded, first: int, among: set[Any]) -> list[int]:
    """As the engine's, of some results: depth first, inputs before users, the first sum last."""
    order: list[int] = []
    seen: set[int] = set()
    waiting: list[Any] = [recorded.sums[0]]
    while waiting:
        v = waiting.pop()
        if v is None:  # all inputs of the next one are in order
            order.append(waiting.pop())
        elif v in among and v >= first and v not in seen:
            seen.add(v)
            waiting += (v, None, *reversed(recorded.code[v - first][1]))
    return order


class _Written:
    """Recorded code with what was written behind it."""

    def __init__(self, recorded: Recorded, first: int, wanted: Sequence[int | None]) -> None:
        self.code, self.leaves, self.first = list(recorded.code), list(recorded.leaves), first
        self.constants = {x: -1 - i for i, x in enumerate(self.leaves)}
        self.rules: dict[Any, tuple[Rule, list[int]]] = {}  # and the places of their constants
        self.needing: set[Any] = {*wanted} - {None}  # the wanted ones and what is computed of them
        for i, (_, reads, _) in enumerate(recorded.code, first):
            if not self.needing.isdisjoint(reads):
                self.needing.add(i)

    def constant(self, number: str) -> int:
        """The place of a number in hex."""
        if number not in self.constants:
            self.leaves.append(number)
            self.constants[number] = -len(self.leaves)
        return self.constants[number]

    def contributions(self, v: int, g: int) -> list[tuple[int, int]]:
        """The chain rule at v: which of its inputs receive what."""
        op, reads, constant = self.code[v - self.first]
        key = op, constant, tuple(map(self.needing.__contains__, reads))
        if key not in self.rules:
            rule = _rule(*key)
            self.rules[key] = rule, list(map(self.constant, rule.constants))
        (_, code, received), constants = self.rules[key]
        places = [g, v, *reads, *constants]
        for place, (op, pick, constant) in enumerate(code, self.first + len(self.code)):
            self.code.append((op, pick(places), constant))
            places.append(place)
        return [(reads[i], places[gx]) for i, gx in received]


# --- rules ---


class Rule(NamedTuple):
    """A rule as code over g, out, the inputs, its constants and its results, in this order."""

    constants: list[str]
    code: list[tuple[Op, Callable[[list[int]], Sequence[int]], str]]  # ops and how to find inputs
    received: list[tuple[int, int]]  # which input, and where its contribution is


@lru_cache(256)
def _rule(op: Op, constant: str, needed: tuple[bool, ...]) -> Rule:
    """What the needed ones of an op's inputs receive."""
    given = [float.fromhex(constant)] if constant else []
    inputs: list[int] = []

    def rule(x: list[Value], _: list[Value]) -> tuple[list[Value], list[Value]]:
        received = enumerate(op.backward(*x, *given)[: len(needed)])
        passed = [(i, gx) for i, gx in received if needed[i] and gx is not None]
        inputs[:] = [i for i, _ in passed]
        return [], [gx for _, gx in passed]

    first = 2 + len(needed)
    recorded = record(rule, [1.0] * first, [])
    live = needed_for(recorded, first)
    code = [(i, row) for i, row in enumerate(recorded.code, first) if live[i]]
    constants = [number(x).hex() for x in recorded.leaves]
    there = [*range(first), *range(-1, -1 - len(constants), -1), *[i for i, _ in code]]
    place = {x: i for i, x in enumerate(there)}
    short = [(op, _picking([place[x] for x in reads]), k) for _, (op, reads, k) in code]
    return Rule(constants, short, [(i, place[gx]) for i, gx in zip(inputs, recorded.sums)])


def _picking(indices: list[int]) -> Callable[[list[int]], Sequence[int]]:
    """A function that takes some elements from a list."""
    return itemgetter(*indices) if len(indices) > 1 else lambda places: [places[i] for i in indices]
