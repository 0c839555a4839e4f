"""training: the steps of fit, whole epochs of them in one call of machine code.

A step computes the loss of a mini-batch and its gradients (native.py), then adds the penalty, clips
and applies the optimiser's own rule (update.py). Nothing here knows a network or an optimiser.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from ..engine import Value, as_value, assign, grad, no_grad
from ..modes import Mode, replaced, uncollected
from ..nesting import flatten
from ..tape import JitError, Tape, check_nobody_watches, probes, trace
from .native import Array, Native
from .update import FINISH, LOOP, RATE, STATE, STEPS, G, P, Update


class Trainer:
    """A model, a loss and an optimiser, compiled for samples of one shape.

    The samples may not depend on each other, and the loss is to be a mean over them.

    Args:
        penalty: a function of one weight, to be added to the loss, or None.
        penalised: the parameters that it applies to.
        threads: over how many cores to spread the blocks of a batch; the others are fit's.

    Raises:
        JitError: why it cannot be compiled.
    """

    def __init__(
        self, model: Any, X: Sequence[Any], y: Sequence[Any], loss: Callable[[Any, Any], Any],
        optimizer: Any, penalty: Callable[[Any], Any] | None = None,
        penalised: Iterable[Value] = (), max_norm: float | None = None,
        batch_size: int = 32, threads: int = 1,
    ) -> None:  # fmt: skip
        check_nobody_watches()
        self.optimizer, self.params, self.threads = optimizer, optimizer.params, threads
        self.max_norm = -1.0 if max_norm is None else float(max_norm)
        self.samples, self.batch_size = len(X), min(batch_size, len(X))
        with uncollected(), _replaced(model.modules(), "training", lambda i: True):
            self.problem = _Problem(model, X, y, loss, self.params)
            rule = partial(Update, optimizer=optimizer, penalty=penalty)
            tape, self.read = self.problem.trace()
            self.native = Native(tape, self.batch_size, extra=rule)
            self.problem.compare(self.native, self.read)
        self.update: Update = self.native.extra
        self.finish, self.loop = map(self.native.module.get, (FINISH, LOOP))
        penalised = set(penalised)
        scalars = self.native.new_scalars([p.data for p in self.read])
        flags = [p in penalised for p in self.params]
        self.table, self.settings = self.update.memory(scalars, flags)
        self.sums = np.zeros(1 + self.update.layout.stride)  # beyond the parameters, 0
        self.rows, self.shown = self.native.new_rows(), np.empty((0, 0))
        model.train()

    def epochs(self, orders: list[list[int]]) -> tuple[Array, Array, int]:
        """Trains one epoch for each order of the samples.

        Returns:
            The loss of every step and the norm of its gradients, a row for each epoch; and how many
            steps had a finite loss: after the first that has not, nothing is computed, and the
            parameters are those of the last step whose loss was finite.
        """
        first = not self.optimizer.state[0]
        self._read_values()
        same = all(order is orders[0] for order in orders)
        order = np.array(orders[:1] if same else orders, dtype=np.int64)
        order = np.repeat(order, len(orders) // len(order), axis=0)
        data, order = self.problem.visited(order)
        self.shown = np.empty((len(self.native.tape.outputs), order.size))
        shape = len(orders), -(-self.samples // self.batch_size)
        losses, norms = np.full(shape, np.nan), np.zeros(shape)
        if self.threads > 1:
            done = self._threaded(data, order, losses, norms, first)
        else:
            done = self.loop(
                data=data, length=data.shape[1], order=order, samples=self.samples,
                batch=self.batch_size, epochs=len(order), rows=self.rows, outputs=self.shown,
                table=self.table, settings=self.settings, sums=self.sums, losses=losses,
                norms=norms, max_norm=self.max_norm, first=first,
            )  # fmt: skip
        self._write_values(stepped=done > 0 or not first)
        return losses, norms, done

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return [self.problem.nest(row) for row in self.shown.T.tolist()]

    def _read_values(self) -> None:
        """Parameters and the optimiser's state as they are now."""
        n, read, states = len(self.params), self.read, self.optimizer.state
        numbers = map(attrgetter("data"), read)
        self.table[P, : len(read)] = np.fromiter(numbers, np.float64, len(read))
        for i, key in enumerate(self.update.keys, STATE):
            self.table[i, :n] = [state.get(key, 0.0) for state in states]
        self.settings[:, RATE] = self.optimizer.lr
        self.settings[:, STEPS] = states[0].get("step", 0.0)

    def _write_values(self, stepped: bool) -> None:
        """Parameters, their gradients and the optimiser's state as they have become."""
        n, table, state = len(self.params), self.table, self.optimizer.state
        numbers, grads = table[[P, G], :n].tolist()
        columns = {key: table[i, :n].tolist() for i, key in enumerate(self.update.keys, STATE)}
        if self.update.counts:
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

        starts = range(0, self.samples, self.batch_size)
        with ThreadPoolExecutor(self.threads) as pool:
            for start in [e * self.samples + s for e in range(len(order)) for s in starts]:
                end = min(start + self.batch_size, start - start % self.samples + self.samples)
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


class _Problem:
    """What is to be trained: the samples as numbers, and the loss of one of them."""

    def __init__(
        self, model: Any, X: Sequence[Any], y: Sequence[Any], loss: Any, params: list[Value]
    ) -> None:
        self.model, self.loss, self.params = model, loss, params
        self.X, self.y = _array(X, "samples"), _array(y, "targets")
        columns = [a.reshape(len(a), -1).T for a in (self.X, self.y)]
        self.data = np.ascontiguousarray(np.concatenate(columns))
        try:
            self.masks = _Masks(model, self.X[0].tolist())
        except ValueError as error:
            raise JitError(f"the model cannot take one sample alone: {error}") from None
        # The loss sees all targets once: in the trace they are no numbers to check.
        with no_grad(), self.masks.given([1.0] * self.masks.count):
            leaves, self.nest = flatten(model.batch(self.X[:1].tolist())[0])
            loss([self.nest(leaves)] * len(y), y)

    def trace(self) -> tuple[Tape, list[Value]]:
        """The tape of one sample, and the leaves that it reads: first of all the parameters."""
        factors = ((0, 1.25), (-1, 0.75))
        two = [[*self.data[:, i].tolist(), *[x] * self.masks.count] for i, x in factors]
        try:
            return trace(self._one_sample, two, [], self.params)
        except ValueError as error:
            raise JitError(f"the model or the loss cannot take one sample: {error}") from None

    def visited(self, order: Any) -> tuple[Array, Any]:
        """The data, and where in it a visit of a sample, with masks of its own, has its numbers."""
        if not self.masks.count:
            return self.data, order
        data = np.concatenate([self.data[:, order.ravel()], self.masks.draw(order.size).T])
        return np.ascontiguousarray(data), np.arange(order.size).reshape(order.shape)

    def compare(self, native: Native, read: Sequence[Value]) -> None:
        """Raises a JitError when the mean over samples is not what Python computes for a batch."""
        some = probes(len(self.X), native.tape.size)
        few = len(some)
        data = np.concatenate([self.data[:, some], np.ones((self.masks.count, few))])
        _, sums = native(data, [p.data for p in read])
        xs, ys = self.X[some].tolist(), self.y[some].tolist()
        ys = [int(y) if isinstance(y, float) and y.is_integer() else y for y in ys]  # classes
        with self.masks.given([1.0] * (self.masks.count * few)):
            wanted = as_value(self.loss(self.model.batch(xs), ys)).data
        if not np.isclose(sums[0] / few, wanted, 1e-9, 1e-12, equal_nan=True):
            raise JitError(
                f"the loss of {few} samples is {wanted!r}, but the mean of their losses is "
                f"{float(sums[0] / few)!r}: only a mean over independent samples can be compiled"
            )

    def _one_sample(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the numbers of one sample to its outputs, loss and gradients."""
        x, target = [flatten(a[0].tolist())[1] for a in (self.X, self.y)]
        n, end = self.X[0].size, len(self.data)
        with self.masks.given(numbers[end:]):
            out = self.model(x(numbers[:n]))
        cost = self.loss([out], [target(numbers[n:end])])
        return flatten(out)[0], [cost, *grad(cost, self.params, create_graph=True)]


class _Masks:
    """The random factors of the model's Dropouts, drawn in the order in which fit draws them."""

    def __init__(self, model: Any, sample: Any) -> None:
        self.modules = [m for m in model.modules() if m.draws]
        if len({id(m.rng) for m in self.modules}) < len(self.modules):
            raise JitError("two Dropouts share a random generator: give each one of its own")
        self.calls: list[int] = []  # for each factor of a sample, which module draws it

        def called(i: int) -> float:
            self.calls.append(i)
            return 1.0

        with _replaced(self.modules, "factor", lambda i: partial(called, i)):
            model(sample)
        self.count = len(self.calls)

    def draw(self, samples: int) -> Array:
        """A row of factors for each of so many samples."""
        return np.array([[self.modules[i].factor() for i in self.calls] for _ in range(samples)])

    def given(self, numbers: Sequence[float | Value]) -> Mode:
        """Inside, the Dropouts use these factors."""
        rest = iter(numbers)
        return _replaced(self.modules, "factor", lambda i: partial(next, rest))


def _replaced(modules: Sequence[Any], name: str, new: Callable[[int], Any]) -> Mode:
    """Inside, an attribute of each module has another value: new of its place."""
    return replaced(modules, name, map(new, range(len(modules))))


def _array(numbers: Sequence[Any], what: str) -> Array:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise JitError(f"the {what} are not numbers in lists of one shape") from None
