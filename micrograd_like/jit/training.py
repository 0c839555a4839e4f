"""training: the steps of fit, whole epochs of them in one call of machine code.

A step computes the loss of a mini-batch and its gradients (native.py), then adds the penalty, clips
and applies the optimiser's own rule (update.py). Nothing here knows a network or an optimiser.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from ..engine import Value, assign
from ..modes import replaced, uncollected
from ..tape import JitError, Tape, check_nobody_watches
from ..tape.surroundings import Surroundings
from .native import Array, Native
from .problem import Problem
from .update import FINISH, KEPT, LOOP, RATE, STATE, STEPS, G, P, Rules, Update


class Trainer:
    """A model, a loss and an optimiser, compiled for samples of one shape.

    The samples may not depend on each other, and the loss is to be a mean over them.

    Args:
        penalty: a function of one weight, to be added to the loss, or None.
        penalised: the parameters that it applies to.
        threads: over how many cores to spread the blocks of a batch; the others are fit's.
        size: how many samples to compile as one, of which a batch then is made.

    Raises:
        JitError: why it cannot be compiled.
    """

    def __init__(
        self, model: Any, X: Sequence[Any], y: Sequence[Any], loss: Callable[[Any, Any], Any],
        optimizer: Any, penalty: Callable[[Any], Any] | None = None,
        penalised: Iterable[Value] = (), max_norm: float | None = None,
        batch_size: int = 32, threads: int = 1, size: int = 1,
    ) -> None:  # fmt: skip
        self.arguments, self.optimizer, self.threads = (model, X, y, loss), optimizer, threads
        self.penalty, self.max_norm = penalty, -1.0 if max_norm is None else float(max_norm)
        self.size, self.given = size, min(batch_size, len(X))
        self.batch_size = self.given // size
        self.compilations, self.shown, self.table = 0, np.empty((0, 0)), np.empty((0, 0))
        self.params: list[Value] = []
        self.shape: list[Any] = []  # of what is compiled
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
        return (
            not self._changes() and self.rules.keeps(self.rules.before, self.rules.after)
            and self.problem.is_current() and self.problem.agrees(sample)
        )  # fmt: skip

    def _changes(self) -> str:
        return ", ".join(dict.fromkeys([name for part in self.around for name in part.changes()]))

    def _put_back(self) -> None:
        for part in self.around:
            part.put_back()

    def _prepare(self, penalised: set[Value]) -> None:
        """The problem, the rules and memory for them; and the machine code, where it is another."""
        params = self.optimizer.params
        self.problem = problem = Problem(*self.arguments, params, self.given, self.size)
        self.rules = Rules(self.optimizer, self.penalty)
        tapes = [problem.tape, *self.rules.tapes.values()]
        shape = [*self.rules.tapes, len(params), *map(_shape, tapes)]
        if shape != self.shape:
            rule = partial(Update, rules=self.rules)
            self.native = Native(problem.tape, self.batch_size, extra=rule)
            self.update: Update = self.native.extra
            self.finish, self.loop = map(self.native.module.get, (FINISH, LOOP))
            self.sums = np.zeros(1 + self.update.layout.stride)  # beyond the parameters, 0
            self.rows = self.native.new_rows()
            self.compilations += 1
        problem.check_loss(self.native)
        scalars = self.native.new_scalars(problem.numbers())
        flags = [p in penalised for p in params]
        table, self.settings = self.update.memory(self.rules, scalars, flags)
        if self.params == params:  # the last step with a finite loss is still the last one
            table[KEPT, : len(params)] = self.table[KEPT, : len(params)]
        self.table, self.shape, self.params = table, shape, list(params)

    def epochs(self, orders: list[list[int]]) -> tuple[Array, Array, int]:
        """Trains one epoch for each order of the samples.

        Returns:
            The loss of every step and the norm of its gradients, a row for each epoch; and how many
            steps had a finite loss: after the first that has not, nothing is computed, and the
            parameters are those of the last step whose loss was finite.
        """
        first = self.optimizer.state[0].keys() != self.rules.after
        self._read_values()
        same = all(order is orders[0] for order in orders)
        order = np.array(orders[:1] if same else orders, dtype=np.int64)
        order = np.repeat(order, len(orders) // len(order), axis=0)
        masks = self.problem.masks
        drawn, (data, order) = masks.states(), self.problem.visited(order)
        samples = order.shape[1]  # or what stands in their place
        self.shown = np.empty((len(self.native.tape.outputs), order.size))
        shape = len(orders), -(-samples // self.batch_size)
        losses, norms = np.full(shape, np.nan), np.zeros(shape)
        if self.threads > 1:
            done = self._threaded(data, order, losses, norms, first)
        else:
            done = self.loop(
                data=data, length=data.shape[1], order=order, samples=samples,
                batch=self.batch_size, epochs=len(order), rows=self.rows, outputs=self.shown,
                table=self.table, settings=self.settings, sums=self.sums, losses=losses,
                norms=norms, max_norm=self.max_norm, first=first,
            )  # fmt: skip
        self._write_values(stepped=done > 0 or not first)
        if done < losses.size:  # nothing was drawn for what has not been computed
            epoch, batch = divmod(done, losses.shape[1])
            masks.draw_again(drawn, epoch * samples + min((batch + 1) * self.batch_size, samples))
        self.problem.keep(self.shown[:, : done + 1])
        return losses, norms, done

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return self.problem.said(self.shown)

    def _read_values(self) -> None:
        """Parameters and the optimiser's state as they are now."""
        n, states, numbers = len(self.params), self.optimizer.state, self.problem.numbers()
        self.table[P, : len(numbers)] = numbers
        for i, key in enumerate(self.rules.keys, STATE):
            self.table[i, :n] = [state.get(key, 0.0) for state in states]
        self.settings[:, RATE] = self.optimizer.lr
        self.settings[:, STEPS] = states[0].get("step", 0.0)

    def _write_values(self, stepped: bool) -> None:
        """Parameters, their gradients and the optimiser's state as they have become."""
        n, table, state = len(self.params), self.table, self.optimizer.state
        numbers, grads = table[[P, G], :n].tolist()
        columns = {key: table[i, :n].tolist() for i, key in enumerate(self.rules.keys, STATE)}
        if self.rules.counts:
            columns["step"] = [float(self.settings[0, STEPS])] * n
        if columns and stepped:  # there is something to keep
            state = [dict(zip(columns, row)) for row in zip(*columns.values())]
        assign(self.params, data=numbers, grad=grads, also=[(self.optimizer, "state", state)])

    def _threaded(self, data: Array, order: Any, losses: Array, norms: Array, first: bool) -> int:
        """As the loop in machine code, but a batch's blocks on several cores, added up in order."""
        flat, block, done = order.ravel(), self.native.layout.stride, 0

        def one(start: int, end: int) -> Array:
            own = np.zeros_like(self.sums)
            self.native.work(
                data=data, length=data.shape[1], order=flat[start:end], samples=end - start,
                rows=self.native.new_rows(), scalars=self.table[P].copy(), sums=own,
                outputs=self.shown.ravel()[start:], outputs_length=flat.size,
            )  # fmt: skip
            return own

        samples = order.shape[1]
        starts = range(0, samples, self.batch_size)
        with ThreadPoolExecutor(self.threads) as pool:
            for start in [e * samples + s for e in range(len(order)) for s in starts]:
                end = min(start + self.batch_size, start - start % samples + samples)
                blocks = range(start, end, block)
                self.sums[:] = 0.0
                for part in pool.map(one, blocks, [min(i + block, end) for i in blocks]):
                    self.sums += part
                if not self.finish(
                    table=self.table, settings=self.settings, sums=self.sums,
                    loss=losses.ravel()[done:], norm=norms.ravel()[done:], size=end - start,
                    max_norm=self.max_norm, first=first and not done,
                ):  # fmt: skip
                    break
                done += 1
        return done


def _shape(tape: Tape) -> Any:
    """All of a tape but how it is nested: what is equal has the same machine code."""
    slots = tape.inputs, tape.scalars, repr(tape.constants), tape.outputs, tape.sums
    return *slots, [(op, start, count, *map(list, args)) for op, start, args, count in tape.code]
