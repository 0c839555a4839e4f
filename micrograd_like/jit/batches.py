"""batches: the steps of fit where the samples of a batch depend on each other.

A batch takes the place of a sample: one program for whole batches, and one for the last batch of an
epoch where that has fewer samples.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..engine import Value
from .native import Array
from .training import Trainer


class BatchTrainer:
    """As a Trainer, of whole batches.

    Args:
        X, batch_size, given: the arguments of a Trainer.

    Raises:
        JitError: why it cannot be compiled.
    """

    def __init__(self, X: Sequence[Any], batch_size: int, **given: Any) -> None:
        size = min(batch_size, len(X))
        sizes = [size, len(X) % size] if len(X) % size else [size]
        self.whole = len(X) - len(X) % size
        self.trainers = [Trainer(X=X, **given, batch_size=n, size=n) for n in sizes]
        self.problem = self.trainers[0].problem

    @property
    def compilations(self) -> int:
        """How often the whole batches were compiled."""
        return self.trainers[0].compilations

    def follow(self, penalised: Iterable[Value]) -> None:
        """Traces all of it as it is now, and compiles that unless only numbers differ."""
        penalised = list(penalised)
        for trainer in self.trainers:
            trainer.follow(penalised)

    def is_current(self, sample: int) -> bool:
        """Whether this is still what Python computes."""
        return all(trainer.is_current(sample) for trainer in self.trainers)

    def epochs(self, orders: list[list[int]]) -> tuple[Array, Array, int]:
        """Trains one epoch for each order of the samples: see Trainer."""
        if len(self.trainers) == 1:
            return self.trainers[0].epochs(orders)
        shape = len(orders), 1 + self.whole // self.trainers[0].size
        losses, norms, done = np.full(shape, np.nan), np.zeros(shape), 0
        for epoch, order in enumerate(orders):
            parts, place = (order[: self.whole], order[self.whole :]), 0
            for trainer, part in zip(self.trainers, parts):
                found, size, finite = trainer.epochs([part])
                here = slice(place, place + found.size)
                losses[epoch, here], norms[epoch, here] = found[0], size[0]
                done, place = done + finite, place + found.size
                if finite < found.size:
                    return losses, norms, done
        return losses, norms, done

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return [out for trainer in self.trainers for out in trainer.outputs()]
