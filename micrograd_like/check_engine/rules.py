"""Level 1, rules: every operator and function that an engine has, value and gradient, and the walk.

Simple programs first: what fails first is the most basic.
"""

import re
from collections.abc import Iterable

from .cases import Case, Check
from .functions import RULES_OF_ONE, Rule, filled, tidy


def _check(name: str, rule: Rule) -> Check:
    """Alone at its points; then of inner nodes, on two paths, with an upstream gradient."""
    first = rule.points[0]
    cases = [_case(rule, at, "alone", f"y = {rule.code}", "{}", "{}") for at in rule.points]
    sums = "\n".join(f"{n}1 = {n} + k" for n in first)
    inner = f"k = Value(0.25)\n{sums}\ny = {_renamed(rule.code, first)}"
    cases.append(_case(rule, first, "inner", inner, "{}", "{}", before=0.25))
    beside = f"z = {rule.code}\ny = {' + '.join(['z', *first])}"
    plus = " + ".join(f"({x!r})" for x in first.values())
    cases.append(_case(rule, first, "beside", beside, f"({{}}) + {plus}", "({}) + 1.0"))
    scaled = f"k = Value(3.0)\nz = {rule.code}\ny = z * k"
    cases.append(_case(rule, first, "upstream", scaled, "3.0 * ({})", "3.0 * ({})"))
    sentence = f"{name}: value and gradient"
    return Check(name, "rules", sentence, tuple(cases), rule.needs, may_refuse=rule.special)


def _renamed(code: str, names: Iterable[str]) -> str:
    for name in names:
        code = re.sub(rf"\b{name}\b", f"{name}1", code)
    return code


def _case(
    rule: Rule, at: dict[str, float], kind: str, lines: str, value: str, slope: str,
    before: float = 0.0,
) -> Case:  # fmt: skip
    given = {name: x - before for name, x in at.items()}  # to which the code adds it
    leaves = "\n".join(f"{name} = Value({x!r})" for name, x in given.items())

    def formulas(template: str, forms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tidy(template.format(filled(form, **at))) for form in forms)

    wanted = {"y.data": formulas(value, rule.values)}
    wanted |= {f"{name}.grad": formulas(slope, forms) for name, forms in rule.slopes.items()}
    wanted |= {f"{name}.data": (repr(x),) for name, x in given.items()}
    return Case(f"{leaves}\n{lines}\ny.backward()", wanted, kind=kind)


_FIRST = (
    Check(
        "a number", "rules", "a Value keeps its number",
        (Case("x = Value(1.5)", {"x.data": "1.5"}), Case("x = Value(-3)", {"x.data": "-3.0"})),
    ),
    Check(
        "backward", "rules", "backward starts with 1 at the output",
        (Case("x = Value(1.5); x.backward()", {"x.grad": "1.0"}),),
    ),
)  # fmt: skip

# What a class that compares its nodes by their numbers gets wrong, everywhere.
_EQUAL = Check(
    "equal numbers", "rules", "two nodes with the same number are two nodes",
    (
        Case(
            "a = Value(2.0); b = Value(2.0); c = a + b; d = a * b; y = c + d; y.backward()",
            {"y.data": "8.0", "a.grad": "1.0 + 2.0", "b.grad": "1.0 + 2.0"},
            {(ask, wrong): "nodes with equal numbers are taken for one: __eq__ compares .data, and "
             "the walk asks whether a node is in its set or list; leave __eq__ and __hash__ out"
             for ask in ("a.grad", "b.grad") for wrong in ("1.0", "2.0")}
            | {(ask, "*"): "what belongs to a node is looked up by its number, in a dict perhaps"
               for ask in ("a.grad", "b.grad")},
        ),
    ),
    control=Case(
        "a = Value(2.0); b = Value(2.5); c = a + b; d = a * b; y = c + d; y.backward()",
        {"y.data": "9.5", "a.grad": "1.0 + 2.5", "b.grad": "1.0 + 2.0"},
    ),
)  # fmt: skip

_IN_PLACE = {
    (ask, "*"): "__iadd__ or __imul__ changes a node that others have used: leave it out, and "
    "Python makes a new node by __add__ or __mul__"
    for ask in ("a.data", "y.data", "z.data", "a.grad", "b.grad")
}

# The paths of a gradient, and the order in which a walk must go through them.
_WALK = (
    Check(
        "a node used twice", "rules", "a node used twice gets both gradients",
        (
            Case("a = Value(3.0); y = a + a; y.backward()",
                 {"y.data": "6.0", "a.grad": "1.0 + 1.0"}),
            Case("a = Value(3.0); y = a * a; y.backward()",
                 {"y.data": "9.0", "a.grad": "3.0 + 3.0"}),
            Case("a = Value(3.0); b = a + a; y = b * b; y.backward()",
                 {"a.grad": "6.0 + 6.0 + 6.0 + 6.0"}),
        ),
        ("a + b", "a * b"),
    ),
    Check(
        "a node used three times", "rules", "a node used three times gets three gradients",
        (
            Case("a = Value(2.0); y = a * a * a; y.backward()",
                 {"y.data": "8.0", "a.grad": "3 * 2.0**2"}),
            Case("a = Value(2.0); b = Value(5.0); y = a * b + a * a + a; y.backward()",
                 {"y.data": "16.0", "a.grad": "5.0 + 2.0 + 2.0 + 1.0", "b.grad": "2.0"}),
        ),
        ("a node used twice",),
    ),
    Check(
        "two branches", "rules", "a node in two branches gets the gradients of both",
        (
            Case("a = Value(2.0); b = Value(3.0); d = a * b; e = a + b; y = d * e; y.backward()",
                 {"y.data": "30.0", "a.grad": "5.0 * 3.0 + 6.0", "b.grad": "5.0 * 2.0 + 6.0"}),
            Case("a = Value(2.0); b = a + a; c = a * a; y = b * c; y.backward()",
                 {"y.data": "16.0", "a.grad": "4.0 * 2 + 4.0 * 4"}),
        ),
        ("a node used twice",),
    ),
    Check(
        "a diamond", "rules", "a node hands on its gradient when all its users have added theirs",
        (
            Case("a = Value(2.0); b = a * a; c = b + a; y = b * c; y.backward()",
                 {"y.data": "24.0", "a.grad": "(4.0 + 6.0) * 4.0 + 4.0"}),
            Case("a = Value(2.0); b = a * a; c = b + a; y = c * b; y.backward()",
                 {"y.data": "24.0", "a.grad": "(4.0 + 6.0) * 4.0 + 4.0"}),
            Case("a = Value(2.0); b = a * a; c = b * b; d = c + b; y = d * d + c; y.backward()",
                 {"y.data": "416.0", "a.grad": "368.0 * 4.0"}),
            Case("a = Value(3.0); b = a + a; c = b + a; d = c + b; y = d + c + b + a; y.backward()",
                 {"y.data": "33.0 + 0.0", "a.grad": "11.0"}),
        ),
        ("two branches",),
    ),
    Check(
        "y += x", "rules", "an operator in place makes a new node",
        (
            Case("a = Value(2.0); b = Value(3.0); y = a * b; y += a; y.backward()",
                 {"y.data": "8.0", "a.grad": "3.0 + 1.0", "b.grad": "2.0"}, _IN_PLACE),
            Case("a = Value(2.0); b = Value(3.0); y = a; y += b; z = y * a; z.backward()",
                 {"a.data": "2.0", "z.data": "10.0", "a.grad": "5.0 + 2.0", "b.grad": "2.0"},
                 _IN_PLACE),
            Case("a = Value(2.0); b = Value(3.0); y = a; y *= b; z = y + a; z.backward()",
                 {"a.data": "2.0", "z.data": "8.0", "a.grad": "3.0 + 1.0", "b.grad": "2.0"},
                 _IN_PLACE),
        ),
        ("a + b", "a * b", "a diamond"),
    ),
    Check(
        "sum([a, b, c])", "rules", "Python's sum adds Values, from 0 on",
        (Case("a = Value(1.0); b = Value(2.0); c = Value(4.0); y = sum([a, b, c, a]); y.backward()",
              {"y.data": "8.0", "a.grad": "2.0", "b.grad": "1.0", "c.grad": "1.0"}),),
        ("a + b", "2 + x"), may_refuse=True,
    ),
    Check(
        "a chain", "rules", "a long chain multiplies its slopes",
        (
            Case("x = Value(1.1)\ny = x\nfor k in range(30):\n    y = y * x\ny.backward()",
                 {"y.data": "1.1**31", "x.grad": "31 * 1.1**30"}),
            Case("x = Value(0.5); y = ((x * 2 - 1) * x + 3) / (x + 2); y.backward()",
                 {"y.data": "3.0 / 2.5", "x.grad": "(4 * 0.5 - 1) / 2.5 - 3.0 / 2.5**2"}),
            Case("x = Value(0.5); y = (x.tanh() * 2).tanh(); y.backward()",
                 {"y.data": "tanh(2 * tanh(0.5))",
                  "x.grad": "(1 - tanh(2 * tanh(0.5))**2) * 2 * (1 - tanh(0.5)**2)"}),
            Case("x = Value(0.5); y = (x.exp() * x).exp(); y.backward()",
                 {"y.data": "exp(0.5 * exp(0.5))",
                  "x.grad": "exp(0.5 * exp(0.5)) * exp(0.5) * 1.5"}),
        ),
        ("a diamond", "x + 2", "x * 3", "x - 2", "a / b"),
    ),
    Check(
        "micrograd's example", "rules", "the expression of micrograd's README",
        (
            Case(
                "a = Value(-4.0); b = Value(2.0); c = a + b; d = a * b + b**3; c += c + 1; "
                "c += 1 + c + (-a)\nd += d * 2 + (b + a).relu()\nd += 3 * d + (b - a).relu()\n"
                "e = c - d\nf = e**2\ng = f / 2.0\ng += 10.0 / f\ng.backward()",
                {"g.data": "24.70408163265306", "a.grad": "138.83381924198252",
                 "b.grad": "645.5772594752186"},
            ),
        ),
        ("a diamond", "relu", "y += x", "2 + x", "3 * x", "-x", "a - b", "x ** 2", "x / 4",
         "3 / x"),
    ),
)  # fmt: skip

RULES: tuple[Check, ...] = (
    *_FIRST,
    _EQUAL,
    *[_check(name, rule) for name, rule in RULES_OF_ONE.items()],
    *_WALK,
)
