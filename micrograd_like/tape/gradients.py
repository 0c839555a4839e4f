"""gradients: recorded code -> the same code and, behind it, the gradients of its first sum.

The rule of an op is recorded once, as code with places for g, out and the inputs, and written down
wherever the op is used: what comes out is what engine.grad(..., create_graph=True) would have
recorded, in the same order, without a Value for each number.
"""

from collections.abc import Collection, Sequence
from contextvars import Context
from functools import lru_cache
from typing import Any, NamedTuple

from .. import ops
from ..engine import Value
from ..ops import Op
from .recording import Place, Recorded, needed_for, record

__all__: list[str] = []
ZERO, ONE = (0.0).hex(), (1.0).hex()


def with_gradients(recorded: Recorded, first: int, wanted: Sequence[Place]) -> Recorded:
    """The code whose sums are the first one and its gradients for the wanted places.

    ``first`` is the place of the first result. What is taken from a table of wanted places gives
    its gradient to one of them: that is a put, and costs the same for a table of any length.
    """
    root = recorded.sums[0]
    needing = _needing(recorded, first, wanted)
    code = list(recorded.code)
    grads: dict[Place, Place] = {root: ONE}
    places_of_sums = {x: i for i, x in enumerate(wanted, 1)}
    puts: list[tuple[Place, Place, Sequence[int]]] = []
    tables: dict[Sequence[int], Sequence[int]] = {}  # equal ones once

    def add(op: Op, reads: list[Place], constant: str = "") -> Place:
        code.append((op, reads, constant))
        return first + len(code) - 1

    for v in reversed(_topological_order(recorded, first, needing)):
        if v not in grads:  # below a comparison, where no gradient goes
            continue
        op, reads, constant = recorded.code[v - first]
        if op is ops.TAKE and places_of_sums.keys() >= set(reads[1:]):
            where = tuple([places_of_sums[x] for x in reads[1:]])
            puts.append((reads[0], grads[v], tables.setdefault(where, where)))
            continue
        rule = _rule(op, constant, tuple([x in needing for x in reads]))
        places = [grads[v], v, *reads, *rule.numbers]
        for op, args, constant in rule.code:
            places.append(add(op, [places[a] for a in args], constant))
        for i, result in rule.received:
            x, gx = reads[i], places[result]
            grads[x] = add(ops.ADD, [grads[x], gx]) if x in grads else gx
    sums = [root, *[grads.get(x, ZERO) for x in wanted]]
    return recorded._replace(code=code, sums=sums, puts=puts)


def _needing(recorded: Recorded, first: int, wanted: Sequence[Place]) -> set[Place]:
    """The wanted places and the results that are computed from them."""
    needing = set(wanted)
    for i, (_, reads, _) in enumerate(recorded.code, first):
        if not needing.isdisjoint(reads):
            needing.add(i)
    return needing


def _topological_order(recorded: Recorded, first: int, among: Collection[Place]) -> list[int]:
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
            waiting += [v, None, *reversed(recorded.code[v - first][1])]
    return order


class Rule(NamedTuple):
    """A rule as code over g, out, the inputs, the numbers and the results, in this order."""

    numbers: list[Place]
    code: list[tuple[Op, list[int], str]]
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
    # in a context of its own: recorded also inside no_grad
    recorded = Context().run(record, rule, [1.0] * first, [])
    live = needed_for(recorded, first)
    code = [(i, row) for i, row in enumerate(recorded.code, first) if i in live]
    leaves: dict[Place, Place] = {-1 - i: v.data.hex() for i, v in enumerate(recorded.leaves)}
    numbers = {x: leaves.get(x, x) for x in live if x in leaves or isinstance(x, str)}
    there = [*range(first), *numbers, *[i for i, _ in code]]
    place: dict[Place, int] = {x: i for i, x in enumerate(there)}
    short = [(op, [place[x] for x in reads], k) for _, (op, reads, k) in code]
    return Rule(
        [*numbers.values()], short, [(i, place[gx]) for i, gx in zip(inputs, recorded.sums)]
    )
