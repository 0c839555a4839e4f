"""steps: whole epochs of steps, as one would write them by hand, or as machine code.

A model is anything with ``parameters()`` that computes outputs, a loss a function of outputs and
targets: no network and no gradient is known here.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain
from numbers import Real
from typing import Any, NamedTuple

from .. import functional
from ..engine import Value, as_value, assign, topological_order
from ..modes import replaced, uncollected
from ..nesting import is_list, parts
from ..optim import Optimizer, Scheduler, clip_grad_norm_
from .history import Loss

__all__ = ["WORTH_COMPILING"]

# An input of a node takes about 0.7 microseconds in Python, with its gradient. Compiling takes from
# half a second up, with the imports, and 0.03 to 0.2 milliseconds for each input of a node: so what
# has less inputs in all, or is computed less often than LONG fits into it, is faster without.
WORTH_COMPILING = 700_000
LONG = 7_000  # inputs, in the nodes of one sample
AS_LONG = 4_000  # instructions after reroll: to compile them takes as long as those inputs

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
    schedule: Any = None  # a scheduler that is stepped after every batch

    def check_reached(self, own: set[Value], batches: Iterable[Collection[Value]]) -> None:
        """Refuses parameters that the loss does not reach, told by what that of a batch depends on.

        Of the model's own, one that is reached will do; any other one has no business here.
        """
        params = self.optimizer.params
        reached: set[Value] = set()
        for batch in batches:
            reached.update(batch)
            missing = [i for i, p in enumerate(params) if p not in reached]
            if len(missing) < len(params) and all(params[i] in own for i in missing):
                return
        if len(missing) == len(params):
            raise ValueError(
                "no gradient reaches a parameter of the optimizer: the loss does not depend on "
                "them; is it computed from .data, of detached Values, or inside no_grad()?"
            )
        stray = next(i for i in missing if params[i] not in own)
        raise ValueError(
            f"parameter {stray} of the optimizer is not one of the model's, and the loss does not "
            "depend on it: make the optimizer from model.parameters()"
        )

    def work(self) -> int:
        """How many inputs the nodes of one sample's loss have; 0 where that cannot be computed.

        It is computed for two samples, which leaves no trace.
        """
        from ..tape.surroundings import Surroundings

        around = Surroundings(self.model, self.loss)
        try:
            modules = self.model.modules()
            with uncollected(), replaced(modules, "training", [True] * len(modules)):
                loss = self.loss(self.model.batch(self.X[:2]), self.y[:2])
                return inputs_of([loss]) // len(self.X[:2])
        except Exception:  # of any kind: the steps will say what they think of it
            return 0
        finally:
            around.put_back()

    def batches(self, order: list[int]) -> list[list[int]]:
        """The samples of each step of an epoch."""
        size = self.batch_size
        return [order[i : i + size] for i in range(0, len(order), size)]


def one_number(loss: Loss, outputs: Any, targets: Any) -> Value:
    """The loss of a batch, which has to be one number."""
    cost = loss(outputs, targets)
    if not isinstance(cost, Real | Value):
        came = f"{type(cost).__name__} {cost!r:.60}"
        raise TypeError(f"the loss must return one Value, the mean over the batch, got {came}")
    return cost if isinstance(cost, Value) else as_value(float(cost))


class Steps:
    """Trains epoch after epoch as one would write it by hand, and remembers the last one."""

    together = False  # whether several epochs may be one call
    keep = False  # whether nobody looks at the Values before write()

    def __init__(
        self, problem: Problem, says: str = "in Python, as asked", look: Any = None
    ) -> None:
        self.problem, self.says, self.own = problem, says, set(problem.model.parameters())
        self.look = look  # what is measured after an epoch: see metrics.Look
        self.seen: list[dict[str, float]] = []
        self.kept = {p: p.data for p in problem.optimizer.params}  # when the loss was last finite
        self.done = 0  # epochs
        self.said: list[Any] = []  # the model, of each sample of the last epoch

    def run(self, ways: Iterable[list[int]]) -> Columns:
        """Trains one epoch for each order of the samples; the columns of the history."""
        start = time.perf_counter()
        orders, self.seen = list(ways), []  # to shuffle them takes time, too
        columns = self._train(orders)
        if self.look and not self.seen:
            self._look(orders[-1])
        each = (time.perf_counter() - start) / len(orders)
        self.done += len(orders)
        columns["time"] = [each] * len(orders)
        names = self.seen[0] if self.seen else []
        return columns | {name: [row[name] for row in self.seen] for name in names}

    def _look(self, order: list[int], said: Any = None) -> None:
        """Measures after an epoch."""
        self.seen.append(self.look(self.problem.model, self.outputs, order, said))

    def write(self) -> None:
        """The Values get the numbers that the steps have kept."""

    def outputs(self) -> list[Any]:
        """What the model said of each sample of the last epoch, before its step."""
        return self.said

    def _train(self, orders: list[list[int]]) -> Columns:
        """The epochs, here a single one, and their columns of loss, grad_norm and lr."""
        self.problem.model.train()
        self.said, batches, weights = [], self.problem.batches(orders[0]), self._weights()
        steps = []
        for i in range(len(batches)):
            with uncollected():
                steps.append(self._step(i, batches, weights))
        losses, norms, rates = zip(*steps)
        means = {"loss": [math.fsum(losses) / len(orders[0])], "grad_norm": [mean(norms)]}
        return means | {"lr": [rates[-1]]}

    def _step(
        self, batch: int, batches: list[list[int]], weights: list[Value]
    ) -> tuple[float, float, float]:
        """One step on some samples: the sum of their losses, the norm of the gradients, the lr."""
        problem, optimizer = self.problem, self.problem.optimizer
        outs, loss = self._loss(batches[batch])
        if not self.done and not batch:  # the first step of all
            leaves = (set(topological_order(self._loss(some)[1])) for some in batches[1:])
            problem.check_reached(self.own, chain([set(topological_order(loss))], leaves))
        total = self._penalised(loss, weights)
        if not math.isfinite(total.data):
            assign(self.kept, data=self.kept.values())
            raise self._not_finite(total.data, 0, batch)
        self.kept = {p: p.data for p in optimizer.params}
        optimizer.zero_grad()
        total.backward()
        if problem.max_norm is None:
            norm = math.hypot(*[p.grad for p in optimizer.params])
        else:
            norm = clip_grad_norm_(optimizer.params, problem.max_norm)
        optimizer.step()
        rate = optimizer.lr
        if problem.schedule:
            problem.schedule.step()
        self.said += numbers(outs)
        return loss.data * len(batches[batch]), norm, rate

    def _loss(self, some: list[int]) -> tuple[Any, Any]:
        """The outputs for some samples, and their loss."""
        problem = self.problem
        outs = problem.model.batch([problem.X[j] for j in some])
        return outs, problem.loss(outs, [problem.y[j] for j in some])

    def _weights(self) -> list[Value]:
        """What a penalty applies to: all that are trained but biases."""
        model, own = self.problem.model, set(self.problem.optimizer.params)
        weights = getattr(type(model), "weights", None)  # the class's: a list may have that name
        every = weights(model) if callable(weights) else model.parameters()
        return [w for w in every if w in own]

    def _penalised(self, loss: Any, weights: list[Value]) -> Any:
        l1, l2 = self.problem.l1, self.problem.l2
        if not (l1 or l2):
            return loss
        size = functional.sum([abs(w) for w in weights]) if l1 else 0.0
        square = functional.dot(weights, weights) if l2 else 0.0
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
    """The same steps as machine code, any number of epochs in one call: see jit/training.py.

    Where something else of the user's runs between the epochs, it is compared with Python before
    the next one, and compiled again, or not any more, when it has become another.
    """

    def __init__(
        self, problem: Problem, jit: bool | str, work: int, epochs: int, threads: int,
        watching: bool, look: Any,
    ) -> None:  # fmt: skip
        super().__init__(problem, "compiled", look)
        _check_own_ways(problem)
        self.jit, self.work, self.watching = jit, work, watching
        self.trainer = self._trainer(epochs * len(problem.X), threads)
        self.evaluation = self._evaluation()
        self.together = self._measures_itself() and not watching

    def _measures_itself(self) -> bool:
        """Whether what is measured after an epoch needs nothing that Python computes."""
        return self.look is None or not self.look.held_out or self.evaluation is not None

    def _trainer(self, visits: int, threads: int) -> Any:
        """For samples, or for whole batches where a sample alone is not enough."""
        from ..jit.batches import BatchTrainer
        from ..jit.problem import Coupled
        from ..jit.training import Trainer
        from ..tape import JitError

        problem, l1, l2 = self.problem, self.problem.l1, self.problem.l2
        given = {
            "model": problem.model, "X": problem.X, "y": problem.y, "loss": problem.loss,
            "optimizer": problem.optimizer, "penalised": self._weights(),
            "penalty": (lambda w: l1 * abs(w) + l2 * w * w) if l1 or l2 else None,
            "max_norm": problem.max_norm, "batch_size": problem.batch_size,
        }  # fmt: skip
        if self.jit == "auto":
            given["pays"] = partial(pays_after_reroll, self.work * visits)
        try:
            return Trainer(**given, threads=threads)
        except Coupled as error:
            size = min(problem.batch_size, len(problem.X))
            if self.jit == "auto" and not is_worth_compiling(self.work * size, visits // size):
                raise JitError(f"{error}; there is too little work for whole batches") from None
            try:
                return BatchTrainer(**given)
            except JitError as other:
                raise JitError(f"{error}; as a whole batch: {other}") from None

    def _evaluation(self) -> Any:
        """For the held-out data; None where Python is to do it."""
        from ..jit.evaluation import Evaluation

        if self.look is None or not self.look.held_out:
            return None
        X, y = self.look.held_out
        try:
            return Evaluation(self.trainer, X, y)
        except Exception:  # of any kind: Python will say what it thinks of it
            return None

    def _look(self, order: list[int], said: Any = None) -> None:
        if said is None and self.evaluation and self.says == "compiled":
            said = self.evaluation(self.trainer.numbers())
        super()._look(order, said)

    def _train(self, orders: list[list[int]]) -> Columns:
        if self.watching and self.says == "compiled":
            self._follow(orders[0][0])
        if self.says != "compiled":
            return super()._train(orders)
        if not self.watching:
            self.problem.model.train()
        if not self.done:
            self.problem.check_reached(self.own, [self.trainer.problem.reached])
        looking = partial(self._look_inside, orders) if self.look and self.together else None
        try:
            rates, put_back = self._rates(len(orders))
        except Exception as error:  # of the user's schedule: in Python it comes at its step
            self.says = f"compiled; in Python from epoch {self.done + 1} on: {error}"
            self.write()
            return super()._train(orders)
        keep = self.keep and self._measures_itself()
        losses, norms, finite = self.trainer.epochs(orders, rates, looking, keep)
        if finite < losses.size:
            put_back(finite)
            raise self._not_finite(losses.flat[finite], *divmod(finite, losses.shape[1]))
        # summed up one after the other: how many epochs one call has changes no bit
        sizes, n = [len(some) for some in self.problem.batches(orders[0])], len(orders[0])
        means = (losses * sizes).cumsum(axis=1)[:, -1] / n
        norms = norms.cumsum(axis=1)[:, -1] / len(sizes)
        lr = [rates[i * len(rates) // len(orders) - 1] for i in range(1, len(orders) + 1)]
        return {"loss": means.tolist(), "grad_norm": norms.tolist(), "lr": lr}

    def _rates(self, epochs: int) -> tuple[list[float], Callable[[int], None]]:
        """The learning rate of every step, and what to do where there were fewer."""
        from ..tape.surroundings import Surroundings

        optimizer, schedule = self.problem.optimizer, self.problem.schedule
        steps = epochs * len(self.problem.batches(self.problem.X))
        if not schedule:
            return [optimizer.lr] * steps, lambda done: None
        around = Surroundings(schedule, optimizer, without={"params", "state"})

        def rate() -> float:
            lr: float = optimizer.lr
            schedule.step()
            return lr

        def put_back(done: int) -> None:
            around.put_back()
            for _ in range(done):
                schedule.step()

        try:
            return [rate() for _ in range(steps)], put_back
        except Exception:
            around.put_back()
            raise

    def _look_inside(self, orders: list[list[int]], numbers: Any) -> None:
        """Measures between two epochs: the parameters have these numbers, the Values others."""
        said = self.evaluation and self.evaluation(numbers)
        self._look(orders[len(self.seen)], said)

    def _follow(self, sample: int) -> None:
        """Makes it again what Python computes, which one sample and all that can be seen tell."""
        from ..tape import JitError

        problem, trainer = self.problem, self.trainer
        try:
            problem.model.train()
            _check_own_ways(problem)
            evaluation = self.evaluation
            if trainer.is_current(sample):
                if evaluation and not evaluation.agrees(sample):
                    self.evaluation = self._evaluation()
                return
            times = len(problem.X) * self.done // trainer.compilations
            if self.jit == "auto" and not is_worth_compiling(self.work, times):
                raise JitError("something that the steps read has changed too often")
            trainer.follow(self._weights())
            self.evaluation = self._evaluation()
            if not trainer.is_current(sample):
                raise JitError("the model, the loss or the optimizer is another at every call")
        except Exception as error:
            if self.jit is True:
                raise
            self.says = f"compiled; in Python from epoch {self.done + 1} on: {error}"
            self.kept = {p: p.data for p in problem.optimizer.params}

    def outputs(self) -> list[Any]:
        return self.trainer.outputs() if self.says == "compiled" else super().outputs()

    def write(self) -> None:
        self.trainer.write()


def _check_own_ways(problem: Problem) -> None:
    """Refuses to compile what does a part of a step in a way of its own."""
    from ..tape import JitError

    optimizer, ways = problem.optimizer, ["zero_grad", "step", "_check_leaves"]
    own = [w for w in ways if getattr(type(optimizer), w, None) is not getattr(Optimizer, w)]
    own += [way for way in [*ways, "update"] if way in vars(optimizer)]
    schedule = problem.schedule
    if schedule and getattr(type(schedule), "step", None) is not Scheduler.step:
        raise JitError(
            f"the {type(schedule).__name__} has a step() of its own, which only Python can run at "
            "every batch"
        )
    train = getattr(type(problem.model), "train", None)
    package = (getattr(train, "__module__", None) or "").partition(".")[0]
    if own or package != __name__.partition(".")[0] or "train" in vars(problem.model):
        whose, what = ("optimizer", own[0]) if own else ("model", "train")
        raise JitError(f"the {whose} has a {what}() of its own, which only Python can run")


def choose(
    problem: Problem, jit: bool | str, epochs: int, threads: int = 1, watching: bool = True,
    look: Any = None,
) -> Steps:  # fmt: skip
    """Who runs the steps; ``says`` is the sentence about it for the history."""
    if not jit:
        return Steps(problem, look=look)
    work = problem.work() if jit == "auto" else 0
    if jit == "auto" and not is_worth_compiling(work, len(problem.X) * epochs):
        return Steps(problem, "in Python: there is too little work for compiling to pay", look)
    try:
        return Compiled(problem, jit, work, epochs, threads, watching, look)
    except Exception as error:  # of any kind: the steps in Python will say what they think of it
        if jit is True:
            raise
        return Steps(problem, f"in Python: {error}", look)


def is_worth_compiling(work: int, times: int) -> bool:
    """Whether compiling pays for nodes with so many inputs, computed so many times."""
    return min(work, LONG) * times >= WORTH_COMPILING


def pays_after_reroll(inputs: int, instructions: int) -> bool:
    """Whether to compile so many takes less time than so many inputs of nodes in Python."""
    return inputs >= WORTH_COMPILING * (0.4 + instructions / AS_LONG)


def inputs_of(outs: Iterable[Any]) -> int:
    """How many inputs the nodes have that these were made of: the work for them."""
    roots = [out for out in outs if isinstance(out, Value)]
    return sum([len(v.inputs) for v in {v for out in roots for v in topological_order(out)}])


def check_jit(jit: Any) -> None:
    """Refuses what is not a value of an argument ``jit``."""
    if not (isinstance(jit, bool) or jit == "auto"):
        raise ValueError(f'jit must be True, False or "auto", got {jit!r}')


def numbers(outs: Any) -> Any:
    """The plain numbers of outputs, in nested lists."""
    if type(outs) is float:  # the most
        return outs
    if is_list(outs):
        return [numbers(part) for part in parts(outs)]
    return outs.data if isinstance(outs, Value) else outs


def mean(numbers: Sequence[float]) -> float:
    """Their sum, rounded once, divided by how many they are; inf or nan where the sum is."""
    try:
        return math.fsum(numbers) / len(numbers)
    except (OverflowError, ValueError):  # fsum's, of large numbers, and of inf and -inf
        return sum(numbers) / len(numbers)
