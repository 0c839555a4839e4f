"""compiled: what jit returns: a function of arrays, compiled anew for every shape of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from operator import add, attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import assign
from ..tape import Tape, check_nobody_watches
from .arguments import Call
from .native import compiling
from .program import Program

if TYPE_CHECKING:
    from .trainer import Step


class Compiled:
    """What jit returns: called on arrays, it computes f for every sample of the batch.

    Each argument is nested as f expects it, with arrays (or what np.asarray takes) instead of
    numbers, whose first axis counts the samples; a list may also be one array with more axes. The
    result is nested as f's: arrays, with lists of numbers as one array. What is computed is what
    Python computes, for every sample:

    * Parameters, the Values that f reads from outside, are read at every call.
    * ``x.data`` and ``x.detach()`` are numbers without a gradient, which move as x does. Where
      Python's arithmetic of floats raises (1 / 0.0), they give inf or nan, as Values do.
    * A decision by a number of a Value, taking it out of one, writing to one and keeping one are
      JitErrors that say what to write instead; so are random numbers.
    * Plain numbers that f reads from outside (a global, an attribute, an element of a list), and
      what it prints or changes there, cannot be seen: they are those of the first call with
      arguments of such shapes. Pass what changes as an argument, or make it a Value.

    Example:
        >>> from micrograd_like.jit import jit
        >>> double = jit(lambda x: {"twice": 2.0 * x, "pair": [x, x + 1.0]})
        >>> double([1.0, 2.0])["pair"]
        array([[1., 2.],
               [2., 3.]])
    """

    def __init__(self, f: Callable[..., Any], batch: Sequence[bool] | None = None) -> None:
        self.f, self.batch = f, batch
        self._known: dict[Any, Program] = {}

    def __call__(self, *args: Any) -> Any:
        compiled, call = self._for(args, "values")
        outputs, _ = compiled.run(call)
        return _stacked(compiled.rebuild(list(outputs if call.has_axis else outputs[:, 0])))

    def backward(self, *args: Any) -> float:
        """The mean of f over the batch; adds its gradient to the ``grad`` of every parameter.

        Example:
            >>> from micrograd_like import Value
            >>> from micrograd_like.jit import jit
            >>> w = Value(3.0)
            >>> loss = jit(lambda x, y: (w * x - y) ** 2)
            >>> loss.backward([1.0, 2.0], [3.0, 4.0]), w.grad
            (2.0, 4.0)
        """
        compiled, call = self._for(args, "gradients")
        _, sums = compiled.run(call)
        mean, *grads = (sums / call.count).tolist()
        before = map(attrgetter("_grad"), compiled.parameters)
        assign(compiled.parameters, grad=map(add, before, grads))
        return float(mean)

    def trainer(self, optimizer: Any, max_norm: float | None = None) -> Step:
        """A training step of this loss and an optimiser, in one call: see Step.

        Args:
            optimizer: an optimiser of parameters that f reads.
            max_norm: clip the norm of all gradients together to this.

        Example:
            >>> from micrograd_like import Adam, Value
            >>> from micrograd_like.jit import jit
            >>> w = Value(0.0)
            >>> loss = jit(lambda x, y: (w * x - y) ** 2)
            >>> with loss.trainer(Adam([w], lr=0.1)) as step:
            ...     for _ in range(200):
            ...         mean = step([1.0, 2.0], [3.0, 6.0])
            >>> round(w.data, 3)
            3.0
        """
        from .trainer import Step

        return Step(self.f, self.batch, optimizer, max_norm)

    def tape(self, *args: Any, rerolled: bool = True) -> Tape:
        """The instructions for such arguments, after reroll or as traced; print it."""
        compiled, _ = self._for(args, "values")
        return compiled.native.tape if rerolled else compiled.traced

    def llvm(self, *args: Any) -> str:
        """The LLVM code for such arguments, optimised."""
        compiled, _ = self._for(args, "values")
        return compiled.native.llvm()

    def _for(self, args: Sequence[Any], kind: str) -> tuple[Program, Call]:
        check_nobody_watches()
        call = Call(args, self.batch)
        key = (kind, call.signature)
        if key not in self._known:
            with compiling:
                if key not in self._known:  # still: another thread may have been faster
                    # in a context of its own: recorded also inside no_grad
                    self._known[key] = Context().run(Program, self.f, call, kind)
        return self._known[key], call


def _stacked(tree: Any) -> Any:
    """The same nesting, with lists of numbers as one array."""
    if isinstance(tree, dict):
        return {key: _stacked(part) for key, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple([_stacked(part) for part in tree])
    if not isinstance(tree, list):
        return tree
    parts = [_stacked(part) for part in tree]
    same = all(isinstance(p, np.ndarray | np.float64) for p in parts)
    if not same or len({np.shape(p) for p in parts}) > 1:
        return parts
    return np.stack(parts, axis=min(1, np.ndim(parts[0])))
