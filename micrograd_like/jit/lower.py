"""lower: a rerolled Tape -> LLVM functions.

The memory of a block of samples is a table of doubles, ``rows``: one row for each slot that differs
between samples, one column for each sample. Slots that all samples share lie in ``scalars``.
Samples are worked on in strips of ``vectors * width`` columns, which stay in registers:

    for each strip of columns                       a group of 16 rows of dot, add, relu
        for each row t of the group (two at once)
            acc = start
            for j in terms: acc += scalars[w + 3 * t + j] * rows[x + j][strip]
            rows[out + t][strip] = relu(acc + scalars[b + 3 * t])

Each nest of the plan is such a loop and one LLVM function (nests.py). Sums over samples (gradients)
are nests too, with the strips innermost and the sum in a register. One sample alone fills no strip:
then the rows of a group are the lanes of the vectors (lanes.py).
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

from ..tape import Instruction, Tape
from .emit import Signature
from .lanes import FEWEST, RowLanes, RowSums
from .nests import UNROLLED, ColumnSums, Nest, Puts, Straight
from .plan import Reduction, is_large, make_plan, placed

KERNEL = Signature("kernel", rows="doubles", scalars="doubles", sums="doubles", columns="int")


class Layout(NamedTuple):
    """width: doubles in a vector; vectors: in a strip; stride: columns in a row."""

    width: int
    vectors: int
    stride: int
    vector_library: bool = True


def lower(tape: Tape, module: Any, name: str, layout: Layout) -> tuple[Signature, Signature]:
    """Two functions, KERNELs: for what all samples share, and then for a block of ``columns``."""
    lowering = _Lowering(tape, module, name, layout)
    alone = _Lowering(tape, module, f"{name}_shared", Layout(1, 1, 1))
    plan = make_plan(tape, lowering.varies, layout.width == 1)
    shared = (alone.nest(*nest) for nest in plan.shared)
    nests = chain(  # one after the other: what was emitted need not be kept
        (lowering.nest(*nest) for nest in plan.nests),
        map(lowering.sums, plan.reductions),
        (Puts(lowering, scatter) for scatter in plan.scatters),
    )
    return alone.function(shared), lowering.function(nests)


class _Lowering:
    """What the nests of one tape share."""

    def __init__(self, tape: Tape, module: Any, name: str, layout: Layout) -> None:
        self.tape, self.module, self.name, self.layout = tape, module, name, layout
        self.varies, self.places = placed(tape)
        self.large = is_large(tape)

    def nest(self, code: list[Instruction], stored: set[int]) -> Any:
        """The loops for a nest, or straight-line code where there is nothing to loop over."""
        if self.layout.stride == 1 and code[0].count >= FEWEST:
            return RowLanes(self, code, stored)
        short = all(len(c.args) <= 2 * UNROLLED for c in code)
        straight = self.large and self.layout.width == 1 and code[0].count == 1 and short
        return (Straight if straight else Nest)(self, code, stored)

    def sums(self, reduction: Reduction) -> Any:
        """What adds up results over the samples, or takes those of the only one."""
        alone = self.layout.stride == 1 and reduction.code.count >= FEWEST
        return (RowSums if alone else ColumnSums)(self, reduction)

    def function(self, nests: Iterable[Any]) -> Signature:
        """A function that calls every nest, each a function of its own."""
        #   call tape_0(rows, scalars, sums, columns);  call tape_1(rows, ...);  ...
        parts = [self._part(f"{self.name}_{i}", nest) for i, nest in enumerate(nests)]
        whole = KERNEL.named(self.name)
        b, args = whole.define(self.module)
        for part in parts:
            part.call(b, **vars(args))
        b.ret_void()
        return whole

    def _part(self, name: str, nest: Any) -> Signature:
        part = KERNEL.named(name)
        b, args = part.define(self.module)
        b.function.linkage = "internal"
        b.function.attributes.add("noinline")
        for memory in (args.rows, args.scalars, args.sums):
            memory.add_attribute("noalias")
        nest.emit(b, args)
        b.ret_void()
        b.function.finish()
        return part
