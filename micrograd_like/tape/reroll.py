"""reroll: a Tape of single instructions -> a Tape whose instructions work on groups.

Nobody tells the compiler of layers: chains of additions of products become ``dot``, instructions
of equal op and depth whose arguments are of equal kind become one group, that is one loop.

Before, a layer of two neurons on two inputs:            after:

    s6 = mul s2 s0 ... s9 = add s7 s8 ...                 s6..s7 = dot 0.0 s2..s4/2 s0 s3..s5/2 s1
"""

from array import array
from collections import Counter, defaultdict
from itertools import repeat
from typing import Any

from .tape import Tape, checked

__all__ = ["reroll"]

SMALL = 8  # groups of fewer rows are not worth a loop


def reroll(tape: Tape, alone: bool = False) -> Tape:
    """The same program with its loops found: fewer instructions, equal results.

    Rows that read the same number of a sample follow each other where a sample is to be computed
    ``alone``; else those that read the same parameter.
    """
    return checked(_group(_chain(tape), alone), "reroll")


def _chain(tape: Tape) -> Tape:
    """Chains of additions of products, added from left to right, become dot."""
    code = {c.start: c for c in tape.code}
    ends = [*tape.outputs, *tape.sums, *[put.value for put in tape.puts]]
    uses = Counter([*ends, *[t[0] for c in tape.code for t in c.args]])

    def once(slot: int, op: str) -> bool:
        return uses[slot] == 1 and slot in code and code[slot].op == op

    chains: dict[int, list[int]] = {}  # by the last addition: where it starts, then its products
    absorbed: set[int] = set()
    for c in tape.code:
        left, right = c.args[0][0], c.args[-1][0]
        if c.op == "add" and once(right, "mul"):
            if not once(left, "add"):
                chains[c.start] = [left, right]
            elif left in chains:
                chains[c.start] = chains.pop(left)
                chains[c.start].append(right)
                absorbed.add(left)
    new: dict[int, tuple[str, list[int]]] = {}
    zeros: list[float] = []
    for last, (start, *products) in chains.items():
        if len(products) < 2:
            continue
        if once(start, "mul"):  # -0.0 is the start that changes no sum, not even that of zeros
            zeros, start, products = [-0.0], -1, [start, *products]
        new[last] = ("dot", [start, *[t[0] for p in products for t in code[p].args]])
        absorbed.update(products)
    short = Tape(tape.inputs, tape.scalars, tape.constants + zeros)
    place = {i: i for i in range(tape.first)} | {-1: short.first - 1}
    for c in tape.code:
        if c.start not in absorbed:
            op, args = new.get(c.start, (c.op, [t[0] for t in c.args]))
            place[c.start] = short.add(op, [place[a] for a in args])
    return _with_ends(short, tape, place)


def _group(tape: Tape, alone: bool) -> Tape:
    """Instructions of equal depth, op and kinds of arguments become one, what varies not first."""
    groups = _alike(tape)
    rolled = Tape(tape.inputs, tape.scalars, tape.constants)
    place = list(range(tape.size))
    for key in sorted(groups, key=lambda key: key[:2]):
        rows = [tuple([place[slot] for slot in row]) for row in groups[key]]
        if len(rows) < SMALL:
            for *args, slot in rows:
                place[slot] = rolled.add(key[2], args)
            continue
        rows.sort()  # by the first argument, then the second, ...
        if alone:
            own = [i for i, kind in enumerate(key[3]) if kind == "varies"]
            rows.sort(key=lambda row: [row[i] for i in own])
        *tables, slots = map(array, repeat("i"), zip(*rows))
        first = rolled.add(key[2], *tables, count=len(rows))
        for new, slot in enumerate(slots, first):
            place[slot] = new
    return _with_ends(rolled, tape, place)


def _with_ends(new: Tape, tape: Tape, place: Any) -> Tape:
    """The new tape with the ends of the old one, at their new places."""
    new.outputs, new.sums = [place[s] for s in tape.outputs], [place[s] for s in tape.sums]
    new.puts = [put._replace(value=place[put.value]) for put in tape.puts]
    return new


def _alike(tape: Tape) -> dict[Any, list[list[int]]]:
    """Rows of arguments and result, by (varies, depth, op, kinds of arguments)."""
    kinds = ["varies"] * tape.inputs + ["shared"] * tape.scalars
    kinds += ["constant"] * len(tape.constants)
    depth = [0] * tape.first
    groups = defaultdict(list)
    for c in tape.code:
        args = [t[0] for t in c.args]
        if c.op in ("mul", "dot"):  # a factor that all samples share comes first
            for i in range(len(args) % 2, len(args), 2):
                if kinds[args[i]] == "varies" != kinds[args[i + 1]]:
                    args[i], args[i + 1] = args[i + 1], args[i]
        row = tuple([kinds[a] for a in args])
        varies = "varies" in row
        kinds.append("varies" if varies else "shared")
        depth.append(1 + max([depth[a] for a in args]))
        groups[varies, depth[-1], c.op, row].append([*args, c.start])
    return groups
