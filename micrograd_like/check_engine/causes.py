"""The likely cause of a failure, in a sentence: what came is compared with what mistakes give."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from .cases import Case, Check, number_of
from .contain import Came, Trouble
from .functions import FUNCTIONS, OPERATORS, filled

More: TypeAlias = Callable[[Case], Mapping[str, Came]]  # what another case of the check gives


class Finding(NamedTuple):
    """Where a check first went wrong.

    Attributes:
        case: the program.
        ask, got: the expression, and what came of it; "" if the program failed.
        trouble: why the program failed, or None.
    """

    check: Check
    case: Case
    ask: str
    got: Came
    trouble: Trouble | None

    @property
    def is_lost(self) -> bool:
        """A gradient is asked for and none came."""
        return self.ask.endswith(".grad") and self.got in (0.0, "None")


def headline(f: Finding) -> str:
    """What is wrong, in a few words."""
    if f.trouble:
        return _ended(f.trouble)
    name, _, what = f.ask.rpartition(".")
    shown = f"{f.got:.6g}" if isinstance(f.got, float) else _shortened(f.got)
    leaves = [line.split(" = ")[0] for line in f.case.code.split("\n") if " = Value(" in line]
    if what == "data":
        return (
            f"the input {name} has become {shown}" if name in leaves else f"the result is {shown}"
        )
    if what == "grad":
        return f"the gradient{f' of {name}' if len(leaves) > 1 else ''} is {shown}"
    return f"{f.ask} is {shown}"


def _shortened(got: Came) -> str:
    text = str(got)
    return text if len(text) < 60 else text[:57] + "..."


def _ended(trouble: Trouble) -> str:
    if trouble.kind == "late":
        return "it does not come to an end"
    if trouble.kind == "died":
        return "the Python process dies"
    return f"it raises {trouble.type}"


def cause(f: Finding, more: More) -> str:
    """A sentence; "" where nothing fits."""
    if f.trouble:
        return _of_trouble(f.trouble)
    for (ask, formula), sentence in f.case.hints.items():
        if ask == f.ask and _same(f.got, formula):
            return sentence
    if f.check.name in FUNCTIONS or f.check.name in OPERATORS:
        return _of_rule(f, more)
    return ""


# --- what stopped ---


def _of_trouble(trouble: Trouble) -> str:
    if trouble.kind == "late":
        return "a loop without end, or a walk that visits a node once for each path to it"
    if trouble.kind == "died":
        return "it leaves Python (os._exit), crashes, or takes all memory"
    at = f" at {trouble.where}" if trouble.where else ""
    known = {
        "RecursionError": "a function calls itself without end, or once for each node of a chain: "
        "keep a list of what is left to do instead",
        "NameError": "a name that is not defined",
        "OverflowError": "exp of a large number: math.tanh and a sigmoid of exp(-abs(x)) have none",
        "UnboundLocalError": "a name that is assigned later in the same function",
    }
    text = known.get(trouble.type, "")
    if "unhashable" in trouble.message:
        text = "a class with __eq__ and no __hash__ cannot be put into a set or a dict"
    if trouble.type == "AttributeError" and "'int' object" in trouble.message + " object":
        text = "a plain number was kept among the inputs, where a node belongs"
    return f"{text}{at}" if text else trouble.where and f"see {trouble.where}"


# --- rules ---


class _Row(NamedTuple):
    """A function or an operator as formulas by input, and the cases that show it alone."""

    value: str
    slopes: Mapping[str, str]
    mistakes: Mapping[str, Mapping[str, str]]
    wrong_values: Mapping[str, str]
    points: list[dict[str, float]]


def _row(name: str) -> _Row:
    if name in FUNCTIONS:
        f = FUNCTIONS[name]
        value = f.value if isinstance(f.value, str) else f.value[0]
        slope = f.slope if isinstance(f.slope, str) else f.slope[0]
        points = [{"x": x} for x in f.points]
        return _Row(value, {"x": slope}, {"x": f.mistakes}, f.wrong_values, points)
    op = OPERATORS[name]
    names = "x" if len(op.points[0]) == 1 else "ab"
    points = [dict(zip(names, p)) for p in op.points]
    return _Row(op.value, dict(zip(names, op.slopes)), op.mistakes, op.wrong_values, points)


def _of_rule(f: Finding, more: More) -> str:
    row, name = _row(f.check.name), f.check.name
    alone = len(row.points)  # these cases show it alone; then come an upstream gradient, two paths
    came = [more(case) for case in f.check.cases[:alone]]
    which = next(k for k, case in enumerate(f.check.cases) if case is f.case)
    if f.ask == "y.data":
        fits = _fitting(row.wrong_values, row.points, [c.get("y.data") for c in came])
        return fits or ("" if which < alone else f"{name} gives another result here than alone")
    node = f.ask.partition(".")[0]
    if f.ask.endswith(".data"):
        return f"{name} changes the number of its input: its result must be a new node"
    if which == alone and which == len(f.check.cases) - 2:
        return _under_upstream(f, row, node)
    if which == alone + 1:
        return _beside_a_path(f, row, node)
    return _alone(name, row, node, came)


def _alone(name: str, row: _Row, node: str, came: list[Mapping[str, Came]]) -> str:
    got = [c.get(f"{node}.grad") for c in came]
    others = [n for n in row.slopes if n != node]
    if all(g in (0.0, "None") for g in got):
        if all(c.get(f"{n}.grad") in (0.0, "None") for c in came for n in others):
            return f"{name} makes its result without setting _backward, or without its inputs"
    fits = _fitting(row.mistakes.get(node, {}), row.points, got)
    if fits:
        return fits
    slope = row.slopes[node]
    if others and _fits(row.slopes[others[0]], row.points, got):
        return f"the gradients of {node} and {others[0]} are exchanged"
    if all(g in (0.0, "None") for g in got):
        return f"{node} gets no gradient: the rule of {name} must add to both inputs"
    for formula, sentence in _usual(slope, row.value):
        if _fits(formula, row.points, got):
            return sentence
    ratio = _ratio(slope, row.points, got)
    return f"it is {ratio:.6g} times what it should be, everywhere" if ratio else ""


def _usual(slope: str, value: str) -> list[tuple[str, str]]:
    at_result = slope.replace("{x}", f"({value})")
    return [
        (f"-({slope})", "the sign is wrong"),
        (f"2 * ({slope})", "it counts twice: is the rule applied two times?"),
        (f"({slope}) * ({slope})", "the slope is multiplied in twice"),
        (at_result, "the slope is taken at the result; it belongs to the input"),
        (value, "the result was taken for the slope"),
        ("{x}" if "{x}" in slope + value else "{a}", "the input was taken for the slope"),
        ("1.0", "it passes the gradient on unchanged: the slope is missing"),
        (f"({value}) * ({slope})", "it is multiplied by the result: by out.data for out.grad?"),
        (f"{{x}} * ({slope})", "it is multiplied by the input: by self.data for out.grad?"),
    ]


def _under_upstream(f: Finding, row: _Row, node: str) -> str:
    slope = filled(row.slopes[node], **row.points[0])
    if _same(f.got, slope):
        return f"the rule of {f.check.name} does not multiply by out.grad"
    if _same(f.got, f"3.0 + ({slope})"):
        return "out.grad is added, where it has to be multiplied"
    if _same(f.got, f"9.0 * ({slope})"):
        return "out.grad is multiplied in twice"
    if f.got in (0.0, "None"):
        return "the gradient does not come through: is the result of the walk in reverse?"
    return "the rule is right for an out.grad of 1 only: the chain rule multiplies by out.grad"


def _beside_a_path(f: Finding, row: _Row, node: str) -> str:
    slope = filled(row.slopes[node], **row.points[0])
    if _same(f.got, slope):
        return (
            f"the rule of {f.check.name} assigns the gradient, with = for +=: "
            "what came on another path is lost"
        )
    if _same(f.got, "1.0"):
        return "the other path's gradient replaces this one, with = for +="
    return "a node on two paths gets the sum of both gradients"


def _fitting(
    mistakes: Mapping[str, str], points: list[dict[str, float]], got: list[Came | None]
) -> str:
    return next((s for formula, s in mistakes.items() if _fits(formula, points, got)), "")


def _fits(formula: str, points: list[dict[str, float]], got: list[Came | None]) -> bool:
    """Whether a formula gives what came, at every point."""
    try:
        return all(_same(g, filled(formula, **p)) for p, g in zip(points, got))
    except KeyError:  # a formula of another input
        return False


def _same(got: Came | None, formula: str) -> bool:
    try:
        number = number_of(formula)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        return False
    if isinstance(number, list) or not isinstance(got, float):
        return False
    return abs(got - number) <= 1e-6 * max(abs(number), 1e-3) or (got != got and number != number)


def _ratio(slope: str, points: list[dict[str, float]], got: list[Came | None]) -> float:
    """By what factor all of them are off; 0.0 if by no common one."""
    ratios = []
    for p, g in zip(points, got):
        right = number_of(filled(slope, **p))
        if isinstance(right, list) or not isinstance(g, float) or not right:
            return 0.0
        ratios.append(g / right)
    first = ratios[0]
    same = all(math.isclose(r, first, rel_tol=1e-6) for r in ratios)
    return first if same and len(ratios) > 1 and math.isfinite(first) else 0.0
