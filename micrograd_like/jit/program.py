"""program: a function for arguments of one shape: traced, compared with Python, compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from struct import Struct
from typing import Any

import numpy as np

from ..engine import Value, as_value
from ..modes import setting, uncollected
from ..nesting import flatten
from ..tape import JitError, Tape, is_tracing, probes, trace
from .arguments import Call, check_index, name_of
from .lower import Layout
from .native import Native, layout_for
from .once import Once

TOLERANCE = 1e-12  # relative: x**3 is a product on the tape, which rounds otherwise
LAYOUTS = 8  # for each kind a few, see good_for
FEW = 64  # samples whose indices are quicker looked at one by one
LONG = 64  # samples of a block that are enough for any number of them
_comparing: ContextVar[bool] = ContextVar("comparing", default=False)


def is_python() -> bool:
    """Whether this is part of what a compiled function is in Python: traced, or to compare."""
    return _comparing.get() or is_tracing()


class Program:
    """f for arguments of one nesting and shape: traced, compared with Python once, compiled.

    Args:
        f: the function.
        call: its arguments.
        trained: the parameters whose gradients are wanted; without, all that f reads.

    Attributes:
        parameters: those, and then all others that f reads from outside.
        rebuild: nests outputs as f's result.
    """

    @uncollected()
    def __init__(self, f: Callable[..., Any], call: Call, trained: Sequence[Value] = ()) -> None:
        self.trained = trained
        inputs, shared = call.rows()
        other = inputs[:, -1] if call.count > 1 else inputs[:, 0] * 1.001 + 1e-3

        def outputs(x: list[Value], s: list[Value]) -> tuple[list[Any], list[Any]]:
            leaves, self.rebuild = flatten(call.result(f, x, s))
            return leaves, leaves[:1]

        samples = [inputs[:, 0].tolist(), other.tolist()]
        self.traced = trace(outputs, samples, shared.tolist(), trained)
        self.parameters = self.traced.parameters
        self.values = self.traced.tape
        self.values.sums = []  # which only the gradients have
        if not self.values.outputs:
            raise JitError("the function returned nothing to compute: an empty list")
        self.indices, n = self.values.indices(), len(inputs)
        self.tables = []  # what there is, and where indices of it are: of samples, or shared
        for length, own in {(length, slot < n) for slot, length in self.indices.items()}:
            slots = [k for k, of in self.indices.items() if of == length and (k < n) == own]
            where = np.array(sorted(slots)) - (0 if own else n)
            run = slice(where[0], where[-1] + 1)  # most are, and quicker
            even = where[-1] - where[0] + 1 == len(where)
            self.tables.append((frozenset(range(length)), own, run if even else where))
        self.check_indices(inputs, shared, call)
        with setting(_comparing, lambda _: True):
            self._compare(f, call, inputs, shared)
        self.tapes = Once[str, Tape](2)
        self.natives = Once[tuple[str, Layout], Native](LAYOUTS)

    def tape(self, kind: str) -> Tape:
        """As traced: of the "values", or what adds up the first output and its "gradients"."""
        return self.values if kind == "values" else self.tapes.get(kind, self._gradients)

    def native(self, kind: str, samples: int) -> Native:
        """The machine code for so many samples: any that is good for them."""
        for (of, known), native in list(self.natives.made.items()):
            if of == kind and good_for(known, samples):
                return native
        tape = self.tape(kind)

        @uncollected()
        def compiled() -> Native:
            return Native(tape, samples)

        return self.natives.get((kind, layout_for(samples)), compiled)

    def check_indices(self, inputs: Any, shared: Any, call: Any) -> None:
        """Raises an IndexError where a table has no such element: machine code does not look."""
        if call.count <= FEW:
            memory = inputs, shared
            for there, of_samples, slots in self.tables:
                if not there.issuperset(memory[not of_samples][slots].ravel().tolist()):
                    break
            else:
                return
        for slot, length in self.indices.items():
            own = slot < len(inputs)
            numbers = inputs[slot] if own else shared[slot - len(inputs), None]
            check_index(numbers, length, partial(_name, call, slot, own))

    @uncollected()
    def _gradients(self) -> Tape:
        if (n := len(self.values.outputs)) != 1:
            raise JitError(
                f"backward needs a function of one number, this one returns {n}: compile "
                "jit(jacobian(f)) instead"
            )
        if not self.parameters:
            raise JitError(
                "backward found no parameters: the function reads no Values from outside; for "
                "gradients of arguments compile jit(grad(f))"
            )
        tape = self.traced.gradients(self.trained or None)
        tape.outputs = []
        return tape

    def _compare(self, f: Callable[..., Any], call: Call, inputs: Any, shared: Any) -> None:
        """Raises a JitError when the tape is not what Python computes: the net below the trace."""
        scalars = [*shared.tolist(), *[p.data for p in self.parameters]]
        for i in probes(call.count, self.values.size):
            x = inputs[:, i].tolist()
            leaves, _ = flatten(call.result(f, [*map(Value, x)], [*map(Value, shared)]))
            wanted = [as_value(out).data for out in leaves]
            slots = np.array(self.values.slots(x, scalars))
            got = slots[self.values.outputs]
            room = TOLERANCE * np.abs(slots[np.isfinite(slots)]).max(initial=0.0)
            same = len(got) == len(wanted)
            if not (same and np.allclose(got, wanted, TOLERANCE, room, equal_nan=True)):
                raise JitError(
                    f"for sample {i} the tape gives {got.tolist()!r:.80} but Python gives "
                    f"{wanted!r:.80}: the function depends on something else than its arguments "
                    "and parameters, such as the type of a number or how often it was called"
                )


def _name(call: Any, slot: int, own: bool, sample: int) -> str:
    """Of an index among the arguments."""
    of = f" of sample {sample}" if own and call.has_axis else ""
    return name_of(slot, call.names, call.leaves) + of


def good_for(layout: Layout, samples: int) -> bool:
    """Whether code that was compiled for another number of samples is as fast for these.

    So a ragged last batch is not compiled anew, and what comes after a few samples may be many.
    """
    alone = layout_for(samples).stride == 1
    if alone or layout.stride == 1:
        return alone and layout.stride == 1
    return layout.stride >= LONG or samples <= 2 * layout.stride


class Buffers:
    """Memory for calls in one thread with arguments of one shape, where machine code finds all.

    Attributes:
        is_used: by a call that has not returned, or was interrupted.
        is_kept: for another call.
        size: how many numbers it holds.
    """

    is_used = is_kept = False

    def __init__(self, program: Program, kind: str, call: Call) -> None:
        native, tape = program.native(kind, call.count), program.tape(kind)
        self.program, self.count, self.has_axis = program, call.count, call.has_axis
        self.names, self.leaves = call.names, call.leaves
        self.data = data = np.empty((tape.inputs, call.count))
        self.scalars = native.new_scalars([0.0] * tape.scalars)
        self.outputs = np.empty((len(tape.outputs), call.count))
        self.sums = np.zeros(len(tape.sums))
        self.added = self.sums[1:]
        self.places = call.places(data, self.scalars)
        self.size = data.size + self.scalars.size + self.outputs.size
        floats: Any = Struct(f"{len(program.parameters)}d").pack_into
        number = tape.scalars - len(program.parameters)
        self.grads = np.empty(len(program.parameters))
        self.write_parameters = partial(floats, self.scalars, 8 * number)
        self.write_grads = partial(floats, self.grads, 0)
        self.work = native.work.prepared(
            data=data, length=call.count, order=np.arange(call.count), samples=call.count,
            rows=native.rows, scalars=self.scalars, sums=self.sums,
            outputs=self.outputs, outputs_length=call.count,
        )  # fmt: skip

    def run(self, arguments: Sequence[Any]) -> None:
        """Fills outputs and sums; who has read them puts ``is_used`` back."""
        self.is_used = True
        for place, argument in zip(self.places, arguments):
            place[...] = argument
        if self.program.indices:
            self.program.check_indices(self.data, self.scalars, self)
        # p._number is p.data, in half the time
        self.write_parameters(*[p._number for p in self.program.parameters])
        self.sums.fill(0.0)
        self.work()

    def means(self) -> tuple[float, Any]:
        """Of the first output; and what its gradients make of those of the parameters."""
        self.write_grads(*[p._grad for p in self.program.parameters])
        np.divide(self.sums, self.count, self.sums)
        return self.sums.item(0), np.add(self.grads, self.added, self.grads)
