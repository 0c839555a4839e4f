"""history: what a training leaves, the numbers of its epochs and, if asked, their parameters."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

__all__ = ["History", "Loss", "RecordedEpoch", "Recording"]

Loss = Callable[[Any, Any], Any]  # of a batch's outputs and targets


class RecordedEpoch(NamedTuple):
    """One epoch of a Recording: its loss, and the model's state_dict() after it."""

    epoch: int  # counted from 1
    loss: float
    state: dict[str, Any]


class Recording:
    """What was trained, and its parameters after some epochs: what explore(history) shows."""

    def __init__(self, model: Any, loss: Loss, X: list[Any], y: list[Any]) -> None:
        self.model, self.loss, self.X, self.y = model, loss, X, y
        self.start: dict[str, Any] = model.state_dict()  # before the first epoch
        self.epochs: list[RecordedEpoch] = []


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
        self.recorded: Recording | None = None  # see fit's record

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
