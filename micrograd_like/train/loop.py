"""loop: fit, the loop that everybody writes: some steps, then the callbacks, round after round.

It knows neither what a step does (steps.py) nor what is done between the epochs (callbacks.py).
"""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Any

from ..checks import choice, integer, is_int
from ..data import batches
from ..optim import Adam
from . import given
from .callbacks import (
    Recorder,
    display,
    progress_bar,
    step_scheduler,
    warn_of_bounded_scores,
)
from .history import History, Loss, Recording
from .metrics import Look, Metric, samples
from .steps import Steps, check_jit, choose

__all__ = ["fit"]

UNINTERRUPTED = 0.5  # seconds: how long compiled steps run before Ctrl-C is looked for


def fit(
    model: Any, X: Any, y: Any, loss: Loss, optimizer: Any = Adam,
    epochs: int = 100, batch_size: int = 32, shuffle: bool = True,
    validation: tuple[Any, Any] | None = None, scheduler: Any = None, step_every: str = "epoch",
    l1: float = 0.0, l2: float = 0.0, max_norm: float | None = None,
    metrics: Iterable[str | Metric] = (), callbacks: Iterable[Any] = (),
    seed: int = 0, progress: bool | str = True,
    jit: bool | str = "auto", threads: int = 1, record: int = 0,
) -> History:  # fmt: skip
    """Trains a model on samples X and targets y.

    Args:
        model: an nn.Module; it is left in evaluation mode, after an error in the mode it was in.
        X: a list of samples, each what the model takes.
        y: a list of targets, each what the loss takes.
        loss: a function of a batch's outputs and targets, such as losses.cross_entropy.
        optimizer: an optimiser of the model's parameters, or its class.
        epochs: how often to go through the data.
        batch_size: samples for each step.
        shuffle: a new order every epoch, reproducible by the seed.
        validation: a pair (X, y) to evaluate after every epoch.
        scheduler: stepped after every epoch; ReduceLROnPlateau gets the (validation) loss. One that
            is given to a second fit goes on where it was, as torch's do.
        step_every: "epoch", or "batch": the scheduler is stepped after every batch, and what it
            counts in epochs are batches.
        l1: adds l1 * sum(|w|) to the loss, over all parameters but biases.
        l2: adds l2 * sum(w**2), over the same.
        max_norm: clip the norm of all gradients together to this.
        metrics: names ("accuracy", "r2", "mae") or functions of (outputs, targets).
        callbacks: functions of (model, history), called after every epoch; a text that one returns
            ends training and says why. See callbacks.py.
        seed: of the shuffle.
        progress: True shows a bar with loss, metrics and learning rate, where tqdm is missing about
            ten lines; "lines" prints one for every epoch, as Keras' verbose does.
        jit: run the steps as machine code: True, False, or "auto" where it is possible and pays.
            Where the samples of a batch depend on each other (BatchNorm, a loss of pairs), whole
            batches are compiled. What is held out is evaluated so, too.
        threads: over how many cores the compiled step spreads a batch of more than 128 samples.
        record: keep the parameters of every so many epochs in the history, and those of the first
            and the last, for explore(history).

    Returns:
        The History; its ``jit`` says "compiled", or why the steps ran in Python. Both leave the
        same numbers: after a callback of yours, what was compiled is compared with Python again.

    Raises:
        ValueError, TypeError: no data, a nan in it, or something that cannot train (given.py): a
            setting out of its range, an optimizer of other parameters, a loss that reaches none.
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
    problem = given.problem(model, X, y, loss, optimizer, l1, l2, max_norm, batch_size)
    held_out = validation is not None and samples(*given.pair("validation", validation))
    at_least_1 = integer(1)
    epochs, threads = at_least_1("epochs", epochs), at_least_1("threads", threads)
    record = 0 if is_int(record) and record == 0 else at_least_1("record", record)
    shuffle = given.yes_or_no("shuffle", shuffle)
    progress, seed = given.progress(progress), given.whole("seed", seed)
    measures, callbacks = given.measures(metrics), given.functions("callbacks", callbacks)
    choice("epoch", "batch")("step_every", step_every)
    if scheduler is not None:
        given.check_scheduler(scheduler, problem.optimizer, step_every)
        if step_every == "batch":
            problem, scheduler = problem._replace(schedule=scheduler), None
    check_jit(jit)
    warn_of_bounded_scores(model, problem.X[0], loss)
    theirs = [scheduler or problem.schedule or fit, *callbacks, *[metric for _, metric in measures]]
    look = Look(measures, held_out, loss, problem.y) if measures or held_out else None
    with _evaluating_afterwards(model):
        steps = choose(problem, jit, epochs, threads, not all(map(given.is_ours, theirs)), look)
        history, orders = History(), _orders(len(problem.X), shuffle, seed)
        history.jit, monitor = steps.says, "val_loss" if held_out else "loss"
        with progress_bar(epochs) if progress is True else nullcontext() as bar:
            own: list[Any] = [
                scheduler and partial(step_scheduler, scheduler, monitor),
                record and Recorder(record, history, Recording(model, loss, problem.X, problem.y)),
                display(progress, bar, epochs, history),
            ]
            every = 1 if callbacks or scheduler or not steps.together else record or epochs
            steps.keep = not (callbacks or scheduler or record)  # the bar looks at numbers only
            callbacks = [*filter(None, own), *callbacks]
            _call_all(callbacks, "start", model, history)
            try:
                _run(model, steps, orders, callbacks, history, epochs, every)
            finally:
                steps.write()
    _call_all(callbacks, "finish", model)
    return history


def _run(
    model: Any, steps: Steps, orders: Iterator[list[int]], callbacks: list[Any],
    history: History, epochs: int, every: int,
) -> None:  # fmt: skip
    """Some epochs and then the callbacks, again and again."""
    go = 1  # epochs
    while len(history) < epochs and not history.stopped:
        history.extend(steps.run(islice(orders, go)))
        history.jit = steps.says
        reasons = [reason for call in callbacks if (reason := call(model, history))]
        if reasons:
            history.stopped = f"epoch {len(history)}: {reasons[0]}"
        go = _together(go, history, epochs, every)


@contextmanager
def _evaluating_afterwards(model: Any) -> Iterator[None]:
    """Leaves a model in evaluation mode; after an error every module in the mode it was in."""
    modules = model.modules() if hasattr(model, "modules") else []
    before = [(m, vars(m).get("training")) for m in modules]
    try:
        yield
        model.eval()
    except Exception:
        for m, mode in before:
            vars(m).pop("training", None)
            if mode is not None:
                m.training = mode
        raise
    except BaseException:  # Ctrl-C: it is to be used
        model.eval()
        raise


def _orders(n: int, shuffle: bool, seed: Any) -> Iterator[list[int]]:
    """For each epoch the order of its samples."""
    rng, in_order = random.Random(seed), list(range(n))
    while True:
        yield next(batches(n, n, rng)) if shuffle else in_order


def _call_all(callbacks: Iterable[Any], name: str, *args: Any) -> None:
    """Calls a method of those callbacks that have it."""
    for callback in callbacks:
        method = getattr(callback, name, None)
        if callable(method):  # something else may have that name in a callback of one's own
            method(*args)


def _together(go: int, history: History, epochs: int, every: int) -> int:
    """How many epochs to compute in one go: up to the next one that is looked at, or the last."""
    done, seconds = len(history), go * history["time"][-1]
    most = int(go * UNINTERRUPTED / max(seconds, UNINTERRUPTED / 100)) or 1
    return min(most, epochs - done, every - done % every)
