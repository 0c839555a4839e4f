"""The compiler's own form of a program: a flat list of instructions over numbered slots.

>>> tape = Tape(inputs=1, constants=[2.0])
>>> tape.outputs = [tape.add("mul", (0, 1))]
>>> print(tape)
s0 = input 0
s1 = 2.0
s2 = mul s0 s1
return s2
>>> tape.run([3.0])
([6.0], [])

A tape (a Wengert list) computes one sample. Its slots are numbered in this order:

    inputs       numbers that every sample has of its own
    scalars      numbers that all samples share: parameters, arguments without a batch axis
    constants
    results      of the instructions, in order; after reroll, those that depend on no input first

Two ops mean more here than in the op table, because reroll turns chains of additions into them:
``sum`` is a + b + c + ..., and ``dot`` is start + w1 * x1 + w2 * x2 + ..., both from left to right.
This file knows no LLVM and no graph.
"""

from collections.abc import Iterable, Sequence
from functools import partial, reduce
from itertools import count, pairwise, repeat
from operator import add, mul
from typing import Any, NamedTuple

from .. import ops

__all__ = ["Instruction", "JitError", "Put", "Tape"]


class JitError(Exception):
    """A function cannot be compiled; the message says why and what to do."""


FORWARD = {name: op.forward for name, op in ops.OPS.items()} | {
    "sum": lambda *xs: reduce(add, xs),
    "dot": lambda start, *wx: reduce(add, map(mul, wx[::2], wx[1::2]), start),
}


class Instruction(NamedTuple):
    """op applied to count rows at once: args has a table for each argument, a slot for each row."""

    op: str
    start: int  # the slot of the first result; the others follow
    args: tuple[Sequence[int], ...]
    count: int = 1  # type: ignore[assignment]  # a tuple has a count() too

    @property
    def results(self) -> range:
        """The slots that it fills."""
        return range(self.start, self.start + self.count)


_instruction: Any = partial(tuple.__new__, Instruction)  # as Instruction._make, in C


class Put(NamedTuple):
    """What a sample adds to one of the sums: sums[where[index]] += value, after all others.

    The gradient of what was taken from a table of parameters.
    """

    index: int  # type: ignore[assignment]  # the slot of an input, or of an argument that all samples share
    value: int  # a slot
    where: Sequence[int]  # for each element of the table its place among the sums


class Tape:
    """A program over slots.

    Args:
        inputs: how many numbers each sample has of its own.
        scalars: how many numbers all samples share.
        constants: numbers that never change.
    """

    def __init__(self, inputs: int, scalars: int = 0, constants: Sequence[float] = ()) -> None:
        self.inputs, self.scalars, self.constants = inputs, scalars, list(constants)
        self.code: list[Instruction] = []
        self.outputs: list[int] = []  # slots that are returned for each sample
        self.sums: list[int] = []  # slots that are added up over the samples: gradients
        self.puts: list[Put] = []  # what is added to some of the sums beside them
        self.first = self.size = inputs + scalars + len(self.constants)  # slot of the first result

    def add(self, op: str, *tables: Sequence[int], count: int = 1) -> int:
        """Appends an instruction, of one row or of a table for each argument; its first slot."""
        args = tuple(zip(*tables)) if count == 1 else tables
        self.code.append(Instruction(op, self.size, args, count))
        self.size += count
        return self.size - count

    def extend(self, ops: Sequence[str], args: Iterable[tuple[tuple[int], ...]]) -> None:
        """Appends an instruction of one row for each op: its tables have one slot each."""
        self.code += map(_instruction, zip(ops, count(self.size), args, repeat(1)))
        self.size += len(ops)

    def constant(self, slot: int) -> float | None:
        """The number in a slot when it is a constant."""
        i = slot - self.inputs - self.scalars
        return self.constants[i] if 0 <= i < len(self.constants) else None

    def varies(self) -> list[bool]:
        """For each slot whether it differs between samples: so do all rows of a table, or none."""
        varies = [slot < self.inputs for slot in range(self.first)]
        for code in self.code:
            varies += [True in [varies[table[0]] for table in code.args]] * code.count
        return varies

    def indices(self) -> dict[int, int]:
        """The inputs and scalars that take uses as indices, and the length of a shortest table.

        Whoever runs a tape must see to it that they are whole numbers below that.
        """
        lengths: dict[int, int] = {}
        for code in self.code:
            if code.op == "take":
                n = len(code.args) - 1
                lengths |= {slot: min(n, lengths.get(slot, n)) for slot in code.args[0]}
        return lengths

    def run(
        self, inputs: Sequence[float], scalars: Sequence[float] = ()
    ) -> tuple[list[float], list[float]]:
        """The outputs and the sums for one sample, in plain Python."""
        slots = self.slots(inputs, scalars)
        outputs, sums = [[slots[i] for i in ends] for ends in (self.outputs, self.sums)]
        for index, value, where in self.puts:
            sums[where[int(slots[index])]] += slots[value]
        return outputs, sums

    def slots(self, inputs: Sequence[float], scalars: Sequence[float] = ()) -> list[float]:
        """The number in every slot for one sample."""
        slots = [*inputs, *scalars, *self.constants]
        for slot, length in self.indices().items():
            if slots[slot] not in range(length):
                raise IndexError(
                    f"s{slot} is an index of a table of {length}, got {slots[slot]!r}: expected a "
                    f"whole number from 0 to {length - 1}"
                )
        for code in self.code:
            slots += map(FORWARD[code.op], *[[slots[i] for i in table] for table in code.args])
        return slots

    def check(self) -> None:
        """Raises a JitError when an instruction reads what is not yet there."""
        size = self.first
        for code in self.code:
            _, start, args, rows = code
            for table in args:
                if start != size or len(table) != rows:
                    raise JitError(f"{_line(code)}: its slots do not follow the ones before")
                for slot in table:
                    if not 0 <= slot < start:
                        raise JitError(f"{_line(code)}: an argument comes later than its use")
            size += rows
        ends = [*self.outputs, *self.sums]
        if ends and not 0 <= min(ends) <= max(ends) < size:
            raise JitError("an output is a slot that no instruction fills")
        for index, value, where in self.puts:
            if not (0 <= index < self.first and 0 <= value < size):
                raise JitError("what is put somewhere is a slot that no instruction fills")
            if not 0 <= min(where) <= max(where) < len(self.sums):
                raise JitError("something is put where no sum is")
        groups = [code for code in self.code if code.count > 1]
        varies = self.varies() if groups else []
        for code in groups:
            if any(len({varies[slot] for slot in table}) > 1 for table in code.args):
                raise JitError(f"{_line(code)}: only some rows of a table differ between samples")

    def __str__(self) -> str:
        lines = [_leaves(0, "input", self.inputs), _leaves(self.inputs, "scalar", self.scalars)]
        constants = enumerate(self.constants, self.inputs + self.scalars)
        lines += [f"s{slot} = {number!r}" for slot, number in constants]
        lines += map(_line, self.code)
        lines += [f"return {_slots(self.outputs)}"] if self.outputs else []
        lines += [f"add up {_slots(self.sums)}"] if self.sums else []
        lines += [
            f"add s{put.value} to sums {_slots(put.where, '')} by s{put.index}" for put in self.puts
        ]
        return "\n".join(filter(None, lines))


def checked(tape: Tape, step: str) -> Tape:
    """The tape that a step of the compiler has made, when it is one; a JitError when not."""
    try:
        tape.check()
    except JitError as error:
        raise JitError(f"{step} made a bad tape, please report this bug: {error}") from None
    return tape


def _leaves(start: int, kind: str, n: int) -> str:
    if n < 2:
        return f"s{start} = {kind} 0" * n
    return f"s{start}..s{start + n - 1} = {kind}s 0..{n - 1}"


def _line(code: Instruction) -> str:
    shown = list(map(_slots, code.args))
    shown[5:-2] = ["..."] if len(shown) > 9 else shown[5:-2]
    times = f"  ({code.count} times)" if code.count > 1 else ""
    return f"{_slots(code.results)} = {code.op} {' '.join(shown)}{times}"


def _slots(table: Sequence[int], s: str = "s") -> str:
    """s7 for one slot or many times the same, s3..s9 for a run, s3..s19/4 for one with a step."""
    first, last = table[0], table[-1]
    steps = {b - a for a, b in pairwise(table)}
    if steps <= {0}:
        return f"{s}{first}"
    if len(steps) == 1 and len(table) > 2:
        step = steps.pop()
        return f"{s}{first}..{s}{last}" + (f"/{step}" if step != 1 else "")
    shown = [*table[:3], "...", last] if len(table) > 4 else table
    return f"{s}[{' '.join(map(str, shown))}]"
