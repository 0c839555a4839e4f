"""Functions from functions: the gradient of f is a function too, and has a gradient of its own.

>>> f = lambda x: x**3
>>> grad(f)(2.0), grad(grad(f))(2.0)
(12.0, 12.0)

The argument that is differentiated is a number or a nested list, tuple or dict of numbers; the
result has the same nesting. It is plain numbers when it depends on nothing else; where Values come
in, as arguments or as parameters that f reads from outside, Values come out, recorded, so that the
result can be differentiated again, also with respect to those.

>>> w = Value(3.0)
>>> slope = grad(lambda x: w * x * x)(2.0)
>>> slope.data, engine.grad(slope, w)
(12.0, 4.0)
"""

import math
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from . import engine
from .engine import Value, as_value, topological_order
from .nesting import flatten

Function = Callable[..., Any]
_NOTHING: frozenset[Value] = frozenset()
_differentiated: ContextVar[frozenset[Value]] = ContextVar("differentiated", default=_NOTHING)


def grad(f: Function, argnum: int = 0) -> Function:
    """The function that computes the gradient of f with respect to one argument.

    Args:
        f: a function of numbers or nested lists of them that returns one number.
        argnum: which argument to differentiate, counted from 0.

    Returns:
        A function with f's arguments whose result is nested like the argument.

    Raises:
        TypeError: f returns something else than one number.

    Example:
        >>> grad(lambda w, x: w[0] * x + w[1])([2.0, 1.0], 5.0)
        [5.0, 1.0]

    Source: torch.func.grad.
    """
    both = value_and_grad(f, argnum)

    @wraps(f)
    def gradient(*args: Any) -> Any:
        return both(*args)[1]

    return gradient


def value_and_grad(f: Function, argnum: int = 0) -> Function:
    """As grad, but returns the pair (f's value, its gradient).

    Example:
        >>> value_and_grad(lambda x: x * x)(3.0)
        (9.0, 6.0)

    Source: torch.func.grad_and_value, in the order of jax.value_and_grad.
    """

    @wraps(f)
    def value_and_gradient(*args: Any) -> Any:
        args, variables, rebuild = _fresh(args, argnum)
        out = _scalar(_called(f, args, variables), f)
        recorded = _reads_others([out])
        gradients = engine.grad(out, variables, create_graph=recorded)
        return (out if recorded else out.data), rebuild(gradients)

    return value_and_gradient


def jacobian(f: Function, argnum: int = 0) -> Function:
    """The derivatives of every output of f: a list with one gradient for each of them.

    Example:
        >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
        [[3.0, 2.0], [1.0, 1.0]]

    Source: torch.func.jacrev.
    """

    @wraps(f)
    def matrix(*args: Any) -> Any:
        args, variables, rebuild = _fresh(args, argnum)
        leaves, rebuild_outs = flatten(_called(f, args, variables))
        outs = [_scalar(leaf, f) for leaf in leaves]
        recorded = _reads_others(outs)
        rows = [engine.grad(out, variables, create_graph=recorded) for out in outs]
        return rebuild_outs([rebuild(row) for row in rows])

    return matrix


def hessian(f: Function, argnum: int = 0) -> Function:
    """The second derivatives of f, as the jacobian of its gradient.

    Example:
        >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0])
        [[10.0, 6.0], [6.0, 0.0]]

    Source: torch.func.hessian.
    """
    return jacobian(grad(f, argnum), argnum)


def directional_derivative(f: Function, point: Any, direction: Any) -> Any:
    """How fast f changes when point moves along direction, by forward mode.

    Forward mode goes through the graph once, inputs before users, and carries d(node)/d(step)
    along; it needs no rules of its own, because a rule of one number is linear in g.

    Args:
        f: a function of one argument, a number or a nested list of numbers.
        point: where; nested as f expects it.
        direction: nested like point.

    Returns:
        One float for each output of f, nested like f's result.

    Raises:
        ValueError: point and direction have a different number of elements.

    Example:
        >>> directional_derivative(lambda x: x[0] * x[1], [2.0, 3.0], [1.0, 10.0])
        23.0

    Source: torch.func.jvp; Griewank and Walther, Evaluating Derivatives, section 3.1.
    """
    (argument,), variables, _ = _fresh((point,), 0)
    speeds, _ = flatten(direction)
    if len(speeds) != len(variables):
        raise ValueError(f"the point has {len(variables)} numbers, the direction {len(speeds)}")
    outs, rebuild = flatten(f(argument))
    start = {v: engine.as_float(s) for v, s in zip(variables, speeds)}
    return rebuild([_forward_pass(as_value(out), start).get(out, 0.0) for out in outs])


def _forward_pass(root: Value, start: dict[Value, float]) -> dict[Value, float]:
    speed = dict(start)
    for v in topological_order(root):
        if v.op is None or v in start:
            continue
        slopes = v.op.backward(1.0, v.data, *v.arguments)
        for i, (x, slope) in enumerate(zip(v.inputs, slopes)):
            if slope is not None and x in speed:
                if math.isfinite(speed[x]):
                    change = slope * speed[x]
                else:  # a masked path stays 0 where 0 * inf would not
                    change = v.op.backward(speed[x], v.data, *v.arguments)[i]
                speed[v] = speed.get(v, 0.0) + change
    return speed


def _fresh(args: tuple[Any, ...], argnum: int) -> tuple[Any, ...]:
    """The arguments with new Values in place argnum, so that no other use of them is counted."""
    if not 0 <= argnum < len(args):
        raise ValueError(f"cannot differentiate argument {argnum}: the call has {len(args)}")
    leaves, rebuild = flatten(args[argnum])
    variables = [v * 1.0 if isinstance(v, Value) else as_value(v) for v in leaves]
    return (*args[:argnum], rebuild(variables), *args[argnum + 1 :]), variables, rebuild


def _called(f: Function, args: tuple[Any, ...], variables: list[Value]) -> Any:
    """f's result; while f runs, its variables are what a gradient inside it may depend on."""
    outer = _differentiated.get()
    try:
        _differentiated.set(outer.union(variables))
        return f(*args)
    finally:
        _differentiated.set(outer)


def _reads_others(outs: list[Value]) -> bool:
    """Whether outs depend on parameters, or on the variables of a gradient around this one."""
    nodes = {v for out in outs for v in topological_order(out)}
    outer = _differentiated.get()
    return any(v in outer or (v.op is None and not v.is_constant) for v in nodes)


def _scalar(out: Any, f: Function) -> Value:
    try:
        return as_value(out)
    except TypeError:
        name = getattr(f, "__name__", repr(f))
        raise TypeError(
            f"{name} returned {type(out).__name__} {out!r:.60}: a gradient needs one number; "
            "for several outputs use jacobian"
        ) from None
