"""trace: a function of Values -> the Tape of what it computes.

The function is called on Values and the graph that it records is written down as instructions. A
gradient is more of the same graph, so there is nothing here about differentiation. Leaves of the
graph are the inputs; parameters, which existed before the call; or constants, which it made.
Calls with the numbers of other samples tell the last two apart; and when they do not record the
same, f cannot be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import is_
from typing import Any, NamedTuple

from .. import engine, ops
from ..anomaly import is_anomaly_enabled
from ..engine import Value
from .tape import FORWARD, JitError, Tape, checked

__all__ = ["check_nobody_watches", "probes", "trace"]


@contextmanager
def _recording() -> Iterator[list[Value]]:
    """Inside, operations refuse to decide by a number; yields the nodes, in the order of making."""
    made: list[Value] = []

    def new(own: Callable[[type[Value]], Value], kind: type[Value]) -> Value:
        made.append(own(kind))
        return made[-1]

    with engine.swapped(_new=new, _compare=_refuse):
        yield made


def _refuse(own: Callable[..., bool], *values: Any) -> bool:
    raise JitError(
        "a compiled function may not branch on a Value (if, while, and, or, <, bool, max): "
        "use functional.where, maximum or minimum, which work on every sample"
    )


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
    leaves = leaves[len(first.named) :]
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
    x, s = list(map(Value, sample)), list(map(Value, shared))
    with _recording() as made:
        outputs, sums = f(x, s)
        return Recorded([*x, *s], made, list(map(_as_value, outputs)), list(map(_as_value, sums)))


def _as_value(out: Any) -> Value:
    try:
        return engine.as_value(out)
    except TypeError as error:
        raise JitError(f"a compiled function must return Values or numbers: {error}") from None


def _write(call: Recorded, inputs: int, parameters: list[Value]) -> Tape:
    """The instructions of a graph: equal ones once, what is constant computed, 1 * x left out."""
    needed = {*call.outputs, *call.sums}
    for v in reversed(call.made):
        if v in needed:
            needed.update(v.inputs)
    named = [*call.named, *parameters]
    writer = _Writer(inputs, len(named) - inputs)
    slots = {v: i for i, v in enumerate(named)}

    def slot(v: Value) -> int:
        return slots[v] if v in slots else writer.constant(v.data)

    for v in call.made:
        if v in needed and v.op is not None:
            args = list(map(slot, v.inputs))
            if v.op.constants:
                args.append(writer.constant(v.arguments[-1]))
            slots[v] = writer.emit(v.op.name, args)
    return writer.finish(list(map(slot, call.outputs)), list(map(slot, call.sums)))


class _Writer:
    """Collects instructions; slots of constants are negative until all constants are known."""

    def __init__(self, inputs: int, scalars: int) -> None:
        self.inputs, self.scalars = inputs, scalars
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

    def _power(self, x: int, exponent: int) -> tuple[str, list[int]]:
        """The powers that everybody writes as products: a call of pow costs as much as hundreds."""
        k = self.numbers[-exponent - 1]
        if k == -1.0:
            return "div", [self.constant(1.0), x]
        if k == 1.0:
            return "mul", [self.constant(1.0), x]
        if k in (2.0, 3.0):
            return "mul", [x if k == 2.0 else self.emit("mul", [x, x]), x]
        return "powc", [x, exponent]

    def _instruction(self, op: str, args: Sequence[int]) -> int:
        key = op, tuple(args)
        return self.known.setdefault(key, self.inputs + self.scalars + len(self.known))

    def finish(self, outputs: list[int], sums: list[int]) -> Tape:
        """The tape, with each output the result of an instruction."""
        start = self.inputs + self.scalars

        def result(slot: int) -> int:
            return slot if slot >= start else self._instruction("mul", [slot, self.constant(1.0)])

        outputs, sums = list(map(result, outputs)), list(map(result, sums))
        n, tape = len(self.numbers), Tape(self.inputs, self.scalars, self.numbers)
        place = [*range(start), *range(start + n, start + n + len(self.known))]
        place += reversed(range(start, start + n))  # place[-1] is that of the first constant
        for op, args in self.known:
            tape.add(op, [place[a] for a in args])
        tape.outputs, tape.sums = [place[a] for a in outputs], [place[a] for a in sums]
        return tape
