"""What stands before machine code runs: calls by name, and LLVM's own look at what was emitted."""

import numpy as np
import pytest
from llvmlite import ir

from micrograd_like.jit import jit
from micrograd_like.jit.emit import DOUBLE, KINDS, Signature
from micrograd_like.jit.native import WORK, Code, Module

WEIGH = Signature("weigh", returns="double", x="doubles", i="ints", factor="double", n="int")
GIVEN = {"x": np.array([2.0, 3.0]), "i": np.array([1]), "factor": 10.0, "n": 1}


def weigh():
    """Machine code of the function x[i[0]] * factor + n, and the function."""
    module = Module()
    b, args = WEIGH.define(module.ir)
    i = b.load(args.i, typ=ir.IntType(64))
    x = b.load(b.gep(args.x, [i], source_etype=DOUBLE), typ=DOUBLE)
    b.ret(b.fadd(b.fmul(x, args.factor), b.sitofp(args.n, DOUBLE)))
    code = Code(module.compile())
    return code, code.get(WEIGH)


def test_a_call_gives_the_arguments_by_name_in_any_order():
    call = weigh()[1]
    assert call(**GIVEN) == 31.0
    assert call(**dict(reversed(GIVEN.items()))) == 31.0


NOT_WRITABLE = np.array([2.0, 3.0])
NOT_WRITABLE.flags.writeable = False
WRONG = {
    "missing": ({"x": ...}, "weigh takes x, i, factor, n; missing or unknown: x"),
    "unknown": ({"y": GIVEN["x"]}, "missing or unknown: y"),
    "two swapped": ({"x": GIVEN["i"], "i": GIVEN["x"]}, "weigh: x must be doubles, got ndarray"),
    "another dtype": ({"x": np.array([2.0, 3.0], np.float32)}, "x must be doubles, got ndarray"),
    "a list": ({"x": [2.0, 3.0]}, r"x must be doubles, got list \[2.0, 3.0\]"),
    "an address": ({"x": 1234}, "x must be doubles, got int 1234"),
    "None": ({"i": None}, "i must be ints, got NoneType None"),
    "with gaps": ({"x": np.zeros((2, 4))[:, ::2]}, "x must be doubles, got .* not C contiguous"),
    "not writable": ({"x": NOT_WRITABLE}, "x must be doubles, got .* not writable"),
    "a number that is none": ({"n": "1"}, "weigh takes x, i, factor, n; argument 4"),
    "an int that is none": ({"n": 1.0}, "weigh takes x, i, factor, n; argument 4"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_call_from_python_is_a_type_error(change, message):
    given = {name: value for name, value in {**GIVEN, **change}.items() if value is not ...}
    with pytest.raises(TypeError, match=message):
        weigh()[1](**given)


def test_a_wrong_call_in_llvm_code_is_a_type_error():
    module = ir.Module()
    b, args = WEIGH.define(module)
    with pytest.raises(TypeError, match=r"missing or unknown: n$"):
        WEIGH.call(b, x=args.x, i=args.i, factor=args.factor)
    with pytest.raises(TypeError, match="n must be int, got an LLVM value of type double"):
        WEIGH.call(b, **{**vars(args), "n": args.factor})
    with pytest.raises(AttributeError, match="size"):
        args.size  # noqa: B018


def test_a_function_that_was_not_emitted_is_not_called():
    with pytest.raises(LookupError, match="the machine code has no function scale"):
        weigh()[0].get(WEIGH.named("scale"))


def test_the_arguments_keep_their_names_in_the_llvm_code():
    b, args = WEIGH.define(ir.Module())
    assert [x.name for x in b.function.args] == list(WEIGH.arguments) == list(vars(args))
    assert set(WORK.arguments.values()) <= KINDS.keys()
    assert "%acc" in jit(lambda x: [sum(a * b for a, b in zip(x, x))] * 2).llvm([[0.5] * 20])


def test_wrong_llvm_code_is_an_error_and_no_crash():
    module = Module()
    b, _ = Signature("wrong", returns="double").define(module.ir)
    b.ret(b.fadd(DOUBLE(1.0), DOUBLE(2.0)))
    b.position_before(b.block.instructions[0])
    b.fadd(b.block.instructions[0], DOUBLE(1.0))
    with pytest.raises(RuntimeError, match="Instruction does not dominate all uses"):
        module.compile()


def test_code_is_verified_before_it_is_compiled():
    module = Module()
    b, _ = Signature("endless", x="double").define(module.ir)
    b.fadd(DOUBLE(1.0), DOUBLE(2.0))  # and no ret
    with pytest.raises(RuntimeError, match=r"expected instruction opcode"):
        module.compile()
