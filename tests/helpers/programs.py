"""Random programs over the op table: what the engine, torch and the compiler run and compare.

A program has leaves, plain numbers and instructions; an instruction is an op, the places of its
operands among what came before (leaves, numbers, results) and its constants. Nodes are shared, and
the last ones are added up, or are the scores of a loss.

The same seed gives the same program for ever: what is drawn from stands here, so that an op more
or less in the table changes none, and nothing is asked of other modules.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from micrograd_like.engine import Value, apply, as_value
from micrograd_like.ops import OPS, Op

from .known_ops import KNOWN
from .oracle import LOSSES
from .points import EDGES

LONGEST = 200  # nodes: leaves, numbers, results and their sum
NAMES = [
    "abs", "add", "atan", "cos", "cosh", "div", "dot", "elu", "eq", "erfc", "exp", "expm1", "ge",
    "gelu", "gt", "leaky_relu", "log", "log1p", "logsumexp", "max", "maximum", "minimum", "mul",
    "neg", "pow", "powc", "relu", "sigmoid", "silu", "sin", "sinh", "softplus", "sqrt", "sub",
    "sum", "tan", "tanh", "where",
]  # fmt: skip
EXACT = [  # of integers, an integer
    "abs", "add", "dot", "eq", "gt", "maximum", "mul", "neg", "relu", "sub", "sum", "where",
]  # fmt: skip
TARGETS = {
    **{name: [0.5, -1.0, 2.0, 0.0] for name in ("mse_loss", "l1_loss", "huber_loss")},
    "hinge_loss": [1.0, -1.0, -1.0, 1.0],
    "binary_cross_entropy_with_logits": [0.25, 0.75, 0.1, 0.5],  # at 0 and 1 the slope cancels
    "cross_entropy": 0,  # the class of all the scores together
}
ENDS = [*sorted(TARGETS), *["sum"] * len(TARGETS)]
Table = dict[str, Any]  # ops and losses by name
BOTH: Table = {**OPS, **LOSSES}


class Instruction(NamedTuple):
    """An op, the places of its operands, its constants."""

    name: str
    operands: tuple[int, ...]
    constants: tuple[float, ...]


class Program(NamedTuple):
    """What a seed stands for."""

    leaves: list[float]
    numbers: list[float]  # constants, after the leaves
    instructions: list[Instruction]
    used: int  # how many nodes, the last ones, the result is made of
    end: str = "sum"  # or the loss that it is

    @property
    def target(self) -> Any:
        target = TARGETS[self.end]
        return target[: self.used] if isinstance(target, list) else target


# --- kinds ---


class Kind(NamedTuple):
    """What the numbers of a program are like."""

    leaf: Callable[[random.Random], float]
    calm: str  # the op that takes the place of one whose result is not welcome
    welcome: Callable[[random.Random, Op, list[float], float], bool]  # op, arguments, result
    ends: Sequence[str]
    names: Sequence[str] = NAMES


def _ordinary(rng: random.Random) -> float:
    return round(rng.uniform(-3.0, 3.0), rng.choice([0, 1, 15]))  # some of them equal, some 0


def _gentle(op: Op, arguments: list[float], out: float, largest: float) -> bool:
    slopes = op.backward(1.0, out, *arguments)
    return all(abs(x) < largest for x in (out, *slopes) if x is not None)


KINDS = {
    # Larger numbers are squashed, or soon all is inf or nan.
    "tame": Kind(_ordinary, "sin", lambda rng, op, xs, out: abs(out) < 1e3, ENDS),
    # Infinities, and a nan now and then.
    "wild": Kind(
        lambda rng: rng.choice([*EDGES, 1.0, -1.0, 2.0, -3.0, 0.5, 20.0]),
        "sigmoid",
        lambda rng, op, xs, out: out == out or rng.random() < 0.25,
        ENDS,
    ),
    # Small numbers and slopes: no gradient overflows or is subnormal.
    "gentle": Kind(
        lambda rng: rng.uniform(-2.0, 2.0),
        "sin",
        lambda rng, op, xs, out: _gentle(op, xs, out, 4.0),
        ["sum"],
    ),
    # Where nothing is rounded.
    "integers": Kind(
        lambda rng: float(rng.randint(-3, 3)),
        "neg",
        lambda rng, op, xs, out: _gentle(op, xs, out, 1000.0),
        ["sum"],
        EXACT,
    ),
}


def random_program(
    seed: object, kind: str = "tame", longest: int = LONGEST, names: Sequence[str] = ()
) -> Program:
    """The program of a seed, of at most so many nodes."""
    rng, how = random.Random(f"{kind} {seed}"), KINDS[kind]
    leaves = [how.leaf(rng) for _ in range(rng.randint(1, 4))]
    numbers = [how.leaf(rng) for _ in range(rng.randint(0, 2))]
    values, instructions = [*leaves, *numbers], []
    for _ in range(1 + int((longest - 7) * rng.random() ** 2)):  # more short ones
        instruction = _instruction(rng, OPS[rng.choice(names or how.names)], len(values))
        xs = [*[values[i] for i in instruction.operands], *instruction.constants]
        op = OPS[instruction.name]
        out = op.forward(*xs)
        if not how.welcome(rng, op, xs, out):
            instruction = Instruction(how.calm, instruction.operands[:1], ())
            out = OPS[how.calm].forward(xs[0])
        values.append(out)
        instructions.append(instruction)
    used = rng.randint(1, min(4, len(values)))
    return Program(leaves, numbers, instructions, used, rng.choice(how.ends))


def _instruction(rng: random.Random, op: Op, size: int) -> Instruction:
    n = 2 * rng.randint(1, 3) if op.arity is None else op.arity - op.constants
    # Counted from the end: 0 is the latest node, so that chains grow and nodes are shared.
    back = [int(256.0 * rng.random() ** 2) % size for _ in range(n)]
    constants = tuple([rng.choice(KNOWN[op.name].constants)] if op.constants else [])
    return Instruction(op.name, tuple([size - 1 - b for b in back]), constants)


# --- what a program means ---


def run(
    program: Program, leaves: Sequence[Any], meaning: Callable[..., Any], order: Sequence[int] = ()
) -> list[Any]:
    """All nodes: the leaves, the numbers, and of each instruction meaning(name, *arguments).

    ``order`` lists the instructions in another order in which inputs come before users.
    """
    nodes: dict[int, Any] = dict(enumerate([*leaves, *program.numbers]))
    first = len(nodes)
    for k in order or range(len(program.instructions)):
        name, operands, constants = program.instructions[k]
        nodes[first + k] = meaning(name, *[nodes[i] for i in operands], *constants)
    return [nodes[i] for i in range(len(nodes))]


def build(
    program: Program, table: Table = BOTH, order: Sequence[int] = ()
) -> tuple[list[Value], list[Value], Value]:
    """The program's leaves, its results in order, and the number that comes out."""
    leaves = [Value(x) for x in program.leaves]
    nodes = run(program, leaves, lambda name, *xs: apply(table[name], *xs), order)
    last, results = nodes[-program.used :], nodes[len(leaves) + len(program.numbers) :]
    if program.end == "sum":
        return leaves, results, apply(table["sum"], *last)
    return leaves, results, as_value(table[program.end](last, program.target))


NOISE = 1e-14  # relative: a hundred roundings
# equal inputs stay equal, and an index is one
CHOOSING = {"gt", "ge", "eq", "where", "maximum", "minimum", "max", "take"}


def disturbed(
    meaning: Callable[..., Any], off: Callable[..., Any], noise: random.Random
) -> Callable[..., Any]:
    """The meaning of instructions whose every input, and every gradient they return, is a bit off.

    ``off(x, a, b)`` is x times a, whose gradient is multiplied by b. So every term of every sum of
    gradients is off by itself, also one that cancels.
    """

    def nearly(name: str, *args: Any) -> Any:
        n, most = len(args) - OPS[name].constants, 0.0 if name in CHOOSING else NOISE
        factors = [[1.0 + noise.uniform(-m, m) for m in (most, NOISE)] for _ in range(n)]
        return meaning(name, *[off(x, *ab) for x, ab in zip(args, factors)], *args[n:])

    return nearly
