"""metrics: what a model says of samples that it does not learn from, and how good that is.

A model computes here in evaluation mode and records no graph; its modules are then in the modes
that they were in. A metric is a plain function of outputs and targets, in this order, lists of
numbers; a new one is a function, a row in METRICS and its direction in BETTER.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from typing import Any

from .. import modes, nesting
from ..checks import choice
from ..data import check_finite, check_lengths
from ..engine import Value, as_value, no_grad
from ..functional import sigmoid, softmax
from ..modes import Mode
from ..nesting import fitted, flat, flatten, is_list, map_nested, one, parts, plain, shape, squeezed
from .history import Loss
from .steps import check_jit, inputs_of, is_worth_compiling, mean, numbers

__all__ = ["METRICS", "Metric", "accuracy", "evaluate", "mae", "predict", "predict_proba", "r2"]

Metric = Callable[[list[Any], list[Any]], float]


def accuracy(outputs: Any, targets: Any, threshold: float = 0.0) -> float:
    """The fraction of samples whose class is right; nan if an output is.

    A list of scores votes for its largest. A single score votes for 1 above the threshold, and
    below for -1 or 0, whichever the targets have. At 0 it is a logit, or an output that is to be -1
    or 1; fit and evaluate give 0.5 where the loss makes outputs be 0 or 1, as mse_loss does.

    Args:
        outputs: one number, or a list of scores, for each sample.
        targets: the class of each: a whole number, or a list with a 1 at its place and else 0.

    Raises:
        ValueError: there are none, the lengths differ, a target that no output can vote for.

    Example:
        >>> accuracy([[0.1, 2.0], [3.0, 1.0]], [1, 1]), accuracy([0.3, -2.0], [1, -1])
        (0.5, 1.0)
    """
    outputs, targets = _samples(outputs, targets)
    if len(squeezed(shape(outputs)[1:])) > 1:
        raise ValueError(f"expected lists of scores, got outputs of shape {shape(outputs)}")
    rows, right = [flat(output) for output in outputs], labels(targets)
    places = places_of(right, len(rows[0]))
    if len(rows[0]) == 1:
        rows = [[0.0 if -1 in right else threshold, score] for (score,) in rows]
    if any(math.isnan(score) for row in rows for score in row):
        return math.nan
    return mean([float(row.index(max(row)) == k) for row, k in zip(rows, places)])


def r2(outputs: Any, targets: Any) -> float:
    """The share of the targets' variance that is explained: 1 is perfect, 0 is their mean.

    Of several numbers for each sample it is the mean of theirs; of a single sample it is nan.

    Example:
        >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        1.0

    Source: sklearn.metrics.r2_score.
    """
    both = fitted(*_samples(outputs, targets))
    columns = [zip(*map(flat, rows)) for rows in both]
    return mean([_r2(*column) for column in zip(*columns)])


def _r2(outputs: Sequence[float], targets: Sequence[float]) -> float:
    if len(targets) < 2:
        return math.nan
    same = min(targets) == max(targets)
    centre = targets[0] if same else mean(targets)  # no rounding may make a constant vary
    far = [t - centre for t in targets]
    power = 2.0 ** -max(-1000, math.frexp(max(map(abs, far)))[1])  # exact, and no square overflows
    varying = mean([d * power * (d * power) for d in far])
    rest = mean([(o - t) * power * ((o - t) * power) for o, t in zip(outputs, targets)])
    return 1.0 - rest / varying if varying else (1.0 if rest == 0.0 else rest * 0.0)


def mae(outputs: Any, targets: Any) -> float:
    """The mean absolute error.

    Example:
        >>> mae([1.0, 2.0], [0.0, 4.0])
        1.5
    """
    return mean([abs(o - t) for o, t in zip(*map(flat, fitted(*_samples(outputs, targets))))])


METRICS: dict[str, Metric] = {"accuracy": accuracy, "r2": r2, "mae": mae}
BETTER = {"loss": "min", "accuracy": "max", "r2": "max", "mae": "min"}  # the smaller or the larger?


def labels(targets: Any) -> list[int]:
    """The class of each sample: its target, a whole number, or where a list of 0 has its 1.

    Example:
        >>> labels([1, [2.0], True, [0, 0, 1]])
        [1, 2, 1, 2]
    """
    found = []
    for i, t in enumerate(map(one, parts(plain(targets)))):
        if is_list(t) and sorted(t) == [0] * (len(t) - 1) + [1]:
            t = t.index(1)
        if not (isinstance(t, int) or (isinstance(t, float) and t.is_integer())):
            raise TypeError(f"label {i} must be an int, got {type(t).__name__} {t!r:.60}")
        found.append(int(t))
    return found


def places_of(labels: list[int], n_scores: int, name: str = "targets") -> list[int]:
    """The place of each class among the scores; of one score 1 for class 1, and 0 for 0 or -1."""
    known = range(-1, 2) if n_scores == 1 else range(n_scores)
    for i, label in enumerate(labels):
        if label not in known:
            tells = f"the model's scores are of class 0 to {n_scores - 1}"
            tells = "one score tells only -1 and 1, or 0 and 1" if n_scores == 1 else tells
            raise ValueError(f"{name}[{i}] is {label}, but {tells}")
    if n_scores == 1 and {-1, 0} <= set(labels):
        raise ValueError(f"{name} has labels -1 and 0: for one score give -1 and 1, or 0 and 1")
    return [int(label > 0) for label in labels] if n_scores == 1 else labels


def _samples(outputs: Any, targets: Any) -> tuple[list[Any], list[Any]]:
    """Plain numbers, as many of both, of at least one sample."""
    both = [plain(numbers(x)) for x in (outputs, targets)]
    outputs, targets = (x if is_list(x) else [x] for x in both)
    if len(outputs) != len(targets) or not outputs:
        found = f"{len(outputs)} outputs and {len(targets)} targets"
        raise ValueError(f"a metric expects as many outputs as targets, got {found}")
    return outputs, targets


def named(metric: Any) -> tuple[str, Metric]:
    """A metric's name and function, from either of them or both."""
    if isinstance(metric, tuple):
        return metric
    if callable(metric):
        return metric.__name__, metric
    return metric, METRICS[choice(*METRICS)("metric", metric)]


def measured(
    metrics: Iterable[Any], outputs: list[Any], targets: list[Any], loss: Loss
) -> dict[str, float]:
    """The metrics by name, of outputs that mean what the loss makes of them."""
    scores = {}
    for name, f in map(named, metrics):
        threshold = {"threshold": _threshold(loss, outputs[0], targets[0])} if f is accuracy else {}
        scores[name] = f(outputs, targets, **threshold)
    return scores


def _threshold(loss: Loss, output: Any, target: Any) -> float:
    """Where one output turns from class 0 to 1: whose target does the loss like better for 0.25?"""

    def cost(k: int) -> float:
        outs = map_nested(lambda _: Value(0.25), [output])
        return as_value(loss(outs, map_nested(lambda _: k, [target]))).data

    try:
        with no_grad():
            return 0.5 if cost(0) < cost(1) else 0.0
    except Exception:  # of any kind: the loss is one of other outputs or targets
        return 0.0


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
    return scores | measured(metrics, numbers(outs), y, loss)


class Look:
    """What is measured after every epoch: of its outputs, and of data that is held out.

    Args:
        metrics: pairs of a name and a function.
        held_out: samples and targets, or None.
        loss: of outputs and targets.
        targets: of the samples in training.
    """

    def __init__(
        self, metrics: list[tuple[str, Metric]], held_out: Any, loss: Loss, targets: list[Any]
    ) -> None:
        self.metrics, self.held_out, self.loss, self.targets = metrics, held_out, loss, targets

    def __call__(
        self, model: Any, outputs: Callable[[], list[Any]], order: list[int], said: Any = None
    ) -> dict[str, float]:
        """The numbers for the history.

        Args:
            outputs: gives what the model said in the epoch, before its steps.
            order: of the samples in it.
            said: outputs and loss for the held-out data, where they are known.
        """
        scores = {}
        if self.metrics:
            targets = [self.targets[j] for j in order]
            scores = measured(self.metrics, outputs(), targets, self.loss)
        if self.held_out:
            X, y = self.held_out
            if said is None:
                found = evaluate(model, X, y, self.loss, self.metrics)
            else:
                found = {"loss": said[1]} | measured(self.metrics, said[0], y, self.loss)
            scores |= {f"val_{name}": number for name, number in found.items()}
        return scores


def predict(model: Any, X: Any, jit: bool | str = "auto") -> list[Any]:
    """The outputs for samples, as plain numbers (lists of them for several outputs).

    Args:
        model: a Module, used in evaluation mode, or any function of one sample.
        X: samples, in a list, an array, a tensor, a table or a generator.
        jit: as for fit.

    Example:
        >>> from micrograd_like import MLP
        >>> len(predict(MLP(2, [3, 2], rng=0), [[0.0, 1.0], [2.0, 3.0]])[0])
        2
    """
    X = nesting.samples(X, "X")
    check_finite(X, "X")
    if not X:
        return []
    check_jit(jit)
    with evaluating(model), no_grad():
        many = jit == "auto" and len(X) >= 100
        if jit is True or (many and is_worth_compiling(_work(model, X[0]), len(X))):
            try:
                return _predict_compiled(model, X)
            except Exception:  # of any kind: Python will say what it thinks of it
                if jit is True:
                    raise
        outs = model.batch(X) if hasattr(model, "batch") else [model(x) for x in X]
        return [one(numbers(plain(out))) for out in outs]


def _predict_compiled(model: Any, X: list[Any]) -> list[Any]:
    from ..jit import jit

    rebuild, evaluated = flatten(model(X[0]))[1], _evaluated(model)
    rows = jit(lambda x: flatten(evaluated(x))[0], batch=[True])(X).tolist()
    return [one(numbers(rebuild(row))) for row in rows]


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
    if outs and len(squeezed(shape(outs))) > 2:
        raise ValueError(f"expected lists of scores, got outputs of shape {shape(outs)}")
    return [softmax(flat(o)) if is_list(o) else [sigmoid(-o), sigmoid(o)] for o in outs]


def samples(X: Any, y: Any) -> tuple[list[Any], list[Any]]:
    """Samples and targets as plain lists, of one length and all finite."""
    X, y = nesting.samples(X, "X"), nesting.samples(y, "y")
    check_lengths(X, y)
    check_finite(X, "X")
    check_finite(y, "y")
    return X, y


def evaluating(model: Any) -> Mode:
    """Inside, every module is in evaluation mode here, whatever another thread does with it."""
    return modes.evaluating(model.modules() if hasattr(model, "modules") else [])


def _evaluated(model: Any) -> Callable[[Any], Any]:
    """The model in evaluation mode, for one sample, in whatever context it is called."""

    def outputs(x: Any) -> Any:
        with evaluating(model):
            return model(x)

    return outputs


def _work(model: Any, x: Any) -> int:
    """How many inputs the nodes have that one sample makes."""
    outs, _ = flatten(Context().run(_evaluated(model), x))  # in a context of its own: it records
    return inputs_of(outs)
