"""native: a Tape -> machine code, which runs without the GIL, and the buffers that it works on."""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir

from ..tape import Tape, reroll
from .emit import INT, Signature, at, in_memory, loop, read
from .lower import Layout, lower
from .plan import is_large, placed
from .vectormath import host_width

Array = np.ndarray[Any, np.dtype[np.float64]]

WORK = Signature(
    "work", data="doubles", length="int", order="ints", samples="int", rows="doubles",
    scalars="doubles", sums="doubles", outputs="doubles", outputs_length="int",
)  # fmt: skip
BLOCK = 128  # samples that are worked on together: their rows should stay in the cache
compiling = threading.RLock()  # one at a time; a fork waits, for the child inherits LLVM's state
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=compiling.acquire,
        after_in_parent=compiling.release,
        after_in_child=compiling.release,
    )
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
host_width()  # asked here and not in a call: LLVM's lock, if held, would stay held in a fork


def layout_for(samples: int) -> Layout:
    """Strips that fit the number of samples with the fewest columns left over."""
    width = host_width()
    if samples < width:  # one after the other
        return Layout(1, 1, 1)
    block = -(-samples // -(-samples // BLOCK))
    vectors = min((5, 4, 3), key=lambda v: -(-block // (width * v)) * width * v)
    vectors = min(vectors, -(-block // width))
    return Layout(width, vectors, -(-block // (width * vectors)) * width * vectors)


def buffer(rows: int, columns: int) -> Array:
    """Zeros whose first address suits every vector load."""
    raw = np.zeros(rows * columns + 8)
    start = -raw.ctypes.data % 64 // 8
    return raw[start : start + rows * columns].reshape(rows, columns)


class Module:
    """LLVM functions on their way to machine code."""

    def __init__(self) -> None:
        self.ir = ir.Module("micrograd_like")
        self.ir.triple = llvm.get_default_triple()

    def compile(self, quickly: bool = False) -> None:
        """Verifies, makes machine code; a RuntimeError says that it is no valid LLVM code.

        ``quickly`` is for a large program, whose straight-line code the passes would not improve.
        """
        with compiling:
            self.code = llvm.parse_assembly(str(self.ir))
            self.code.verify()
            cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
            machine = llvm.Target.from_default_triple().create_target_machine(
                cpu, features, opt=1 if quickly else 2, jit=True
            )
            options = llvm.create_pipeline_tuning_options(speed_level=1)  # 2: no faster code
            options.loop_vectorization = options.slp_vectorization = False
            options.loop_unrolling = False
            if not quickly:
                passes = llvm.create_pass_builder(machine, options)
                passes.getModulePassManager().run(self.code, passes)
            self.engine = llvm.create_mcjit_compiler(self.code, machine)
            self.engine.finalize_object()

    def get(self, signature: Signature) -> Callable[..., Any]:
        """A Python function that calls the machine code."""
        return signature.bind(self.address(signature), self.engine)

    def address(self, signature: Signature) -> int:
        """Where the machine code of a function begins, as long as this module lives."""
        return int(self.engine.get_function_address(signature.name))


class Native:
    """A compiled tape: it computes any number of samples, block by block, and adds up gradients.

    Args:
        tape: as traced.
        samples: how many will usually be computed at once.
        vector_library: False forces libm for each lane.
    """

    def __init__(self, tape: Tape, samples: int, vector_library: bool = True) -> None:
        self.layout = layout_for(samples)._replace(vector_library=vector_library)
        self.tape = reroll(tape, alone=self.layout.stride == 1)
        self.module = Module()
        self.n_rows = _emit_work(self.module, self.tape, self.layout)
        self.n_scalars = max(1, self.tape.size - sum(self.tape.varies()))
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
        """Outputs, a row each with a column for each sample, as inputs are; and the sums."""
        inputs = np.ascontiguousarray(inputs)
        samples = inputs.shape[1]
        outputs, sums = np.empty((len(self.tape.outputs), samples)), np.zeros(len(self.tape.sums))
        if not hasattr(self.memory, "rows"):
            self.memory.rows = self.new_rows()
        self.work(
            data=inputs, length=samples, order=np.arange(samples), samples=samples,
            rows=self.memory.rows, scalars=self.new_scalars(shared), sums=sums,
            outputs=outputs, outputs_length=samples,
        )  # fmt: skip
        return outputs, sums


def _emit_work(module: Module, tape: Tape, layout: Layout) -> int:
    """WORK: any number of samples, block by block; returns how many rows of memory it needs.

    data has a row of ``length`` numbers for each input; order lists the columns to compute.
    """
    #   call tape_shared(rows, scalars, sums, 1)
    #   each_alike:  each_c:                              outputs that do not differ get a row, too
    #       rows[first + alike][c] = scalars[common[alike]]
    #   each_start:                                       start = 0, stride, 2 * stride, ...
    #       columns = min(samples - start, stride)
    #       each_row:  each_c:                            gather
    #           rows[row][c] = data[row][order[start + c]]
    #       call tape(rows, scalars, sums, columns)
    #       each_out:  each_c:
    #           outputs[out][start + c] = rows[shown[out]][c]
    shared, kernel = lower(tape, module.ir, "tape", layout)
    varies, places = placed(tape)
    shown, is_common = places[tape.outputs], ~varies[tape.outputs]
    common = shown[is_common]
    n_rows = int(varies.sum()) + len(common)
    shown[is_common] = range(n_rows - len(common), n_rows)
    shown_table, common_table = in_memory(module.ir, shown), in_memory(module.ir, common)
    b, args = WORK.define(module.ir)
    memory = {"rows": args.rows, "scalars": args.scalars, "sums": args.sums}
    stride = INT(layout.stride)
    shared.call(b, **memory, columns=INT(1))
    with loop(b, INT(len(common)), name="alike") as i, loop(b, stride, name="c") as c:
        number = read(b, args.scalars, read(b, common_table, i, INT, "place"), name="scalar")
        target = at(b, args.rows, b.mul(b.add(INT(n_rows - len(common)), i), stride))
        b.store(number, at(b, target, c))
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
            source = at(b, args.rows, b.mul(read(b, shown_table, out, INT, "place"), stride))
            target = at(b, args.outputs, b.mul(out, args.outputs_length))
            b.store(read(b, source, c, name="output"), at(b, target, b.add(start, c)))
    b.ret_void()
    return n_rows
