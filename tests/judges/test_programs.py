"""Random programs of up to 200 nodes have torch's values and gradients, at every node."""

import math

import pytest
from helpers.checklist import COMPLETE
from helpers.compare import agrees
from helpers.live_torch import (
    NIGHTLY,
    NORMAL,
    differing,
    run_ours,
    tame_run,
    torch_numbers,
    wild_run,
)
from helpers.oracle import LOSSES
from helpers.programs import BOTH, LONGEST, Instruction, Program, build

from micrograd_like.engine import grad
from micrograd_like.ops import Op

HOW_MANY = pytest.mark.parametrize(
    "count", [NORMAL, pytest.param(NIGHTLY, marks=pytest.mark.slow)], ids=["normal", "nightly"]
)


@HOW_MANY
def test_tame_programs_have_torchs_values_and_gradients(count):
    run = tame_run(count)
    assert run.longest > 0.9 * LONGEST
    assert run.excused < 0.06 * run.programs
    assert run.sharp > 0.95 * run.numbers
    assert run.finite > 0.95 * run.numbers
    assert run.nonzero > 0.3 * run.numbers  # what the result does not depend on has gradient 0


@HOW_MANY
def test_wild_programs_are_infinite_and_nan_where_torch_is(count):
    run = wild_run(count)
    assert run.excused < 0.2 * run.programs
    assert run.sharp > 0.9 * run.numbers
    assert 0.3 < run.finite / run.numbers < 0.95


@pytest.mark.parametrize("run", [tame_run, wild_run])
def test_a_gradient_that_is_recorded_is_the_one_that_backward_computes(run):
    for program, _ in run(NORMAL).cases[::3]:
        leaves, results, total = build(program)
        recorded = grad(total, [*leaves, *results], create_graph=True)
        total.backward()
        for v, slope in zip([*leaves, *results], recorded):
            assert agrees(v.grad, slope.data, 0.0), (program, v)


def test_every_op_and_every_loss_occurs_in_the_programs():
    used = {i.name for program, _ in tame_run(NORMAL).cases for i in program.instructions}
    used |= {program.end for program, _ in tame_run(NORMAL).cases}
    assert {*COMPLETE, *LOSSES} - used == set()


def test_a_wrong_rule_does_not_survive_a_program_that_uses_it():
    program = Program(
        [0.5, 2.0], [], [Instruction("tanh", (0,), ()), Instruction("mul", (1, 2), ())], 1
    )
    theirs = torch_numbers(program)
    assert differing(run_ours(program)[0], theirs) == []
    wrong = Op("tanh", "", 1, math.tanh, lambda g, out, x: (g * (1.0 - out * out) * 1.0001,))
    assert differing(run_ours(program, {**BOTH, "tanh": wrong})[0], theirs) != []


def test_facts(capsys):
    """What was compared; `pytest -k facts` shows it."""
    with capsys.disabled():
        for kind, run in (("tame", tame_run(NORMAL)), ("wild", wild_run(NORMAL))):
            print(f"\n{run.programs} {kind} programs of up to {run.longest} nodes on live torch")
            print(f"  {run.numbers} numbers compared, {run.finite / run.numbers:.1%} are finite,")
            print(f"  {1 - run.sharp / run.numbers:.2%} too ill-conditioned for a sharp comparison")
            print(f"  {run.excused} programs differ, each for a reason given here")
    assert tame_run(NORMAL).programs + wild_run(NORMAL).programs >= NORMAL
