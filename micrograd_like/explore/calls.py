"""Which calls of functions made the Values: seen while they are made, since no Value remembers it.

>>> from micrograd_like.engine import topological_order
>>> def average(x):
...     return (x[0] + x[1]) / 2.0
>>> def spread(x):
...     return (x[0] - average(x)) ** 2 + (x[1] - average(x)) ** 2
>>> calls = Calls()
>>> out = calls.during(lambda: spread([Value(1.0), Value(4.0)]))
>>> paths = calls.paths(topological_order(out))
>>> [paths[v] for v in topological_order(out) if v in paths]     # all but the leaves
[('average 1',), ('average 1',), (), (), ('average 2',), ('average 2',), (), (), ()]
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from ..engine import Value, swapped
from ..modes import SUSPENDS

Path: TypeAlias = tuple[str, ...]  # of groups from the outside in: ("logits 3", "attention")

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_NESTED = 0x10  # inspect.CO_NESTED: a function inside a function, as a decorator's wrapper is


class Calls:
    """A tree of calls, in the order of their first Values; call 0 is around all."""

    def __init__(self) -> None:
        self.callers = [0]
        self.titles = [""]
        self.hidden = [True]  # whether it is a decorator's or a detail, where another title will do
        self.title = ""  # of the call in which all Values were made whose paths were asked for
        self.made: WeakKeyDictionary[Value, int] = WeakKeyDictionary()
        self._running: dict[FrameType, int] = {}  # the calls around the last Value
        self._counts: dict[CodeType, bool] = {}

    def during(self, function: Callable[[], Any]) -> Any:
        """What the function returns; every Value of this thread or task is seen as it is made."""
        self._running[sys._getframe()] = 0
        try:
            with swapped(_new=self._new):
                return function()
        finally:
            self._running.clear()  # a frame keeps all that it computed with

    def paths(self, values: Iterable[Value]) -> dict[Value, Path]:
        """For each of these Values that was seen the calls that it was made in.

        A call that made only one of them is no group, nor is one that made all that its caller
        did. Calls of equal name side by side are numbered.
        """
        made = {v: self.made[v] for v in values if v in self.made}
        size, title = self._sizes_and_titles(Counter(made.values()))
        self.title = title[0]
        group = [0] * len(size)  # the call itself, or the one around it that is a group
        same: dict[tuple[int, str], list[int]] = {}
        for c, caller in enumerate(self.callers):
            group[c] = group[caller]
            if 1 < size[c] < size[caller]:
                same.setdefault((group[caller], title[c]), []).append(c)
                group[c] = c
        names: dict[int, str] = {}
        for (_, name), some in same.items():
            names |= {c: f"{name} {k}" if some[1:] else name for k, c in enumerate(some, start=1)}
        path: dict[int, Path] = {0: ()}
        for c in sorted(names):
            path[c] = (*path[group[self.callers[c]]], names[c])
        return {v: path[group[c]] for v, c in made.items()}

    def _sizes_and_titles(self, size: Counter[int]) -> tuple[list[int], list[str]]:
        """How many Values each call made, with all that it called; its title, or that of one
        that did all of its work."""
        title, hidden = list(self.titles), list(self.hidden)
        for c in range(len(title) - 1, 0, -1):
            size[self.callers[c]] += size[c]
        for c in range(len(title) - 1, 0, -1):
            caller = self.callers[c]
            if hidden[caller] and size[c] == size[caller]:
                title[caller], hidden[caller] = title[c], hidden[c]
        return [size[c] for c in range(len(title))], title

    # --- while the function runs ---

    def _new(self, own: Callable[[type[Value]], Value], kind: type[Value]) -> Value:
        v = own(kind)
        call = self._innermost()
        if call is not None:
            self.made[v] = call
        return v

    def _innermost(self) -> int | None:
        """The call that makes a Value now; None in a thread that has none of them.

        A call that goes on is among those around the last Value. A generator's Values are those
        of the function that loops over it, but not of functional.sum and the like.
        """
        running, new, is_fed = self._running, [], False
        frame: FrameType | None = sys._getframe(2)
        while frame not in running:
            if frame is None:
                return None
            code = frame.f_code
            if not code.co_filename.startswith(_PACKAGE):
                is_fed = bool(code.co_flags & SUSPENDS)
            if not is_fed and self._is_call(code):
                new.append(frame)
            frame = frame.f_back
        while next(reversed(running)) is not frame:
            running.popitem()
        for inner in reversed(new):
            running[inner] = self._begun(inner, caller=next(reversed(running.values())))
        return next(reversed(running.values()))

    def _begun(self, frame: FrameType, caller: int) -> int:
        title, code = frame.f_code.co_name, frame.f_code
        if title in ("__call__", "forward") and code.co_argcount:  # a module has its class's name
            title = type(frame.f_locals.get(code.co_varnames[0])).__name__
        self.callers.append(caller)
        self.titles.append(title)
        self.hidden.append(bool(code.co_flags & _NESTED) or title.startswith("_"))
        return len(self.titles) - 1

    def _is_call(self, code: CodeType) -> bool:
        """Whether a reader knows it as a function: no comprehension, no detail of this package."""
        if code not in self._counts:
            is_detail = code.co_name.startswith("_") and code.co_filename.startswith(_PACKAGE)
            is_detail &= code.co_name != "__call__"
            self._counts[code] = not (is_detail or code.co_name.startswith("<"))
        return self._counts[code]
