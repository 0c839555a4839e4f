"""callbacks: what happens after every epoch of fit; yours, and fit's own.

A callback is called with the model and the history. A text that it returns ends training:

>>> def enough(model, history):
...     return "good enough" if history["loss"][-1] < 0.1 else None

It may have two methods. ``start(model, history)`` is called before the first epoch, so that what is
used twice starts anew; ``finish(model)`` after the last, unless training ended with an error. fit's
own come first: the numbers of the epoch are complete when yours is called.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

from .history import History, Loss, RecordedEpoch, Recording
from .inference import evaluate
from .metrics import Metric
from .steps import Steps

__all__ = ["Callback", "EarlyStopping"]

Callback = Callable[[Any, History], str | None]


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
        self.start()

    def start(self, model: Any = None, history: Any = None) -> None:
        """Forgets what another training left."""
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
        """Puts the parameters of the best epoch back."""
        if self.restore_best and self.best_state is not None:
            model.load_state_dict(self.best_state)


# --- fit's own ---


class Metrics:
    """Adds the metrics of the outputs that the last epoch's steps have computed."""

    def __init__(self, steps: Steps, metrics: Iterable[tuple[str, Metric]]) -> None:
        self.steps, self.metrics = steps, metrics

    def __call__(self, model: Any, history: History) -> None:
        outputs = self.steps.outputs()
        targets = [self.steps.problem.y[j] for j in self.steps.order]
        history.append({name: metric(outputs, targets) for name, metric in self.metrics})


class Validation:
    """Adds the loss and the metrics of other data, as ``val_``."""

    def __init__(self, X: Any, y: Any, loss: Loss, metrics: Iterable[tuple[str, Metric]]) -> None:
        self.given = X, y, loss, metrics

    def __call__(self, model: Any, history: History) -> None:
        scores = evaluate(model, *self.given)
        history.append({f"val_{name}": number for name, number in scores.items()})


class Scheduling:
    """Steps a scheduler; one with a patience gets the monitored number."""

    def __init__(self, scheduler: Any, monitor: str) -> None:
        self.scheduler, self.monitor = scheduler, monitor

    def __call__(self, model: Any, history: History) -> None:
        seen = [history[self.monitor][-1]] if hasattr(self.scheduler, "patience") else []
        self.scheduler.step(*seen)


class Recorder:
    """Records the parameters of the first epoch, of every so many and of the last."""

    def __init__(self, every: int, recording: Recording) -> None:
        self.every, self.recording = every, recording

    def start(self, model: Any, history: History) -> None:
        self.history, history.recorded = history, self.recording

    def __call__(self, model: Any, history: History) -> None:
        if len(history) == 1 or len(history) % self.every == 0:
            self.finish(model)

    def finish(self, model: Any) -> None:
        """Records the last epoch, once."""
        kept, epoch = self.recording.epochs, len(self.history)
        if not kept or kept[-1].epoch != epoch:
            kept.append(RecordedEpoch(epoch, self.history["loss"][-1], model.state_dict()))


class ProgressBar:
    """Shows loss, metrics and learning rate, until it is closed."""

    def __init__(self, epochs: int) -> None:
        try:
            from tqdm import tqdm
        except ImportError:
            raise ImportError(
                'the progress bar needs tqdm: pip install "micrograd_like[train]", '
                "or progress=False"
            ) from None
        self.bar = tqdm(total=epochs, desc="training", unit="epoch")

    def __call__(self, model: Any, history: History) -> None:
        shown = [name for name in history if name not in ("time", "grad_norm")]
        self.bar.set_postfix({name: f"{history[name][-1]:.4g}" for name in shown}, refresh=False)
        self.bar.update(len(history) - self.bar.n)

    def close(self) -> None:
        """Leaves the bar as it is, and the line to others."""
        self.bar.close()
