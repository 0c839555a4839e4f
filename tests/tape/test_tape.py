"""A tape itself: printed, checked after every step, and all of it without numpy and llvmlite."""

import subprocess
import sys
from importlib import import_module

import pytest

from micrograd_like.tape import Instruction, JitError, Tape, reroll, trace


def test_a_printed_tape_shows_runs_on_one_line():
    tape = trace(lambda x, _: ([a * 2.0 + 1.0 for a in x], []), [[1.0] * 9, [2.0] * 9], []).tape
    assert str(reroll(tape)).splitlines() == [
        "s0..s8 = inputs 0..8",
        "s9 = 2.0",
        "s10 = 1.0",
        "s11..s19 = mul s9 s0..s8  (9 times)",
        "s20..s28 = add s11..s19 s10  (9 times)",
        "return s20..s28",
    ]


def test_a_printed_tape_shows_parameters_strides_and_sums():
    tape = Tape(inputs=2, scalars=300)
    start = tape.add("mul", [2, 4, 6, 8], [0, 1, 1, 0], count=4)
    tape.sums = list(range(start, start + 4))
    assert str(tape).splitlines() == [
        "s0..s1 = inputs 0..1",
        "s2..s301 = scalars 0..299",
        "s302..s305 = mul s2..s8/2 s[0 1 1 0]  (4 times)",
        "add up s302..s305",
    ]


@pytest.mark.parametrize(
    ("code", "outputs", "message"),
    [
        (Instruction("mul", 2, ((0,), (2,))), [], "an argument comes later than its use"),
        (Instruction("mul", 3, ((0,), (1,))), [], "slots do not follow the ones before"),
        (Instruction("neg", 2, ((0, 1),), 1), [], "slots do not follow the ones before"),
        (Instruction("neg", 2, ((-1,),)), [], "an argument comes later than its use"),
        (Instruction("neg", 2, ((0, 2), (1, 1)), 2), [], "an argument comes later than its use"),
        (Instruction("neg", 2, ((0, 1),), 2), [], "only some rows of a table differ"),
        (Instruction("neg", 2, ((0,),)), [-1], "an output is a slot that no instruction fills"),
        (Instruction("neg", 2, ((0,),)), [3], "an output is a slot that no instruction fills"),
    ],
)
def test_check_finds_a_broken_tape(code, outputs, message):
    tape = Tape(inputs=1, scalars=1)
    tape.code, tape.outputs = [code], outputs
    with pytest.raises(JitError, match=message):
        tape.check()


@pytest.mark.parametrize(("step", "part"), [("trace", "_write"), ("reroll", "_group")])
def test_a_step_that_makes_a_bad_tape_is_a_bug_to_be_reported(monkeypatch, step, part):
    module = import_module(f"micrograd_like.tape.{step}")
    own = getattr(module, part)

    def broken(*args):
        tape = own(*args)
        tape.outputs = [tape.size]
        return tape

    monkeypatch.setattr(module, part, broken)
    with pytest.raises(JitError, match=f"^{step} made a bad tape, please report this bug: an outp"):
        reroll(trace(lambda x, _: ([x[0] + 1.0], []), [[1.0], [2.0]]).tape)


BARE = """
import sys
sys.modules |= {"numpy": None, "llvmlite": None}
from micrograd_like.tape import reroll, trace
f = lambda x, w: ([a * w[0] + 1.0 for a in x], [])
tape = trace(f, [[1.0] * 9, [2.0] * 9], [3.0]).tape
rolled = reroll(tape)
rolled.check()
assert rolled.run([2.0] * 9, [5.0]) == tape.run([2.0] * 9, [5.0]) == ([11.0] * 9, [])
print(rolled)
"""


def test_a_bare_installation_traces_prints_checks_runs_and_rerolls():
    printed = subprocess.check_output([sys.executable, "-c", BARE], text=True)
    assert printed.splitlines()[-3:] == [
        "s11..s19 = mul s9 s0..s8  (9 times)",
        "s20..s28 = add s11..s19 s10  (9 times)",
        "return s20..s28",
    ]
