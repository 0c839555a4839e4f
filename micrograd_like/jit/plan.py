"""plan: which instructions are worked on together, and in which order. It knows no LLVM.

A ``nest`` is a list of instructions of equal count that read each other row by row: lower.py makes
one loop of it, whose results stay in registers. What other nests read must be stored. Sums over
samples (gradients) come last; a result that nobody but its sum reads is never stored.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..tape import Instruction, Tape

IN_ONE_FUNCTION = 48  # instructions in one function: compile time grows faster than its size
AHEAD = 24  # how many instructions are looked at for the next one of a nest
STRAIGHT = 200  # the same for one sample, whose operations are single numbers
LARGE = 500  # instructions: from here on, compiling fast matters and costly ops are calls
MOST_PARTS = 8  # that a group is cut into, and the fewest rows of one
ROWS_FOR_A_LOOP = 32  # fewer are no loop in a program that consists of single instructions


NOWHERE = -1  # where the results of an instruction are that is computed for a sum only

# an instruction, some of its rows, and the sums that they are added to
Wanted = tuple[Instruction, Sequence[int], Sequence[int]]
Nests = list[tuple[list[Instruction], set[int]]]  # each with the starts of what must be stored


class Reduction(NamedTuple):
    """The result t of an instruction is added to sums[where[t]]."""

    code: Instruction
    where: Sequence[int]


class Scatter(NamedTuple):
    """values[t] is added to sums[where[t][i]], with i what is in indices[t]."""

    indices: Sequence[int]
    values: Sequence[int]
    where: Sequence[Sequence[int]]


class Plan(NamedTuple):
    """A tape in the order in which it is computed."""

    shared: Nests  # what all samples share
    nests: Nests
    reductions: list[Reduction]  # of what is stored, or computed there and in no nest
    scatters: list[Scatter]


def make_plan(tape: Tape, varies: Any, single: bool) -> Plan:
    """The nests of a tape; ``single``: where a sample fills no vector, and is computed alone."""
    if single:
        tape = _in_grids(_taken_apart(tape) if is_large(tape) else tape)
    wanted = _wanted(tape)
    direct = _read_by_sums_only(tape, varies, wanted)
    reductions = [Reduction(c, where) for c, _, where in wanted if c.start in direct]
    reductions += _of_stored([w for w in wanted if w[0].start not in direct], varies)
    shared = _nests([c for c in tape.code if not varies[c.start]], STRAIGHT)
    code = [c for c in tape.code if varies[c.start] and c.start not in direct]
    nests = _nests(code, STRAIGHT if single else IN_ONE_FUNCTION)
    all_stored = [(nest, {c.start for c in nest}) for nest in shared]
    return Plan(all_stored, _stored(tape, nests, reductions), reductions, _scatters(tape, varies))


def placed(tape: Tape) -> tuple[Any, Any]:
    """For each slot whether it differs between samples, and its row; or its place in scalars."""
    varies = np.array(tape.varies())
    return varies, np.where(varies, np.cumsum(varies), np.cumsum(~varies)) - 1


def is_large(tape: Tape) -> bool:
    """Whether the tape is so long that the time of compiling decides how it is lowered."""
    return len(tape.code) > LARGE


# --- which instructions share a nest, in which order ---


def _taken_apart(tape: Tape) -> Tape:
    """In a program of mostly single instructions the small groups are single instructions too.

    Operands come shortly before their use, so that few have to be stored for another function.
    """
    if 2 * sum(c.count == 1 for c in tape.code) < tape.size - tape.first:
        return tape
    apart = copy(tape)
    apart.code = _depth_first([c for group in tape.code for c in _parts(group)])
    return apart


def _parts(c: Instruction) -> list[Instruction]:
    if c.count == 1 or c.count >= ROWS_FOR_A_LOOP:
        return [c]
    rows = zip(*[zip(table) for table in c.args])
    return [Instruction(c.op, slot, row) for slot, row in zip(c.results, rows)]


def _in_grids(tape: Tape) -> Tape:
    """Groups in parts that are grids: rows of equal length, along which all steps are equal."""
    cut = copy(tape)
    cut.code = [part for c in tape.code for part in _grids(c)]
    return cut


def _grids(c: Instruction) -> list[Instruction]:
    if c.count < 2 * ROWS_FOR_A_LOOP:
        return [c]
    steps = np.diff(np.array([np.asarray(table) for table in c.args]))
    _, kind, counts = np.unique(steps, axis=1, return_inverse=True, return_counts=True)
    edges = np.flatnonzero(kind.ravel() != counts.argmax()) + 1  # where a row of the grid begins
    lengths = np.diff([0, *edges, c.count])
    cuts = [0, *edges[lengths[1:] != lengths[:-1]].tolist(), c.count]
    if len(cuts) > MOST_PARTS or min(np.diff(cuts)) < MOST_PARTS:
        return [c]
    return [
        Instruction(c.op, c.start + a, tuple([table[a:b] for table in c.args]), b - a)
        for a, b in pairwise(cuts)
    ]


def _depth_first(code: list[Instruction]) -> list[Instruction]:
    """What an instruction needs comes right before it, unless it was there already."""
    owner = {slot: c for c in code for slot in c.results}
    done: dict[int, Instruction] = {}
    stack = list(code)
    while stack:
        c = stack[-1]
        needs = [owner[slot] for table in c.args for slot in table if slot in owner]
        open = [n for n in needs if n.start not in done] if c.start not in done else []
        stack += open
        if not open:
            done.setdefault(stack.pop().start, c)
    return list(done.values())


def _wanted(tape: Tape) -> list[Wanted]:
    """What is to be added up, by the instruction; a slot that is wanted twice comes twice."""
    wanted = defaultdict(list)
    for i, slot in enumerate(tape.sums):
        wanted[slot].append(i)
    found: list[Wanted] = []
    for c in tape.code:
        todo = [(t, wanted[slot]) for t, slot in enumerate(c.results) if slot in wanted]
        for layer in range(max((len(w) for _, w in todo), default=0)):
            pairs = [(t, w[layer]) for t, w in todo if len(w) > layer]
            found.append((c, [t for t, _ in pairs], [i for _, i in pairs]))
    return found


def _read_by_sums_only(tape: Tape, varies: Any, wanted: list[Wanted]) -> set[int]:
    """The starts of instructions that need not be stored."""
    read = _read(tape, np.arange(tape.size))
    times = Counter([c.start for c, _, _ in wanted])
    single = sum(c.count == 1 for c, _, _ in wanted) > MOST_PARTS  # loops would be too many
    return {
        c.start
        for c, rows, _ in wanted
        if varies[c.start] and times[c.start] == 1 and len(rows) == c.count
        if not read[c.start : c.start + c.count].any() and not (single and c.count == 1)
    }


def _of_stored(wanted: list[Wanted], varies: Any) -> list[Reduction]:
    """Results that are read back, as sums of one number; the single ones as one loop."""
    single: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    found: list[Any] = []
    for c, rows, where in wanted:
        if len(rows) == 1:
            single[bool(varies[c.start])].append((where[0], c.start + rows[0]))
        else:
            found.append((where, [c.start + t for t in rows]))
    found += [zip(*sorted(pairs)) for pairs in single.values() if pairs]
    return [
        Reduction(Instruction("sum", NOWHERE, (slots,), len(slots)), where)
        for where, slots in found
    ]


def _scatters(tape: Tape, varies: Any) -> list[Scatter]:
    """The puts of a tape, those together that one loop can do."""
    alike = defaultdict(list)
    for put in tape.puts:
        alike[varies[put.index], varies[put.value], len(put.where)].append(put)
    return [Scatter(*zip(*puts)) for puts in alike.values()]


def _read(tape: Tape, home: Any) -> Any:
    """For each slot whether it is an output, or read by an instruction with another home."""
    read = np.zeros(tape.size, bool)
    read[tape.outputs] = True
    read[[slot for put in tape.puts for slot in (put.index, put.value)]] = True
    readers, tables = zip(*[(c.start, table) for c in tape.code for table in c.args])
    slots, by = np.concatenate(tables), np.repeat(readers, list(map(len, tables)))
    read[slots[home[slots] != home[by]]] = True
    return read


def _nests(code: list[Instruction], together: int) -> list[list[Instruction]]:
    """Nests of instructions of equal count that read each other row by row, in a valid order."""
    owner = {slot: c.start for c in code for slot in c.results}
    needs = {c.start: {owner[s] for table in c.args for s in {*table} if s in owner} for c in code}
    nests = []
    done: set[int] = set()
    for position, first in enumerate(code):
        if first.start in done:
            continue
        nest: dict[int, Instruction] = {}
        misses, limit = 0, together if first.count == 1 else 8
        for i in range(position, len(code)):
            c = code[i]
            if misses == AHEAD or len(nest) == limit:
                break
            if c.start in done:
                continue
            if c.count == first.count and _fits(c, nest, needs[c.start] - done):
                nest[c.start] = c
            else:
                misses += 1
        done |= nest.keys()
        nests.append(list(nest.values()))
    return nests


def _fits(c: Instruction, nest: dict[int, Instruction], open: set[int]) -> bool:
    """Whether c reads of the nest only the same rows, and nothing else that is not done."""
    if c.count == 1 or not open <= nest.keys():
        return open <= nest.keys()
    reads = [(table, nest[start].results) for start in open for table in c.args]
    return all(np.array_equal(t, rows) for t, rows in reads if np.isin(t, rows).any())


def _stored(tape: Tape, nests: list[list[Instruction]], reductions: list[Reduction]) -> Nests:
    """Each nest with the instructions whose results somebody outside of it reads."""
    home = np.full(tape.size, -1)
    for i, nest in enumerate(nests):
        for c in nest:
            home[c.start : c.start + c.count] = i
    read = _read(tape, home)
    for r in reductions:
        for table in r.code.args:
            read[np.asarray(table)] = True
    stored = [{c.start for c in nest if read[c.start : c.start + c.count].any()} for nest in nests]
    return list(zip(nests, stored))
