"""The operators and functions that are judged: exact formulas, and the mistakes people make.

One row says all of one. {x}, {a}, {b} stand for the inputs' numbers, in formulas that Python's math
evaluates; {y} for the result. A mistake is a formula for the gradient that came, and what it tells.

>>> filled(FUNCTIONS["tanh"].slope, x=-0.5)
'1 - tanh(-0.5)**2'
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

ORDINARY = [-2.7, -1.3, -0.6, -0.04, 0.03, 0.5, 0.9, 1.0, 1.7, 3.1]
EDGES = [0.0, -0.0, 1e-300, -1e-300, 5e-324, -5e-324, 1e308, -1e308]
EDGES += [float("inf"), float("-inf"), float("nan")]
EDGES += [710.0, -710.0, 745.0, -745.0, 1e5, -1e5]
"""Where ops are looked at: our own engine's tests use these points too."""


class Function(NamedTuple):
    """A function of one number.

    Attributes:
        spellings: names that engines give it.
        value, slope: formulas of {x}; several where conventions differ, value by value.
        points: where it is tried, of both signs where it can be.
        mistakes: formulas of {x} and {y} for a wrong gradient, and what they tell.
        wrong_values: the same for a wrong value.
    """

    spellings: tuple[str, ...]
    value: str | tuple[str, ...]
    slope: str | tuple[str, ...]
    points: tuple[float, ...] = (0.5, -1.2)
    mistakes: Mapping[str, str] = {}
    wrong_values: Mapping[str, str] = {}


_SIGMOID = "(1 / (1 + exp(-{x})))"
_DENSITY = "exp(-{x}**2 / 2) / sqrt(2 * pi)"
_U = "sqrt(2 / pi) * ({x} + 0.044715 * {x}**3)"
_SLOPES = (0.01, 0.1, 0.2, 0.05, 0.3, 0.001, 0.02)  # leaky_relu has no usual one

FUNCTIONS: dict[str, Function] = {
    "tanh": Function(
        ("tanh", "Tanh", "htan"), "tanh({x})", "1 - tanh({x})**2",
        mistakes={
            "1 + tanh({x})**2": "it is 1 - out**2, with a minus",
            "1 - {x}**2": "it is 1 - out**2, with the result and not the input",
            "1 - tanh({x})": "the result has to be squared: 1 - out**2",
            "tanh({x})": "the result itself was taken for the slope",
            "tanh({x})**2": "1 minus it is missing: 1 - out**2",
        },
    ),
    "exp": Function(
        ("exp",), "exp({x})", "exp({x})",
        mistakes={
            "exp(exp({x}))": "the slope of exp is its result, out.data, not exp(out.data)",
            "{x}": "the input was taken for the slope, which is the result",
            "1.0": "the slope of exp is its result, not 1",
            "{x} * exp({x} - 1)": "this is the rule of a power; the slope of exp is its result",
        },
    ),
    "log": Function(
        ("log", "ln"), "log({x})", "1 / {x}", (2.5, 0.4),
        mistakes={
            "1 / log({x})": "it is 1 / x, with the input and not the result",
            "{x}": "it is 1 / x, not x",
            "log({x})": "the result was taken for the slope, which is 1 / x",
            "-1 / {x}**2": "this is the slope of 1 / x; that of log is 1 / x",
        },
        wrong_values={
            "log10({x})": "this is the logarithm to the base 10",
            "log2({x})": "this is the logarithm to the base 2",
        },
    ),
    "sqrt": Function(
        ("sqrt",), "sqrt({x})", "0.5 / sqrt({x})", (2.5, 0.4),
        mistakes={
            "1 / sqrt({x})": "the factor 1/2 is missing",
            "0.5 / {x}": "it is 0.5 / out, with the result and not the input",
            "0.5 * sqrt({x})": "it is divided by the result, not multiplied",
            "2 * sqrt({x})": "it is 1 / (2 * out)",
        },
    ),
    "relu": Function(
        ("relu", "ReLU", "Relu"), "max(0.0, {x})", "1.0 if {x} > 0 else 0.0", (1.7, -0.6),
        mistakes={
            "1.0": "it passes the gradient on also where the input is negative",
            "1.0 if {x} < 0 else 0.0": "the condition is the wrong way round",
            "max(0.0, {x})": "the result was taken for the slope, which is 1 or 0",
        },
    ),
    "sigmoid": Function(
        ("sigmoid", "Sigmoid", "sig", "logistic", "sigm"),
        _SIGMOID, "exp(-{x}) / (1 + exp(-{x}))**2",
        mistakes={
            "{x} * (1 - {x})": "it is out * (1 - out), with the result and not the input",
            f"{_SIGMOID} * (1 + {_SIGMOID})": "it is out * (1 - out), with a minus",
            f"{_SIGMOID}": "the factor 1 - out is missing",
            f"1 - {_SIGMOID}": "the factor out is missing",
            f"1 - ({_SIGMOID})**2": "this is the slope of tanh; that of sigmoid is out * (1 - out)",
        },
        wrong_values={"1 / (1 + exp({x}))": "the sign of the exponent is wrong: exp(-x)"},
    ),
    "sin": Function(
        ("sin",), "sin({x})", "cos({x})",
        mistakes={"-cos({x})": "the sign", "sin({x})": "it is the cosine, not the sine",
                  "cos(sin({x}))": "it is the cosine of the input, not of the result"},
    ),
    "cos": Function(
        ("cos",), "cos({x})", "-sin({x})",
        mistakes={"sin({x})": "it is minus the sine", "cos({x})": "it is minus the sine",
                  "-sin(cos({x}))": "it is the sine of the input, not of the result"},
    ),
    "tan": Function(
        ("tan",), "tan({x})", "1 + tan({x})**2",
        mistakes={"1 - tan({x})**2": "it is 1 + out**2", "cos({x})**2": "it is 1 / cos(x)**2"},
    ),
    "sinh": Function(("sinh",), "sinh({x})", "cosh({x})",
                     mistakes={"-cosh({x})": "the sign", "sinh({x})": "it is cosh(x)"}),
    "cosh": Function(("cosh",), "cosh({x})", "sinh({x})",
                     mistakes={"-sinh({x})": "the sign: it is plus, unlike that of cos",
                               "cosh({x})": "it is sinh(x)"}),
    "asin": Function(("asin", "arcsin"), "asin({x})", "1 / sqrt(1 - {x}**2)", (0.5, -0.3)),
    "acos": Function(("acos", "arccos"), "acos({x})", "-1 / sqrt(1 - {x}**2)", (0.5, -0.3)),
    "atan": Function(("atan", "arctan"), "atan({x})", "1 / (1 + {x}**2)",
                     mistakes={"1 / (1 - {x}**2)": "it is 1 / (1 + x**2)"}),
    "abs": Function(
        ("abs", "Abs"), "abs({x})", "1.0 if {x} > 0 else -1.0", (1.7, -0.6),
        mistakes={
            "1.0": "the slope is -1 where the input is negative",
            "{x}": "the input was taken for its sign",
            "1.0 if {x} > 0 else 0.0": "the slope is -1, not 0, where the input is negative",
            "-1.0 if {x} > 0 else 1.0": "the sign",
            "abs({x})": "the result was taken for the slope, which is 1 or -1",
        },
    ),
    "softplus": Function(
        ("softplus",), "log(1 + exp({x}))", _SIGMOID,
        mistakes={"1 / (1 + exp({x}))": "it is sigmoid(x), not sigmoid(-x)"},
    ),
    "silu": Function(
        ("silu", "swish", "SiLU"), "{x} / (1 + exp(-{x}))",
        f"{_SIGMOID} * (1 + {{x}} * (1 - {_SIGMOID}))",
        mistakes={_SIGMOID: "the product rule: x too depends on x"},
    ),
    "gelu": Function(
        ("gelu", "GELU"),
        ("{x} * erfc(-{x} / sqrt(2)) / 2", f"{{x}} / 2 * (1 + tanh({_U}))"),
        (
            f"erfc(-{{x}} / sqrt(2)) / 2 + {{x}} * {_DENSITY}",
            f"(1 + tanh({_U})) / 2 + {{x}} / 2 * (1 - tanh({_U})**2)"
            " * sqrt(2 / pi) * (1 + 3 * 0.044715 * {x}**2)",
        ),
    ),
    "elu": Function(
        ("elu", "ELU"), "{x} if {x} > 0 else exp({x}) - 1", "1.0 if {x} > 0 else exp({x})",
        (1.7, -0.6),
    ),
    "leaky_relu": Function(
        ("leaky_relu", "leakyrelu", "leakyReLU", "lrelu", "LeakyReLU"),
        tuple(f"{{x}} if {{x}} > 0 else {k} * {{x}}" for k in _SLOPES),
        tuple(f"1.0 if {{x}} > 0 else {k}" for k in _SLOPES),
        (-0.6, 1.7),
    ),
    "expm1": Function(("expm1",), "expm1({x})", "exp({x})",
                      mistakes={"expm1({x})": "it is out + 1"}),
    "log1p": Function(("log1p",), "log1p({x})", "1 / (1 + {x})", (0.5, -0.3),
                      mistakes={"1 / {x}": "it is 1 / (1 + x)"}),
    "erf": Function(("erf",), "erf({x})", "2 / sqrt(pi) * exp(-{x}**2)"),
    "erfc": Function(("erfc",), "erfc({x})", "-2 / sqrt(pi) * exp(-{x}**2)"),
    "square": Function(("square", "squared", "sq"), "{x}**2", "2 * {x}",
                       mistakes={"{x}": "the factor 2 is missing"}),
    "cube": Function(("cube",), "{x}**3", "3 * {x}**2"),
    "reciprocal": Function(
        ("reciprocal", "inv", "inverse"), "1 / {x}", "-1 / {x}**2", (2.5, -0.4),
        mistakes={"1 / {x}**2": "the sign"},
    ),
    "log10": Function(("log10",), "log10({x})", "1 / ({x} * log(10))", (2.5, 0.4)),
    "log2": Function(("log2",), "log2({x})", "1 / ({x} * log(2))", (2.5, 0.4)),
}  # fmt: skip


def filled(formula: str, **numbers: float) -> str:
    """A formula with its numbers, the negative ones in brackets.

    >>> filled("{a} * {b} + exp({b})", a=2.0, b=-3.0)
    '2.0 * (-3.0) + exp(-3.0)'
    """
    shown = {name: f"({x!r})" if repr(x)[0] == "-" else repr(x) for name, x in numbers.items()}
    return tidy(formula.format(**shown))


def tidy(formula: str) -> str:
    """Without brackets around a number, but for a negative one's.

    >>> tidy("3.0 * (2.0) + ((-1.5)) + (-1.0)")
    '3.0 * 2.0 + (-1.5) + (-1.0)'
    """
    formula = re.sub(r"(?<!\w)\(([\d.]+(?:e[+-]?\d+)?)\)", r"\1", formula)
    return re.sub(r"\(\((-[\d.e+-]+)\)\)", r"(\1)", formula)


class Operator(NamedTuple):
    """An operator in one of its forms.

    Attributes:
        code: an expression of Values a and b (then both are inputs) or x.
        value, slopes: formulas of {a} and {b}, or {x}.
        points: the inputs' numbers.
        method: what Python calls, so that an engine without it is told from a wrong one.
        mistakes: for each input, formulas for a wrong gradient and what they tell.
        wrong_values: formulas for a wrong value.
        special: raising an error is an answer, too.
    """

    code: str
    value: str
    slopes: tuple[str, ...]
    points: tuple[tuple[float, ...], ...]
    method: str
    mistakes: Mapping[str, Mapping[str, str]] = {}
    wrong_values: Mapping[str, str] = {}
    special: bool = False


_BOTH = ((2.0, -3.0), (0.5, 4.0))
_ONE = ((5.0,), (-0.5,))
_SWAPPED = "the sides are swapped: Python calls x.{} with the number that stands on the left"

OPERATORS: dict[str, Operator] = {
    "a + b": Operator(
        "a + b",
        "{a} + {b}",
        ("1.0", "1.0"),
        _BOTH,
        "__add__",
        {
            "a": {"{b}": "this is the rule of a product"},
            "b": {"{a}": "this is the rule of a product"},
        },
    ),
    "a * b": Operator(
        "a * b",
        "{a} * {b}",
        ("{b}", "{a}"),
        _BOTH,
        "__mul__",
        {
            "a": {
                "{a}": "each input gets the other's number, not its own",
                "1.0": "this is the rule of a sum",
                "{a} * {b}": "the result was taken, not the other input",
            },
            "b": {
                "{b}": "each input gets the other's number, not its own",
                "1.0": "this is the rule of a sum",
                "{a} * {b}": "the result was taken, not the other input",
            },
        },
    ),
    "x + 2": Operator("x + 2", "{x} + 2", ("1.0",), _ONE, "__add__"),
    "2 + x": Operator("2 + x", "2 + {x}", ("1.0",), _ONE, "__radd__"),
    "x * 3": Operator("x * 3", "{x} * 3", ("3.0",), _ONE, "__mul__"),
    "3 * x": Operator("3 * x", "3 * {x}", ("3.0",), _ONE, "__rmul__"),
    "-x": Operator("-x", "-{x}", ("-1.0",), _ONE, "__neg__", {"x": {"1.0": "the sign"}}),
    "a - b": Operator(
        "a - b",
        "{a} - {b}",
        ("1.0", "-1.0"),
        _BOTH,
        "__sub__",
        {
            "a": {"-1.0": "the sign: a counts plus, b minus"},
            "b": {"1.0": "b counts minus: its gradient is -1 times what comes"},
        },
        {"{b} - {a}": "the sides are swapped"},
    ),
    "x - 2": Operator(
        "x - 2", "{x} - 2", ("1.0",), _ONE, "__sub__", {}, {"2 - {x}": "the sides are swapped"}
    ),
    "2 - x": Operator(
        "2 - x",
        "2 - {x}",
        ("-1.0",),
        _ONE,
        "__rsub__",
        {"x": {"1.0": "2 - x falls when x grows: the slope is -1"}},
        {
            "{x} - 2": _SWAPPED.format("__rsub__"),
            "{x} + 2": "2 - x is computed as a sum",
            "2 + {x}": "2 - x is computed as a sum",
        },
    ),
    "x ** 2": Operator(
        "x ** 2",
        "{x}**2",
        ("2 * {x}",),
        _ONE,
        "__pow__",
        {
            "x": {
                "{x}**2": "it is 2 * x, one power less",
                "{x}": "the exponent as a factor is missing",
                "2 * {x}**2": "the power must fall by one: k * x**(k - 1)",
                "2.0": "the factor x**(k - 1) is missing",
            }
        },
    ),
    "x ** 3": Operator(
        "x ** 3",
        "{x}**3",
        ("3 * {x}**2",),
        _ONE,
        "__pow__",
        {
            "x": {
                "{x}**2": "the exponent as a factor is missing",
                "3 * {x}**3": "the power must fall by one: k * x**(k - 1)",
                "2 * {x}**3": "k - 1 and k are exchanged: it is k * x**(k - 1)",
                "3 * {x}": "the power is that of a square",
                "2 * {x}": "this is the slope of a square",
            }
        },
    ),
    "x ** -1": Operator(
        "x ** -1",
        "1 / {x}",
        ("-1 / {x}**2",),
        _ONE,
        "__pow__",
        {"x": {"1 / {x}**2": "the exponent -1 as a factor is missing"}},
        special=True,
    ),
    "x ** 0.5": Operator(
        "x ** 0.5",
        "sqrt({x})",
        ("0.5 / sqrt({x})",),
        ((2.5,), (0.4,)),
        "__pow__",
        {"x": {"1 / sqrt({x})": "the exponent as a factor is missing"}},
        special=True,
    ),
    "a / b": Operator(
        "a / b",
        "{a} / {b}",
        ("1 / {b}", "-{a} / {b}**2"),
        _BOTH,
        "__truediv__",
        {
            "a": {"{b}": "this is the rule of a product", "{a} / {b}": "the result was taken"},
            "b": {
                "{a} / {b}**2": "the sign: a larger divisor makes the result smaller",
                "-{a} / {b}": "the divisor has to be squared",
                "-1 / {b}**2": "the factor a is missing",
                "{a}": "this is the rule of a product",
                "1 / {a}": "this is not the rule of the divisor: -a / b**2",
            },
        },
        {"{b} / {a}": "the sides are swapped"},
    ),
    "x / 4": Operator(
        "x / 4",
        "{x} / 4",
        ("0.25",),
        _ONE,
        "__truediv__",
        {"x": {"4.0": "it is divided by 4, not multiplied"}},
        {
            "4 / {x}": "the sides are swapped",
            "{x} * 4": "this is a product",
            "{x} // 4": "// is not /",
        },
    ),
    "3 / x": Operator(
        "3 / x",
        "3 / {x}",
        ("-3 / {x}**2",),
        _ONE,
        "__rtruediv__",
        {
            "x": {
                "3 / {x}**2": "the sign: a larger divisor makes the result smaller",
                "1 / 3": "the sides are swapped",
            }
        },
        {"{x} / 3": _SWAPPED.format("__rtruediv__"), "{x} * 3": "this is a product"},
    ),
    "2 ** x": Operator(
        "2 ** x",
        "2.0**{x}",
        ("2.0**{x} * log(2)",),
        ((3.0,), (-0.5,)),
        "__rpow__",
        {
            "x": {
                "2.0**{x}": "the factor log(2) is missing",
                "{x} * 2.0**({x} - 1)": "this is the slope of x**k; here x is the exponent",
                "2 * {x}": "this is the slope of x**2: the sides are swapped",
            }
        },
        {"{x}**2": _SWAPPED.format("__rpow__")},
        special=True,
    ),
    "a ** b": Operator(
        "a ** b",
        "{a}**{b}",
        ("{b} * {a}**({b} - 1)", "{a}**{b} * log({a})"),
        ((2.0, 3.0), (0.5, -1.5)),
        "__pow__",
        {
            "a": {"0.0": "the base gets no gradient"},
            "b": {
                "0.0": "the exponent gets no gradient: it is out * log(a)",
                "{a}**{b}": "the factor log(a) is missing",
                "log({a})": "the factor a**b is missing",
            },
        },
        special=True,
    ),
}


class Rule(NamedTuple):
    """A function or an operator, as programs with inputs by name.

    Attributes:
        code: the expression.
        values, slopes: formulas; several where conventions differ; slopes by input.
        points: the inputs' numbers.
        mistakes, wrong_values, special, method: as above; a function has no method.
        needs: the operator of which this is another form.
    """

    code: str
    values: tuple[str, ...]
    slopes: dict[str, tuple[str, ...]]
    points: list[dict[str, float]]
    mistakes: Mapping[str, Mapping[str, str]]
    wrong_values: Mapping[str, str]
    special: bool
    needs: tuple[str, ...]
    method: str


def family(name: str) -> str:
    """The operator, or the function itself: "2 - x", "x - 2" and "a - b" are one.

    >>> family("2 - x"), family("-x"), family("tanh")
    ('-', 'neg', 'tanh')
    """
    return "neg" if name == "-x" else name.split(" ")[1] if " " in name else name


def _rule(name: str) -> Rule:
    if name in FUNCTIONS:
        f = FUNCTIONS[name]
        values, slopes = [(v,) if isinstance(v, str) else v for v in (f.value, f.slope)]
        points = [{"x": x} for x in f.points]
        mistakes = {"x": f.mistakes}
        return Rule(
            f"x.{name}()", values, {"x": slopes}, points, mistakes, f.wrong_values, False, (), ""
        )
    op = OPERATORS[name]
    names = "x" if len(op.points[0]) == 1 else "ab"
    by_input: dict[str, tuple[str, ...]] = {n: (slope,) for n, slope in zip(names, op.slopes)}
    points = [dict(zip(names, p)) for p in op.points]
    first = next(other for other in OPERATORS if family(other) == family(name))
    needs = () if name in (first, *_LAST) else (first,)
    return Rule(
        op.code, (op.value,), by_input, points, op.mistakes, op.wrong_values, op.special, needs,
        op.method,
    )  # fmt: skip


_LAST = ("2 ** x", "a ** b")  # which engines make of exp and log
_ORDER = [name for name in (*OPERATORS, *FUNCTIONS) if name not in _LAST]

RULES_OF_ONE: dict[str, Rule] = {name: _rule(name) for name in (*_ORDER, *_LAST)}
"""Every operator and function by the name of its check, the most basic first."""
