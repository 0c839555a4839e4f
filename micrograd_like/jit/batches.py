"""batches: the steps of fit where the samples of a batch depend on each other.

A batch takes the place of a sample: one program for whole batches, and one for the last batch of an
epoch where that has fewer samples.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..engine import Value
from .native import Array
from .problem import Problem
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
        self.arguments, self.optimizer = self.trainers[0].arguments, given["optimizer"]
        self.size = size

    @property
    def problem(self) -> Problem:
        """That of the whole batches."""
        return self.trainers[0].problem

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

    def numbers(self) -> list[float]:
        """Of the parameters, as they are in the Values."""
        return self.trainers[0].numbers()

    def epochs(
        self, orders: list[list[int]], rates: Sequence[float] | None = None,
        look: Callable[[Any], None] | None = None, keep: bool = False,
    ) -> tuple[Array, Array, int]:  # fmt: skip
        """Trains one epoch for each order of the samples: see Trainer."""
        if len(self.trainers) == 1 and look is None:
            return self.trainers[0].epochs(orders, rates, keep=keep)
        whole = self.whole // self.trainers[0].size
        shape = len(orders), whole + len(self.trainers) - 1
        losses, norms, done = np.full(shape, np.nan), np.zeros(shape), 0
        speeds: Any = None if rates is None else np.reshape(rates, shape)
        for epoch, order in enumerate(orders):
            parts = (order[: self.whole], slice(whole)), (order[self.whole :], slice(whole, None))
            for trainer, (part, steps) in zip(self.trainers, parts):
                own = None if speeds is None else speeds[epoch, steps]
                (losses[epoch, steps],), (norms[epoch, steps],), n = trainer.epochs([part], own)
                done += n
                if n < len(losses[epoch, steps]):
                    return losses, norms, done
            if look:
                look(self.numbers())
        return losses, norms, done

    def write(self) -> None:
        """Gives the Values what epochs has kept."""
        self.trainers[0].write()

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return [out for trainer in self.trainers for out in trainer.outputs()]
