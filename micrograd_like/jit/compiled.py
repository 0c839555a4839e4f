"""compiled: what jit returns: a function of arrays, compiled anew for every shape of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from functools import partial, update_wrapper
from inspect import (
    Signature,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
    signature,
)
from operator import attrgetter
from threading import get_ident
from types import FunctionType, MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy import ndarray

from ..engine import assign, swapped
from ..tape import JitError, Tape, check_nobody_watches
from .arguments import Call, ValuesCame
from .once import Once
from .program import Buffers, Program, is_python

if TYPE_CHECKING:
    from .trainer import Step

SHAPES = 128  # programs that a function keeps
READY = 64  # keys of arguments for which it keeps memory,
ROOM = 2**22  # of at most so many numbers together
QUICK = {ndarray, np.float64, float}  # types of arguments that need not be looked into
NONE: Mapping[str, Any] = MappingProxyType({})


class Known:
    """What a compiled function keeps: programs by shape, and memory by the types of arguments."""

    __slots__ = "instances", "programs", "ready", "signature"  # no part of what holds the function

    def __init__(self) -> None:
        self.instances: dict[int, tuple[ref[Any], Known]] = {}  # of a method
        self.programs = Once[str, Program](SHAPES)
        self.ready: dict[Any, Buffers] = {}
        self.signature: Signature | None = None

    def keep(self, buffers: Buffers, *keys: Any) -> None:
        """For other calls, instead of what came first where that is too much."""
        if buffers.size > ROOM // 8:
            return
        buffers.is_kept = True
        self.ready |= dict.fromkeys(keys, buffers)
        while len(self.ready) > READY or sum([b.size for b in [*self.ready.values()]]) > ROOM:
            for oldest in [*self.ready][:1]:
                self.ready.pop(oldest, None)


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
    * Plain numbers that f reads from outside (a global, an attribute, an element of a list, a
      default), and what it prints or changes there, cannot be seen: they are those of the first
      call with arguments of such shapes. Pass what changes as an argument, or make it a Value.

    It behaves as f does: with keywords, as a method (compiled for each instance), in copies, which
    compile for themselves, and pickled, without machine code. Called with Values, or by a function
    that is being compiled, it is f itself: for one sample, and gradients flow through it.

    Example:
        >>> from micrograd_like.jit import jit
        >>> double = jit(lambda x: {"twice": 2.0 * x, "pair": [x, x + 1.0]})
        >>> double([1.0, 2.0])["pair"]
        array([[1., 2.],
               [2., 3.]])
    """

    def __init__(self, f: Callable[..., Any], batch: Sequence[bool] | None = None) -> None:
        if isinstance(f, Compiled):
            batch, f = f.batch if batch is None else batch, f.f
        _check_is_function(f)
        update_wrapper(self, f, updated=["__dict__"] if isinstance(f, FunctionType) else [])
        self.f: Callable[..., Any] = f
        self.batch: Sequence[bool] | None = batch
        self.known = Known()
        self.classes: tuple[type, ...] = (type,)  # what a method's first argument may be

    def __call__(self, *args: Any, **named: Any) -> Any:
        if is_python():
            return self.f(*args, **named)
        if args and isinstance(args[0], self.classes):  # Model.method(model, x)
            return self.__get__(args[0])(*args[1:], **named)
        try:
            buffers = self._run("values", args, named)
        except ValuesCame:
            return self.f(*args, **named)
        outputs = buffers.outputs.copy() if buffers.is_kept else buffers.outputs
        buffers.is_used = False
        leaves = list(outputs if buffers.has_axis else outputs[:, 0])
        return _stacked(buffers.program.rebuild(leaves))

    def backward(self, *args: Any, **named: Any) -> float:
        """The mean of f over the batch; adds its gradient to the ``grad`` of every parameter.

        Example:
            >>> from micrograd_like import Value
            >>> from micrograd_like.jit import jit
            >>> w = Value(3.0)
            >>> loss = jit(lambda x, y: (w * x - y) ** 2)
            >>> loss.backward([1.0, 2.0], [3.0, 4.0]), w.grad
            (2.0, 4.0)
        """
        buffers = self._run("gradients", args, named)
        mean, grads = buffers.means()
        assign(buffers.program.parameters, grad=grads)
        buffers.is_used = False
        return mean

    def trainer(self, optimizer: Any, max_norm: float | None = None) -> Step:
        """A training step of this loss and an optimiser, in one call of machine code: see Step.

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

        return Step(self.f, self.call, optimizer, max_norm)

    def tape(self, *args: Any, rerolled: bool = True, **named: Any) -> Tape:
        """The instructions for such arguments, after reroll or as traced; print it."""
        program, call = self.program(args, "values", named)
        return program.native("values", call.count).tape if rerolled else program.tape("values")

    def llvm(self, *args: Any, **named: Any) -> str:
        """The LLVM code for such arguments, optimised."""
        program, call = self.program(args, "values", named)
        return program.native("values", call.count).llvm()

    def program(
        self, args: Sequence[Any], kind: str = "values", named: Mapping[str, Any] = NONE
    ) -> tuple[Program, Call]:
        """What computes "values" or "gradients" for such arguments; and these as rows."""
        call = self.call(args, named)
        return self._program(call, kind), call

    def _program(self, call: Call, kind: str) -> Program:
        check_nobody_watches()
        # in a context of its own: recorded also inside no_grad
        make = partial(Context().run, Program, self.f, call)
        program = self.known.programs.get(call.signature, make)
        program.tape(kind)  # or a JitError that says why there are no gradients
        return program

    def call(self, args: Sequence[Any], named: Mapping[str, Any] = NONE) -> Call:
        """Such arguments, as rows."""
        if named:
            args, named = self._by_place(args, named)
        return Call(args, named, self._flags(args, named))

    def _run(self, kind: str, args: Any, named: Any) -> Buffers:
        """Memory with the results in it."""
        if named:
            args, named = self._by_place(args, named)
        values, thread = [*args, *named.values()], get_ident()
        looks = [(x.shape, x.dtype.char) if type(x) is ndarray else type(x) for x in values]
        key = (kind, thread, *named, *looks)
        buffers = self.known.ready.get(key)
        if buffers is None or buffers.is_used:
            call = self.call(args, named)
            own = kind, thread, call.signature, call.count, call.has_axis
            buffers = self.known.ready.get(own)
            if buffers is None or buffers.is_used:
                buffers = Buffers(self._program(call, kind), kind, call)
                self.known.keep(
                    buffers, own, *([key] if QUICK.issuperset(map(type, values)) else [])
                )
            values = call.arrays
        if swapped.in_use:  # by anybody, in any thread
            check_nobody_watches()
        buffers.run(values)
        return buffers

    def _by_place(self, args: Any, named: Any) -> Any:
        """The arguments by position where that can be, by name where not, as they came if wrong."""
        try:
            bound = self._signature().bind(*args, **named)
        except (TypeError, ValueError):  # f will say what is wrong
            return args, named
        return bound.args, bound.kwargs

    def _signature(self) -> Signature:
        """That of f itself: what wraps another may take less."""
        if self.known.signature is None:
            self.known.signature = signature(self.f, follow_wrapped=False)
        return self.known.signature

    def _flags(self, args: Sequence[Any], named: Mapping[str, Any]) -> Sequence[bool] | None:
        """For each argument what batch says of it: in their order, or that of f's parameters."""
        if self.batch is None or (not named and len(self.batch) == len(args)):
            return self.batch
        names = list(self._signature().parameters)
        places = [*range(len(args)), *[names.index(name) for name in named if name in names]]
        known = len(self.batch) == len(names) > max(places, default=-1)
        return [self.batch[i] for i in places] if known else self.batch

    # --- as a method, and in copies ---

    def __set_name__(self, owner: type, name: str) -> None:
        self.classes = (type, owner)

    def __get__(self, instance: Any, owner: Any = None) -> Compiled:
        f: Any = self.f
        bound = f.__get__(instance, owner) if hasattr(f, "__get__") else f
        if bound is f or not isinstance(bound, MethodType):
            return self
        new = object.__new__(type(self))
        vars(new).update(vars(self), f=bound, __wrapped__=bound, classes=(type,))
        new.known = self._known_for(bound.__self__)
        return new

    def _known_for(self, instance: Any) -> Known:
        """What is compiled for an instance, as long as it lives."""
        key, table = id(instance), self.known.instances
        found = table.get(key)
        if found is None or found[0]() is not instance:
            try:
                alive = ref(instance, lambda _: table.pop(key, None))
            except TypeError:
                raise TypeError(
                    f"a compiled method needs weak references to {type(instance).__name__}: add "
                    "'__weakref__' to its __slots__"
                ) from None
            found = table[key] = alive, Known()
        return found[1]

    def __reduce__(self) -> Any:
        name = getattr(self.f, "__qualname__", "")
        try:
            is_global = attrgetter(name)(sys.modules.get(self.f.__module__)) is self
        except AttributeError:
            is_global = False
        return name if is_global else (type(self), (self.f, self.batch))


def _check_is_function(f: Any) -> None:
    if not callable(f):
        hint = ": write @classmethod above @jit" if isinstance(f, classmethod) else ""
        raise TypeError(f"jit expects a function, got {type(f).__name__} {f!r:.60}{hint}")
    later = iscoroutinefunction, isasyncgenfunction, isgeneratorfunction
    if any(is_later(g) for is_later in later for g in (f, getattr(f, "__call__", None))):  # noqa: B004
        raise JitError(
            f"{getattr(f, '__name__', f)} is a generator or an async function, whose body runs "
            "after the call: jit expects a function that returns what it computes"
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
    same = all(isinstance(p, ndarray | np.float64) for p in parts)
    if not same or len({np.shape(p) for p in parts}) > 1:
        return parts
    return np.stack(parts, axis=min(1, np.ndim(parts[0])))
