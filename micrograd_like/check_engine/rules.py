"""Level 1, rules: every operator and function that an engine has, value and gradient, and the walk.

Simple programs first: what fails first is the most basic.
"""

from .cases import Case, Check
from .functions import FUNCTIONS, OPERATORS, Function, Operator, filled


def _all(formulas: str | tuple[str, ...]) -> tuple[str, ...]:
    return (formulas,) if isinstance(formulas, str) else formulas


def _of_function(name: str, f: Function) -> Check:
    """Alone at its points, under an upstream gradient of 3, and beside another path to x."""
    cases = [_at(name, f, x, f"y = x.{name}()", "{}", "{}") for x in f.points]
    x = f.points[0]
    thrice = f"k = Value(3.0)\nz = x.{name}()\ny = z * k"
    cases.append(_at(name, f, x, thrice, "3.0 * ({})", "3.0 * ({})"))
    cases.append(_at(name, f, x, f"z = x.{name}()\ny = z + x", f"({{}}) + {x!r}", "({}) + 1.0"))
    return Check(name, "rules", f"{name}(x): value and gradient", tuple(cases))


def _at(name: str, f: Function, x: float, lines: str, value: str, slope: str) -> Case:
    return Case(
        f"x = Value({x!r})\n{lines}\ny.backward()",
        {
            "y.data": tuple(value.format(filled(v, x=x)) for v in _all(f.value)),
            "x.grad": tuple(slope.format(filled(s, x=x)) for s in _all(f.slope)),
            "x.data": (repr(x),) * len(_all(f.value)),
        },
    )


def _of_operator(name: str, op: Operator) -> Check:
    names = "x" if len(op.points[0]) == 1 else "ab"
    cases = [_applied(op, dict(zip(names, p)), f"y = {op.code}", "{}", "{}") for p in op.points]
    numbers = dict(zip(names, op.points[0]))
    thrice = f"k = Value(3.0)\nz = {op.code}\ny = z * k"
    cases.append(_applied(op, numbers, thrice, "3.0 * ({})", "3.0 * ({})"))
    more, plus = " + ".join(["z", *names]), " + ".join(f"{v!r}" for v in numbers.values())
    beside = f"z = {op.code}\ny = {more}"
    cases.append(_applied(op, numbers, beside, f"({{}}) + {plus}", "({}) + 1.0"))
    return Check(name, "rules", f"{name}: value and gradient", tuple(cases), may_refuse=op.special)


def _applied(op: Operator, numbers: dict[str, float], lines: str, value: str, slope: str) -> Case:
    leaves = "\n".join(f"{name} = Value({x!r})" for name, x in numbers.items())
    wanted = {"y.data": value.format(filled(op.value, **numbers))}
    for name, formula in zip(numbers, op.slopes):
        wanted[f"{name}.grad"] = slope.format(filled(formula, **numbers))
    wanted |= {f"{name}.data": repr(x) for name, x in numbers.items()}
    return Case(f"{leaves}\n{lines}\ny.backward()", wanted)


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

# The paths of a gradient, and the order in which a walk must go through them.
_WALK = (
    Check(
        "a node used twice", "rules", "a node used twice gets both gradients",
        (
            Case("a = Value(3.0); y = a + a; y.backward()", {"y.data": "6.0", "a.grad": "1.0 + 1.0"}),
            Case("a = Value(3.0); y = a * a; y.backward()", {"y.data": "9.0", "a.grad": "3.0 + 3.0"}),
            Case("a = Value(3.0); b = a + a; y = b * b; y.backward()", {"a.grad": "6.0 + 6.0 + 6.0 + 6.0"}),
        ),
        ("a + b", "a * b"),
    ),
    Check(
        "a node used three times", "rules", "a node used three times gets three gradients",
        (
            Case("a = Value(2.0); y = a * a * a; y.backward()", {"y.data": "8.0", "a.grad": "3 * 2.0**2"}),
            Case("a = Value(2.0); b = Value(5.0); y = a * b + a * a + a; y.backward()",
                 {"y.data": "16.0", "a.grad": "5.0 + 2.0 + 2.0 + 1.0", "b.grad": "2.0"}),
        ),
        ("a node used twice",),
    ),
    Check(
        "two branches", "rules", "a node in two branches gets the gradients of both",
        (
            Case("a = Value(-2.0); b = Value(3.0); d = a * b; e = a + b; y = d * e; y.backward()",
                 {"y.data": "-6.0", "a.grad": "1.0 * 3.0 - 6.0", "b.grad": "1.0 * (-2.0) - 6.0"}),
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
        "equal numbers", "rules", "two nodes with the same number are two nodes",
        (
            Case("a = Value(2.0); b = Value(2.0); y = a * b + (a + b); y.backward()",
                 {"y.data": "8.0", "a.grad": "2.0 + 1.0", "b.grad": "2.0 + 1.0"}),
            Case("a = Value(1.0); b = a * a; c = b * a; y = c * b; y.backward()",
                 {"y.data": "1.0", "a.grad": "5.0"}),
        ),
        ("a diamond",),
    ),
    Check(
        "y += x", "rules", "an operator in place makes a new node",
        (
            Case("a = Value(2.0); b = Value(-3.0); y = a * b; y += a; y.backward()",
                 {"y.data": "-4.0", "a.grad": "-3.0 + 1.0", "b.grad": "2.0"}),
            Case("a = Value(2.0); b = Value(-3.0); y = a; y += b; z = y * a; z.backward()",
                 {"a.data": "2.0", "z.data": "-2.0", "a.grad": "2.0 - 1.0", "b.grad": "2.0"}),
            Case("a = Value(2.0); b = Value(-3.0); y = a; y *= b; z = y + a; z.backward()",
                 {"a.data": "2.0", "z.data": "-4.0", "a.grad": "-3.0 + 1.0", "b.grad": "2.0"}),
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
                 {"y.data": "tanh(2 * tanh(0.5))", "x.grad": "(1 - tanh(2 * tanh(0.5))**2) * 2 * (1 - tanh(0.5)**2)"}),
            Case("x = Value(0.5); y = (x.exp() * x).exp(); y.backward()",
                 {"y.data": "exp(0.5 * exp(0.5))", "x.grad": "exp(0.5 * exp(0.5)) * exp(0.5) * 1.5"}),
        ),
        ("a diamond",),
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
        ("a diamond", "relu"),
    ),
)  # fmt: skip

RULES: tuple[Check, ...] = (
    *_FIRST,
    *[_of_operator(name, op) for name, op in OPERATORS.items()],
    *[_of_function(name, f) for name, f in FUNCTIONS.items()],
    *_WALK,
)
