"""Random programs on Values and on torch: the value and every leaf's gradient.

A program is a list of leaves and a list of instructions; an instruction is an op and the numbers
of its operands among what came before. Nodes are shared, constants appear as plain numbers.
"""

import math
from typing import Any, NamedTuple

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ops import ALLOWED, COMPARISONS, agrees
from torch_twins import TWINS, tensor

from micrograd_like.engine import Value, apply
from micrograd_like.ops import OPS

inf, nan = math.inf, math.nan
CONSTANTS = {"powc": [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0], "leaky_relu": [0.01, 0.2]}
LARGE = 1e3  # in a tame program: what is larger is squashed, or soon all is inf or nan


class Instruction(NamedTuple):
    name: str
    operands: tuple[int, ...]
    constants: tuple[float, ...]


class Program(NamedTuple):
    leaves: list[float]
    numbers: list[float]  # constants, after the leaves
    instructions: list[Instruction]
    used: int  # how many nodes, the last ones, the result is the sum of


@st.composite
def programs(draw: Any, names: list[str], leaf: Any, tame: bool) -> Program:
    leaves = draw(st.lists(leaf, min_size=1, max_size=4))
    numbers = draw(st.lists(leaf, max_size=2))
    values = [*leaves, *numbers]
    instructions = []
    length = draw(st.integers(1, 40))  # first: hypothesis's own lists are mostly short
    for name in draw(st.lists(st.sampled_from(names), min_size=length, max_size=length)):
        op = OPS[name]
        n = 2 * draw(st.integers(1, 3)) if op.arity is None else op.arity - op.constants
        # Counted from the end: 0 is the latest node, so that chains grow and nodes are shared.
        back = draw(st.lists(st.integers(0, len(values) - 1), min_size=n, max_size=n))
        operands = tuple([len(values) - 1 - i for i in back])
        k = (draw(st.sampled_from(CONSTANTS.get(name, [1.0]))),) if op.constants else ()
        out = op.forward(*[values[i] for i in operands], *k)
        if tame and not abs(out) < LARGE:
            op, operands, k = OPS["sin"], operands[:1], ()
            out = op.forward(values[operands[0]])
        values.append(out)
        instructions.append(Instruction(op.name, operands, k))
    return Program(leaves, numbers, instructions, draw(st.integers(1, min(4, len(values)))))


def ours(program: Program) -> tuple[list[float], list[Value]]:
    """The value and the gradient of every leaf."""
    leaves = [Value(x) for x in program.leaves]
    nodes: list[Any] = [*leaves, *program.numbers]
    for name, operands, constants in program.instructions:
        nodes.append(apply(OPS[name], *[nodes[i] for i in operands], *constants))
    out = apply(OPS["sum"], *nodes[-program.used :])
    out.backward()
    return [out.data, *[v.grad for v in leaves]]


def torchs(program: Program, noise: torch.Generator | None = None) -> list[float]:
    """The same from torch; with noise, every intermediate number is off by up to 1e-14 of it."""
    leaves = [tensor(x) for x in program.leaves]
    nodes = [*leaves, *[torch.tensor(x, dtype=torch.float64) for x in program.numbers]]
    for name, operands, constants in program.instructions:
        args = [nodes[i] for i in operands]
        out = TWINS[name](*args, *constants)
        if noise is not None:
            out = out * (1.0 + 1e-14 * (2.0 * torch.rand((), generator=noise) - 1.0))
        nodes.append(out)
    total = torch.stack(nodes[-program.used :]).sum(0)
    grads = [None] * len(leaves)
    if total.requires_grad:
        grads = torch.autograd.grad(total, leaves, allow_unused=True)
    return [total.item(), *[0.0 if g is None else g.item() for g in grads]]


def tolerance(program: Program, reference: list[float]) -> list[float]:
    """How far a correct answer may be off, for each number.

    A chain of forty nodes may amplify a rounding error by any factor, so no fixed tolerance is
    both safe and sharp. We ask torch itself: it runs the program three times with every node
    disturbed by a hundred roundings. What its answers then scatter by, thirty times over, is
    allowed; beside it 1e-12 of the number. Where a branch flips by that, the scatter is large and
    the test lenient: the tests below count how often, and fail when it becomes a habit.
    """
    noise = torch.Generator().manual_seed(1)
    runs = [torchs(program, noise) for _ in range(3)]
    return [30.0 * max(abs(x - t) for x in xs) + 1e-12 * abs(t) for t, *xs in zip(reference, *runs)]


def test_tame_programs_have_torchs_value_and_gradients():
    sharp, finite, nonzero, lengths = [], [], [], []

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(programs(sorted(OPS), st.floats(-3.0, 3.0, width=16), tame=True))
    def check(program):
        mine, theirs = ours(program), torchs(program)
        lengths.append(len(program.instructions))
        for x, t, allowed in zip(mine, theirs, tolerance(program, theirs)):
            finite.append(math.isfinite(t))
            if not finite[-1]:
                assert agrees(x, t, 0.0), (mine, theirs)
            else:
                assert abs(x - t) <= allowed or not math.isfinite(allowed), (mine, theirs, allowed)
                sharp.append(allowed <= 1e-8 * max(1.0, abs(t)))
                nonzero.append(t != 0.0)

    check()
    assert max(lengths) > 25
    assert sum(sharp) > 0.95 * len(sharp)
    assert sum(finite) > 0.9 * len(finite)
    assert sum(nonzero) > 0.5 * len(nonzero)  # some leaves are not used


def test_wild_programs_are_infinite_and_nan_where_torch_is():
    deviating = {name for a in ALLOWED for name in a.names.split()}
    names = sorted(set(OPS) - deviating | set(COMPARISONS))
    edge = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e3, -1e3, inf, -inf, nan])
    classes = []

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(programs(names, edge, tame=False))
    def check(program):
        mine, theirs = ours(program), torchs(program)
        for x, t, allowed in zip(mine, theirs, tolerance(program, theirs)):
            classes.append(t)
            if math.isfinite(t) and math.isfinite(x):
                assert abs(x - t) <= allowed or not math.isfinite(allowed), (mine, theirs)
            elif not (math.isfinite(t) and not math.isfinite(allowed)):  # torch itself wavers
                assert agrees(x, t, 0.0), (mine, theirs)

    check()
    assert {inf, -inf} <= set(classes)
    assert 0.2 < sum(map(math.isfinite, classes)) / len(classes) < 0.9


def test_a_wrong_rule_does_not_survive_the_random_programs(monkeypatch):
    program = Program(
        [0.5, 2.0], [], [Instruction("tanh", (0,), ()), Instruction("mul", (1, 2), ())], 1
    )
    assert all(abs(x - t) <= a for x, t, a in compare(program))
    monkeypatch.setattr(
        OPS["tanh"], "backward", lambda g, out, x: (g * (1.0 - out * out) * 1.0001,)
    )
    assert not all(abs(x - t) <= a for x, t, a in compare(program))


def compare(program: Program) -> list[tuple[float, float, float]]:
    theirs = torchs(program)
    return list(zip(ours(program), theirs, tolerance(program, theirs)))
