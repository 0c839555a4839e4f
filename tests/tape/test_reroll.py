"""reroll: programs with their loops found compute every bit as before, compiled ones nearly."""

import itertools
import math
import random
import sys

import numpy as np
import pytest
from helpers.programs import random_program, run
from helpers.values import bits

from micrograd_like import MLP, Value, losses
from micrograd_like.engine import apply, as_value, grad
from micrograd_like.functional import softmax
from micrograd_like.jit.native import Native
from micrograd_like.ops import OPS
from micrograd_like.tape.reroll import reroll
from micrograd_like.tape.tape import Tape
from micrograd_like.tape.trace import trace

inf, nan = math.inf, math.nan


def all_of(run):
    outputs, sums = run
    return [*outputs, *sums]


# --- random programs ---


PROGRAMS = [random_program(seed, longest=40) for seed in range(60)]


def clipped(program, xs):
    """What a program computes from three inputs, a shared number and two constants, kept small."""

    def meaning(name, *args):
        return apply(OPS["maximum"], -9.0, apply(OPS["minimum"], apply(OPS[name], *args), 9.0))

    return list(map(as_value, run(program, [*xs, -0.0, 1.0], meaning)[-program.used :]))


def traced(program):
    """The tape of the outputs and of the gradient of their sum."""

    def f(x, shared):
        out = clipped(program, [*x, *shared])
        total = apply(OPS["sum"], *out)
        return out, [total, *grad(total, [*x, *shared], create_graph=True)]

    return trace(f, [[0.7, -0.4, 1.3], [0.2, 0.9, -2.0]], [0.6]).tape


def in_python(program, numbers):
    leaves = [Value(x) for x in numbers]
    out = clipped(program, leaves)
    total = apply(OPS["sum"], *out)
    return [v.data for v in (*out, total, *grad(total, leaves, create_graph=True))]


EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e308, 5e-324, inf, -inf, nan]


def test_random_programs_keep_every_bit_through_trace_and_reroll():
    lengths, special, rng = [], [], random.Random(0)
    for program in PROGRAMS:
        numbers = [rng.choice([rng.choice(EDGES), rng.uniform(-3.0, 3.0)]) for _ in range(4)]
        tape = traced(program)
        rolled = reroll(tape)
        tape.check()
        rolled.check()
        before, after = (all_of(t.run(numbers[:3], numbers[3:])) for t in (tape, rolled))
        assert bits(before) == bits(after)
        assert bits(before) == bits(in_python(program, numbers))
        lengths.append(len(tape.code))
        special.append(not all(map(math.isfinite, before)))
    assert max(lengths) > 60
    assert 5 < sum(special) < 55


@pytest.mark.parametrize("samples", [1, 13], ids=["alone", "vectors"])
def test_random_programs_compiled_are_what_the_tape_computes(samples):
    """Rounding may differ: by how much, disturbed runs of the tape in Python say."""
    exact = []

    for program in PROGRAMS[::5]:
        tape = traced(program)
        x = np.random.default_rng(len(tape.code)).uniform(-2.0, 2.0, (3, samples))
        outputs, sums = Native(tape, samples)(x, [0.6])
        columns = [tape.run(c, [0.6]) for c in x.T.tolist()]
        wanted = np.array([out for out, _ in columns]).T
        noise = [disturbed(tape, c, seed) for c in x.T.tolist() for seed in range(3)]
        allowed = scatter([out for out, _ in noise], wanted)
        assert_within(outputs, wanted, allowed)
        each = np.array([s for _, s in columns]).T
        assert_within(sums, each.sum(1), scatter([s for _, s in noise], each).sum(1))
        exact.extend(allowed[np.isfinite(allowed)].tolist())
    assert np.median(exact) < 1e-11  # the bound is sharp, or the test would say nothing


def disturbed(tape, inputs, seed):
    """The tape's run with every instruction off by up to 4 roundings, as other libraries are."""
    noise = np.random.default_rng(seed).uniform(-(2.0**-50), 2.0**-50, tape.size).tolist()
    slots = [*inputs, 0.6, *tape.constants]
    for code in tape.code:
        (out,), _ = alone(code, [slots[t[0]] for t in code.args])
        slots.append(out * (1.0 + noise[code.start]))
    return [slots[i] for i in tape.outputs], [slots[i] for i in tape.sums]


def alone(code, args):
    tape = Tape(len(args))
    tape.outputs = [tape.add(code.op, range(len(args)))]
    return tape.run(args)


def scatter(runs, wanted):
    """Thirty times what three disturbed runs are apart from the exact one, for each number."""
    runs = np.array(runs).reshape(wanted.shape[1], 3, -1)
    with np.errstate(invalid="ignore"):
        return 30.0 * np.abs(runs - wanted.T[:, None]).max(1).T + 1e-13 * np.abs(wanted)


def assert_within(got, wanted, allowed):
    finite = np.isfinite(wanted)
    sharp = np.isfinite(allowed)
    assert np.array_equal(got[~finite & sharp], wanted[~finite & sharp], equal_nan=True)
    check = finite & sharp
    assert (np.abs(got - wanted)[check] <= allowed[check]).all(), (got, wanted, allowed)


# --- programs that people write ---


def network(x, _):
    net = MLP(3, [5, 4], output_activation="linear", rng=0)
    scores = net(x)
    loss = losses.cross_entropy(scores, 1)
    return scores, [loss, *grad(loss, net.parameters(), create_graph=True)]


NET = MLP(3, [9, 8, 2], activation="relu", rng=1)


def trained(x, _):
    loss = losses.mse_loss(NET(x), [1.0, -1.0])
    return [], [loss, *grad(loss, NET.parameters(), create_graph=True)]


def chain(x, _):
    total = x[0] * x[1]
    for a, b in itertools.product(x, x):
        total = total + a * b
    return [total, total + x[0], sum(a * 2.0 for a in x)], []


def many_softmaxes(x, _):
    return [p for k in range(9) for p in softmax([a * float(k) for a in x])], []


@pytest.mark.parametrize("f", [network, trained, chain, many_softmaxes], ids=lambda f: f.__name__)
def test_rerolled_programs_compute_every_bit_as_before(f):
    traced = trace(f, [[0.5, -1.0, 2.0], [0.1, 0.2, -0.3]], [])
    tape, parameters = traced.tape, traced.parameters
    rolled = reroll(tape)
    tape.check()
    rolled.check()
    assert len(rolled.code) < 0.8 * len(tape.code)
    for x in [[0.5, -1.0, 2.0], [0.0, -0.0, 0.0], [1e308, -1e308, 3.0], [nan, inf, 5e-324]]:
        before, after = (all_of(t.run(x, [p.data for p in parameters])) for t in (tape, rolled))
        assert bits(before) == bits(after)


def products(x):
    return x[0] * x[1] + x[1] * x[2] + x[2] * x[3] + x[3] * x[0]


def test_a_sum_of_products_of_zeros_keeps_the_sign_of_zero():
    tape = trace(lambda x, _: ([products(x)], []), [[1.0] * 4, [2.0] * 4], []).tape
    rolled = reroll(tape)
    assert [c.op for c in rolled.code] == ["dot"]
    for x in itertools.product([0.0, -0.0, 1.0, -1.0], repeat=4):
        assert bits(tape.run(x)[0]) == bits(rolled.run(x)[0]) == bits([products(x)])


def test_an_intermediate_sum_that_is_an_output_survives():
    def f(x, _):
        partial = x[0] * x[1] + x[1] * x[2]
        return [partial, partial + x[0] * x[2]], []

    tape = trace(f, [[1.0, 2.0, 3.0], [2.0, 1.0, 5.0]], []).tape
    assert reroll(tape).run([3.0, 5.0, 7.0])[0] == tape.run([3.0, 5.0, 7.0])[0] == [50.0, 71.0]


def test_a_product_that_is_used_elsewhere_survives():
    def f(x, _):
        product = x[1] * x[2]
        return [x[0] * x[1] + product + x[2] * x[0], product.exp()], []

    tape = trace(f, [[1.0, 2.0, 3.0], [2.0, 1.0, 5.0]], []).tape
    assert reroll(tape).run([0.5, 0.25, 2.0]) == tape.run([0.5, 0.25, 2.0])


# --- size ---


def test_the_work_to_trace_and_reroll_grows_with_the_program():
    def calls(n):  # of functions: a clock would measure the machine's other work, too
        def f(x, _):
            v = x[0]
            for k in range(n):
                v = v * 0.5 + x[k % 3].sin()
            return [v], []

        count = itertools.count()
        sys.setprofile(lambda *_: next(count))
        try:
            reroll(trace(f, [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], []).tape)
        finally:
            sys.setprofile(None)
        return next(count)

    assert calls(8000) < 4.1 * calls(2000)
