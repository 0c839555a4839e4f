"""Level 3, complete: the edges of IEEE 754 with PyTorch's conventions, and good manners.

No operation on floats raises: what is too large is inf, what has no answer is nan. Where a slope
is a matter of convention, it is PyTorch's, and the sentence of the check says so.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .cases import Case, Check
from .contain import Outcome
from .functions import FUNCTIONS

_RAISED = "Python raises here, where a processor (and PyTorch) gives inf, -inf or nan: catch {}"
_ERRORS = {
    ("", name): _RAISED.format(name)
    for name in ("ZeroDivisionError", "OverflowError", "ValueError", "FloatingPointError")
}


class _Edge(NamedTuple):
    sentence: str
    needs: tuple[str, ...]
    cases: tuple[tuple[str, str, dict[str, str]], ...]  # leaves, expression, what is wanted
    hints: Mapping[tuple[str, str], str] = MappingProxyType({})


def _x(x: str, expression: str, value: str, slope: str) -> tuple[str, str, dict[str, str]]:
    return (f"x = {x}", expression, {"y.data": value, "x.grad": slope})


def _ab(
    a: str, b: str, expression: str, value: str, slope_a: str, slope_b: str
) -> tuple[str, str, dict[str, str]]:
    wanted = {"y.data": value, "a.grad": slope_a, "b.grad": slope_b}
    return (f"a = {a}\nb = {b}", expression, wanted)


_COMPLEX = {("y.data", "*"): "a power of a negative float is complex in Python, silently"}
_AT_KINK = {
    ("x.grad", "1.0"): "at the kink the slope is 0",
    ("x.grad", "-1.0"): "at the kink the slope is 0",
}

_INF, _MINUS_INF, _NAN = "float('inf')", "float('-inf')", "float('nan')"
_EDGES: dict[str, _Edge] = {
    "1 / 0": _Edge(
        "1 / 0 is inf, and its slopes are 1 / 0 = inf and -inf", ("a / b", "3 / x"),
        (
            _ab("1.0", "0.0", "a / b", "inf", "inf", "-inf"),
            _ab("1.0", "-0.0", "a / b", "-inf", "-inf", "-inf"),
            _x("0.0", "3 / x", "inf", "-inf"),
        ),
    ),
    "0 / 0": _Edge("0 / 0 is nan", ("a / b",), (_ab("0.0", "0.0", "a / b", "nan", "inf", "nan"),)),
    "too large": _Edge(
        "what is too large for a float is inf", ("a * b", "x ** 2"),
        (
            _ab("1e308", "10.0", "a * b", "inf", "10.0", "1e308"),
            _x("1e200", "x ** 2", "inf", "2e200"),
            _ab("1e200", "1e-200", "a / b", "inf", "1e200", "-inf"),
        ),
    ),
    "x ** 0": _Edge(
        "x ** 0 is 1 and its slope is 0, everywhere", ("x ** 2",),
        (
            _x("3.0", "x ** 0", "1.0", "0.0"), _x("0.0", "x ** 0", "1.0", "0.0"),
            _x(_INF, "x ** 0", "1.0", "0.0"), _x(_NAN, "x ** 0", "1.0", "0.0"),
        ),
        {("", "ZeroDivisionError"): "k * x**(k - 1) divides by zero here; for k = 0 the slope is 0",
         ("x.grad", "nan"): "k * x**(k - 1) is 0 * inf here; for k = 0 the slope is 0"},
    ),
    "x ** 1 at 0": _Edge("x ** 1 and x ** 2 at 0 have the slopes 1 and 0", ("x ** 2",),
        (_x("0.0", "x ** 1", "0.0", "1.0"), _x("0.0", "x ** 2", "0.0", "0.0"))),
    "0 ** -1": _Edge("0 ** -1 is inf, its slope -inf", ("x ** -1",),
        (_x("0.0", "x ** -1", "inf", "-inf"),)),
    "(-8) ** (1 / 3)": _Edge("a root of a negative number is nan, not complex", ("x ** 0.5",),
        (_x("-8.0", "x ** (1 / 3)", "nan", "nan"),), _COMPLEX),
    "exp(1000)": _Edge("exp(1000) is inf, and so is its slope", ("exp",),
        (_x("1000.0", "x.exp()", "inf", "inf"), _x(_MINUS_INF, "x.exp()", "0.0", "0.0"))),
    "log(0)": _Edge("log(0) is -inf, its slope 1 / 0 = inf", ("log",),
        (_x("0.0", "x.log()", "-inf", "inf"),)),
    "log(-1)": _Edge("log(-1) is nan; its slope is 1 / x all the same, as in PyTorch", ("log",),
        (_x("-1.0", "x.log()", "nan", "-1.0"),)),
    "log(inf)": _Edge("log(inf) is inf, its slope 0", ("log",),
        (_x(_INF, "x.log()", "inf", "0.0"),)),
    "log1p(-1)": _Edge("log1p(-1) is -inf, its slope 1 / 0 = inf", ("log1p",),
        (_x("-1.0", "x.log1p()", "-inf", "inf"), _x("-2.0", "x.log1p()", "nan", "-1.0"))),
    "sqrt(0)": _Edge("sqrt(0) is 0, its slope inf, as in PyTorch", ("sqrt",),
        (_x("0.0", "x.sqrt()", "0.0", "inf"),)),
    "sqrt(-1)": _Edge("sqrt(-1) is nan", ("sqrt",),
        (_x("-1.0", "x.sqrt()", "nan", "nan"),), _COMPLEX),
    "a masked path": _Edge(
        "a path that relu has closed contributes 0, even if an inf comes from above",
        ("relu", "sqrt", "sqrt(0)"), (_x("-1.0", "x.relu().sqrt()", "0.0", "0.0"),),
        {("x.grad", "nan"): "0 * inf is nan: where relu is closed the gradient is 0, without a"
        " product"},
    ),
    "abs(0)": _Edge("abs at 0 has the slope 0, as in PyTorch", ("abs",),
        (_x("0.0", "x.abs()", "0.0", "0.0"), _x("-0.0", "x.abs()", "0.0", "0.0")), _AT_KINK),
    "tanh(inf)": _Edge("tanh(inf) is 1, its slope 0", ("tanh far out",),
        (_x(_INF, "x.tanh()", "1.0", "0.0"), _x(_MINUS_INF, "x.tanh()", "-1.0", "0.0"))),
    "sigmoid(inf)": _Edge("sigmoid at inf and -inf is 1 and 0, its slope 0", ("sigmoid far out",),
        (_x(_INF, "x.sigmoid()", "1.0", "0.0"), _x(_MINUS_INF, "x.sigmoid()", "0.0", "0.0"))),
    "softplus(inf)": _Edge("softplus at inf is inf, at -inf 0", ("softplus far out",),
        (_x(_INF, "x.softplus()", "inf", "1.0"), _x(_MINUS_INF, "x.softplus()", "0.0", "0.0"))),
    "relu(inf)": _Edge("relu at inf is inf, at -inf 0", ("relu",),
        (_x(_INF, "x.relu()", "inf", "1.0"), _x(_MINUS_INF, "x.relu()", "0.0", "0.0"))),
    "sin(inf)": _Edge("sin(inf) is nan", ("sin",), (_x(_INF, "x.sin()", "nan", "nan"),)),
    "cos(inf)": _Edge("cos(inf) is nan", ("cos",), (_x(_INF, "x.cos()", "nan", "nan"),)),
    "sinh(1000)": _Edge("sinh(1000) is inf", ("sinh",), (_x("1000.0", "x.sinh()", "inf", "inf"),)),
    "cosh(1000)": _Edge("cosh(1000) is inf", ("cosh",), (_x("1000.0", "x.cosh()", "inf", "inf"),)),
    "atan(inf)": _Edge("atan(inf) is pi / 2", ("atan",), (_x(_INF, "x.atan()", "pi / 2", "0.0"),)),
    "asin(1)": _Edge("asin(1) is pi / 2, its slope inf", ("asin",),
        (_x("1.0", "x.asin()", "pi / 2", "inf"),)),
    "acos(1)": _Edge("acos(1) is 0, its slope -inf", ("acos",),
        (_x("1.0", "x.acos()", "0.0", "-inf"),)),
    "expm1(1000)": _Edge("expm1(1000) is inf", ("expm1",),
        (_x("1000.0", "x.expm1()", "inf", "inf"),)),
}  # fmt: skip


def _of_edge(name: str, edge: _Edge) -> Check:
    cases = []
    for leaves, expression, wanted in edge.cases:
        made = "\n".join(
            "{} = Value({})".format(*line.split(" = ", 1)) for line in leaves.split("\n")
        )
        code = f"{made}\ny = {expression}\ny.backward()"
        cases.append(Case(code, wanted, {**_ERRORS, **edge.hints}))
    refusable = "**" in name and edge.hints is _COMPLEX  # an engine may have integer powers only
    return Check(
        name, "complete", edge.sentence, tuple(cases), edge.needs, may_refuse=refusable
    )  # fmt: skip


def _nan(name: str) -> Check:
    hints = dict(_ERRORS)
    if name == "relu":
        hints["y.data", "0.0"] = "max(0.0, nan) is 0.0 in Python: ask for x < 0, which nan is not"
    case = Case(f"x = Value(float('nan'))\ny = x.{name}()", {"y.data": "nan"}, hints)
    return Check(f"{name}(nan)", "complete", f"{name} of nan is nan", (case,), (name,))


_CUT = "the slope was a plain number in the first gradient: x has to be in it"
_TRIED = """refused = False
try:
    {}
except Exception:
    refused = True"""
_MANNERS = (
    Check(
        "a < b", "complete", "< and > compare the numbers",
        (
            Case("a = Value(1.0)\nb = Value(2.0)", {"[a < b, b < a, a > b, b > a]": "1.0, 0.0,"
            " 0.0, 1.0"}),
            Case("a = Value(1.0)\nb = Value(1.0)", {"[a < b, a > b]": "0.0, 0.0"}),
            Case("a = Value(1.0)", {"[a < 2, a > 2]": "1.0, 0.0"}),
            Case("a = Value(1.0)\nb = Value(1.0)", {"[a <= b, a >= b]": "1.0, 1.0"}),
        ),
        ("a number",), optional=True,
    ),
    Check(
        "in a set", "complete", "a node can be put into a set and a dictionary, and is found there",
        (
            Case(
                "a = Value(1.0)\nnames = {a: 7.0}", {"names[a]": "7.0"},
                {("", "TypeError"): "a class with __eq__ and no __hash__ cannot be put into a set:"
                 " `__hash__ = object.__hash__`, with an __eq__ that compares nodes, not numbers"},
            ),
            Case("a = Value(1.0)\nb = Value(1.0)\nbroken = (a == b) is True and hash(a) != hash(b)",
                 {"broken": "0.0"},
                 {("broken", "1.0"): "what is equal must have the same hash, or sets and"
                 " dictionaries fail"}),
        ),
        ("a number",),
    ),
    Check(
        "a hash that stays", "complete", "a node is found in a set after its number has changed",
        (
            Case("a = Value(1.0)\nnodes = {a}\na.data = 5.0", {"a in nodes": "1.0"},
                 {("a in nodes", "0.0"): "the hash depends on the number: it should be that of"
                 " the node"}),
        ),
        ("in a set",), may_refuse=True,
    ),
    Check(
        "numpy's 2.0 * x", "complete", "a NumPy number on the left makes a node, too",
        (
            Case("from numpy import float64\n\nx = Value(3.0)\ny = float64(2.0) * x",
                 {"type(y) is type(x)": "1.0"},
                 {("type(y) is type(x)", "0.0"): "`__array_ufunc__ = None` in the class tells"
                  " NumPy to leave the product to __rmul__"}),
            Case("from numpy import float64\n\nx = Value(3.0)\ny = float64(2.0) * x\ny.backward()",
                 {"y.data": "6.0", "x.grad": "2.0"}),
            Case("from numpy import float64\n\nx = Value(3.0)\ny = float64(2.0) - x\ny.backward()",
                 {"y.data": "-1.0", "x.grad": "-1.0"}),
        ),
        ("3 * x", "2 - x"), 10.0, optional=True,
    ),
    Check(
        "grad of grad", "complete", "a second derivative by grad(..., create_graph=True), if"
        " there is one",
        (
            Case(
                "x = Value(3.0)\ny = x * x * x\ng = grad(y, [x], create_graph=True)[0]\n"
                "h = grad(g, [x])[0]",
                {"g": "3 * 3.0**2", "h": "6 * 3.0"}, {("h", "0.0"): _CUT},
            ),
        ),
        ("a node used three times",), optional=True,
    ),
    Check(
        "backward of backward", "complete",
        "a second derivative by backward(create_graph=True), if there is one",
        (
            Case(
                "x = Value(3.0)\ny = x * x * x\ndone = y.backward(create_graph=True)\ng = x.grad\n"
                "x.grad = 0.0\ng.backward()",
                {"x.grad": "6 * 3.0"}, {("x.grad", "0.0"): _CUT},
            ),
        ),
        ("a node used three times",), optional=True,
    ),
    Check(
        "a text for a number", "complete", "what is no number is refused, or read as one",
        (
            Case(_TRIED.format("x = Value('3') * 2") + "\nfine = refused or x.data == 6.0",
                 {"fine": "1.0"},
                 {("fine", "0.0"): "the text is kept, and a text times 2 is the"
                  " text twice"}),
            Case(_TRIED.format("x = Value(2) * 'a'"), {"refused": "1.0"},
                 {("refused", "0.0"): "the text is kept, and 2 times a text is the text twice"}),
            Case(_TRIED.format("x = Value(None)") + "\nfine = refused or x.data != x.data",
                 {"fine": "1.0"},
                 {("fine", "0.0"): "None is kept as if it were a number:"
                  " refuse it where it comes in"}),
        ),
        ("a number",),
    ),
    Check(
        "what print shows", "complete", "print shows the number, if the class has a __repr__",
        (
            Case("x = Value(2.5)\nfound = '2.5' in repr(x) or type(x).__repr__ is object.__repr__",
                 {"found": "1.0"}),
        ),
        ("a number",),
    ),
)  # fmt: skip

COMPLETE: tuple[Check, ...] = (
    *[_of_edge(name, edge) for name, edge in _EDGES.items()],
    *[_nan(name) for name in FUNCTIONS],
    *_MANNERS,
)

# --- what is worth knowing, and no check ---

MICROGRAD_BYTES = 688  # a node of micrograd 0.1.0 with CPython 3.11, by the program below
_BYTES = """import gc, tracemalloc
x = Value(1.0)
gc.collect()
tracemalloc.start()
nodes = [x * x for k in range(1000)]
size = (tracemalloc.get_traced_memory()[0] - nodes.__sizeof__()) / 1000
tracemalloc.stop()"""
_TIME = """import time

class Closure:
    def __init__(self, data, inputs=(), rule=None):
        self.data, self.grad, self.inputs, self.rule = data, 0.0, inputs, rule

    def __add__(self, other):
        def rule():
            self.grad += out.grad
            other.grad += out.grad

        out = Closure(self.data + other.data, (self, other), rule)
        return out

    def run_back(self):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for x in v.inputs:
                    visit(x)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            if v.rule:
                v.rule()

def tree(x):
    nodes = [x + x for k in range(512)]
    while len(nodes) > 1:
        nodes = [a + b for a, b in zip(nodes[::2], nodes[1::2])]
    return nodes[0]

def once():
    start = time.perf_counter()
    y = tree(Value(1.0))
    y.backward()
    middle = time.perf_counter()
    tree(Closure(1.0)).run_back()
    return (middle - start) / 1023, (time.perf_counter() - middle) / 1023

pairs = [once() for again in range(5)]
mine, plain = min(a for a, b in pairs), min(b for a, b in pairs)"""


def notes(run: Callable[..., Outcome]) -> list[str]:
    """Sentences on the size and the speed of a node, beside micrograd's way; no judgement.

    Args:
        run: runs code in micrograd's words and gives its numbers: ``run(code, asks, seconds=...)``.
    """
    found: Mapping[str, object] = run(_BYTES, ["size"], seconds=5.0).numbers
    found = {**found, **run(_TIME, ["mine", "plain"], seconds=10.0).numbers}
    said = []
    if isinstance(size := found.get("size"), float):
        said.append(f"a node takes {size:.0f} bytes (micrograd 0.1.0: {MICROGRAD_BYTES})")
    mine, plain = found.get("mine"), found.get("plain")
    if isinstance(mine, float) and isinstance(plain, float):
        said.append(
            f"a node takes {mine * 1e6:.2g} microseconds, there and back: {mine / plain:.1f} times"
            " those of the shortest engine of closures"
        )
    return said
