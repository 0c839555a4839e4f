"""The engines that the judge is tried on are themselves judged: the right ones by torch."""

import contextlib
import gc
import io
import math
import random
import subprocess
import sys
import time
from collections import Counter
from functools import cache, partial

import pytest
import torch
from helpers.engines import HERE, same_recursion_limit, source_of
from helpers.engines.mutants import EACH, all_mutants, changes_of, chosen, mutants
from helpers.engines.probes import PROBES, answers, same
from helpers.engines.right import RIGHT
from helpers.engines.wrong import CONTAINED, HOSTILE, WRONG

RIGHT_BY_NAME = {row.name: row for row in RIGHT}
NOT_THERE = (TypeError, AttributeError, NameError, NotImplementedError, AssertionError)

# Of Values v and w: the same text for an engine and for torch; f(name, v) calls a function.
OPERATIONS = {
    "add": "v + w", "radd": "2.0 + v", "add_number": "v + 2", "sub": "v - w", "rsub": "2 - v",
    "sub_number": "v - 2.0", "mul": "v * w", "rmul": "3 * v", "mul_number": "v * 3.0",
    "div": "v / w", "rdiv": "2.0 / v", "div_number": "v / 2", "neg": "-v", "pow": "v ** 3",
    "pow_minus": "v ** -1.0", "pow_half": "v ** 0.5", "pow_value": "v ** w", "rpow": "2.0 ** v",
    "abs": "abs(v)",
}  # fmt: skip
OF_TORCH = [
    "atan",
    "cos",
    "cosh",
    "exp",
    "log",
    "relu",
    "sigmoid",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]
FUNCTIONS = {
    **{name: getattr(torch, name) for name in OF_TORCH},
    **{name: getattr(torch.nn.functional, name) for name in ("silu", "elu", "gelu")},
    "swish": torch.nn.functional.silu,
    "softplus": lambda t: torch.nn.functional.softplus(t, threshold=1000.0),
    "leaky_relu": torch.nn.functional.leaky_relu,
    "leaky_relu_steep": lambda t: torch.nn.functional.leaky_relu(t, 0.1),
    "gelu_tanh": lambda t: torch.nn.functional.gelu(t, approximate="tanh"),
}
POSITIVE = {"log", "sqrt", "pow_half", "pow_value"}  # functions of positive numbers only
POINTS = [(0.75, 1.5), (2.25, 0.5), (-0.5, 1.25), (-1.75, -0.625)]


class Spoken:
    """An engine in micrograd's words, through the words of its row."""

    def __init__(self, row):
        self.row = row
        self.names = {**vars(sys.modules[row.load().__module__])}

    def say(self, word, **names):
        return eval(self.row.word(word), self.names, names)

    def new(self, x):
        return self.say("new", x=x)

    def data(self, v):
        return float(self.say("data", v=v))

    def grad(self, v):
        return float(self.say("grad", v=v))

    def backward(self, y):
        exec(self.row.word("backward"), self.names, {"y": y})

    def f(self, name, v):
        name = {"gelu_tanh": "gelu", "leaky_relu_steep": "leaky_relu"}.get(name, name)
        return eval(self.row.word("function").replace("name", name), self.names, {"v": v})


class Torch:
    """torch in the same words."""

    def new(self, x):
        return torch.tensor(float(x), dtype=torch.float64, requires_grad=True)

    def data(self, v):
        return v.item()

    def grad(self, v):
        return v.grad.item()

    def backward(self, y):
        y.backward()

    def f(self, name, v):
        return FUNCTIONS[name](v)


def made(engine, name, v, w):
    if name in OPERATIONS:
        return eval(OPERATIONS[name], {"abs": abs}, {"v": v, "w": w})
    return engine.f(name, v)


def random_program(engine, has, seed):
    """Numbers of a program with shared nodes: its result, and the gradient of every leaf."""
    rng = random.Random(seed)
    leaves = [engine.new(round(rng.uniform(0.25, 1.75), 3)) for _ in range(3)]
    nodes = list(leaves)
    for name in rng.choices([n for n in has if n not in {"log", "pow_value"}], k=6):
        v, w = rng.choice(nodes), rng.choice(nodes)
        if name in POSITIVE:
            v = v * v + leaves[0] * leaves[0]
        nodes.append(made(engine, name, v, w))
    out = nodes[-1] * nodes[-2] + nodes[-3] * nodes[-3]
    for v in leaves:
        out = out + v
    engine.backward(out)
    return [engine.data(out), *map(engine.grad, leaves)]


@cache
def torch_program(has, seed):
    return random_program(Torch(), has, seed)


@pytest.fixture(autouse=True)
def quiet_and_shallow():
    """What engines print is not shown, what they change in Python is changed back."""
    with contextlib.redirect_stdout(io.StringIO()), same_recursion_limit():
        yield


def agree(ours, theirs, digits=12):
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, rel_tol=10.0**-digits, abs_tol=10.0**-digits)
        for a, b in zip(ours, theirs)
    )


@pytest.mark.parametrize("row", RIGHT, ids=lambda row: row.name)
def test_a_right_engine_has_what_it_says_and_it_is_right(row):
    engine = Spoken(row)
    known = {*OPERATIONS, *FUNCTIONS}
    has = set(row.has.split())
    assert has <= known
    for name in has:
        for v, w in POINTS:
            if v > 0.0 or name not in POSITIVE:
                assert agree(numbers(engine, name, v, w), torch_numbers(name, v, w), row.digits), (
                    name, v, w,
                )  # fmt: skip
    forms = {"gelu", "gelu_tanh", "leaky_relu", "leaky_relu_steep"}  # one name, two meanings
    for name in known - has - forms:
        with pytest.raises(NOT_THERE):
            numbers(engine, name, 0.75, 1.5)


def numbers(engine, name, v, w):
    v, w = engine.new(v), engine.new(w)
    out = made(engine, name, v, w) * v  # not the last op, and v is used twice
    engine.backward(out)
    leaves = [v, w] if "w" in OPERATIONS.get(name, "") else [v]
    return [engine.data(out), *map(engine.grad, leaves)]


@cache
def torch_numbers(name, v, w):
    return numbers(Torch(), name, v, w)


@pytest.mark.parametrize("row", RIGHT, ids=lambda row: row.name)
def test_a_right_engine_is_right_in_random_programs(row):
    engine = Spoken(row)
    has = tuple(row.has.split())
    for seed in range(12):
        theirs = torch_program(has, seed)
        assert agree(random_program(engine, has, seed), theirs, row.digits - 2), seed


@pytest.mark.parametrize("row", RIGHT, ids=lambda row: row.name)
def test_a_leaf_that_is_the_output_has_the_gradient_one(row):
    engine = Spoken(row)
    x = engine.new(3.0)
    engine.backward(x)
    assert engine.grad(x) == 1.0


@pytest.mark.parametrize(
    "row", [row for row in RIGHT if row.holds == "careful"], ids=lambda row: row.name
)
def test_a_careful_engine_is_right_where_most_are_not(row):
    Value = row.load()
    a, b = Value(5.0), Value(3.0)
    shared = a * b
    loss = shared * shared
    other = shared + a
    loss.backward()
    loss.backward()
    other.backward()
    assert (a.grad, b.grad) == (2 * 90.0 + 4.0, 2 * 150.0 + 5.0)
    x = Value(2.0)
    y = x * x
    x.data = 50.0
    y.backward()
    assert x.grad == 4.0
    gc.disable()
    gc.freeze()  # what others left is not counted, and not looked through
    try:
        x = y = Value(0.5)
        for _ in range(5_000):
            y = y * 0.5 + x
        y.backward()
        assert x.grad == pytest.approx(2.0)
        x = y = None
        assert gc.collect() == 0  # all was freed without the collector
    finally:
        gc.unfreeze()
        gc.enable()


# --- mutants ---


def test_the_probes_tell_right_engines_from_wrong_ones():
    wanted = answers(RIGHT_BY_NAME["records"].load())
    for name in ("closures_full", "iterative", "function_classes"):
        row = RIGHT_BY_NAME[name]
        for probe, ours, theirs in zip(PROBES, answers(row.load()), wanted):
            missing = isinstance(ours, str) or isinstance(theirs, str)
            assert missing or probe.level != "rules" or same(ours, theirs), (name, probe)
    assert sum(isinstance(answer, str) for answer in wanted) < len(wanted) // 20


def test_there_are_mutants_of_every_feature_and_always_the_same():
    made, left_out = all_mutants(EACH)
    assert len(made) >= 250
    assert {m.engine for m in made} == {"closures_full", "records"}
    per_feature = Counter(m.feature for m in made)
    assert min(per_feature.values()) >= 5
    assert per_feature["walk"] >= 40
    assert left_out["equivalent"] < 10
    first = chosen(changes_of(source_of("records"))["tanh"], 7, "tanh")
    again = chosen(changes_of(source_of("records"))["tanh"], 7, "tanh")
    assert list(map(str, first)) == list(map(str, again))


@pytest.mark.slow
def test_no_more_than_a_fiftieth_of_all_changes_is_equivalent():
    made, left_out = all_mutants(10**6)
    assert len(made) > 1000
    assert 0 < left_out["equivalent"] < len(made) / 50


def test_a_mutant_differs_from_its_engine_in_one_place():
    for mutant in mutants()[::10]:
        lines, before = mutant.source.splitlines(), source_of(mutant.engine).splitlines()
        assert len(lines) <= len(before)
        same_start = next(i for i, (a, b) in enumerate(zip(lines, before)) if a != b)
        assert f"line {same_start + 1}:" in mutant.change


# --- wrong engines ---

BY_LEVEL = {"rules": set(), "careful": {"rules"}}
NEEDS_A_JUDGE = {  # nothing that these small programs would notice; each has a test below
    "recursion", "quadratic_list", "keeps_everything", "cycles",
}  # fmt: skip


@cache
def right_answers(name):
    return answers(in_micrograds_words(RIGHT_BY_NAME[name]))


def evaluated(code, names, v):
    return eval(code, names, {"v": v})


def in_micrograds_words(row):
    """The class of an engine, or a function that makes its Values, in the words of the probes."""
    cls = row.load()
    names = vars(sys.modules[cls.__module__])
    for word in {"data", "grad"} & set(row.words):
        setattr(cls, word, property(partial(evaluated, row.word(word), names)))
    if "backward" in row.words:
        cls.backward = lambda y: exec(row.word("backward"), names, {"y": y})
    if "function" in row.words:
        for name in set(FUNCTIONS) & set(names):
            setattr(cls, name, names[name])
    return lambda x: eval(row.word("new"), names, {"x": x})


@pytest.mark.parametrize(
    "row",
    [row for row in WRONG if not row.contained and row.name not in NEEDS_A_JUDGE],
    ids=lambda row: row.name,
)
def test_a_wrong_engine_is_wrong_at_its_level_and_not_below(row):
    levels = list(differing_levels(row, first=row.level == "rules"))
    assert row.level in levels
    assert not set(levels) & BY_LEVEL[row.level]


def differing_levels(row, first):
    """The levels of the probes that an engine answers wrongly, or only of the first of them."""
    Value, its_own = in_micrograds_words(row), row.base == f"wrong_{row.name}"
    base = right_answers("closures_full" if its_own else row.base)
    for probe, of_base, of_whole in zip(PROBES, base, right_answers("closures_full")):
        is_new = its_own or isinstance(of_base, str)  # then it may raise: it may not have this
        right = of_whole if isinstance(of_base, str) else of_base
        mine = probe.answer(Value)
        unknown = isinstance(right, str) or (is_new and isinstance(mine, str))
        if not unknown and not same(mine, right):
            yield probe.level
            if first:
                return


def test_every_text_of_an_engine_is_another_one():
    rows = [*RIGHT, *WRONG, *HOSTILE]
    assert len({row.source for row in rows}) == len({row.name for row in rows}) == len(rows)
    files = {path.stem for path in HERE.glob("*.py")}
    tables = {"__init__", "conftest", "mutants", "probes", "right", "wrong"}
    assert files - tables == {row.name for row in RIGHT} | {
        row.base for row in WRONG if row.base == f"wrong_{row.name}"
    }


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.name)
def test_a_hostile_engine_has_the_numbers_of_a_right_one(row, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)  # what a __del__ raises
    Value = row.load()
    for probe, right in list(zip(PROBES, right_answers(row.base)))[::3]:
        assert isinstance(right, str) or same(probe.answer(Value), right), probe
    gc.collect()


def test_two_engines_leak_and_two_are_late_or_too_deep():
    rows = {row.name: row.load() for row in WRONG if row.name in NEEDS_A_JUDGE}

    def left_over(Value):
        gc.freeze()
        for _ in range(100):
            (Value(0.5) * Value(2.0)).backward()
        try:
            return gc.collect()
        finally:
            gc.unfreeze()

    assert left_over(rows["cycles"]) >= 100
    left_over(rows["keeps_everything"])
    assert len(vars(sys.modules[rows["keeps_everything"].__module__])["EVERYTHING"]) == 300
    with pytest.raises(RecursionError):
        long_chain(rows["recursion"], 3000)
    right = min(measured(long_chain, RIGHT_BY_NAME["iterative"].load(), 1500) for _ in range(3))
    assert measured(long_chain, rows["quadratic_list"], 1500) > 4 * right


def long_chain(Value, length):
    y = Value(1.0)
    for _ in range(length):
        y = -y
    y.backward()


def measured(f, *args):
    start = time.process_time()
    f(*args)
    return time.process_time() - start


PROGRAMS = {"new": "float(Value(0.5).data)", "backward": "(-Value(0.5)).backward()",
            "abs": "abs(Value(0.5))"}  # fmt: skip


def test_a_contained_engine_ends_a_process_as_it_says(tmp_path):
    """Each in a process of its own, all at once; those that hang are ended."""
    running = {}
    for row in CONTAINED:
        if row.contained in {"hangs", "dies", "exits", "memory"}:
            code = (
                row.source + PROGRAMS.get(row.when, f"Value(0.5).{row.when}()") + "\nprint('ok')\n"
            )
            (tmp_path / f"{row.name}.py").write_text(code)
            running[row.name] = subprocess.Popen(
                [sys.executable, "-I", "-S", tmp_path / f"{row.name}.py"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
    rows = [row for row in CONTAINED if row.name in running]
    for row in sorted(rows, key=lambda row: row.contained == "hangs"):
        hangs, process = row.contained == "hangs", running[row.name]
        try:
            out, err = process.communicate(timeout=0.05 if hangs else 20.0)
            assert not hangs, row.name
            assert "ok" not in out, row.name
            assert row.contained != "memory" or "MemoryError" in err
        except subprocess.TimeoutExpired:
            assert hangs, row.name
        finally:
            process.kill()
            process.communicate()
