"""What an op needs beside its row in ops.py, and which ops have it all."""

from collections.abc import Iterator

from micrograd_like import functional
from micrograd_like.jit.vectormath import LOWERINGS
from micrograd_like.ops import OPS, Op
from micrograd_like.words import WORDS

from .known_ops import COMPARISONS, KNOWN
from .make_oracle import read
from .points import points

OPERATORS = {"add", "sub", "mul", "div", "neg", "pow", "powc"}  # which need no function
FREEZE = "tests/helpers/oracle.jsonl.gz: run python -m tests.helpers.make_oracle"


def missing(op: Op) -> Iterator[str]:
    """Every place where the op still has to be written, and what to write there."""
    function = getattr(functional, op.name, None)
    if op.name not in OPERATORS and not (function and function.__doc__):
        yield f"micrograd_like/functional.py: a function {op.name} with a docstring"
    if op.name not in LOWERINGS:
        yield "micrograd_like/jit/vectormath.py: a row of LOWERINGS, the op in LLVM's words"
    if op.name not in WORDS:
        yield "micrograd_like/words.py: a row of WORDS, the op and its derivative as text"
    if op.name not in KNOWN:
        yield (
            "tests/helpers/known_ops.py: a row of KNOWN, the op in torch and in mpmath, mistakes "
            "that people make, special points, constants, where it is not smooth"
        )
        yield FREEZE
    else:
        yield from unknown(op)


def unknown(op: Op) -> Iterator[str]:
    """What is wrong with the op's row of KNOWN."""
    known = "tests/helpers/known_ops.py:"
    if bool(op.constants) != bool(KNOWN[op.name].constants):
        yield f"{known} values for its {op.constants} constants"
        return
    passes = any(gx is not None for gx in op.backward(1.0, 1.0, *points(op)[0]))
    if passes == (op.name in COMPARISONS):
        yield f"{known} the op in mpmath, if its rule passes a gradient; None if not"
    if repr([tuple(row[0]) for row in read()[1].get(op.name, [])]) != repr(points(op)):
        yield FREEZE


COMPLETE = sorted(name for name, op in OPS.items() if not any(missing(op)))
DIFFERENTIABLE = sorted(set(COMPLETE) - set(COMPARISONS))
