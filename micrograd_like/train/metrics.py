"""metrics: what a model says of samples that it does not learn from, and how good that is.

A model computes here in evaluation mode and records no graph; its modules are then in the modes
that they were in. A metric is a plain function of outputs and targets, lists of numbers; a new one
is a function and a row in METRICS.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from typing import Any

from ..checks import choice
from ..data import check_finite, check_lengths
from ..engine import Value, no_grad, topological_order
from ..functional import sigmoid, softmax
from ..modes import Mode
from ..nesting import flatten, is_list
from .history import Loss
from .steps import check_jit, is_worth_compiling, mean, numbers

__all__ = ["METRICS", "Metric", "accuracy", "evaluate", "mae", "predict", "predict_proba", "r2"]

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

    def vote(output: Any) -> int:
        if is_list(output):
            return max(range(len(output)), key=output.__getitem__)
        return 1 if output > 0 else negative

    return mean([float(vote(o) == t) for o, t in zip(outputs, targets)])


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
BETTER = {"loss": "min", "accuracy": "max", "r2": "max", "mae": "min"}  # the smaller or the larger?


def named(metric: Any) -> tuple[str, Metric]:
    """A metric's name and function, from either of them or both."""
    if isinstance(metric, tuple):
        return metric
    if callable(metric):
        return metric.__name__, metric
    return metric, METRICS[choice(*METRICS)("metric", metric)]


# --- a model and samples ---


def evaluate(
    model: Any, X: Any, y: Any, loss: Loss, metrics: Iterable[Any] = ()
) -> dict[str, float]:
    """The loss and metrics of a model on data that it does not learn from.

    Example:
        >>> from micrograd_like import MLP, mse_loss
        >>> model = MLP(1, [1], output_activation="linear", rng=0)
        >>> model.load_state_dict({name: 0.0 for name in model.state_dict()})
        >>> evaluate(model, [[1.0], [2.0]], [0.0, 2.0], mse_loss, metrics=["mae"])
        {'loss': 2.0, 'mae': 1.0}
    """
    X, y = samples(X, y)
    with evaluating(model), no_grad():
        outs = model.batch(X)
        scores = {"loss": float(loss(outs, y).data)}
    outputs = numbers(outs)
    return scores | {name: f(outputs, y) for name, f in map(named, metrics)}


def predict(model: Any, X: Any, jit: bool | str = "auto") -> list[Any]:
    """The outputs for a list of samples, as plain numbers (lists of them for several outputs).

    Args:
        model: a Module, used in evaluation mode, or any function of one sample.
        X: a list of samples.
        jit: as for fit.

    Example:
        >>> from micrograd_like import MLP
        >>> len(predict(MLP(2, [3, 2], rng=0), [[0.0, 1.0], [2.0, 3.0]])[0])
        2
    """
    X = list(X)
    check_finite(X, "X")
    if not X:
        return []
    check_jit(jit)
    with evaluating(model), no_grad():
        many = jit == "auto" and len(X) >= 100
        if jit is True or (many and is_worth_compiling(_edges(model, X[0]) * len(X))):
            try:
                return _predict_compiled(model, X)
            except Exception:  # of any kind: Python will say what it thinks of it
                if jit is True:
                    raise
        outs = model.batch(X) if hasattr(model, "batch") else [model(x) for x in X]
        return [numbers(out) for out in outs]


def _predict_compiled(model: Any, X: list[Any]) -> list[Any]:
    from ..jit import jit

    rebuild = flatten(model(X[0]))[1]
    rows = jit(lambda x: flatten(model(x))[0], batch=[True])(X).tolist()
    return [numbers(rebuild(row)) for row in rows]


def predict_proba(model: Any, X: Any) -> list[list[float]]:
    """The probability of each class, for a model whose outputs are logits.

    One output p is a logit of class 1 and gives [1 - sigmoid(p), sigmoid(p)]; several give their
    softmax.

    Example:
        >>> from micrograd_like import MLP
        >>> [row] = predict_proba(MLP(2, [3], rng=0), [[0.0, 0.0]])
        >>> [round(p, 4) for p in row]
        [0.3333, 0.3333, 0.3333]
    """
    outs = predict(model, X)
    return [softmax(o) if isinstance(o, list) else [sigmoid(-o), sigmoid(o)] for o in outs]


def samples(X: Any, y: Any) -> tuple[list[Any], list[Any]]:
    """Samples and targets as lists, of one length and all finite."""
    X, y = list(X), list(y)
    check_lengths(X, y)
    check_finite(X, "X")
    check_finite(y, "y")
    return X, y


def evaluating(model: Any) -> Mode:
    """Inside, every module is in evaluation mode; afterwards each is in the mode it was in."""
    modules = list(model.modules()) if hasattr(model, "modules") else []

    def write(modes: list[bool]) -> None:
        for module, training in zip(modules, modes):
            module.training = training

    return Mode(lambda: [m.training for m in modules], write, lambda modes: [False] * len(modes))


def _edges(model: Any, x: Any) -> int:
    """How many inputs the nodes have that one sample makes: the work for it."""
    outs, _ = flatten(Context().run(model, x))  # in a context of its own, which records
    nodes = [v for out in outs if isinstance(out, Value) for v in topological_order(out)]
    return sum([len(v.inputs) for v in nodes])
