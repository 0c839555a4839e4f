"""trace: a function of Values -> the Tape of what it computes.

The function is called on Values and the graph that it records is written down (recording.py);
gradients are written behind it (gradients.py). Leaves of the graph are the inputs; parameters,
which existed before the call; or constants, which it made. A second call with other numbers, also
for the parameters, tells the last two apart; and when it does not record the same, f cannot be
compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from .. import ops
from ..engine import Value
from ..ops import Op
from .gradients import with_gradients
from .recording import Recorded, needed_for, number, record
from .tape import JitError, Put, Tape, checked

__all__ = ["Traced", "probes", "trace"]


def trace(
    f: Callable[[list[Value], list[Value]], tuple[Sequence[Any], Sequence[Any]]],
    samples: Sequence[Sequence[float]],
    shared: Sequence[float] = (),
    parameters: Sequence[Value] = (),
) -> Traced:
    """What f computes, as a tape, and its gradients.

    Args:
        f: takes the inputs of one sample and the shared inputs, both as lists of Values; returns
            the outputs and what is to be added up over the samples.
        samples: numbers for the inputs of one sample, and of another.
        shared: numbers for the shared inputs.
        parameters: leaves that get the first slots after the shared inputs, in this order.

    Returns:
        The tape, whose scalars are the shared inputs, then the parameters; these, which are the
        given ones and then all others that f reads; and the tape of gradients for them.

    Raises:
        JitError: f decides by a number or takes one out of a Value, writes to one, returns
            something else than Values and numbers, keeps a Value, or does something else when it
            is called again.

    Example:
        >>> f = lambda w, x: w * x + 1.0
        >>> traced = trace(lambda x, w: ([f(w[0], x[0])], []), [[3.0], [5.0]], shared=[2.0])
        >>> traced.tape.run([3.0], [2.0])
        ([7.0], [])
    """
    one, other = samples
    first = record(f, one, shared)
    again = record(f, other, shared, lambda x: 0.3 - 1.7 * x)
    names = list(dict.fromkeys([*parameters, *_parameters(first, again)]))
    return Traced(first, len(one) + len(shared), len(one), names)


class Traced:
    """What a function computes; its tapes are written when they are asked for.

    Attributes:
        parameters: the Values whose numbers the tapes read after the shared inputs.

    Example:
        >>> w = Value(3.0)
        >>> traced = trace(lambda x, _: ([], [w * x[0] * x[0]]), [[2.0], [5.0]])
        >>> traced.gradients().run([2.0], [w.data])
        ([], [12.0, 4.0])
    """

    def __init__(self, call: Recorded, named: int, inputs: int, parameters: list[Value]) -> None:
        self._call, self._named, self._inputs, self.parameters = call, named, inputs, parameters

    @cached_property
    def tape(self) -> Tape:
        """The outputs and the sums."""
        return self._written(self._call)

    def gradients(self, wanted: Sequence[Value] | None = None) -> Tape:
        """The same outputs; the sums are the first one and its gradients for the parameters.

        Args:
            wanted: only for these of the parameters.
        """
        places = {v: -1 - i for i, v in enumerate(self._call.leaves)}
        ends = [places.get(v) for v in (self.parameters if wanted is None else wanted)]
        return self._written(with_gradients(self._call, self._named, ends))

    def _written(self, call: Recorded) -> Tape:
        return checked(_write(call, self._named, self._inputs, self.parameters), "trace")


def probes(samples: int, size: int) -> list[int]:
    """Samples to compare with Python, spread evenly: the fewer, the more a sample computes."""
    n = min(samples, max(3, min(16, 20_000 // size)))
    return [i * (samples - 1) // max(1, n - 1) for i in range(n)]


def _parameters(first: Recorded, again: Recorded) -> list[Value]:
    """The leaves that both calls read; a JitError when the calls did not record the same."""
    pairs = list(zip(first.leaves, again.leaves))
    same = first[:3] == again[:3] and len(first.leaves) == len(again.leaves)
    if not same or any(x is not y and number(x).hex() != number(y).hex() for x, y in pairs):
        raise JitError(
            "the function did something else for other numbers, or when it was called again: it "
            "draws random numbers, reads the time, or changes what it reads; pass what changes as "
            "an argument"
        )
    return [x for x, y in pairs if x is y and isinstance(x, Value)]


# --- the tape ---


def _write(call: Recorded, named: int, inputs: int, parameters: list[Value]) -> Tape:
    """The instructions of a graph: equal ones once, what is constant computed, 1 * x left out."""
    rows = {op: _row(op) for op in {op for op, _, _ in call.code}}
    needed = needed_for(call, named)
    scalars: dict[Any, int] = {v: i for i, v in enumerate(parameters, named)}
    writer = _Writer(named, named + len(parameters))
    leaves = [scalars[x] if x in scalars else writer.constant(number(x)) for x in call.leaves]
    slots = [*range(named), *[0] * len(call.code), *reversed(leaves)]  # by place
    for i, (op, reads, constant) in enumerate(call.code, named):
        if needed[i]:
            slots[i] = writer.emit(rows[op], [slots[x] for x in reads], constant)
    outputs, sums = [[writer.result(slots[x]) for x in ends] for ends in (call.outputs, call.sums)]
    puts = [(slots[index], writer.result(slots[x]), where) for index, x, where in call.puts]
    tape, place = writer.tape(inputs)
    tape.outputs, tape.sums = [place[s] for s in outputs], [place[s] for s in sums]
    tape.puts = [Put(index, place[value], where) for index, value, where in puts]
    return tape


def _row(op: Op) -> Op:
    """The op of the table that computes the same; its rule may be another."""
    row = ops.OPS.get(op.name)
    if row is None or row.forward is not op.forward:
        raise JitError(
            f"the op {op.name!r} is not in the op table: use those of micrograd_like.ops"
        )
    return row


_INDEX = (
    "the index of take must be an argument of the compiled function itself, no parameter and "
    "nothing computed: compute it outside and pass it; a number that never changes needs no take: "
    "write table[2]"
)


class _Writer:
    """Collects instructions; slots of constants are negative until all constants are known."""

    def __init__(self, arguments: int, start: int) -> None:
        self.arguments, self.start = arguments, start  # how many; the slot of the first result
        self.constants: dict[str, int] = {}
        self.numbers: list[float] = []
        self.known: dict[tuple[Any, ...], int] = {}  # instructions, in order: op, arguments
        self.used: dict[int, None] = {}  # the constants that they read

    def constant(self, number: float) -> int:
        key = number.hex()
        if key not in self.constants:
            self.numbers.append(number)
            self.constants[key] = -len(self.numbers)
        return self.constants[key]

    def emit(self, op: Op, args: list[int], constant: str = "") -> int:
        """The slot of an op's result, whose instruction may be there already, or not needed."""
        if op is ops.MUL:
            args.sort()  # numbers first, so that equal products look equal
        if op.arity == 2 == len(args) and args[0] >= 0 <= args[1]:  # the most
            return self.known.setdefault((op, *args), self.start + len(self.known))
        if constant:
            args.append(self.constant(float.fromhex(constant)))
        if op is ops.DETACH:
            return args[0]  # there are no gradients any more
        if op is ops.TAKE and not 0 <= args[0] < self.arguments:
            raise JitError(_INDEX)
        if max(args, default=-1) < 0:
            return self.constant(op.forward(*[self.numbers[-a - 1] for a in args]))
        if op is ops.MUL and self.numbers[-args[0] - 1] == 1.0:
            return args[1]
        if op is ops.POWC:
            return self._power(*args)
        if op is ops.SUM:
            args = [self.constant(0.0), *args]
        if op is ops.DOT:
            n = len(args) // 2
            args = [self.constant(0.0), *chain.from_iterable(zip(args[:n], args[n:]))]
        return self._instruction(op, args)

    def _instruction(self, op: Op, args: Sequence[int]) -> int:
        self.used.update(dict.fromkeys([a for a in args if a < 0]))
        return self.known.setdefault((op, *args), self.start + len(self.known))

    def result(self, slot: int) -> int:
        """What is in the slot, as the result of an instruction."""
        if slot >= self.start:
            return slot
        return self._instruction(ops.MUL, [slot, self.constant(1.0)])

    def _power(self, x: int, exponent: int) -> int:
        """The powers that everybody writes as products: a call of pow costs as much as hundreds."""
        k = self.numbers[-exponent - 1]
        if k == -1.0:
            return self._instruction(ops.DIV, [self.constant(1.0), x])
        if k in (1.0, 2.0, 3.0):
            square = self.emit(ops.MUL, [x, x]) if k > 1.0 else x
            return square if k < 3.0 else self.emit(ops.MUL, [square, x])
        return self._instruction(ops.POWC, [x, exponent])

    def tape(self, inputs: int) -> tuple[Tape, list[int]]:
        """The instructions; and where each slot is on their tape, constants from the end."""
        tape = Tape(inputs, self.start - inputs, [self.numbers[-s - 1] for s in self.used])
        constants = {s: i for i, s in enumerate(self.used, self.start)}
        place = [*range(self.start), *range(tape.first, tape.first + len(self.known))]
        place += [constants.get(-s, -1) for s in range(len(self.numbers), 0, -1)]
        single = list(zip(place))
        rows = [tuple(map(single.__getitem__, instruction[1:])) for instruction in self.known]
        tape.extend([instruction[0].name for instruction in self.known], rows)
        return tape, place
