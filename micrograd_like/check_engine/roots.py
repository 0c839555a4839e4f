"""Which failure follows from which: only the roots are told at length.

A failure follows from another if its check says that it needs it, if the engine's functions of the
other one ran in it too, if both stopped at the same line of the engine, or if no operator at all is
right: then backward is to blame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .cases import LEVELS, Check
from .causes import Finding
from .contain import Contained, Program
from .dialect import Dialect
from .functions import RULES_OF_ONE, family


@dataclass
class Tried:
    """A check that was made: its mark, and what was found where it is wrong."""

    check: Check
    mark: str
    finding: Finding | None = None
    dialect: Dialect | None = None  # if it was made in other words than the rest
    ran: frozenset[str] = frozenset()
    followers: list[str] = field(default_factory=list)

    @property
    def basic(self) -> tuple[int, int]:
        """The less the more basic: how much its program is made of, and how much ran in it."""
        return self.finding.rank if self.finding else 0, len(self.ran)

    @property
    def is_made(self) -> bool:
        """Whether it came to its end, right or wrong."""
        trouble = self.finding.trouble if self.finding else None
        return self.mark in ("right", "wrong") and (not trouble or trouble.kind == "raised")


class Roots:
    """Finds them among the checks that were made, by running some of them once more."""

    def __init__(
        self, engine: Contained, dialect: Dialect, about: Mapping[str, Any],
        tried: Mapping[str, Tried],
    ) -> None:  # fmt: skip
        self.engine, self.dialect, self.tried = engine, dialect, tried
        self.merges = "__eq__" in about["methods"]  # nodes with equal numbers, perhaps

    def find(self) -> list[Tried]:
        """The roots, the most basic first; the others are marked, and listed as their followers."""
        wrong = [t for t in self.tried.values() if t.mark == "wrong"]
        wrong.sort(key=lambda t: (LEVELS.index(t.check.level), t.finding.rank if t.finding else 0))
        subjects = self._subjects(wrong)
        wrong = self._no_gradients(wrong)
        basic = ("alone", "inner", "beside")
        self.merges |= not any(t.finding and t.finding.case.kind in basic for t in wrong)
        self._trace(wrong)
        by: dict[str, Tried] = {}
        for k, t in enumerate(wrong):
            for i, r in enumerate(wrong):
                levels = LEVELS.index(r.check.level), LEVELS.index(t.check.level)
                if r is t or levels[0] > levels[1] or self._is_needed(t.check.name, r.check):
                    continue
                simpler = (*r.basic, i) < (*t.basic, k)
                ahead = simpler or levels[0] < levels[1] or not self._follows(r, t, subjects)
                needs = self._is_needed(r.check.name, t.check)
                follows = needs or (ahead and self._follows(t, r, subjects))
                if follows and _origin(by, r) is not t:
                    by[t.check.name] = r
                    break
        roots = [t for t in wrong if t.check.name not in by]
        for t in wrong:
            if t.check.name in by:
                t.mark = "follows"
                _origin(by, t).followers.append(t.check.name)
        for t in self.tried.values():  # not tried, since what they need is wrong
            if t.mark == "follows" and not any(t.check.name in r.followers for r in roots):
                needed = [r for r in roots if self._is_needed(r.check.name, t.check)]
                (needed or roots)[0].followers.append(t.check.name)
        return roots

    def _follows(self, t: Tried, root: Tried, subjects: Mapping[str, frozenset[str]]) -> bool:
        if t.finding is None or root.finding is None:
            return False
        mine, other = t.finding.trouble, root.finding.trouble
        if mine and other and (mine[:3] == other[:3] or mine.where == other.where != ""):
            return True
        if root.check.control and self.merges and t.finding.rank > 0:
            return True  # it can spoil every program of several nodes
        if self._is_needed(root.check.name, t.check):
            return True
        return bool(subjects.get(root.check.name, frozenset()) & t.ran)

    def _is_needed(self, name: str, check: Check) -> bool:
        return name in ("a number", "backward", *check.needs) or any(
            self._is_needed(name, self.tried[other].check)
            for other in check.needs
            if other in self.tried
        )

    def _no_gradients(self, wrong: list[Tried]) -> list[Tried]:
        """If no rule at all gives a gradient, backward is to blame, not each rule."""
        rules = {
            n: t for n, t in self.tried.items()
            if n in RULES_OF_ONE and t.mark != "absent" and not RULES_OF_ONE[n].special
        }  # fmt: skip
        found = [t.finding for t in rules.values() if t.finding]
        lowest = min((finding.rank for finding in found), default=0)
        families = {family(n) for n in rules}
        first = {family(n) for n, t in rules.items() if t.finding and t.finding.rank == lowest}
        gradients = all(finding.ask.endswith(".grad") for finding in found)
        lost = all(finding.is_lost for finding in found)
        enough = 2 if lost else max(2, len(families) * 2 / 3)
        if not gradients or len(found) < len(rules) or len(first) < enough:
            return wrong
        found.sort(key=lambda finding: finding.rank)
        backward = self.tried["backward"]
        if backward.mark != "wrong":
            backward.mark, backward.finding = "wrong", found[0]._replace(check=backward.check)
        for t in wrong:
            if t is not backward:
                t.mark = "follows"
                backward.followers.append(t.check.name)
        return [backward]

    def _trace(self, wrong: list[Tried]) -> None:
        """Runs what came to its end once more, to see which of the engine's functions it needs."""
        made = [t for t in wrong if t.finding and t.is_made]
        programs = [(t.finding.case.code, list(t.finding.case.wanted)) for t in made if t.finding]
        how = {"traced": True, "seconds": 10.0}
        for t, found in zip(made, self.dialect.run_each(self.engine, programs, **how)):
            t.ran = frozenset(found.ran)

    def _subjects(self, wrong: list[Tried]) -> dict[str, frozenset[str]]:
        """The engine's own functions of each wrong operator or function.

        What is called for several operators (a decorator's wrapper) belongs to none of them.
        """
        if not wrong or not self.tried["backward"].is_made:
            return {}
        base = set(
            self.dialect.run(
                self.engine, "x = Value(1.5)\nx.backward()", ["x.data", "x.grad"], traced=True
            ).ran
        )
        called: dict[str, set[str]] = {}
        ran: dict[str, set[str]] = {}
        families: dict[str, set[str]] = {}
        made = [
            n for n, t in self.tried.items() if n in RULES_OF_ONE and t.mark in ("right", "wrong")
        ]
        programs: list[Program] = [(self.tried[name].check.cases[0].code, []) for name in made]
        outcomes = self.dialect.run_each(self.engine, programs, traced=True, seconds=4.0)
        for name, found in zip(made, outcomes):
            called[name], ran[name] = set(found.called) - base, set(found.ran) - base
            for code in called[name]:
                families.setdefault(code, set()).add(family(name))
        subjects = {}
        for name in [t.check.name for t in wrong if t.check.name in RULES_OF_ONE]:
            own = {code for code in called.get(name, ()) if len(families[code]) == 1}
            others = {code for n, r in ran.items() if family(n) != family(name) for code in r}
            subjects[name] = frozenset(own or ran.get(name, set()) - others)
        return subjects


def _origin(by: Mapping[str, Tried], t: Tried) -> Tried:
    """From what it follows, and that from another perhaps, to the first."""
    seen = set()
    while t.check.name in by and t.check.name not in seen:
        seen.add(t.check.name)
        t = by[t.check.name]
    return t
