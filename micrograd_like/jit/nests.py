"""nests: loops over the rows of groups, for strips of samples; one LLVM function each.

The class of a nest says what is a vector: ``Nest`` and ``ColumnSums`` take neighbouring samples,
``Straight`` none. Of whoever lowers a tape they know its ``tape, module, layout, varies, places``.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from llvmlite import ir

from ..tape import Instruction
from .emit import (
    DOUBLE,
    INT,
    OnePlace,
    Table,
    accumulate,
    at,
    either,
    loop,
    plus,
    read,
    row_length,
    times,
)
from .plan import Reduction, Scatter
from .vectormath import COSTLY, LANES, Called, Vectors

UNROLLED = 6  # a dot product of so few terms needs no loop
REGISTERS = 12  # accumulators that fit beside what they are computed from; of 8 lanes, twice that


def divisor(n: int, limit: int) -> int:
    """The largest divisor of n up to a limit."""
    return max(d for d in range(1, max(1, limit) + 1) if n % d == 0)


def index_of(b: Any, number: Any, n: int) -> Any:
    """An index as an integer; of what is none, which callers refuse, one that does no harm."""
    kinds = ir.FunctionType(INT, [DOUBLE]), ir.FunctionType(INT, [INT, INT])
    whole = b.module.declare_intrinsic("llvm.fptoui.sat", [INT, DOUBLE], kinds[0])
    least = b.module.declare_intrinsic("llvm.umin", [INT], kinds[1])
    return b.call(least, [b.call(whole, [number]), INT(n - 1)], name="index")


class Nest:
    """A loop over the rows of instructions of equal count, whose results stay in registers."""

    def __init__(self, lowering: Any, code: list[Instruction], stored: set[int]) -> None:
        self.lowering, self.code, self.stored = lowering, code, stored
        self.layout, self.count = lowering.layout, code[0].count
        self.inside = {slot: c.start for c in code for slot in c.results}
        self.table: dict[Any, Any] = {}
        self.factors: dict[int, list[tuple[Table, bool]]] = {}  # of a long dot: do they vary?
        self.choice: dict[int, tuple[Table, bool]] = {}  # of a take: its table in memory
        self.vectors, self.members = range(1), [(INT(0), INT(0))]
        self.known: dict[int, Any] = {}  # in this round of the loops, by the first row's slot

    def emit(self, b: Any, args: Any) -> None:
        """For each strip, for each row: compute, then store what is read elsewhere."""
        #   each_strip:  each_i:  each_k:
        #       scalar = load scalars[w + i * di + k * dk]
        #       row = load <4 x double> rows[x + i * di + k * dk][strip * 20]
        #       ...
        #       store rows[out + i * di + k * dk][strip * 20]
        self._open(b, args)
        # straight-line code for one vector at a time is a fifth of the code, and no slower
        one = self.lowering.large and self.count == 1
        self.vectors = range(1 if one else self.layout.vectors)
        n = self._make_tables()
        folds = any(c.op in ("dot", "sum") and len(c.args) > UNROLLED for c in self.code)
        registers = REGISTERS * (2 if self.layout.width == 8 else 1)
        tile = divisor(n, registers // len(self.vectors)) if folds else 1
        strip, stride = self.layout.width * len(self.vectors), self.layout.stride
        strips = 1 if strip == stride else b.sdiv(b.add(args.columns, INT(strip - 1)), INT(strip))
        with loop(b, strips, name="strip") as s:
            self.column = times(b, s, strip)
            with loop(b, self.count // n) as i, loop(b, n, tile, "k") as k:
                self.members = [(i, plus(b, k, INT(d))) for d in range(tile)]
                self._rows()

    def _open(self, b: Any, args: Any) -> None:
        self.b, self.args = b, args
        kind = Called if self.lowering.large or self.layout.width == 1 else Vectors
        self.math: Any = kind(b, self.layout.width, self.layout.vector_library)

    def _row_length(self, *more: Any) -> int:
        """How many rows of the group are read in equal steps; or all."""
        places = self.lowering.places
        read = [places[np.asarray(t)] for c in self.code for t in c.args] if self.count > 1 else []
        return row_length([*read, *more], self.count)

    def _make_tables(self, *more: Any) -> int:
        """Where arguments and results lie, in rows of n; a long dot has a table for w and for x."""
        module, places, varies = self.lowering.module, self.lowering.places, self.lowering.varies
        n = self._row_length(*more)
        for c in self.code:
            fold = self._fold(c)
            self.factors[c.start] = [
                (Table(module, places[part], n), varies[part.flat[0]]) for part in fold
            ]
            if c.op == "take" and (choice := self._in_memory(np.array(c.args[1:]))) is not None:
                self.choice[c.start] = Table(module, places[choice], n), varies[choice.flat[0]]
            if self.count > 1:
                looped = fold or c.start in self.choice
                tables: dict[Any, Sequence[int]] = dict(enumerate(c.args[:1] if looped else c.args))
                tables |= {"out": c.results} if c.start in self.stored else {}
                for a, slots in tables.items():
                    self.table[c.start, a] = Table(module, places[np.asarray(slots)][None], n)
        return n

    def _fold(self, c: Instruction) -> list[Any]:
        """The factors of a long dot (or the terms of a long sum) when a loop can read them."""
        if c.op not in ("dot", "sum") or len(c.args) <= 2 * UNROLLED:
            return []
        step = 2 if c.op == "dot" else 1
        parts = [np.array(c.args[1 + f :: step]) for f in range(step)]
        return [] if any(self._in_memory(part) is None for part in parts) else parts

    def _in_memory(self, part: Any) -> Any:
        """The same slots; None when some of them are not in memory, or not in the same one."""
        kinds = self.lowering.varies[part]
        inside = part.max() >= min(self.inside) and bool(self.inside.keys() & set(part.flat))
        return None if inside or kinds.any() != kinds.all() else part

    # --- one round of the loops: for each row of the tile, for each vector ---

    def _rows(self) -> None:
        self.known = {}
        for c in self.code:
            self._keep(c, self._instruction(c))

    def _instruction(self, c: Instruction) -> list[list[Any]]:
        if self.factors.get(c.start):
            return self._long(c)
        if c.start in self.choice:
            index = self._argument(c, 0)
            return [self._chosen(c, *each) for each in zip(self.members, index)]
        args = [self._argument(c, a) for a in range(len(c.args))]
        return [
            [self.math.apply(c.op, [arg[r][v] for arg in args]) for v in self.vectors]
            for r in range(len(self.members))
        ]

    def _long(self, c: Instruction) -> list[list[Any]]:
        """A dot product or sum by a loop over its terms, for all rows of the tile at once."""
        b, math, width, tables = self.b, self.math, len(self.vectors), self.factors[c.start]

        def body(j: Any, acc: list[Any]) -> list[Any]:
            old, new = iter(acc), []
            for i, k in self.members:
                factors = [self._fetch(table, varies, i, k, j) for table, varies in tables]
                new += [math.add(next(old), reduce(math.mul, term)) for term in zip(*factors)]
            return new

        start = [x for row in self._argument(c, 0) for x in row]
        flat = accumulate(b, start, (len(c.args) - 1) // len(tables), body)
        return [flat[r * width : (r + 1) * width] for r in range(len(self.members))]

    def _chosen(self, c: Instruction, member: tuple[Any, Any], index: list[Any]) -> list[Any]:
        """The vectors of a row of a take: a load for each lane."""
        (table, varies), (i, k), b, m = self.choice[c.start], member, self.b, self.math

        def one(v: int, lane: int, number: Any) -> Any:
            place = table.at(b, i, k, index_of(b, number, len(c.args) - 1))
            if not varies:
                return read(b, self.args.scalars, place, name="chosen")
            return b.load(at(b, self._column(place, v), lane), "chosen", 8, typ=DOUBLE)

        return [
            m.vector([one(v, lane, number) for lane, number in enumerate(m.lanes(x))])
            for v, x in zip(self.vectors, index)
        ]

    def _argument(self, c: Instruction, a: int) -> list[list[Any]]:
        table = c.args[a]
        slot = int(table[0])
        start = self.inside.get(slot, slot)
        if start in self.known:
            return self.known[start]  # type: ignore[no-any-return]
        number = self.lowering.tape.constant(slot)
        if number is not None and (self.count == 1 or (np.asarray(table) == slot).all()):
            found = [[self.math.constant(number)] * len(self.vectors)] * len(self.members)
        else:
            varies, home = self.lowering.varies[slot], self._home(c, a, slot)
            found = [self._fetch(home, varies, i, k) for i, k in self.members]
        if self.count == 1:
            self.known[slot] = found
        return found

    def _home(self, c: Instruction, a: Any, slot: int) -> Any:
        """Where the rows of a table are; of a single instruction's, the slot's place."""
        return self.table[c.start, a] if self.count > 1 else OnePlace(self.lowering.places[slot])

    def _fetch(self, table: Table, varies: bool, i: Any, k: Any, j: Any = None) -> list[Any]:
        """The vectors of a row of a table, or of a term of it."""
        return self._load(table.at(self.b, i, k, j), varies)

    def _load(self, place: Any, varies: bool) -> list[Any]:
        b = self.b
        if not varies:
            number = self.math.splat(read(b, self.args.scalars, place, name="scalar"))
            return [number] * len(self.vectors)
        kind, align = self.math.type, 8 * self.layout.width
        return [b.load(self._column(place, v), "row", align, typ=kind) for v in self.vectors]

    def _keep(self, c: Instruction, results: list[list[Any]]) -> None:
        """Results are known from here on, and in memory if somebody else needs them."""
        self.known[c.start] = results
        if c.start in self.stored:
            home, varies = self._home(c, "out", c.start), self.lowering.varies[c.start]
            for (i, k), row in zip(self.members, results):
                self._store(row, home.at(self.b, i, k), varies)

    def _store(self, row: list[Any], place: Any, varies: bool) -> None:
        for v, x in zip(self.vectors, row):
            if varies:
                self.b.store(x, self._column(place, v), align=8 * self.layout.width)
            else:
                self.b.store(x, at(self.b, self.args.scalars, place))

    def _column(self, place: Any, v: int) -> Any:
        b = self.b
        column = plus(b, self.column, INT(v * self.layout.width))
        return at(b, self.args.rows, plus(b, times(b, place, self.layout.stride), column))


class Straight(Nest):
    """Single instructions, one after the other, for one sample at a time.

    Where there are no samples to fill a vector, instructions do it: costly functions of one number
    wait until a vector of equal ones can be computed, or until the result of one is needed.
    """

    def emit(self, b: Any, args: Any) -> None:
        """For each column: the instructions."""
        #   each_c:
        #       row = load rows[7];  3 = row * scalar;  4 = call softplus(3);  store 4, rows[10]
        self._open(b, args)
        with loop(b, 1 if self.layout.stride == 1 else args.columns, name="c") as self.column:
            self.waiting: dict[str, list[tuple[Instruction, Any]]] = {}
            self.op = {c.start: c.op for c in self.code}
            for c in _by_stage(self.code):
                if not _waits(c):
                    self._keep(c, self._instruction(c))
                    continue
                ((x,),) = self._argument(c, 0)
                same = self.waiting.setdefault(c.op, [])
                same.append((c, x))
                if len(same) == LANES:
                    self._compute(c.op)
            for op in list(self.waiting):
                self._compute(op)

    def _compute(self, op: str) -> None:
        """The instructions of this op that wait."""
        code, xs = zip(*self.waiting.pop(op))
        for c, x in zip(code, self.math.together(op, xs)):
            self._keep(c, [[x]])

    def _argument(self, c: Instruction, a: int) -> list[list[Any]]:
        slot = c.args[a][0]
        if slot not in self.known and slot in self.op:
            self._compute(self.op[slot])
        return self.known.get(slot) or super()._argument(c, a)


def _waits(c: Instruction) -> bool:
    return c.op in COSTLY and len(c.args) == 1


def _by_stage(code: list[Instruction]) -> list[Instruction]:
    """By the number of waiting instructions before each one, so that those come together."""
    stage: dict[int, int] = {}
    for c in code:
        stage[c.start] = max([stage.get(slot, 0) for (slot,) in c.args]) + _waits(c)
    return sorted(code, key=lambda c: (stage[c.start], not _waits(c)))


class ColumnSums(Nest):
    """sums[where] += the sum over the columns of an instruction's results."""

    def __init__(self, lowering: Any, reduction: Reduction) -> None:
        super().__init__(lowering, [reduction.code], set())
        self.where = np.asarray(reduction.where)

    def emit(self, b: Any, args: Any) -> None:
        """For each row: for each vector of columns, add; the last one is masked."""
        self._open(b, args)
        n = self._make_tables(self.where)
        m, width = self.count // n, self.layout.width
        self.where_table = Table(self.lowering.module, self.where[None], n)
        _, di, dk = self.where_table.steps if self.where_table.memory is None else (0, 0, 0)
        #   in rows of the grid that follow each other in the sums as many as a vector has lanes
        self.in_k, self.in_i = dk == 1 and n % width == 0, di == 1 and m % width == 0
        across = divisor(m, width if self.in_i and not self.in_k else 2)
        along = divisor(n, width if self.in_k else 2 if self.in_i else 4)
        outer, inner = (m, across, "i"), (n, along, "k")
        with loop(b, *(inner if n > m else outer)) as p, loop(b, *(outer if n > m else inner)) as q:
            i, k = (q, p) if n > m else (p, q)
            grid = list(product(range(across), range(along)))
            if self.in_i and not self.in_k:
                grid.sort(key=lambda place: place[1])
            self.members = [(plus(b, i, INT(d)), plus(b, k, INT(e))) for d, e in grid]
            self._sum(args.columns)

    def _sum(self, columns: Any) -> None:
        #   each_j:  acc = phi [0, before], [acc + row, each_j]         all full vectors
        #   end_j:   br 0 < rest, masked, add_up
        #   masked:  more = acc + select(0 1 2 3 < rest, row, 0)        the one that is not
        #   add_up:  sum = phi [acc, end_j], [more, masked]
        #            sums[where] += sum[0] + sum[1] + sum[2] + sum[3]
        b, width = self.b, self.layout.width
        zero = self.math.constant(0.0)
        full = b.sdiv(columns, INT(width), "full")

        def body(vector: Any, acc: list[Any], mask: Any = None) -> list[Any]:
            self.column = times(b, vector, width)
            self._rows()
            xs = [row[0] for row in self.known[self.code[0].start]]
            xs = xs if mask is None else [b.select(mask, x, zero) for x in xs]
            return [self.math.add(a, x) for a, x in zip(acc, xs)]

        acc = accumulate(b, [zero] * len(self.members), full, body)
        rest = b.sub(columns, b.mul(full, INT(width)), "rest")
        before, masked, end = b.block, *map(b.append_basic_block, ("masked", "add_up"))
        b.cbranch(b.icmp_signed("<", INT(0), rest), masked, end)
        b.position_at_end(masked)
        lanes = INT(0) if width == 1 else ir.Constant(self.math.int, list(range(width)))
        more = body(full, acc, b.icmp_signed("<", lanes, self.math.splat(rest)))
        masked = b.block
        b.branch(end)
        b.position_at_end(end)
        totals = [either(b, x, before, y, masked) for x, y in zip(acc, more)]
        group = width if self.in_k or self.in_i else 1
        for start in range(0, len(totals), group):
            place = at(b, self.args.sums, self.where_table.at(b, *self.members[start]))
            total = self.math.totals(totals[start : start + group])
            old = b.load(place, "old", 8, typ=total.type)
            b.store(b.fadd(old, total), place, align=8)


class Puts:
    """sums[where[index]] += value, for one column after the other: two may mean the same place."""

    def __init__(self, lowering: Any, scatter: Scatter) -> None:
        self.lowering, self.scatter = lowering, scatter

    def emit(self, b: Any, args: Any) -> None:
        """For each column, for each row: find the place, add."""
        #   each_c:  each_i:  each_k:
        #       index = fptosi rows[index + i * di + k * dk][c]
        #       sums[where[i][k][index]] += rows[value + i * di + k * dk][c]
        lowering, count = self.lowering, len(self.scatter.values)
        slots = [np.array(table) for table in (self.scatter.indices, self.scatter.values)]
        places = [lowering.places[table] for table in slots]
        where = np.array(self.scatter.where).T
        n = row_length([*places, where], count)
        index, value = [
            (Table(lowering.module, rows[None], n), lowering.varies[table[0]])
            for rows, table in zip(places, slots)
        ]
        target = Table(lowering.module, where, n)
        with (
            loop(b, args.columns, name="c") as c,
            loop(b, count // n) as i,
            loop(b, n, name="k") as k,
        ):

            def number(table: Table, varies: bool) -> Any:
                place = table.at(b, i, k)
                if not varies:
                    return read(b, args.scalars, place, name="scalar")
                return read(b, args.rows, plus(b, times(b, place, lowering.layout.stride), c))

            chosen = index_of(b, number(*index), len(where))
            place = at(b, args.sums, target.at(b, i, k, chosen))
            b.store(b.fadd(b.load(place, "old", 8, typ=DOUBLE), number(*value)), place, align=8)
