"""given: what fit is given, refused with one sentence before anything is computed.

>>> pair("validation", ([1.0], [2.0], [3.0]))
Traceback (most recent call last):
TypeError: validation must be a pair (X, y), got tuple of 3
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from ..checks import integer, is_int, number
from ..engine import Value
from .metrics import named, samples
from .steps import Problem, one_number

OURS = __name__.partition(".")[0]


def problem(
    model: Any, X: Any, y: Any, loss: Any, optimizer: Any,
    l1: Any, l2: Any, max_norm: Any, batch_size: Any,
) -> Problem:  # fmt: skip
    """What is trained, and how."""
    if (Value(1.0) + 1.0).op is None:
        raise ValueError("fit cannot train inside no_grad(): no gradient is recorded there")
    for method in ("parameters", "batch", "train", "eval"):
        if isinstance(model, type) or not callable(getattr(model, method, None)):
            raise TypeError(f"model must be an nn.Module, got {_what(model)}")
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(
            "loss must be a function of outputs and targets, such as mse_loss, got " + _what(loss)
        )
    X, y = samples(X, y)
    at_least_0, batch_size = number(0.0), integer(1)("batch_size", batch_size)
    l1, l2 = at_least_0("l1", l1), at_least_0("l2", l2)
    max_norm = None if max_norm is None else at_least_0("max_norm", max_norm)
    optimizer = _optimizer(optimizer, list(model.parameters()))
    return Problem(model, X, y, partial(one_number, loss), optimizer, l1, l2, max_norm, batch_size)


def _optimizer(optimizer: Any, parameters: list[Any]) -> Any:
    """An optimiser that moves at least one of the parameters."""
    kind = optimizer if isinstance(optimizer, type) else type(optimizer)
    if not all(callable(getattr(kind, method, None)) for method in ("step", "zero_grad")):
        raise TypeError(
            "optimizer must be an optimizer such as Adam(model.parameters()), or its class, got "
            + _what(optimizer)
        )
    optimizer = optimizer(parameters) if kind is optimizer else optimizer
    if parameters and not set(optimizer.params) & set(parameters):
        raise ValueError(
            f"none of the optimizer's {len(optimizer.params)} parameters is one of the model's "
            f"{len(parameters)}: make the optimizer from model.parameters()"
        )
    return optimizer


def check_scheduler(scheduler: Any, optimizer: Any, step_every: Any) -> None:
    """Refuses what does not change the learning rate of this optimiser, so often."""
    if isinstance(scheduler, type) or not callable(getattr(scheduler, "step", None)):
        raise TypeError(
            "scheduler must have a step() method, such as StepLR(optimizer, 10), got "
            + _what(scheduler)
        )
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            f"the {type(scheduler).__name__} changes the learning rate of another optimizer: make "
            "it from the one that is given to fit"
        )
    if step_every == "batch" and hasattr(scheduler, "patience"):
        raise ValueError(
            f'a {type(scheduler).__name__} looks at the numbers of an epoch: step_every="epoch"'
        )


def listed(name: str, x: Any) -> list[Any]:
    """A list of functions, or of names of metrics."""
    if isinstance(x, str) or not isinstance(x, Iterable):
        raise TypeError(f"{name} must be a list, got {_what(x)}: write [{name[:-1]}]")
    return list(x)


def functions(name: str, x: Any) -> list[Any]:
    """A list of what can be called."""
    for f in (every := listed(name, x)):
        if isinstance(f, type) or not callable(f):
            raise TypeError(f"{name} must be functions of (model, history), got {_what(f)}")
    return every


def measures(metrics: Any) -> list[Any]:
    """The names and functions of metrics."""
    return [named(metric) for metric in listed("metrics", metrics)]


def pair(name: str, two: Any) -> Any:
    """Samples and targets."""
    if not isinstance(two, tuple | list) or len(two) != 2:
        size = f" of {len(two)}" if isinstance(two, tuple | list) else ""
        raise TypeError(f"{name} must be a pair (X, y), got {type(two).__name__}{size}")
    return two


def yes_or_no(name: str, x: Any) -> bool:
    """True or False, and nothing that counts as one of them."""
    if type(x).__name__ not in ("bool", "bool_"):  # numpy's too
        raise ValueError(f"{name} must be True or False, got {x!r:.60}")
    return bool(x)


def progress(x: Any) -> bool | str:
    """How the epochs are shown."""
    if isinstance(x, str) and x == "lines":
        return x
    if type(x).__name__ not in ("bool", "bool_"):  # numpy's too
        raise ValueError(f'progress must be True, False or "lines", got {x!r:.60}')
    return bool(x)


def whole(name: str, n: Any) -> int:
    """An int, of any sign."""
    if not is_int(n):
        raise ValueError(f"{name} must be an int, got {type(n).__name__} {n!r:.60}")
    return int(n)


def is_ours(x: Any) -> bool:
    """Whether the library's own, which changes nothing that a step reads."""
    return (getattr(x, "__module__", None) or "").partition(".")[0] == OURS


def _what(x: Any) -> str:
    if isinstance(x, type):
        return f"the class {x.__name__}"
    return f"{type(x).__name__} {x!r:.60}"
