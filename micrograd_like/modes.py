"""Modes: what is changed inside a ``with`` block and put back on leaving, whatever interrupts it.

>>> with uncollected():
...     gc.isenabled()
False
>>> gc.isenabled()
True

A signal may be handled between any two instructions, also on the way into a block and out of it,
but not inside a call into C. So what a mode changes is written down as C's own iterators, and done
or undone by going through them, in one such call.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ContextDecorator
from contextvars import ContextVar
from functools import partial
from io import IOBase
from itertools import chain, repeat
from operator import methodcaller
from typing import Any, TypeVar
from weakref import ref

F = TypeVar("F", bound=Callable[..., Any])
Steps = Iterable[Any]  # such as map(setattr, ...): done by going through it
Changes = tuple[Steps, Steps, Callable[[], bool]]
SUSPENDS = 0x20 | 0x80 | 0x100 | 0x200  # inspect's CO_ flags of generators and coroutines
_NONE: dict[str, Any] = {}
_call = methodcaller("__call__")
_go_through = deque[Any](maxlen=0).extend  # and keep nothing


class Mode(ContextDecorator, IOBase):
    """A context manager, and a decorator, that changes something and puts it back.

    An IOBase because its ``__exit__`` is written in C and does nothing but call ``self.close``: one
    in Python could be interrupted at its first instruction, before it has done anything.

    Args:
        changes: called on entering: the steps there, the steps back, and a function that tells
            whether it is still as the steps there have left it.

    Raises:
        TypeError: as a decorator of what is no plain function, or runs its body later.
    """

    closed = True  # IOBase's: there is nothing to close when it is gone

    def __init__(self, changes: Callable[[], Changes]) -> None:
        self.changes = changes
        self.kept: list[Callable[[], None]] = []  # the ways back, for each time it was entered
        # goes the last one, in C
        self.close = map(_call, iter(self.kept.pop, None)).__next__  # type: ignore[method-assign]

    def __enter__(self) -> None:  # type: ignore[override]
        kept, (there, back) = self.kept, self._ways()
        try:
            at_once(map(kept.append, [back]), map(_call, [there]))()
            del self  # so that the traceback of an interrupt from here on does not keep it alive
        except BaseException:
            if back in kept:
                kept.pop()()
            raise

    def _ways(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """There and back."""
        there, undo, still = self.changes()
        # A tracer may raise also where no signal is handled, between the block and __exit__: then
        # nobody holds the mode any more, and this net goes back, unless others have been there.
        kept = self.kept
        net = ref(self, lambda _: back() if back in kept and still() else None)
        back = at_once(iter([net]), undo)
        return at_once(there), back

    def _recreate_cm(self) -> Mode:
        return Mode(self.changes)

    def __call__(self, function: F) -> F:
        """The function, which runs in the mode."""
        inner: Any = function
        while isinstance(inner, partial):
            inner = inner.func
        if isinstance(inner, type | classmethod | staticmethod) or not callable(inner):
            raise TypeError(
                f"a mode decorates functions, not a {type(inner).__name__}: write it below "
                "@classmethod and @staticmethod, or before the methods of a class"
            )
        code = getattr(inner, "__code__", None) or getattr(inner.__call__, "__code__", None)
        if code is not None and code.co_flags & SUSPENDS:
            raise TypeError(
                f"{getattr(inner, '__name__', inner)} is a generator or an async function, whose "
                "body runs after the call: use a with block inside it"
            )
        return super().__call__(function)


def at_once(*steps: Steps) -> Callable[[], None]:
    """A function, for one call, that goes through all of them without an interrupt."""
    return partial(_go_through, steps[0] if len(steps) == 1 else chain(*steps))


def setting(variable: ContextVar[Any], change: Callable[[Any], Any]) -> Mode:
    """Inside, in this thread or task, a variable has another value, made from the one it had."""

    def changes() -> Changes:
        before = variable.get()
        new = change(before)
        back = map(variable.set, [before])
        return map(variable.set, [new]), back, lambda: variable.get() is new

    return Mode(changes)


def replaced(objects: Iterable[Any], name: str, values: Iterable[Any]) -> Mode:
    """Inside, an attribute of each object has another value; afterwards its own, if it had one."""
    spaces: list[Any] = list(map(vars, objects))
    new = list(values)

    def changes() -> Changes:
        had = [space for space in spaces if name in space]
        own = [space[name] for space in had]
        there, back = [map(dict.__setitem__, *x) for x in ((spaces, names, new), (had, names, own))]
        return there, chain(map(dict.pop, spaces, names, names), back), lambda: True

    names = repeat(name)
    return Mode(changes)


# --- evaluation mode ---

_evaluated: ContextVar[frozenset[int]] = ContextVar("evaluated", default=frozenset())


def evaluating(modules: Iterable[Any]) -> Mode:
    """Inside, in this thread or task, these modules are in evaluation mode."""
    ids = frozenset(map(id, modules))
    return setting(_evaluated, ids.union)


def is_evaluated(module: Any) -> bool:
    """Whether it is in evaluation mode here, whatever it is elsewhere."""
    return id(module) in _evaluated.get()


# --- the seam ---


class Seam:
    """The one place where another part may see or replace what the functions of a file do.

    Called with ``name=function``, it is a mode: inside, in this thread or task only, ``function``
    stands in the place of the file's own. It is called with that one first, then the arguments.
    Where nobody uses it, the file's functions are its own and it costs nothing.

    Args:
        namespace: the file's globals().
        names: of the functions that can be replaced.
    """

    def __init__(self, namespace: dict[str, Any], names: Iterable[str]) -> None:
        self.namespace = namespace
        self.own = {name: namespace[name] for name in names}
        self.used: ContextVar[dict[str, Any]] = ContextVar("swapped")
        self.asking = {name: (name, self._asking(name, own)) for name, own in self.own.items()}
        self.in_use: list[str] = []  # the names for each block that any thread or task is in

    def __call__(self, **functions: Callable[..., Any]) -> Mode:
        for name in functions.keys() - self.own.keys():
            raise ValueError(f"{name!r} cannot be swapped: choose from {', '.join(self.own)}")

        def changes() -> Changes:
            before = self.used.get(_NONE)
            new = before | functions
            names, using = list(new), self.used.set
            there = map(self.in_use.extend, [names]), map(using, [new]), self._installing()
            # Cleared, it is over also in the copies of this context that others still have.
            ended = map(self.in_use.remove, names), map(dict.clear, [new])
            back = *ended, map(using, [before]), self._installing()
            return chain(*there), chain(*back), lambda: self.used.get(_NONE) is new

        return Mode(changes)

    def current(self, name: str) -> Any:
        """What stands in the place of a function here, or None."""
        return self.used.get(_NONE).get(name)

    def _asking(self, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
        here = self.used.get

        def ask(*args: Any, **named: Any) -> Any:
            function = here(_NONE).get(name)
            return own(*args, **named) if function is None else function(own, *args, **named)

        return ask

    def _installing(self) -> Steps:
        """The file's own functions, and over them those that ask, where any thread needs them."""
        asking: Any = map(self.asking.get, self.in_use)
        return map(self.namespace.update, [self.own, asking])


# --- the collector ---

_found: list[bool] = []  # whether it was on, for each block that anybody is in
_SWITCH = (gc.disable, gc.enable)


def uncollected() -> Mode:
    """Inside, Python's cyclic garbage collector is off; after the last such block it is as it was.

    A graph has no cycles and is freed by reference counting, but the collector goes through all of
    it again and again while it is recorded: up to half of a step with tens of thousands of Values.
    fit, backward and the compiler do so themselves. The collector is one for all threads.

    Example:
        >>> with uncollected():
        ...     gc.isenabled()
        False
    """
    return Mode(
        lambda: (
            chain(map(_found.append, map(_call, [gc.isenabled])), map(_call, [gc.disable])),
            map(_call, map(_SWITCH.__getitem__, map(_call, [_found.pop]))),
            lambda: True,
        )
    )
