"""Mathematics on numbers and Values alike: floats give a float, a Value gives a Value.

>>> from micrograd_like import Value
>>> exp(0.0), exp(Value(0.0))
(1.0, Value(data=1.0, grad=0.0))

Every scalar function is one row of the op table (ops.py). Those over a list take any iterable of
numbers or Values. Nothing here reads a Value's data, so everything can be differentiated again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from . import ops
from .engine import Number, Value, apply, as_float, as_value
from .nesting import is_list
from .ops import Op


def _call(op: Op, *args: Number) -> Any:
    if Value in map(type, args) or any(isinstance(a, Value) for a in args):
        return apply(op, *args)
    return op.forward(*map(as_float, args))  # type: ignore[arg-type]


# --- one argument ---


def abs(x: Number) -> Any:
    """|x|; the derivative at 0 is 0."""
    return _call(ops.ABS, x)


def sqrt(x: Number) -> Any:
    """The square root; nan below 0, slope inf at 0."""
    return _call(ops.SQRT, x)


def exp(x: Number) -> Any:
    """e to the power x; inf when it overflows."""
    return _call(ops.EXP, x)


def expm1(x: Number) -> Any:
    """exp(x) - 1, accurate near 0."""
    return _call(ops.EXPM1, x)


def log(x: Number) -> Any:
    """The natural logarithm; -inf at 0, nan below."""
    return _call(ops.LOG, x)


def log1p(x: Number) -> Any:
    """log(1 + x), accurate near 0."""
    return _call(ops.LOG1P, x)


def sin(x: Number) -> Any:
    """The sine of x radians."""
    return _call(ops.SIN, x)


def cos(x: Number) -> Any:
    """The cosine of x radians."""
    return _call(ops.COS, x)


def tan(x: Number) -> Any:
    """The tangent of x radians."""
    return _call(ops.TAN, x)


def sinh(x: Number) -> Any:
    """The hyperbolic sine."""
    return _call(ops.SINH, x)


def cosh(x: Number) -> Any:
    """The hyperbolic cosine."""
    return _call(ops.COSH, x)


def tanh(x: Number) -> Any:
    """The hyperbolic tangent, between -1 and 1."""
    return _call(ops.TANH, x)


def atan(x: Number) -> Any:
    """The angle, in radians, whose tangent is x."""
    return _call(ops.ATAN, x)


def erfc(x: Number) -> Any:
    """The complementary error function, 1 - erf(x), accurate for large x."""
    return _call(ops.ERFC, x)


def sigmoid(x: Number) -> Any:
    """1 / (1 + exp(-x)), between 0 and 1; never overflows."""
    return _call(ops.SIGMOID, x)


def softplus(x: Number) -> Any:
    """log(1 + exp(x)), a smooth relu; without the threshold that torch's has."""
    return _call(ops.SOFTPLUS, x)


def silu(x: Number) -> Any:
    """x * sigmoid(x), also called swish."""
    return _call(ops.SILU, x)


def gelu(x: Number) -> Any:
    """x times the standard normal distribution function of x (the exact form)."""
    return _call(ops.GELU, x)


def relu(x: Number) -> Any:
    """x where it is positive, else 0; the derivative at 0 is 0."""
    return _call(ops.RELU, x)


def elu(x: Number, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha * (exp(x) - 1)."""
    return _call(ops.ELU, x, alpha)


def leaky_relu(x: Number, negative_slope: float = 0.01) -> Any:
    """x where it is positive, else negative_slope * x; at 0 the slope is negative_slope."""
    return _call(ops.LEAKY_RELU, x, negative_slope)


# --- selection: decisions that stay in the graph, where Python's if would not ---


def gt(x: Number, y: Number) -> Any:
    """1.0 where x > y, else 0.0; no gradient passes."""
    return _call(ops.GT, x, y)


def ge(x: Number, y: Number) -> Any:
    """1.0 where x >= y, else 0.0; no gradient passes."""
    return _call(ops.GE, x, y)


def eq(x: Number, y: Number) -> Any:
    """1.0 where x == y, else 0.0; no gradient passes."""
    return _call(ops.EQ, x, y)


def detach(x: Number) -> Any:
    """x, but no gradient passes: of a Value a constant, of a number itself.

    Example:
        >>> x = Value(3.0)
        >>> y = x * detach(x)
        >>> y.backward()
        >>> x.grad
        3.0
    """
    return as_value(x.data) if isinstance(x, Value) else as_float(x)


def where(condition: Number, x: Number, y: Number) -> Any:
    """x where the condition is not 0, else y; the other one receives gradient 0.

    Example:
        >>> x = Value(-2.0)
        >>> where(gt(x, 0.0), x, 0.1 * x).data
        -0.2
    """
    return _call(ops.WHERE, condition, x, y)


def maximum(x: Number, y: Number) -> Any:
    """The larger of two; nan if either is; of equal ones each receives half the gradient."""
    return _call(ops.MAXIMUM, x, y)


def minimum(x: Number, y: Number) -> Any:
    """The smaller of two; nan if either is; of equal ones each receives half the gradient."""
    return _call(ops.MINIMUM, x, y)


def take(table: Sequence[Any], index: Number) -> Any:
    """The element of a table at an index, or its row where it is a list of rows, as table[index].

    In a compiled function the index may be an argument: the gradient goes to what was taken, and
    neither that nor the value costs more for a larger table. No gradient passes to the index.

    Args:
        table: a list of numbers or Values, or of equal lists of them at any depth.
        index: a whole number from 0 to len(table) - 1.

    Raises:
        TypeError: the table is no list, or the index no number.
        ValueError: the index is not whole, or the table is empty; when compiled, also when its rows
            have different lengths.
        IndexError: there is no such element; negative numbers do not count from the end.

    Example:
        >>> table = [[Value(0.1), Value(0.2)], [Value(0.3), Value(0.4)]]
        >>> take(table, 1)
        [Value(data=0.3, grad=0.0), Value(data=0.4, grad=0.0)]

    Source: torch.nn.functional.embedding.
    """
    if not is_list(table):
        raise TypeError(f"take expects a list as table, got {type(table).__name__} {table!r:.60}")
    if not len(table):
        raise ValueError("take expects a table of at least one element, got an empty one")
    number: Any = index.data if isinstance(index, Value) else as_float(index)
    if isinstance(number, Value):  # nobody knows it while a function is compiled
        return _taken(table, index)
    if not number.is_integer():
        raise ValueError(f"take expects a whole number as index, got {number!r}")
    if not 0 <= number < len(table):
        raise IndexError(
            f"take got index {int(number)} for a table of {len(table)}: choose from 0 to "
            f"{len(table) - 1}, negative ones do not count from the end"
        )
    return table[int(number)]


def _taken(rows: Sequence[Any], index: Number) -> Any:
    """As table[index], as an op for each number of a row."""
    lengths = {len(row) if is_list(row) else None for row in rows}
    if lengths == {None}:
        return apply(ops.TAKE, index, *rows)
    if len(lengths) > 1:
        raise ValueError(
            "take from a table of lists needs lists of one length where the index is an argument "
            f"of a compiled function, got {len(lengths)} different ones: pad the rows"
        )
    taken = [_taken(column, index) for column in zip(*rows)]
    return tuple(taken) if isinstance(rows[0], tuple) else taken


# --- lists ---


def sum(values: Iterable[Number]) -> Any:
    """The sum, from left to right, as one node; 0.0 for an empty list."""
    return _call(ops.SUM, *values)


def mean(values: Iterable[Number]) -> Any:
    """The arithmetic mean of at least one number."""
    values = _some(values, "mean")
    return sum(values) * (1.0 / len(values))


def max(values: Iterable[Number]) -> Any:
    """The largest; n equal ones receive 1/n of the gradient each."""
    return _call(ops.MAX, *_some(values, "max"))


def min(values: Iterable[Number]) -> Any:
    """The smallest; n equal ones receive 1/n of the gradient each."""
    return -max([-v for v in _some(values, "min")])


def dot(w: Iterable[Number], x: Iterable[Number]) -> Any:
    """The sum of w[i] * x[i] as one node, whatever the length.

    Raises:
        ValueError: the lengths differ.

    Example:
        >>> dot([1.0, 2.0], [Value(3.0), Value(4.0)])
        Value(data=11.0, grad=0.0)
    """
    w, x = tuple(w), tuple(x)
    if len(w) != len(x):
        raise ValueError(f"dot expects two lists of equal length, got {len(w)} and {len(x)}")
    return _call(ops.DOT, *w, *x)


def logsumexp(values: Iterable[Number]) -> Any:
    """log(sum(exp(v))), which does not overflow; a smooth maximum."""
    return _call(ops.LOGSUMEXP, *_some(values, "logsumexp"))


def log_softmax(values: Iterable[Number]) -> list[Any]:
    """The logarithm of softmax, without the underflow of taking it afterwards."""
    values = _some(values, "log_softmax")
    largest = detach(max(values))  # subtracted first, as in torch: else the digits of a large score
    shifted = [v - largest for v in values]  # leave no room for the logarithm; it moves no slope
    total = logsumexp(shifted)
    return [v - total for v in shifted]


def softmax(values: Iterable[Number]) -> list[Any]:
    """exp(v) / sum(exp(v)): positive numbers that add up to 1.

    Example:
        >>> [f"{p:.4f}" for p in softmax([1.0, 2.0, 3.0])]
        ['0.0900', '0.2447', '0.6652']
    """
    values = _some(values, "softmax")
    largest = max(values)  # subtracted, as in torch: nothing overflows, and equal scores are exact
    powers = [exp(v - largest) for v in values]
    total = sum(powers)
    return [p / total for p in powers]


def _some(values: Iterable[Number], name: str) -> list[Number]:
    values = list(values)
    if not values:
        raise ValueError(f"{name} expects at least one number, got an empty list")
    return values
