"""What a check is: a few lines of code in micrograd's words, and what must come out of them.

The code is run as it is shown, so a learner can paste it. A wanted number is a formula in numbers,
which is evaluated by Python's math and shown as the reason.

>>> case = Case("x = Value(0.5)\\ny = x.tanh()\\ny.backward()", {"x.grad": "1 - tanh(0.5)**2"})
>>> case.answers("x.grad")
[0.7864477329659274]
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

LEVELS = ("rules", "careful", "complete")

Formula: TypeAlias = str  # such as "1 - tanh(0.5)**2"
_PLAIN = {"abs": abs, "float": float, "max": max, "min": min}


class Case(NamedTuple):
    """A program, and what must come out of it.

    Attributes:
        code: lines in micrograd's words: ``Value(2.0)``, operators, ``x.tanh()``, ``y.backward()``,
            ``y.data``, ``x.grad``, ``x.grad = 0.0`` (as before the first backward).
        wanted: for each expression the formula of the right number, or several that are all right;
            the k-th formulas of all expressions belong together. "a, b" is a list of numbers.
        hints: for an expression and the formula of a telling wrong number: the likely cause. "*"
            is any other number. The expression "" is the program itself, with the type of its
            error, "late" or "died" in place of a formula.
        kind: of a rule of one operator: "alone", "upstream", "inner" or "beside" (another path).
    """

    code: str
    wanted: Mapping[str, Formula | tuple[Formula, ...]]
    hints: Mapping[tuple[str, Formula], str] = {}
    kind: str = ""

    def formulas(self, ask: str) -> tuple[Formula, ...]:
        """What is right for an expression: one formula, or several."""
        found = self.wanted[ask]
        return (found,) if isinstance(found, str) else found

    def answers(self, ask: str) -> list[float | list[float]]:
        """The numbers of these formulas."""
        return [number_of(formula) for formula in self.formulas(ask)]

    @property
    def needs_double(self) -> bool:
        """Whether a number in it is too large or too small for single precision."""
        found = [float(x) for x in re.findall(r"\d+\.?\d*e[+-]?\d+", self.code)]
        for answer in [a for ask in self.wanted for a in self.answers(ask)]:
            found += answer if isinstance(answer, list) else [answer]
        return any(0.0 < abs(x) < 1e-37 or 1e37 < abs(x) < math.inf for x in found)


class Check(NamedTuple):
    """A promise of an engine; it holds if every case gives what is wanted.

    Attributes:
        name: what it is about: "tanh", "2 - v", "a node used twice".
        level: one of LEVELS.
        sentence: what a report says that it looks at.
        cases: the simplest first.
        needs: names of checks that say more if they fail as well.
        seconds: a case may take so long.
        may_refuse: raising an error that says why is an answer too.
        optional: an engine without it is not wrong: an error means that it is "not there".
        control: a case that must be right, or else the check says nothing of its own.
    """

    name: str
    level: str
    sentence: str
    cases: tuple[Case, ...]
    needs: tuple[str, ...] = ()
    seconds: float = 2.0
    may_refuse: bool = False
    optional: bool = False
    control: Case | None = None


@cache
def number_of(formula: Formula) -> float | list[float]:
    """A formula in numbers, evaluated: functions and constants are those of Python's math.

    >>> number_of("1 / (1 + exp(-0.0))")
    0.5
    """
    found = eval(formula, dict(vars(math), __builtins__=_PLAIN))
    return [float(x) for x in found] if isinstance(found, tuple) else float(found)
