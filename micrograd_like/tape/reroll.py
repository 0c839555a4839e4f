"""reroll: a Tape of single instructions -> a Tape whose instructions work on groups.

Nobody tells the compiler of layers. It finds them: chains of additions of products become ``dot``,
and instructions of equal op and depth whose arguments are of equal kind become one group, that is
one loop. A program without any regularity stays as it was.

Before, a layer of two neurons on two inputs:            after:

    s6 = mul s2 s0 ... s9 = add s7 s8 ...                 s6..s7 = dot 0.0 s2..s4/2 s0 s3..s5/2 s1
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from .tape import Tape

SMALL = 8  # groups of fewer rows are not worth a loop


def reroll(tape: Tape) -> Tape:
    """The same program with its loops found: fewer instructions, equal results."""
    return _group(_chain(tape))


# --- chains of additions ---


def _chain(tape: Tape) -> Tape:
    """Chains of additions of products, added from left to right, become dot."""
    code = {c.start: c for c in tape.code}
    uses: dict[int, int] = defaultdict(int)
    for slot in [*tape.outputs, *tape.sums, *(t[0] for c in tape.code for t in c.args)]:
        uses[slot] += 1

    def once(slot: int, op: str) -> bool:
        return uses[slot] == 1 and slot in code and code[slot].op == op

    new: dict[int, tuple[str, list[int]]] = {}
    absorbed: set[int] = set()
    negative_zero = None
    for c in reversed(tape.code):
        if c.op != "add" or c.start in absorbed:
            continue
        adds, terms, slot = [], [], c.start
        while slot == c.start or once(slot, "add"):
            adds.append(slot)
            slot, term = [t[0] for t in code[slot].args]
            terms.append(term)
        head, products = slot, terms[::-1]
        if len(products) < 2 or not all(once(t, "mul") for t in products):
            continue
        start = [head]
        if once(head, "mul"):  # -0.0 is the start that changes no sum, not even that of zeros
            negative_zero, start, products = -0.0, [-1], [head, *products]
        new[c.start] = ("dot", start + [t[0] for p in products for t in code[p].args])
        absorbed |= {*adds[1:], *products}
    constants = tape.constants + ([] if negative_zero is None else [negative_zero])
    short = Tape(tape.inputs, tape.scalars, constants)
    place = {i: i for i in range(tape.first)} | {-1: short.first - 1}
    for c in tape.code:
        if c.start not in absorbed:
            op, args = new.get(c.start, (c.op, [t[0] for t in c.args]))
            place[c.start] = short.add(op, [place[a] for a in args])
    short.outputs = [place[s] for s in tape.outputs]
    short.sums = [place[s] for s in tape.sums]
    return short


# --- groups ---


def _group(tape: Tape) -> Tape:
    """Instructions of equal depth, op and kinds of arguments become one, what varies not first."""
    varies = tape.varies().tolist()
    kinds = ["varies" if v else "shared" for v in varies]
    start = tape.inputs + tape.scalars
    kinds[start : tape.first] = ["constant"] * len(tape.constants)
    depth = [0] * tape.size
    groups: dict[Any, list[tuple[int, list[int]]]] = defaultdict(list)
    for c in tape.code:
        args = [t[0] for t in c.args]
        if c.op in ("mul", "dot"):  # a factor that all samples share comes first
            for i in range(len(args) % 2, len(args), 2):
                if varies[args[i]] and not varies[args[i + 1]]:
                    args[i], args[i + 1] = args[i + 1], args[i]
        depth[c.start] = 1 + max([depth[a] for a in args])
        key = (varies[c.start], depth[c.start], c.op, tuple([kinds[a] for a in args]))
        groups[key].append((c.start, args))
    rolled = Tape(tape.inputs, tape.scalars, tape.constants)
    place = np.arange(tape.size)
    for key in sorted(groups, key=lambda key: key[:2]):
        starts, rows = zip(*groups[key])
        tables = place[np.array(rows)]
        if len(rows) < SMALL:
            for slot, args in zip(starts, tables.tolist()):
                place[slot] = rolled.add(key[2], args)
            continue
        order = np.lexsort(tables.T[::-1])  # by the first argument, then the second, ...
        first = rolled.add(key[2], *tables[order].T.astype(np.int32), count=len(rows))
        place[np.array(starts)[order]] = range(first, first + len(rows))
    rolled.outputs = place[tape.outputs].tolist() if tape.outputs else []
    rolled.sums = place[tape.sums].tolist() if tape.sums else []
    return rolled
