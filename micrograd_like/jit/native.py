"""native: a Tape -> machine code, and the buffers that it works on.

``Native`` is a compiled tape: a call computes any number of samples, block by block, and adds up
their gradients. The GIL is released inside.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir

from ..tape.reroll import reroll
from ..tape.tape import Tape
from .lower import POINTER, Layout, loop, lower
from .plan import is_large
from .vectormath import DOUBLE, INT

Array = np.ndarray[Any, np.dtype[np.float64]]

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

    def function(self, name: str, *kinds: Any, returns: Any = None) -> tuple[Any, Any]:
        """A new function: its builder and its arguments."""
        kind = ir.FunctionType(returns or ir.VoidType(), kinds)
        function = ir.Function(self.ir, kind, name)
        return ir.IRBuilder(function.append_basic_block()), function.args

    def table(self, name: str, numbers: Any) -> Any:
        """A constant array of 64-bit integers."""
        kind = ir.ArrayType(INT, len(numbers))
        table = ir.GlobalVariable(self.ir, kind, name)
        table.initializer, table.global_constant = ir.Constant(kind, list(map(int, numbers))), True
        table.linkage = "internal"
        return table

    def compile(self, quickly: bool = False) -> None:
        """Optimises, makes machine code; ``address`` is then known.

        Args:
            quickly: for a large program, whose straight-line code the passes would not improve.
        """
        with _compiling:
            self.code = llvm.parse_assembly(str(self.ir))
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

    def get(self, name: str, *kinds: Any, returns: Any = None) -> Any:
        """A Python function that calls the machine code."""
        return ctypes.CFUNCTYPE(returns, *kinds)(self.engine.get_function_address(name))


_PTR, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


def pointer(array: Any) -> int:
    """The address of an array's first number."""
    return int(array.ctypes.data)


class Native:
    """A compiled tape.

    Args:
        tape: as traced.
        samples: how many will usually be computed at once.
        vector_library: False forces libm for each lane.
        extra: adds functions to the module before it is compiled.
    """

    def __init__(
        self, tape: Tape, samples: int, vector_library: bool = True, extra: Any = None
    ) -> None:
        self.tape = reroll(tape)
        self.layout = layout_for(samples)._replace(vector_library=vector_library)
        self.module = Module()
        _emit_work(self.module, self.tape, self.layout)
        if extra is not None:
            extra(self.module, self.tape)
        self.module.compile(is_large(self.tape))
        self.work = self.module.get("work", _PTR, _INT, _PTR, _INT, *[_PTR] * 4, _INT)
        varies = np.array(self.tape.varies())
        self.n_rows = int(varies.sum())
        self.vary = varies[self.tape.outputs]  # which outputs; where the others are found
        self.where = (np.cumsum(~varies) - 1)[self.tape.outputs][~self.vary]
        self.memory = threading.local()  # rows that were used before need not be cleared

    def new_rows(self) -> Array:
        """Memory for one block."""
        return buffer(self.n_rows, self.layout.stride)

    def new_scalars(self, values: Any) -> Array:
        """Memory for what samples share, with the shared inputs and the constants in it."""
        scalars = np.zeros(max(1, self.tape.size - self.n_rows))
        scalars[: len(values)] = values
        scalars[len(values) : len(values) + len(self.tape.constants)] = self.tape.constants
        return scalars

    def __call__(self, inputs: Array, scalars: Any) -> tuple[Array, Array]:
        """Outputs, a row each with a column for each sample; and the sums over samples.

        Args:
            inputs: one row for each input, one column for each sample.
            scalars: the shared inputs.
        """
        inputs = np.ascontiguousarray(inputs)
        samples = inputs.shape[1]
        outputs, sums = np.empty((len(self.tape.outputs), samples)), np.zeros(len(self.tape.sums))
        if not hasattr(self.memory, "rows"):
            self.memory.rows = self.new_rows()
        order, rows, shared = np.arange(samples), self.memory.rows, self.new_scalars(scalars)
        self.work(
            pointer(inputs), samples, pointer(order), samples, pointer(rows), pointer(shared),
            pointer(sums), pointer(outputs), samples,
        )  # fmt: skip
        if not len(self.where):
            return outputs, sums
        everything = np.empty_like(outputs)
        everything[self.vary] = outputs[: self.vary.sum()]
        everything[~self.vary] = shared[self.where, None]
        return everything, sums


def _emit_work(module: Module, tape: Tape, layout: Layout) -> None:
    """work(data, length, order, samples, rows, scalars, sums, outputs, outputs_length).

    data has a row of ``length`` numbers for each input; order lists the columns to compute. The
    outputs are those that differ between samples.
    """
    shared, kernel = lower(tape, module.ir, "tape", layout)
    varies = np.array(tape.varies())
    shown = (np.cumsum(varies) - 1)[[slot for slot in tape.outputs if varies[slot]]]
    places = module.table("shown", shown)
    b, args = module.function("work", POINTER, INT, POINTER, INT, *[POINTER] * 4, INT)
    data, length, order, samples, rows, scalars, sums, outputs, outputs_length = args
    stride = INT(layout.stride)

    def at(base: Any, row: Any, row_length: Any, column: Any) -> Any:
        return b.gep(base, [b.add(b.mul(row, row_length), column)], source_etype=DOUBLE)

    b.call(shared, [rows, scalars, sums, INT(1)])
    with loop(b, samples, layout.stride) as start:
        left = b.sub(samples, start)
        columns = b.select(b.icmp_signed("<", left, stride), left, stride)
        block = b.gep(order, [start], source_etype=INT)
        with loop(b, INT(tape.inputs)) as row:
            source, target = at(data, row, length, INT(0)), at(rows, row, stride, INT(0))
            with loop(b, columns) as c:
                index = b.load(b.gep(block, [c], source_etype=INT), typ=INT)
                number = b.load(b.gep(source, [index], source_etype=DOUBLE), typ=DOUBLE)
                b.store(number, b.gep(target, [c], source_etype=DOUBLE))
            last = b.load(b.gep(target, [b.sub(columns, INT(1))], source_etype=DOUBLE), typ=DOUBLE)
            with loop(b, b.sub(stride, columns)) as c:  # beyond, the last one again
                b.store(last, b.gep(target, [b.add(columns, c)], source_etype=DOUBLE))
        b.call(kernel, [rows, scalars, sums, columns])
        with loop(b, INT(len(shown))) as i, loop(b, columns) as c:
            entry = b.gep(places, [INT(0), i], source_etype=places.value_type)
            number = b.load(at(rows, b.load(entry, typ=INT), stride, c), typ=DOUBLE)
            b.store(number, at(outputs, i, outputs_length, b.add(start, c)))
    b.ret_void()
