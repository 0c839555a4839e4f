"""training: the steps of fit, whole epochs of them in one call of machine code.

A step computes the loss of a mini-batch and its gradients (native.py), then adds the penalty, clips
and applies the optimiser's own rule (update.py). Nothing here knows a network or an optimiser.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np

from ..engine import Value, as_value, assign, grad, no_grad, topological_order, writing
from ..modes import Changes, Mode, replaced, uncollected
from ..nesting import flatten
from ..tape import JitError, Tape, check_nobody_watches, probes, reroll, trace
from .native import Array, Native
from .surroundings import Surroundings
from .update import FINISH, KEPT, LOOP, RATE, STATE, STEPS, G, P, Rules, Update

ALL = 200_000  # operations of a loss in Python: so many samples are compared
FEW = 1000  # targets that are all compared


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
        self.arguments, self.optimizer, self.threads = (model, X, y, loss), optimizer, threads
        self.penalty, self.max_norm = penalty, -1.0 if max_norm is None else float(max_norm)
        self.samples, self.batch_size = len(X), min(batch_size, len(X))
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
        with uncollected(), _replaced(model.modules(), "training", lambda i: True):
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
        self.problem = problem = _Problem(*self.arguments, params)
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
        problem.compare(self.native, self.batch_size)
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
        if done < losses.size:  # nothing was drawn for what has not been computed
            epoch, batch = divmod(done, losses.shape[1])
            masks.draw_again(
                drawn, epoch * self.samples + min((batch + 1) * self.batch_size, self.samples)
            )
        return losses, norms, done

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return [self.problem.nest(row) for row in self.shown.T.tolist()]

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
        self.model, self.samples, self.targets, self.loss = model, X, y, loss
        self.params, self.reached = params, set[Value]()
        self.X, self.y = _array(X, "samples"), _array(y, "targets")
        columns = [a.reshape(len(a), -1).T for a in (self.X, self.y)]
        self.data = np.ascontiguousarray(np.concatenate(columns))
        try:
            self.masks = _Masks(model, X[0])
        except ValueError as error:
            raise JitError(f"the model cannot take one sample alone: {error}") from None
        # The loss sees all targets once: in the trace they are no numbers to check.
        with no_grad(), self._without_masks():
            leaves, self.nest = flatten(model.batch(X[:1])[0])
            loss([self.nest(leaves)] * len(y), y)
        self.n_outputs = len(leaves)
        factors = ((0, 1.25), (-1, 0.75))
        two = [[*self.data[:, i].tolist(), *[x] * self.masks.count] for i, x in factors]
        try:
            self.tape, self.read = trace(self._one_sample, two, [], params)
        except ValueError as error:
            raise JitError(f"the model or the loss cannot take one sample: {error}") from None
        self.rerolled = reroll(self.tape)

    def numbers(self) -> list[float]:
        """Of all Values that the tape reads, first of all the parameters."""
        return [v.data for v in self.read]

    def is_current(self) -> bool:
        """Whether samples and targets have still the same numbers."""
        now = _array(self.samples, "samples"), _array(self.targets, "targets")
        return all(map(np.array_equal, now, (self.X, self.y)))

    def visited(self, order: Any) -> tuple[Array, Any]:
        """The data, and where in it a visit of a sample, with masks of its own, has its numbers."""
        if not self.masks.count:
            return self.data, order
        data = np.concatenate([self.data[:, order.ravel()], self.masks.draw(order.size).T])
        return np.ascontiguousarray(data), np.arange(order.size).reshape(order.shape)

    def agrees(self, sample: int) -> bool:
        """Whether the tape has the loss and the gradients of a sample that Python has."""
        with self._without_masks():
            outs = self.model.batch([self.samples[sample]])
            loss = as_value(self.loss(outs, [self.targets[sample]]))
        wanted = [loss.data, *grad(loss, self.params)]
        return _close(self._run(sample), wanted, 1e-9 * _largest(wanted))

    def compare(self, native: Native, batch_size: int) -> None:
        """Raises a JitError when a mean over samples is not what Python computes for a batch.

        The tape is compared for some samples, the loss with what it says of all outputs.
        """
        some = probes(len(self.X), self.tape.size)
        losses = [self._run(i)[0] for i in some]
        with self._without_masks():
            outs = self.model.batch([self.samples[i] for i in some])
            loss = self.loss(outs, [self.targets[i] for i in some])
        self._compare(losses, loss)
        self.reached = set(topological_order(as_value(loss)))  # in Python: not by what is detached
        with self._other_numbers():
            if not self.agrees(0):
                raise JitError(
                    "the model or the loss reads the number of a Value (.data, detach, float), "
                    "which training changes: use the Value itself"
                )
        ones = np.ones((self.masks.count, len(self.X)))
        rows = native(np.concatenate([self.data, ones]), self.numbers())[0].T
        columns = np.concatenate([rows, self.y.reshape(len(rows), -1)], axis=1)
        tape, read = trace(self._only_loss, columns[[0, -1]].tolist())
        scalars = [v.data for v in read]
        some = _spread(self.y, ALL // tape.size)
        for batch in [some[k : k + batch_size] for k in range(0, len(some), batch_size)]:
            losses = [tape.run(columns[i].tolist(), scalars)[1][0] for i in batch]
            outs = [self.nest(list(map(Value, rows[i].tolist()))) for i in batch]
            self._compare(losses, self.loss(outs, [self.targets[i] for i in batch]))

    def _compare(self, losses: list[float], loss: Any) -> None:
        """One mean with the other."""
        with np.errstate(over="ignore", invalid="ignore"):
            found, wanted = float(np.mean(losses)), as_value(loss).data
        if not _close(found, wanted, 1e-13 * _largest(losses)):
            raise JitError(
                f"the loss of {len(losses)} samples is {wanted!r}, but the mean of their losses is "
                f"{found!r}: only a mean over independent samples can be compiled, and no number "
                "may decide (as in if target == 1): write functional.where and eq"
            )

    def _run(self, sample: int) -> list[float]:
        """The loss and the gradients of one sample, by the tape."""
        numbers = [*self.data[:, sample].tolist(), *[1.0] * self.masks.count]
        return self.rerolled.run(numbers, self.numbers())[1]

    def _without_masks(self) -> Mode:
        """Inside, the Dropouts leave everything as it is."""
        return self.masks.given(repeat(1.0))

    def _other_numbers(self) -> Mode:
        """Inside, all Values that the tape reads have slightly other numbers."""

        def changes() -> Changes:
            own = self.numbers()
            new = [1.01 * x + 0.001 for x in own]
            there, back = [chain(*writing(self.read, data=xs)) for xs in (new, own)]
            return there, back, lambda: self.numbers() == new

        return Mode(changes)

    def _only_loss(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the outputs and the target of one sample to its loss."""
        out, target = self.nest(numbers[: self.n_outputs]), numbers[self.n_outputs :]
        return [], [self.loss([out], [self._nest_target(target)])]

    def _one_sample(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the numbers of one sample to its outputs, loss and gradients."""
        nest, n, end = flatten(self.X[0].tolist())[1], self.X[0].size, len(self.data)
        with self.masks.given(numbers[end:]):
            out = self.model(nest(numbers[:n]))
        cost = as_value(self.loss([out], [self._nest_target(numbers[n:end])]))
        return flatten(out)[0], [cost, *grad(cost, self.params, create_graph=True)]

    def _nest_target(self, numbers: list[Value]) -> Any:
        return flatten(self.y[0].tolist())[1](numbers)


def _close(one: Any, two: Any, absolute: float) -> bool:
    return bool(np.allclose(one, two, 1e-9, max(1e-12, absolute), equal_nan=True))


def _largest(numbers: Any) -> float:
    """The largest size among those that are finite."""
    sizes = np.abs(numbers)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def _spread(y: Array, most: int) -> list[int]:
    """At most so many samples, evenly, and one of each target where there are few."""
    n = len(y)
    _, firsts = np.unique(y.reshape(n, -1), axis=0, return_index=True)
    some = {i * n // min(n, most) for i in range(min(n, most))} if most else set()
    return sorted(some.union(firsts.tolist() if len(firsts) <= max(most, FEW) else ()))


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

    def states(self) -> list[Any]:
        """Of the generators."""
        return [m.rng.getstate() for m in self.modules]

    def draw_again(self, states: list[Any], samples: int) -> None:
        """The generators are left as if only this had been drawn since they had these states."""
        for m, state in zip(self.modules, states):
            m.rng.setstate(state)
        self.draw(samples)

    def given(self, numbers: Iterable[float | Value]) -> Mode:
        """Inside, the Dropouts use these factors."""
        rest = iter(numbers)
        return _replaced(self.modules, "factor", lambda i: partial(next, rest))


def _replaced(modules: Sequence[Any], name: str, new: Callable[[int], Any]) -> Mode:
    """Inside, an attribute of each module has another value: new of its place."""
    return replaced(modules, name, map(new, range(len(modules))))


def _shape(tape: Tape) -> Any:
    """All of a tape but how it is nested: what is equal has the same machine code."""
    slots = tape.inputs, tape.scalars, repr(tape.constants), tape.outputs, tape.sums
    return *slots, [(op, start, count, *map(list, args)) for op, start, args, count in tape.code]


def _array(numbers: Sequence[Any], what: str) -> Array:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise JitError(f"the {what} are not numbers in lists of one shape") from None
