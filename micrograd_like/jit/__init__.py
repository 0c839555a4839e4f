"""jit: scalar code, compiled to loops over a whole batch.

>>> from micrograd_like import grad
>>> f = jit(lambda x: x[0] ** 2 * x[1].tanh())
>>> f([[1.0, 0.0], [3.0, 0.5]])                    # two samples
array([0.        , 4.15905442])
>>> jit(grad(lambda x: x * x))([1.0, 2.0, 3.0])    # the slope at three points
array([2., 4., 6.])

f is written for one sample, with scalars. The graph that it records becomes a flat list of
instructions (tape/), then LLVM code (plan.py, lower.py, vectormath.py), compiled by native.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from operator import add, attrgetter
from typing import Any

try:
    import llvmlite  # noqa: F401
    import numpy as np
except ImportError as error:
    raise ImportError(f'jit needs {error.name}: pip install "micrograd_like[jit]"') from None

from ..engine import Value, as_value, assign, grad
from ..modes import uncollected
from ..nesting import flatten
from ..tape import JitError, Tape, check_nobody_watches, probes, trace
from .native import Native, compiling
from .vectormath import host_width

__all__ = ["JitError", "jit"]

TOLERANCE = 1e-12  # relative: x**3 is a product on the tape, which rounds otherwise


def jit(f: Callable[..., Any], batch: Sequence[bool] | None = None) -> Compiled:
    """Compiles a function of scalars to one of arrays: see Compiled.

    Args:
        f: takes and returns numbers in any nesting of lists, tuples and dicts, for one sample.
        batch: for each argument whether its arrays have a leading batch axis. Without it, numbers
            have none; arrays have one if it is as long as the longest first axis of all.

    Raises:
        ImportError: numpy or llvmlite is missing.

    Example:
        >>> line = jit(lambda w, x: w[0] * x + w[1])
        >>> line((2.0, 1.0), [1.0, 2.0, 3.0])
        array([3., 5., 7.])

    Source: the shape of jax.jit(jax.vmap(f)).
    """
    return Compiled(f, batch)


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
        >>> double = jit(lambda x: {"twice": 2.0 * x, "pair": [x, x + 1.0]})
        >>> double([1.0, 2.0])["pair"]
        array([[1., 2.],
               [2., 3.]])
    """

    def __init__(self, f: Callable[..., Any], batch: Sequence[bool] | None = None) -> None:
        self.f, self.batch = f, batch
        self._known: dict[Any, _Specialisation] = {}

    def __call__(self, *args: Any) -> Any:
        compiled, call = self._for(args, "values")
        outputs, _ = compiled.run(call)
        return _stacked(compiled.rebuild(list(outputs if call.has_axis else outputs[:, 0])))

    def backward(self, *args: Any) -> float:
        """The mean of f over the batch; adds its gradient to the ``grad`` of every parameter.

        Example:
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

    def tape(self, *args: Any, rerolled: bool = True) -> Tape:
        """The instructions for such arguments, after reroll or as traced; print it."""
        compiled, _ = self._for(args, "values")
        return compiled.native.tape if rerolled else compiled.traced

    def llvm(self, *args: Any) -> str:
        """The LLVM code for such arguments, optimised."""
        compiled, _ = self._for(args, "values")
        return str(compiled.native.module.code)

    def _for(self, args: Sequence[Any], kind: str) -> tuple[_Specialisation, _Call]:
        check_nobody_watches()
        call = _Call(args, self.batch)
        key = (kind, call.signature)
        if key not in self._known:
            with compiling:
                if key not in self._known:  # still: another thread may have been faster
                    # in a context of its own: recorded also inside no_grad
                    self._known[key] = Context().run(_Specialisation, self.f, call, kind)
        return self._known[key], call


class _Call:
    """The arguments of one call, as rows of numbers and as f wants them nested."""

    def __init__(self, args: Sequence[Any], batch: Sequence[bool] | None) -> None:
        trees = [_arrays(arg, f"argument {i}") for i, arg in enumerate(args)]
        if batch is not None and len(batch) != len(args):
            raise ValueError(f"batch names {len(batch)} arguments, the call has {len(args)}")
        self.arrays, self.rebuild = flatten(trees)
        if batch is None:
            longest = max([len(a) for a in self.arrays if a.ndim], default=0)
            batched = [a.ndim > 0 and len(a) == longest for a in self.arrays]
        else:
            parts = [flatten(tree)[0] for tree in trees]
            batched = [a.ndim > 0 and bool(has) for has, part in zip(batch, parts) for a in part]
        counts = {len(a) for a, flag in zip(self.arrays, batched) if flag}
        if len(counts) > 1 or 0 in counts:
            raise ValueError(
                "the arrays with a batch axis must have one length of at least 1, got "
                f"{sorted(counts)}"
            )
        self.has_axis, self.count = bool(counts), max(counts, default=1)
        if not counts:  # numbers only: one sample, and no axis for it in the result
            self.arrays, batched = [a[None] for a in self.arrays], [True for _ in batched]
        # for each array whether it has a batch axis, and its shape for one sample
        self.leaves = [(flag, a.shape[flag:]) for a, flag in zip(self.arrays, batched)]
        alone = self.count < host_width()  # few samples are compiled another way: see lanes.py
        self.signature = (repr(self.rebuild(self.leaves)), alone)

    def rows(self) -> tuple[Any, Any]:
        """What each sample has of its own, a row for each number; and what all share."""
        inputs, shared = [np.empty((0, self.count))], [np.empty(0)]
        for a, (batched, _) in zip(self.arrays, self.leaves):
            if batched:
                inputs.append(a.reshape(self.count, -1).T)
            else:
                shared.append(a.ravel())
        return np.concatenate(inputs), np.concatenate(shared)

    def arguments(self, inputs: Sequence[Any], shared: Sequence[Any]) -> list[Any]:
        """f's arguments for one sample, from numbers or Values in the order of rows()."""
        own, common = iter(inputs), iter(shared)
        nested = [_nested(own if batched else common, shape) for batched, shape in self.leaves]
        return list(self.rebuild(nested))


def _arrays(tree: Any, name: str) -> Any:
    """The argument with an array in place of every number, array or list of equal lists."""
    if isinstance(tree, dict):
        return {key: _arrays(part, f"{name}[{key!r}]") for key, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple([_arrays(part, f"{name}[{i}]") for i, part in enumerate(tree)])
    try:
        array = np.asarray(tree)
        if array.dtype.kind in "biuf":
            return array.astype(np.float64)
    except ValueError:  # a list of parts of different shapes
        array = np.empty(0, object)
    if isinstance(tree, list) and array.dtype == object:
        return [_arrays(part, f"{name}[{i}]") for i, part in enumerate(tree)]
    raise TypeError(f"{name} must be numbers, got {type(tree).__name__} {tree!r:.60}")


def _nested(numbers: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(numbers)
    return [_nested(numbers, shape[1:]) for _ in range(shape[0])]


class _Specialisation:
    """f for arguments of one signature: traced, compiled, compared with Python once."""

    @uncollected()
    def __init__(self, f: Callable[..., Any], call: _Call, kind: str) -> None:
        self.f = f
        inputs, shared = call.rows()
        other = inputs[:, -1] if call.count > 1 else inputs[:, 0] * 1.001 + 1e-3
        first = [inputs[:, 0].tolist(), other.tolist()], shared.tolist()
        self.rebuild: Any = None

        def outputs(x: list[Value], s: list[Value]) -> tuple[list[Any], list[Any]]:
            leaves, self.rebuild = flatten(f(*call.arguments(x, s)))
            return leaves, []

        def gradients(x: list[Value], s: list[Value]) -> tuple[list[Any], list[Any]]:
            ((out,), _) = outputs(x, s)
            return [], [out, *grad(as_value(out), self.parameters, create_graph=True)]

        self.traced, self.parameters = trace(outputs, *first)
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
            self.traced, _ = trace(gradients, *first, self.parameters)
        self.native = Native(self.traced, call.count)

    def run(self, call: _Call) -> tuple[Any, Any]:
        """Outputs and sums for all samples."""
        inputs, shared = call.rows()
        numbers = map(attrgetter("_number"), self.parameters)  # .data, in half the time
        return self.native(inputs, [*shared.tolist(), *numbers])

    def _compare(self, call: _Call, inputs: Any, shared: Any) -> None:
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
