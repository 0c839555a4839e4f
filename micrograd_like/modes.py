"""Modes: what is changed inside a ``with`` block and put back on leaving, whatever interrupts it.

>>> with uncollected():
...     gc.isenabled()
False
>>> gc.isenabled()
True

A signal may be handled between any two instructions, also on the way into a block and out of it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import ref

F = TypeVar("F", bound=Callable[..., Any])
_NONE: dict[str, Any] = {}
_SUSPENDS = 0x20 | 0x80 | 0x100 | 0x200  # inspect's CO_ flags of generators and coroutines


class Mode(ContextDecorator):
    """A context manager, and a decorator, that changes something and puts it back.

    Args:
        read: gives the present state.
        write: makes a state the present one; called again when it was interrupted.
        change: the new state, from the old one.

    Raises:
        TypeError: as a decorator of a generator or an async function, whose body runs later.
    """

    def __init__(
        self, read: Callable[[], Any], write: Callable[[Any], Any], change: Callable[[Any], Any]
    ) -> None:
        self.parts = read, write, change
        self.kept: tuple[Any, ...] = ()  # the states to put back, one for each time it was entered

    def __enter__(self) -> None:
        read, write, change = self.parts
        before = read()
        new = change(before)
        # A signal at the first instruction of __exit__ leaves that undone: then this net puts the
        # state back, as soon as the exception is over and nobody holds the block's manager, unless
        # a block around this one has already put back more.
        net = ref(self, lambda _: write(before) if read() == new else None)
        try:
            self.kept = *self.kept, (before, net)
            write(new)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: Any) -> None:
        if self.kept:
            *outer, (before, _) = self.kept
            try:
                self.parts[1](before)
            except BaseException:  # interrupted half way
                self.parts[1](before)
                raise
            finally:
                self.kept = tuple(outer)

    def _recreate_cm(self) -> Mode:
        return Mode(*self.parts)

    def __call__(self, function: F) -> F:
        """The function, which runs in the mode."""
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _SUSPENDS:
            raise TypeError(
                f"{function.__name__} is a generator or an async function, whose body runs after "
                "the call: use a with block inside it"
            )
        return super().__call__(function)


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
        self.asking = {name: self._asking(name, own) for name, own in self.own.items()}
        self.live: dict[int, dict[str, Any]] = {}  # what is used in any thread or task

    def __call__(self, **functions: Callable[..., Any]) -> Mode:
        for name in functions.keys() - self.own.keys():
            raise ValueError(f"{name!r} cannot be swapped: choose from {', '.join(self.own)}")
        return Mode(self._here, self._use, lambda before: {**before, **functions})

    def current(self, name: str) -> Any:
        """What stands in the place of a function here, or None."""
        return self._here().get(name)

    def _here(self) -> dict[str, Any]:
        return self.used.get(_NONE)

    def _asking(self, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
        here = self.used.get

        def ask(*args: Any, **named: Any) -> Any:
            function = here(_NONE).get(name)
            return own(*args, **named) if function is None else function(own, *args, **named)

        return ask

    def _use(self, functions: dict[str, Any]) -> None:
        self.live.pop(id(self._here()), None)
        self.used.set(functions)
        if functions:
            self.live[id(functions)] = functions
        # Without a lock, which an interrupt could leave locked: whoever writes looks again, so that
        # the last one has written what all threads need together.
        written = None
        while written != (wanted := self._wanted()):
            self.namespace.update(wanted)
            written = wanted

    def _wanted(self) -> dict[str, Any]:
        used = [name for functions in list(self.live.values()) for name in functions]
        return {**self.own, **{name: self.asking[name] for name in used}}


def uncollected() -> Mode:
    """Inside, Python's cyclic garbage collector is off; afterwards it is as it was.

    A graph has no cycles and is freed by reference counting, but the collector goes through all of
    it again and again while it is recorded: up to half of a step with tens of thousands of Values.
    """
    return Mode(gc.isenabled, lambda on: gc.enable() if on else gc.disable(), lambda before: False)
