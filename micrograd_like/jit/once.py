"""once: what is made once for each key, whoever asks for it first.

>>> made = Once(most=2)
>>> made.get("a", lambda: print("making it")), made.get("a", lambda: print("never"))
making it
(None, None)

Threads that ask for the same thing wait for the one that makes it; nobody else waits. A process
forks when nothing is being made, for the child would wait for ever: so who makes something may not
ask for something else. What raises is not kept.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
_making: dict[Hashable, Any] = {}  # a lock for everything that is being made
_guard = threading.RLock()  # nothing new is begun while it is held


class Once(Generic[K, T]):
    """What was made, by key; of more than ``most`` the one that was asked for longest ago goes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.made: OrderedDict[K, T] = OrderedDict()

    def get(self, key: K, make: Callable[[], T]) -> T:
        """What was made for the key, now if it was not yet."""
        try:
            self.made.move_to_end(key)
            return self.made[key]
        except KeyError:
            pass
        name = id(self), key
        with _guard:
            lock = _making.setdefault(name, threading.RLock())
        with lock:
            try:
                if key in self.made:  # now: another thread was faster
                    return self.made[key]
                new = self.made[key] = make()
                while len(self.made) > self.most:
                    self.made.popitem(last=False)
                return new
            finally:
                _making.pop(name, None)


_held: list[Any] = []
_locks: list[Any] = []


def lock() -> Any:
    """A lock that no other thread holds when a process forks, for who makes things."""
    _locks.append(threading.RLock())
    return _locks[-1]


def _before_fork() -> None:
    _guard.acquire()
    for one in [*_making.values(), *_locks]:  # what is being made may need the locks
        one.acquire()
        _held.append(one)


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
