"""training: the steps of fit, whole epochs of them in one call of machine code.

A step gathers a mini-batch, computes the loss and its gradients (the tape of one sample,
native.py), then adds the penalty, clips and applies the optimiser's own rule (update.py). Nothing
here knows a network, a loss or an optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..engine import Value, as_value, assign, grad, no_grad
from ..modes import Mode, uncollected
from ..nesting import flatten
from ..tape.tape import JitError, Tape
from ..tape.trace import check_nobody_watches, probes, trace
from .native import Array, Native
from .update import FINISH, FLAG, KEPT, LOOP, RATE, STATE, STEPS, G, P, Update


class Trainer:
    """A model, a loss and an optimiser, compiled for samples of one shape.

    Args:
        model: a Module whose samples do not depend on each other.
        X: the samples, nested lists of numbers.
        y: the targets, numbers or nested lists of numbers.
        loss: a function of outputs and targets that is a mean over the samples.
        optimizer: with an ``update(p, g, state)``.
        penalty: a function of one weight, to be added to the loss, or None.
        penalised: the parameters that it applies to.
        max_norm: clip the norm of all gradients together to this, or None.
        batch_size: samples for each step.
        threads: over how many cores to spread the blocks of a batch.

    Raises:
        JitError: why it cannot be compiled.
    """

    def __init__(
        self,
        model: Any,
        X: Sequence[Any],
        y: Sequence[Any],
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        penalty: Callable[[Any], Any] | None = None,
        penalised: Sequence[Value] = (),
        max_norm: float | None = None,
        batch_size: int = 32,
        threads: int = 1,
    ) -> None:
        check_nobody_watches()
        self.optimizer, self.params, self.threads = optimizer, optimizer.params, threads
        self.max_norm = -1.0 if max_norm is None else float(max_norm)
        self.samples, self.batch_size = len(X), min(batch_size, len(X))
        with uncollected(), _training(model):
            self.problem = _Problem(model, X, y, loss, self.params)
            rule = partial(Update, optimizer=optimizer, penalty=penalty)
            tape, self.read = self.problem.trace()
            self.native = Native(tape, self.batch_size, extra=rule)
            self.problem.compare(self.native, self.read)
        self.update: Update = self.native.extra
        self.finish, self.loop = map(self.native.module.get, (FINISH, LOOP))
        self.memory = _memory(self.native, self.read, set(penalised))
        self.shown: Array = np.empty((0, 0))
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
        if all(order is orders[0] for order in orders):
            order = np.tile(np.array(orders[0], dtype=np.int64), (len(orders), 1))
        else:
            order = np.array(orders, dtype=np.int64)
        data, order = self.problem.visited(order)
        self.shown = np.empty((len(self.native.tape.outputs), order.size))
        steps = -(-self.samples // self.batch_size)
        losses, norms = np.full((len(orders), steps), np.nan), np.zeros((len(orders), steps))
        run = self._threaded if self.threads > 1 else self._single
        done = run(data, order, losses, norms, first)
        self._write_values(stepped=done > 0 or not first)
        return losses, norms, done

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return [self.problem.nest(row) for row in self.shown.T.tolist()]

    # --- from and to the Values ---

    def _read_values(self) -> None:
        """Parameters and the optimiser's state as they are now."""
        n, read, (table, settings, *_) = len(self.params), self.read, self.memory
        table[P, : len(read)] = np.fromiter(map(attrgetter("data"), read), np.float64, len(read))
        states = self.optimizer.state
        for i, key in enumerate(self.update.keys, STATE):
            table[i, :n] = [state.get(key, 0.0) for state in states]
        settings[:, RATE], settings[:, STEPS] = self.optimizer.lr, states[0].get("step", 0.0)

    def _write_values(self, stepped: bool) -> None:
        """Parameters, their gradients and the optimiser's state as they have become."""
        n, table, state = len(self.params), self.memory.table, self.optimizer.state
        numbers, grads = table[[P, G], :n].tolist()
        columns = {key: table[i, :n].tolist() for i, key in enumerate(self.update.keys, STATE)}
        if self.update.counts:
            columns["step"] = [float(self.memory.settings[0, STEPS])] * n
        if columns and stepped:  # there is something to keep
            state = [dict(zip(columns, row)) for row in zip(*columns.values())]
        assign(self.params, data=numbers, grad=grads, also=[(self.optimizer, "state", state)])

    # --- the steps ---

    def _single(self, data: Array, order: Any, losses: Array, norms: Array, first: bool) -> int:
        return int(
            self.loop(
                data=data, length=data.shape[1], order=order, samples=self.samples,
                batch=self.batch_size, epochs=len(order), outputs=self.shown,
                losses=losses, norms=norms, max_norm=self.max_norm, first=first,
                **self.memory._asdict(),
            )
        )  # fmt: skip

    def _threaded(self, data: Array, order: Any, losses: Array, norms: Array, first: bool) -> int:
        """As the loop in machine code, but the blocks of a batch on several cores."""
        table, settings, sums, _ = self.memory
        flat, block = order.ravel(), self.native.layout.stride

        def one(start: int, end: int) -> Array:
            own = np.zeros_like(sums)
            self.native.work(
                data=data, length=data.shape[1], order=flat[start:end], samples=end - start,
                rows=self.native.new_rows(), scalars=table[P].copy(), sums=own,
                outputs=self.shown.ravel()[start:], outputs_length=flat.size,
            )  # fmt: skip
            return own

        done, starts = 0, range(0, self.samples, self.batch_size)
        with ThreadPoolExecutor(self.threads) as pool:
            for start in [e * self.samples + s for e in range(len(order)) for s in starts]:
                end = min(start + self.batch_size, start - start % self.samples + self.samples)
                blocks = range(start, end, block)
                sums[:] = 0.0
                # in the order of the blocks
                for part in pool.map(one, blocks, [min(i + block, end) for i in blocks]):
                    sums += part
                if not self.finish(
                    table=table, settings=settings, sums=sums, loss=losses.ravel()[done:],
                    norm=norms.ravel()[done:], size=end - start, max_norm=self.max_norm,
                    first=first and not done,
                ):  # fmt: skip
                    break
                done += 1
        return done


class _Memory(NamedTuple):
    """What the machine code works on from step to step; update.py says what the table holds."""

    table: Array
    settings: Array
    sums: Array
    rows: Array


def _memory(native: Native, read: Sequence[Value], penalised: set[Value]) -> _Memory:
    update, numbers = native.extra, [p.data for p in read]
    table, n = update.new_table(), update.n
    table[P, : native.n_scalars] = native.new_scalars(numbers)
    table[FLAG, :n] = [p in penalised for p in read[:n]]
    table[KEPT, :n] = numbers[:n]
    sums = np.zeros(1 + update.layout.stride)  # beyond the parameters, 0
    return _Memory(table, update.new_settings(), sums, native.new_rows())


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
        self.nest = self._checked_targets(y)

    def trace(self) -> tuple[Tape, list[Value]]:
        """The tape of one sample, and the leaves that it reads: first of all the parameters."""
        try:
            return trace(self._one_sample, self._two_samples(), [], self.params)
        except ValueError as error:
            raise JitError(f"the model or the loss cannot take one sample: {error}") from None

    def visited(self, order: Any) -> tuple[Array, Any]:
        """The data, and where in it each visit of a sample finds its numbers."""
        if not self.masks.count:
            return self.data, order
        # every visit has a mask of its own
        data = np.concatenate([self.data[:, order.ravel()], self.masks.draw(order.size).T])
        return np.ascontiguousarray(data), np.arange(order.size).reshape(order.shape)

    def compare(self, native: Native, read: Sequence[Value]) -> None:
        """Raises a JitError when the mean over samples is not what Python computes for a batch."""
        some = probes(len(self.X), native.tape.size)
        few = len(some)
        data = np.concatenate([self.data[:, some], np.ones((self.masks.count, few))])
        _, sums = native(data, [p.data for p in read])
        xs, ys = self.X[some].tolist(), self.y[some].tolist()
        with self.masks.given([1.0] * (self.masks.count * few)):
            wanted = as_value(self.loss(self.model.batch(xs), _classes(ys))).data
        if not np.isclose(sums[0] / few, wanted, 1e-9, 1e-12, equal_nan=True):
            raise JitError(
                f"the loss of {few} samples is {wanted!r}, but the mean of their losses is "
                f"{float(sums[0] / few)!r}: only a mean over independent samples can be compiled"
            )

    def _one_sample(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the numbers of one sample to its outputs, loss and gradients."""
        x, target = [flatten(a[0].tolist())[1] for a in (self.X, self.y)]
        sizes = self.X[0].size, self.X[0].size + self.y[0].size
        with self.masks.given(numbers[sizes[1] :]):
            out = self.model(x(numbers[: sizes[0]]))
        cost = self.loss([out], [target(numbers[sizes[0] : sizes[1]])])
        return flatten(out)[0], [cost, *grad(cost, self.params, create_graph=True)]

    def _checked_targets(self, y: Sequence[Any]) -> Callable[[list[Any]], Any]:
        """Lets the loss see all targets once: in the trace they are no numbers to check.

        Returns:
            The function that nests numbers as the model's output for a sample is.
        """
        with no_grad(), self.masks.given([1.0] * self.masks.count):
            leaves, rebuild = flatten(self.model.batch(self.X[:1].tolist())[0])
            self.loss([rebuild(leaves)] * len(y), y)
        return rebuild

    def _two_samples(self) -> list[list[float]]:
        kept = [[x] * self.masks.count for x in (1.25, 0.75)]
        return [[*self.data[:, i].tolist(), *mask] for i, mask in zip((0, -1), kept)]


class _Masks:
    """The random factors of the model's Dropouts, drawn in the order in which fit draws them."""

    def __init__(self, model: Any, sample: Any) -> None:
        self.modules = [m for m in model.modules() if getattr(m, "draws", hasattr(m, "factor"))]
        if len({id(m.rng) for m in self.modules}) < len(self.modules):
            raise JitError("two Dropouts share a random generator: give each one of its own")
        self.calls: list[int] = []  # for each factor of a sample, which module draws it
        with self._replaced(lambda i: self.calls.append(i) or 1.0):  # type: ignore[func-returns-value]
            model(sample)
        self.count = len(self.calls)

    def draw(self, samples: int) -> Array:
        """A row of factors for each of so many samples."""
        return np.array([[self.modules[i].factor() for i in self.calls] for _ in range(samples)])

    def given(self, numbers: Sequence[float | Value]) -> Mode:
        """Inside, the Dropouts use these factors."""
        rest = iter(numbers)
        return self._replaced(lambda i: next(rest))

    def _replaced(self, factor: Callable[[int], Any]) -> Mode:
        def write(own: list[dict[str, Any]]) -> None:
            for m, attributes in zip(self.modules, own):
                vars(m).pop("factor", None)
                vars(m).update(attributes)

        def read() -> list[dict[str, Any]]:
            return [{k: v for k, v in vars(m).items() if k == "factor"} for m in self.modules]

        new = [{"factor": partial(factor, i)} for i in range(len(self.modules))]
        return Mode(read, write, lambda before: new)


def _training(model: Any) -> Mode:
    """Inside, the model and every module in it are in training mode."""
    modules = model.modules()

    def write(modes: list[bool]) -> None:
        for m, training in zip(modules, modes):
            m.training = training

    return Mode(lambda: [m.training for m in modules], write, lambda before: [True] * len(before))


def _array(numbers: Sequence[Any], what: str) -> Array:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise JitError(f"the {what} are not numbers in lists of one shape") from None


def _classes(ys: list[Any]) -> list[Any]:
    """Whole numbers as ints: they may be classes."""
    return [int(y) if isinstance(y, float) and y.is_integer() else y for y in ys]
