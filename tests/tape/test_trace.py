"""trace: what of a function is written down, and what is left out."""

import math

from micrograd_like import Value
from micrograd_like.tape import trace


def test_equal_instructions_are_computed_once_and_dead_ones_never():
    def f(x, _):
        x[0].exp()
        return [x[0] * x[1] + x[1] * x[0]], []

    tape = trace(f, [[1.0, 2.0], [3.0, 4.0]], []).tape
    assert [c.op for c in tape.code] == ["mul", "add"]


def test_constants_are_folded_and_kept_apart_by_their_sign():
    def f(x, _):
        two = Value(1.0) + 1.0
        return [x[0] + two.sqrt() ** 2.0, x[0] * 1.0 + 0.0, x[0] + (-0.0)], []

    tape = trace(f, [[1.0], [2.0]], []).tape
    assert [c.op for c in tape.code] == ["add"] * 3
    assert [math.copysign(1.0, c) for c in tape.constants if c == 0.0] == [1.0, -1.0]


def test_parameters_are_the_leaves_from_outside_and_constants_the_leaves_from_inside():
    w = Value(3.0)
    traced = trace(lambda x, s: ([w * x[0] + Value(5.0) * s[0]], []), [[1.0], [2.0]], [7.0])
    tape = traced.tape
    assert traced.parameters == [w]
    assert (tape.inputs, tape.scalars) == (1, 2)
    assert tape.run([2.0], [7.0, 4.0]) == ([43.0], [])
