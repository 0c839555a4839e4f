"""Programs written for micrograd and in its lecture run with the import line changed."""

import copy
import pickle
import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from micrograd_like.functional import dot
from micrograd_like.micrograd import MLP, Layer, Neuron, Value


def lecture_neuron():
    """The neuron of the lecture, every node with its label."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    x1w1x2w2 = x1w1 + x2w2
    x1w1x2w2.label = "x1*w1 + x2*w2"
    n = x1w1x2w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    return {v.label: v for v in (x1, x2, w1, w2, b, x1w1, x2w2, x1w1x2w2, n, o)}


NEURON_GRADS = {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5, "n": 0.5, "o": 1.0}


def test_the_lectures_neuron_by_backward():
    v = lecture_neuron()
    v["o"].backward()
    assert v["o"].data == pytest.approx(0.7071067811865476, rel=1e-15)
    assert {k: v[k].grad for k in NEURON_GRADS} == pytest.approx(NEURON_GRADS, rel=1e-14)


def test_the_lectures_neuron_by_hand_one_backward_at_a_time():
    v = lecture_neuron()
    v["o"].grad = 1.0
    for label in ("o", "n", "b", "x1*w1 + x2*w2", "x2*w2", "x1*w1"):
        v[label]._backward()
    assert {k: v[k].grad for k in NEURON_GRADS} == pytest.approx(NEURON_GRADS, rel=1e-14)


def test_the_lectures_tanh_out_of_exponentials():
    v = lecture_neuron()
    e = (2 * v["n"]).exp()
    o = (e - 1) / (e + 1)
    o.backward()
    assert v["x1"].grad == pytest.approx(-1.5, rel=1e-14)


def test_backward_by_hand_accumulates_on_a_node_used_twice():
    a = Value(3.0, label="a")
    b = a + a
    b.grad = 1.0
    b._backward()
    assert a.grad == 2.0
    b._backward()
    assert a.grad == 4.0


def test_backward_of_a_leaf_by_hand_does_nothing():
    a = Value(3.0)
    a.grad = 1.0
    a._backward()
    assert a.grad == 1.0


def test_the_lectures_own_topological_sort_runs():
    v = lecture_neuron()
    topo, visited = [], set()

    def build_topo(v):
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                build_topo(child)
            topo.append(v)

    build_topo(v["o"])
    v["o"].grad = 1.0
    for node in reversed(topo):
        node._backward()
    assert len(topo) == 10
    assert {k: v[k].grad for k in NEURON_GRADS} == pytest.approx(NEURON_GRADS, rel=1e-14)


def cube(self):
    """An op written as the lecture writes them."""
    x = self.data
    out = Value(x**3, (self,), "cube")

    def _backward():
        self.grad += 3 * x**2 * out.grad

    out._backward = _backward
    return out


def times(self, other):
    other = other if isinstance(other, Value) else Value(other)
    out = Value(self.data * other.data, (self, other), "*")

    def _backward():
        self.grad += other.data * out.grad
        other.grad += self.data * out.grad

    out._backward = _backward
    return out


def test_an_op_written_by_hand_takes_part_in_backward():
    a, b = Value(2.0), Value(5.0)
    c = cube(a)
    out = c * b + a
    out.backward()
    assert (out.data, a.grad, b.grad, c.grad) == (42.0, 61.0, 8.0, 5.0)
    assert (c._op, c._prev) == ("cube", (a,))


def test_an_op_written_by_hand_accumulates_like_the_others():
    a = Value(2.0)
    out = cube(a) + a
    out.backward()
    out.backward()
    assert a.grad == 26.0


def test_an_op_written_by_hand_may_get_the_same_input_twice():
    a = Value(3.0)
    out = times(times(a, a), 2.0)
    out.backward()
    assert a.grad == 12.0


def test_an_op_written_by_hand_runs_by_hand():
    a, b = Value(3.0), Value(4.0)
    out = times(a, b)
    out.grad = 1.0
    out._backward()
    assert (a.grad, b.grad) == (4.0, 3.0)


def test_ops_written_by_hand_nest():
    a = Value(2.0)
    out = cube(times(cube(a), a))  # a**12
    out.backward()
    assert a.grad == 12 * 2.0**11


def test_a_value_may_be_constructed_as_the_lecture_does():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    out = Value(5.0, (a, b), "+", label="out")
    assert (out.data, out._prev, out._op, out.label, out.grad) == (5.0, (a, b), "+", "out", 0.0)
    assert (a._prev, a._op, a.label) == ((), "", "a")
    assert set(Value(5.0, {a, b}, "+")._prev) == {a, b}  # micrograd keeps a set


@pytest.mark.parametrize(
    ("f", "symbol"),
    [
        (lambda a, b: a + b, "+"),
        (lambda a, b: a * b, "*"),
        (lambda a, b: a**2, "**2"),
        (lambda a, b: a**-1, "**-1"),
        (lambda a, b: a**0.5, "**0.5"),
        (lambda a, b: a.tanh(), "tanh"),
        (lambda a, b: a.relu(), "ReLU"),
        (lambda a, b: a.exp(), "exp"),
    ],
)
def test_ops_have_the_lectures_symbols(f, symbol):
    assert f(Value(2.0), Value(3.0))._op == symbol


def trace(root):
    """The lecture's: all nodes and all edges of a graph."""
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def draw_dot(root):
    """The lecture's, writing lines instead of calling graphviz."""
    nodes, edges = trace(root)
    lines = []
    for n in nodes:
        uid = str(id(n))
        lines.append(f"{uid} [label=%s | data %.4f | grad %.4f]" % (n.label, n.data, n.grad))
        if n._op:
            lines.append(f"{uid + n._op} [label={n._op}]")
            lines.append(f"{uid + n._op} -> {uid}")
    for n1, n2 in edges:
        lines.append(f"{id(n1)} -> {str(id(n2)) + n2._op}")
    return lines


def test_the_lectures_picture_of_the_graph():
    v = lecture_neuron()
    v["o"].backward()
    nodes, edges = trace(v["o"])
    assert {n.label for n in nodes} == set(v)
    assert {(x.label, y.label) for x, y in edges} >= {("n", "o"), ("b", "n"), ("x1", "x1*w1")}
    lines = draw_dot(v["o"])
    assert len(lines) == 10 + 5 * 2 + 9
    assert f"{id(v['o'])} [label=o | data 0.7071 | grad 1.0000]" in lines


def readme(a, b, relu):
    """The expression of micrograd's README."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + relu(b + a)
    d += 3 * d + relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def test_micrograds_readme_gives_torchs_numbers():
    a, b = Value(-4.0), Value(2.0)
    g = readme(a, b, lambda v: v.relu())
    g.backward()
    x, y = (torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in (-4.0, 2.0))
    expected = readme(x, y, torch.relu)
    expected.backward()
    assert f"{g.data:.4f}" == "24.7041"
    assert (f"{a.grad:.4f}", f"{b.grad:.4f}") == ("138.8338", "645.5773")
    assert g.data == pytest.approx(expected.item(), rel=1e-15)
    assert (a.grad, b.grad) == pytest.approx((x.grad.item(), y.grad.item()), rel=1e-14)


def test_micrograds_own_sanity_check():
    def f(x, relu):
        z = 2 * x + 2 + x
        q = relu(z) + z * x
        h = relu(z * z)
        return h + q + q * x

    x, t = Value(-4.0), torch.tensor(-4.0, dtype=torch.float64, requires_grad=True)
    y, expected = f(x, lambda v: v.relu()), f(t, torch.relu)
    y.backward()
    expected.backward()
    assert (y.data, x.grad) == (expected.item(), t.grad.item())


def test_gradient_descent_as_the_lecture_writes_it():
    rng = random.Random(0)
    w, b = Value(rng.uniform(-1, 1)), Value(0.0)
    xs, ys = [2.0, 3.0, 0.5, 1.0], [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(20):
        ypred = [(w * x + b).tanh() for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred))
        for p in (w, b):
            p.grad = 0.0
        loss.backward()
        for p in (w, b):
            p.data += -0.05 * p.grad
        losses.append(loss.data)
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_the_lectures_numerical_check_of_an_interior_node():
    def lol(h):
        a, b, c, f = Value(2.0), Value(-3.0), Value(10.0), Value(-2.0)
        e = a * b
        e.data += h
        d = e + c
        return d * f

    slope = (lol(1e-4).data - lol(0.0).data) / 1e-4
    assert slope == pytest.approx(-2.0, rel=1e-9)


def test_a_label_may_be_given_later_also_to_a_result():
    a = Value(2.0, label="a") * 1.0
    a.label = "renamed"
    assert a.label == "renamed"


def test_an_interrupt_in_a_rule_made_by_hand_leaves_every_grad_as_it_was():
    a, b = Value(2.0), Value(3.0)
    product = Value(6.0, (a, b), "*")

    def backward():
        a.grad += 3.0 * product.grad
        raise KeyboardInterrupt

    product._backward = backward
    out = product + a
    for v, g in zip([a, b, product, out], [1.0, 2.0, 3.0, 4.0]):
        v.grad = g
    with pytest.raises(KeyboardInterrupt):
        out.backward()
    assert [v.grad for v in (a, b, product, out)] == [1.0, 2.0, 3.0, 4.0]


def test_an_error_in_a_rule_leaves_every_grad_as_it_was():
    a = Value(2.0)
    out = Value(6.0, (a,), "mine") * a
    out.grad = a.grad = 5.0
    with pytest.raises(TypeError, match="made by hand has no rule until its _backward is set"):
        out.backward()
    assert (out.grad, a.grad) == (5.0, 5.0)


def test_replacing_the_rule_of_a_power_works():
    a = Value(2.0)
    out = a**2
    out._backward = lambda: setattr(a, "grad", a.grad + 5.0 * out.grad)
    out.backward()
    assert a.grad == 5.0
    assert out._op == "**2"


def test_a_leaf_stays_a_leaf_when_it_is_given_a_rule():
    a = Value(2.0)
    a._backward = lambda: None  # micrograd's own default
    (a * a).backward()
    (a * a).backward()
    assert a.grad == 8.0


# --- micrograd's numbers: its demo, its networks, its generator ---

PROGRAM = Path(__file__).parent / "programs" / "micrograd_demo.txt"


def demo(steps, ours=True):
    """The program's losses and accuracies, with its imports changed to ours or as it stands."""
    program = PROGRAM.read_text().replace("STEPS = 100", f"STEPS = {steps}")
    if ours:
        for module in ("micrograd.engine", "micrograd.nn"):
            program = program.replace(f"from {module}", "from micrograd_like.micrograd")
    names = {}
    exec(compile(program, PROGRAM.name, "exec"), names)
    return names["history"]


# What micrograd 0.1.0 itself gives (loss, accuracy) at these steps.
FROZEN = {
    0: (0.8958441028683222, 0.5),
    1: (1.723590533697202, 0.81),
    2: (0.7429006313851133, 0.77),
    5: (0.313545481918522, 0.86),
    9: (0.27048625516379227, 0.91),
    49: (0.048291393823902934, 0.99),
    99: (0.010978370135492717, 1.0),
}


def test_the_demo_gives_micrograds_numbers():
    history = demo(steps=10)
    for step, (loss, accuracy) in FROZEN.items():
        if step < len(history):
            assert history[step] == (pytest.approx(loss, rel=1e-9), accuracy)


@pytest.mark.slow
def test_the_whole_demo_gives_micrograds_numbers_and_is_right_everywhere():
    history = demo(steps=100)
    assert [history[step] for step in FROZEN] == [
        (pytest.approx(loss, rel=1e-9), accuracy) for loss, accuracy in FROZEN.values()
    ]
    assert history[-1][1] == 1.0


def test_the_demo_gives_the_numbers_of_the_package_itself():
    pytest.importorskip("micrograd", reason="the package is in the extra bench")
    theirs, ours = demo(steps=3, ours=False), demo(steps=3)
    assert [loss for loss, _ in ours] == pytest.approx([loss for loss, _ in theirs], rel=1e-12)


def test_the_networks_draw_and_look_as_there():
    random.seed(7)
    model = MLP(3, [4, 1])
    random.seed(7)
    wanted = [random.uniform(-1.0, 1.0) for _ in range(4 * 3 + 4)]
    drawn = [w.data for layer in model.layers for n in layer.neurons for w in n.w]
    assert drawn == wanted
    four = ", ".join(["ReLUNeuron(3)"] * 4)
    assert repr(model) == f"MLP of [Layer of [{four}], Layer of [LinearNeuron(4)]]"
    names = [name for name, _ in model.named_parameters()]
    assert len(model.parameters()) == len(names) == 21
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert isinstance(Layer(2, 2)([1.0, 2.0]), list)
    assert Neuron(2, nonlin=False)([1.0, 2.0]).op.name == "dot"


def test_every_value_takes_what_programs_hang_on_it():
    a = Value(2.0)
    results = [a + 1, 1 + a, 2 * a, a - 1, 1 - a, a / 2, 2 / a, a**2, 2**a, -a, abs(a), a.tanh()]
    results += [dot([1.0, a], [a, 2.0]), a.leaky_relu(), a.detach()]
    for v in (a, *results, *results[0]._prev):
        assert isinstance(v, Value)
        v._vis_color = "red"
        v.m = v.v = 0.0
        assert (v._vis_color, v.m, v.v) == ("red", 0.0, 0.0)


def test_its_values_can_be_copied_and_pickled_with_what_hangs_on_them():
    a = Value(2.0, label="a")
    a.grad, a.m = 3.0, 0.5
    for b in (copy.copy(a), copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert (type(b), b.data, b.grad, b.label, b.m) == (Value, 2.0, 3.0, "a", 0.5)


def test_its_private_names_can_be_set():
    a, b = Value(2.0), Value(3.0, (), "input")
    c = a * b
    c._op = "times"
    assert (a._op, b._op, c._op, (c * a)._op) == ("", "input", "times", "*")
    c.backward()
    assert (a.grad, b.grad) == (3.0, 2.0)
    c._prev = set()
    (c * c).backward()
    assert (c._prev, c.grad, a.grad) == ((), 13.0, 3.0)
    d = Value(5.0)
    d._prev = {a, b}
    assert set(d._prev) == {a, b}
