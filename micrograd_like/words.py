"""Every op in words, for those who explain a graph: its noun, its derivatives, what to do.

>>> WORDS["div"].noun, WORDS["div"].derivatives
('quotient', ('1 / y', '-(out / y)'))

A new op gets a row here; a test holds every derivative against the rule of the op table.

Names: x and y are the inputs, k the constant, c the condition; out is the result. Of an op of many
inputs, x is any of them, and y (of dot) what it is multiplied with.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .ops import Op


class Words(NamedTuple):
    """What there is to say about an op."""

    noun: str  # for a Value that has no other name
    # d(out) / d(input) as Python text, for each input; of an op of many inputs, one for all of
    # them. Of an input that is never differentiated, nothing.
    derivatives: tuple[str, ...] = ()
    hint: str = ""  # what to do when the result is not finite
    steep: str = ""  # and when the gradient is not, if a derivative can be infinite


def words(op: Op) -> Words:
    """The row of an op; for a node made by hand only a noun."""
    return WORDS.get(op.name) or Words(op.name or "node")


def symbol(op: Op, constants: Sequence[float] = ()) -> str:
    """An op as in a picture: tanh, or **2, its symbol and of a power the exponent."""
    return op.symbol + "".join(f"{k:g}" for k in constants if op.name == "powc")


def spelled(derivative: str, numbers: Mapping[str, str]) -> str:
    """A derivative with numbers in the place of its names.

    >>> spelled("k * x**(k - 1)", {"k": "0.5", "x": "(-2.0)"})
    '0.5 * (-2.0) ** (0.5 - 1)'
    """
    wide = derivative.replace("**", " ** ")  # numbers are longer than names
    return re.sub(r"\b(x|y|k|c|out)\b", lambda name: numbers[name[0]], wide)


# fmt: off
_TOO_LARGE = ("numbers beyond 1.8e308 become inf; scale the data, lower the learning rate or clip "
              "the gradients")
_EXPONENTIAL = ("it overflows above 709.78; subtract the largest input first, as softmax and "
                "logsumexp do, or lower the learning rate")
_LOG = ("log{} is -inf at {} and nan below, and steep just above; add a small constant inside, or "
        "use log_softmax or a loss of logits")
_DENOMINATOR = "the denominator is 0 or tiny; add a small constant to it"
_BASE = ("a negative base to a fraction gives nan, 0 to a negative power inf, and a large base "
         "overflows; look at the base")
_POWER = "a power below 1 has an infinite slope at 0"

WORDS: dict[str, Words] = {
    "add": Words("sum", ("1", "1"), _TOO_LARGE),
    "sub": Words("difference", ("1", "-1"), _TOO_LARGE),
    "mul": Words("product", ("y", "x"), _TOO_LARGE),
    "div": Words("quotient", ("1 / y", "-(out / y)"), _DENOMINATOR, _DENOMINATOR),
    "neg": Words("negative", ("-1",)),
    "abs": Words("abs", ("sign(x)",)),
    "pow": Words("power", ("y * x**(y - 1)", "out * log(x)"), _BASE,
                 f"{_POWER}, and below 0 the exponent's slope is nan; "
                 "keep the base above 0, or make the exponent a plain number"),
    "powc": Words("power", ("k * x**(k - 1)",), _BASE,
                  f"{_POWER}; add a small constant inside"),
    "sqrt": Words("sqrt", ("1 / (2 * out)",), "sqrt is nan below 0; keep its input at 0 or above",
                  "sqrt has an infinite slope at 0; add a small constant inside"),

    "exp": Words("exp", ("out",), _EXPONENTIAL),
    "expm1": Words("expm1", ("out + 1",), _EXPONENTIAL),
    "log": Words("log", ("1 / x",), _LOG.format("", 0), _LOG.format("", 0)),
    "log1p": Words("log1p", ("1 / (1 + x)",), _LOG.format("1p", -1), _LOG.format("1p", -1)),
    "sin": Words("sin", ("cos(x)",)),
    "cos": Words("cos", ("-sin(x)",)),
    "tan": Words("tan", ("1 + out**2",)),
    "sinh": Words("sinh", ("cosh(x)",), _EXPONENTIAL),
    "cosh": Words("cosh", ("sinh(x)",), _EXPONENTIAL),
    "tanh": Words("tanh", ("1 - out**2",)),
    "atan": Words("atan", ("1 / (1 + x**2)",)),
    "erfc": Words("erfc", ("-2 / sqrt(pi) * exp(-(x**2))",)),

    "sigmoid": Words("sigmoid", ("out * (1 - out)",)),
    "softplus": Words("softplus", ("sigmoid(x)",)),
    "silu": Words("silu", ("sigmoid(x) * (1 + x * (1 - sigmoid(x)))",)),
    "gelu": Words("gelu", ("erfc(-x / sqrt(2)) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi)",)),
    "relu": Words("relu", ("1 if x > 0 else 0",)),
    "elu": Words("elu", ("1 if x > 0 else k * exp(x)",)),
    "leaky_relu": Words("leaky_relu", ("1 if x > 0 else k",)),

    "gt": Words("gt", ("", "")),
    "ge": Words("ge", ("", "")),
    "eq": Words("eq", ("", "")),
    "detach": Words("detached number", ("",)),
    "where": Words("where", ("", "1 if c else 0", "0 if c else 1")),
    "maximum": Words("maximum", ("1 if x > y else 1/2 if x == y else 0",
                                 "1 if y > x else 1/2 if x == y else 0")),
    "minimum": Words("minimum", ("1 if x < y else 1/2 if x == y else 0",
                                 "1 if y < x else 1/2 if x == y else 0")),

    "sum": Words("sum", ("1",), _TOO_LARGE),
    "max": Words("max", ("1 / ties if x == out else 0",)),
    "logsumexp": Words("logsumexp", ("exp(x - out)",)),
    "take": Words("element", ("1 if x == out else 0",)),
    "dot": Words("dot", ("y",), _TOO_LARGE),
}
# fmt: on
