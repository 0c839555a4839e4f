"""recording: what one call of a function computes, as plain data.

What is computed once and used for every sample, and after every step of a training, may not depend
on a number. So nobody sees one while f runs: ``data`` is a Value again, of the op detach, without a
gradient; and whoever decides by such a Value, or takes its number out, or writes one, is told what
to write instead.

>>> record(lambda x, s: ([x[0] * x[0].data], []), [3.0], []).code
[(Op('detach'), (0,), ''), (Op('mul'), (0, 1), '')]
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import cache
from operator import attrgetter, is_
from typing import Any, NamedTuple
from weakref import ref

from .. import engine, ops
from ..anomaly import is_anomaly_enabled
from ..engine import Value
from ..ops import Op
from .tape import JitError

__all__ = ["check_nobody_watches", "is_tracing"]

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_FILES: set[str] = set()  # of the package
_own_hash = object.__hash__
_number = attrgetter("_number")  # of a Value, also where data is not to be seen


class Recorded(NamedTuple):
    """What one call of the function recorded.

    A place is counted among the inputs and then the results; from the end, it is that of a leaf.
    """

    code: list[tuple[Op, Sequence[int], str]]  # ops, the places they read, and a constant in hex
    outputs: list[int]
    sums: list[int]
    leaves: list[Value | str]  # at the places -1, -2, ...; a number in hex is a constant
    puts: Sequence[tuple[int, int, Sequence[int]]] = ()  # see tape.Put


def number(leaf: Value | str) -> float:
    """What is in a leaf now."""
    return float.fromhex(leaf) if isinstance(leaf, str) else leaf.data


def needed_for(recorded: Recorded, first: int) -> bytearray:
    """For each place 1 where the outputs and the sums need it; ``first`` is that of a result."""
    code, leaves = recorded.code, recorded.leaves
    needed = bytearray(first + len(code) + len(leaves))
    puts = [place for put in recorded.puts for place in put[:2]]
    for place in (*recorded.outputs, *recorded.sums, *puts):
        needed[place] = 1
    for i in range(len(code) - 1, -1, -1):
        if needed[first + i]:
            for place in code[i][1]:
                needed[place] = 1
    return needed


def check_nobody_watches() -> None:
    """Raises a JitError where compiled code would not be seen: while tracing, or for anomalies."""
    if is_anomaly_enabled():
        raise JitError(
            "detect_anomaly() watches Python's operations, and compiled code has none: call the "
            "function itself inside it, or fit with jit=False"
        )
    if is_tracing():
        _refuse(_WRITTEN)


def is_tracing() -> bool:
    """Whether a function is being called in this thread or task to see what it computes."""
    return _current() is not None


# --- what f meets instead of numbers ---

_BRANCH = (
    "a compiled function may not branch on a Value (if, while, and, or, <, ==, in, max, a key): "
    "use functional.where, eq, maximum or minimum, which work on every sample"
)
_TAKEN = (
    "a compiled function may not take the number out of a Value (float, int, round, //, %, math, "
    "an index, text, copy): compute with micrograd_like.functional, select with functional.where "
    "and eq, or pass it as an argument that is a plain number"
)
_WRITTEN = (
    "a compiled function may not write to a Value (.data, .grad, backward, a step): it runs once, "
    "not at every call; return what is to be written, for gradients use grad or jit(f).backward"
)
_GRAD = (
    "a compiled function may not read .grad, which is what the last backward left: use "
    "grad(output, inputs), or pass it as an argument"
)
_HISTORY = (
    "the function reads a Value with a history from outside (the result of {!r}): compute it "
    "inside with the library's ops, or detach() it outside"
)
_KEPT = (
    "the function keeps a Value of its own (an attribute, a list, a cache), which no later call "
    "would change: return it instead"
)


def _refuse(message: str) -> Any:
    """Raises a JitError, which the traced function cannot catch: it is raised again at its end."""
    error, call = JitError(message), _current()
    if call is None:  # such a Value is used when the function has long returned
        raise JitError(_KEPT)
    call.refused.append(error)
    raise error


class _Traced(Value):
    """What f meets while it is traced: a Value whose number nobody can look at."""

    __slots__ = ()

    def _taken(self, *args: Any) -> Any:
        _refuse(_TAKEN)

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = __floor__ = _taken
    __ceil__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = _taken
    __rdivmod__ = __str__ = __format__ = __reduce_ex__ = _taken  # type: ignore[assignment]
    hex = is_integer = as_integer_ratio = _taken

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Value) and sys._getframe(1).f_code.co_filename.startswith(_PACKAGE):
            return self is other
        is_number = hasattr(other, "__float__") or isinstance(other, Value | complex)
        return _refuse(_BRANCH) if is_number else NotImplemented

    def __hash__(self) -> int:
        file = sys._getframe(1).f_code.co_filename
        if file not in _FILES:
            if not file.startswith(_PACKAGE):
                _refuse(_BRANCH)
            _FILES.add(file)  # its graphs need sets, and ask again and again
        return _own_hash(self)

    def __getattr__(self, name: str) -> Any:
        if name in Value.__slots__:  # it has no number any more
            raise JitError(_KEPT)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.op.name if self.op else 'an input'})"

    @property
    def arguments(self) -> tuple[float, ...]:
        own, inputs = super().arguments, self.inputs
        if sys._getframe(1).f_code.co_filename in (_PACKAGE + "engine.py", __file__):
            return own
        return (*[x.data for x in inputs], *own[len(inputs) :])


class _StandIn(_Traced):
    """In the place of a leaf from outside, and equal to it, but with a number of its own."""

    __slots__ = ()
    leaf: Value

    def __eq__(self, other: object) -> bool:
        return other is self or other is self.leaf or super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.leaf)


@cache
def _traced(kind: Any, base: Any = _Traced) -> Any:
    """The class of what f meets in the place of Values of this kind."""
    if issubclass(kind, _Traced):
        return kind
    slots = ("leaf",) if kind.__weakrefoffset__ else ("leaf", "__weakref__")
    new: Any = type(f"Traced{kind.__name__}", (base, kind), {"__slots__": slots})
    new._kind = new if base is _Traced else _traced(kind)
    return new


_READY = {float, int, _traced(Value)}  # the most of what f computes with: as it is

# --- a call of f ---


class _Call:
    """One call of f: the nodes that it makes, and what stands in the place of leaves."""

    def __init__(self, move: Callable[[float], float]) -> None:
        self.move = move  # what becomes of every number
        self.named: list[Value] = []
        self.made: list[Value] = []
        self.leaves: dict[Value, Value] = {}
        self.refused: list[JitError] = []

    def run(self, f: Any, sample: Sequence[float], shared: Sequence[float]) -> Recorded:
        """What f records, as plain data."""
        kind = _traced(Value)
        x, s = [[kind(self.move(number)) for number in part] for part in (sample, shared)]
        self.named = [*x, *s]
        try:
            with engine.swapped(**self.hooks()):
                ends = [list(map(self.result, part)) for part in f(x, s)]
        except Exception as error:
            if self.refused and self.refused[0] is not error:  # f made something else of it
                raise self.refused[0] from error
            if isinstance(error, TypeError) and "Traced" in str(error):
                raise JitError(f"{_TAKEN}: {error}") from error
            raise
        if self.refused:
            raise self.refused[0]
        return self.written(*ends)

    def end(self) -> list[ref[Value]]:
        """All Values of the call, which from now on have no number any more."""
        values = [*self.named, *self.made, *self.leaves.values()]
        for v in values:
            del v._number
        return list(map(ref, values))

    def written(self, outputs: list[Value], sums: list[Value]) -> Recorded:
        """The graph, with a place for each Value."""
        places = {id(v): i for i, v in enumerate([*self.named, *self.made])}
        places |= {id(v): -1 - i for i, v in enumerate(self.leaves.values())}
        numbers: dict[str, int] = {}

        def place(v: Value) -> int:
            if id(v) not in places:
                if not v.is_constant:  # it was made by an earlier call
                    raise JitError(_KEPT)
                number = float(_number(v)).hex()  # tells 0.0 from -0.0, and finds nan again
                places[id(v)] = numbers.setdefault(number, -1 - len(self.leaves) - len(numbers))
            return places[id(v)]

        code: list[tuple[Op, Sequence[int], str]] = []
        for v in self.made:
            reads = tuple([places.get(id(x)) or place(x) for x in v.inputs])
            op: Any = v.op
            code.append((op, reads, v.arguments[-1].hex() if op.constants else ""))
        ends = [list(map(place, part)) for part in (outputs, sums)]
        return Recorded(code, ends[0], ends[1], [*self.leaves, *numbers])

    # --- what stands in the place of the engine's functions ---

    def hooks(self) -> dict[str, Callable[..., Any]]:
        """The engine's functions by name."""
        hooks: dict[str, Any] = {"_new": self.new, "_compare": self.compare, "_get": self.read}
        hooks |= dict.fromkeys(["_unary", "_unary_with", "_binary", "_nary"], self.apply)
        hooks |= {"_set": self.write, "_assigned": self.write}
        return hooks | {"_backward_pass": self.gradients}

    def new(self, own: Callable[[Any], Value], kind: Any) -> Value:
        self.made.append(own(_traced(kind)))
        return self.made[-1]

    def apply(self, own: Callable[..., Any], op: Op, *args: Any) -> Any:
        """An operation; inside no_grad it is recorded too, and no gradient passes."""
        if type(args[0]) is tuple:  # of an op of any number of inputs
            args = (tuple(map(self.stand_in, args[0])),)
        elif not _READY.issuperset(map(type, args)):
            args = tuple(map(self.stand_in, args))
        v = own(op, *args)
        if v is not NotImplemented and v.op is None:
            node = v = Context().run(own, op, *args)
            self.made[-1:] = [node]
            if op is not ops.TAKE:  # which makes no node in Python: what it takes is what it was
                v = Context().run(engine.apply, ops.DETACH, node)
                self.made.append(v)
        return v

    def stand_in(self, x: Any) -> Any:
        """For a leaf from outside what stands in its place; everything else as it is."""
        if isinstance(x, _Traced) or not isinstance(x, Value):
            return x
        if x not in self.leaves:
            if x.op is not None:
                _refuse(_HISTORY.format(x.op.name))
            kind: Any = x._kind
            leaf = _traced(kind, _StandIn)(self.move(_number(x)))
            leaf.leaf, leaf._x_data = x, x._x_data  # the mark of a constant
            self.leaves[x] = leaf
        return self.leaves[x]

    def result(self, x: Any) -> Value:
        try:
            return self.stand_in(engine.as_value(x))  # type: ignore[no-any-return]
        except TypeError as error:
            raise JitError(f"a compiled function must return Values or numbers: {error}") from None

    def read(self, own: Callable[..., Any], v: Any, name: str) -> Any:
        """data, as a Value; nothing else."""
        if not isinstance(v, Value):  # copy and pickle ask for what a Value is made of
            _refuse(_TAKEN)
        if name.endswith("grad"):
            _refuse(_GRAD)
        if isinstance(v, _Traced) and not isinstance(v, _StandIn) and v.is_constant:
            return own(v, name)  # a number of f's own
        return engine.apply(ops.DETACH, v)

    def compare(self, own: Callable[..., bool], relation: Any, v: Value, other: Any) -> bool:
        if relation is is_ and not hasattr(other, "__float__"):
            return own(relation, v, other)
        return bool(_refuse(_BRANCH))

    def write(self, own: Callable[..., Any], *args: Any) -> Any:
        _refuse(_WRITTEN)

    def gradients(self, own: Callable[..., Any], root: Value, gradient: float) -> dict[Value, Any]:
        """What grad returns as numbers: Values without a gradient of their own."""
        nodes = engine.topological_order(root)
        grads = engine.grad(root, nodes, create_graph=True)
        return {v: g.data for v, g in zip(nodes, grads)}


def _current() -> _Call | None:
    """The call that is being traced in this thread or task."""
    hook = engine.swapped.current("_get")
    return hook and hook.__self__  # type: ignore[no-any-return]


def record(
    f: Any,
    sample: Sequence[float],
    shared: Sequence[float],
    move: Callable[[float], float] = lambda x: x,
) -> Recorded:
    """What a call of f records; a JitError when something of it is still there afterwards."""
    call = _Call(move)
    try:
        recorded = call.run(f, sample, shared)
    finally:
        left = call.end()
    del call
    if any(v() is not None for v in left):
        gc.collect()  # it may be in a cycle
        if any(v() is not None for v in left):
            raise JitError(_KEPT)
    return recorded
