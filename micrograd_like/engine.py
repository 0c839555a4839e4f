"""The engine: Values record the graph of a computation and differentiate it.

>>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
>>> out = a * b + 10.0
>>> out.backward()
>>> out.data, a.grad, b.grad
(4.0, -3.0, 2.0)

Every operation makes a node that remembers its op, its inputs and their numbers at that moment.
``backward`` walks the graph once in topological order, users before inputs, and lets each op's
rule (ops.py) pass the gradient on. This file knows no derivative and no network.

Names: v is a node, x and y its inputs, g the gradient of the final output with respect to v.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from itertools import filterfalse, repeat
from numbers import Real
from typing import Any, TypeAlias

from . import ops
from .modes import Mode, Seam, at_once, setting, uncollected
from .ops import Op

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_is_recording = _recording.get


class Value:
    """A number that remembers how it was computed.

    Args:
        data: any real number; kept as a float.
        label: a name for pictures and messages.

    Raises:
        TypeError: data is not a real number.

    Example:
        >>> x = Value(3.0, label="x")
        >>> y = x**2 + 1.0
        >>> y.backward()
        >>> y.data, x.grad
        (10.0, 6.0)
    """

    # A training step makes one node for every operation, and Python's garbage collector visits
    # each of them: one object without a dict is many times faster than closures and sets. One or
    # two inputs sit in _x and _y, more as a tuple in _x; beside them the numbers they had when the
    # op was applied, so that changing a leaf's data later (every optimiser does) does not change
    # what is differentiated. A constant argument is a number in _y_data with no input in _y.
    __slots__ = ("__weakref__", "_grad", "_number", "_x", "_x_data", "_y", "_y_data", "label", "op")
    __array_ufunc__ = None  # numpy leaves np.float64(2) * v to us

    _kind: type[Value]  # what operations on it make
    _number: float
    _grad: float
    _x: Any
    _y: Any
    _x_data: Any
    _y_data: float | None
    label: str
    op: Op | None

    def __init__(self, data: float, label: str = "") -> None:
        self._number = as_float(data)
        self._grad = 0.0
        self.label = label
        self.op = self._x = self._y = self._x_data = self._y_data = None

    @property
    def data(self) -> float:
        """The number."""
        return self._number if _get is getattr else _get(self, "_number")

    @data.setter
    def data(self, data: float) -> None:
        number = _assigned(data)
        if type(self.op) is Op:
            self.op = _Changed(self.op)
        self._number = number

    @property
    def grad(self) -> float:
        """d(final output) / d(this), as backward left it."""
        return self._grad if _get is getattr else _get(self, "_grad")

    @grad.setter
    def grad(self, grad: float) -> None:
        self._grad = _assigned(grad)

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The Values that this one was computed from; none for a leaf."""
        return _as_tuple(self._x, self._y)

    @property
    def is_constant(self) -> bool:
        """Whether an operation made this leaf from a plain number."""
        return self.op is None and self._x_data is not None

    @property
    def arguments(self) -> tuple[float, ...]:
        """What the op was applied to: the inputs' numbers at that time, then a constant."""
        return _as_tuple(self._x_data, self._y_data)

    def backward(self, gradient: float = 1.0) -> None:
        """Adds d(self)/d(leaf), times gradient, to the grad of every leaf below this Value.

        The grads of the Values between are set, not added to: they belong to the last call.
        Everything is computed aside and written at the end, so an interrupt changes nothing.

        Example:
            >>> a = Value(2.0)
            >>> (a * a).backward()
            >>> (a * a).backward()
            >>> a.grad
            8.0

        Source: torch.Tensor.backward with retain_graph=True.
        """
        grads = _backward_pass(self, _assigned(gradient))
        for leaf in [v for v in grads if v.op is None]:
            grads[leaf] += leaf._grad
        any(map(_set, grads, repeat("_grad"), grads.values()))  # as assign does, unchecked

    def detach(self) -> Value:
        """A new leaf with the same number and no history."""
        number: Any = self.data  # where f is traced, a Value already, made by the op detach
        return number if isinstance(number, Value) else self._kind(number, label=self.label)

    # fmt: off
    # --- operators: a number on either side becomes a constant leaf ---

    def __add__(self, other: Number) -> Value: return _binary(ops.ADD, self, other)
    def __radd__(self, other: float) -> Value: return _binary(ops.ADD, other, self)
    def __sub__(self, other: Number) -> Value: return _binary(ops.SUB, self, other)
    def __rsub__(self, other: float) -> Value: return _binary(ops.SUB, other, self)
    def __mul__(self, other: Number) -> Value: return _binary(ops.MUL, self, other)
    def __rmul__(self, other: float) -> Value: return _binary(ops.MUL, other, self)
    def __truediv__(self, other: Number) -> Value: return _binary(ops.DIV, self, other)
    def __rtruediv__(self, other: float) -> Value: return _binary(ops.DIV, other, self)
    def __pow__(self, other: Number) -> Value:
        if isinstance(other, Real):
            return _unary_with(ops.POWC, self, other)
        return _binary(ops.POW, self, other)
    def __rpow__(self, other: float) -> Value: return _binary(ops.POW, other, self)
    def __neg__(self) -> Value: return _unary(ops.NEG, self)
    def __pos__(self) -> Value: return self
    def __abs__(self) -> Value: return _unary(ops.ABS, self)

    # --- the named ops; functional.py describes them ---

    def abs(self) -> Value: return _unary(ops.ABS, self)
    def sqrt(self) -> Value: return _unary(ops.SQRT, self)
    def exp(self) -> Value: return _unary(ops.EXP, self)
    def expm1(self) -> Value: return _unary(ops.EXPM1, self)
    def log(self) -> Value: return _unary(ops.LOG, self)
    def log1p(self) -> Value: return _unary(ops.LOG1P, self)
    def sin(self) -> Value: return _unary(ops.SIN, self)
    def cos(self) -> Value: return _unary(ops.COS, self)
    def tan(self) -> Value: return _unary(ops.TAN, self)
    def sinh(self) -> Value: return _unary(ops.SINH, self)
    def cosh(self) -> Value: return _unary(ops.COSH, self)
    def tanh(self) -> Value: return _unary(ops.TANH, self)
    def atan(self) -> Value: return _unary(ops.ATAN, self)
    def erfc(self) -> Value: return _unary(ops.ERFC, self)
    def sigmoid(self) -> Value: return _unary(ops.SIGMOID, self)
    def softplus(self) -> Value: return _unary(ops.SOFTPLUS, self)
    def silu(self) -> Value: return _unary(ops.SILU, self)
    def gelu(self) -> Value: return _unary(ops.GELU, self)
    def relu(self) -> Value: return _unary(ops.RELU, self)
    def elu(self, alpha: float = 1.0) -> Value: return _unary_with(ops.ELU, self, alpha)
    def leaky_relu(self, negative_slope: float = 0.01) -> Value:
        return _unary_with(ops.LEAKY_RELU, self, negative_slope)

    # --- comparisons look at the numbers and record nothing; == is identity: the graph needs it ---

    def __lt__(self, other: Number) -> bool: return _compare(operator.lt, self, other)
    def __le__(self, other: Number) -> bool: return _compare(operator.le, self, other)
    def __gt__(self, other: Number) -> bool: return _compare(operator.gt, self, other)
    def __ge__(self, other: Number) -> bool: return _compare(operator.ge, self, other)
    def __eq__(self, other: object) -> bool: return _compare(operator.is_, self, other)
    def __bool__(self) -> bool: return _compare(operator.ne, self, 0.0)
    __hash__ = object.__hash__
    # fmt: on

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data!r}, grad={self._grad!r}{label})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.op is not None:
            raise TypeError(
                f"cannot copy or pickle a Value with history (the result of {self.op.name}): "
                "copy the parameters it was computed from, or call detach() first"
            )
        return _get(super(), "__reduce_ex__")(2)

    def apply_op(self, op: Op, args: Sequence[Number]) -> Value:
        """What an op means in a rule when one of its arguments is a Value."""
        return apply(op, *args)


Value._kind = Value
Number: TypeAlias = float | Value
_new = object.__new__


def _as_tuple(x: Any, y: Any) -> tuple[Any, ...]:
    if y is not None:
        return (x, y)
    return x if type(x) is tuple else () if x is None else (x,)


class _Changed(Op):
    """The op of a node whose data was changed: its rule gets the result that was recorded."""

    __slots__ = ()

    def __init__(self, op: Op) -> None:
        def rule(g: Any, out: Any, *args: Any) -> Any:
            return op.backward(g, op(*args), *args)

        super().__init__(op.name, op.symbol, op.arity, op.forward, rule, op.constants)


def assign(values: Iterable[Value], data: Any = None, grad: Any = None, also: Any = ()) -> None:
    """Sets data and grad of many Values, and rows of (object, attribute, new): all or nothing.

    Example:
        >>> w, b = Value(0.0), Value(0.0)
        >>> assign([w, b], data=[0.5, 1.0])
        >>> w.data, b.data
        (0.5, 1.0)
    """
    at_once(*writing(values, data, grad, also))()


def writing(values: Iterable[Value], data: Any = None, grad: Any = None, also: Any = ()) -> Any:
    """The steps of assign, for a Mode that goes through them later."""
    targets, parts = list(values), list[Any]([tuple(zip(*also))] if also else ())
    for name, numbers in (("_number", data), ("_grad", grad)):
        if numbers is not None:
            known = getattr(numbers, "dtype", None) == "float64"  # no need to look at each
            floats = numbers.tolist() if known else list(numbers)
            if len(floats) != len(targets) or (not known and {*map(type, floats)} != {float}):
                floats = [as_float(x) for _, x in zip(targets, floats, strict=True)]
            parts.append((targets, repeat(name, len(targets)), floats))
    return [map(_set, *columns) for columns in parts]


# --- recording ---


def as_float(number: float) -> float:
    """The number as a float, or a TypeError that names what came."""
    if type(number) is float:
        return number
    if isinstance(number, Real):
        return float(number)
    hint = "convert it first, for example with float(...)"
    if isinstance(number, Value):
        hint = "use the Value itself, or its .data for the plain number"
    elif hasattr(number, "__len__") and not isinstance(number, str | bytes):
        hint = "a Value is one scalar, make one for each element: [Value(x) for x in data]"
    raise TypeError(f"expected a real number, got {type(number).__name__} {number!r:.60}: {hint}")


_get, _set, _assigned = getattr, setattr, as_float  # how Values are read and written; see swapped


def as_value(number: Number) -> Value:
    """The Value itself, or a constant: a leaf made from a plain number."""
    return number if isinstance(number, Value) else _constant(number)


def _constant(number: float, kind: type[Value] = Value) -> Value:
    v = kind(number)
    v._x_data = ()  # the mark of a constant; no leaf has arguments
    return v


def apply(op: Op, *args: Number) -> Value:
    """Records op(*args); numbers among the arguments become constant leaves."""
    if op.constants:
        return _unary_with(op, as_value(args[0]), args[1])  # type: ignore[arg-type]
    if op.arity == 1:
        return _unary(op, as_value(args[0]))
    if op.arity == 2:
        return _binary(op, as_value(args[0]), as_value(args[1]))
    return _nary(op, args)


def _node(
    kind: type[Value], op: Op | None, number: float, x: Any, y: Any, x_data: Any, y_data: Any
) -> Value:
    if not _is_recording():
        op = x = y = x_data = y_data = None
    v = _new(kind)
    v._number, v._grad, v.label = number, 0.0, ""
    v.op, v._x, v._y = op, x, y
    v._x_data, v._y_data = x_data, y_data
    return v


def _unary(op: Op, x: Value) -> Value:
    a = x._number
    return _node(x._kind, op, op.forward(a), x, None, a, None)


def _unary_with(op: Op, x: Value, constant: float) -> Value:
    a, k = x._number, as_float(constant)
    return _node(x._kind, op, op.forward(a, k), x, None, a, k)


def _binary(op: Op, x: Any, y: Any) -> Value:
    try:
        a, b = x._number, y._number
    except AttributeError:  # one is a plain number, or no operand at all
        if not (_is_operand(x) and _is_operand(y)):
            return NotImplemented  # type: ignore[no-any-return]
        if isinstance(x, Value):
            return _binary(op, x, _constant(y, x._kind))
        return _binary(op, _constant(x, y._kind), y)
    v: Value = _new(x._kind)  # _node(x._kind, op, ...), without the call: 5 % of a step
    v._number, v._grad, v.label = op.forward(a, b), 0.0, ""
    if _is_recording():
        v.op, v._x, v._y = op, x, y
        v._x_data, v._y_data = a, b
    else:
        v.op = v._x = v._y = v._x_data = v._y_data = None
    return v


def _nary(op: Op, inputs: tuple[Any, ...]) -> Value:
    try:
        numbers = tuple([v._number for v in inputs])
    except AttributeError:
        kind = next((v._kind for v in inputs if isinstance(v, Value)), Value)
        values = [v if isinstance(v, Value) else _constant(v, kind) for v in inputs]
        return _nary(op, tuple(values))
    kind = inputs[0]._kind if inputs else Value
    return _node(kind, op, op.forward(*numbers), inputs, None, numbers, None)


def _is_operand(other: Any) -> bool:
    if getattr(other, "ndim", 0):
        raise TypeError(
            f"a Value is one scalar, got {type(other).__name__} {other!r:.60}: "
            "write [v * x for x in array], with the operation you want"
        )
    return isinstance(other, Real | Value)


def _compare(relation: Callable[[Any, Any], bool], v: Value, other: Any) -> bool:
    if not isinstance(other, Real | Value):
        return NotImplemented  # type: ignore[no-any-return]
    if relation is operator.is_:
        return v is other
    return relation(v._number, other._number if isinstance(other, Value) else other)


def no_grad() -> Mode:
    """Inside, operations compute numbers and record no graph; also a decorator.

    The mode belongs to the current thread or task and is restored on leaving, also by an error.

    Example:
        >>> w = Value(2.0)
        >>> with no_grad():
        ...     y = w * 3.0
        >>> y.data, y.inputs
        (6.0, ())

    Source: torch.no_grad.
    """
    return setting(_recording, lambda before: False)


# --- differentiating ---


def topological_order(root: Value) -> list[Value]:
    """Every Value that root was computed from, inputs before users, root last.

    Depth first with a stack of its own, so any depth will do; the same graph gives the same order.

    Example:
        >>> a = Value(2.0)
        >>> b = a * a
        >>> c = b + a
        >>> topological_order(c) == [a, b, c]
        True
    """
    order: list[Value] = []
    seen = {root}
    see, emit = seen.add, order.append
    path: list[Value] = []  # the users of v that the walk came through
    wide: dict[Value, Iterator[Value]] = {}  # where the walk stands in a node of many inputs
    v = root
    while True:
        x, y = v._x, v._y
        if y is None and type(x) is tuple:
            rest = wide.get(v) or wide.setdefault(v, iter(x))
            x = next(filterfalse(seen.__contains__, rest), None)
        if x is not None and x not in seen:
            pass
        elif y is not None and y not in seen:
            x = y
        else:
            emit(v)
            if not path:
                return order
            v = path.pop()
            continue
        see(x)
        path.append(v)
        v = x


def _backward_pass(root: Value, gradient: float, order: Any = None) -> dict[Value, float]:
    """The gradient of every v below root that it reaches, for the given gradient of root."""
    if order is None and len(order := topological_order(root)) >= 1000:  # where a mode costs little
        return uncollected()(_backward_pass)(root, gradient, order)
    grads = {root: gradient}
    get = grads.get
    for v in reversed(order):
        g, op = get(v), v.op
        if op is None or g is None:  # a leaf; or below a comparison, where no gradient goes
            continue
        # A loop over _contributions(v, g) would do for all; unrolled it is several times faster.
        x, y = v._x, v._y
        if y is not None:
            gx, gy = op.backward(g, v._number, v._x_data, v._y_data)
            if gx is not None:
                grads[x] = get(x, 0.0) + gx
            if gy is not None:
                grads[y] = get(y, 0.0) + gy
        elif type(x) is tuple:
            for v_in, gx in zip(x, op.backward(g, v._number, *v._x_data)):
                if gx is not None:
                    grads[v_in] = get(v_in, 0.0) + gx
        elif v._y_data is None:
            (gx,) = op.backward(g, v._number, v._x_data)
            if gx is not None:
                grads[x] = get(x, 0.0) + gx
        else:
            gx, _ = op.backward(g, v._number, v._x_data, v._y_data)
            grads[x] = get(x, 0.0) + gx
    return grads


def _contributions(v: Value, g: Any, recorded: bool = False) -> list[tuple[Value, Any]]:
    """The chain rule at v: which of its inputs receive what, as numbers or recorded."""
    if v.op is None:
        return []
    inputs, numbers = v.inputs, v.arguments
    if not recorded:
        received = v.op.backward(g, v._number, *numbers)
    else:
        for x, a in zip(inputs, numbers):
            if x._number is not a and x._number != a:
                raise RuntimeError(
                    f"cannot record the gradient of {v.op.name}: its input was {a!r} then and is "
                    f"{x!r} now; compute the output again, or call grad without create_graph"
                )
        received = v.op.backward(g, v, *inputs, *numbers[len(inputs) :])
    return [(x, gx) for x, gx in zip(inputs, received) if gx is not None]


def grad(output: Value, inputs: Value | Sequence[Value], create_graph: bool = False) -> Any:
    """The gradients d(output)/d(input), without touching any ``.grad``.

    Args:
        output: the Value to differentiate.
        inputs: one Value or a list of them, leaves or not.
        create_graph: record the gradients, so that they can be differentiated again.

    Returns:
        One gradient for one input, a list for a list: floats, or with create_graph Values. The
        gradient of an input that output does not depend on is 0.

    Raises:
        TypeError: output or an input is not a Value.
        RuntimeError: with create_graph, when a leaf's data has changed since it was recorded.

    Example:
        >>> x = Value(2.0)
        >>> slope = grad(x**3, x, create_graph=True)
        >>> slope.data, grad(slope, x)
        (12.0, 12.0)

    Source: torch.autograd.grad.
    """
    wanted = list(inputs) if isinstance(inputs, Iterable) else [inputs]
    for v in (output, *wanted):
        if not isinstance(v, Value):
            raise TypeError(f"grad expects Values, got {type(v).__name__} {v!r:.60}")
    grads: dict[Value, Any]
    if not create_graph:
        grads = dict(_backward_pass(output, 1.0))
        results = [grads.get(v, 0.0) for v in wanted]
    else:
        grads = {output: 1.0}
        with setting(_recording, lambda before: True), uncollected():  # also inside no_grad
            for v in reversed(topological_order(output)):
                if v in grads:
                    for x, gx in _contributions(v, grads[v], recorded=True):
                        grads[x] = grads[x] + gx if x in grads else gx
        results = [as_value(grads.get(v, 0.0)) for v in wanted]
    return results[0] if isinstance(inputs, Value) else results


# The one seam: who needs to see or replace what this file does (the tracer, the anomaly mode).
_RECORDING = ["_new", "_unary", "_unary_with", "_binary", "_nary"]
_TOUCHING = ["_get", "_set", "_assigned", "_compare"]
swapped = Seam(globals(), [*_RECORDING, *_TOUCHING, "_contributions", "_backward_pass"])
