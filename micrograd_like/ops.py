"""The op table: every operation, written once.

An op is a scalar function and the rule that passes a gradient back through it. The engine,
gradients of gradients, forward mode, the pictures and the tests all read this table; none of
them knows a derivative of its own. This file knows nothing of graphs.

>>> MUL.forward(3.0, 4.0)
12.0
>>> MUL.backward(1.0, 12.0, 3.0, 4.0)     # d(out)/dx = y, d(out)/dy = x
(4.0, 3.0)

Names: x, y, xs are the inputs, k a constant argument, out the result, g the gradient of the final
output with respect to out. A rule returns, for each input, what that input's gradient receives.

The laws, each held by a test over all rows:

1. ``forward`` is IEEE 754: it never raises on floats and never returns a complex number.
2. ``backward`` never branches in Python on g, out or an input: these may be Values, and then the
   rule records the graph of the derivative. Selection is an op (WHERE), comparison is an op (GT,
   GE, EQ). Only a constant argument k, always a float, may be looked at.
3. ``backward`` uses + - * and ops of this table; ``/`` and ``**`` raise where IEEE says inf.
4. None means "never differentiated": a condition, a comparison, a constant argument.
5. A masked path contributes exactly 0, also when g is inf or nan: WHERE(mask, g, 0.0), never
   g * mask. Every other product is IEEE, so 0 * inf = nan stays visible.

Where a choice exists (a kink, an edge) it is PyTorch's: the subgradient of least magnitude.
"""

import math
from collections.abc import Callable
from functools import reduce
from operator import add, mul, neg, sub
from typing import Any

inf, nan = math.inf, math.nan


class Op:
    """One row. Called in a rule it computes a float from floats, or records a Value from Values."""

    __slots__ = ("arity", "backward", "constants", "forward", "name", "symbol")

    def __init__(
        self,
        name: str,
        symbol: str,
        arity: int | None,  # how many arguments, constants included; None: any number
        forward: Callable[..., float],
        backward: Callable[..., Any],
        constants: int = 0,  # how many of them, the last ones, are plain numbers, never Values
    ) -> None:
        self.name, self.symbol, self.arity = name, symbol, arity
        self.forward, self.backward, self.constants = forward, backward, constants

    def __call__(self, *args: Any) -> Any:
        for a in args:
            if type(a) is not float:
                return a.apply_op(self, args)  # the other number type decides what this means
        return self.forward(*args)

    def __repr__(self) -> str:
        return f"Op({self.name!r})"


# --- forward, where Python has no function or raises instead of giving the IEEE result ---


def _ieee(function: Callable[[float], float]) -> Callable[[float], float]:
    def forward(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return -inf if x < 0.0 and function is math.sinh else inf
        except ValueError:
            return nan

    return forward


def _div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0.0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


def _pow(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0.0 and y % 2.0 == 1.0 else inf
    except ValueError:  # a negative number to a fraction, or zero to a negative power
        return nan if x != 0.0 else math.copysign(inf, x) if y % 2.0 == 1.0 else inf


def _sigmoid(x: float) -> float:
    e = math.exp(-abs(x))  # never the exponential of a large number: it would overflow
    return e / (1.0 + e) if x < 0.0 else 1.0 / (1.0 + e)


def _softplus(x: float) -> float:
    tail = math.log1p(math.exp(-abs(x)))
    return x + tail if x > 0.0 else tail


def _maximum(x: float, y: float) -> float:
    return x if x >= y or x != x else y  # of an unordered pair, whichever is nan


def _sum(*xs: float) -> float:
    return reduce(add, xs, 0.0)  # left to right; the builtin sum compensates from Python 3.12 on


def _dot(*wx: float) -> float:
    return reduce(add, map(mul, wx, wx[len(wx) // 2 :]), 0.0)


def _logsumexp(*xs: float) -> float:
    m = reduce(_maximum, xs, -inf)
    if m - m != 0.0:  # inf, -inf or nan
        return m
    return m + math.log(reduce(add, [math.exp(x - m) for x in xs], 0.0))


# --- backward, where the rule does not fit on a line ---


def _pow_rule(g: Any, out: Any, x: Any, y: Any) -> Any:
    flat = EQ(x, 0.0) * GE(y, 0.0)  # 0**y does not change with y
    return (
        WHERE(EQ(y, 0.0), 0.0, g * (y * POW(x, y - 1.0))),
        WHERE(flat, 0.0, g * (out * LOG(WHERE(flat, 1.0, x)))),
    )


def _silu_rule(g: Any, out: Any, x: Any) -> Any:
    s = SIGMOID(x)
    return (g * (s * (1.0 + x * (1.0 - s))),)


def _gelu_rule(g: Any, out: Any, x: Any) -> Any:
    z = WHERE(GT(ABS(x), 40.0), 0.0, x)  # the density is 0 there, and inf * 0 would be nan
    density = EXP(-0.5 * (z * z)) * _INV_SQRT_2PI
    return (g * (0.5 * ERFC(-_SQRT_HALF * x) + z * density),)


def _elu_rule(g: Any, out: Any, x: Any, k: float) -> Any:
    below = WHERE(GT(0.0, x), x, 0.0)  # exp of a large x would be inf, and its masked slope nan
    return (WHERE(GE(0.0, x), g * k * EXP(below), g), None)


def _max_rule(g: Any, out: Any, *xs: Any) -> Any:
    ties = SUM(*[EQ(x, out) for x in xs])
    share = DIV(g, WHERE(EQ(out, out), ties, nan))  # a nan has no losers
    return tuple([WHERE(GT(out, x), 0.0, share) for x in xs])


def _dot_rule(g: Any, out: Any, *wx: Any) -> Any:
    n = len(wx) // 2
    return tuple([g * v for v in wx[n:] + wx[:n]])


_SQRT_HALF = math.sqrt(0.5)
_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


# --- the table: name, symbol, arity, forward, backward (g, out, *inputs) ---

# fmt: off
ADD: Op = Op("add", "+", 2, add, lambda g, out, x, y: (g, g))
SUB: Op = Op("sub", "-", 2, sub, lambda g, out, x, y: (g, -g))
MUL: Op = Op("mul", "*", 2, mul, lambda g, out, x, y: (g * y, g * x))
DIV: Op = Op("div", "/", 2, _div, lambda g, out, x, y: (DIV(g, y), -g * DIV(out, y)))
NEG: Op = Op("neg", "neg", 1, neg, lambda g, out, x: (-g,))
ABS: Op = Op("abs", "abs", 1, abs, lambda g, out, x: (g * (GT(x, 0.0) - GT(0.0, x)),))
POW: Op = Op("pow", "**", 2, _pow, _pow_rule)
# A constant exponent is a row of its own, or every x**2 would compute a logarithm.
POWC: Op = Op("powc", "**", 2, _pow, lambda g, out, x, k:
              (g * (k * POWC(x, k - 1.0)) if k else 0.0, None), constants=1)
SQRT: Op = Op("sqrt", "sqrt", 1, _ieee(math.sqrt), lambda g, out, x: (DIV(g, 2.0 * out),))

EXP: Op = Op("exp", "exp", 1, _ieee(math.exp), lambda g, out, x: (g * out,))
EXPM1: Op = Op("expm1", "expm1", 1, _ieee(math.expm1), lambda g, out, x: (g * (out + 1.0),))
LOG: Op = Op("log", "log", 1, lambda x: math.log(x) if x > 0.0 else nan if x else -inf,
             lambda g, out, x: (DIV(g, x),))
LOG1P: Op = Op("log1p", "log1p", 1,
               lambda x: math.log1p(x) if x > -1.0 else nan if x + 1.0 else -inf,
               lambda g, out, x: (DIV(g, 1.0 + x),))
SIN: Op = Op("sin", "sin", 1, _ieee(math.sin), lambda g, out, x: (g * COS(x),))
COS: Op = Op("cos", "cos", 1, _ieee(math.cos), lambda g, out, x: (g * -SIN(x),))
TAN: Op = Op("tan", "tan", 1, _ieee(math.tan), lambda g, out, x: (g * (1.0 + out * out),))
SINH: Op = Op("sinh", "sinh", 1, _ieee(math.sinh), lambda g, out, x: (g * COSH(x),))
COSH: Op = Op("cosh", "cosh", 1, _ieee(math.cosh), lambda g, out, x: (g * SINH(x),))
TANH: Op = Op("tanh", "tanh", 1, math.tanh, lambda g, out, x: (g * (1.0 - out * out),))
ATAN: Op = Op("atan", "atan", 1, math.atan, lambda g, out, x: (DIV(g, 1.0 + x * x),))
ERFC: Op = Op("erfc", "erfc", 1, math.erfc,
              lambda g, out, x: (g * (-_TWO_OVER_SQRT_PI * EXP(-(x * x))),))

SIGMOID: Op = Op("sigmoid", "sigmoid", 1, _sigmoid, lambda g, out, x: (g * (out * (1.0 - out)),))
SOFTPLUS: Op = Op("softplus", "softplus", 1, _softplus, lambda g, out, x: (g * SIGMOID(x),))
SILU: Op = Op("silu", "silu", 1, lambda x: x * _sigmoid(x), _silu_rule)
# By erfc, since 1 + erf cancels at x = -8; the mask is for -inf * 0 = nan.
GELU: Op = Op("gelu", "gelu", 1,
              lambda x: 0.5 * x * math.erfc(-_SQRT_HALF * x) if x != -inf else 0.0, _gelu_rule)
# The masks are true also for nan: it takes the same branch forward and backward.
RELU: Op = Op("relu", "relu", 1, lambda x: 0.0 if x <= 0.0 else x,
              lambda g, out, x: (WHERE(out, g, 0.0),))
ELU: Op = Op("elu", "elu", 2, lambda x, k: k * math.expm1(x) if x <= 0.0 else x,
             _elu_rule, constants=1)
LEAKY_RELU: Op = Op("leaky_relu", "leaky_relu", 2, lambda x, k: x if x > 0.0 else x * k,
                    lambda g, out, x, k: (WHERE(GT(x, 0.0), g, g * k), None), constants=1)

GT: Op = Op("gt", ">", 2, lambda x, y: 1.0 if x > y else 0.0, lambda g, out, x, y: (None, None))
GE: Op = Op("ge", ">=", 2, lambda x, y: 1.0 if x >= y else 0.0, lambda g, out, x, y: (None, None))
EQ: Op = Op("eq", "==", 2, lambda x, y: 1.0 if x == y else 0.0, lambda g, out, x, y: (None, None))
DETACH: Op = Op("detach", "detach", 1, lambda x: x, lambda g, out, x: (None,))
WHERE: Op = Op("where", "where", 3, lambda cond, x, y: x if cond else y, lambda g, out, cond, x, y:
               (None, WHERE(cond, g, 0.0), WHERE(cond, 0.0, g)))
MAXIMUM: Op = Op("maximum", "max", 2, _maximum, lambda g, out, x, y:
                 (WHERE(EQ(x, y), 0.5 * g, WHERE(GT(y, x), 0.0, g)),
                  WHERE(EQ(x, y), 0.5 * g, WHERE(GT(x, y), 0.0, g))))
MINIMUM: Op = Op("minimum", "min", 2, lambda x, y: x if x <= y or x != x else y,
                 lambda g, out, x, y: MAXIMUM.backward(g, out, -x, -y))

SUM: Op = Op("sum", "sum", None, _sum, lambda g, out, *xs: (g,) * len(xs))
MAX: Op = Op("max", "max", None, lambda *xs: reduce(_maximum, xs, -inf), _max_rule)
LOGSUMEXP: Op = Op("logsumexp", "logsumexp", None, _logsumexp,
                   lambda g, out, *xs: tuple([g * EXP(x - out) for x in xs]))
TAKE: Op = Op("take", "take", None, lambda i, *t: t[int(i)] if i in range(len(t)) else nan,
              lambda g, out, i, *t: (None, *[WHERE(EQ(i, 1.0 * k), g, 0.0) for k in range(len(t))]))
DOT: Op = Op("dot", "dot", None, _dot, _dot_rule)  # its inputs: w1 ... wn x1 ... xn
# fmt: on

OPS: dict[str, Op] = {op.name: op for op in list(globals().values()) if isinstance(op, Op)}
