"""What a list is: numbers nested in lists, tuples and dicts, taken apart and put together again.

>>> leaves, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
>>> leaves, rebuild([10, 20, 30])
([1.0, 2.0, 3.0], {'w': [10, 20], 'b': 30})
>>> shape([[1, 2, 3], [4, 5, 6]])
(2, 3)

A list is whatever has a length, an array, a tensor or a table too, but no text. One number is one
number: 5, [5] and [[5]] stand for the same. This file knows nothing of Values.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

_NO_LIST = (str, bytes, dict, set, frozenset)  # no numbers, or none in an order


def is_list(x: Any) -> bool:
    """Whether x is a list of parts: it has a length, and is no text, dict, set or 0-d array.

    Example:
        >>> is_list([1.0]), is_list("abc"), is_list(2.0)
        (True, False, False)
    """
    if not hasattr(x, "__len__") or isinstance(x, _NO_LIST):
        return False
    return getattr(x, "ndim", 1) != 0


def parts(x: Any) -> Any:
    """The parts of a list; of an array, a tensor or a table its rows, as lists of Python's numbers.

    Example:
        >>> from array import array
        >>> parts(array("d", [1, 2])), parts((3, 4))
        ([1.0, 2.0], (3, 4))
    """
    if isinstance(x, list | tuple):
        return x
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()  # a table would give the names of its columns
    return x.tolist() if hasattr(x, "tolist") else x


def plain(x: Any) -> Any:
    """Nested lists of the numbers in lists, arrays, tensors and tables, or the one number.

    Example:
        >>> from array import array
        >>> plain((array("d", [1, 2]), (3, 4))), plain(5)
        ([[1.0, 2.0], [3, 4]], 5)
    """
    if type(x) in (float, int):  # the most
        return x
    if is_list(x):
        return [plain(part) for part in parts(x)]
    return x.item() if getattr(x, "ndim", None) == 0 else x  # a number of numpy's or torch's


def samples(x: Any, name: str) -> list[Any]:
    """The samples in a list, an array, a tensor, a table or a generator, as plain lists.

    Raises:
        TypeError: something else, which gives other things than samples; it says what to write.

    Example:
        >>> samples(zip([1, 2], [3, 4]), "X")
        [[1, 3], [2, 4]]
    """
    return [plain(sample) for sample in listed(x, name)]


def listed(x: Any, name: str) -> list[Any]:
    """As samples, but each as it came."""
    no_table = not hasattr(x, "to_numpy")  # which may have a column of this name
    if no_table and hasattr(x, "dataset"):
        hint = "X, y = zip(*loader.dataset)"  # a torch DataLoader gives batches of pairs
    elif isinstance(x, dict):
        hint = "list(zip(*columns.values())), of a dict of columns"
    elif hasattr(x, "__getitem__") and hasattr(x, "__len__") and not isinstance(x, Iterable):
        hint = "X, y = zip(*dataset)"  # torch's too
    elif isinstance(x, _NO_LIST) or not isinstance(x, Iterable) or getattr(x, "ndim", 1) == 0:
        hint = "one number or one list of numbers for each sample, in a list"
    else:
        return list(parts(x))
    got = f"got {type(x).__name__}: write {hint}"
    raise TypeError(f"{name} must have one entry for each sample, {got}")


def one(x: Any) -> Any:
    """The number in a list of one, at any depth; anything else as it is.

    Example:
        >>> one(5), one([5]), one([[5]]), one([5, 6])
        (5, 5, 5, [5, 6])
    """
    while is_list(x) and len(x) == 1:
        (x,) = parts(x)
    return x


def fitted(outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Plain outputs and targets of one shape: a target t and a target [t] mean the same.

    Raises:
        ValueError: they do not fit, with both shapes.

    Example:
        >>> fitted([[1.0], [2.0]], [3.0, 4.0])
        ([[1.0], [2.0]], [[3.0], [4.0]])
    """
    outputs, targets = plain(outputs), plain(targets)
    came, wanted = shape(outputs), shape(targets)
    if came == wanted:
        return outputs, targets
    if squeezed(came) != squeezed(wanted):
        raise ValueError(
            f"outputs of shape {came} do not fit targets of shape {wanted}: "
            "every output needs one target, of as many numbers"
        )
    rest = iter(flat(targets))
    return outputs, map_nested(lambda _: next(rest), outputs)


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without ones at its end: that of lists of one taken as the number in them.

    Example:
        >>> squeezed((3, 1)), squeezed((1, 3)), squeezed((1,))
        ((3,), (1, 3), ())
    """
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def map_nested(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """f of every number of nested lists, and of those at the same places in others.

    Example:
        >>> map_nested(max, [[1, 5], 2], [[3, 4], 0])
        [[3, 5], 2]
    """
    if not is_list(x):
        return f(x, *others)
    return [map_nested(f, *each) for each in zip(*map(parts, (x, *others)))]


def flat(x: Any) -> list[Any]:
    """The numbers of nested lists, from left to right.

    Example:
        >>> flat([[1, 2], [3]]), flat(4)
        ([1, 2, 3], [4])
    """
    return [leaf for part in parts(x) for leaf in flat(part)] if is_list(x) else [x]


def shape(x: Any) -> tuple[int, ...]:
    """(3, 2) for a list of three pairs, () for a number.

    Raises:
        ValueError: the parts of a list have different shapes.
    """
    if not is_list(x):
        return ()
    inner = {shape(part) for part in parts(x)}
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
    sizes = [(len(leaves), rebuild) for leaves, rebuild in found]
    kind = list if isinstance(tree, list) else tuple

    def rebuild_list(new: list[Any]) -> Any:
        rest = iter(new)
        return kind([rebuild(list(islice(rest, size))) for size, rebuild in sizes])

    return [leaf for leaves, _ in found for leaf in leaves], rebuild_list
