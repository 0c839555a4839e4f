"""Relations between two computations that hold whatever the right answer is.

Random programs over the whole op table, with shared nodes, are recorded in two ways, or
differentiated twice. Where the two do the same arithmetic in the same order, the bits are equal;
where only the order of a sum differs, the numbers are equal up to rounding. Programs of integers
round nothing, so there every relation is exact.
"""

import copy
import json
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from helpers.compare import is_sharp, scattered
from helpers.programs import EXACT, NAMES, build, disturbed, random_program, run
from helpers.resumed import EPOCHS, network, one_epoch, state, training

from micrograd_like.engine import Value, apply, grad, no_grad, topological_order
from micrograd_like.ops import OPS, Op
from micrograd_like.serialize import save

SEEDS = range(300)
KINDS = pytest.mark.parametrize("kind", ["gentle", "integers"])


@cache
def programs(kind="gentle", nodes=60):
    return [random_program(seed, kind, nodes) for seed in SEEDS]


def values(program):
    return [Value(x) for x in program.leaves]


def bits(numbers):
    return [number.hex() for number in numbers]


def gradients(out, leaves, g=1.0):
    for v in leaves:
        v.grad = 0.0
    out.backward(g)
    return [v.grad for v in leaves]


def op_of(name, *args):
    return apply(OPS[name], *args)


def off(x, a, b):
    return apply(Op("off", "off", 1, lambda x: x * a, lambda g, out, x: (g * b,)), x)


@cache
def allowed(seed, kind, nodes):
    """How far off each leaf's gradient may be: what disturbed runs of the program scatter by."""
    program, noise = programs(kind, nodes)[seed], random.Random(1)

    def slopes(meaning):
        leaves = values(program)
        last = run(program, leaves, meaning)[-program.used :]
        return grad(apply(OPS["sum"], *last), leaves)

    runs = [slopes(disturbed(op_of, off, noise)) for _ in range(3)]
    return [scattered(x, others) for x, *others in zip(slopes(op_of), *runs)]


def assert_equal_up_to_rounding(ours, theirs, seed, kind="gentle", nodes=60):
    """A sum in another order is off by some roundings of its largest term, cancelled or not."""
    if kind == "integers":
        assert ours == theirs
    for x, y, most in zip(ours, theirs, allowed(seed, kind, nodes), strict=True):
        assert not abs(x - y) > most, programs(kind, nodes)[seed]  # nan: nobody can say


@KINDS
def test_the_programs_are_worth_running(kind):
    used = {i.name for program in programs(kind) for i in program.instructions}
    assert used == set(NAMES if kind == "gentle" else EXACT)
    graphs = [build(program) for program in programs(kind)]
    flat = [g for leaves, _, out in graphs for g in gradients(out, leaves)]
    assert all(1e-100 < abs(g) < 1e100 for g in flat if g)  # far from overflow and from subnormals
    assert sum(g != 0.0 for g in flat) > 0.3 * len(flat)
    assert max(len(topological_order(out)) for *_, out in graphs) > 30


def test_the_tolerance_is_sharp():
    slopes = [g for leaves, _, out in map(build, programs()) for g in grad(out, leaves)]
    most = [x for seed in SEEDS for x in allowed(seed, "gentle", 60)]
    assert sum(map(is_sharp, slopes, most)) > 0.95 * len(slopes)


# --- the backward pass is linear in the gradient it starts from ---


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.25, -1024.0])
@KINDS
def test_backward_from_a_multiple_gives_that_multiple_to_the_bit(kind, factor):
    for program in programs(kind):  # a power of two changes no digit, unless one is subnormal
        leaves, _, out = build(program)
        once, times = gradients(out, leaves, 1.5), gradients(out, leaves, 1.5 * factor)
        assert times == [factor * g for g in once]


def test_two_backwards_equal_twice_one_to_the_bit():
    for program in programs():
        leaves, _, out = build(program)
        once = gradients(out, leaves)
        out.backward()
        assert [v.grad for v in leaves] == [2.0 * g for g in once]


@KINDS
def test_the_gradient_of_a_sum_is_the_sum_of_the_gradients(kind):
    for seed, program in enumerate(programs(kind)):
        leaves, _, out = build(program)
        both = grad(out, leaves)
        apart = [sum(slopes) for slopes in zip(*[grad(v, leaves) for v in out.inputs])]
        assert_equal_up_to_rounding(both, apart, seed, kind)
        assert gradients(out, leaves) == both


# --- how the graph was recorded does not matter ---


def other_order(program, rng):
    """A random order of the instructions, inputs before users."""
    n = len(program.leaves) + len(program.numbers)
    waiting, order, done = list(range(len(program.instructions))), [], set(range(n))
    while waiting:
        ready = [k for k in waiting if done.issuperset(program.instructions[k].operands)]
        order.append(rng.choice(ready))
        waiting.remove(order[-1])
        done.add(n + order[-1])
    return order


def test_independent_nodes_recorded_in_another_order_change_no_bit():
    # The walk follows the inputs of each node, left to right; when a node was made plays no part.
    rng, moved = random.Random(0), 0
    for program in programs():
        order = other_order(program, rng)
        moved += order != sorted(order)
        (leaves, _, out), (others, _, other) = build(program), build(program, order=order)
        assert out.data.hex() == other.data.hex()
        assert bits(gradients(out, leaves)) == bits(gradients(other, others))
    assert moved > 200


@KINDS
def test_swapped_operands_of_a_sum_or_product_change_the_gradients_by_rounding_only(kind):
    # They do change the order of the walk, and with it the order in which gradients are summed.
    for seed, program in enumerate(programs(kind)):
        swapped = [
            i._replace(operands=i.operands[::-1])
            if i.name in ("add", "mul", "maximum", "minimum")
            else i
            for i in program.instructions
        ]
        leaves, _, out = build(program)
        others, _, other = build(program._replace(instructions=swapped))
        assert out.data == other.data
        assert_equal_up_to_rounding(gradients(out, leaves), gradients(other, others), seed, kind)


@KINDS
def test_a_graph_equals_its_expanded_tree(kind):
    def tree(program, nodes, i):
        """The node of that place, with nothing shared but the leaves and the numbers."""
        if i < len(nodes):
            return nodes[i]
        name, operands, constants = program.instructions[i - len(nodes)]
        return op_of(name, *[tree(program, nodes, j) for j in operands], *constants)

    grown = 0
    for seed, program in enumerate(programs(kind, nodes=20)):
        (leaves, results, out), twins = build(program), values(program)
        nodes = [*twins, *program.numbers]
        size = len(nodes) + len(results)
        last = [tree(program, nodes, i) for i in range(size - program.used, size)]
        expanded = op_of("sum", *last)
        grown += len(topological_order(expanded)) > len(topological_order(out))
        assert out.data.hex() == expanded.data.hex()
        ours, theirs = gradients(out, leaves), gradients(expanded, twins)
        assert_equal_up_to_rounding(ours, theirs, seed, kind, nodes=20)
    assert grown > 50


def test_labels_change_no_bit():
    for program in programs():
        (leaves, _, out), (others, _, other) = build(program), build(program)
        for i, v in enumerate(topological_order(other)):
            v.label = f"x{-i}"
        assert bits(gradients(out, leaves)) == bits(gradients(other, others))


def test_a_detached_or_weightless_branch_changes_no_gradient():
    for seed, program in enumerate(programs()):
        leaves, results, out = build(program)
        branch, alone = results[len(results) // 2], gradients(out, leaves)
        assert gradients(out + branch.detach() * 3.0, leaves) == alone
        assert gradients(out + branch * 0.0, leaves) == alone
        # In front, it changes the order of the walk.
        assert_equal_up_to_rounding(gradients(0.0 * branch + out, leaves), alone, seed)


def test_computing_without_recording_gives_the_same_bits():
    for program in programs():
        _, recorded, _ = build(program)
        with no_grad():
            _, computed, _ = build(program)
        assert bits(v.data for v in recorded) == bits(v.data for v in computed)
        assert not any(v.inputs for v in computed)


# --- the same training, done twice ---


def test_a_copied_model_trains_to_the_same_bits():
    one = network()
    two = copy.deepcopy(one)
    for model in (one, two):
        adam, scheduler = training(model)
        for epoch in range(4):
            one_epoch(epoch, model, adam, scheduler)
    assert one.state_dict() == two.state_dict() != network().state_dict()


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_saved_and_continued_in_a_fresh_process_equals_not_stopping_to_the_bit(tmp_path, stop):
    model = network()
    adam, scheduler = training(model)
    for epoch in range(EPOCHS):
        if epoch == stop:
            save(model, tmp_path / "m.json", adam, scheduler, extra={"epoch": epoch})
        one_epoch(epoch, model, adam, scheduler)
    command = [sys.executable, "-m", "tests.helpers.resumed", str(tmp_path / "m.json")]
    root = Path(__file__).parents[2]
    continued = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert continued.stderr == ""
    assert json.loads(continued.stdout) == state(model, adam, scheduler)
