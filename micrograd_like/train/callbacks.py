"""callbacks: what happens after every epoch of fit; yours, and fit's own.

A callback is called with the model and the history. A text that it returns ends training:

>>> def enough(model, history):
...     return "good enough" if history["loss"][-1] < 0.1 else None

It may have two methods. ``start(model, history)`` is called before the first epoch, so that what is
used twice starts anew; ``finish(model)`` after the last, unless training ended with an error. fit's
own come first: the numbers of the epoch are complete when yours is called.
"""

import math
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from ..checks import choice, integer, number
from ..engine import Value
from ..losses import binary_cross_entropy_with_logits, cross_entropy
from ..nesting import flatten
from .history import History, Loss, RecordedEpoch, Recording
from .metrics import BETTER, evaluating

__all__ = ["Callback", "EarlyStopping"]

Callback = Callable[[Any, History], str | None]


class EarlyStopping:
    """A callback that ends training when a number has not improved for a while.

    Args:
        monitor: a name from the history, such as "loss" or "val_accuracy".
        mode: "min" where a smaller number is better, "max" where a larger one is; "auto" knows that
            of the losses and metrics of this library.
        patience: how many epochs without improvement are allowed; with math.inf training goes on to
            the last epoch, and the best is kept.
        min_delta: the improvement that counts for the patience.
        restore_best: put the parameters of the best epoch back at the end.

    After an epoch ``best`` is the best number so far and ``best_epoch`` its epoch, counted from 1;
    nan is never the best.

    Raises:
        ValueError: with mode "auto", a number of which it is not known whether larger is better; a
            setting out of its range; in training, a number that the history does not have.

    Example:
        >>> stop = EarlyStopping("loss", patience=2)
    """

    def __init__(
        self, monitor: str = "val_loss", patience: float = 10,
        min_delta: float = 0.0, restore_best: bool = True, mode: str = "auto",
    ) -> None:  # fmt: skip
        self.monitor, self.restore_best = monitor, restore_best
        self.patience = patience if patience == math.inf else integer(0)("patience", patience)
        self.min_delta = number(0.0)("min_delta", min_delta)
        choice("min", "max", "auto")("mode", mode)
        self.mode = BETTER.get(monitor.removeprefix("val_"), "") if mode == "auto" else mode
        if not self.mode:
            raise ValueError(
                f"whether a larger {monitor!r} is better is not known: write "
                f'EarlyStopping({monitor!r}, mode="max"), or mode="min"'
            )
        self.start()

    def start(self, model: Any = None, history: Any = None) -> None:
        """Forgets what another training left."""
        self.sign = -1.0 if self.mode == "max" else 1.0  # sign * number: the smaller the better
        self.best = self.reference = self.sign * math.inf
        self.best_epoch = self.waited = 0
        self.best_state: dict[str, float] | None = None

    def __call__(self, model: Any, history: History) -> str | None:
        if self.monitor not in history:
            need = " (val_ needs fit's validation)" if self.monitor.startswith("val_") else ""
            raise ValueError(
                f"EarlyStopping cannot look at {self.monitor!r}{need}: choose one of "
                f"{', '.join(history)}"
            )
        now = history[self.monitor][-1]
        if self.sign * now < self.sign * self.best:
            self.best, self.best_epoch, self.best_state = now, len(history), model.state_dict()
        self.waited += 1
        if self.sign * now < self.sign * self.reference - self.min_delta:
            self.reference, self.waited = now, 0
        if self.waited <= self.patience:
            return None
        return f"{self.monitor} has not improved for {self.waited} epochs"

    def finish(self, model: Any) -> None:
        """Puts the parameters of the best epoch back: all of them or, interrupted, none."""
        if self.restore_best and self.best_state is not None:
            model.load_state_dict(self.best_state)


# --- fit's own: it gives the first arguments ---


def step_scheduler(scheduler: Any, monitor: str, model: Any, history: History) -> None:
    """Steps a scheduler; one with a patience gets the monitored number."""
    seen = [history[monitor][-1]] if hasattr(scheduler, "patience") else []
    scheduler.step(*seen)


class Recorder:
    """Records the parameters of the first epoch, of every so many and of the last."""

    def __init__(self, every: int, history: History, recording: Recording) -> None:
        self.every, self.history = every, history
        self.recording = history.recorded = recording

    def __call__(self, model: Any, history: History) -> None:
        if len(history) == 1 or len(history) % self.every == 0:
            self.finish(model)

    def finish(self, model: Any) -> None:
        """Records the last epoch, once."""
        kept, epoch = self.recording.epochs, len(self.history)
        if not kept or kept[-1].epoch != epoch:
            kept.append(RecordedEpoch(epoch, self.history["loss"][-1], model.state_dict()))


def progress_bar(epochs: int) -> Any:
    """A tqdm bar; leaving its ``with`` block leaves the line to others. Without tqdm, None."""
    try:
        from tqdm import tqdm
    except ImportError:
        return nullcontext()
    return tqdm(total=epochs, desc="training", unit="epoch")


def display(progress: bool | str, bar: Any, epochs: int, history: History) -> Any:
    """Who shows the epochs: the bar, where there is none some lines, a line for each, nobody."""
    if bar is not None:
        return partial(show, bar)
    if progress == "lines":
        return Lines(epochs, history)
    return progress and Lines(epochs, history, every=max(epochs // 10, 1), file=sys.stderr)


def shown(history: History, epoch: int) -> dict[str, str]:
    """Loss, metrics and learning rate of an epoch, counted from 1."""
    names = [name for name in history if name not in ("time", "grad_norm")]
    return {name: f"{history[name][epoch - 1]:.4g}" for name in names}


def show(bar: Any, model: Any, history: History) -> None:
    """Moves the bar to the last epoch."""
    bar.set_postfix(shown(history, len(history)), refresh=False)
    bar.update(len(history) - bar.n)


class Lines:
    """Prints a line for the first epoch, for every so many and for the last."""

    def __init__(self, epochs: int, history: History, every: int = 1, file: Any = None) -> None:
        self.epochs, self.history, self.every, self.file = epochs, history, every, file
        self.seen = self.printed = 0

    def __call__(self, model: Any, history: History) -> None:
        for epoch in range(self.seen + 1, len(history) + 1):  # compiled ones come together
            if epoch == 1 or epoch % self.every == 0:
                self._print(epoch)
        self.seen = len(history)

    def finish(self, model: Any) -> None:
        """Prints the last epoch, once."""
        if self.printed < self.seen:
            self._print(self.seen)

    def _print(self, epoch: int) -> None:
        words = [f"{name} {number}" for name, number in shown(self.history, epoch).items()]
        count = f"{epoch:{len(str(self.epochs))}}/{self.epochs}"
        print(f"epoch {count}", *words, sep="  ", file=self.file, flush=True)
        self.printed = epoch


# --- what fit says before the first epoch ---

BOUNDS = {"tanh": "-1 and 1", "sigmoid": "0 and 1"}


def warn_of_bounded_scores(model: Any, x: Any, loss: Loss) -> None:
    """Warns when a loss of scores of any size gets outputs that cannot leave an interval."""
    if getattr(loss, "func", loss) not in (cross_entropy, binary_cross_entropy_with_logits):
        return
    with evaluating(model):
        outs, _ = flatten(model.batch([x]))
    ops = {out.op.name for out in outs if isinstance(out, Value) and out.op}
    if len(ops) == 1 and (name := ops.pop()) in BOUNDS:
        called = getattr(getattr(loss, "func", loss), "__name__", "")
        warnings.warn(
            f"{called} takes scores of any size, but these outputs end in {name} and stay between "
            f"{BOUNDS[name]}, so the loss cannot come near 0: use "
            'output_activation="linear", or leave the last activation out',
            UserWarning,
            stacklevel=3,
        )
