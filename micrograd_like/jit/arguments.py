"""arguments: those of one call of a compiled function, as rows of numbers."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..nesting import flatten
from .vectormath import host_width


class Call:
    """The arguments of one call, as rows of numbers and as f wants them nested."""

    def __init__(self, args: Sequence[Any], batch: Sequence[bool] | None) -> None:
        trees = [_arrays(arg, f"argument {i}") for i, arg in enumerate(args)]
        if batch is not None and len(batch) != len(args):
            raise ValueError(f"batch names {len(batch)} arguments, the call has {len(args)}")
        self.arrays, self.rebuild = flatten(trees)
        if batch is None:
            longest = max([len(a) for a in self.arrays if a.ndim], default=0)
            batched = [a.ndim > 0 and len(a) == longest for a in self.arrays]
        else:
            parts = [flatten(tree)[0] for tree in trees]
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
        alone = self.count < host_width()  # few samples are compiled another way: see lanes.py
        self.signature = (repr(self.rebuild(self.leaves)), alone)

    def rows(self) -> tuple[Any, Any]:
        """What each sample has of its own, a row for each number; and what all share."""
        inputs, shared = [np.empty((0, self.count))], [np.empty(0)]
        for a, (batched, _) in zip(self.arrays, self.leaves):
            if batched:
                inputs.append(a.reshape(self.count, -1).T)
            else:
                shared.append(a.ravel())
        return np.concatenate(inputs), np.concatenate(shared)

    def arguments(self, inputs: Sequence[Any], shared: Sequence[Any]) -> list[Any]:
        """f's arguments for one sample, from numbers or Values in the order of rows()."""
        own, common = iter(inputs), iter(shared)
        nested = [_nested(own if batched else common, shape) for batched, shape in self.leaves]
        return list(self.rebuild(nested))


def _arrays(tree: Any, name: str) -> Any:
    """The argument with an array in place of every number, array or list of equal lists."""
    if isinstance(tree, dict):
        return {key: _arrays(part, f"{name}[{key!r}]") for key, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple([_arrays(part, f"{name}[{i}]") for i, part in enumerate(tree)])
    try:
        array = np.asarray(tree)
        if array.dtype.kind in "biuf":
            return array.astype(np.float64)
    except ValueError:  # a list of parts of different shapes
        array = np.empty(0, object)
    if isinstance(tree, list) and array.dtype == object:
        return [_arrays(part, f"{name}[{i}]") for i, part in enumerate(tree)]
    raise TypeError(f"{name} must be numbers, got {type(tree).__name__} {tree!r:.60}")


def _nested(numbers: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(numbers)
    return [_nested(numbers, shape[1:]) for _ in range(shape[0])]
