"""Deep, wide and shared graphs: they work at any size, in linear time, and are gone when dropped.

The large ones run in a process of their own under a recursion limit of 100, where nothing that
calls itself node by node could. Time is counted in visits, not seconds: every node that a walk
looks at is hashed, and every node that passes a gradient on calls its op's rule.
"""

import gc
import subprocess
import sys

import pytest

from micrograd_like import micrograd, ops
from micrograd_like.engine import Value, apply, grad, no_grad, topological_order
from micrograd_like.functional import dot
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP
from micrograd_like.ops import OPS
from micrograd_like.optim import Adam

# --- up to a million nodes under a recursion limit of 100 ---

# What every graph goes through: recorded by some lines as ``out`` above the leaf ``x``,
# differentiated twice over, shown, refused by draw, freed without the collector. It prints the
# largest memory it had until after backward, in kilobytes, where the system tells.
PROGRAM = """
import gc, sys
from micrograd_like.draw import draw
from micrograd_like.engine import Value, apply, grad
from micrograd_like.ops import DOT, SUM

def alive():
    return sum(type(thing) is Value for thing in gc.get_objects())

gc.collect()  # what importing left
gc.disable()
sys.setrecursionlimit(100)
x = Value(1.0)
{record}
assert out.data == {value}, out
out.backward()
if sys.platform == "linux":
    with open("/proc/self/status") as status:
        print(*[line.split()[1] for line in status if line.startswith("VmHWM")])
assert x.grad == {slope}, x
assert grad(out, x) == {slope}
assert repr(out) == "Value(data={value}, grad=1.0)"
try:
    draw(out)
except ValueError as error:
    assert "Values, draw lays out at most 1000" in str(error), error
else:
    raise AssertionError("draw accepted the graph")
assert alive() >= {nodes}
del out
assert (alive(), gc.collect()) == (1, 0)
"""

# name: (lines that record, value, slope at x, number of Values, bytes of one at most), of a size n
LARGE = {
    "chain": lambda n: (f"out = x\nfor _ in range({n}): out = out + x",
        n + 1.0, n + 1.0, n + 1, 260),
    "sum": lambda n: (f"out = apply(SUM, x, *[Value(2.0) for _ in range({n - 1})])",
        2.0 * n - 1.0, 1.0, n + 1, 260),
    "dot": lambda n: (f"ws = [x, *[Value(2.0) for _ in range({n - 1})]]\n"
        "out = apply(DOT, *ws, *ws)\ndel ws", 4.0 * n - 3.0, 2.0, n + 1, 380),
    "fan-out": lambda n: (f"out = apply(SUM, *[x * 2.0 for _ in range({3 * n // 10})])",
        0.6 * n, 0.6 * n, 6 * n // 10 + 2, 260),
    "diamonds": lambda n: (f"out = x\nfor _ in range({n // 10}): out = (out + out) * 0.5",
        1.0, 1.0, 3 * n // 10 + 1, 260),
    "shared products": lambda n: (f"out = x\nfor _ in range({n // 10}):\n"
        "    a, b = -out, out * 1.0\n    out = (-(a * b)).sqrt()\ndel a, b",
        1.0, 1.0, 6 * n // 10 + 1, 260),
}  # fmt: skip
INTERPRETER = 30e6  # bytes that a process has without any Value


@pytest.mark.parametrize("n", [200_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", LARGE)
def test_a_very_large_graph_is_recorded_differentiated_shown_refused_and_freed(name, n):
    record, value, slope, nodes, size = LARGE[name](n)
    program = PROGRAM.format(record=record, value=value, slope=slope, nodes=nodes)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    if sys.platform == "linux":
        assert 1024 * int(run.stdout) < INTERPRETER + size * nodes


# --- a graph is gone when its last name is ---


@pytest.fixture
def alive():
    """A function that counts the Values there are, beyond those from before; no collector runs."""
    while gc.collect():  # what finalisers of other tests' garbage leave is garbage, too
        pass
    gc.disable()

    def count():
        return sum(type(thing) is Value for thing in gc.get_objects())

    before = count()
    yield lambda: count() - before
    gc.enable()


def graph(x):
    return dot([x, x.tanh()], [x * 2.0, 3.0]) + x**2 / 2.0 + 2.0**x


def nodes_of(out):
    return len(topological_order(out))


def test_a_graph_is_gone_with_its_last_name(alive):
    x = Value(0.5)
    out = graph(x)
    assert alive() == nodes_of(out)
    out.backward()
    grad(out, x)
    del out
    assert (alive(), gc.collect()) == (1, 0)


def test_a_kept_node_keeps_what_it_was_computed_from_and_nothing_else(alive):
    x = Value(0.5)
    inner = graph(x)
    outer = graph(inner * 2.0)
    assert alive() == nodes_of(outer)
    del outer
    assert alive() == nodes_of(inner)
    leaf = inner.detach()
    del inner, x
    assert (alive(), leaf.inputs, gc.collect()) == (1, (), 0)


def test_recorded_gradients_are_gone_with_their_last_name(alive):
    x = Value(0.5)
    slope = grad(graph(x), x, create_graph=True)
    curvature = grad(slope, x, create_graph=True)
    assert alive() >= nodes_of(curvature)
    del slope, curvature
    assert (alive(), gc.collect()) == (1, 0)


def test_a_backward_that_fails_keeps_nothing(alive):
    x = Value(0.5)
    out = graph(micrograd.Value(1.0, (x,), "by hand"))
    with pytest.raises(TypeError):
        out.backward()
    del out
    assert alive() == 1


def test_no_grad_keeps_no_node(alive):
    x = Value(0.5)
    with no_grad():
        out = x
        for _ in range(100):
            out = graph(out)
    assert (alive(), nodes_of(out)) == (2, 1)


def test_a_training_step_leaves_the_parameters_and_no_other_value(alive):
    model = MLP(2, [3, 1], rng=0)
    optimizer = Adam(model.parameters())
    for _ in range(3):
        mse_loss([model([1.0, 2.0]), model([3.0, 4.0])], [1.0, 0.0]).backward()
        optimizer.step()
    assert (alive(), gc.collect()) == (len(model.parameters()), 0)


# --- linear time, counted in visits ---


def chain(n):
    out = x = Value(1.0)
    for _ in range(n):
        out = out * x
    return out


def diamonds(n):
    out = Value(1.0)
    for _ in range(n):
        out = (out + out) * 0.5
    return out


def fan_in(n):
    return apply(ops.SUM, *[Value(1.0) for _ in range(n)])


def fan_out(n):
    x = Value(1.0)
    return apply(ops.SUM, *[x * 2.0 for _ in range(n)])


def same_input(n):
    return apply(ops.DOT, *[Value(1.0)] * (2 * n))


def wide_rows(n):
    """Nodes of many inputs on top of each other: a walk that began a node again would show."""
    row = [Value(1.0) for _ in range(20)]
    for _ in range(n):
        row = [*row[1:], apply(ops.SUM, *row) * 0.05]
    return row[-1]


def network(n):
    return MLP(2, [8] * n + [1], rng=0)([1.0, 2.0])


SHAPES = [chain, diamonds, fan_in, fan_out, same_input, wide_rows, network]
WALKS = {
    "topological_order": topological_order,
    "backward": Value.backward,
    "grad": lambda out: grad(out, []),
    "grad with create_graph": lambda out: grad(out, [], create_graph=True),
}


@pytest.fixture
def visits(monkeypatch):
    """Counts, in a list of one int, every hash of a Value and every call of a rule."""
    counter = [0]

    def counted(function):
        def call(*args):
            counter[0] += 1
            return function(*args)

        return call

    for op in OPS.values():
        monkeypatch.setattr(op, "backward", counted(op.backward))
    monkeypatch.setattr(Value, "__hash__", counted(object.__hash__))
    return counter


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_twice_the_nodes_take_twice_the_visits(visits, shape, walk):
    def count(n):
        root = shape(n)
        size = sum(1 + len(v.inputs) for v in topological_order(root))
        visits[0] = 0
        walk(root)
        return visits[0], size

    (few, small), (some, _), (many, large) = count(40), count(80), count(160)
    assert 0 < few < some
    assert many - some == 2 * (some - few)  # a straight line, not a curve
    assert few <= 10 * small
    assert many <= 10 * large
