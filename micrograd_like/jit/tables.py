"""tables: where an instruction reads in each of its rows, as arithmetic where that is possible.

A table that is an arithmetic progression, in one or two dimensions, needs no memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from .loops import plus, read, times
from .signature import INT

INT32 = ir.IntType(32)


class Table:
    """base + i * di + k * dk + j * dj, for row i * n + k and term j, or else a table in memory."""

    def __init__(self, module: Any, places: Any, n: int) -> None:
        self.n, self.count = n, places.shape[1]
        self.memory = None
        p = places.reshape(len(places), -1, n)
        steps = [
            int(np.take(p, 1, axis).flat[0] - p.flat[0]) if p.shape[axis] > 1 else 0
            for axis in range(3)
        ]
        self.base, (self.dj, self.di, self.dk) = int(p.flat[0]), steps
        grid = sum(
            step * np.arange(size).reshape([-1 if a == axis else 1 for a in range(3)])
            for axis, (step, size) in enumerate(zip(steps, p.shape))
        )
        if not np.array_equal(p, self.base + grid):
            self.memory = _in_memory(module, places.ravel())

    def at(self, b: Any, i: Any, k: Any, j: Any = None) -> Any:
        """The place in row i * n + k, term j."""
        if self.memory is None:
            place = INT(self.base)
            for index, step in ((i, self.di), (k, self.dk), (j, self.dj)):
                if index is not None and step:
                    place = plus(b, place, times(b, index, step))
            return place
        t = b.add(b.mul(i, INT(self.n)), k)
        if j is not None:
            t = b.add(t, b.mul(j, INT(self.count)))
        return b.zext(read(b, self.memory, t, INT32, "entry"), INT, "place")


class Place(NamedTuple):
    """The table of a single instruction."""

    place: int

    def at(self, b: Any, i: Any, k: Any) -> Any:
        """The place, known now."""
        return INT(self.place)


def row_length(tables: list[Any], count: int) -> int:
    """The length n of the rows of a grid in which all tables are progressions; or count."""
    for table in tables:
        breaks = np.flatnonzero(np.diff(table, 2))
        if len(breaks):
            n = int(breaks[0]) + 2
            return n if count % n == 0 else count
    return count


def _in_memory(module: Any, numbers: Any) -> Any:
    """A global array of 32-bit integers, given as bytes: its text is short to parse."""
    content = bytearray(numbers.astype(np.int32).tobytes())
    kind = ir.ArrayType(ir.IntType(8), len(content))
    table = ir.GlobalVariable(module, kind, module.get_unique_name("table"))
    table.global_constant, table.linkage, table.align = True, "internal", 4
    table.initializer = ir.Constant(kind, content)
    return table
