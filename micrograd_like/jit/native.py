"""native: a Tape -> machine code, and the buffers that it works on.

``Native`` is a compiled tape: a call computes any number of samples, block by block, and adds up
their gradients. The GIL is released inside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir

from ..tape.reroll import reroll
from ..tape.tape import Tape
from .loops import at, loop, read
from .lower import Layout, lower
from .plan import is_large
from .signature import INT, Signature

Array = np.ndarray[Any, np.dtype[np.float64]]

WORK = Signature(
    "work", data="doubles", length="int", order="ints", samples="int", rows="doubles",
    scalars="doubles", sums="doubles", outputs="doubles", outputs_length="int",
)  # fmt: skip
BLOCK = 128  # samples that are worked on together: their rows should stay in the cache
_compiling = threading.Lock()


def host_width() -> int:
    """How many doubles a vector register of this machine holds."""
    features = llvm.get_host_cpu_features()
    return 8 if features.get("avx512f") else 4 if features.get("avx") else 2


def layout_for(samples: int) -> Layout:
    """Strips that fit the number of samples with the fewest columns left over."""
    width = host_width()
    if samples < width:
        return Layout(1, samples, samples)
    block = -(-samples // -(-samples // BLOCK))
    strips = [-(-block // (width * v)) * width * v for v in (5, 4, 3)]
    vectors = (5, 4, 3)[strips.index(min(strips))]
    vectors = min(vectors, -(-block // width))
    return Layout(width, vectors, -(-block // (width * vectors)) * width * vectors)


def count_rows(tape: Tape) -> int:
    """How many slots differ between samples."""
    return int(np.count_nonzero(tape.varies()))


def buffer(rows: int, columns: int) -> Array:
    """Zeros whose first address suits every vector load."""
    raw = np.zeros(rows * columns + 8)
    start = -raw.ctypes.data % 64 // 8
    return raw[start : start + rows * columns].reshape(rows, columns)


class Module:
    """LLVM functions on their way to machine code."""

    def __init__(self) -> None:
        with _compiling:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
        self.ir = ir.Module("micrograd_like")
        self.ir.triple = llvm.get_default_triple()

    def table(self, name: str, numbers: Any) -> Any:
        """A constant array of 64-bit integers."""
        kind = ir.ArrayType(INT, len(numbers))
        table = ir.GlobalVariable(self.ir, kind, name)
        table.initializer, table.global_constant = ir.Constant(kind, list(map(int, numbers))), True
        table.linkage = "internal"
        return table

    def compile(self, quickly: bool = False) -> None:
        """Verifies, optimises, makes machine code.

        Args:
            quickly: for a large program, whose straight-line code the passes would not improve.

        Raises:
            RuntimeError: what was emitted is no valid LLVM code; nothing of it runs.
        """
        with _compiling:
            self.code = llvm.parse_assembly(str(self.ir))
            self.code.verify()
            machine = llvm.Target.from_default_triple().create_target_machine(
                cpu=llvm.get_host_cpu_name(),
                features=llvm.get_host_cpu_features().flatten(),
                opt=1 if quickly else 2,
                jit=True,
            )
            options = llvm.create_pipeline_tuning_options(speed_level=1)  # 2: no faster code
            options.loop_vectorization = options.slp_vectorization = False
            options.loop_unrolling = False
            if not quickly:
                passes = llvm.create_pass_builder(machine, options)
                passes.getModulePassManager().run(self.code, passes)
            self.engine = llvm.create_mcjit_compiler(self.code, machine)
            self.engine.finalize_object()

    @property
    def text(self) -> str:
        """The LLVM code, optimised."""
        return str(self.code)

    def get(self, signature: Signature) -> Callable[..., Any]:
        """A Python function that calls the machine code."""
        return signature.bind(self.engine.get_function_address(signature.name), self.engine)


class Native:
    """A compiled tape.

    Args:
        tape: as traced.
        samples: how many will usually be computed at once.
        vector_library: False forces libm for each lane.
        extra: called with this before it is compiled, adds functions to its module; what it
            returns is then ``extra``.
    """

    def __init__(
        self, tape: Tape, samples: int, vector_library: bool = True, extra: Any = None
    ) -> None:
        self.tape = reroll(tape)
        self.layout = layout_for(samples)._replace(vector_library=vector_library)
        self.module = Module()
        _emit_work(self.module, self.tape, self.layout)
        varies = np.array(self.tape.varies())
        self.n_rows = int(varies.sum())
        self.n_scalars = max(1, self.tape.size - self.n_rows)
        self.vary = varies[self.tape.outputs]  # which outputs; where the others are found
        self.where = (np.cumsum(~varies) - 1)[self.tape.outputs][~self.vary]
        self.extra = extra and extra(self)
        self.module.compile(is_large(self.tape))
        self.work = self.module.get(WORK)
        self.memory = threading.local()  # rows that were used before need not be cleared

    def new_rows(self) -> Array:
        """Memory for one block."""
        return buffer(self.n_rows, self.layout.stride)

    def new_scalars(self, values: Any) -> Array:
        """Memory for what samples share, with the shared inputs and the constants in it."""
        scalars = np.zeros(self.n_scalars)
        scalars[: len(values)] = values
        scalars[len(values) : len(values) + len(self.tape.constants)] = self.tape.constants
        return scalars

    def __call__(self, inputs: Array, shared: Any) -> tuple[Array, Array]:
        """Outputs, a row each with a column for each sample; and the sums over samples.

        Args:
            inputs: one row for each input, one column for each sample.
            shared: the inputs that all samples share.
        """
        inputs = np.ascontiguousarray(inputs)
        samples = inputs.shape[1]
        outputs, sums = np.empty((len(self.tape.outputs), samples)), np.zeros(len(self.tape.sums))
        if not hasattr(self.memory, "rows"):
            self.memory.rows = self.new_rows()
        scalars = self.new_scalars(shared)
        self.work(
            data=inputs, length=samples, order=np.arange(samples), samples=samples,
            rows=self.memory.rows, scalars=scalars, sums=sums,
            outputs=outputs, outputs_length=samples,
        )  # fmt: skip
        if not len(self.where):
            return outputs, sums
        everything = np.empty_like(outputs)
        everything[self.vary] = outputs[: self.vary.sum()]
        everything[~self.vary] = scalars[self.where, None]
        return everything, sums


def _emit_work(module: Module, tape: Tape, layout: Layout) -> None:
    """WORK: any number of samples, block by block.

    data has a row of ``length`` numbers for each input; order lists the columns to compute. The
    outputs are those that differ between samples.
    """
    #   call tape_shared(rows, scalars, sums, 1)
    #   each_start:                                       start = 0, stride, 2 * stride, ...
    #       columns = min(samples - start, stride)
    #       each_row:  each_c:                            gather
    #           rows[row][c] = data[row][order[start + c]]
    #       call tape(rows, scalars, sums, columns)
    #       each_out:  each_c:
    #           outputs[out][start + c] = rows[shown[out]][c]
    shared, kernel = lower(tape, module.ir, "tape", layout)
    varies = np.array(tape.varies())
    shown = (np.cumsum(varies) - 1)[[slot for slot in tape.outputs if varies[slot]]]
    places = module.table("shown", shown)
    b, args = WORK.define(module.ir)
    memory = {"rows": args.rows, "scalars": args.scalars, "sums": args.sums}
    stride = INT(layout.stride)
    shared.call(b, **memory, columns=INT(1))
    with loop(b, args.samples, layout.stride, "start") as start:
        left = b.sub(args.samples, start, "left")
        columns = b.select(b.icmp_signed("<", left, stride), left, stride, "columns")
        block = at(b, args.order, start, INT)
        with loop(b, INT(tape.inputs), name="row") as row:
            source = at(b, args.data, b.mul(row, args.length))
            target = at(b, args.rows, b.mul(row, stride))
            with loop(b, columns, name="c") as c:
                sample = read(b, block, c, INT, "sample")
                b.store(read(b, source, sample, name="input"), at(b, target, c))
            last = read(b, target, b.sub(columns, INT(1)), name="last")
            with loop(b, b.sub(stride, columns), name="c") as c:  # beyond, the last one again
                b.store(last, at(b, target, b.add(columns, c)))
        kernel.call(b, **memory, columns=columns)
        with loop(b, INT(len(shown)), name="out") as out, loop(b, columns, name="c") as c:
            source = at(b, args.rows, b.mul(read(b, places, out, INT, "place"), stride))
            target = at(b, args.outputs, b.mul(out, args.outputs_length))
            b.store(read(b, source, c, name="output"), at(b, target, b.add(start, c)))
    b.ret_void()
