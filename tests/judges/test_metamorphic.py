"""Relations between two computations that hold whatever the right answer is.

Random programs over the whole op table, with shared nodes, are recorded in two ways, or
differentiated twice. Where the two do the same arithmetic in the same order, the bits are equal;
where only the order of a sum differs, the numbers are equal up to rounding. Programs of integers
round nothing, so there every relation is exact.
"""

import copy
import json
import math
import random
import subprocess
import sys
import textwrap

import pytest

from micrograd_like.engine import Value, apply, grad, no_grad, topological_order
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, Dropout, Linear, Sequential
from micrograd_like.ops import OPS
from micrograd_like.optim import Adam, StepLR
from micrograd_like.serialize import save
from micrograd_like.train import fit

ALL = sorted(OPS)
EXACT = ["add", "sub", "mul", "neg", "abs", "relu", "maximum", "where", "sum", "dot", "gt", "eq"]
LARGEST = {"all ops": 4.0, "integers": 1000.0}
SEEDS = range(300)


def tame(op, arguments, largest):
    """Whether the result and the slopes are small: away from edges nothing is infinite or nan."""
    out = op.forward(*arguments)
    slopes = op.backward(1.0, out, *arguments)
    return all(abs(x) < largest for x in (out, *slopes) if x is not None)


class Program:
    """Numbers for the leaves, and steps: an op, the places of its operands, its constants."""

    def __init__(self, seed, kind="all ops", length=30):
        rng = random.Random(seed)
        exact = kind == "integers"
        draw = (lambda: float(rng.randint(-3, 3))) if exact else (lambda: rng.uniform(-2.0, 2.0))
        self.leaves = [draw() for _ in range(4)]
        self.steps = []
        numbers = list(self.leaves)
        for _ in range(rng.randrange(5, length)):
            op = OPS[rng.choice(EXACT if exact else ALL)]
            n = 2 * rng.randint(1, 3) if op.arity is None else op.arity - op.constants
            some = range(len(numbers))
            places = [max(rng.choice(some), rng.choice(some)) for _ in range(n)]  # more late ones
            constants = [rng.choice([2.0, 3.0, 0.5])] * op.constants
            if not tame(op, [numbers[i] for i in places] + constants, LARGEST[kind]):
                op, places, constants = OPS["neg" if exact else "sin"], places[:1], []
            numbers.append(op.forward(*[numbers[i] for i in places], *constants))
            self.steps.append((op, places, constants))

    def record(self, leaves, order=None):
        """All nodes; order lists the steps in another order in which inputs come before users."""
        nodes = dict(enumerate(leaves))
        for k in order or range(len(self.steps)):
            op, places, constants = self.steps[k]
            nodes[len(leaves) + k] = apply(op, *[nodes[i] for i in places], *constants)
        return [nodes[i] for i in range(len(nodes))]

    def values(self):
        return [Value(number) for number in self.leaves]

    def run(self, order=None):
        """Leaves, and the sum of the last few nodes."""
        leaves = self.values()
        return leaves, apply(OPS["sum"], *self.record(leaves, order)[-4:])

    def other_order(self, rng):
        """A random order of the steps, inputs before users."""
        n, waiting, order, done = len(self.leaves), list(range(len(self.steps))), [], set()
        while waiting:
            ready = [k for k in waiting if all(i < n or i - n in done for i in self.steps[k][1])]
            k = rng.choice(ready)
            waiting.remove(k)
            done.add(k)
            order.append(k)
        return order


def bits(numbers):
    return [number.hex() for number in numbers]


def gradients(out, leaves, g=1.0):
    for v in leaves:
        v.grad = 0.0
    out.backward(g)
    return [v.grad for v in leaves]


def assert_equal_up_to_rounding(ours, theirs):
    """A sum in another order is off by some roundings of its largest term, cancelled or not."""
    assert ours == pytest.approx(theirs, rel=1e-11, abs=1e-11 * max(map(abs, theirs)))


@pytest.mark.parametrize("kind", LARGEST)
def test_the_programs_are_worth_running(kind):
    programs = [Program(seed, kind) for seed in SEEDS]
    used = {op.name for program in programs for op, _, _ in program.steps}
    assert used == set(ALL if kind == "all ops" else EXACT)
    results = [gradients(out, leaves) for leaves, out in (p.run() for p in programs)]
    flat = [g for gs in results for g in gs]
    assert all(1e-100 < abs(g) < 1e100 for g in flat if g)  # far from overflow and from subnormals
    assert sum(g != 0.0 for g in flat) > 0.4 * len(flat)
    assert max(len(topological_order(p.run()[1])) for p in programs) > 20


# --- the backward pass is linear in the gradient it starts from ---


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.25, -1024.0])
@pytest.mark.parametrize("kind", LARGEST)
def test_backward_from_a_multiple_gives_that_multiple_to_the_bit(kind, factor):
    for seed in SEEDS:  # a power of two changes no digit, unless a number is subnormal
        leaves, out = Program(seed, kind).run()
        once, times = gradients(out, leaves, 1.5), gradients(out, leaves, 1.5 * factor)
        assert times == [factor * g for g in once]


def test_two_backwards_equal_twice_one_to_the_bit():
    for seed in SEEDS:
        leaves, out = Program(seed).run()
        once = gradients(out, leaves)
        out.backward()
        assert [v.grad for v in leaves] == [2.0 * g for g in once]


@pytest.mark.parametrize("kind", LARGEST)
def test_the_gradient_of_a_sum_is_the_sum_of_the_gradients(kind):
    for seed in SEEDS:
        program = Program(seed, kind)
        leaves = program.values()
        a, b = program.record(leaves)[-2:]
        both = grad(a + b, leaves)
        apart = [x + y for x, y in zip(grad(a, leaves), grad(b, leaves))]
        if kind == "integers":
            assert both == apart
        assert_equal_up_to_rounding(both, apart)
        assert gradients(a + b, leaves) == both


# --- how the graph was recorded does not matter ---


def test_independent_nodes_recorded_in_another_order_change_no_bit():
    # The walk follows the inputs of each node, left to right; when a node was made plays no part.
    rng, moved = random.Random(0), 0
    for seed in SEEDS:
        program = Program(seed)
        order = program.other_order(rng)
        moved += order != sorted(order)
        (leaves, out), (others, other) = program.run(), program.run(order)
        assert out.data.hex() == other.data.hex()
        assert bits(gradients(out, leaves)) == bits(gradients(other, others))
    assert moved > 200


@pytest.mark.parametrize("kind", LARGEST)
def test_swapped_operands_of_a_sum_or_product_change_the_gradients_by_rounding_only(kind):
    # They do change the order of the walk, and with it the order in which gradients are summed.
    for seed in SEEDS:
        program = Program(seed, kind)
        twin = copy.copy(program)
        twin.steps = [
            (op, places[::-1] if op.name in ("add", "mul", "maximum", "minimum") else places, ks)
            for op, places, ks in program.steps
        ]
        (leaves, out), (others, other) = program.run(), twin.run()
        assert out.data == other.data
        if kind == "integers":
            assert gradients(out, leaves) == gradients(other, others)
        assert_equal_up_to_rounding(gradients(out, leaves), gradients(other, others))


@pytest.mark.parametrize("kind", LARGEST)
def test_a_graph_equals_its_expanded_tree(kind):
    def tree(program, leaves, i):
        """The node of that place, with nothing shared but the leaves."""
        if i < len(leaves):
            return leaves[i]
        op, places, constants = program.steps[i - len(leaves)]
        return apply(op, *[tree(program, leaves, j) for j in places], *constants)

    grown = 0
    for seed in SEEDS:
        program = Program(seed, kind, length=11)
        (leaves, out), twins = program.run(), program.values()
        size = len(program.steps) + len(leaves)
        expanded = apply(OPS["sum"], *[tree(program, twins, size - i) for i in (4, 3, 2, 1)])
        grown += len(topological_order(expanded)) > len(topological_order(out))
        assert out.data.hex() == expanded.data.hex()
        if kind == "integers":
            assert gradients(out, leaves) == gradients(expanded, twins)
        assert_equal_up_to_rounding(gradients(out, leaves), gradients(expanded, twins))
    assert grown > 100


def test_labels_change_no_bit():
    for seed in SEEDS:
        (leaves, out), (others, other) = Program(seed).run(), Program(seed).run()
        for i, v in enumerate(topological_order(other)):
            v.label = f"x{-i}"
        assert bits(gradients(out, leaves)) == bits(gradients(other, others))


def test_a_detached_or_weightless_branch_changes_no_gradient():
    for seed in SEEDS:
        program = Program(seed)
        leaves = program.values()
        branch, out = program.record(leaves)[-2:]
        alone = gradients(out, leaves)
        assert gradients(out + branch.detach() * 3.0, leaves) == alone
        assert gradients(out + branch * 0.0, leaves) == alone
        assert gradients(0.0 * branch + out, leaves) == alone


def test_computing_without_recording_gives_the_same_bits():
    for seed in SEEDS:
        program = Program(seed)
        recorded = program.record(program.values())
        with no_grad():
            computed = program.record(program.values())
        assert bits(v.data for v in recorded) == bits(v.data for v in computed)
        assert not any(v.inputs for v in computed)


# --- the same training, done twice ---

X = [[math.sin(i), math.cos(3.0 * i)] for i in range(20)]
Y = [[a * b] for a, b in X]


def network():
    layers = MLP(2, [5, 4], rng=0), Dropout(0.2, rng=1), Linear(4, 1, rng=2)
    return Sequential(*layers)


def training(model):
    adam = Adam(model.parameters(), lr=0.05, weight_decay=0.01)
    return adam, StepLR(adam, step_size=2, gamma=0.5)


def one_epoch(epoch, model, adam, scheduler):
    options = {"scheduler": scheduler, "seed": epoch, "progress": False}
    fit(model, X, Y, mse_loss, adam, epochs=1, batch_size=6, **options)


def test_a_copied_model_trains_to_the_same_bits():
    one = network()
    two = copy.deepcopy(one)
    for model in (one, two):
        adam, scheduler = training(model)
        for epoch in range(4):
            one_epoch(epoch, model, adam, scheduler)
    assert one.state_dict() == two.state_dict() != network().state_dict()


CONTINUE = """
    import json, sys
    sys.path.insert(0, sys.argv[1])
    from test_metamorphic import one_epoch, training
    from micrograd_like.serialize import load, load_state, save

    model = load(sys.argv[2])
    adam, scheduler = training(model)
    start = load_state(sys.argv[2], adam, scheduler)["epoch"]
    for epoch in range(start, 6):
        one_epoch(epoch, model, adam, scheduler)
    print(json.dumps([model.state_dict(), adam.state_dict(), scheduler.state_dict()]))
"""


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_saved_and_continued_in_a_fresh_process_equals_not_stopping_to_the_bit(tmp_path, stop):
    model = network()
    adam, scheduler = training(model)
    for epoch in range(6):
        if epoch == stop:
            save(model, tmp_path / "m.json", adam, scheduler, extra={"epoch": epoch})
        one_epoch(epoch, model, adam, scheduler)
    expected = [model.state_dict(), adam.state_dict(), scheduler.state_dict()]
    folder = __file__.rpartition("/")[0]
    command = [sys.executable, "-c", textwrap.dedent(CONTINUE), folder, str(tmp_path / "m.json")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stderr == ""
    assert json.loads(run.stdout) == json.loads(json.dumps(expected))
