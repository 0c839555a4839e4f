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
from .recording import Place, Recorded, needed_for, record
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
        unread = -1 - len(places)  # nothing is computed from there
        wanted = self.parameters if wanted is None else wanted
        ends = [places.get(v, unread) for v in wanted]
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
    if not same or any(x is not y and x.data.hex() != y.data.hex() for x, y in pairs):
        raise JitError(
            "the function did something else for other numbers, or when it was called again: it "
            "draws random numbers, reads the time, or changes what it reads; pass what changes as "
            "an argument"
        )
    return [x for x, y in pairs if x is y]


# --- the tape ---


def _write(call: Recorded, named: int, inputs: int, parameters: list[Value]) -> Tape:
    """The instructions of a graph: equal ones once, what is constant computed, 1 * x left out."""
    needed = needed_for(call, named)
    writer = _Writer(named, named + len(parameters))
    scalars = {v: i for i, v in enumerate(parameters, named)}
    slots: dict[Place, int] = {i: i for i in range(named)}
    for i, v in enumerate(call.leaves):
        if v in scalars:
            slots[-1 - i] = scalars[v]
        elif -1 - i in needed:
            slots[-1 - i] = writer.constant(v.data)

    def slot(place: Place) -> int:
        return writer.constant(float.fromhex(place)) if isinstance(place, str) else slots[place]

    for i, (op, reads, constant) in enumerate(call.code, named):
        if i in needed:
            args = list(map(slot, [*reads, constant] if constant else reads))
            slots[i] = writer.emit(op, args)
    outputs, sums = [[writer.result(slot(v)) for v in ends] for ends in (call.outputs, call.sums)]
    puts = [(slot(index), writer.result(slot(value)), where) for index, value, where in call.puts]
    used = dict.fromkeys([s for _, operands in writer.known for s in operands if s < 0])
    tape = Tape(inputs, writer.start - inputs, [writer.numbers[-s - 1] for s in used])
    place = {s: s for s in range(writer.start)} | {s: writer.start + i for i, s in enumerate(used)}
    place |= {writer.start + i: tape.first + i for i in range(len(writer.known))}
    for name, operands in writer.known:
        tape.add(name, [place[s] for s in operands])
    tape.outputs, tape.sums = [place[s] for s in outputs], [place[s] for s in sums]
    tape.puts = [Put(place[index], place[value], where) for index, value, where in puts]
    return tape


_INDEX = (
    "the index of take must be an argument of the compiled function itself, no parameter and "
    "nothing computed: compute it outside and pass it; a number that never changes needs no take: "
    "write table[2]"
)


class _Writer:
    """Collects instructions; slots of constants are negative until all constants are known."""

    def __init__(self, arguments: int, start: int) -> None:
        self.arguments = arguments  # their slots are the first ones
        self.start = start  # the slot of the first result, but for the constants
        self.constants: dict[str, int] = {}
        self.numbers: list[float] = []
        self.known: dict[tuple[str, tuple[int, ...]], int] = {}  # instructions, in order

    def constant(self, number: float) -> int:
        key = number.hex()
        if key not in self.constants:
            self.numbers.append(number)
            self.constants[key] = -len(self.numbers)
        return self.constants[key]

    def emit(self, row: Op, args: list[int]) -> int:
        op = row.name
        if op not in ops.OPS or ops.OPS[op].forward is not row.forward:
            raise JitError(f"the op {op!r} is not in the op table: use those of micrograd_like.ops")
        if op == "detach":
            return args[0]  # there are no gradients any more
        if op == "take" and not 0 <= args[0] < self.arguments:
            raise JitError(_INDEX)
        if max(args, default=-1) < 0:
            return self.constant(row.forward(*[self.numbers[-a - 1] for a in args]))
        if op == "powc":
            op, args = self._power(*args)
        if op == "mul":
            args.sort()  # numbers first, so that equal products look equal
            if args[0] < 0 and self.numbers[-args[0] - 1] == 1.0:
                return args[1]
        elif op == "sum":
            args = [self.constant(0.0), *args]
        elif op == "dot":
            n = len(args) // 2
            args = [self.constant(0.0), *chain.from_iterable(zip(args[:n], args[n:]))]
        return self._instruction(op, args)

    def result(self, slot: int) -> int:
        """What is in the slot, as the result of an instruction."""
        if slot >= self.start:
            return slot
        return self._instruction("mul", [slot, self.constant(1.0)])

    def _power(self, x: int, exponent: int) -> tuple[str, list[int]]:
        """The powers that everybody writes as products: a call of pow costs as much as hundreds."""
        k = self.numbers[-exponent - 1]
        if k in (1.0, -1.0):
            return "mul" if k == 1.0 else "div", [self.constant(1.0), x]
        if k in (2.0, 3.0):
            return "mul", [x if k == 2.0 else self.emit(ops.MUL, [x, x]), x]
        return "powc", [x, exponent]

    def _instruction(self, op: str, args: Sequence[int]) -> int:
        return self.known.setdefault((op, tuple(args)), self.start + len(self.known))
