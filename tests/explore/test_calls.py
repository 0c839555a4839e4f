"""explore of a function: the calls in it are the groups, whatever the program."""

import gc
import itertools
import random
import threading
import time
from contextvars import copy_context
from functools import partial, wraps
from itertools import pairwise
from weakref import ref

import pytest
from helpers.pages import Letters, data_of

import micrograd_like.functional as F
from micrograd_like import (
    MLP,
    Module,
    Value,
    detect_anomaly,
    engine,
    hinge_loss,
    micrograd,
    no_grad,
)
from micrograd_like.engine import grad, topological_order
from micrograd_like.explore import explore
from micrograd_like.explore.calls import Calls


def paths_of(function):
    """The paths of the Values that an op made, in topological order; "-" was not seen."""
    calls = Calls()
    nodes = topological_order(calls.during(function))
    paths = calls.paths(nodes)
    return ["/".join(paths.get(v, "-")) for v in nodes if v.op]


def groups_on_the_page(data):
    """For every Value the names of the groups around it that are calls or modules."""
    found = []
    for g in data["home"]:
        path = []
        while g > 0:
            name, g, kind, _ = data["groups"][g]
            path = [name, *path] if kind == "module" else path
        found.append("/".join(path))
    return found


# --- generated programs ---

HEAD = """
def pieces(f, x):
    yield made(x * 0.5)
    yield from f(x, 0)

"""
STATEMENTS = [
    "xs.append(made(xs[-1] * x))",
    "xs.append(made(xs[-1] + 1.0))",
    "xs += {f}(xs[-1], depth)",
    "xs += [made(v.tanh()) for v in xs[-2:]]",
    "xs += [v for u in xs[-2:] for v in {f}(u, depth)]",
    "xs += sum(({f}(u, depth) for u in xs[-2:]), [])",
    "xs += (lambda v: {f}(v, depth) + [made(v - x)])(xs[-1])",
    "xs += list(pieces({f}, x))",
    "xs += sum(map(lambda v: {f}(v, depth), xs[-2:]), [])",
    "xs += {own}(xs[-1], depth - 1) if depth else []",
    "if x.data > 0.0: xs += {f}(x, depth)",
]


class Program:
    """Functions that call each other, and write down themselves in which calls they are."""

    def __init__(self, seed):
        rng = random.Random(seed)
        names = [f"f{k}" for k in range(rng.randint(2, 6))]
        text = HEAD
        for k, name in enumerate(names):
            lines = [rng.choice(STATEMENTS) for _ in range(rng.randint(1, 5))]
            lines = [s for s in lines if "{f}" not in s or names[k + 1 :]]
            lines = [s.format(f=rng.choice(names[k + 1 :] or names), own=name) for s in lines]
            body = "\n        ".join(["xs = [x]", *lines, "return xs[1:]"])
            text += f"def {name}(x, depth):\n    enter('{name}')\n    try:\n        {body}\n"
            text += "    finally:\n        stack.pop()\n\n"
        self.x = Value(rng.uniform(-1.0, 1.0), label="x")
        self.stack, self.calls = [], itertools.count()
        self.written = {}
        self.space = {"enter": self.enter, "made": self.made, "stack": self.stack}
        exec(text, self.space)

    def enter(self, name):
        self.stack.append((name, next(self.calls)))

    def made(self, v):
        self.written[v] = tuple(self.stack)
        return v

    def run(self):
        """All that is made, added up in f0."""
        return F.sum([*self.space["f0"](self.x, 2), self.x])


def read(nodes):
    """The tree of what was written down: {call: tree} of calls, {Value: None} in a call."""
    tree = {}
    for v, stack in nodes.items():
        at = tree
        for call in stack:
            at = at.setdefault(call, {})
        at[v] = None
    return tree


def values_in(tree):
    return [v for key, inner in tree.items()
            for v in ([key] if inner is None else values_in(inner))]  # fmt: skip


def expected(tree, path=()):
    """{Value: path} by the words of Calls.paths: groups of two or more that are not the whole."""
    here, (size, *_) = {}, (len(values_in(tree)),)
    while len(tree) == 1 and next(iter(tree.values())) is not None:
        (tree,) = tree.values()
    items = []
    for key, inner in tree.items():
        inside = [key] if inner is None else values_in(inner)
        if len(inside) == 1:
            here[inside[0]] = path
        else:
            items.append((key[0], inner))
    assert size == len(here) + sum(len(values_in(inner)) for _, inner in items)
    names = [name for name, _ in items]
    for k, (name, inner) in enumerate(items):
        number = f" {names[: k + 1].count(name)}" if names.count(name) > 1 else ""
        here |= expected(inner, (*path, name + number))
    return here


def check(seed):
    program, calls = Program(seed), Calls()
    root = calls.during(program.run)
    nodes = [v for v in topological_order(root) if v in program.written]
    written = {v: program.written[v] for v in program.written if v in set(nodes)}
    wanted = expected(read(written | {root: ()}))
    assert calls.paths([*nodes, root]) == wanted
    assert program.stack == []
    return wanted, root, calls


@pytest.mark.parametrize("seed", range(60))
def test_the_tree_of_groups_is_the_tree_of_calls_that_made_values(seed):
    check(seed)


def test_generated_programs_have_deep_wide_and_recursive_trees():
    paths = [path for seed in range(60) for path in check(seed)[0].values()]
    assert max(map(len, paths)) >= 5
    assert any(name.endswith(" 5") for path in paths for name in path)
    pairs = [(a.split()[0], b.split()[0]) for path in paths for a, b in pairwise(path)]
    assert any(a == b for a, b in pairs)


@pytest.mark.slow
def test_the_tree_of_groups_is_the_tree_of_calls_in_thousands_of_programs():
    for seed in range(60, 5060):
        check(seed)


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_the_page_has_these_groups_and_the_gradients_of_python(seed):
    program = Program(seed)
    made = []
    data = data_of(explore(lambda: made.append(program.run()) or made[-1]))
    nodes = topological_order(made[0])
    wanted = expected(read({v: program.written.get(v, ()) for v in program.written
                            if v in set(nodes)} | {made[0]: ()}))  # fmt: skip
    found = dict(zip(nodes, groups_on_the_page(data)))
    assert {v: found[v] for v in wanted} == {v: "/".join(path) for v, path in wanted.items()}
    assert data["value"] == [v.data for v in nodes]


# --- what is a call, and what it is called ---


def square(v):
    return v * v


def norm(x):
    return (square(x[0]) + square(x[1])) ** 0.5


def unit(x):
    size = norm(x)
    return [v / size for v in x]


def generated(x):
    for v in x:
        yield v * 2.0 + 1.0


def scaled(function):
    @wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


class Cell(Module):
    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        return self._inside(x) + self.w

    def _inside(self, x):
        return square(x) * self.w * self.w


class Attention:
    def look(self, x):
        return (x - 1.0) * x

    def __call__(self, x):
        return self.look(x).tanh()


PAIR = [Value(3.0, label="a"), Value(4.0, label="b")]
A, B = PAIR


@pytest.mark.parametrize(
    ("function", "paths"),
    [
        (lambda: A * B, [""]),
        (lambda: norm(PAIR) + A, ["norm"] * 4 + [""]),
        (lambda: F.dot(unit(PAIR), unit(PAIR)) + A,
         ["unit 1/norm"] * 4 + ["unit 1"] * 2 + ["unit 2/norm"] * 4 + ["unit 2"] * 2 + [""] * 2),
        (lambda: sum([norm(PAIR) for _ in "ab"]), ["norm 1"] * 4 + [""] + ["norm 2"] * 4 + [""]),
        (lambda: sum(norm(PAIR) for _ in "ab"), ["norm 1"] * 4 + [""] + ["norm 2"] * 4 + [""]),
        (lambda: F.sum((lambda x: [x[0] * x[1] * x[0]])(PAIR)), [""] * 3),
        (lambda: F.sum(generated(PAIR)), [""] * 5),
        (lambda: F.sum(F.softmax(PAIR)) + F.mean(PAIR),
         ["softmax"] * 8 + [""] + ["mean"] * 2 + [""]),
        (lambda: scaled(norm)(PAIR) + A, ["norm"] * 4 + [""]),
        (lambda: partial(norm, PAIR)() + A, ["norm"] * 4 + [""]),
        (lambda: no_grad()(norm)(PAIR) + A, [""]),
        (lambda: Cell()(A) * B, ["Cell/_inside"] * 3 + ["Cell", ""]),
        (lambda: Cell().forward(A) * B, ["Cell/_inside"] * 3 + ["Cell", ""]),
        (lambda: micrograd.Neuron(3)([A, B, A]) + A, ["Neuron"] * 2 + [""]),
        (lambda: Attention()(A) * B, ["Attention/look"] * 2 + ["Attention", ""]),
        (lambda: grad(norm(PAIR), A, create_graph=True) * B, None),
    ],
)  # fmt: skip
def test_groups_are_calls_of_functions_that_a_reader_knows(function, paths):
    found = paths_of(function)
    if paths is None:
        assert {"grad", "norm"} <= set(found) <= {"", "grad", "norm"}
    else:
        assert found == paths


def test_the_value_that_a_call_hands_on_is_called_like_it():
    data = data_of(explore(lambda: norm(PAIR) * norm(PAIR) + A))
    assert {"norm 1", "norm 2"} <= set(data["name"])
    assert data["name"][-1] == "sum"  # the lambda's
    assert data_of(explore(lambda: norm(PAIR)))["name"][-1] == "norm"


def test_values_of_a_call_that_hands_on_several_are_not_all_called_like_it():
    names = data_of(explore(lambda: F.dot(unit(PAIR), unit(PAIR)) + A))["name"]
    assert "norm" in names
    assert not {"unit 1", "unit 2"} & set(names)


def test_what_was_made_before_and_leaves_from_outside_belong_to_nobody():
    before = A * B + 1.0
    data = data_of(explore(lambda: norm([before, before]) + before))
    paths = groups_on_the_page(data)
    assert [path for path, op in zip(paths, data["op"]) if op < 0] == ["", "", ""]
    assert paths.count("norm") == 4
    inside = data_of(explore(lambda: F.sum(generated(PAIR)) * norm([Value(1.0), B])))
    ones = [i for i, op in enumerate(inside["op"]) if op < 0 and inside["value"][i] == 1.0]
    paths = groups_on_the_page(inside)
    assert sorted(paths[i] for i in ones) == ["", "", "norm"]  # where they are used


def test_with_a_model_its_parts_go_on_being_groups_and_the_rest_is_that_of_calls():
    model, y = MLP(2, [3, 1], rng=0), [1.0, -1.0]

    def penalty():
        return F.sum([p * p for p in model.parameters()]) * 0.1

    def loss():
        return hinge_loss(model.batch([[0.5, 1.0], [1.0, -1.0]]), y) + penalty() + norm(PAIR)

    names = [row[0] for row in data_of(explore(loss, model=model))["groups"]]
    assert {"layer 0", "layer 1", "hinge_loss", "norm"} <= set(names)
    assert "MLP" not in names


def test_a_call_that_made_one_value_beside_those_of_the_model_is_no_group():
    model = MLP(2, [3, 1], rng=0)

    def halved(x):
        return model(x) * 0.5

    data = data_of(explore(lambda: halved([0.5, 1.0]) + halved([1.0, -1.0]), model=model))
    assert not [row[0] for row in data["groups"] if row[0].startswith("halved")]


def test_a_small_table_is_shown_flat():
    w = {f"w.{i}.{j}": Value(0.5) for i in range(3) for j in range(4)}
    data = data_of(explore(F.dot(list(w.values()), list(w.values())), names=w))
    (view,) = [row[3][0] for row in data["groups"] if row[0] == "parameters (12)"]
    assert [data["name"][i] for i in view[2]] == [f"w{i},{j}" for i in range(3) for j in range(4)]


def test_names_of_tables_make_a_group_of_each_with_its_rows():
    w, v = ([[Value(0.1 * (i - j)) for j in range(12)] for i in range(10)] for _ in "wv")
    x = [Value(1.0) for _ in range(12)]
    names = {f"{n}.{i}.{j}": p for n, m in [("w", w), ("fc2", v)] for i, row in enumerate(m)
             for j, p in enumerate(row)}  # fmt: skip

    def linear(m):
        return F.sum([F.dot(row, x) for row in m])

    data = data_of(explore(lambda: linear(w) * linear(v), names=names))
    names = [row[0] for row in data["groups"]]

    def inside(name):
        _, count, items = data["groups"][names.index(name)][3][0]
        return [names[~i] if i < 0 else data["name"][i] for i in items[:count]]

    assert inside("parameters (240)") == ["w", "fc2"]
    assert inside("fc2") == [f"fc2 {i}" for i in range(10)]
    assert inside("w3") == [f"w3,{j}" for j in range(12)]
    assert inside("fc2 3") == [f"fc2 3,{j}" for j in range(12)]
    _, count, items = data["groups"][names.index("linear 2")][3][0]
    assert "fc2" in [names[~i] for i in items[count:] if i < 0]  # and not all parameters


# --- a model of language, small ---


@pytest.mark.parametrize("length", [8, 17])
def test_a_scalar_model_of_language_can_be_read(length):
    model = Letters(8, 10)
    tokens = [(3 * i * i + 1) % 10 for i in range(length)]
    data = data_of(explore(lambda: model.loss(tokens), names=model.names()))
    names = [row[0] for row in data["groups"]]
    _, count, items = data["groups"][0][3][0]
    cards = [names[~i] if i < 0 else data["name"][i] for i in items[:count]]
    assert {f"logits {k}" for k in range(1, length)} < set(cards)
    assert 12 <= len(cards) <= 40
    assert data["name"][-1] == "loss"
    assert {"quotient 1", "quotient 14"} < set(data["name"])  # of copies, each has its number
    assert {"attention", "linear 1", "linear 3", "softmax 2"} < set(names)
    assert max(len(items) for row in data["groups"] for _, _, items in row[3]) <= 60


# --- it watches, and nothing else ---


def test_gradients_and_numbers_are_those_without_watching():
    def loss():
        return F.sum(F.softmax([norm(PAIR), A * B])) * norm(unit(PAIR))

    seen = []
    data = data_of(explore(lambda: seen.append(loss()) or seen[0]))
    assert data["value"][-1] == loss().data
    assert grad(seen[0], PAIR) == grad(loss(), PAIR)
    assert [type(v) for v in topological_order(seen[0])] == [Value] * len(data["op"])
    assert not hasattr(seen[0], "__dict__")


def test_nothing_of_it_is_left_in_the_engine_also_after_an_error():
    inside = {}

    def fails():
        local = Attention()
        inside["new"], inside["local"] = engine._new, ref(local)
        norm([local, A * B])

    calls = Calls()
    with pytest.raises(TypeError, match="unsupported operand"):
        calls.during(fails)
    assert inside["new"] is not object.__new__
    assert engine._new is object.__new__
    gc.collect()
    assert inside["local"]() is None  # also while the calls are still there


def test_what_the_function_throws_away_is_not_kept():
    alive = []

    def loss():
        thrown = norm(PAIR)
        alive.append(ref(thrown))
        del thrown
        out = unit(PAIR)[0] * A  # the frame of norm has gone
        alive.append(alive[0]())
        return out

    explore(loss)
    assert alive[1] is None


def test_other_threads_are_not_seen_and_compute_as_always():
    results, go = {}, threading.Event()

    def other(name):
        v = norm(PAIR) * A
        results[name] = v, grad(v, PAIR)

    def loss():
        inherited = copy_context()
        threads = [threading.Thread(target=other, args=["plain"]),
                   threading.Thread(target=inherited.run, args=[other, "inherited"])]  # fmt: skip
        for thread in threads:
            thread.start()
            thread.join()
        go.set()
        return norm(PAIR) + results["plain"][0] + results["inherited"][0]

    assert paths_of(loss) == ["norm"] * 4 + (["-"] * 5 + [""]) * 2
    assert results["plain"][1] == results["inherited"][1] == grad(norm(PAIR) * A, PAIR)
    assert go.is_set()


def test_two_threads_explore_at_once():
    found, barrier = {}, threading.Barrier(2, timeout=60)

    def loss():
        barrier.wait()
        out = norm(PAIR)
        barrier.wait()
        return out + F.sum(unit(PAIR))

    def work(k):
        found[k] = paths_of(loss)

    threads = [threading.Thread(target=work, args=[k]) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] == ["norm"] * 4 + ["unit/norm"] * 4 + ["unit"] * 2 + [""] * 2


def test_it_also_groups_what_the_anomaly_mode_watches():
    with detect_anomaly():
        assert paths_of(lambda: norm(PAIR) + A) == ["norm"] * 4 + [""]
    assert paths_of(lambda: detect_anomaly()(norm)(PAIR) + A) == ["norm"] * 4 + [""]


def test_a_frame_that_comes_back_at_the_same_place_in_memory_is_another_call():
    calls = Calls()
    root = calls.during(lambda: F.sum([square(square(A)) for _ in range(50)]))
    assert calls.titles.count("square") == 100
    assert set(map(len, calls.paths(topological_order(root)).values())) == {0}  # of one Value each


def test_watching_costs_a_few_microseconds_a_value():
    x = [Value(float(i)) for i in range(100)]

    def work():
        return [norm([a, a]) for a in x for _ in range(5)]

    def seconds(function):
        start = time.process_time()
        function()
        return time.process_time() - start

    calls = Calls()
    watched = min(seconds(lambda: calls.during(work)) for _ in range(5))
    assert watched < 2000 * 30e-6 + 5.0 * min(seconds(work) for _ in range(5))


# --- what it refuses ---


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (norm, r"explore calls a function without arguments, and norm has some: write "
               r"explore\(lambda: norm\(\.\.\.\)\)"),
        (MLP(2, [1]), r"and MLP has some: write explore\(lambda: MLP\("),
        (lambda: 3.0, r"explore expects the Value .*, got float 3\.0"),
        (lambda: PAIR, r"got a list of 2 Values: add them up"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_explored_is_named(function, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        explore(function, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_type_error_inside_of_the_function_stays_what_it_is():
    with pytest.raises(TypeError, match="unsupported operand"):
        explore(lambda: A + "b")


def test_the_function_is_called_once():
    calls = []
    explore(lambda: calls.append(1) or norm(PAIR))
    assert calls == [1]
