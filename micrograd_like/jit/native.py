"""native: a Tape -> machine code, which runs without the GIL, and the buffers that it works on.

Machine code (``Code``) belongs to the shape of a tape and is made once for each (cache.py); what
one user of it needs, numbers and memory, is a ``Native``.
"""

import json
import pickle
import threading
import weakref
from array import array
from collections.abc import Callable
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import llvmlite
import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir

from ..tape import JitError, Tape, reroll
from . import cache
from .emit import INT, Signature, at, in_memory, loop, read
from .lower import Layout, lower
from .once import lock
from .plan import is_large, placed
from .vectormath import address, host_width

Array = np.ndarray[Any, np.dtype[np.float64]]

WORK = Signature(
    "work", data="doubles", length="int", order="ints", samples="int", rows="doubles",
    scalars="doubles", sums="doubles", outputs="doubles", outputs_length="int",
)  # fmt: skip
BLOCK = 128  # samples that are worked on together: their rows should stay in the cache
compiling = lock()  # one at a time; a fork waits, for the child inherits LLVM's state
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
# asked here and not in a call: LLVM's lock, if held, would stay held in a fork
CPU, FEATURES = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
TRIPLE = llvm.get_default_triple()
host_width()
RECENT = cache.Recent(64)


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


# --- machine code ---


class Module:
    """LLVM functions on their way to machine code."""

    def __init__(self) -> None:
        self.ir = ir.Module("micrograd_like")
        self.ir.triple = TRIPLE

    def compile(self, quickly: bool = False, **facts: Any) -> bytes:
        """Verifies, makes machine code; a RuntimeError says that it is no valid LLVM code.

        Args:
            quickly: for a large program, whose straight-line code the passes would not improve.
            facts: what a user of the machine code has to know of it, as JSON.
        """
        functions = [f.name for f in self.ir.functions if f.is_declaration]
        facts["calls"] = [name for name in functions if not name.startswith("llvm.")]
        code: bytes = self._optimised(quickly, lambda machine, code: machine.emit_object(code))
        return json.dumps(facts).encode() + b"\n" + code

    def text(self, quickly: bool = False) -> str:
        """The LLVM code of which compile makes machine code."""
        return str(self._optimised(quickly, lambda machine, code: str(code)))

    def _optimised(self, quickly: bool, result: Callable[[Any, Any], Any]) -> Any:
        # A context of its own: what LLVM keeps for constants and types goes with it.
        with (
            compiling,
            llvm.create_context() as context,
            llvm.parse_assembly(str(self.ir), context) as code,
            _machine(1 if quickly else 2) as machine,
        ):
            code.verify()
            if not quickly:
                _improve(code, machine)
            return result(machine, code)


def _machine(level: int = 0) -> Any:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(CPU, FEATURES, opt=level, jit=True)


def _improve(code: Any, machine: Any) -> None:
    """Runs LLVM's passes."""
    with llvm.create_pipeline_tuning_options(speed_level=1) as options:  # 2: no faster code
        options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
        with llvm.create_pass_builder(machine, options) as builder:
            passes = builder.getModulePassManager()
            passes.run(code, builder)
            llvm.NewPassManager._dispose(passes)  # its own close() frees nothing (llvmlite 0.50)
            passes.detach()


class Code:
    """Machine code that may run in this process, until nobody holds it or one of its functions.

    Raises:
        LookupError: it calls a function that this platform's math library has not.
    """

    def __init__(self, compiled: bytes) -> None:
        head, code = compiled.split(b"\n", 1)
        self.facts = json.loads(head)
        self.addresses: dict[str, int] = {}  # of its functions: a step asks for them
        calls = {name: address(name) for name in self.facts["calls"]}
        if missing := [name for name, found in calls.items() if not found]:
            raise LookupError(f"no function {missing[0]} in this platform's math library")
        with compiling:
            for name, found in calls.items():
                llvm.add_symbol(name, found)
            self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
            with llvm.ObjectFileRef.from_data(code) as file:
                self.engine.add_object_file(file)
            self.engine.finalize_object()
        weakref.finalize(self, _free, self.engine).atexit = False

    def get(self, signature: Signature) -> Callable[..., Any]:
        """A Python function that calls the machine code."""
        return signature.bind(self.address(signature), self)

    def address(self, signature: Signature) -> int:
        """Where the function is, as long as somebody holds this."""
        if signature.name not in self.addresses:
            with compiling:
                place = int(self.engine.get_function_address(signature.name))
            self.addresses[signature.name] = place
        return self.addresses[signature.name]


def _free(engine: Any) -> None:
    with compiling:
        engine.close()


def shape_of(tape: Tape) -> bytes:
    """All of a tape: what is equal has the same machine code."""
    ops, starts, args, counts = zip(*tape.code) if tape.code else [()] * 4
    heads = array("q", chain(starts, counts, map(len, args)))
    slots = array("q", chain.from_iterable(chain.from_iterable(args)))
    rest = {name: x for name, x in vars(tape).items() if name not in ("code", "constants")}
    constants = np.array(tape.constants).tobytes()
    parts = " ".join(ops).encode(), heads.tobytes(), slots.tobytes(), pickle.dumps(rest)
    return cache.digest(*parts, constants)


def _origin() -> bytes:
    """What machine code depends on beside the tape; nothing where the sources are not to be read.

    To be asked when these are imported: later there may be others on the disk.
    """
    package = Path(__file__).parents[1]
    try:
        files = sorted([*package.glob("jit/*.py"), *package.glob("tape/*.py")])
        sources = [file.read_bytes() for file in files]
    except OSError:
        return b""
    versions = llvmlite.__version__, llvm.llvm_version_info, TRIPLE
    return cache.digest(*sources, repr([*versions, CPU, FEATURES]).encode()) if sources else b""


ORIGIN = _origin()


def machine_code(shape: bytes, emit: Callable[[], tuple[Module, dict[str, Any]]]) -> Any:
    """From this process or from the disk; or compiled, and then kept in both.

    Args:
        shape: what tells this program from all others.
        emit: gives its module, and the arguments of its ``compile``.
    """
    if code := RECENT.get(shape) or _loaded(shape):
        return code
    module, arguments = emit()
    with compiling:
        if code := RECENT.get(shape):  # now: another thread was faster
            return code
        compiled = module.compile(**arguments)
        code = Code(compiled)
        RECENT.keep(shape, code)
    if ORIGIN:
        cache.store(cache.digest(shape, ORIGIN), compiled)
    return code


def _loaded(shape: bytes) -> Any:
    """From the disk, or None."""
    compiled = cache.load(cache.digest(shape, ORIGIN)) if ORIGIN else None
    try:
        code = compiled and Code(compiled)
    except LookupError:  # the math library is another than when it was compiled
        return None
    if code:
        RECENT.keep(shape, code)
    return code


# --- a tape ---


class Native:
    """A compiled tape: it computes any number of samples, block by block, and adds up gradients.

    Args:
        tape: as traced.
        samples: how many will usually be computed at once.
        vector_library: False forces libm for each lane.
        pays: asked before anything is compiled anew, with the number of instructions after reroll.

    Raises:
        JitError: compiling does not pay.
    """

    def __init__(
        self, tape: Tape, samples: int, vector_library: bool = True,
        pays: Callable[[int], bool] = lambda instructions: True,
    ) -> None:  # fmt: skip
        self.pays = pays
        self.layout = layout_for(samples)._replace(vector_library=vector_library)
        self.traced = tape
        shape = cache.digest(shape_of(tape), repr(self.layout).encode())
        self.code = machine_code(shape, self._emit)
        self._know(**self.code.facts)
        self.work = self.code.get(WORK)
        self.memory = threading.local()

    @cached_property
    def tape(self) -> Tape:
        """What is compiled: the tape after reroll."""
        return reroll(self.traced, alone=self.layout.stride == 1)

    def _emit(self) -> tuple[Module, dict[str, Any]]:
        """The module, and what is to be known of it."""
        module, tape = Module(), self.tape
        if not self.pays(n := len(tape.code)):
            raise JitError(f"to compile {n:,} instructions would take longer than it saves")
        scalars = max(1, tape.size - sum(tape.varies()))
        rows = _emit_work(module, tape, self.layout)
        facts: dict[str, Any] = {"rows": rows, "scalars": scalars, "constants": tape.constants}
        self._know(**facts)
        return module, {"quickly": is_large(tape), **facts}

    def _know(self, rows: int, scalars: int, constants: list[float], **_: Any) -> None:
        self.n_rows, self.n_scalars, self.constants = rows, scalars, constants

    def llvm(self) -> str:
        """The LLVM code, optimised."""
        module, arguments = self._emit()
        return module.text(arguments["quickly"])

    @property
    def rows(self) -> Any:
        """Memory for one block, of this thread: what was used before need not be cleared."""
        if not hasattr(self.memory, "rows"):
            self.memory.rows = self.new_rows()
        return self.memory.rows

    def new_rows(self) -> Array:
        """Memory for one block."""
        return buffer(self.n_rows, self.layout.stride)

    def new_scalars(self, values: Any) -> Array:
        """Memory for what samples share, with the shared inputs and the constants in it."""
        scalars = np.zeros(self.n_scalars)
        scalars[: len(values)] = values
        scalars[len(values) : len(values) + len(self.constants)] = self.constants
        return scalars

    def __call__(self, inputs: Array, shared: Any) -> tuple[Array, Array]:
        """Outputs, a row each with a column for each sample, as inputs are; and the sums."""
        inputs = np.ascontiguousarray(inputs)
        samples = inputs.shape[1]
        outputs = np.empty((len(self.traced.outputs), samples))
        sums = np.zeros(len(self.traced.sums))
        self.work(
            data=inputs, length=samples, order=np.arange(samples), samples=samples,
            rows=self.rows, scalars=self.new_scalars(shared), sums=sums,
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
