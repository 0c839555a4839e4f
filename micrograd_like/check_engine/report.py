"""What a judge found: for a terminal, a notebook, a program."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Failure(NamedTuple):
    """A promise that does not hold, the smallest program that shows it, and why it may be.

    Attributes:
        name, level: of the check.
        headline: what is wrong, as "the gradient is 0".
        code: lines in the engine's own words, which can be pasted.
        ask: the expression that is wrong, as "x.grad"; "" if the program failed.
        got: what came: a number, or a text, as "RecursionError: maximum recursion depth exceeded".
        wanted: the right number, as a text.
        why: the formula of the right number, as "1 - tanh(0.5)**2".
        cause: a sentence; "" if the pattern is not known.
        followers: names of checks that fail because of this one.
    """

    name: str
    level: str
    headline: str
    code: str
    ask: str
    got: float | str
    wanted: str
    why: str
    cause: str = ""
    followers: tuple[str, ...] = ()


class Result(NamedTuple):
    """One mark: "right", "wrong", "follows" (wrong because of another), "absent" or "later"."""

    name: str
    level: str
    sentence: str
    mark: str


@dataclass
class Report:
    """What check_engine found.

    Attributes:
        engine: the name of the class.
        asked: the highest level that was asked for.
        results: a mark for each check, in the order of CHECKS.
        failures: the most basic first; what follows from another is named there.
        notes: what else is worth knowing, a sentence each.
    """

    engine: str
    asked: str
    results: list[Result]
    failures: list[Failure]
    notes: list[str] = field(default_factory=list)
