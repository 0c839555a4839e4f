"""lanes: a group of one sample, whose rows are the lanes of the vectors.

One sample fills no vector; but the rows of a group do, where the slots that they read lie side by
side, are the same for all of them, or are put together from single loads:

    for each 8 rows t of 16 (for up to 8 such rows of the grid at once)
        acc = start
        for j in terms: acc += scalars[w + 16 * t + j : 8 loads] * rows[x + j]
        rows[out + t : out + t + 8] = relu(acc)
"""

from itertools import product
from typing import Any

import numpy as np
from llvmlite import ir

from ..tape import Instruction
from .emit import INT, INT32, Table, at, loop, plus, read
from .nests import Nest, divisor, index_of
from .plan import Reduction
from .vectormath import host_width

FEWEST = 4  # rows that are worth a vector
TILE = 8  # accumulators that one vector of a weight, once loaded, is good for


class RowLanes(Nest):
    """A loop over the rows of instructions of equal count, a vector of them at a time."""

    def emit(self, b: Any, args: Any) -> None:
        """For each vector of rows: compute, then store what is read elsewhere."""
        #   each_k:  each_i:                                  k = 0, 8, 16, ..., and last n - 8
        #       scalar = load scalars[w + i * di + k * dk]
        #       row = load <8 x double> rows[x + i * di + k]
        #       ...
        #       store rows[out + i * di + k]
        self._open(b, args)
        n = self._make_tables()
        m, width = self.count // n, self._widen(n)
        across, along = self._tile(m, n)
        with loop(b, n, width * along, "k") as k, loop(b, m, across) as i:
            self._at(_within(b, i, m, across), _within(b, k, n, width * along), across, along)
            self._rows()

    def _row_length(self, *more: Any) -> int:
        n = super()._row_length(*more)
        return n if n >= FEWEST else self.count  # the lanes of a row that is too short: gathered

    def _widen(self, n: int) -> int:
        """As many lanes as the machine has, or as a row of the grid fills."""
        width = min(host_width(), 1 << n.bit_length() - 1)
        self.math = type(self.math)(self.b, width, self.layout.vector_library)
        return width

    def _tile(self, m: int, n: int) -> tuple[int, int]:
        """How many rows of the grid are computed at once, and how many vectors of each."""
        if not any(self.factors.values()):
            return 1, 1
        if m > 1:
            return min(m, TILE), 1
        return 1, divisor(n // self.math.width, TILE) if n % self.math.width == 0 else 1

    def _at(self, i: Any, k: Any, across: int, along: int) -> None:
        b, width = self.b, self.math.width
        grid = product(range(across), range(along))
        self.members = [(plus(b, i, INT(d)), plus(b, k, INT(e * width))) for d, e in grid]

    def _fetch(self, table: Table, varies: bool, i: Any, k: Any, j: Any = None) -> list[Any]:
        b, m, memory = self.b, self.math, self.args.rows if varies else self.args.scalars
        place, step = table.along(b, i, k, j)
        if step == 0:
            return [m.splat(read(b, memory, place, name="scalar"))]
        if step == 1:
            return [b.load(at(b, memory, place), "row", 8, typ=m.type)]
        return [m.vector([read(b, memory, where) for where in _places(b, place, step, m.width)])]

    def _chosen(self, c: Instruction, member: tuple[Any, Any], index: list[Any]) -> list[Any]:
        """One index for all lanes says where they begin; else each lane has its own."""
        (table, varies), (i, k), b = self.choice[c.start], member, self.b
        numbers = self.math.lanes(index[0])
        if self.table[c.start, 0].same_along_k:
            return self._fetch(table, varies, i, k, index_of(b, numbers[0], len(c.args) - 1))
        memory = self.args.rows if varies else self.args.scalars
        indices = [index_of(b, number, len(c.args) - 1) for number in numbers]
        places = [table.at(b, i, plus(b, k, INT(lane)), j) for lane, j in enumerate(indices)]
        return [self.math.vector([read(b, memory, place) for place in places])]

    def _store(self, row: list[Any], place: Any, varies: bool) -> None:
        memory = self.args.rows if varies else self.args.scalars
        self.b.store(row[0], at(self.b, memory, place), align=8)


class RowSums(RowLanes):
    """sums[where] += the results of an instruction: of one sample, nothing is to be added up."""

    def __init__(self, lowering: Any, reduction: Reduction) -> None:
        super().__init__(lowering, [reduction.code], set())
        self.where = np.asarray(reduction.where)

    def emit(self, b: Any, args: Any) -> None:
        """For each vector of rows: add it to the sums."""
        self._open(b, args)
        (code,), where = self.code, self.where
        n = self._make_tables(where)
        m, width = self.count // n, self._widen(n)
        table = Table(self.lowering.module, where[None], n)
        across, along = self._tile(m, n)
        across = divisor(m, across)
        with loop(b, n, width * along, "k") as k, loop(b, m, across) as i:
            first = _within(b, k, n, width * along)
            self._at(i, first, across, along)
            self._rows()
            for member, (x,) in zip(self.members, self.known[code.start]):
                if n % width:  # the last vector has rows that were in the one before
                    lanes = ir.Constant(self.math.int, list(range(width)))
                    new = b.icmp_signed(">=", lanes, self.math.splat(b.sub(k, first)))
                    x = b.select(new, x, self.math.constant(0.0))
                self._add(x, *table.along(b, *member))

    def _add(self, x: Any, place: Any, step: int | None) -> None:
        b, sums = self.b, self.args.sums
        if step == 1:
            target = at(b, sums, place)
            b.store(b.fadd(b.load(target, "old", 8, typ=x.type), x), target, align=8)
            return
        for lane, where in enumerate(_places(b, place, step, self.math.width)):
            old = read(b, sums, where, name="old")
            b.store(b.fadd(old, b.extract_element(x, INT(lane))), at(b, sums, where))


def _within(b: Any, i: Any, stop: int, step: int) -> Any:
    """i; or where the last ``step`` rows begin, of which some were done before."""
    if stop % step == 0:
        return i
    late = b.icmp_signed(">", i, INT(stop - step))
    return b.select(late, INT(stop - step), i, "within")


def _places(b: Any, place: Any, step: int | None, width: int) -> list[Any]:
    """The places of the lanes, from the first one or from a list of them in memory."""
    if step is not None:
        return [plus(b, place, INT(lane * step)) for lane in range(width)]
    entries = [read(b, place, lane, INT32, "entry") for lane in range(width)]
    return [b.zext(entry, INT, "place") for entry in entries]
