"""Schedules: how the learning rate changes from epoch to epoch.

Names, argument order, defaults and arithmetic are those of torch.optim.lr_scheduler. A schedule
knows of its optimiser that it has an ``lr``.
"""

import math
from typing import Any, ClassVar

from ..checks import COUNTED, as_number, choice, integer, number
from ..engine import assign
from .optimizers import Resumable

__all__ = ["CosineAnnealingLR", "ExponentialLR", "ReduceLROnPlateau", "Scheduler", "StepLR"]


class Scheduler(Resumable):
    """What the schedules share: call step() once after every epoch.

    A schedule is a function of the number of epochs, ``lr_at``; the learning rate that the
    optimiser had at the start is ``base_lr``.
    """

    settings: ClassVar = {"base_lr": number(0.0), "epoch": integer(0, COUNTED)}

    def __init__(self, optimizer: Any) -> None:
        if not hasattr(optimizer, "lr"):
            raise TypeError(f"a scheduler needs an optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.base_lr: float = optimizer.lr
        self.epoch = 0

    def lr_at(self, epoch: int) -> float:
        """The learning rate after so many epochs."""
        raise NotImplementedError(f"{type(self).__name__} does not define lr_at(epoch)")

    def step(self) -> None:
        """Counts one epoch and sets the optimiser's learning rate."""
        self._write(self.epoch + 1, self.lr_at(self.epoch + 1))

    def _write(self, epoch: int, lr: float, **others: Any) -> None:
        """All of it or, after an interrupt, nothing."""
        own = others | {"epoch": epoch}
        assign([], also=[(self.optimizer, "lr", lr), *((self, k, own[k]) for k in own)])


class StepLR(Scheduler):
    """Multiplies the learning rate by gamma every step_size epochs.

    Example:
        >>> from micrograd_like import SGD, Value
        >>> schedule = StepLR(SGD([Value(0.0)], lr=1.0), step_size=2, gamma=0.5)
        >>> [schedule.lr_at(epoch) for epoch in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]

    Source: torch.optim.lr_scheduler.StepLR.
    """

    settings = Scheduler.settings | {"step_size": integer(1, COUNTED), "gamma": number(0.0)}

    def __init__(self, optimizer: Any, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        self.step_size, self.gamma = step_size, gamma
        self.check()

    def lr_at(self, epoch: int) -> float:
        return _decayed(self.base_lr, self.gamma, epoch // self.step_size)


class ExponentialLR(Scheduler):
    """Multiplies the learning rate by gamma every epoch.

    Example:
        >>> from micrograd_like import SGD, Value
        >>> schedule = ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5)
        >>> [schedule.lr_at(epoch) for epoch in range(3)]
        [1.0, 0.5, 0.25]

    Source: torch.optim.lr_scheduler.ExponentialLR.
    """

    settings = Scheduler.settings | {"gamma": number(0.0)}

    def __init__(self, optimizer: Any, gamma: float) -> None:
        super().__init__(optimizer)
        self.gamma = gamma
        self.check()

    def lr_at(self, epoch: int) -> float:
        return _decayed(self.base_lr, self.gamma, epoch)


class CosineAnnealingLR(Scheduler):
    """Goes down to eta_min along half a cosine in T_max epochs, and up again after them.

    Example:
        >>> from micrograd_like import SGD, Value
        >>> schedule = CosineAnnealingLR(SGD([Value(0.0)], lr=1.0), T_max=2)
        >>> [round(schedule.lr_at(epoch), 4) for epoch in range(3)]
        [1.0, 0.5, 0.0]

    Source: Loshchilov and Hutter (2017), equation 5; torch.optim.lr_scheduler.CosineAnnealingLR.
    """

    settings = Scheduler.settings | {"T_max": integer(1, COUNTED), "eta_min": number(0.0)}

    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer)
        self.T_max, self.eta_min = T_max, eta_min
        self.check()

    def lr_at(self, epoch: int) -> float:
        half = (self.base_lr - self.eta_min) / 2.0
        return self.eta_min + half * (1.0 + math.cos(math.pi * epoch / self.T_max))


def _number_or_none(name: str, x: Any) -> Any:
    if x is not None and math.isnan(x := as_number(name, x)):
        raise ValueError(f"{name} must be a number or None, got nan")
    return x


class ReduceLROnPlateau(Scheduler):
    """Multiplies the learning rate by factor when a number has not improved for a while.

    Args:
        optimizer: whose learning rate to change.
        mode: "min" when smaller is better, "max" when larger is.
        factor: what to multiply with, below 1.
        patience: how many epochs without improvement are allowed.
        threshold: the relative improvement that counts.
        cooldown: how many epochs to wait after a reduction.
        min_lr: never go below.

    Example:
        >>> from micrograd_like import SGD, Value
        >>> optimizer = SGD([Value(0.0)], lr=1.0)
        >>> schedule = ReduceLROnPlateau(optimizer, patience=1, factor=0.5)
        >>> for loss in [3.0, 2.0, 2.0, 2.0]:
        ...     schedule.step(loss)
        >>> optimizer.lr
        0.5

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau, with threshold_mode="rel".
    """

    settings = Scheduler.settings | {
        "mode": choice("min", "max"), "factor": number(0.0, 1.0, below=True),
        "patience": integer(0, COUNTED), "threshold": number(0.0),
        "cooldown": integer(0, COUNTED), "min_lr": number(0.0),
        "best": _number_or_none, "bad_epochs": integer(0, COUNTED), "waiting": integer(0, COUNTED),
    }  # fmt: skip

    def __init__(
        self, optimizer: Any, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(optimizer)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.cooldown, self.min_lr = threshold, cooldown, min_lr
        self.best: float | None = None
        self.bad_epochs = self.waiting = 0
        self.check()

    def step(self, metric: Any) -> None:  # type: ignore[override]
        """Counts one epoch, at the end of which the number was metric."""
        # A loss itself, kept as the best one, would keep its whole graph alive.
        metric = float(metric if hasattr(metric, "__float__") else metric.data)
        sign = 1.0 if self.mode == "min" else -1.0  # sign * metric: the smaller the better
        bound = math.inf if self.best is None else sign * self.best * (1.0 - sign * self.threshold)
        best, bad_epochs, waiting, lr = (
            self.best,
            self.bad_epochs + 1,
            self.waiting,
            self.optimizer.lr,
        )
        if sign * metric < bound:  # so nan or infinitely bad is never the best
            best, bad_epochs = metric, 0
        if waiting:
            waiting, bad_epochs = waiting - 1, 0
        if bad_epochs > self.patience:
            waiting, bad_epochs = self.cooldown, 0
            new = max(lr * self.factor, self.min_lr)
            if lr - new > 1e-8:  # torch's eps: a smaller change is none
                lr = new
        self._write(self.epoch + 1, lr, best=best, bad_epochs=bad_epochs, waiting=waiting)


def _decayed(lr: float, gamma: float, times: int) -> float:
    try:
        return lr * gamma**times
    except OverflowError:
        return lr * math.inf if lr else 0.0
