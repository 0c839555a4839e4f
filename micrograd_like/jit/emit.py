"""emit: what all emitters of LLVM code share: functions, loops, memory. It knows no tape.

>>> b, args = Signature("total", returns="double", numbers="doubles", n="int").define(ir.Module())
>>> args.n
<ir.Argument 'n' of type i64>

A number that is known while emitting, an ``ir.Constant``, is computed there and then.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, reduce
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir

DOUBLE, INT, INT32, POINTER = ir.DoubleType(), ir.IntType(64), ir.IntType(32), ir.PointerType()

_Memory = ctypes.c_char * 0  # at the beginning of an array

# what LLVM and ctypes call an argument, and what an array of them holds
KINDS: dict[str, tuple[Any, Any, Any]] = {
    "double": (DOUBLE, ctypes.c_double, None),
    "int": (INT, ctypes.c_int64, None),
    "doubles": (POINTER, ctypes.c_void_p, np.dtype(np.float64)),
    "ints": (POINTER, ctypes.c_void_p, np.dtype(np.int64)),
}


class Signature:
    """The name of a function in machine code and its arguments, in their order, said once.

    Whoever emits it finds them by name; whoever calls it, in LLVM code or from Python, gives them
    by name. A wrong order of pointers would crash; what is missing, unknown or of another type is a
    TypeError instead.

    Args:
        name: of the function in its LLVM module.
        returns: the kind of its result, or None.
        arguments: the kind of each: "double", "int", "doubles" or "ints"; the last two are
            addresses, for which Python gives arrays that are C-contiguous and writable.
    """

    def __init__(self, name: str, returns: str | None = None, **arguments: str) -> None:
        self.name, self.returns, self.arguments = name, returns, arguments
        kinds = [KINDS[kind] for kind in arguments.values()]
        self.types, self.c_types, self.dtypes = [[kind[i] for kind in kinds] for i in range(3)]

    def named(self, name: str) -> Signature:
        """The same arguments for another function."""
        return Signature(name, self.returns, **self.arguments)

    def define(self, module: Any) -> tuple[Any, SimpleNamespace]:
        """A new function in an LLVM module: its builder, and its arguments by name."""
        result = KINDS[self.returns][0] if self.returns else ir.VoidType()
        function = Function(module, ir.FunctionType(result, self.types), self.name)
        for argument, name in zip(function.args, self.arguments):
            argument.name = name
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        return builder, SimpleNamespace(**dict(zip(self.arguments, function.args)))

    def call(self, b: Any, **values: Any) -> Any:
        """Emits a call of the function, which is in the builder's module."""
        self._check_names(values)
        for name, kind in zip(self.arguments, self.types):
            if values[name].type != kind:
                raise self._wrong(name, f"an LLVM value of type {values[name].type}")
        function, result = b.module.globals[self.name], self.name if self.returns else ""
        return b.call(function, [values[name] for name in self.arguments], name=result)

    def bind(self, address: int, owner: Any) -> Callable[..., Any]:
        """The function at an address, called by keyword, without the GIL; it keeps its owner.

        ``prepared`` with the same keywords gives a function of no arguments, to be called again and
        again on the same memory.
        """
        if not address:
            raise LookupError(f"the machine code has no function {self.name}")
        returns = KINDS[self.returns][1] if self.returns else None
        function = ctypes.CFUNCTYPE(returns, *self.c_types)(address)
        function.owner = owner  # type: ignore[attr-defined]
        dtypes = list(zip(self.arguments, self.dtypes))

        def given(values: dict[str, Any]) -> list[Any]:
            self._check_names(values)
            return [
                values[name] if dtype is None else self._address(name, values[name], dtype)
                for name, dtype in dtypes
            ]

        def call(**values: Any) -> Any:
            arguments = given(values)
            try:
                return function(*arguments)
            except ctypes.ArgumentError as error:  # "argument 2: ..."
                raise TypeError(f"{self.name} takes {', '.join(self.arguments)}; {error}") from None

        def prepared(**values: Any) -> Callable[[], Any]:
            ready: Any = partial(function, *given(values))
            ready.memory = values  # which must live as long
            return ready  # type: ignore[no-any-return]

        call.prepared = prepared  # type: ignore[attr-defined]
        return call

    def _address(self, name: str, array: Any, dtype: Any) -> int:
        if type(array) is not np.ndarray or array.dtype != dtype:
            raise self._wrong(name, f"{type(array).__name__} {array!r:.60}")
        try:  # several times faster than array.ctypes.data
            return ctypes.addressof(_Memory.from_buffer(array))  # type: ignore[arg-type]
        except TypeError as error:
            raise self._wrong(name, str(error)) from None

    def _check_names(self, values: dict[str, Any]) -> None:
        if values.keys() != self.arguments.keys():
            takes = f"{self.name} takes {', '.join(self.arguments)}"
            differ = ", ".join(sorted(values.keys() ^ self.arguments.keys()))
            raise TypeError(f"{takes}; missing or unknown: {differ}")

    def _wrong(self, name: str, came: str) -> TypeError:
        return TypeError(f"{self.name}: {name} must be {self.arguments[name]}, got {came}")


class Function(ir.Function):  # type: ignore[misc]
    """A function that can be finished: then it is text, which takes a twentieth of the memory."""

    text = ""

    def finish(self) -> None:
        """To be called when nothing is emitted into it any more."""
        self.text = str(self)
        for block in self.blocks:  # no cycle of them stays, for the collector is off
            block.instructions.clear()
            block.terminator = None
        self.blocks.clear()

    @property
    def is_declaration(self) -> bool:
        return not self.text and len(self.blocks) == 0

    def __str__(self) -> str:
        return self.text or str(super().__str__())


# --- memory by index ---


def plus(b: Any, x: Any, y: Any) -> Any:
    """x + y, now when both are known."""
    if isinstance(x, ir.Constant) and isinstance(y, ir.Constant):
        return INT(x.constant + y.constant)
    return b.add(x, y)


def times(b: Any, x: Any, n: int) -> Any:
    """x * n, now when x is known."""
    return INT(x.constant * n) if isinstance(x, ir.Constant) else b.mul(x, INT(n))


def at(b: Any, base: Any, i: Any, kind: Any = DOUBLE) -> Any:
    """The address of base[i]."""
    return b.gep(base, [i if isinstance(i, ir.Value) else INT(i)], source_etype=kind)


def read(b: Any, base: Any, i: Any, kind: Any = DOUBLE, name: str = "") -> Any:
    """The number base[i]."""
    return b.load(at(b, base, i, kind), typ=kind, name=name)


def copy_numbers(b: Any, target: Any, source: Any, n: int) -> None:
    """Emits a copy of n doubles."""
    memcpy = b.module.declare_intrinsic("llvm.memcpy", [POINTER, POINTER, INT])
    b.call(memcpy, [target, source, INT(8 * n), ir.IntType(1)(0)])


def in_memory(module: Any, numbers: Any) -> Any:
    """A global array, given as bytes: its text is short to parse."""
    content = bytearray(numbers.tobytes())
    kind = ir.ArrayType(ir.IntType(8), len(content))
    table = ir.GlobalVariable(module, kind, module.get_unique_name("table"))
    table.global_constant, table.linkage, table.align = True, "internal", numbers.itemsize
    table.initializer = ir.Constant(kind, content)
    return table


class Table:
    """The places of rows i * n + k and terms j.

    It is base + i * di + k * dk + j * dj; or k * dk + a base from memory; or all from there.
    """

    def __init__(self, module: Any, places: Any, n: int) -> None:
        self.n, self.count, self.memory = n, places.shape[1], None
        self.base, self.steps = int(places.flat[0]), [0, 0, 0]
        p = places.reshape(len(places), -1, n)
        for axis in range(3):
            if p.shape[axis] > 1:
                self.steps[axis] = int(np.take(p, 1, axis).flat[0] - self.base)
        dj, di, dk = np.indices(p.shape, sparse=True)
        along = self.steps[2] * dk
        if not np.array_equal(p, self.base + self.steps[0] * dj + self.steps[1] * di + along):
            self.even = np.array_equal(p, p[:, :, :1] + along)  # each row of the grid
            stored = p[:, :, :1] if self.even else p
            self.memory = in_memory(module, stored.astype(np.int32))

    @property
    def same_along_k(self) -> bool:
        """Whether the place does not depend on k."""
        return self.steps[2] == 0 and (self.memory is None or self.even)

    def at(self, b: Any, i: Any, k: Any, j: Any = None) -> Any:
        """The place in row i * n + k, term j."""
        dj, di, dk = self.steps
        if self.memory is None:
            return _sum(b, INT(self.base), (i, di), (k, dk), (j, dj))
        place = b.zext(read(b, self._entry(b, i, k, j), 0, INT32, "entry"), INT, "place")
        return _sum(b, place, (k, dk)) if self.even else place

    def along(self, b: Any, i: Any, k: Any, j: Any = None) -> tuple[Any, int | None]:
        """The place in row i * n + k, and how far that of the next is; or where both are, None."""
        if self.memory is None or self.even:
            return self.at(b, i, k, j), self.steps[2]
        return self._entry(b, i, k, j), None

    def _entry(self, b: Any, i: Any, k: Any, j: Any) -> Any:
        row = i if self.even else b.add(b.mul(i, INT(self.n)), k)
        rows = self.count // self.n if self.even else self.count
        return at(b, self.memory, row if j is None else b.add(row, b.mul(j, INT(rows))), INT32)


class OnePlace:
    """As a Table of one row and one term."""

    def __init__(self, place: Any) -> None:
        self.place = INT(int(place))

    def at(self, *_: Any) -> Any:
        """The place."""
        return self.place


def _sum(b: Any, start: Any, *terms: tuple[Any, int]) -> Any:
    """start + index * step + ..., without the steps that are 0."""
    return reduce(lambda x, term: plus(b, x, times(b, *term)), [t for t in terms if t[1]], start)


def row_length(tables: list[Any], count: int) -> int:
    """The length n of the rows of a grid in which all tables are progressions; or count."""
    for table in tables:
        breaks = np.flatnonzero(np.diff(table, 2))
        if len(breaks):
            n = int(breaks[0]) + 2
            return n if count % n == 0 else count
    return count


# --- loops ---


@contextmanager
def loop(b: Any, stop: Any, step: int = 1, name: str = "i") -> Iterator[Any]:
    """Emits ``for i in range(0, stop, step)``; yields i. One round needs no loop."""
    if isinstance(stop, int):
        if stop <= step:
            yield INT(0)
            return
        stop = INT(stop)
    #   before:  br 0 < stop, each_i, end_i
    #   each_i:  i = phi [0, before], [i_next, ...]
    #            ...
    #            i_next = i + step
    #            br i_next < stop, each_i, end_i
    before = b.block
    body, end = b.append_basic_block(f"each_{name}"), b.append_basic_block(f"end_{name}")
    b.cbranch(b.icmp_signed("<", INT(0), stop), body, end)
    b.position_at_end(body)
    i = b.phi(INT, name)
    i.add_incoming(INT(0), before)
    yield i
    after = b.add(i, INT(step), f"{name}_next")
    i.add_incoming(after, b.block)
    b.cbranch(b.icmp_signed("<", after, stop), body, end)
    b.position_at_end(end)


def accumulate(b: Any, start: list[Any], stop: Any, body: Any) -> list[Any]:
    """Emits ``acc = start; for j in range(stop): acc = body(j, acc)``; returns acc."""
    #   each_j:  acc = phi [start, before], [new, ...]
    #            new = ...
    #   end_j:   sum = phi [start, before], [new, ...]
    before = b.block
    with loop(b, INT(stop) if isinstance(stop, int) else stop, name="j") as j:
        acc = [b.phi(x.type, "acc") for x in start]
        new, last = body(j, acc), b.block
        for phi, first, value in zip(acc, start, new):
            phi.add_incoming(first, before)
            phi.add_incoming(value, last)
    return [either(b, first, before, value, last) for first, value in zip(start, new)]


def either(b: Any, x: Any, from_x: Any, y: Any, from_y: Any) -> Any:
    """x or y, by the block that control came from."""
    phi = b.phi(x.type, "sum")
    phi.add_incoming(x, from_x)
    phi.add_incoming(y, from_y)
    return phi
