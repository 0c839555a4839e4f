"""surroundings: what functions read beside their arguments: attributes, closures, globals.

>>> shares = [0.5, 0.5]
>>> around = Surroundings({"loss": shares})
>>> shares[0] = 0.25
>>> around.changes()
['a list']

What was compiled is right as long as all that is as it was. The numbers of Values are not part of
it, nor the states of random generators: a program reads and draws those whenever it is called.
"""

import random
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from operator import is_
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from ..engine import Value

Content = dict[Any, Any]  # what is in an object, by name or place
OURS = __package__.partition(".")[0]
PLAIN = (bool, int, float, complex, str, bytes, type(None))  # told apart by what they are
NOTHING = (*PLAIN, Value, ModuleType, CodeType)  # nothing in them counts
CLASS = object()


class Surroundings:
    """All that can be reached from some functions and objects, as it is now.

    Args:
        roots: where to begin.
        without: attributes of a root that do not count.
    """

    def __init__(self, *roots: Any, without: Collection[str] = ()) -> None:
        self.roots, self.without = set(map(id, roots)), without
        self.found: dict[int, tuple[Any, Kind, Content]] = {}
        kinds, looked_at = [*KINDS, *_of_numpy()], dict[type, Kind | None]()
        waiting = [*roots, *[kind.own for kind in kinds if kind.own]]
        while waiting:
            x = waiting.pop()
            cls = type(x)
            if cls not in looked_at:
                looked_at[cls] = _kind(cls, kinds)
            kind = looked_at[cls]
            if kind is not None and id(x) not in self.found and kind.counts(x):
                self.found[id(x)] = x, kind, self._content(x, kind)
                waiting += () if kind.draws else self.found[id(x)][2].values()

    def __contains__(self, x: Any) -> bool:
        return id(x) in self.found

    def changes(self) -> list[str]:
        """What is no longer as it was: attributes and globals by name, the rest by type."""
        return [
            repr(key) if isinstance(key, str) else f"a {type(x).__name__}"
            for x, kind, then in self.found.values() if not kind.draws
            for key in _differ(then, self._content(x, kind))
        ]  # fmt: skip

    def put_back(self) -> None:
        """Makes everything what it was."""
        for x, kind, then in self.found.values():
            now = self._content(x, kind)
            if _differ(then, now):
                kind.write(x, then, now)

    def _content(self, x: Any, kind: "Kind") -> Content:
        content = kind.read(x)
        if id(x) in self.roots:
            return {key: part for key, part in content.items() if key not in self.without}
        return content


def _differ(then: Content, now: Content) -> list[Any]:
    """The keys of what is not the same."""
    alike = then.keys() == now.keys()
    if alike and all(map(is_, then.values(), now.values())):  # the most
        return []
    common = [key for key in then if key in now]
    return [*(then.keys() ^ now.keys()), *(k for k in common if not _same(then[k], now[k]))]


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, PLAIN) and repr(a) == repr(b))


# --- what is in an object, and how it is put back ---


class Kind(NamedTuple):
    """How to read and to write the content of some types."""

    types: Any
    read: Callable[[Any], Content]
    write: Callable[[Any, Content, Content], Any] = lambda x, then, now: None
    counts: Callable[[Any], bool] = lambda x: True
    draws: bool = False  # random numbers
    own: Any = None  # the one that a module's functions draw from


def _kind(cls: type, kinds: Sequence[Kind]) -> Kind | None:
    """How to look into objects of a class; None for what holds nothing, and what others made."""
    if issubclass(cls, NOTHING):
        return None
    kind = next((kind for kind in kinds if issubclass(cls, kind.types)), INSTANCE)
    return None if kind is INSTANCE and _is_foreign(cls) else kind


def _file(x: Any) -> tuple[str, str]:
    """The package that a class or a function comes from, and the file."""
    name = getattr(x, "__module__", None) or ""
    return name.partition(".")[0], getattr(sys.modules.get(name), "__file__", None) or ""


def _is_foreign(x: Any) -> bool:
    return "site-packages" in _file(x)[1] and _file(x)[0] != OURS


def _is_users(x: Any) -> bool:
    """Whether a class or a function is the user's own, who may change what it reads."""
    return _file(x)[0] not in {OURS, *sys.stdlib_module_names} and not _is_foreign(x)


def _of_instance(x: Any) -> Content:
    return {**vars(x), CLASS: type(x)}


def _of_class(cls: Any) -> Content:
    """Its attributes, and no names that Python gives it as it goes."""
    own = {k: x for k, x in vars(cls).items() if k[:2] != "__" or isinstance(x, FunctionType)}
    return {**dict(enumerate(cls.__mro__)), **own}


def _of_function(f: Any) -> Content:
    """Its cells, defaults and attributes, and the globals that it names, also in modules."""
    parts = [*(f.__closure__ or ()), f.__defaults__, f.__kwdefaults__, f.__code__]
    names, space = sorted(_names(f.__code__)), f.__globals__
    found = {name: space[name] for name in names if name in space}
    modules = [(name, x) for name, x in found.items() if isinstance(x, ModuleType)]
    for path, module in modules:
        for name in [name for name in names if name in vars(module)]:
            found[f"{path}.{name}"] = x = vars(module)[name]
            if isinstance(x, ModuleType) and path.count(".") < 3:
                modules.append((f"{path}.{name}", x))
    return {**dict(enumerate(parts)), **vars(f), **found}


def _names(code: CodeType) -> set[str]:
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return {*code.co_names}.union(*inner)


def _write_globals(f: Any, then: Content, now: Content) -> None:
    for name in _differ(then, now):
        if name in f.__globals__ and name in then:
            f.__globals__[name] = then[name]


def _write_attributes(x: Any, then: Content, now: Content) -> None:
    for name in [key for key in _differ(then, now) if isinstance(key, str)]:
        setattr(x, name, then[name]) if name in then else delattr(x, name)


def _write_items(x: dict[Any, Any], then: Content, now: Content) -> None:
    x.clear()
    x.update(then)


def _of_array(x: Any) -> Content:
    return dict(enumerate(x.flat)) if x.dtype.hasobject else {"data": x.tobytes()}


def _of_numpy() -> list[Kind]:
    """Arrays and generators, where anybody can have made one."""
    np = sys.modules.get("numpy")
    return [] if np is None else [
        Kind(np.ndarray, _of_array, _write_array),
        Kind(np.random.RandomState, lambda x: {0: x.get_state()},
            lambda x, then, now: x.set_state(then[0]), draws=True, own=np.random.rand.__self__),
        Kind(np.random.Generator, lambda x: {0: x.bit_generator.state},
            lambda x, then, now: setattr(x.bit_generator, "state", then[0]), draws=True),
    ]  # fmt: skip


def _write_array(x: Any, then: Content, now: Content) -> None:
    import numpy as np

    x[...] = np.frombuffer(then["data"], x.dtype).reshape(x.shape)


KINDS = [
    Kind(list, lambda x: dict(enumerate(x)), lambda x, then, now: x.__setitem__(
        slice(None), then.values())),
    Kind((tuple, frozenset), lambda x: dict(enumerate(x))),
    Kind(dict, dict, _write_items),
    Kind(set, lambda x: dict(zip(x, x)), lambda x, then, now: (x.clear(), x.update(then))),
    Kind(FunctionType, _of_function, _write_globals, counts=_is_users),
    Kind(MethodType, lambda x: {0: x.__func__, 1: x.__self__}),
    Kind((staticmethod, classmethod), lambda x: {0: x.__func__}),
    Kind(property, lambda x: {0: x.fget}),
    Kind(BuiltinMethodType, lambda x: {0: x.__self__}),
    Kind(CellType, lambda x: dict(enumerate(_inside(x))), lambda x, then, now: setattr(
        x, "cell_contents", then[0])),
    Kind(partial, lambda x: {0: x.func, 1: x.args, 2: x.keywords}),
    Kind(type, _of_class, _write_attributes, counts=_is_users),
    Kind(random.Random, lambda x: {0: x.getstate()}, lambda x, then, now: x.setstate(then[0]),
        draws=True, own=random.random.__self__),  # type: ignore[attr-defined]
]  # fmt: skip
INSTANCE = Kind(object, _of_instance, _write_attributes, counts=lambda x: hasattr(x, "__dict__"))


def _inside(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not yet filled
        return []
