"""signature: the arguments of a function in machine code, in their order, said once.

>>> TOTAL = Signature("total", returns="double", numbers="doubles", n="int")
>>> module = ir.Module()
>>> b, args = TOTAL.define(module)
>>> args.n
<ir.Argument 'n' of type i64>

Whoever emits the function finds its arguments by name; whoever calls it, in LLVM code or from
Python, gives them by name. A wrong order of pointers would crash; what is missing, unknown or of
another type is a TypeError instead.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

DOUBLE, INT, POINTER = ir.DoubleType(), ir.IntType(64), ir.PointerType()

_Memory = ctypes.c_char * 0  # at the beginning of an array


class Kind(NamedTuple):
    """A type of argument: what LLVM and ctypes call it, and what an array of them holds."""

    ir: Any
    c: Any
    dtype: Any = None


KINDS = {
    "double": Kind(DOUBLE, ctypes.c_double),
    "int": Kind(INT, ctypes.c_int64),
    "doubles": Kind(POINTER, ctypes.c_void_p, np.dtype(np.float64)),
    "ints": Kind(POINTER, ctypes.c_void_p, np.dtype(np.int64)),
}


class Signature:
    """The name of a function and its arguments.

    Args:
        name: of the function in its LLVM module.
        returns: the kind of its result, or None.
        arguments: the kind of each, in this order: "double", "int", "doubles" or "ints"; the last
            two are addresses, for which Python gives arrays that are C-contiguous and writable.
    """

    def __init__(self, name: str, returns: str | None = None, **arguments: str) -> None:
        self.name, self.returns, self.arguments = name, returns, arguments
        self.kinds = {argument: KINDS[kind] for argument, kind in arguments.items()}

    def named(self, name: str) -> Signature:
        """The same arguments for another function."""
        return Signature(name, self.returns, **self.arguments)

    def define(self, module: Any) -> tuple[Any, SimpleNamespace]:
        """A new function in an LLVM module: its builder, and its arguments by name."""
        result = KINDS[self.returns].ir if self.returns else ir.VoidType()
        kind = ir.FunctionType(result, [kind.ir for kind in self.kinds.values()])
        function = ir.Function(module, kind, self.name)
        for argument, name in zip(function.args, self.kinds):
            argument.name = name
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        return builder, SimpleNamespace(**dict(zip(self.kinds, function.args)))

    def call(self, b: Any, **values: Any) -> Any:
        """Emits a call of the function, which is in the builder's module."""
        if values.keys() != self.kinds.keys():
            raise self._names_differ(values)
        for name, kind in self.kinds.items():
            if values[name].type != kind.ir:
                raise self._wrong(name, f"an LLVM value of type {values[name].type}")
        function, result = b.module.globals[self.name], self.name if self.returns else ""
        return b.call(function, [values[name] for name in self.kinds], name=result)

    def bind(self, address: int, owner: Any) -> Callable[..., Any]:
        """The function at an address, called from Python by keyword; it lets go of the GIL.

        Args:
            address: where its machine code is.
            owner: what the code is gone with: it will live as long as the function.
        """
        if not address:
            raise LookupError(f"the machine code has no function {self.name}")
        returns = KINDS[self.returns].c if self.returns else None
        function = ctypes.CFUNCTYPE(returns, *[kind.c for kind in self.kinds.values()])(address)
        function.owner = owner  # type: ignore[attr-defined]
        arrays = [(name, kind.dtype) for name, kind in self.kinds.items()]

        def call(**values: Any) -> Any:
            if values.keys() != self.kinds.keys():
                raise self._names_differ(values)
            given = []
            for name, dtype in arrays:
                value: Any = values[name]
                if dtype is not None:
                    if type(value) is not np.ndarray or value.dtype != dtype:
                        raise self._wrong(name, f"{type(value).__name__} {value!r:.60}")
                    try:  # several times faster than value.ctypes.data
                        memory = _Memory.from_buffer(value)  # type: ignore[arg-type]
                        value = ctypes.addressof(memory)
                    except TypeError as error:
                        raise self._wrong(name, str(error)) from None
                given.append(value)
            try:
                return function(*given)
            except ctypes.ArgumentError as error:  # "argument 2: ..."
                raise TypeError(f"{self.name} takes {', '.join(self.kinds)}; {error}") from None

        return call

    def _names_differ(self, values: dict[str, Any]) -> TypeError:
        differ = ", ".join(sorted(values.keys() ^ self.kinds.keys()))
        return TypeError(f"{self.name} takes {', '.join(self.kinds)}; missing or unknown: {differ}")

    def _wrong(self, name: str, came: str) -> TypeError:
        return TypeError(f"{self.name}: {name} must be {self.arguments[name]}, got {came}")
