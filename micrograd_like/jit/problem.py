"""problem: what fit compiles: one sample's outputs, loss and gradients, and whether Python agrees.

Whatever the model draws at random (Dropout's masks) is an input here; a mean over samples is all
that a batch may be.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np

from ..engine import Value, as_value, grad, no_grad, topological_order, writing
from ..modes import Changes, Mode, replaced
from ..nesting import flatten
from ..tape import JitError, probes, reroll, trace
from .native import Array, Native

ALL = 200_000  # operations of a loss in Python: so many samples are compared
FEW = 1000  # targets that are all compared


class Problem:
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
            traced = trace(self._one_sample, two, [], params)
        except ValueError as error:
            raise JitError(f"the model or the loss cannot take one sample: {error}") from None
        self.tape, self.read = traced.gradients(params), traced.parameters
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
        traced = trace(self._only_loss, columns[[0, -1]].tolist())
        tape, scalars = traced.tape, [v.data for v in traced.parameters]
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
        """What is traced: from the numbers of one sample to its outputs and loss."""
        nest, n, end = flatten(self.X[0].tolist())[1], self.X[0].size, len(self.data)
        with self.masks.given(numbers[end:]):
            out = self.model(nest(numbers[:n]))
        return flatten(out)[0], [self.loss([out], [self._nest_target(numbers[n:end])])]

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

        with replaced_in(self.modules, "factor", lambda i: partial(called, i)):
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
        return replaced_in(self.modules, "factor", lambda i: partial(next, rest))


def replaced_in(modules: Sequence[Any], name: str, new: Callable[[int], Any]) -> Mode:
    """Inside, an attribute of each module has another value: new of its place."""
    return replaced(modules, name, map(new, range(len(modules))))


def _array(numbers: Sequence[Any], what: str) -> Array:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise JitError(f"the {what} are not numbers in lists of one shape") from None
