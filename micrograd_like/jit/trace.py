"""trace: a function of Values -> the Tape of what it computes.

The function is called on Values and the graph that it records is written down as instructions. A
gradient is more of the same graph, so there is nothing here about differentiation. Leaves of the
graph are the inputs; parameters, which existed before the call; or constants, which it made.
Two calls, with the numbers of two samples, tell the last two apart; and when they do not record the
same, f cannot be compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import engine, ops
from ..engine import Value
from .tape import FORWARD, JitError, Tape

_tracing = threading.local()
_swap = threading.Lock()
_users = 0


class Traced(Value):
    """A Value that is being traced: its number may not decide anything."""

    __slots__ = ()

    def _decide(self, *_: Any) -> bool:
        raise JitError(
            "a compiled function may not branch on its inputs (if, while, and, or, <, bool, max): "
            "use functional.where, maximum or minimum, which work on every sample"
        )

    __bool__ = __lt__ = __le__ = __gt__ = __ge__ = _decide


def _new_value(kind: type[Value]) -> Value:
    made = getattr(_tracing, "made", None)
    if made is None:
        return object.__new__(kind)
    made.append(object.__new__(Traced))
    return made[-1]


@contextmanager
def _recording() -> Iterator[list[Value]]:
    """Inside, this thread's operations make Traced nodes; yields them in the order of making."""
    global _users
    with _swap:
        _users += 1
        engine._new = _new_value
    _tracing.made = made = []
    try:
        yield made
    finally:
        _tracing.made = None
        with _swap:
            _users -= 1
            if not _users:
                engine._new = object.__new__


class Recorded(NamedTuple):
    """What one call of the function recorded."""

    named: list[Value]
    made: list[Value]
    outputs: list[Value]
    sums: list[Value]


def trace(
    f: Callable[[list[Value], list[Value]], tuple[Sequence[Any], Sequence[Any]]],
    samples: Sequence[Sequence[float]],
    shared: Sequence[float],
    parameters: Sequence[Value] = (),
) -> tuple[Tape, list[Value]]:
    """The tape of f, and the parameters that it reads.

    Args:
        f: takes the inputs of one sample and the shared inputs, both as lists of Values; returns
            the outputs and what is to be added up over the samples.
        samples: numbers for the inputs of one sample, and of another.
        shared: numbers for the shared inputs.
        parameters: leaves that get the first slots after the shared inputs, in this order.

    Returns:
        The tape, whose scalars are the shared inputs, then the parameters; and the list of these.

    Raises:
        JitError: f branches on a Value, returns something else than Values and numbers, or does
            something else for the second sample than for the first.
    """
    calls = [_call(f, sample, shared) for sample in samples]
    leaves = [dict.fromkeys(x for v in c.made for x in v.inputs if x.op is None) for c in calls]
    inputs = set(calls[0].named)
    found = [v for v in leaves[0] if v in leaves[1] and v not in inputs]
    names = list(dict.fromkeys([*parameters, *found]))
    first, again = [_write(c, len(samples[0]), names) for c in calls]
    if first.code != again.code or repr(first.constants) != repr(again.constants):
        raise JitError(
            "the function did something else for other numbers: it draws random numbers, or it "
            "uses a number where only Values can be followed (.data, float, detach, an index); "
            "pass what changes as an argument, and select with functional.where"
        )
    return first, names


def _call(f: Any, sample: Sequence[float], shared: Sequence[float]) -> Recorded:
    x, s = [Traced(a) for a in sample], [Traced(a) for a in shared]
    with _recording() as made:
        outputs, sums = f(x, s)
        return Recorded([*x, *s], made, list(map(_as_value, outputs)), list(map(_as_value, sums)))


def _as_value(out: Any) -> Value:
    try:
        return engine.as_value(out)
    except TypeError as error:
        raise JitError(f"a compiled function must return Values or numbers: {error}") from None


def _write(call: Recorded, lanes: int, parameters: list[Value]) -> Tape:
    """The instructions of a graph: equal ones once, what is constant computed, 1 * x left out."""
    named = [*call.named, *parameters]
    writer = _Writer(lanes, len(named) - lanes)
    slots = {v: i for i, v in enumerate(named)}

    def slot(v: Value) -> int:
        return slots[v] if v in slots else writer.constant(v.data)

    for v in call.made:
        if v.op is not None:
            constants = v.arguments[len(v.inputs) :]
            args = [*map(slot, v.inputs), *map(writer.constant, constants)]
            slots[v] = writer.emit(v.op.name, args)
    return writer.finish(list(map(slot, call.outputs)), list(map(slot, call.sums)))


class _Writer:
    """Collects instructions; slots of constants are negative until all constants are known."""

    def __init__(self, lanes: int, scalars: int) -> None:
        self.lanes, self.scalars = lanes, scalars
        self.constants: dict[str, int] = {}
        self.numbers: list[float] = []
        self.code: list[tuple[str, tuple[int, ...]]] = []
        self.known: dict[tuple[str, tuple[int, ...]], int] = {}

    def constant(self, number: float) -> int:
        key = float(number).hex()  # tells 0.0 from -0.0, and finds nan again
        if key not in self.constants:
            self.numbers.append(number)
            self.constants[key] = -len(self.numbers)
        return self.constants[key]

    def emit(self, op: str, args: list[int]) -> int:
        if op not in FORWARD:
            raise JitError(f"a node made by hand ({op!r}) cannot be compiled: use the library's ops")
        if all(a < 0 for a in args) and op != "sum":
            return self.constant(ops.OPS[op].forward(*[self.numbers[-a - 1] for a in args]))
        if op == "mul":
            args.sort()  # numbers first, so that equal products look equal
            if args[0] < 0 and self.numbers[-args[0] - 1] == 1.0:
                return args[1]
        if op == "sum":
            args = [self.constant(0.0), *args]
        if op == "dot":
            n = len(args) // 2
            pairs = [(w, x) for w, x in zip(args[:n], args[n:])]
            args = [self.constant(0.0), *[slot for pair in pairs for slot in pair]]
        key = (op, tuple(args))
        if key not in self.known:
            self.known[key] = self.lanes + self.scalars + len(self.code)
            self.code.append(key)
        return self.known[key]

    def finish(self, outputs: list[int], sums: list[int]) -> Tape:
        """The tape of what the outputs need, each output the result of an instruction."""
        one = self.constant(1.0)
        start = self.lanes + self.scalars

        def result(slot: int) -> int:
            if slot >= start:
                return slot
            self.code.append(("mul", (slot, one)))
            return start + len(self.code) - 1

        outputs, sums = [result(slot) for slot in outputs], [result(slot) for slot in sums]
        needed = [False] * len(self.code)
        for slot in (*outputs, *sums):
            needed[slot - start] = True
        for i in range(len(self.code) - 1, -1, -1):
            if needed[i]:
                for a in self.code[i][1]:
                    if a >= start:
                        needed[a - start] = True
        tape = Tape(self.lanes, self.scalars, self.numbers)
        place = {-1 - i: start + i for i in range(len(self.numbers))}
        place |= {i: i for i in range(start)}
        for i, (op, args) in enumerate(self.code):
            if needed[i]:
                place[start + i] = tape.add(op, [place[a] for a in args])
        tape.outputs = [place[slot] for slot in outputs]
        tape.sums = [place[slot] for slot in sums]
        return tape
