"""lower: a rerolled Tape -> LLVM functions.

The memory of a block of samples is a table of doubles, ``rows``: one row for each slot that differs
between samples, one column for each sample. Slots that all samples share lie in ``scalars``.
Samples are worked on in strips of ``vectors * width`` columns, which stay in registers:

    for each strip of columns                       a group of 16 rows of dot, add, relu
        for each row t of the group (two at once)
            acc = start
            for j in terms: acc += scalars[w + 3 * t + j] * rows[x + j][strip]
            rows[out + t][strip] = relu(acc + scalars[b + 3 * t])

Groups of equal length whose rows match are one such loop, a "nest", and one LLVM function. Sums
over samples (gradients) are nests too, with the strips innermost and the sum in a register. A
table of slots that is an arithmetic progression, in one or two dimensions, needs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from ..tape.tape import Instruction, Tape
from .plan import Reduction, is_large, make_plan
from .vectormath import COSTLY, DOUBLE, INT, LANES, Called, Vectors

POINTER, INT32 = ir.PointerType(), ir.IntType(32)
FUNCTION = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, INT])
UNROLLED = 6  # a dot product of so few terms needs no loop
REGISTERS = 12  # accumulators that fit beside what they are computed from


class Layout(NamedTuple):
    """width: doubles in a vector; vectors: in a strip; stride: columns in a row."""

    width: int
    vectors: int
    stride: int
    vector_library: bool = True

    @property
    def strip(self) -> int:
        """Columns that are worked on at once."""
        return self.width * self.vectors


def lower(tape: Tape, module: Any, name: str, layout: Layout) -> tuple[Any, Any]:
    """Two functions of (rows, scalars, sums, columns): what samples share, then the rest.

    The first computes shared results into scalars; the second computes a block of ``columns``
    samples and adds to sums.
    """
    varies = np.array(tape.varies())
    places = np.where(varies, np.cumsum(varies), np.cumsum(~varies)) - 1
    plan = make_plan(tape, varies, layout.width == 1)
    program = _Program(tape, module, name, layout, varies, places)
    alone = _Program(tape, module, f"{name}_shared", Layout(1, 1, 1), varies, places)
    return (
        alone.function([alone.nest(*nest) for nest in plan.shared]),
        program.function(
            [program.nest(*nest) for nest in plan.nests]
            + [_Reduction(program, r, plan.direct) for r in plan.reductions]
        ),
    )


# --- tables of slots as arithmetic ---


class _Table:
    """base + i * di + k * dk + j * dj, for row i * n + k and term j, or else a table in memory."""

    def __init__(self, program: _Program, places: Any, n: int) -> None:
        self.n, self.count = n, places.shape[1]
        self.module, self.memory = program.module, None
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
            self.memory = program.constant_table(places.ravel())

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
        entry = b.gep(self.memory, [t], source_etype=INT32)
        return b.zext(b.load(entry, typ=INT32), INT)


class _Place(NamedTuple):
    """The table of a single instruction."""

    place: int

    def at(self, b: Any, i: Any, k: Any) -> Any:
        """The place, known now."""
        return INT(self.place)


def _grid(tables: list[Any], count: int) -> int:
    """The length n of the rows of a grid in which all tables are progressions; or count."""
    for table in tables:
        breaks = np.flatnonzero(np.diff(table, 2))
        if len(breaks):
            n = int(breaks[0]) + 2
            return n if count % n == 0 else count
    return count


def plus(b: Any, x: Any, y: Any) -> Any:
    """x + y, now when both are known."""
    if isinstance(x, ir.Constant) and isinstance(y, ir.Constant):
        return INT(x.constant + y.constant)
    return b.add(x, y)


def times(b: Any, x: Any, n: int) -> Any:
    """x * n, now when x is known."""
    return INT(x.constant * n) if isinstance(x, ir.Constant) else b.mul(x, INT(n))


@contextmanager
def loop(b: Any, stop: Any, step: int = 1) -> Iterator[Any]:
    """Emits ``for i in range(0, stop, step)``; yields i. One round needs no loop."""
    if isinstance(stop, int):
        if stop <= step:
            yield INT(0)
            return
        stop = INT(stop)
    before, body, end = b.block, b.append_basic_block("body"), b.append_basic_block("end")
    b.cbranch(b.icmp_signed("<", INT(0), stop), body, end)
    b.position_at_end(body)
    i = b.phi(INT)
    i.add_incoming(INT(0), before)
    yield i
    after = b.add(i, INT(step))
    i.add_incoming(after, b.block)
    b.cbranch(b.icmp_signed("<", after, stop), body, end)
    b.position_at_end(end)


def accumulate(b: Any, start: list[Any], stop: Any, body: Any) -> list[Any]:
    """Emits ``acc = start; for i in range(stop): acc = body(i, acc)``; returns acc."""
    stop = INT(stop) if isinstance(stop, int) else stop
    before, inner, end = b.block, b.append_basic_block("terms"), b.append_basic_block("sum")
    b.cbranch(b.icmp_signed("<", INT(0), stop), inner, end)
    b.position_at_end(inner)
    i = b.phi(INT)
    i.add_incoming(INT(0), before)
    acc = [b.phi(x.type) for x in start]
    new = body(i, acc)
    after = b.add(i, INT(1))
    last = b.block
    b.cbranch(b.icmp_signed("<", after, stop), inner, end)
    i.add_incoming(after, last)
    for phi, first, value in zip(acc, start, new):
        phi.add_incoming(first, before)
        phi.add_incoming(value, last)
    b.position_at_end(end)
    return [_either(b, first, before, value, last) for first, value in zip(start, new)]


def _either(b: Any, x: Any, from_x: Any, y: Any, from_y: Any) -> Any:
    phi = b.phi(x.type)
    phi.add_incoming(x, from_x)
    phi.add_incoming(y, from_y)
    return phi


def _divisor(n: int, limit: int) -> int:
    """The largest divisor of n up to a limit."""
    return max(d for d in range(1, max(1, limit) + 1) if n % d == 0)


# --- the functions ---


class _Program:
    """What the nests of one tape share."""

    def __init__(
        self, tape: Tape, module: Any, name: str, layout: Layout, varies: Any, places: Any
    ) -> None:
        self.tape, self.module, self.name, self.layout = tape, module, name, layout
        self.varies, self.places = varies, places
        self.large = is_large(tape)

    def nest(self, code: list[Instruction], stored: set[int]) -> Any:
        """The loops for a nest, or straight-line code where there is nothing to loop over."""
        short = all(len(c.args) <= 2 * UNROLLED for c in code)
        straight = self.large and self.layout.width == 1 and code[0].count == 1 and short
        return (_Straight if straight else _Nest)(self, code, stored)

    def function(self, nests: Sequence[Any]) -> Any:
        """A function that calls every nest, each a function of its own."""
        parts = [self._part(f"{self.name}_{i}", nest) for i, nest in enumerate(nests)]
        whole = ir.Function(self.module, FUNCTION, self.name)
        b = ir.IRBuilder(whole.append_basic_block())
        for part in parts:
            b.call(part, whole.args)
        b.ret_void()
        return whole

    def _part(self, name: str, nest: Any) -> Any:
        part = ir.Function(self.module, FUNCTION, name)
        part.linkage = "internal"
        part.attributes.add("noinline")
        for pointer in part.args[:3]:
            pointer.add_attribute("noalias")
        b = ir.IRBuilder(part.append_basic_block())
        nest.emit(b, *part.args)
        b.ret_void()
        return part

    def constant_table(self, numbers: Any) -> Any:
        """A global array of 32-bit integers, given as bytes: its text is short to parse."""
        content = bytearray(numbers.astype(np.int32).tobytes())
        kind = ir.ArrayType(ir.IntType(8), len(content))
        table = ir.GlobalVariable(self.module, kind, self.module.get_unique_name("table"))
        table.global_constant, table.linkage, table.align = True, "internal", 4
        table.initializer = ir.Constant(kind, content)
        return table


class _Nest:
    """A loop over the rows of instructions of equal count, whose results stay in registers."""

    def __init__(self, program: _Program, code: list[Instruction], stored: set[int]) -> None:
        self.program, self.code, self.stored = program, code, stored
        self.layout, self.count = program.layout, code[0].count
        self.inside = {slot: c.start for c in code for slot in c.results}
        self.cache: dict[Any, Any] = {}
        self.table: dict[Any, Any] = {}

    # --- loops ---

    def emit(self, b: Any, rows: Any, scalars: Any, sums: Any, columns: Any) -> None:
        """For each strip, for each row: compute, then store what is read elsewhere."""
        self._open(b, rows, scalars, sums)
        n = _grid(self._tables(), self.count) if self.count > 1 else 1
        m = self.count // n
        folds = any(c.op in ("dot", "sum") and len(c.args) > UNROLLED for c in self.code)
        tile = _divisor(n, REGISTERS // self.layout.vectors) if folds else 1
        self._make_tables(n)
        strip, stride = self.layout.strip, self.layout.stride
        strips = 1 if strip == stride else b.sdiv(b.add(columns, INT(strip - 1)), INT(strip))
        with loop(b, strips) as s:
            self.column = times(b, s, strip)
            with loop(b, m) as i, loop(b, n, tile) as k:
                self.members = [(i, plus(b, k, INT(d))) for d in range(tile)]
                self._rows(range(self.layout.vectors))

    def _open(self, b: Any, rows: Any, scalars: Any, sums: Any) -> None:
        self.b, self.rows, self.scalars, self.sums = b, rows, scalars, sums
        kind = Called if self.program.large or self.layout.width == 1 else Vectors
        self.math: Any = kind(b, self.layout.width, self.layout.vector_library)

    def _tables(self) -> list[Any]:
        places = self.program.places
        return [places[np.asarray(t)] for c in self.code for t in c.args]

    def _make_tables(self, n: int) -> None:
        """Where arguments and results lie; a long dot has one table for w and one for x."""
        places = self.program.places

        def table(slots: Sequence[int]) -> Any:
            if self.count == 1:
                return _Place(int(places[slots[0]]))
            return _Table(self.program, places[np.asarray(slots)][None], n)

        for c in self.code:
            if c.start in self.stored:
                self.table[c.start] = table(c.results)
            fold = self._fold(c)
            for a in range(1 if fold else len(c.args)):
                self.table[c.start, a] = table(c.args[a])
            for f, part in enumerate(fold):
                self.table[c.start, "fold", f] = _Table(self.program, places[part], n)

    def _fold(self, c: Instruction) -> list[Any]:
        """The factors of a long dot (or the terms of a long sum) when a loop can read them."""
        if c.op not in ("dot", "sum") or len(c.args) <= 2 * UNROLLED:
            return []
        step = 2 if c.op == "dot" else 1
        parts = [np.array(c.args[1 + f :: step]) for f in range(step)]
        for part in parts:
            kinds = self.program.varies[part]
            if kinds.any() != kinds.all() or any(np.isin(part, k.results).any() for k in self.code):
                return []
        return parts

    # --- one round of the loops ---

    def _rows(self, vectors: Any) -> dict[int, list[list[Any]]]:
        """The results of every instruction, for each row of the tile, for each vector."""
        done: dict[int, list[list[Any]]] = {}
        self.cache = {}
        for c in self.code:
            done[c.start] = self._instruction(c, done, vectors)
            if c.start in self.stored:
                for (i, k), row in zip(self.members, done[c.start]):
                    place = self.table[c.start].at(self.b, i, k)
                    for v, x in zip(vectors, row):
                        self._store(c, place, v, x)
        return done

    def _instruction(self, c: Instruction, done: Any, vectors: Any) -> list[list[Any]]:
        start = self._argument(c, 0, done, vectors)
        fold = self._fold(c)
        if fold:
            return self._long(c, fold, start, vectors)
        args = [start, *[self._argument(c, a, done, vectors) for a in range(1, len(c.args))]]
        return [
            [self.math.apply(c.op, [arg[r][v] for arg in args]) for v in range(len(vectors))]
            for r in range(len(self.members))
        ]

    def _long(
        self, c: Instruction, fold: list[Any], start: list[list[Any]], vectors: Any
    ) -> list[list[Any]]:
        """A dot product or sum by a loop over its terms, for all rows of the tile at once."""
        b, math, width = self.b, self.math, len(vectors)
        tables = [self.table[c.start, "fold", f] for f in range(len(fold))]
        varies = [self.program.varies[part.flat[0]] for part in fold]

        def body(j: Any, acc: list[Any]) -> list[Any]:
            new = []
            for r, (i, k) in enumerate(self.members):
                factors = [
                    self._load(table.at(b, i, k, j), kind, vectors)
                    for table, kind in zip(tables, varies)
                ]
                for v in range(width):
                    term = reduce(math.mul, [factor[v] for factor in factors])
                    new.append(math.add(acc[r * width + v], term))
            return new

        flat = accumulate(b, [x for row in start for x in row], len(fold[0]), body)
        return [flat[r * width : (r + 1) * width] for r in range(len(self.members))]

    def _argument(self, c: Instruction, a: int, done: Any, vectors: Any) -> Any:
        table = c.args[a]
        slot = int(table[0])
        if self.inside.get(slot) in done:
            return done[self.inside[slot]]
        number = self.program.tape.constant(slot)
        if number is not None and (np.asarray(table) == slot).all():
            return [[self.math.constant(number)] * len(vectors)] * len(self.members)
        if self.count == 1 and slot in self.cache:
            return self.cache[slot]
        places, varies = self.table[c.start, a], self.program.varies[slot]
        found = [self._load(places.at(self.b, i, k), varies, vectors) for i, k in self.members]
        self.cache[slot] = found
        return found

    def _load(self, place: Any, varies: bool, vectors: Any) -> list[Any]:
        b = self.b
        if not varies:
            scalar = b.load(b.gep(self.scalars, [place], source_etype=DOUBLE), typ=DOUBLE)
            return [self.math.splat(scalar)] * len(vectors)
        width = self.layout.width
        return [
            b.load(self._column(place, v), typ=self.math.type, align=8 * width) for v in vectors
        ]

    def _store(self, c: Instruction, place: Any, v: int, x: Any) -> None:
        if self.program.varies[c.start]:
            self.b.store(x, self._column(place, v), align=8 * self.layout.width)
        else:
            self.b.store(x, self.b.gep(self.scalars, [place], source_etype=DOUBLE))

    def _column(self, place: Any, v: int) -> Any:
        b = self.b
        column = plus(b, self.column, INT(v * self.layout.width))
        offset = plus(b, times(b, place, self.layout.stride), column)
        return b.gep(self.rows, [offset], source_etype=DOUBLE)


class _Straight(_Nest):
    """Single instructions, one after the other, for one vector of columns at a time.

        for each vector of columns
            v7 = load rows[7];  v9 = v7 * v8;  v10 = call softplus(v9);  store rows[10] = v10; ...

    Where there are no samples to fill a vector, instructions do it: costly functions of one number
    wait until a vector of equal ones can be computed, or until the result of one is needed.
    """

    def emit(self, b: Any, rows: Any, scalars: Any, sums: Any, columns: Any) -> None:
        """For each vector of columns: the instructions."""
        self._open(b, rows, scalars, sums)
        width = self.layout.width
        vectors = b.sdiv(b.add(columns, INT(width - 1)), INT(width))
        with loop(b, 1 if self.layout.stride == width else vectors) as i:
            self.column = times(b, i, width)
            self.values: dict[int, Any] = {}
            self.inside_op = {c.start: c.op for c in self.code}
            self.waiting: dict[str, list[tuple[Instruction, Any]]] = {}
            for c in _by_stage(self.code):
                self._single(c)
            for op in list(self.waiting):
                self._compute(op)

    def _single(self, c: Instruction) -> None:
        args = [self._value(slot) for (slot,) in c.args]
        if not _waits(c):
            self._keep(c, self.math.apply(c.op, args))
            return
        same = self.waiting.setdefault(c.op, [])
        same.append((c, args[0]))
        if len(same) == LANES:
            self._compute(c.op)

    def _compute(self, op: str) -> None:
        """The instructions of this op that wait."""
        same = self.waiting.pop(op, [])
        for (c, _), x in zip(same, self.math.together(op, [x for _, x in same])):
            self._keep(c, x)

    def _keep(self, c: Instruction, x: Any) -> None:
        self.values[c.start] = x
        if c.start in self.stored:
            self._store(c, INT(int(self.program.places[c.start])), 0, x)

    def _value(self, slot: int) -> Any:
        """What is in a slot: a constant, or computed here, or loaded the first time."""
        if slot not in self.values and slot in self.inside:
            self._compute(self.inside_op[slot])
        if slot not in self.values:
            number = self.program.tape.constant(slot)
            self.values[slot] = (
                self._load(INT(int(self.program.places[slot])), self.program.varies[slot], [0])[0]
                if number is None
                else self.math.constant(number)
            )
        return self.values[slot]


def _waits(c: Instruction) -> bool:
    return c.op in COSTLY and len(c.args) == 1


def _by_stage(code: list[Instruction]) -> list[Instruction]:
    """By the number of waiting instructions before each one, so that those come together."""
    stage: dict[int, int] = {}
    for c in code:
        stage[c.start] = max([stage.get(slot, 0) for (slot,) in c.args]) + _waits(c)
    return sorted(code, key=lambda c: (stage[c.start], not _waits(c)))


class _Reduction(_Nest):
    """sums[where] += the sum over the columns of an instruction's results."""

    def __init__(self, program: _Program, reduction: Reduction, direct: set[int]) -> None:
        code, rows, where = reduction
        self.where = np.asarray(where)
        if code.start not in direct:  # it is stored: read it
            slots = np.asarray(code.results)[list(rows)]
            code = Instruction("stored", -1, (slots.tolist(),), len(rows))
        super().__init__(program, [code], set())

    def emit(self, b: Any, rows: Any, scalars: Any, sums: Any, columns: Any) -> None:
        """For each row: for each vector of columns, add; the last one is masked."""
        self._open(b, rows, scalars, sums)
        n = _grid([*self._tables(), self.where], self.count)
        m = self.count // n
        self._make_tables(n)
        self.where_table = _Table(self.program, self.where[None], n)
        across, along = _divisor(m, 2), _divisor(n, 4)
        outer, inner = ((m, across), (n, along))
        with loop(b, *(inner if n > m else outer)) as p, loop(b, *(outer if n > m else inner)) as q:
            i, k = (q, p) if n > m else (p, q)
            self.members = [
                (plus(b, i, INT(d)), plus(b, k, INT(e)))
                for d in range(across)
                for e in range(along)
            ]
            self._sum(columns)

    def _sum(self, columns: Any) -> None:
        b, width = self.b, self.layout.width
        zero = self.math.constant(0.0)
        full = b.sdiv(columns, INT(width))

        def body(vector: Any, acc: list[Any], mask: Any = None) -> list[Any]:
            self.column = times(b, vector, width)
            (results,) = self._rows(range(1)).values()
            xs = [row[0] if mask is None else b.select(mask, row[0], zero) for row in results]
            return [self.math.add(a, x) for a, x in zip(acc, xs)]

        acc = accumulate(b, [zero] * len(self.members), full, body)
        rest = b.sub(columns, b.mul(full, INT(width)))
        before, masked, end = b.block, b.append_basic_block("masked"), b.append_basic_block("end")
        b.cbranch(b.icmp_signed("<", INT(0), rest), masked, end)
        b.position_at_end(masked)
        more = body(full, acc, self._mask(rest))
        masked = b.block
        b.branch(end)
        b.position_at_end(end)
        totals = [_either(b, x, before, y, masked) for x, y in zip(acc, more)]
        for (i, k), total in zip(self.members, totals):
            at = b.gep(self.sums, [self.where_table.at(b, i, k)], source_etype=DOUBLE)
            b.store(b.fadd(b.load(at, typ=DOUBLE), self.math.horizontal(total)), at)

    def _instruction(self, c: Instruction, done: Any, vectors: Any) -> Any:
        if c.op == "stored":
            return self._argument(c, 0, done, vectors)
        return super()._instruction(c, done, vectors)

    def _mask(self, rest: Any) -> Any:
        """The first lanes of a vector, as many as there are columns left."""
        if self.layout.width == 1:
            return self.b.icmp_signed("<", INT(0), rest)
        lanes = ir.Constant(self.math.int, list(range(self.layout.width)))
        one = self.b.insert_element(ir.Constant(self.math.int, ir.Undefined), rest, INT(0))
        zeros = ir.Constant(ir.VectorType(INT32, self.layout.width), [0] * self.layout.width)
        return self.b.icmp_signed("<", lanes, self.b.shuffle_vector(one, one, zeros))
