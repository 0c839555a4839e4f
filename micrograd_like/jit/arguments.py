"""arguments: those of one call of a compiled function, as rows of numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..engine import Value
from ..nesting import flatten


class ValuesCame(TypeError):
    """Among the arguments is a Value: compiled code takes numbers."""


class Call:
    """The arguments of one call, as rows of numbers and as f wants them nested.

    Args:
        args, named: the arguments, by position and by name.
        batch: for each of them whether its arrays have a leading batch axis.

    Raises:
        TypeError: an argument is no number; ValuesCame, if it is a Value.
        ValueError: the arrays that have a batch axis are not of one length.
    """

    def __init__(
        self, args: Sequence[Any], named: Mapping[str, Any], batch: Sequence[bool] | None = None
    ) -> None:
        self.names: list[str] = []  # of the arrays
        both = [*enumerate(args), *named.items()]
        trees = {name: self._arrays(arg, f"argument {name!r}") for name, arg in both}
        if batch is not None and len(batch) != len(trees):
            raise ValueError(f"batch names {len(batch)} arguments, the call has {len(trees)}")
        self.arrays, rebuild = flatten(trees)
        if batch is None:
            longest = max([len(a) for a in self.arrays if a.ndim], default=0)
            batched = [a.ndim > 0 and len(a) == longest for a in self.arrays]
        else:
            parts = [flatten(tree)[0] for tree in trees.values()]
            batched = [a.ndim > 0 and bool(has) for has, part in zip(batch, parts) for a in part]
        counts = {len(a) for a, flag in zip(self.arrays, batched) if flag}
        if len(counts) > 1 or 0 in counts:
            raise ValueError(
                "the arrays with a batch axis must have one length of at least 1, got "
                f"{sorted(counts)}"
            )
        self.has_axis, self.count = bool(counts), max(counts, default=1)
        if not counts:  # numbers only: one sample, and no axis for it in the result
            self.arrays, batched = [a[None] for a in self.arrays], [True for _ in batched]
        # for each array whether it has a batch axis, and its shape for one sample
        self.leaves = [(flag, a.shape[flag:]) for a, flag in zip(self.arrays, batched)]
        self.signature = repr(rebuild(self.leaves))
        self._rebuild, self._positional = rebuild, len(args)

    def rows(self) -> tuple[Any, Any]:
        """What each sample has of its own, a row for each number; and what all share."""
        inputs, shared = [np.empty((0, self.count))], [np.empty(0)]
        for a, (batched, _) in zip(self.arrays, self.leaves):
            if batched:
                inputs.append(a.reshape(self.count, -1).T)
            else:
                shared.append(a.ravel())
        return np.concatenate(inputs), np.concatenate(shared)

    def places(self, inputs: Any, shared: Any) -> list[Any]:
        """Where in memory for rows() each array goes: inputs has a column for each sample."""
        places: list[Any] = []
        row = number = 0
        for batched, shape in self.leaves:
            n = prod(shape)
            if batched:
                part = inputs[row : row + n].reshape(*shape, self.count)
                places.append(np.moveaxis(part, -1, 0))
                row += n
            else:
                places.append(shared[number : number + n].reshape(shape))
                number += n
        return places

    def result(self, f: Callable[..., Any], inputs: Sequence[Any], shared: Sequence[Any]) -> Any:
        """f for one sample, of numbers or Values in the order of rows()."""
        own, common = iter(inputs), iter(shared)
        nested = [_nested(own if batched else common, shape) for batched, shape in self.leaves]
        named = self._rebuild(nested)
        return f(*[named.pop(i) for i in range(self._positional)], **named)

    def _arrays(self, tree: Any, name: str) -> Any:
        """The argument with an array in place of every number, array or list of equal lists."""
        if isinstance(tree, dict):
            return {key: self._arrays(part, f"{name}[{key!r}]") for key, part in tree.items()}
        if isinstance(tree, tuple):
            return tuple([self._arrays(part, f"{name}[{i}]") for i, part in enumerate(tree)])
        try:
            array = np.asarray(tree)
            if array.dtype.kind in "biuf":
                self.names.append(name)
                return array.astype(np.float64, copy=False)
        except ValueError:  # a list of parts of different shapes
            array = np.empty(0, object)
        if isinstance(tree, list) and array.dtype == object:
            return [self._arrays(part, f"{name}[{i}]") for i, part in enumerate(tree)]
        error = ValuesCame if isinstance(tree, Value) else TypeError
        raise error(f"{name} must be numbers, got {type(tree).__name__} {tree!r:.60}")


def name_of(slot: int, names: Sequence[str], leaves: Sequence[tuple[bool, Any]]) -> str:
    """What a number is among the arguments, by its place among the samples' own and the shared."""
    for is_own in (True, False):
        for name, (batched, shape) in zip(names, leaves):
            if batched is is_own:
                if slot < prod(shape):
                    return name + "".join([f"[{i}]" for i in np.unravel_index(slot, shape)])
                slot -= prod(shape)
    raise LookupError(f"there is no number {slot}")


def check_index(numbers: Any, length: int, name: Callable[[int], str]) -> None:
    """Raises an IndexError, with a name for its place, when one is no index of so long a table."""
    good = (numbers >= 0) & (numbers < length) & (numbers == np.floor(numbers))
    if not good.all():
        i = int(np.argmin(good))
        raise IndexError(
            f"{name(i)} is an index of a table of {length}, got {numbers[i].item()!r}: expected a "
            f"whole number from 0 to {length - 1}"
        )


def _nested(numbers: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(numbers)
    return [_nested(numbers, shape[1:]) for _ in range(shape[0])]
