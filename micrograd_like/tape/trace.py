"""trace: a function of Values -> the Tape of what it computes.

The function is called on Values and the graph that it records is written down; a gradient is more
of the same graph. Leaves of the graph are the inputs; parameters, which existed before the call; or
constants, which it made. A call with other numbers tells the last two apart; and when it does not
record the same, f cannot be compiled.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import is_
from typing import Any, NamedTuple

from .. import engine, ops
from ..anomaly import is_anomaly_enabled
from ..engine import Value
from .tape import FORWARD, JitError, Tape, checked

__all__ = ["check_nobody_watches", "probes", "trace"]


class Recorded(NamedTuple):
    """What one call of the function recorded."""

    named: list[Value]
    made: list[Value]
    outputs: list[Value]
    sums: list[Value]


def trace(
    f: Callable[[list[Value], list[Value]], tuple[Sequence[Any], Sequence[Any]]],
    samples: Sequence[Sequence[float]],
    shared: Sequence[float] = (),
    parameters: Sequence[Value] = (),
) -> tuple[Tape, list[Value]]:
    """The tape of f, and the parameters that it reads.

    Args:
        f: takes the inputs of one sample and the shared inputs, both as lists of Values; returns
            the outputs and what is to be added up over the samples.
        samples: numbers for the inputs of one sample, and of another that f is sure to take.
        shared: numbers for the shared inputs.
        parameters: leaves that get the first slots after the shared inputs, in this order.

    Returns:
        The tape, whose scalars are the shared inputs, then the parameters; and the list of these.

    Raises:
        JitError: f branches on a Value, returns something else than Values and numbers, or does
            something else for the second sample than for the first.

    Example:
        >>> f = lambda w, x: w * x + 1.0
        >>> tape, _ = trace(lambda x, w: ([f(w[0], x[0])], []), [[3.0], [5.0]], shared=[2.0])
        >>> tape.run([3.0], [2.0])
        ([7.0], [])
    """
    one, other = samples
    first = _call(f, one, shared)
    try:  # numbers for which a function that reads them will decide otherwise
        again = _call(f, [0.3 - 1.7 * x for x in one], shared)
    except (ValueError, TypeError, ArithmeticError, LookupError):  # it never gets such numbers
        again = _call(f, other, shared)
    names = list(dict.fromkeys([*parameters, *_parameters(first, again)]))
    return checked(_write(first, len(one), names), "trace"), names


def check_nobody_watches() -> None:
    """Raises a JitError inside detect_anomaly(), which would see nothing and seem content."""
    if is_anomaly_enabled():
        raise JitError(
            "detect_anomaly() watches Python's operations, and compiled code has none: call the "
            "function itself inside it, or fit with jit=False"
        )


def probes(samples: int, size: int) -> list[int]:
    """Samples to compare with Python, spread evenly: the fewer, the more a sample computes."""
    n = min(samples, max(3, min(16, 20_000 // size)))
    return [i * (samples - 1) // max(1, n - 1) for i in range(n)]


def _parameters(first: Recorded, again: Recorded) -> list[Value]:
    """The leaves that both calls read; a JitError when the calls did not record the same."""
    twins = dict(zip(first.named, again.named))

    def paired(xs: Sequence[Value], ys: Sequence[Value]) -> bool:
        return len(xs) == len(ys) and all(map(is_, map(twins.setdefault, xs, ys), ys))

    same = len(first.made) == len(again.made)
    for v, w in zip(first.made, again.made):
        same = same and v.op is w.op and paired(v.inputs, w.inputs)
        if same and v.op is not None:  # without an op it is a leaf, made inside no_grad
            twins[v] = w
            same = not v.op.constants or v.arguments[1:] == w.arguments[1:]
    same = same and paired(first.outputs, again.outputs) and paired(first.sums, again.sums)
    made = set(first.made)
    leaves = [(x, y) for x, y in twins.items() if x.op is None or x not in made]
    del leaves[: len(first.named)]
    for x, _ in leaves:
        if x.op is not None:
            raise JitError(
                f"the function reads a Value with a history from outside (the result of "
                f"{x.op.name!r}): compute it inside with the library's ops, or detach() it"
            )
    if not same or any(x is not y and repr(x.data) != repr(y.data) for x, y in leaves):
        raise JitError(
            "the function did something else for other numbers: it draws random numbers, or it "
            "uses a number where only Values can be followed (.data, float, detach, an index); "
            "pass what changes as an argument, and select with functional.where"
        )
    return [x for x, y in leaves if x is y]


def _call(f: Any, sample: Sequence[float], shared: Sequence[float]) -> Recorded:
    """What f records: no operation may decide by a number, and nodes are kept as they are made."""
    x, s, made = list(map(Value, sample)), list(map(Value, shared)), []

    def new(own: Callable[[type[Value]], Value], kind: type[Value]) -> Value:
        made.append(own(kind))
        return made[-1]

    with engine.swapped(_new=new, _compare=_refuse):
        outputs, sums = f(x, s)
        try:
            outputs, sums = list(map(engine.as_value, outputs)), list(map(engine.as_value, sums))
        except TypeError as error:
            raise JitError(f"a compiled function must return Values or numbers: {error}") from None
    return Recorded([*x, *s], made, outputs, sums)


def _refuse(own: Callable[..., bool], *values: Any) -> bool:
    raise JitError(
        "a compiled function may not branch on a Value (if, while, and, or, <, bool, max): "
        "use functional.where, maximum or minimum, which work on every sample"
    )


def _write(call: Recorded, inputs: int, parameters: list[Value]) -> Tape:
    """The instructions of a graph: equal ones once, what is constant computed, 1 * x left out."""
    needed = {*call.outputs, *call.sums}
    for v in reversed(call.made):
        if v in needed:
            needed.update(v.inputs)
    slots = {v: i for i, v in enumerate([*call.named, *parameters])}
    writer = _Writer(len(slots))

    def slot(v: Value) -> int:
        return slots[v] if v in slots else writer.constant(v.data)

    for v in call.made:
        if v in needed and v.op is not None:
            args = list(map(slot, v.inputs))
            if v.op.constants:
                args.append(writer.constant(v.arguments[-1]))
            slots[v] = writer.emit(v.op.name, args)
    outputs, sums = [[writer.result(slot(v)) for v in ends] for ends in (call.outputs, call.sums)]
    tape, start = Tape(inputs, writer.start - inputs, writer.numbers), writer.start
    place = [*range(start), *range(tape.first, tape.first + len(writer.known))]
    place += reversed(range(start, tape.first))  # place[-1] is that of the first constant
    for op, reads in writer.known:
        tape.add(op, [place[s] for s in reads])
    tape.outputs, tape.sums = [place[s] for s in outputs], [place[s] for s in sums]
    return tape


class _Writer:
    """Collects instructions; slots of constants are negative until all constants are known."""

    def __init__(self, start: int) -> None:
        self.start = start  # the slot of the first result, but for the constants
        self.constants: dict[str, int] = {}
        self.numbers: list[float] = []
        self.known: dict[tuple[str, tuple[int, ...]], int] = {}  # instructions, in order

    def constant(self, number: float) -> int:
        key = number.hex()  # tells 0.0 from -0.0, and finds nan again
        if key not in self.constants:
            self.numbers.append(number)
            self.constants[key] = -len(self.numbers)
        return self.constants[key]

    def emit(self, op: str, args: list[int]) -> int:
        if op not in FORWARD:
            raise JitError(f"the op {op!r} is not in the op table: use those of micrograd_like.ops")
        if max(args, default=-1) < 0:
            return self.constant(ops.OPS[op].forward(*[self.numbers[-a - 1] for a in args]))
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
            return "mul", [x if k == 2.0 else self.emit("mul", [x, x]), x]
        return "powc", [x, exponent]

    def _instruction(self, op: str, args: Sequence[int]) -> int:
        return self.known.setdefault((op, tuple(args)), self.start + len(self.known))
