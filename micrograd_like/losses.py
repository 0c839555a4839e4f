"""Losses: one number that says how wrong the outputs are.

>>> from micrograd_like import Value
>>> mse_loss([Value(1.0), Value(3.0)], [1.0, 1.0]).data
2.0

Names, argument order and defaults are those of torch.nn.functional. Outputs and targets are one
number, a list, or a nested list of the same shape.
"""

from collections.abc import Callable
from typing import Any

from .engine import Number
from .functional import mean, relu
from .functional import sum as total


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error, (input - target)**2.

    Args:
        input: the outputs, a number or a nested list of numbers or Values.
        target: the wanted outputs, of the same shape.
        reduction: "mean", "sum" or "none" (the list of all losses).

    Returns:
        A Value of at least 0; 0 when every output is right.

    Raises:
        ValueError: the shapes differ, there is nothing to compare, or the reduction is unknown.

    Example:
        >>> mse_loss([1.0, 2.0], [0.0, 0.0], reduction="sum")
        5.0

    Source: torch.nn.functional.mse_loss.
    """
    return _elementwise(lambda x, y: (x - y) ** 2, input, target, reduction)


def hinge_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """max(0, 1 - target * input), for targets -1 and 1; flat at the kink.

    Args:
        input: scores, a number or a nested list; the sign is the predicted class.
        target: -1 or 1 for each score.
        reduction: "mean", "sum" or "none".

    Returns:
        A Value of at least 0; 0 when every score is right by a margin of 1.

    Raises:
        ValueError: a target that is neither -1 nor 1, or as for mse_loss.

    Example:
        >>> hinge_loss([0.5, -3.0], [1.0, -1.0])
        0.25

    Source: Cortes and Vapnik (1995).
    """
    for i, y in enumerate(_flat(target)):
        if y not in (-1, 1):
            raise ValueError(f"hinge_loss expects targets -1 and 1, got {y!r} at index {i}")
    return _elementwise(lambda x, y: relu(1.0 - y * x), input, target, reduction)


def _elementwise(f: Callable[[Any, Any], Any], input: Any, target: Any, reduction: str) -> Any:
    if _shape(input) != _shape(target):
        raise ValueError(
            f"outputs of shape {_shape(input)} do not fit targets of shape {_shape(target)}"
        )
    return _reduce([f(x, y) for x, y in zip(_flat(input), _flat(target))], reduction)


def _reduce(losses: list[Number], reduction: str) -> Any:
    reductions: dict[str, Callable[..., Any]] = {"mean": mean, "sum": total, "none": list}
    if reduction not in reductions:
        raise ValueError(f"unknown reduction {reduction!r}: choose from mean, sum, none")
    if not losses:
        raise ValueError("a loss of nothing: the list of outputs is empty")
    return reductions[reduction](losses)


def _is_list(x: Any) -> bool:
    return hasattr(x, "__len__") and not isinstance(x, str)


def _flat(x: Any) -> list[Any]:
    return [leaf for part in x for leaf in _flat(part)] if _is_list(x) else [x]


def _shape(x: Any) -> tuple[int, ...]:
    """(3, 2) for a list of three pairs; the sizes of a ragged list's parts as a set of shapes."""
    if not _is_list(x):
        return ()
    inner = {_shape(part) for part in x}
    if len(inner) > 1:
        raise ValueError(f"a list of {len(x)} parts has parts of different shapes: {sorted(inner)}")
    return (len(x), *(inner.pop() if inner else ()))
