"""Gradients written behind recorded code are those that the engine would have recorded."""

import itertools
import sys

import pytest
from helpers.checklist import COMPLETE
from helpers.known_ops import KNOWN
from helpers.programs import KINDS, random_program, run
from helpers.values import bits

from micrograd_like import MLP, Value, losses
from micrograd_like.engine import apply, as_value, grad, no_grad
from micrograd_like.functional import dot, gt, softmax, where
from micrograd_like.functional import sum as total
from micrograd_like.ops import OPS, Op
from micrograd_like.tape import trace
from micrograd_like.tape.gradients import _rule


def assert_the_same(f, parameters, sample=()):
    """The tape is that of the gradients as the engine records them; it has all their bits."""

    def recorded(x, _):
        out = as_value(f(x))
        return [], [out, *grad(out, parameters, create_graph=True)]

    old = trace(recorded, [sample, sample], [], parameters)
    new = trace(lambda x, _: ([], [f(x)]), [sample, sample], [], parameters)
    tape = new.gradients(parameters)
    assert new.parameters == old.parameters
    assert (tape.code, tape.sums) == (old.tape.code, old.tape.sums)
    assert bits(tape.constants) == bits(old.tape.constants)
    out = as_value(f(list(map(Value, sample))))
    wanted = [v.data for v in (out, *grad(out, parameters, create_graph=True))]
    assert bits(tape.run(sample, [p.data for p in new.parameters])[1]) == bits(wanted)
    return len(tape.code)


@pytest.mark.parametrize("kind", ["tame", "wild", "integers"])
@pytest.mark.parametrize(
    "seeds", [range(40), pytest.param(range(40, 2040), marks=pytest.mark.slow)]
)
def test_gradients_of_random_programs_are_the_engines_bit_for_bit(kind, seeds):
    names = [name for name in KINDS[kind].names if name != "powc"]  # on a tape x**3 is a product
    lengths = []
    for seed in seeds:
        program = random_program(seed, kind, longest=60, names=names)
        leaves = [Value(x) for x in program.leaves]

        def f(_, program=program, leaves=leaves):
            nodes = run(program, leaves, lambda name, *xs: apply(OPS[name], *xs))
            return total(nodes[-program.used :])

        lengths.append(assert_the_same(f, leaves))
    assert max(lengths) > 60


@pytest.mark.parametrize("name", sorted({*COMPLETE} - {"take"}))  # which has puts: test_take.py
def test_gradients_of_every_op_are_the_engines_bit_for_bit(name):
    op = OPS[name]
    n = 6 if op.arity is None else op.arity - op.constants
    for k, few in itertools.product(KNOWN[name].constants or [None], (False, True)):
        leaves = [Value(0.4 + 0.3 * i) for i in range(n)]
        inputs = [leaf * 1.1 if i % 2 else leaf for i, leaf in enumerate(leaves)]
        inputs = [*inputs[:-1], inputs[0]] if few else inputs  # one twice
        constants = [] if k is None else [k]

        def f(x, op=op, leaves=leaves, constants=constants, few=few):
            inputs = [v * 1.1 if i % 2 else v for i, v in enumerate(leaves)]
            inputs[-1] = inputs[0] if few else inputs[-1]
            return apply(op, *inputs, *constants) * x[0]

        assert_the_same(f, leaves[::2] if few else leaves, [-1.5])


RULES = {"dot": lambda g, out, *wx: (g * out,) * len(wx), "relu": lambda g, out, x: (g * x,)}
OWN = {k: Op(k, "", OPS[k].arity, OPS[k].forward, rule) for k, rule in RULES.items()}
W, V = Value(0.7), Value(-1.2)
NET = MLP(2, [3, 3, 2], activation="gelu", rng=0)
PARAMETERS = [p for layer in NET.layers for p in layer.parameters()]
FUNCTIONS = {
    "a network": lambda x: losses.cross_entropy(NET(x), 1),
    "a parameter itself": lambda x: W,
    "a parameter twice": lambda x: W * W + W,
    "no parameter": lambda x: x[0] * 2.0,
    "a number": lambda x: 3.0,
    "a detached path": lambda x: W * W.detach() + V.data * x[0],
    "below a comparison": lambda x: gt(W * x[0], V) * W + where(gt(V, x[0]), W.exp(), V),
    "a softmax": lambda x: softmax([W, V, W * V, x[0]])[1].log(),
    "a node of many users": lambda x: total([(W * V) * k for k in map(float, range(4))]) / (W * V),
    "a gradient in the function": lambda x: grad(W.tanh() * x[0] * V, W, create_graph=True) * V,
    "ops with rules of their own": lambda x: apply(OWN["dot"], V, apply(OWN["relu"], W), W, x[0]),
    "without recording": no_grad()(lambda x: W * x[0]),
    "a leaf of its own": lambda x: Value(2.0) * W * x[1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_what_people_write_are_the_engines_bit_for_bit(name):
    assert_the_same(FUNCTIONS[name], [W, *NET.parameters(), V], [0.5, -2.0])


def test_the_outputs_stay_and_only_the_first_sum_is_differentiated():
    traced = trace(lambda x, _: ([W * x[0]], [W * W, V]), [[2.0], [3.0]])
    assert traced.parameters == [W, V]
    assert traced.tape.run([2.0], [5.0, 7.0]) == ([10.0], [25.0, 7.0])
    assert traced.gradients().run([2.0], [5.0, 7.0]) == ([10.0], [25.0, 10.0, 0.0])
    assert traced.gradients([V, W]).run([2.0], [5.0, 7.0]) == ([10.0], [25.0, 0.0, 10.0])


def test_gradients_are_the_same_inside_no_grad():
    traced = trace(lambda x, _: ([], [(W * x[0]).tanh() * V]), [[2.0], [3.0]], [], [W, V])
    wanted = traced.gradients()
    _rule.cache_clear()
    with no_grad():
        assert traced.gradients().code == wanted.code


def test_the_function_is_called_twice_whatever_is_asked():
    calls = []

    def f(x, _):
        calls.append(1)
        return [], [W * x[0]]

    traced = trace(f, [[2.0], [3.0]])
    for _ in range(3):
        traced.gradients()
    assert len(calls) == 2


def test_the_work_for_gradients_grows_with_the_program():
    def lines(n):  # of Python: a clock would measure the machine's other work, too
        wide = [Value(float(i)) for i in range(n)]
        traced = trace(lambda x, _: ([], [total(wide) * dot(wide, wide[::-1])]), [[], []])
        count = 0

        def tracer(*_):
            nonlocal count
            count += 1
            return tracer

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            traced.gradients()
        finally:
            sys.settrace(before)
        return count

    assert lines(1200) < 4.2 * lines(300)
