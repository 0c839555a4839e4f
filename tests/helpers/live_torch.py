"""The third judge: random programs of up to 200 nodes on Values and on live torch.

The value and the gradient of every node are compared, not only those of the leaves.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import torch

from micrograd_like.engine import Value
from micrograd_like.ops import Op

from .checklist import COMPLETE
from .compare import agrees, is_sharp, scattered
from .known_ops import KNOWN
from .programs import BOTH, NAMES, Program, Table, build, disturbed, random_program, run
from .torch_twins import LOSS_TWINS, tensor

inf = math.inf
NORMAL, NIGHTLY = 500, 10_000  # programs: three fifths tame, two fifths wild


def run_ours(program: Program, table: Table = BOTH) -> tuple[list[float], list[Value]]:
    """The value of every node, then the gradient of every leaf and every node; and the nodes."""
    leaves, results, total = build(program, table)
    total.backward()
    return [*[v.data for v in (*results, total)], *[v.grad for v in (*leaves, *results)]], results


def run_torch(program: Program, noise: random.Random | None = None) -> list[float | None]:
    """The same from torch, None for what depends on no leaf; with noise, a little off."""

    def meaning(name: str, *args: Any) -> Any:
        return KNOWN[name].torch(*args)

    leaves = [tensor(x) for x in program.leaves]
    program = program._replace(numbers=[torch.tensor(x) for x in program.numbers])
    nodes = run(program, leaves, disturbed(meaning, _off, noise) if noise else meaning)
    total = torch.stack(nodes[-program.used :])
    if program.end == "sum":
        total = total.sum(0)
    else:
        total = LOSS_TWINS[program.end](total, torch.tensor(program.target))
    results = nodes[len(leaves) + len(program.numbers) :]
    wanted = [v for v in (*leaves, *results) if v.requires_grad]
    grads: dict[Any, Any] = {}
    if total.requires_grad:
        grads = dict(zip(wanted, torch.autograd.grad(total, wanted, allow_unused=True)))
    values = [v.item() for v in (*results, total)]
    return [*values, *[_item(grads.get(v), v) for v in (*leaves, *results)]]


def _off(x: Any, a: float, b: float) -> Any:
    y = x * a
    if y.requires_grad:
        y.register_hook(lambda g: g * b)
    return y


def _item(grad: Any, v: Any) -> float | None:
    if grad is None:
        return 0.0 if v.requires_grad else None
    return float(grad.item())


class Number(NamedTuple):
    """What torch says, and how far a correct answer may be off: nan where torch itself wavers."""

    torch: float
    allowed: float

    def accepts(self, ours: float) -> bool:
        if not math.isfinite(self.allowed):
            return True
        if not (math.isfinite(self.torch) and math.isfinite(ours)):
            return agrees(ours, self.torch, 0.0)
        return abs(ours - self.torch) <= self.allowed


def torch_numbers(program: Program) -> list[Number | None]:
    """torch's numbers with their tolerances: what its own answers scatter by."""
    noise = random.Random(1)
    runs = [run_torch(program, noise) for _ in range(3)]
    return [
        None if t is None else Number(t, scattered(t, others))
        for t, *others in zip(run_torch(program), *runs)
    ]


# Where alone a program may come out differently, by the arguments of a node and its gradient g:
EXCUSED = {
    # a deviation that is listed in test_oracle.py
    "gelu": lambda x, g: x < -2.0 or x == inf,
    "max": lambda *xs_g: not math.isfinite(xs_g[-1]),
    "pow": lambda x, y, g: x == 0.0 <= y and not math.isfinite(g),
    "powc": lambda x, k, g: x in (0.0, -inf) and k in (-0.5, 0.5, 1.5),
    "silu": lambda x, g: x < -700.0,
    "softplus": lambda x, g: x > 19.0 or x < -700.0,
    # a slope that both compute from out and that cancels: the noise, behind out, does not show it
    "expm1": lambda x, g: x < -8.0,
    "sigmoid": lambda x, g: x > 8.0 or x < -700.0,
    "tanh": lambda x, g: abs(x) > 4.0,
}


def is_certain(program: Program, nodes: list[Value]) -> bool:
    """Is it a cross entropy whose slope, a probability minus 1, cancels?"""
    scores = [*program.leaves, *program.numbers, *[v.data for v in nodes]][-program.used :]
    return program.end == "cross_entropy" and max(scores) - min(scores) > 8.0


def is_known(v: Value) -> bool:
    if 0.0 < abs(v.data) < 1e-307 or 0.0 < abs(v.grad) < 1e-307:
        return True  # subnormal: between 5e-324 and 0 there is one rounding
    return v.op is not None and v.op.name in EXCUSED and EXCUSED[v.op.name](*v.arguments, v.grad)


def differ_in_a_zero(ours: list[float], theirs: list[Number | None]) -> bool:
    """Is there a zero of the other sign? We promise nothing about it, and 1/x makes it matter."""
    zeros = [(x, t.torch) for x, t in zip(ours, theirs) if t is not None and x == t.torch == 0.0]
    return any(math.copysign(1.0, x) != math.copysign(1.0, t) for x, t in zeros)


def cancels(nodes: list[Value]) -> bool:
    """Is a gradient far smaller than its contributions? Then the order of adding them decides."""
    sizes: Counter[Value] = Counter()
    for v in nodes:
        received = v.op.backward(v.grad, v.data, *v.arguments) if v.op else ()
        for x, gx in zip(v.inputs, received):
            sizes[x] += abs(gx or 0.0)
    return any(abs(x.grad) < 1e-12 * size for x, size in sizes.items())


class Run:
    """What was compared in a run of random programs."""

    def __init__(self, kind: str, count: int) -> None:
        self.cases: list[tuple[Program, list[Number | None]]] = []  # some, without the excused
        self.programs = self.excused = self.numbers = self.sharp = self.finite = 0
        self.nonzero = self.longest = 0
        for seed in range(count):
            self.add(random_program(seed, kind))
        for name in sorted(set(COMPLETE) - set(NAMES)):  # new ops: programs of their own
            for seed in range(8):
                self.add(random_program(f"{name} {seed}", kind, names=[*NAMES, *[name] * 9]))

    def add(self, program: Program) -> None:
        theirs = torch_numbers(program)
        ours, nodes = run_ours(program)
        wrong = differing(ours, theirs)
        excused = bool(wrong) and (
            any(map(is_known, nodes))
            or is_certain(program, nodes)
            or differ_in_a_zero(ours, theirs)
            or cancels(nodes)
        )
        assert excused or not wrong, (program, wrong)
        self.programs += 1
        self.excused += excused
        leaves = len(program.leaves) + len(program.numbers)
        self.longest = max(self.longest, leaves + len(nodes) + 1)
        compared = [t for t in theirs if t is not None]
        self.numbers += len(compared)
        self.sharp += sum(is_sharp(t.torch, t.allowed) for t in compared)
        self.finite += sum(math.isfinite(t.torch) for t in compared)
        self.nonzero += sum(t.torch != 0.0 for t in compared)
        if not excused and len(self.cases) < NORMAL:
            self.cases.append((program, theirs))


def differing(ours: list[float], theirs: list[Number | None]) -> list[tuple[int, float, Number]]:
    return [
        (i, x, t)
        for i, (x, t) in enumerate(zip(ours, theirs))
        if t is not None and not t.accepts(x)
    ]


@cache
def tame_run(count: int) -> Run:
    return Run("tame", count * 3 // 5)


@cache
def wild_run(count: int) -> Run:
    return Run("wild", count * 2 // 5)


def on_programs(op: Op) -> Iterator[Any]:
    """The judge: what it yields went wrong in a program that uses the op."""
    return loss_on_programs(op.name, op)


def loss_on_programs(name: str, thing: Any) -> Iterator[Any]:
    for kind in (tame_run, wild_run):
        for program, theirs in kind(NORMAL).cases:
            if name in {program.end, *[i.name for i in program.instructions]}:
                yield from differing(run_ours(program, {**BOTH, name: thing})[0], theirs)
