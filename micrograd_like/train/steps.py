"""steps: whole epochs of steps, as one would write them by hand, or as machine code.

A model is anything with ``parameters()`` that computes outputs, a loss a function of outputs and
targets: no network and no gradient is known here.
"""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .. import functional
from ..engine import Value, assign
from ..modes import uncollected
from ..nesting import map_nested
from ..optim import clip_grad_norm_
from .history import Loss

__all__ = ["WORTH_COMPILING"]

# One parameter, sample and epoch of work takes about 2 microseconds in Python, and compiling
# from a third of a second up, so less than this is faster without.
WORTH_COMPILING = 1_000_000

Columns = dict[str, list[float]]  # of a History


class Problem(NamedTuple):
    """What is trained, and how."""

    model: Any
    X: list[Any]
    y: list[Any]
    loss: Loss
    optimizer: Any
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    batch_size: int = 32

    def batches(self, order: list[int]) -> list[list[int]]:
        """The samples of each step of an epoch."""
        size = self.batch_size
        return [order[i : i + size] for i in range(0, len(order), size)]


class Steps:
    """Trains epoch after epoch as one would write it by hand, and remembers the last one."""

    def __init__(self, problem: Problem) -> None:
        self.problem, model = problem, problem.model
        weights = getattr(type(model), "weights", None)  # the class's: a list may have that name
        self.penalised = list(weights(model) if callable(weights) else model.parameters())
        self.kept = [p.data for p in problem.optimizer.params]  # when the loss was last finite
        self.done = 0  # epochs
        self.order: list[int] = []  # of the samples in the last epoch
        self.said: list[Any] = []  # the model, of each of them

    def run(self, ways: Iterable[list[int]]) -> Columns:
        """Trains one epoch for each order of the samples; the columns of the history."""
        start = time.perf_counter()
        orders = list(ways)  # to shuffle them takes time, too
        columns = self._train(orders)
        each = (time.perf_counter() - start) / len(orders)
        self.done, self.order = self.done + len(orders), orders[-1]
        lr = self.problem.optimizer.lr
        return columns | {"lr": [lr] * len(orders), "time": [each] * len(orders)}

    def outputs(self) -> list[Any]:
        """What the model said of each sample of the last epoch, before its step."""
        return self.said

    def _train(self, orders: list[list[int]]) -> Columns:
        """The epochs, here a single one, and their columns of loss and grad_norm."""
        self.problem.model.train()
        self.said = []
        steps = []
        for i, some in enumerate(self.problem.batches(orders[0])):
            with uncollected():
                steps.append(self._step(i, some))
        losses, norms = zip(*steps)
        return {"loss": [math.fsum(losses) / len(orders[0])], "grad_norm": [mean(norms)]}

    def _step(self, batch: int, some: list[int]) -> tuple[float, float]:
        """One step on some samples: the sum of their losses, and the norm of the gradients."""
        problem, optimizer = self.problem, self.problem.optimizer
        outs = problem.model.batch([problem.X[j] for j in some])
        loss = problem.loss(outs, [problem.y[j] for j in some])
        total = self._penalised(loss)
        if not math.isfinite(total.data):
            assign(optimizer.params, data=self.kept)
            raise self._not_finite(total.data, 0, batch)
        self.kept = [p.data for p in optimizer.params]
        optimizer.zero_grad()
        total.backward()
        if problem.max_norm is None:
            norm = math.hypot(*[p.grad for p in optimizer.params])
        else:
            norm = clip_grad_norm_(optimizer.params, problem.max_norm)
        optimizer.step()
        self.said += numbers(outs)
        return loss.data * len(some), norm

    def _penalised(self, loss: Any) -> Any:
        l1, l2 = self.problem.l1, self.problem.l2
        if not (l1 or l2):
            return loss
        size = functional.sum([abs(w) for w in self.penalised]) if l1 else 0.0
        square = functional.dot(self.penalised, self.penalised) if l2 else 0.0
        return loss + (l1 * size + l2 * square)

    def _not_finite(self, loss: float, epoch: int, batch: int) -> FloatingPointError:
        """The error of a step, both counted from 0."""
        return FloatingPointError(
            f"the loss is {loss} in epoch {self.done + epoch + 1}, batch {batch + 1}: the "
            "parameters are those of the last step with a finite loss; try a smaller learning "
            "rate, or max_norm to clip the gradients; run it inside `with detect_anomaly():` to "
            "see the line that made it"
        )


class Compiled(Steps):
    """The same steps as machine code, any number of epochs in one call: see jit/training.py."""

    def __init__(self, problem: Problem, threads: int) -> None:
        from ..jit.training import Trainer

        super().__init__(problem)
        l1, l2 = problem.l1, problem.l2
        penalty = (lambda w: l1 * abs(w) + l2 * w * w) if l1 or l2 else None
        self.trainer = Trainer(
            problem.model, problem.X, problem.y, problem.loss, problem.optimizer,
            penalty, self.penalised, problem.max_norm, problem.batch_size, threads,
        )  # fmt: skip

    def _train(self, orders: list[list[int]]) -> Columns:
        losses, norms, finite = self.trainer.epochs(orders)
        if finite < losses.size:
            raise self._not_finite(losses.flat[finite], *divmod(finite, losses.shape[1]))
        means = losses @ [len(some) for some in self.problem.batches(orders[0])] / len(orders[0])
        return {"loss": means.tolist(), "grad_norm": norms.mean(axis=1).tolist()}

    def outputs(self) -> list[Any]:
        return self.trainer.outputs()


def choose(problem: Problem, jit: bool | str, epochs: int, threads: int = 1) -> tuple[Steps, str]:
    """Who runs the steps, and the sentence about it for the history."""
    if not jit:
        return Steps(problem), "in Python, as asked"
    work = len(problem.optimizer.params) * len(problem.X) * epochs
    if jit == "auto" and not is_worth_compiling(work):
        return Steps(problem), "in Python: there is too little work for compiling to pay"
    try:
        return Compiled(problem, threads), "compiled"
    except Exception as error:  # of any kind: the steps in Python will say what they think of it
        if jit is True:
            raise
        return Steps(problem), f"in Python: {error}"


def is_worth_compiling(work: int) -> bool:
    """Whether compiling pays for so many products of a parameter, a sample and an epoch."""
    return work >= WORTH_COMPILING


def check_jit(jit: Any) -> None:
    """Refuses what is not a value of an argument ``jit``."""
    if jit not in (True, False, "auto"):
        raise ValueError(f'jit must be True, False or "auto", got {jit!r}')


def numbers(outs: Any) -> Any:
    """The plain numbers of outputs, in the same nesting."""
    return map_nested(lambda out: out.data if isinstance(out, Value) else out, outs)


def mean(numbers: Sequence[float]) -> float:
    """Their sum, rounded once, divided by how many they are; inf or nan where the sum is."""
    try:
        return math.fsum(numbers) / len(numbers)
    except (OverflowError, ValueError):  # fsum's, of large numbers, and of inf and -inf
        return sum(numbers) / len(numbers)
