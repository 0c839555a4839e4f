"""reroll: a Tape of single instructions -> a Tape whose instructions work on groups.

Nobody tells the compiler of layers: chains of additions of products become ``dot``, instructions
of equal op and depth whose arguments are of equal kind become one group, that is one loop.

Before, a layer of two neurons on two inputs:            after:

    s6 = mul s2 s0 ... s9 = add s7 s8 ...                 s6..s7 = dot 0.0 s2..s4/2 s0 s3..s5/2 s1
"""

from array import array
from collections import defaultdict
from itertools import chain, repeat
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
    uses = [0] * tape.size
    tables = chain.from_iterable([c.args for c in tape.code])
    ends = chain(tape.outputs, tape.sums, [put.value for put in tape.puts])
    for slot in chain(ends, chain.from_iterable(tables)):
        uses[slot] += 1
    products: dict[int, Any] = {}  # the factors of those that are used once
    sums: set[int] = set()  # additions that are used once
    chains: dict[int, list[int]] = {}  # by the last addition: where it starts, then its products
    absorbed: set[int] = set()
    for op, start, args, _ in tape.code:
        if op == "mul" and uses[start] == 1:
            products[start] = args
        elif op == "add":
            (left,), (right,) = args
            if right in products:
                if left not in sums:
                    chains[start] = [left, right]
                elif left in chains:
                    chains[start] = chains.pop(left)
                    chains[start].append(right)
                    absorbed.add(left)
            if uses[start] == 1:
                sums.add(start)
    dots: dict[int, Any] = {}
    zeros: list[float] = []
    for last, (first, *factors) in chains.items():
        if len(factors) < 2:
            continue
        if first in products:  # -0.0 is the start that changes no sum, not even of zeros
            zeros, first, factors = [-0.0], -1, [first, *factors]
        dots[last] = ((first,), *chain.from_iterable([products[p] for p in factors]))
        absorbed.update(factors)
    short = Tape(tape.inputs, tape.scalars, tape.constants + zeros)
    kept = [c for c in tape.code if c.start not in absorbed]
    slots = chain(range(tape.first), [c.start for c in kept], [-1])
    places = chain(range(tape.first), range(short.first, short.first + len(kept)), [tape.first])
    place = dict(zip(slots, zip(places)))
    rows = [dots.get(c.start) or c.args for c in kept]
    ops = ["dot" if c.start in dots else c.op for c in kept]
    short.extend(ops, [tuple([place[slot] for (slot,) in row]) for row in rows])
    return _with_ends(short, tape, place)


def _group(tape: Tape, alone: bool) -> Tape:
    """Instructions of equal depth, op and kinds of arguments become one, what varies not first."""
    groups = _alike(tape)
    rolled = Tape(tape.inputs, tape.scalars, tape.constants)
    place = list(zip(range(tape.size)))
    ops: list[str] = []  # of instructions of one row that wait for each other
    args: list[Any] = []
    for key in sorted(groups, key=lambda key: key[:2]):
        if len(groups[key]) < SMALL:
            for row in groups[key]:
                args.append(tuple([place[slot] for slot in row[:-1]]))
                place[row[-1]] = (rolled.size + len(ops),)
                ops.append(key[2])
            continue
        rolled.extend(ops, args)
        ops, args = [], []
        rows = [[place[slot][0] for slot in row] for row in groups[key]]
        rows.sort()  # by the first argument, then the second, ...
        if alone:
            own = [i for i, kind in enumerate(key[3]) if kind == VARIES]
            rows.sort(key=lambda row: [row[i] for i in own])
        *tables, slots = map(array, repeat("i"), zip(*rows))
        first = rolled.add(key[2], *tables, count=len(rows))
        for new, slot in enumerate(slots, first):
            place[slot] = (new,)
    rolled.extend(ops, args)
    return _with_ends(rolled, tape, place)


def _with_ends(new: Tape, tape: Tape, place: Any) -> Tape:
    """The new tape with the ends of the old one, at their new places."""
    new.outputs, new.sums = [[place[s][0] for s in ends] for ends in (tape.outputs, tape.sums)]
    new.puts = [put._replace(value=place[put.value][0]) for put in tape.puts]
    return new


VARIES, SHARED, CONSTANT = "vsc"


def _alike(tape: Tape) -> dict[Any, list[list[int]]]:
    """Rows of arguments and result, by (varies, depth, op, kinds of arguments)."""
    kinds = [*VARIES * tape.inputs, *SHARED * tape.scalars, *CONSTANT * len(tape.constants)]
    depths = [0] * tape.first
    groups = defaultdict(list)
    for op, start, tables, _ in tape.code:
        args = [slot for (slot,) in tables]
        if op in ("mul", "dot"):  # a factor that all samples share comes first
            for i in range(len(args) % 2, len(args), 2):
                if kinds[args[i]] == VARIES != kinds[args[i + 1]]:
                    args[i], args[i + 1] = args[i + 1], args[i]
        row = "".join([kinds[a] for a in args])
        kind = VARIES if VARIES in row else SHARED
        kinds.append(kind)
        depth = 1 + max([depths[a] for a in args])
        depths.append(depth)
        groups[kind == VARIES, depth, op, row].append([*args, start])
    return groups
