"""problem: what fit compiles: a sample's outputs, loss and gradients, and whether Python agrees.

A batch is a mean over samples; where it is not, whole batches stand in the place of samples. Either
is a unit here. Whatever the model draws at random (Dropout's masks) is an input of the program, and
what it keeps of a batch (BatchNorm's statistics) an output.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice, repeat
from typing import Any

import numpy as np

from ..engine import Value, as_value, grad, no_grad, topological_order
from ..modes import Mode, replaced
from ..nesting import flatten
from ..tape import JitError, Tape, trace
from .arguments import check_index
from .native import Array, Native

ALL = 200_000  # operations of a loss in Python: so many samples are compared, and every target
LARGEST = 200_000  # inputs, in the nodes of a batch: more than ten seconds of compiling


class Coupled(JitError):
    """The samples of a batch depend on each other: only whole batches can be compiled."""


class Problem:
    """What is to be trained: the samples as numbers, and the loss of a unit.

    Args:
        batch_size: how many samples the loss gets in a step.
        size: how many samples a unit has: 1, or those of a batch.

    Raises:
        Coupled: a sample alone cannot be computed, or the loss is no mean over samples.
        JitError: why it cannot be compiled.
    """

    def __init__(
        self, model: Any, X: Sequence[Any], y: Sequence[Any], loss: Any, params: list[Value],
        batch_size: int, size: int = 1,
    ) -> None:  # fmt: skip
        self.model, self.samples, self.targets, self.loss = model, X, y, loss
        self.params, self.batch_size, self.size = params, batch_size, size
        self.X, self.y = as_array(X, "samples"), as_array(y, "targets")
        columns = [a.reshape(len(a), -1).T for a in (self.X, self.y)]
        self.data = np.ascontiguousarray(np.concatenate(columns))
        modules = model.modules()
        self.statistics = _Statistics(modules)
        self.reached: set[Value] = set()  # in Python: not by what is detached
        with self._whole("model"), self.statistics.recorded(), no_grad():
            self.masks = _Masks(modules, model, X[:size])
            with self.masks.given(repeat(1.0)):
                outs = list(model.batch(X[:size]))
        for k in range(0, len(y), batch_size):  # in the trace targets are no numbers to check
            targets = y[k : k + batch_size]
            with no_grad():
                loss((outs * len(targets))[: len(targets)], targets)
        self._check_size()
        with self._whole("model or the loss"):
            factors = zip(self._units([0, -1]), (1.25, 0.75))
            two = [self._numbers(unit, x) for unit, x in factors]
            self.traced = trace(self._unit, two, [], params)
        self.tape, self.read = self.traced.gradients(params), self.traced.parameters
        check_indices(self.tape, self.data, "a number of a sample or its target")
        if size == 1 and self.statistics.ways:
            raise Coupled("the model keeps statistics of a batch")
        self._check()

    def numbers(self) -> list[float]:
        """Of all Values that the tape reads, first of all the parameters."""
        return [v.data for v in self.read]

    def is_current(self) -> bool:
        """Whether samples and targets have still the same numbers."""
        now = as_array(self.samples, "samples"), as_array(self.targets, "targets")
        return all(map(np.array_equal, now, (self.X, self.y)))

    def visited(self, order: Any) -> tuple[Array, Any]:
        """The data, and where in it a unit that is visited, with masks of its own, is."""
        if self.size == 1 and not self.masks.count:
            return self.data, order
        n = order.size // self.size
        data = self._columns(order, self.masks.draw(n).T)
        return data, np.arange(n).reshape(len(order), -1)

    def said(self, outputs: Array) -> list[Any]:
        """The model's outputs for each sample, from a column of numbers for each unit."""
        return [out for column in outputs.T.tolist() for out in self.nest(column)]

    def keep(self, outputs: Array) -> None:
        """Lets the model keep the statistics of some steps, from a column of numbers for each."""
        if self.statistics.ways:
            self.statistics.keep(outputs[self.n_outputs :].T.tolist())

    def agrees(self, sample: int) -> bool:
        """Whether the tape has the loss and the gradients that Python has, of a unit from there."""
        n = len(self.samples)
        _, found, wanted = self._two_ways([[i % n for i in range(sample, sample + self.size)]])
        return is_close(found, wanted, 1e-9 * largest(wanted))

    # --- whether a unit is what Python computes ---

    def _check(self) -> None:
        """Raises a JitError when the tape does not have the loss and the gradients of Python's."""
        units = self._units([0, -1])
        for some in [units] if self.batch_size > self.size else [[unit] for unit in units]:
            losses, found, wanted = self._two_ways(some)
            self._compare(losses, wanted[0])
            if not is_close(found, wanted, 1e-9 * largest(wanted)):
                raise JitError(
                    "the gradients that are compiled are not Python's: the model or the loss "
                    "computes something else when it is called again"
                )

    def check_loss(self, native: Native) -> None:
        """Raises a JitError when the loss is not what Python makes of all outputs and targets."""
        units = self._units(range(-(-len(self.X) // self.size)))
        data = self._columns(np.array(units), np.ones((self.masks.count, len(units))))
        rows = native(data, self.numbers())[0].T[:, : self.n_outputs]
        targets = self.y[np.array(units)].reshape(len(units), -1)
        columns = np.concatenate([rows, targets], axis=1)
        traced = trace(self._only_loss, columns[[0, -1]].tolist())
        tape, scalars = traced.tape, [v.data for v in traced.parameters]
        some = _spread(targets, ALL // tape.size)
        many = max(1, self.batch_size // self.size)
        for batch in [some[k : k + many] for k in range(0, len(some), many)]:
            losses = [tape.run(columns[i].tolist(), scalars)[1][0] for i in batch]
            outs = [out for i in batch for out in self.nest(list(map(Value, rows[i].tolist())))]
            wanted = self.loss(outs, [self.targets[j] for i in batch for j in units[i]])
            self._compare(losses, as_value(wanted).data)

    def _compare(self, losses: list[float], wanted: float) -> None:
        """One mean with the other."""
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(np.mean(losses))
        if not is_close(found, wanted, 1e-13 * largest(losses)):
            kind, compiled = (JitError, "compiled it")
            if self.size == 1:
                kind, compiled = Coupled, "the mean of their losses"
            raise kind(
                f"the loss of {len(losses) * self.size} samples is {wanted!r}, but {compiled} is "
                f"{found!r}: no number may decide (as in if target == 1): write functional.where "
                "and eq"
            )

    def _two_ways(self, units: list[list[int]]) -> tuple[list[float], Any, list[float]]:
        """The losses of some units by the tape; loss and gradients of all by it and by Python."""
        found = [self.tape.run(self._numbers(unit), self.numbers())[1] for unit in units]
        every = [i for unit in units for i in unit]
        with self.statistics.recorded(), self.masks.given(repeat(1.0)):
            outs = self.model.batch([self.samples[i] for i in every])
            loss = as_value(self.loss(outs, [self.targets[i] for i in every]))
        self.reached = set(topological_order(loss))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.mean(found, axis=0)
        return [row[0] for row in found], mean, [loss.data, *grad(loss, self.params)]

    def _check_size(self) -> None:
        """Refuses batches that are too large to be one program."""
        if self.size > 1:
            with self.statistics.recorded(), self.masks.given(repeat(1.0)):
                outs = self.model.batch(self.samples[: self.size])
                loss = self.loss(outs, self.targets[: self.size])
            work = sum([len(v.inputs) for v in topological_order(as_value(loss))])
            if work > LARGEST:
                raise JitError(
                    f"a batch of {self.size} takes {work:,} operations, more than {LARGEST:,}: "
                    "give fit a smaller batch_size"
                )

    @contextmanager
    def _whole(self, what: str) -> Iterator[None]:
        """Inside, a ValueError says that the unit was not enough."""
        try:
            yield
        except ValueError as error:
            kind, unit = (Coupled, "sample") if self.size == 1 else (JitError, "batch")
            raise kind(f"the {what} cannot take one {unit} alone: {error}") from None

    # --- units ---

    def _units(self, places: Iterable[int]) -> list[list[int]]:
        """The samples of some units of the data in its order, the last one ending with it."""
        n, size = len(self.X), self.size
        last = -(-n // size) - 1
        starts = [min(size * (last if place < 0 else place), n - size) for place in places]
        return [list(range(start, start + size)) for start in starts]

    def _columns(self, units: Any, masks: Array) -> Array:
        """For each unit a column: the numbers of its samples and targets, and its masks."""
        rows = self.data[:, units.ravel()].reshape(len(self.data), -1, self.size)
        return np.ascontiguousarray(np.concatenate([*rows.transpose(2, 0, 1), masks]))

    def _numbers(self, unit: list[int], mask: float = 1.0) -> list[float]:
        """The numbers of its samples and targets, and masks that are all the same."""
        return [*self.data[:, unit].T.ravel().tolist(), *[mask] * self.masks.count]

    def _unit(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the numbers of a unit to its outputs and loss."""
        nest, n, each = flatten(self.X[0].tolist())[1], self.X[0].size, len(self.data)
        rows = [numbers[i * each : (i + 1) * each] for i in range(self.size)]
        with self.statistics.recorded(), self.masks.given(numbers[self.size * each :]):
            outs = self.model.batch([nest(row[:n]) for row in rows])
        loss = self.loss(outs, [self._nest_target(row[n:]) for row in rows])
        leaves, self.nest = flatten(list(outs))
        self.n_outputs = len(leaves)
        return [*leaves, *self.statistics.taken()], [loss]

    def _only_loss(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the outputs and the targets of a unit to its loss."""
        outs, rest, n = self.nest(numbers), numbers[self.n_outputs :], self.y[0].size
        targets = [self._nest_target(rest[i * n : (i + 1) * n]) for i in range(self.size)]
        return [], [self.loss(outs, targets)]

    def _nest_target(self, numbers: list[Value]) -> Any:
        return flatten(self.y[0].tolist())[1](numbers)


def check_indices(tape: Tape, data: Array, what: str) -> None:
    """Raises an IndexError where a table has no such element: machine code does not look.

    The data has a row for each number of a sample; a tape of many samples has them one by one.
    """
    for slot, length in tape.indices().items():
        if slot >= tape.inputs:
            raise JitError("an index of a table may be a number of a sample, but no parameter")
        check_index(data[slot % len(data)], length, lambda i: f"{what} in row {i}")


def is_close(one: Any, two: Any, absolute: float) -> bool:
    """Whether numbers are the same but for rounding, or for so much."""
    return bool(np.allclose(one, two, 1e-9, max(1e-12, absolute), equal_nan=True))


def largest(numbers: Any) -> float:
    """The largest size among those that are finite."""
    sizes = np.abs(numbers)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def _spread(rows: Array, most: int) -> list[int]:
    """At most so many rows, evenly, and one of each kind."""
    n = len(rows)
    _, firsts = np.unique(rows, axis=0, return_index=True)
    return sorted({i * n // min(n, most) for i in range(min(n, most))}.union(firsts.tolist()))


class _Masks:
    """The random factors of the model's Dropouts, drawn in the order in which fit draws them."""

    def __init__(self, modules: Sequence[Any], model: Any, unit: Sequence[Any]) -> None:
        self.modules = [m for m in modules if m.draws]
        if len({id(m.rng) for m in self.modules}) < len(self.modules):
            raise JitError("two Dropouts share a random generator: give each one of its own")
        self.calls: list[int] = []  # for each factor of a unit, which module draws it

        def called(i: int) -> float:
            self.calls.append(i)
            return 1.0

        if self.modules:
            with _replaced_in(self.modules, "factor", lambda i: partial(called, i)):
                model.batch(unit)
        self.count = len(self.calls)

    def draw(self, units: int) -> Array:
        """A row of factors for each of so many units."""
        drawn = [[self.modules[i].factor() for i in self.calls] for _ in range(units)]
        return np.array(drawn).reshape(units, self.count)

    def states(self) -> list[Any]:
        """Of the generators."""
        return [m.rng.getstate() for m in self.modules]

    def draw_again(self, states: list[Any], units: int) -> None:
        """The generators are left as if only this had been drawn since they had these states."""
        for m, state in zip(self.modules, states):
            m.rng.setstate(state)
        self.draw(units)

    def given(self, numbers: Iterable[float | Value]) -> Mode:
        """Inside, the Dropouts use these factors."""
        rest = iter(numbers)
        return _replaced_in(self.modules, "factor", lambda i: partial(next, rest))


class _Statistics:
    """What the model keeps of a unit (see Module.keeps), in the order in which it does."""

    def __init__(self, modules: Sequence[Any]) -> None:
        self.modules = [m for m in modules if m.keeps]
        self.calls: list[tuple[Any, Any]] = []  # which module, and what it keeps
        self.ways: list[tuple[Any, int, Any]] = []  # ..., how many numbers, how they are nested

    def recorded(self) -> Mode:
        """Inside, it is collected instead."""
        self.calls = []
        return _replaced_in(self.modules, "keep", lambda i: partial(self._record, self.modules[i]))

    def _record(self, module: Any, *kept: Any) -> None:
        self.calls.append((module, kept))

    def taken(self) -> list[Any]:
        """The numbers that have been collected."""
        both = [(m, *flatten(kept)) for m, kept in self.calls]
        self.calls = []
        self.ways = [(m, len(leaves), nest) for m, leaves, nest in both]
        return [x for _, leaves, _ in both for x in leaves]

    def keep(self, columns: Iterable[list[float]]) -> None:
        """Gives them to the modules, for one unit after the other."""
        for column in columns:
            rest = iter(column)
            for module, n, nest in self.ways:
                module.keep(*nest(list(islice(rest, n))))


def _replaced_in(modules: Sequence[Any], name: str, new: Callable[[int], Any]) -> Mode:
    """Inside, an attribute of each module has another value: new of its place."""
    return replaced(modules, name, map(new, range(len(modules))))


def as_array(numbers: Sequence[Any], what: str) -> Array:
    """The numbers of samples or targets."""
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise JitError(
            f"the {what} are not numbers in lists of one shape: for sequences of unequal length "
            "there is data.padded"
        ) from None
