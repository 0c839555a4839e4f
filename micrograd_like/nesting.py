"""What a list is: numbers nested in lists, tuples and dicts, taken apart and put together again.

>>> leaves, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
>>> leaves, rebuild([10, 20, 30])
([1.0, 2.0, 3.0], {'w': [10, 20], 'b': 30})
>>> shape([[1, 2, 3], [4, 5, 6]])
(2, 3)

A list is whatever has a length, an array or a table's column too, but no text. This file knows
nothing of Values.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any


def is_list(x: Any) -> bool:
    """Whether x is a list of parts: it has a length, and is no text, no dict and no 0-d array.

    Example:
        >>> is_list([1.0]), is_list("abc"), is_list(2.0)
        (True, False, False)
    """
    if not hasattr(x, "__len__") or isinstance(x, str | bytes | dict):
        return False
    return getattr(x, "ndim", 1) != 0


def map_nested(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """f of every number of nested lists, and of those at the same places in others.

    Example:
        >>> map_nested(max, [[1, 5], 2], [[3, 4], 0])
        [[3, 5], 2]
    """
    if not is_list(x):
        return f(x, *others)
    return [map_nested(f, *parts) for parts in zip(x, *others)]


def flat(x: Any) -> list[Any]:
    """The numbers of nested lists, from left to right.

    Example:
        >>> flat([[1, 2], [3]]), flat(4)
        ([1, 2, 3], [4])
    """
    return [leaf for part in x for leaf in flat(part)] if is_list(x) else [x]


def shape(x: Any) -> tuple[int, ...]:
    """(3, 2) for a list of three pairs, () for a number.

    Raises:
        ValueError: the parts of a list have different shapes.
    """
    if not is_list(x):
        return ()
    inner = {shape(part) for part in x}
    if len(inner) > 1:
        raise ValueError(f"a list of {len(x)} parts has parts of different shapes: {sorted(inner)}")
    return (len(x), *(inner.pop() if inner else ()))


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of a nesting of lists, tuples and dicts, and the function that nests them again.

    Arrays are leaves: they cannot be put together again from numbers of another kind.

    Example:
        >>> leaves, rebuild = flatten([(1.0, 2.0), {"b": 3.0}])
        >>> rebuild(leaves)
        [(1.0, 2.0), {'b': 3.0}]
    """
    if isinstance(tree, dict):
        keys = list(tree)
        leaves, rebuild = flatten(list(tree.values()))
        return leaves, lambda new: dict(zip(keys, rebuild(new)))
    if not isinstance(tree, list | tuple):
        return [tree], lambda new: new[0]
    found = [flatten(part) for part in tree]
    parts = [(len(leaves), rebuild) for leaves, rebuild in found]
    kind = list if isinstance(tree, list) else tuple

    def rebuild_list(new: list[Any]) -> Any:
        rest = iter(new)
        return kind([rebuild(list(islice(rest, size))) for size, rebuild in parts])

    return [leaf for leaves, _ in found for leaf in leaves], rebuild_list
