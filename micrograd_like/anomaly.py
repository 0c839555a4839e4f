"""Where does the nan come from? A mode that stops at the first number that is not finite.

>>> with detect_anomaly():
...     is_anomaly_enabled()
True

It costs nothing when off: only inside the mode, watching functions stand in the place of the
engine's own. This file knows no network and no training, and has the names of engine.py.
"""

import os
import sys
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from . import engine, ops
from .engine import Value
from .modes import Mode
from .words import spelled, words

_PACKAGE = os.path.dirname(__file__) + os.sep


class AnomalyError(ArithmeticError):
    """The first number that was not finite, with the line and the arithmetic that made it.

    Example:
        >>> with detect_anomaly():     # doctest: +ELLIPSIS
        ...     Value(0.0).log()
        Traceback (most recent call last):
        micrograd_like.anomaly.AnomalyError: -inf in the forward pass of log (...: Value(0.0).log())
          log(0.0) = -inf...
    """


def detect_anomaly() -> Mode:
    """Inside, the first inf or nan raises and names the line of yours that made it.

    Every result is checked as it is computed, and in a backward pass every contribution to a
    gradient before any ``grad`` is written. The line is the innermost one outside this library:
    in ``fit`` it is your loss's, or the call of fit. The mode belongs to the current thread or
    task and is restored on leaving; it may be nested, and decorate a function. Compiled functions
    (jit), in which nothing could be seen, refuse to run.

    It makes a training step three times slower, and a node 64 bytes larger.

    Raises:
        AnomalyError: from inside, at the first number that is not finite.

    Example:
        >>> x = Value(0.0)
        >>> with detect_anomaly():     # doctest: +ELLIPSIS
        ...     (x * x).sqrt().backward()
        Traceback (most recent call last):
        micrograd_like.anomaly.AnomalyError: inf in the backward pass of sqrt (...)
          d sqrt / d input = 1 / (2 * 0.0) = inf, times the incoming gradient 1.0 = inf
          hint: sqrt has an infinite slope at 0; add a small constant inside

    Source: torch.autograd.detect_anomaly, which sees only nan, and only in backward.
    """
    return engine.swapped(**_WATCHING)


def is_anomaly_enabled() -> bool:
    """Whether this thread or task is inside detect_anomaly, as torch.is_anomaly_enabled."""
    return engine.swapped.current("_backward_pass") is _backward_pass


# --- what stands in the place of the engine's functions ---


def _watched(own: Callable[..., Any], op: Any, *args: Any) -> Any:
    v = _located(own, op, *args)
    if v is NotImplemented or isfinite(v.data):
        return v
    inputs = args[0] if isinstance(args[0], tuple) else args  # many come as a tuple
    numbers = [_number(x) for x in inputs]
    shown = [repr(a) for a in numbers[:8]] + ["..."] * (len(numbers) > 8)
    applied = f"{op.name}({', '.join(shown)})"
    if len(numbers) == 2 and not op.symbol.isalnum():
        applied = f" {op.symbol} ".join(map(_signed, numbers))
    raise AnomalyError(
        f"{v.data!r} in the forward pass of {op.name} ({_source(_user_line())})\n"
        f"  {applied} = {v.data!r}{_advice(inputs, words(op).hint)}"
    )


def _contributions(own: Callable[..., Any], v: Value, g: Any, recorded: bool = False) -> Any:
    if recorded:  # inside a rule an inf may be masked away: not yet an anomaly
        with engine.swapped(**dict.fromkeys(_RECORDING, _located)):
            received = own(v, g, recorded)
    else:
        received = own(v, g)
    if not all(isfinite(_number(gx)) for _, gx in received):
        raise AnomalyError(_backward_message(v, _number(g)))
    return received


def _backward_pass(own: Callable[..., Any], root: Value, gradient: float) -> dict[Value, float]:
    if not isfinite(gradient):
        raise AnomalyError(f"the backward pass was started with the gradient {gradient!r}")
    step = engine.swapped.own["_contributions"]
    grads = {root: gradient}
    for v in reversed(engine.topological_order(root)):
        for x, gx in _contributions(step, v, grads[v]) if v in grads else ():
            before = grads.get(x, 0.0)
            grads[x] = before + gx
            if not isfinite(grads[x]):
                name = x.label or (x.op.name if x.op else "a number")
                raise AnomalyError(
                    f"{grads[x]!r} in the backward pass, where gradients add up at {name} "
                    f"({_line_of(x)})\n  {_signed(before)} + {_signed(gx)} = {grads[x]!r}\n"
                    f"  hint: {words(ops.ADD).hint}"
                )
    return grads


class _Located(Value):
    """A Value with the file and the line that made it, which live and die with it."""

    __slots__ = ("line",)


def _user_line() -> tuple[str, int]:
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _located(own: Callable[..., Any], op: Any, *args: Any) -> Any:
    v = own(op, *args)
    if type(v) is Value:
        if v.op is None:
            return v
        new = engine.swapped.current("_new")  # who sees every Value sees this one, too
        plain, v = v, new(object.__new__, _Located) if new else object.__new__(_Located)
        for slot in Value.__slots__[1:]:  # all but __weakref__
            setattr(v, slot, getattr(plain, slot))
    elif v is NotImplemented or hasattr(v, "line") or not hasattr(v, "__dict__"):
        return v  # it has a line, or is of a class that takes no attributes
    v.line = _user_line()
    return v


_RECORDING = ("_unary", "_unary_with", "_binary", "_nary")
_WATCHING: dict[str, Callable[..., Any]] = dict.fromkeys(_RECORDING, _watched)
_WATCHING |= {"_contributions": _contributions, "_backward_pass": _backward_pass}


# --- messages ---


def _backward_message(v: Value, g: float) -> str:
    op: Any = v.op
    local = op.backward(1.0, v.data, *v.arguments)
    received = op.backward(g, v.data, *v.arguments)
    i = next(i for i, gx in enumerate(received) if gx is not None and not isfinite(gx))
    slope, said = repr(local[i]), words(op)
    if said.steep:
        x, y = [_signed(a) for a in (*v.arguments, 0.0)[:2]]
        numbers = {"x": x, "y": y, "k": y, "out": _signed(v.data)}
        slope = f"{spelled(said.derivatives[i], numbers)} = {slope}"
    return (
        f"{received[i]!r} in the backward pass of {op.name} ({_line_of(v)})\n"
        f"  d {op.name} / d {_place(v.inputs, i)} = {slope}, "
        f"times the incoming gradient {g!r} = {received[i]!r}"
        f"{_advice(v.inputs, said.steep or said.hint)}"
    )


def _advice(inputs: Sequence[Any], hint: str) -> str:
    """Where a number that was not finite before came from, or else what to do."""
    for i, x in enumerate(inputs):
        if isinstance(x, Value) and not isfinite(x.data):
            was = "was computed before detect_anomaly() began: compute it inside"
            if x.op is None:
                was = "is a leaf: see where its data comes from"
            return f"\n  {_place(inputs, i)} was {x.data!r} already and {was}"
    return f"\n  hint: {hint}" if hint else ""


def _source(line: tuple[str, int]) -> str:
    import linecache  # here, since it takes 2 ms to import and is rarely needed

    path, number = line
    text = linecache.getline(path, number).strip()
    return f"{os.path.basename(path)}:{number}" + (f": {text}" if text else "")


def _line_of(v: Value) -> str:
    if hasattr(v, "line"):
        return _source(v.line)
    return "a leaf" if v.op is None else "recorded before detect_anomaly() began: line unknown"


def _signed(number: float) -> str:
    return f"({number!r})" if repr(number).startswith("-") else repr(number)


def _place(inputs: Sequence[Any], i: int) -> str:
    label = getattr(inputs[i], "label", "")
    values = [x for x in inputs if isinstance(x, Value)]
    return label or ("input" if len(values) == 1 else f"input {i + 1}")


def _number(x: Any) -> float:
    return float(x.data) if isinstance(x, Value) else float(x)
