"""Training: the loop that everybody writes, with its bookkeeping, and the numbers it leaves.

>>> from micrograd_like import MLP, SGD, mse_loss
>>> model = MLP(1, [1], output_activation="linear", rng=0)
>>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
>>> history = fit(model, X, y, mse_loss, SGD(model.parameters(), lr=0.1), epochs=300,
...               batch_size=4, progress=False)
>>> [round(out, 3) for out in predict(model, X)]
[1.0, 3.0, 5.0, 7.0]
>>> history["loss"][-1] < 1e-6
True

``fit`` knows no network and no gradient: a model is anything with ``parameters()`` that computes
outputs, a loss is a function of outputs and targets.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import Context
from itertools import repeat
from typing import Any, NamedTuple

from .. import functional
from ..data import batches, check_finite, check_lengths
from ..engine import Value, no_grad, topological_order
from ..nesting import flatten
from ..optim import Adam, clip_grad_norm_

# One parameter, sample and epoch of work takes about 2 microseconds in Python, and compiling
# from a third of a second up, so less than this is faster without.
WORTH_COMPILING = 1_000_000
TOGETHER = 0.5  # seconds: how much a compiled loop does before it looks for Ctrl-C

Loss = Callable[[Any, Any], Any]
Metric = Callable[[list[Any], list[Any]], float]


# --- metrics: plain functions of outputs and targets, both lists of numbers ---


def accuracy(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """The fraction of samples whose class is right.

    A list of scores votes for its largest; a single score for the sign, when the targets are -1
    and 1, or else for 1 when it is positive (a logit) and 0 when not.

    Example:
        >>> accuracy([[0.1, 2.0], [3.0, 1.0]], [1, 1]), accuracy([0.3, -2.0], [1, -1])
        (0.5, 1.0)
    """
    negative = -1 if any(t < 0 for t in targets) else 0
    return _mean([float(_vote(o, negative) == t) for o, t in zip(outputs, targets)])


def r2(outputs: Sequence[float], targets: Sequence[float]) -> float:
    """The share of the targets' variance that is explained: 1 is perfect, 0 is their mean.

    Example:
        >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        1.0

    Source: sklearn.metrics.r2_score.
    """
    centre = _mean(targets)
    total = math.fsum((t - centre) * (t - centre) for t in targets)  # ** 2 raises beyond 1e154
    rest = math.fsum((t - o) * (t - o) for o, t in zip(outputs, targets))
    return 1.0 - rest / total if total else (1.0 if rest == 0.0 else 0.0)


def mae(outputs: Sequence[float], targets: Sequence[float]) -> float:
    """The mean absolute error.

    Example:
        >>> mae([1.0, 2.0], [0.0, 4.0])
        1.5
    """
    return _mean([abs(o - t) for o, t in zip(outputs, targets)])


METRICS: dict[str, Metric] = {"accuracy": accuracy, "r2": r2, "mae": mae}


# --- what training leaves ---


class History:
    """The numbers of every epoch: ``history["loss"]`` is a list with one for each.

    The names are ``loss``, ``lr``, ``grad_norm`` (the mean over the batches), ``time`` (seconds),
    the metrics, and with validation ``val_loss`` and ``val_`` metrics. Iterating gives the names.

    Example:
        >>> history = History()
        >>> history.append({"loss": 0.5, "lr": 0.1})
        >>> history["loss"], len(history), list(history)
        ([0.5], 1, ['loss', 'lr'])
    """

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {}
        self.stopped = ""  # why training ended before the last epoch
        self.jit = ""  # "compiled", or why the steps ran in Python
        self.recorded: dict[str, Any] | None = None  # what explore shows: see fit's record

    def append(self, epoch: dict[str, float]) -> None:
        """Adds the numbers of one epoch."""
        self.extend({name: [number] for name, number in epoch.items()})

    def extend(self, epochs: dict[str, list[float]]) -> None:
        """Adds the numbers of several epochs, a list for each name."""
        for name, numbers in epochs.items():
            self.columns.setdefault(name, []).extend(numbers)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.columns:
            raise KeyError(f"no {name!r} in this history: it has {', '.join(self.columns)}")
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        """The number of epochs."""
        return max(map(len, self.columns.values()), default=0)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self.columns.keys()

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {numbers[-1]:.4g}" for name, numbers in self.columns.items())
        return f"<History of {len(self)} epochs: {last}>"


class EarlyStopping:
    """A callback that ends training when a number has not improved for a while.

    Args:
        monitor: a name from the history, where smaller is better ("loss", "val_loss") unless it is
            accuracy or r2.
        patience: how many epochs without improvement are allowed.
        min_delta: the improvement that counts.
        restore_best: put the parameters of the best epoch back at the end.

    Example:
        >>> stop = EarlyStopping("loss", patience=2)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.restore_best = restore_best
        self.best = math.inf
        self.waited = 0
        self.best_state: dict[str, float] | None = None

    def __call__(self, model: Any, history: History) -> str | None:
        sign = -1.0 if self.monitor.removeprefix("val_") in ("accuracy", "r2") else 1.0
        now = sign * history[self.monitor][-1]
        if now < self.best - self.min_delta:
            self.best, self.waited, self.best_state = now, 0, model.state_dict()
            return None
        self.waited += 1
        if self.waited <= self.patience:
            return None
        return f"{self.monitor} has not improved for {self.waited} epochs"

    def finish(self, model: Any) -> None:
        """Called when training has ended."""
        if self.restore_best and self.best_state is not None:
            model.load_state_dict(self.best_state)


# --- the loop ---


def fit(
    model: Any,
    X: Any,
    y: Any,
    loss: Loss,
    optimizer: Any = Adam,
    epochs: int = 100,
    batch_size: int = 32,
    shuffle: bool = True,
    validation: tuple[Any, Any] | None = None,
    scheduler: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    max_norm: float | None = None,
    metrics: Iterable[str | Metric] = (),
    callbacks: Iterable[Any] = (),
    seed: int = 0,
    progress: bool = True,
    jit: bool | str = "auto",
    threads: int = 1,
    record: int = 0,
) -> History:
    """Trains a model on samples X and targets y.

    Args:
        model: an nn.Module; it is left in evaluation mode.
        X: a list of samples, each what the model takes.
        y: a list of targets, each what the loss takes.
        loss: a function of a batch's outputs and targets, such as losses.cross_entropy.
        optimizer: an optimiser of the model's parameters, or its class.
        epochs: how often to go through the data.
        batch_size: samples for each step.
        shuffle: a new order every epoch, reproducible by the seed.
        validation: a pair (X, y) to evaluate after every epoch.
        scheduler: stepped after every epoch; ReduceLROnPlateau gets the (validation) loss.
        l1: adds l1 * sum(|w|) to the loss, over all parameters but biases.
        l2: adds l2 * sum(w**2), over the same.
        max_norm: clip the norm of all gradients together to this.
        metrics: names ("accuracy", "r2", "mae") or functions of (outputs, targets).
        callbacks: functions of (model, history), called after every epoch; a text that one returns
            ends training and says why.
        seed: of the shuffle.
        progress: show a bar with loss, metrics and learning rate (needs tqdm).
        jit: run the steps as machine code: True, False, or "auto" where it is possible and pays.
        threads: over how many cores the compiled step spreads a batch of more than 128 samples.
        record: keep the parameters of every so many epochs in the history, and those of the first
            and the last, for explore(history).

    Returns:
        The History; its ``jit`` says "compiled", or why the steps ran in Python.

    Raises:
        ValueError: no data, X and y of different length, or a nan or inf in the data, named.
        FloatingPointError: the loss is no longer finite; the parameters are then those of the last
            step whose loss was.
        JitError: with jit=True, why the model cannot be compiled.

    Example:
        >>> from micrograd_like import MLP, mse_loss
        >>> X, y = [[0.0], [1.0]], [0.5, -0.5]
        >>> history = fit(MLP(1, [1], rng=0), X, y, mse_loss, epochs=50, progress=False)
        >>> history["loss"][-1] < history["loss"][0], len(history)
        (True, 50)

    Source: the shape of Keras' fit; torch's arithmetic.
    """
    X, y = _samples(X, y)
    checked = None if validation is None else _samples(*validation)
    optimizer = optimizer(model.parameters()) if isinstance(optimizer, type) else optimizer
    for name, n in (("epochs", epochs), ("batch_size", batch_size), ("record", record or 1)):
        _at_least_1(name, n)
    _check_jit(jit)
    measures, callbacks = [_named_metric(m) for m in metrics], list(callbacks)
    history, rng, in_order = History(), random.Random(seed), list(range(len(X)))
    problem = _Problem(model, X, y, loss, optimizer, l1, l2, max_norm, batch_size)
    steps, history.jit = _compiled(jit, epochs, problem, threads)
    if record:
        history.recorded = {"model": model, "loss": loss, "X": X, "y": y, "epochs": []}
    several = 1  # epochs in one go: only compiled ones that nobody looks at in between
    alone = isinstance(steps, _InPython) or bool(callbacks or measures or checked or scheduler)
    with _bar(epochs, progress) as bar:
        try:
            while len(history) < epochs and not history.stopped:
                start = time.perf_counter()
                orders = [_shuffled(len(X), rng) if shuffle else in_order for _ in range(several)]
                columns = steps.epochs(len(history), orders)
                seconds = time.perf_counter() - start
                columns |= {"lr": [optimizer.lr] * several, "time": [seconds / several] * several}
                targets = [y[j] for j in orders[0]]
                columns |= {name: [f(steps.outputs(), targets)] for name, f in measures}
                if checked:
                    scores = evaluate(model, *checked, loss=loss, metrics=measures)
                    columns |= {f"val_{name}": [number] for name, number in scores.items()}
                history.extend(columns)
                if record and (len(history) == 1 or len(history) % record == 0):
                    _record(history)
                row = {name: numbers[-1] for name, numbers in columns.items()}
                _advance(scheduler, row)
                _show(bar, row, several)
                reasons = [reason for call in callbacks if (reason := call(model, history))]
                if reasons:
                    history.stopped = f"epoch {len(history)}: {reasons[0]}"
                several = 1 if alone else _several(several, seconds, len(history), epochs, record)
            if record:
                _record(history)  # where it ended, also when a callback stopped it
        finally:
            model.eval()
    for callback in callbacks:
        if hasattr(callback, "finish"):
            callback.finish(model)
    return history


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
    X, y = _samples(X, y)
    with _evaluating(model):
        outs = model.batch(X)
        scores = {"loss": float(loss(outs, y).data)}
    outputs = _numbers(outs)
    return scores | {name: f(outputs, y) for name, f in map(_named_metric, metrics)}


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
    _check_jit(jit)
    with _evaluating(model):
        many = jit == "auto" and len(X) >= 100
        if jit is True or (many and _edges(model, X[0]) * len(X) >= WORTH_COMPILING):
            try:
                from ..jit import jit as compiled

                rebuild = flatten(model(X[0]))[1]
                rows = compiled(lambda x: flatten(model(x))[0], batch=[True])(X).tolist()
                return [_numbers(rebuild(row)) for row in rows]
            except Exception:  # of any kind: Python will say what it thinks of it
                if jit is True:
                    raise
        outs = model.batch(X) if hasattr(model, "batch") else [model(x) for x in X]
        return [_numbers(out) for out in outs]


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

    def probabilities(out: Any) -> list[float]:
        if isinstance(out, list):
            return functional.softmax(out)
        return [functional.sigmoid(-out), functional.sigmoid(out)]

    return [probabilities(out) for out in predict(model, X)]


# --- the parts of the loop ---


class _Problem(NamedTuple):
    """What is trained, and how."""

    model: Any
    X: list[Any]
    y: list[Any]
    loss: Loss
    optimizer: Any
    l1: float
    l2: float
    max_norm: float | None
    batch_size: int

    def weights(self) -> list[Value]:
        """The parameters that are penalised: all but biases."""
        return [p for name, p in self.model.named_parameters() if "b" not in name.split(".")]


class _InPython:
    """The steps of fit, as one would write them by hand."""

    def __init__(self, problem: _Problem) -> None:
        self.problem = problem
        self.weights = problem.weights()
        self.kept = [p.data for p in problem.optimizer.params]
        self.outs: list[Any] = []

    def epochs(self, before: int, orders: list[list[int]]) -> dict[str, list[float]]:
        """A step for each batch of one epoch; the columns of the history."""
        model, X, y, _, optimizer, _, _, max_norm, batch_size = self.problem
        model.train()
        losses: list[float] = []
        norms: list[float] = []
        self.outs = []
        for i, indices in enumerate(_slices(orders[0], batch_size), start=1):
            outs = model.batch([X[j] for j in indices])
            data_loss, total = self._objective(outs, [y[j] for j in indices])
            if not math.isfinite(total.data):
                any(map(setattr, optimizer.params, repeat("_number"), self.kept))
                raise _not_finite(total.data, before + 1, i)
            self.kept = [p.data for p in optimizer.params]
            optimizer.zero_grad()
            total.backward()
            norms.append(_norm(optimizer.params, max_norm))
            optimizer.step()
            losses.append(data_loss.data * len(indices))
            self.outs += _numbers(outs)
        return {"loss": [math.fsum(losses) / len(X)], "grad_norm": [_mean(norms)]}

    def outputs(self) -> list[Any]:
        """What the model said of each sample of the last epoch, before its step."""
        return self.outs

    def _objective(self, outs: Any, targets: Any) -> tuple[Value, Value]:
        data_loss = self.problem.loss(outs, targets)
        l1, l2 = self.problem.l1, self.problem.l2
        return data_loss, data_loss + _penalty(self.weights, l1, l2) if l1 or l2 else data_loss


class _Compiled:
    """The same steps as machine code, any number of epochs in one call: see jit/training.py."""

    def __init__(self, problem: _Problem, threads: int) -> None:
        from ..jit.training import Trainer

        model, X, y, loss, optimizer, l1, l2, max_norm, batch_size = problem
        penalty = (lambda w: l1 * abs(w) + l2 * w * w) if l1 or l2 else None
        self.trainer = Trainer(
            model, X, y, loss, optimizer, penalty, problem.weights(), max_norm, batch_size, threads
        )
        self.outputs = self.trainer.outputs

    def epochs(self, before: int, orders: list[list[int]]) -> dict[str, list[float]]:
        """As many epochs as there are orders of the samples; the columns of the history."""
        losses, norms, done = self.trainer.epochs(orders)
        if done < losses.size:
            epoch, batch = divmod(done, losses.shape[1])
            raise _not_finite(losses.flat[done], before + epoch + 1, batch + 1)
        sizes = [len(part) for part in _slices(orders[0], self.trainer.batch_size)]
        means = losses @ sizes / len(orders[0])
        return {"loss": means.tolist(), "grad_norm": norms.mean(axis=1).tolist()}


def _compiled(
    jit: bool | str, epochs: int, problem: _Problem, threads: int
) -> tuple[_InPython | _Compiled, str]:
    """Who runs the steps, and the sentence about it for the history."""
    work = len(problem.optimizer.params) * len(problem.X) * epochs
    if not jit:
        return _InPython(problem), "in Python, as asked"
    if jit == "auto" and work < WORTH_COMPILING:
        return _InPython(problem), "in Python: there is too little work for compiling to pay"
    try:
        return _Compiled(problem, threads), "compiled"
    except Exception as error:  # of any kind: the loop in Python will say what it thinks of it
        if jit is True:
            raise
        return _InPython(problem), f"in Python: {error}"


def _several(several: int, seconds: float, done: int, epochs: int, record: int) -> int:
    """How many epochs to compute in one go: up to the next one that is recorded or the last."""
    most = int(several * TOGETHER / max(seconds, TOGETHER / 100)) or 1
    return max(1, min(most, epochs - done, record - done % record if record else most))


def _record(history: History) -> None:
    """Keeps the parameters of the last epoch, once."""
    assert history.recorded is not None
    kept, epoch = history.recorded["epochs"], len(history)
    if not kept or kept[-1]["epoch"] != epoch:
        state = history.recorded["model"].state_dict()
        kept.append({"epoch": epoch, "loss": history["loss"][-1], "state": state})


def _check_jit(jit: Any) -> None:
    if jit not in (True, False, "auto"):
        raise ValueError(f'jit must be True, False or "auto", got {jit!r}')


def _not_finite(loss: float, epoch: int, batch: int) -> FloatingPointError:
    return FloatingPointError(
        f"the loss is {loss} in epoch {epoch}, batch {batch}: the parameters are those of the last "
        "step with a finite loss; try a smaller learning rate, or max_norm to clip the gradients; "
        "run it inside `with detect_anomaly():` to see the line that made it"
    )


def _shuffled(n: int, rng: random.Random) -> list[int]:
    (order,) = batches(n, n, rng)
    return order


def _slices(order: list[int], size: int) -> list[list[int]]:
    return [order[i : i + size] for i in range(0, len(order), size)]


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode and no graph inside, the mode from before outside."""
    modes = [(m, m.training) for m in model.modules()] if hasattr(model, "modules") else []
    for m, _ in modes:
        m.training = False
    try:
        with no_grad():
            yield
    finally:
        for m, training in modes:
            m.training = training


def _edges(model: Any, x: Any) -> int:
    """How many inputs the nodes have that one sample makes: the work for it."""
    outs, _ = flatten(Context().run(model, x))  # in a context of its own, which records
    nodes = [v for out in outs if isinstance(out, Value) for v in topological_order(out)]
    return sum([len(v.inputs) for v in nodes])


def _samples(X: Any, y: Any) -> tuple[list[Any], list[Any]]:
    X, y = list(X), list(y)
    check_lengths(X, y)
    check_finite(X, "X")
    check_finite(y, "y")
    return X, y


def _numbers(outs: Any) -> Any:
    if isinstance(outs, Value):
        return outs.data
    return [_numbers(out) for out in outs] if hasattr(outs, "__len__") else outs


def _penalty(weights: list[Value], l1: float, l2: float) -> Any:
    size = functional.sum([abs(w) for w in weights]) if l1 else 0.0
    square = functional.dot(weights, weights) if l2 else 0.0
    return l1 * size + l2 * square


def _norm(parameters: list[Value], max_norm: float | None) -> float:
    if max_norm is not None:
        return clip_grad_norm_(parameters, max_norm)
    return math.hypot(*[p.grad for p in parameters])


def _advance(scheduler: Any, row: dict[str, float]) -> None:
    if scheduler is not None and hasattr(scheduler, "patience"):
        scheduler.step(row.get("val_loss", row["loss"]))
    elif scheduler is not None:
        scheduler.step()


def _named_metric(metric: Any) -> tuple[str, Metric]:
    if isinstance(metric, tuple):
        return metric
    if callable(metric):
        return metric.__name__, metric
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}: choose from {', '.join(METRICS)}")
    return metric, METRICS[metric]


def _bar(epochs: int, progress: bool) -> Any:
    if not progress:
        return nullcontext()
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError(
            'the progress bar needs tqdm: pip install "micrograd_like[train]", or progress=False'
        ) from None
    return tqdm(total=epochs, desc="training", unit="epoch")


def _show(bar: Any, row: dict[str, float], epochs: int) -> None:
    if bar is None:
        return
    shown = {k: v for k, v in row.items() if k not in ("time", "grad_norm")}
    bar.set_postfix({k: f"{v:.4g}" for k, v in shown.items()}, refresh=False)
    bar.update(epochs)


def _vote(output: Any, negative: int) -> int:
    if hasattr(output, "__len__"):
        return max(range(len(output)), key=output.__getitem__)
    return 1 if output > 0 else negative


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def _at_least_1(name: str, n: int) -> None:
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"{name} must be an int of at least 1, got {n!r}")
