"""Losses: one number that says how wrong the outputs are.

Names, argument order and defaults are those of torch.nn.functional. Outputs and targets are one
number, a list, or a nested list, array or tensor of the same shape, where a list of one stands for
the number in it; targets are checked before anything is computed.
"""

from collections.abc import Callable
from math import fsum
from typing import Any

from .checks import choice, is_int
from .engine import Value
from .functional import abs, detach, eq, ge, logsumexp, mean, relu, softplus, where
from .functional import max as greatest
from .functional import sum as total
from .nesting import fitted, flat, is_list, map_nested, one, plain, shape, squeezed


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error, (input - target)**2.

    Args:
        input: the outputs, a number or a nested list of numbers or Values.
        target: the wanted outputs, of the same shape; t and [t] mean the same.
        reduction: "mean", "sum" or "none" (every loss, nested as the outputs are).

    Returns:
        A Value of at least 0; 0 when every output is right.

    Raises:
        ValueError: the shapes differ, there is nothing to compare, or the reduction is unknown.

    Example:
        >>> mse_loss([1.0, 2.0], [0.0, 0.0], reduction="sum")
        5.0

    Source: torch.nn.functional.mse_loss.
    """

    def square(x: Any, y: Any) -> Any:
        d = x - y
        return d * d  # d**2 of a float raises where it overflows

    return _elementwise(square, input, target, reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The absolute error, |input - target|; its slope at 0 is 0. Arguments as for mse_loss.

    Example:
        >>> l1_loss([1.0, 5.0], [0.0, 2.0])
        2.0

    Source: torch.nn.functional.l1_loss.
    """
    return _elementwise(lambda x, y: abs(x - y), input, target, reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Quadratic for errors up to delta, linear beyond, so that an outlier does not rule.

    Other arguments are those of mse_loss; at delta = 1 it is torch's smooth_l1_loss too.

    Example:
        >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
        [0.125, 2.5]

    Source: Huber (1964); torch.nn.functional.huber_loss.
    """
    if not delta > 0.0:
        raise ValueError(f"huber_loss expects delta > 0, got {delta!r}")

    def huber(x: Any, y: Any) -> Any:
        d = x - y
        beyond = ge(abs(d), delta)
        near = where(beyond, 0.0, d)  # else d * d would give an infinite error the slope nan
        return where(beyond, delta * (abs(d) - 0.5 * delta), 0.5 * (near * near))

    return _elementwise(huber, input, target, reduction)


def hinge_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """max(0, 1 - target * input), for targets -1 and 1; flat at the kink.

    Arguments as for mse_loss; the sign of an output is the predicted class. The loss is 0 when
    every output is right by a margin of 1.

    Raises:
        ValueError: a target that is neither -1 nor 1, or as for mse_loss.

    Example:
        >>> hinge_loss([0.5, -3.0], [1.0, -1.0])
        0.25

    Source: Cortes and Vapnik (1995).
    """
    target = plain(target)
    for i, y in enumerate(flat(target)):
        if not isinstance(y, Value) and y not in (-1, 1):
            hint = ": write 2 * y - 1 for y of 0 and 1" if y == 0 else ""
            raise ValueError(f"hinge_loss expects targets -1 and 1, got {y!r} at index {i}{hint}")
    return _elementwise(lambda x, y: relu(1.0 - y * x), input, target, reduction)


def cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """-log softmax(input)[target]: how surprised the scores are by the right class.

    Args:
        input: scores (logits), a list of n_classes numbers or Values, or a list of such lists.
        target: the index of the right class, 0 to n_classes - 1, or a list of such indices; or for
            each list of scores the probabilities of its classes, such as [0.0, 1.0].
        reduction: as for mse_loss.

    Returns:
        A Value of at least 0, in nats; log(n_classes) when all scores are equal.

    Raises:
        ValueError: a class out of range, scores that are not one list of numbers for each target,
            samples of one output, probabilities that do not add up to 1.
        TypeError: a class that is not an int.

    Example:
        >>> round(cross_entropy([2.0, 0.0], 0), 4)
        0.1269

    Source: torch.nn.functional.cross_entropy.
    """
    scores, targets = plain(input), plain(target)
    came, wanted = shape(scores), shape(targets)
    if len(came) == 1 and not squeezed(wanted):
        return _reduce(_surprise(0, scores, one(targets)), reduction)
    if len(came) == 2 and is_list(targets) and len(scores) != len(targets):
        raise ValueError(f"cross_entropy got {len(scores)} lists of scores, {len(targets)} targets")
    fits = squeezed(wanted) == squeezed(came[:1]) or came == wanted
    if came != (0,) and not (fits and len(came) == 2 and came[1] > 1):
        hint = "; for one output write binary_cross_entropy_with_logits" * (not squeezed(came)[1:])
        raise ValueError(
            "cross_entropy expects one list of scores for each target, "
            f"got scores of shape {came} for targets of shape {wanted}{hint}"
        )
    classes = targets if came == wanted else flat(targets)
    losses = [_surprise(i, row, k) for i, (row, k) in enumerate(zip(scores, classes))]
    return _reduce(losses, reduction)


def _surprise(i: int, scores: list[Any], k: Any) -> Any:
    """The cross entropy of sample i, whose class is k, or whose classes have probabilities k."""
    largest = detach(greatest(scores))  # subtracted first, as in log_softmax
    scores = [x - largest for x in scores]
    size = logsumexp(scores)
    if is_list(k):
        known = not any(isinstance(p, Value) for p in k)
        if known and not (min(k) >= 0.0 and abs(fsum(k) - 1.0) < 1e-6):
            raise ValueError(f"target {i} must be a class or probabilities, got {k!r:.60}")
        return total([where(p, p * (size - x), 0.0) for p, x in zip(k, scores)])
    if isinstance(k, Value):  # only known when the loss is computed: see jit
        right = total([where(eq(k, float(j)), x, 0.0) for j, x in enumerate(scores)])
    elif not is_int(k):
        raise TypeError(f"target {i} must be the int of a class, got {type(k).__name__} {k!r}")
    elif not 0 <= int(k) < len(scores):
        raise ValueError(f"target {i} is class {k}, but there are {len(scores)} classes")
    else:
        right = scores[int(k)]
    return size - right


def binary_cross_entropy_with_logits(input: Any, target: Any, reduction: str = "mean") -> Any:
    """-target * log(p) - (1 - target) * log(1 - p), with p = sigmoid(input), without overflow.

    Arguments as for mse_loss; outputs are scores (logits), targets probabilities, usually 0 or 1.

    Raises:
        ValueError: a target outside 0..1, or as for mse_loss.

    Example:
        >>> round(binary_cross_entropy_with_logits(0.0, 1.0), 4)
        0.6931

    Source: torch.nn.functional.binary_cross_entropy_with_logits.
    """
    target = plain(target)
    for i, y in enumerate(flat(target)):
        if not isinstance(y, Value) and not 0.0 <= y <= 1.0:
            raise ValueError(f"expected targets from 0 to 1, got {y!r} at index {i}")
    return _elementwise(lambda x, y: (1.0 - y) * x + softplus(-x), input, target, reduction)


def _elementwise(f: Callable[[Any, Any], Any], input: Any, target: Any, reduction: str) -> Any:
    return _reduce(map_nested(f, *fitted(input, target)), reduction)


def _reduce(losses: Any, reduction: str) -> Any:
    choice("mean", "sum", "none")("reduction", reduction)
    every = flat(losses)
    if not every:
        raise ValueError("a loss of nothing: the list of outputs is empty")
    if reduction == "none" or not is_list(losses):
        return losses
    return mean(every) if reduction == "mean" else total(every)
