"""training: the steps of fit, whole epochs of them in one call of machine code.

A step computes the loss of a mini-batch and its gradients (native.py), then adds the penalty, clips
and applies the optimiser's own rule (update.py). Nothing here knows a network or an optimiser.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np

from ..engine import Value, as_float
from ..modes import replaced, uncollected
from ..tape import JitError, check_nobody_watches
from ..tape.surroundings import Surroundings
from .native import WORK, Array, Native, shape_of
from .problem import Problem
from .trainer import Memory
from .update import LOOP, loops

SPREAD = 20_000_000  # parameters times samples of a batch: with fewer, one core is faster


class Trainer:
    """A model, a loss and an optimiser, compiled for samples of one shape.

    The loss is to be a mean over samples (Coupled says that it is not), or over units of ``size``.

    Args:
        penalty: a function of one weight, to be added to the loss, or None.
        penalised: the parameters that it applies to.
        threads: over how many cores to spread the blocks of a batch; the others are fit's.
        size: how many samples to compile as one, of which a batch then is made.
        pays: see Native.

    Raises:
        JitError: why it cannot be compiled.
    """

    def __init__(
        self, model: Any, X: Sequence[Any], y: Sequence[Any], loss: Callable[[Any, Any], Any],
        optimizer: Any, penalty: Callable[[Any], Any] | None = None,
        penalised: Iterable[Value] = (), max_norm: float | None = None,
        batch_size: int = 32, threads: int = 1, size: int = 1,
        pays: Callable[[int], bool] = lambda instructions: True,
    ) -> None:  # fmt: skip
        self.arguments, self.optimizer, self.threads = (model, X, y, loss), optimizer, threads
        self.penalty, self.max_norm = penalty, -1.0 if max_norm is None else float(max_norm)
        self.given, self.size, self.pays = min(batch_size, len(X)), size, pays
        self.batch_size = self.given // size
        self.compilations, self.shown, self.loop = 0, np.empty((0, 0)), loops().get(LOOP)
        self.memory: Any = None
        self.pending = False  # whether the memory has what the Values do not have yet
        self.shape: Any = None  # of what is compiled
        self.follow(penalised)

    def follow(self, penalised: Iterable[Value]) -> None:
        """Traces all of it as it is now, and compiles that unless only numbers differ.

        Raises:
            JitError: why it cannot be compiled; the model is as it was.
        """
        check_nobody_watches()
        model, _, _, loss = self.arguments
        modules = model.modules()
        with uncollected(), replaced(modules, "training", [True] * len(modules)):
            around = Surroundings(model, loss)
            if self.optimizer in around:
                raise JitError("the model or the loss reads the optimizer, which changes")
            self.around = around, Surroundings(self.optimizer, without={"lr", "state"})
            try:
                self._prepare(set(penalised))
                if changed := self._changes():
                    raise JitError(f"the model or the loss changes {changed} when it is called")
            except Exception:
                self._put_back()
                raise
            self._put_back()

    def is_current(self, sample: int) -> bool:
        """Whether this is still what Python computes: for one sample, and as far as can be seen."""
        rules = self.memory.rules
        return (
            not self._changes() and rules.keeps(rules.before, rules.after)
            and self.problem.is_current() and self.problem.agrees(sample)
        )  # fmt: skip

    def _changes(self) -> str:
        return ", ".join(dict.fromkeys([name for part in self.around for name in part.changes()]))

    def _put_back(self) -> None:
        for part in self.around:
            part.put_back()

    def _prepare(self, penalised: set[Value]) -> None:
        """The problem, the rules and memory for them; and the machine code, where it is another."""
        self.problem = problem = Problem(
            *self.arguments, self.optimizer.params, self.given, self.size
        )
        if self.memory is None:
            self.memory = Memory(self.optimizer, self.penalty, penalised)
        else:
            self.memory.follow(penalised)
        shape = shape_of(problem.tape)
        if shape != self.shape:
            self.native = Native(problem.tape, self.batch_size, pays=self.pays)
            self.rows = self.native.new_rows()
            self.compilations += 1
        problem.check_loss(self.native)
        self.shape = shape

    def numbers(self) -> list[float]:
        """Of the parameters."""
        if self.pending:
            return self.memory.p[: len(self.memory.params)].tolist()  # type: ignore[no-any-return]
        return [p.data for p in self.optimizer.params]

    def epochs(
        self, orders: list[list[int]], rates: Sequence[float] | None = None,
        look: Callable[[Any], None] | None = None, keep: bool = False,
    ) -> tuple[Array, Array, int]:  # fmt: skip
        """Trains one epoch for each order of the samples.

        Args:
            orders: of the samples, one for each epoch.
            rates: the learning rate of every step; without them that of the optimiser.
            look: called after every epoch with the numbers of the parameters, which the Values do
                not have yet.
            keep: the Values get their numbers only from write(), which is to be called.

        Returns:
            The loss of every step and the norm of its gradients, a row for each epoch; and how many
            steps had a finite loss: after the first that has not, nothing is computed, and the
            parameters are those of the last step whose loss was finite.
        """
        memory, masks = self.memory, self.problem.masks
        if not self.pending:
            memory.read()
        self.pending |= keep
        others = [v.data for v in self.problem.read[len(memory.params) :]]
        scalars = memory.around(self.native, 0, others)
        same = all(order is orders[0] for order in orders)
        order = np.array(orders[:1] if same else orders, dtype=np.int64)
        order = np.repeat(order, len(orders) // len(order), axis=0)
        drawn, (data, order) = masks.states(), self.problem.visited(order)
        samples = order.shape[1]  # or batches in their place
        shape = len(orders), -(-samples // self.batch_size)
        losses, norms, speeds = np.full(shape, np.nan), np.zeros(shape), np.empty(shape)
        each = [self.optimizer.lr] * losses.size if rates is None else rates
        speeds.ravel()[:] = list(map(as_float, each))
        given = {
            **memory.arguments(), "data": data, "length": data.shape[1], "scalars": scalars,
            "max_norm": self.max_norm,
        }  # fmt: skip
        done, step = 0, 1 if look else len(orders)
        try:
            for some in [slice(e, e + step) for e in range(0, len(orders), step)]:
                done += self._steps(
                    **given, order=order[some], losses=losses[some], norms=norms[some],
                    rates=speeds[some],
                )  # fmt: skip
                if done < shape[1] * some.stop:
                    break
                if look:
                    look(memory.p[: len(memory.params)])
        finally:
            if not keep:
                memory.write()
                self.pending = False
        if done < losses.size:  # nothing was drawn for what has not been computed
            epoch, batch = divmod(done, losses.shape[1])
            masks.draw_again(drawn, epoch * samples + min((batch + 1) * self.batch_size, samples))
        self.problem.keep(self.shown[:, : done + 1])
        return losses, norms, done

    def write(self) -> None:
        """Gives the Values what epochs has kept."""
        if self.pending:
            self.memory.write()
            self.pending = False

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return self.problem.said(self.shown)

    def _steps(self, order: Any, **given: Any) -> int:
        """Some epochs; how many steps had a finite loss."""
        self.shown = np.empty((len(self.problem.tape.outputs), order.size))
        if self.threads > 1 and len(self.memory.params) * self.batch_size >= SPREAD:
            return self._threaded(order=order, **given)
        done: int = self.loop(
            **given, order=order, work=self.native.code.address(WORK), samples=order.shape[1],
            batch=self.batch_size, epochs=len(order), rows=self.rows, outputs=self.shown,
        )  # fmt: skip
        return done

    def _threaded(
        self, order: Any, scalars: Array, sums: Array, losses: Array, norms: Array, rates: Array,
        data: Array, length: int, finish: int, **memory: Any,
    ) -> int:  # fmt: skip
        """As the loop in machine code, but the samples of a batch on several cores."""
        cores = _Cores(self.native, self.threads, self.batch_size, scalars, sums)
        given = {"data": data, "length": length, "outputs_length": order.size}
        samples, shown, done = order.shape[1], self.shown.ravel(), 0
        starts = range(0, samples, self.batch_size)
        with ThreadPoolExecutor(self.threads - 1) as pool:
            for epoch, start in product(range(len(order)), starts):
                batch = order[epoch, start : start + self.batch_size]
                place = shown[epoch * samples + start :]
                cores.work(pool, self.rows, order=batch, outputs=place, **given)
                if not self.memory.update.finish(
                    **memory, sums=sums, loss=losses.ravel()[done:], norm=norms.ravel()[done:],
                    size=len(batch), rate=float(rates.flat[done]),
                ):  # fmt: skip
                    break
                done += 1
        return done


class _Cores:
    """The samples of a batch on several cores, added up block by block in order, as on one."""

    def __init__(
        self, native: Native, threads: int, batch: int, scalars: Array, sums: Array
    ) -> None:  # fmt: skip
        self.native, self.scalars, self.sums = native, scalars, sums
        self.block = native.layout.stride
        blocks = -(-batch // (self.block * threads))  # of each thread
        self.share = blocks * self.block
        self.others = [  # memory of the other threads, with a place for the sums of each block
            (native.new_rows(), scalars.copy(), np.empty((blocks, len(sums))))
            for _ in range(1, threads)
        ]

    def work(self, pool: Any, rows: Array, order: Any, outputs: Array, **given: Any) -> None:
        """Adds the sums for all samples: this thread computes the first, the pool the others."""

        def one(start: int, end: int, rows: Array, scalars: Array, sums: Array) -> None:
            part = order[start:end]
            self.native.work(
                **given, order=part, samples=len(part), rows=rows, scalars=scalars, sums=sums,
                outputs=outputs[start:],
            )  # fmt: skip

        def other(start: int, rows: Array, scalars: Array, parts: Array) -> Array:
            scalars[:], parts[:] = self.scalars, 0.0
            stop = min(start + self.share, len(order))
            for i, part in zip(range(start, stop, self.block), parts):
                one(i, min(i + self.block, stop), rows, scalars, part)
            return parts

        starts = range(self.share, len(order), self.share)
        running = [pool.submit(other, i, *memory) for i, memory in zip(starts, self.others)]
        one(0, min(self.share, len(order)), rows, self.scalars, self.sums)
        for parts in [future.result() for future in running]:
            for part in parts:
                self.sums += part
