"""program: a function for arguments of one shape: traced, compared with Python, compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..engine import Value, as_value
from ..modes import uncollected
from ..nesting import flatten
from ..tape import JitError, probes, trace
from .arguments import Call
from .native import Native

TOLERANCE = 1e-12  # relative: x**3 is a product on the tape, which rounds otherwise


class Program:
    """f for arguments of one signature: traced, compiled, compared with Python once.

    Args:
        f: the function.
        call: its arguments.
        kind: "values", or "gradients" of its one result.
        trained: the parameters that come first, and whose gradients are wanted; else those read.
    """

    @uncollected()
    def __init__(
        self, f: Callable[..., Any], call: Call, kind: str, trained: Sequence[Value] = ()
    ) -> None:
        self.f = f
        inputs, shared = call.rows()
        other = inputs[:, -1] if call.count > 1 else inputs[:, 0] * 1.001 + 1e-3
        first = [inputs[:, 0].tolist(), other.tolist()], shared.tolist()
        self.rebuild: Any = None

        def outputs(x: list[Value], s: list[Value]) -> tuple[list[Any], list[Any]]:
            leaves, self.rebuild = flatten(f(*call.arguments(x, s)))
            return leaves, leaves[:1]

        traced = trace(outputs, *first, trained)
        self.traced, self.parameters = traced.tape, traced.parameters
        self.traced.sums = []  # which only the gradients have
        if not self.traced.outputs:
            raise JitError("the function returned nothing to compute: an empty list")
        self._compare(call, inputs, shared)
        if kind == "gradients":
            if (n := len(self.traced.outputs)) != 1:
                raise JitError(
                    f"backward needs a function of one number, this one returns {n}: compile "
                    "jit(jacobian(f)) instead"
                )
            if not self.parameters:
                raise JitError(
                    "backward found no parameters: the function reads no Values from outside; for "
                    "gradients of arguments compile jit(grad(f))"
                )
            self.traced = traced.gradients(trained or None)
            self.traced.outputs = []
        self.native = Native(self.traced, call.count)

    def run(self, call: Call) -> tuple[Any, Any]:
        """Outputs and sums for all samples."""
        inputs, shared = call.rows()
        numbers = map(attrgetter("_number"), self.parameters)  # .data, in half the time
        return self.native(inputs, [*shared.tolist(), *numbers])

    def _compare(self, call: Call, inputs: Any, shared: Any) -> None:
        """Raises a JitError when the tape is not what Python computes: the net below the trace."""
        scalars = [*shared.tolist(), *[p.data for p in self.parameters]]
        for i in probes(call.count, self.traced.size):
            x = inputs[:, i].tolist()
            leaves, _ = flatten(self.f(*call.arguments(list(map(Value, x)), [*map(Value, shared)])))
            wanted = [as_value(out).data for out in leaves]
            slots = np.array(self.traced.slots(x, scalars))
            got = slots[self.traced.outputs]
            room = TOLERANCE * np.abs(slots[np.isfinite(slots)]).max(initial=0.0)
            same = len(got) == len(wanted)
            if not (same and np.allclose(got, wanted, TOLERANCE, room, equal_nan=True)):
                raise JitError(
                    f"for sample {i} the tape gives {got.tolist()!r:.80} but Python gives "
                    f"{wanted!r:.80}: the function depends on something else than its arguments "
                    "and parameters, such as the type of a number or how often it was called"
                )
