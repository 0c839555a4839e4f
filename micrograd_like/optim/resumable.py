"""What optimisers and schedulers share: settings in their ranges, a state to go on from.

>>> from micrograd_like.checks import number
>>> class Warmup(Resumable):
...     settings = {"rate": number(0.0)}
...     def __init__(self, rate):
...         self.rate = rate
...         self.check()
>>> warmup = Warmup(rate=2)
>>> warmup.load_state_dict({"rate": -5})
Traceback (most recent call last):
ValueError: rate must be a finite number of at least 0, got -5
>>> warmup.rate
2.0

This file knows no gradient and no learning rate.
"""

import copy
from typing import Any, ClassVar

from ..checks import Check, check_all
from ..engine import assign


class Resumable:
    """A class that declares its settings, checks them, and writes them down to go on later."""

    settings: ClassVar[dict[str, Check]] = {}  # the range of everything in the state, by its name

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later."""
        return {k: v for k, v in vars(self).items() if k not in ("params", "optimizer")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state_dict of the same class, with as many parameters.

        Raises:
            ValueError: the state does not fit or cannot be; nothing has changed then.
        """
        own, name = self.state_dict(), type(self).__name__
        if not isinstance(state, dict):
            raise ValueError(f"the state of {name} must be a dict, got {state!r:.60}")
        if state.keys() != own.keys():
            wrong = ", ".join(sorted(map(str, state.keys() ^ own.keys())))
            raise ValueError(f"this state does not fit {name}: {wrong:.200}")
        loaded = copy.copy(self)
        vars(loaded).update(state)
        loaded.check()
        assign([], also=[(self, name, vars(loaded)[name]) for name in own])

    def check(self) -> None:
        """Refuses what is out of its range, given or loaded; what counts as a float becomes one."""
        vars(self).update(check_all(self.settings, vars(self)))
