"""Levels 2 and 3: right engines pass, and each mistake gets the sentence that names it."""

import math
import re
from contextlib import nullcontext
from functools import cache

import pytest
import torch

from micrograd_like.check_engine.careful import CAREFUL
from micrograd_like.check_engine.causes import Finding, cause
from micrograd_like.check_engine.complete import COMPLETE, notes
from micrograd_like.check_engine.contain import Contained, Outcome
from micrograd_like.check_engine.functions import FUNCTIONS
from micrograd_like.check_engine.judge import check_engine, is_close
from micrograd_like.engine import Value, grad

LEVELS = (*CAREFUL, *COMPLETE)
MILLION = next(check for check in CAREFUL if check.name == "depth 1,000,000")
CASES = [(check, k) for check in LEVELS if check != MILLION for k in range(len(check.cases))]
NAMES = [f"{check.name}, {k}" for check, k in CASES]
IN_PYTHON = {"backward of backward"}  # not offered by our Value; the torch class has it


def number(x):
    if isinstance(x, list | tuple):
        return [number(part) for part in x]
    return float(x.data if hasattr(x, "data") else x)


def came(case, **names):
    exec(case.code, names)
    return {ask: number(eval(ask, names)) for ask in case.wanted}


def assert_right(case, got):
    for ask in case.wanted:
        near = [is_close(got[ask], answer, 1e-9) for answer in case.answers(ask)]
        assert any(near), (ask, got[ask], case.answers(ask), case.code)


def functions_of(case):
    return {name for name in re.findall(r"\.(\w+)\(\)", case.code) if name in FUNCTIONS}


# --- right engines ---


@pytest.mark.parametrize(("check", "k"), CASES, ids=NAMES)
def test_our_values_give_what_is_wanted(check, k):
    case = check.cases[k]
    if check.name in IN_PYTHON or not all(hasattr(Value, f) for f in functions_of(case)):
        pytest.skip("not there")
    assert_right(case, came(case, Value=Value, grad=grad))


def test_our_values_have_all_functions_that_are_looked_at_far_out():
    missing = {f for c in CAREFUL for case in c.cases for f in functions_of(case)} - set(dir(Value))
    assert not missing


class Scalar:
    """A 0-dim float64 tensor in micrograd's words: PyTorch is the judge of what is wanted."""

    def __init__(self, data):
        if not isinstance(data, torch.Tensor):
            data = torch.tensor(float(data), dtype=torch.float64, requires_grad=True)
        self.t = data

    @property
    def data(self):
        return self.t.item()

    @data.setter
    def data(self, number):
        self.t.data = torch.tensor(float(number), dtype=torch.float64)

    @property
    def grad(self):
        g = self.t.grad
        return Scalar(g) if g is not None and g.requires_grad else 0.0 if g is None else g.item()

    @grad.setter
    def grad(self, number):
        self.t.grad = None

    def backward(self, create_graph=False):
        warned = pytest.warns(UserWarning, match="create_graph")
        with warned if create_graph else nullcontext():
            self.t.backward(retain_graph=True, create_graph=create_graph)

    def __getattr__(self, name):
        if name not in FUNCTIONS:
            raise AttributeError(name)
        f = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        return lambda: Scalar(f(self.t))


def plain(x):
    return x.t if isinstance(x, Scalar) else float(x)


for method in ("add", "sub", "mul", "truediv", "pow"):
    for side in ("__", "__r"):
        way = getattr(torch.Tensor, f"{side}{method}__")
        setattr(
            Scalar,
            f"{side}{method}__",
            lambda self, other, way=way: Scalar(way(self.t, plain(other))),
        )
Scalar.__neg__ = lambda self: Scalar(-self.t)
for method in ("__lt__", "__le__", "__gt__", "__ge__"):
    way = getattr(float, method)
    setattr(Scalar, method, lambda self, other, way=way: way(self.data, number(other)))


def torch_grad(y, inputs, create_graph=False):
    found = torch.autograd.grad(y.t, [x.t for x in inputs], create_graph=create_graph)
    return [Scalar(g) for g in found]


CHANGED = (
    "a changed leaf"  # torch's .data is no recorded change: it gives the new number's gradient
)


@pytest.mark.parametrize(("check", "k"), CASES, ids=NAMES)
def test_torch_gives_what_is_wanted(check, k):
    case = check.cases[k]
    if not all(hasattr(torch, f) or hasattr(torch.nn.functional, f) for f in functions_of(case)):
        pytest.skip("not there")
    got = came(case, Value=Scalar, grad=torch_grad)
    if check.name == CHANGED:
        with pytest.raises(AssertionError):
            assert_right(case, got)
    else:
        assert_right(case, got)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Value, Scalar])
def test_a_million_nodes_hold(cls):
    assert "1000000" in MILLION.cases[0].code
    assert_right(MILLION.cases[0], came(MILLION.cases[0], Value=cls))


# --- micrograd 0.1.0 ---

MICROGRAD_IS_WRONG = {
    *("backward twice", "two losses", "a changed leaf", "the same bits", "no garbage"),
    *("depth 1,000", "depth 10,000", "depth 1,000,000"),
    *("1 / 0", "0 / 0", "too large", "x ** 0", "0 ** -1", "(-8) ** (1 / 3)"),
    "a text for a number",
}


def test_micrograd_fails_exactly_the_checks_that_it_does_not_hold():
    engine = pytest.importorskip("micrograd.engine")
    marks = {r.name: r.mark for r in check_engine(engine.Value).results}
    wrong = {name for name, mark in marks.items() if mark in ("wrong", "follows")}
    assert wrong == MICROGRAD_IS_WRONG
    assert marks["training with relu"] == marks["a step of training"] == "right"


def ours(name):
    return next(check for check in LEVELS if check.name == name)


def test_a_set_of_inputs_is_seen_every_time_and_a_tuple_never():
    engine = pytest.importorskip("micrograd.engine")
    case = ours("the same bits").cases[0]
    for _ in range(3):
        for cls, is_right in ((engine.Value, False), (engine_with(), True)):
            with Contained(lambda cls=cls: cls) as wall:
                (spread,) = wall.run(case.code, list(case.wanted)).numbers.values()
            assert (spread == 0.0) == is_right


def test_programs_that_single_precision_cannot_hold_are_known():
    double = {check.name for check in LEVELS if any(c.needs_double for c in check.cases)}
    assert double == {
        *("exp far out", "log far out", "sqrt far out", "atan far out", "log1p far out"),
        "too large",
    }


@pytest.mark.slow
def test_single_precision_is_not_accused():
    numpy = pytest.importorskip("numpy")

    class Single(engine_with()):
        def __init__(self, data, *more):
            super().__init__(numpy.float32(data), *more)

    with numpy.errstate(all="ignore"):
        failed = {f.name for f in check_engine(Single, "careful").failures}
    assert failed == set()


# --- wrong engines ---


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def safely(f):
    """The IEEE answer where Python raises."""

    def answer(*numbers):
        try:
            return f(*numbers)
        except OverflowError:
            return math.inf
        except (ZeroDivisionError, ValueError):
            return math.nan

    return answer


FUNCTIONS_OF_ONE = {  # value and slope
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "relu": (lambda x: x if x != x or x > 0 else 0.0, lambda x: float(x > 0)),
    "abs": (abs, lambda x: float(x > 0) - float(x < 0)),
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x) if x else math.inf),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "softplus": (lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))), sigmoid),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "elu": (lambda x: x if x > 0 else math.expm1(x), lambda x: 1.0 if x > 0 else math.exp(x)),
    "atan": (math.atan, lambda x: 1 / (1 + x * x)),
    "log1p": (math.log1p, lambda x: 1 / (1 + x)),
    "expm1": (math.expm1, math.exp),
    "gelu": (
        lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
        lambda x: (
            math.erfc(-x / math.sqrt(2)) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        ),
    ),
}
NAIVE = {
    "tanh": lambda x: (math.exp(2 * x) - math.exp(-2 * x)) / (math.exp(2 * x) + math.exp(-2 * x)),
    "sigmoid": lambda x: math.exp(x) / (1 + math.exp(x)) + 0 * math.exp(-x),
    "softplus": lambda x: math.log(1 + math.exp(x)) + 0 * math.exp(-x),
    "silu": lambda x: x * math.exp(x) / (1 + math.exp(x)) + 0 * math.exp(-x),
    "elu": lambda x: (x > 0) * x + (x <= 0) * math.exp(x) - 1 + 0 * math.exp(abs(x)),
    "atan": lambda x: math.atan(x) + 0 * x**2,
    "exp": lambda x: math.exp(2 * abs(x)),
    "gelu": lambda x: x * math.exp(x * x),
    "expm1": lambda x: math.exp(abs(x)),
}


def engine_with(*mistakes):
    """An engine of nodes that keep their slopes; right without mistakes."""
    has = mistakes.__contains__
    registry = []

    class Node:
        def __init__(self, data, inputs=(), rule=None):
            self.data, self._grad, self.inputs, self.rule = data, 0.0, inputs, rule
            self.first, self.used, self.done = data, False, False
            if has("set"):
                self.inputs = tuple(set(inputs))
            if has("cycle"):
                self.itself = self
            if has("registry"):
                registry.append(self)

        @property
        def grad(self):
            return self._grad

        @grad.setter
        def grad(self, number):
            if not has("zero is lost"):
                self._grad = number

        def __add__(self, other):
            return node(lambda x, y: x + y, lambda x, y: (1.0, 1.0), self, other)

        def __mul__(self, other):
            return node(lambda x, y: x * y, lambda x, y: (y, x), self, other)

        def __truediv__(self, other):
            divide = (lambda x, y: x / y) if has("raises") else safely(lambda x, y: x / y)
            return node(
                divide, lambda x, y: (divide(1.0, y), -divide(divide(x, y), y)), self, other
            )

        def __rmul__(self, other):
            return self * other

        def __rsub__(self, other):
            return self * -1.0 + other

        def __pow__(self, k):
            power = (lambda x, k: x**k) if has("raises") else safely(lambda x, k: x**k)
            return node(
                lambda x: power(x, k),
                lambda x: (k * power(x, k - 1) if k or has("products") else 0.0,),
                self,
            )

        def backward(self, **create_graph):
            if has("only once") and self.done:
                return
            start, self.done = self._grad if has("seed added") else 0.0, True
            order = push(self, 1.0) if has("each path") else walk(self)
            for v in order:
                kept = has("inner kept") or (has("ends kept") and v.done)
                if has("leaves emptied") or (v.inputs and not kept):
                    v._grad = 0.0
            if not (has("seed at the end only") and self.used):
                self._grad = start + 1.0
            for v in reversed(order):
                for x, slope in zip(v.inputs, v.rule() if v.inputs else ()):
                    x._grad += slope * v._grad if slope or has("products") else 0.0
            for v in order if create_graph else ():
                v._grad = Node(v._grad)

    def node(f, slopes, *inputs):
        inputs = tuple(x if isinstance(x, Node) else Node(x) for x in inputs)
        for x in inputs:
            x.used = True
        kept = [x.first if has("a copy") else x.data for x in inputs]
        recorded = slopes(*kept)
        if has("rule reads later"):
            return Node(f(*kept), inputs, lambda: slopes(*[x.data for x in inputs]))
        if has("a copy in the rule"):
            recorded = slopes(*[x.first for x in inputs])
        return Node(f(*kept), inputs, lambda: recorded)

    def push(v, g):
        v._grad += g
        for x, slope in zip(v.inputs, v.rule() if v.inputs else ()):
            push(x, slope * g)
        return []

    def walk(end):
        if has("recursion"):
            return recursive(end)
        order, seen, todo = [], [] if has("looks in a list") else set(), [(end, False)]
        add = seen.append if has("looks in a list") else seen.add
        while todo:
            v, is_done = todo.pop()
            if is_done:
                order.append(v)
            elif v not in seen:
                add(v)
                todo.append((v, True))
                todo += [(x, False) for x in v.inputs]
        return order

    def recursive(end):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for x in v.inputs:
                    visit(x)
                order.append(v)

        visit(end)
        return order

    for name, (f, slope) in FUNCTIONS_OF_ONE.items():
        if has("naive"):
            f = NAIVE.get(name, f)
        elif has("moved"):
            f = slope = lambda x: 7.0
        elif has("numpy"):
            f = slope = lambda x: math.nan
        elif not has("raises"):
            f, slope = safely(f), safely(slope)
        if name == "relu" and has("relu >="):
            slope = lambda x: float(x >= 0)  # noqa: E731
        if name == "relu" and has("relu half"):
            slope = lambda x: 0.5 if x == 0 else float(x > 0)  # noqa: E731
        if name == "relu" and has("max(0.0, nan)"):
            f = lambda x: max(0.0, x)  # noqa: E731
        if name == "abs" and has("abs +"):
            slope = lambda x: 1.0 if x >= 0 else -1.0  # noqa: E731
        if name == "abs" and has("abs -"):
            slope = lambda x: 1.0 if x > 0 else -1.0  # noqa: E731
        setattr(Node, name, lambda self, f=f, s=slope: node(f, lambda x: (s(x),), self))
    if has("unhashable"):
        Node.__eq__ = lambda self, other: self.data == other.data
        Node.__hash__ = None
    if has("another hash"):
        Node.__eq__ = lambda self, other: self.data == other.data
        Node.__hash__ = object.__hash__
    if has("hash of the number"):
        Node.__eq__ = lambda self, other: self.data == other.data
        Node.__hash__ = lambda self: hash(self.data)
    if has("an array"):
        Node.__array__ = lambda self, *how, **more: torch.tensor(self.data).numpy()
    return Node


def first_derivatives_only(y, inputs, create_graph=False):
    for x in inputs:
        x.grad = 0.0
    y.backward()
    return [type(y)(x.grad) for x in inputs]


FAR_OUT = [f"{name} far out" for name in FUNCTIONS_OF_ONE if name not in ("relu", "abs")]
WRONG = {
    ("seed at the end only",): ["backward in the middle"],
    ("seed added",): ["backward twice"],
    ("inner kept",): ["backward twice", "two losses"],
    ("ends kept",): ["two losses"],
    ("leaves emptied",): ["backward twice", "two losses", "zero and again"],
    ("only once",): ["backward twice"],
    ("zero is lost",): ["zero and again"],
    ("rule reads later",): ["a changed leaf"],
    ("a copy",): ["a step of training"],
    ("a copy in the rule",): ["a step of training"],
    ("set",): ["the same bits"],
    ("recursion",): ["depth 1,000", "no garbage"],
    ("each path",): ["diamonds"],
    ("looks in a list",): ["linear time"],
    ("cycle",): ["no garbage"],
    ("registry",): ["no leak"],
    ("relu >=",): ["relu at 0"],
    ("relu half",): ["relu at 0"],
    ("naive", "raises"): [f"{name} far out" for name in NAIVE],
    ("moved",): FAR_OUT,
    ("numpy",): FAR_OUT,
    ("raises",): ["1 / 0", "too large", "sqrt(-1)", "exp(1000)", "(-8) ** (1 / 3)"],
    ("raises", "products"): ["x ** 0"],
    ("products",): ["a masked path", "x ** 0"],
    ("abs +",): ["abs(0)"],
    ("abs -",): ["abs(0)"],
    ("max(0.0, nan)",): ["relu(nan)"],
    ("unhashable",): ["in a set"],
    ("another hash",): ["in a set"],
    ("hash of the number",): ["a hash that stays"],
    ("an array",): ["numpy's 2.0 * x"],
    (): ["a text for a number", "grad of grad", "backward of backward"],
}


@cache
def sentences(*mistakes):
    """By check the hints that an engine with these mistakes gets, from every case that it fails."""
    engine, found = engine_with(*mistakes), {}
    with Contained(lambda: engine, {"Value": engine, "grad": first_derivatives_only}) as wall:
        wall.describe()  # it is loaded: from now on the seconds are those of the check
        for check in map(ours, WRONG[mistakes]):
            seconds = 0.5 if check.name == "diamonds" else check.seconds
            hints = {sentence for case in check.cases for sentence in case.hints.values()}
            found[check.name] = set()
            for case in check.cases:
                came = wall.run(case.code, list(case.wanted), seconds, data="{}.data")
                causes = {cause(f, dict) for f in findings(check, case, came)}
                found[check.name] |= causes & hints
    return found


def findings(check, case, came):
    if came.trouble:
        return [Finding(check, case, "", "", came.trouble)]
    wrong = [a for a in case.wanted if not is_close(came.numbers[a], case.answers(a)[0], 1e-9)]
    return [Finding(check, case, ask, came.numbers[ask], None) for ask in wrong]


@pytest.mark.parametrize("mistakes", WRONG, ids=" and ".join)
def test_a_mistake_gets_a_sentence(mistakes):
    assert [name for name, found in sentences(*mistakes).items() if not found] == []


UNSEEN = {  # of an engine that takes all memory, all stack, or all time; of NumPy set to raise
    "a node takes too much memory",
    "the work for a node grows with the number of nodes before it",
}


def test_every_sentence_is_given_to_some_mistake():
    told = {hint for check in LEVELS for case in check.cases for hint in case.hints.values()}
    told = {hint for hint in told if not hint.endswith("FloatingPointError")}
    given = {
        hint for mistakes in WRONG for found in sentences(*mistakes).values() for hint in found
    }
    assert {hint for hint in told - given if "ended the whole process" not in hint} == UNSEEN


def test_the_little_engine_without_mistakes_passes_level_2():
    engine = engine_with()
    with Contained(lambda: engine, {"Value": engine}) as wall:
        for check in CAREFUL:
            for case in check.cases if check != MILLION else ():
                came = wall.run(case.code, list(case.wanted), check.seconds)
                assert not findings(check, case, came), (check.name, came)


# --- notes ---


def test_notes_tell_bytes_and_time():
    with Contained(lambda: Value) as wall:
        size, speed = notes(wall.run)
    assert 50 < float(re.search(r"takes (\d+) bytes", size)[1]) < 400
    assert re.fullmatch(r"a node takes [\d.e-]+ microseconds, .* closures", speed)


def test_notes_of_an_engine_that_fails_are_empty():
    assert notes(lambda *code, **how: Outcome({})) == []
