"""metrics: how good outputs are, plain functions of outputs and targets, both lists of numbers.

A new metric is a function and a row in METRICS. This file knows nothing of Values.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..nesting import is_list

__all__ = ["METRICS", "Metric", "accuracy", "mae", "r2"]

Metric = Callable[[list[Any], list[Any]], float]


def accuracy(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """The fraction of samples whose class is right.

    A list of scores votes for its largest; a single score for the sign, when the targets are -1
    and 1, or else for 1 when it is positive (a logit) and 0 when not.

    Example:
        >>> accuracy([[0.1, 2.0], [3.0, 1.0]], [1, 1]), accuracy([0.3, -2.0], [1, -1])
        (0.5, 1.0)
    """
    negative = -1 if any(t < 0 for t in targets) else 0
    return mean([float(_vote(o, negative) == t) for o, t in zip(outputs, targets)])


def _vote(output: Any, negative: int) -> int:
    if is_list(output):
        return max(range(len(output)), key=output.__getitem__)
    return 1 if output > 0 else negative


def r2(outputs: Sequence[float], targets: Sequence[float]) -> float:
    """The share of the targets' variance that is explained: 1 is perfect, 0 is their mean.

    Example:
        >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        1.0

    Source: sklearn.metrics.r2_score.
    """
    centre = mean(targets)
    total = math.fsum((t - centre) * (t - centre) for t in targets)  # ** 2 raises beyond 1e154
    rest = math.fsum((t - o) * (t - o) for o, t in zip(outputs, targets))
    return 1.0 - rest / total if total else (1.0 if rest == 0.0 else 0.0)


def mae(outputs: Sequence[float], targets: Sequence[float]) -> float:
    """The mean absolute error.

    Example:
        >>> mae([1.0, 2.0], [0.0, 4.0])
        1.5
    """
    return mean([abs(o - t) for o, t in zip(outputs, targets)])


METRICS: dict[str, Metric] = {"accuracy": accuracy, "r2": r2, "mae": mae}


def named(metric: Any) -> tuple[str, Metric]:
    """A metric's name and function, from either of them or both.

    Example:
        >>> named("mae") == named(mae) == ("mae", mae)
        True
    """
    if isinstance(metric, tuple):
        return metric
    if callable(metric):
        return metric.__name__, metric
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}: choose from {', '.join(METRICS)}")
    return metric, METRICS[metric]


def mean(numbers: Sequence[float]) -> float:
    """Their sum, rounded once, divided by how many they are."""
    return math.fsum(numbers) / len(numbers)
