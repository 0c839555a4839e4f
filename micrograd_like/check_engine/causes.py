"""The likely cause of a failure, in a sentence: what came is compared with what mistakes give."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from .cases import Case, Check, number_of
from .contain import Came, Trouble
from .functions import RULES_OF_ONE, Rule, filled

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
    def rank(self) -> int:
        """How basic it is: a program of one operator needs nothing else to be right."""
        kinds = ["alone", "inner", "beside", "upstream"]
        return kinds.index(self.case.kind) if self.case.kind else 4 if self.check.needs else -1

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
        if f.check.name == "a number":
            return f"it does not hold that {f.check.sentence}"
        changed = name in leaves
        return f"the input {name} has become {shown}" if changed else f"the result is {shown}"
    if what == "grad":
        return f"the gradient{f' of {name}' if len(leaves) > 1 else ''} is {shown}"
    return f"it does not hold that {f.check.sentence}"


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
    for (ask, formula), sentence in f.case.hints.items():
        if ask == f.ask and _came(f, formula):
            return sentence
    if f.trouble:
        return _of_trouble(f.trouble)
    if f.check.name == "backward":
        return _of_backward(f)
    if f.check.name in RULES_OF_ONE:
        return _of_rule(f, more)
    return _of_walk(f) if f.check.level == "rules" and f.ask.endswith(".grad") else ""


def _of_walk(f: Finding) -> str:
    """The programs of these checks have positive slopes: what is lost makes less, not another."""
    wanted = f.case.answers(f.ask)[0]
    if isinstance(wanted, list) or not isinstance(f.got, float) or f.got != f.got:
        return ""
    if f.got > wanted:
        return (
            "a node is visited once for each path to it, and hands on its gradient each time: "
            "keep a set of the nodes that were visited"
        )
    if f.check.name.startswith("a node used"):
        return (
            "one of the paths is lost: the inputs are kept in a set or a dict, which holds a node "
            "once, or = stands where += belongs"
        )
    return (
        "a node hands on its gradient before all its users have added theirs: the order must be "
        "topological, from the output on (depth first, append after the inputs, then reversed)"
    )


def _of_backward(f: Finding) -> str:
    if not f.case.kind:
        return "backward must begin by giving the output the gradient 1: self.grad = 1.0"
    if not f.is_lost:
        return (
            "no operator gives the right gradient: it is backward that does something wrong with "
            "their rules"
        )
    if f.case.kind == "alone":
        return (
            "no operator gets a gradient: does backward go through all nodes and call their rules?"
        )
    return (
        "a gradient passes one node and not two: the walk must begin at the output, and come to a "
        "node after all its users (reversed), through the inputs that each result keeps"
    )


def _came(f: Finding, formula: str) -> bool:
    if f.trouble:
        return formula in (f.trouble.type, f.trouble.kind)
    return formula == "*" or _same(f.got, formula)


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
    return f"{text}{at}" if text else f"see {trouble.where}" if trouble.where else ""


# --- rules ---


def _of_rule(f: Finding, more: More) -> str:
    rule, name = RULES_OF_ONE[f.check.name], f.check.name
    node, _, what = f.ask.rpartition(".")
    if what == "data" and node in rule.slopes:
        return f"{name} changes the number of its input: its result must be a new node"
    if f.case.kind == "upstream" and what == "grad":
        return _under_upstream(f, rule, node)
    if f.case.kind == "beside" and what == "grad":
        return _beside_a_path(f, rule, node)
    if f.case.kind == "inner" and what == "grad" and _same(f.got, "1.0"):
        return f"the rule of {node} + k hands on 1: it should multiply by out.grad"
    if f.case.kind == "inner" and what == "grad":
        return (
            f"{node}1 is not kept among the inputs of the result, so nothing reaches what it was "
            "made from" if f.got in (0.0, "None") else ""
        )  # fmt: skip
    alone = [more(case) for case in f.check.cases if case.kind == "alone"]
    if what == "data":
        return _of_value(name, rule, [came.get("y.data") for came in alone])
    return _of_slope(name, rule, node, alone)


def _of_value(name: str, rule: Rule, got: list[Came | None]) -> str:
    known = _fitting(rule.wrong_values, rule.points, got)
    if known:
        return known
    for other, its in RULES_OF_ONE.items():
        alike = other != name and its.slopes.keys() == rule.slopes.keys()
        if alike and _fits(its.values[0], rule.points, got):
            return f"this is the result of {other}"
    usual = [(f"-({rule.values[0]})", "the sign is wrong"), ("{x}", "this is the input unchanged")]
    return _fitting(dict(usual), rule.points, got)


def _of_slope(name: str, rule: Rule, node: str, came: list[Mapping[str, Came]]) -> str:
    got = [c.get(f"{node}.grad") for c in came]
    others = [n for n in rule.slopes if n != node]
    if all(_is_none(g) for g in got):
        if all(_is_none(c.get(f"{n}.grad")) for c in came for n in others):
            return f"{name} makes its result without setting _backward, or without its inputs"
        return f"{node} gets no gradient: the rule of {name} must add to both inputs"
    known = _fitting(rule.mistakes.get(node, {}), rule.points, got)
    if known:
        return known
    slope = rule.slopes[node][0]
    if others and _fits(rule.slopes[others[0]][0], rule.points, got):
        return f"the gradients of {node} and {others[0]} are exchanged"
    usual = _fitting(dict(_usual(slope, rule.values[0])), rule.points, got)
    if usual:
        return usual
    for other, its in RULES_OF_ONE.items():
        alike = other != name and its.slopes.keys() == rule.slopes.keys()
        if alike and _fits(its.slopes[node][0], rule.points, got):
            return f"this is the slope of {other}"
    ratio = _ratio(slope, rule.points, got)
    return f"it is {ratio:.6g} times what it should be, everywhere" if ratio else ""


def _is_none(got: Came | None) -> bool:
    return got in (0.0, "None", None)


def _usual(slope: str, value: str) -> list[tuple[str, str]]:
    at_result = slope.replace("{x}", f"({value})")
    return [
        (f"-({slope})", "the sign is wrong"),
        (f"2 * ({slope})", "it counts twice: is the rule applied two times?"),
        (f"({slope}) * ({slope})", "the slope is multiplied in twice"),
        (at_result, "the slope is taken at the result; it belongs to the input"),
        (value, "the result was taken for the slope"),
        ("{x}", "the input was taken for the slope"),
        ("1.0", "it passes the gradient on unchanged: the slope is missing"),
        (f"1.0 + ({slope})", "the upstream gradient is added, where it has to be multiplied"),
        (f"({value}) * ({slope})", "it is multiplied by the result: by out.data for out.grad?"),
        (f"{{x}} * ({slope})", "it is multiplied by the input: by self.data for out.grad?"),
        (f"1 / ({slope})", "the slope is upside down"),
    ]


def _under_upstream(f: Finding, rule: Rule, node: str) -> str:
    slope = filled(rule.slopes[node][0], **rule.points[0])
    if _same(f.got, slope):
        return f"the rule of {f.check.name} does not multiply by out.grad"
    if _same(f.got, f"3.0 + ({slope}) - 1.0") or _same(f.got, f"3.0 + ({slope})"):
        return "out.grad is added, where it has to be multiplied"
    if _same(f.got, f"9.0 * ({slope})"):
        return "out.grad is multiplied in twice"
    if _same(f.got, f"({slope}) / 3.0"):
        return "it is divided by out.grad"
    return "the rule is right only for an out.grad of 1: by the chain rule it is multiplied in"


def _beside_a_path(f: Finding, rule: Rule, node: str) -> str:
    slope = filled(rule.slopes[node][0], **rule.points[0])
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
    near = abs(got - number) <= 1e-6 * max(abs(number), 1e-3)
    return near or got == number or (got != got and number != number)


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
