"""Runs the checks, compares what came with what is right, and reports."""

import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from .careful import CAREFUL
from .cases import LEVELS, Case, Check
from .causes import Finding, cause, headline
from .complete import COMPLETE, notes
from .contain import Came, Contained, Outcome, Program, Trouble
from .dialect import BadEngine, Dialect, Missing, find_dialect, said
from .functions import FUNCTIONS, RULES_OF_ONE
from .report import Failure, Report, Result
from .roots import Roots, Tried
from .rules import RULES

CHECKS: dict[str, Check] = {check.name: check for check in (*RULES, *CAREFUL, *COMPLETE)}
"""Every check by its name, in the order in which they are made."""

SPOKEN = {"TypeError", "ValueError", "AssertionError", "NotImplementedError", "RuntimeError"}
REFUSALS = SPOKEN | {"AttributeError", "ZeroDivisionError", "OverflowError"}
DIRECT = {
    "2 + x": "x + 2",
    "3 * x": "x * 3",
    "2 - x": "x - 2",
    "3 / x": "x / 4",
    "2 ** x": "x ** 2",
}


def check_engine(
    Value: Any, level: str | None = None, adapter: Mapping[str, Any] | None = None
) -> Report:
    """Judges an engine: is every gradient right, and if not, where does it begin?

    The engine is a class like micrograd's: made from a number, with operators and methods, a
    number, a gradient and a backward pass. How it spells these is found by looking. It runs in a
    process of its own, and nothing of it is trusted.

    Args:
        Value: the class.
        level: the highest level to look at: "rules" (every operator and function), "careful"
            (second uses, depth, far out, a training) or "complete" (IEEE edges); None: all three.
        adapter: how it spells what cannot be found: for "new", "data", "grad", "backward", "zero"
            or a function's name a template such as "{}.backprop()", or a function of a node.

    Returns:
        A Report: ``ok``, ``level``, ``failures``, ``absent``; print it.

    Raises:
        BadEngine: it cannot be tried at all: no class, no number, no backward.
        ValueError: an unknown level or an unknown word in the adapter.

    Example:
        >>> from micrograd_like import Value
        >>> check_engine(Value, level="rules").ok
        True
    """
    if not isinstance(Value, type):
        raise BadEngine(
            f"check_engine expects a class such as Value, got {type(Value).__name__}: "
            "pass the class itself, not one of its objects"
        )
    return check_loaded(lambda: Value, level, adapter)


def check_loaded(
    load: Callable[[], Any], level: str | None = None, adapter: Mapping[str, Any] | None = None
) -> Report:
    """As check_engine, for a class that is loaded behind the wall: a file that nobody trusts."""
    if level is not None and level not in LEVELS:
        raise ValueError(f"unknown level {level!r:.60}: choose from {', '.join(LEVELS)}")
    words, extra = _adapted(adapter or {})
    with Contained(load, extra) as engine:
        return _Judge(engine, find_dialect(engine, words), level or LEVELS[-1]).report()


def _adapted(adapter: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The adapter's templates, and its functions under names that templates can call."""
    known = ["new", "data", "grad", "backward", "zero", *FUNCTIONS]
    words, extra = {}, {}
    for word, how in adapter.items():
        if word not in known:
            raise ValueError(
                f"unknown word {word!r:.60} in adapter: choose from {', '.join(known)}"
            )
        if callable(how):
            extra[f"{word}_of"] = how
            how = f"{word}_of({{}})"
        if not isinstance(how, str) or "{}" not in how:
            raise ValueError(
                f"adapter[{word!r}] must be a function or a template with {{}} in the place of the "
                f"node, such as '{{}}.{word}()', got {how!r:.60}"
            )
        words[word] = how
    return words, extra


class _Judge:
    def __init__(self, engine: Contained, dialect: Dialect, level: str) -> None:
        self.engine, self.dialect, self.level = engine, dialect, level
        self.tolerance, self.late = 1e-9, 0
        self.about = engine.describe()
        self.notes: list[str] = []
        self.tried: dict[str, Tried] = {}
        self.known: dict[str, list[Outcome]] = {}  # what came when all ran in one process
        self._precision()

    def _precision(self) -> None:
        found = self.run("x = Value(0.1)", ["x.data"]).numbers.get("x.data")
        if found != 0.1 and found == struct.unpack("f", struct.pack("f", 0.1))[0]:
            self.tolerance = 1e-4
            self.notes.append("it computes in single precision: numbers are compared to 4 digits")

    def run(self, code: str, asks: list[str], **how: Any) -> Outcome:
        return self.dialect.run(self.engine, code, asks, **how)

    def report(self) -> Report:
        asked = LEVELS[: LEVELS.index(self.level) + 1]
        for level in asked:
            self.known = self._all_together(level) if level != "careful" else {}
            for check in CHECKS.values():
                if check.level == level:
                    self.tried[check.name] = self.attempt(check)
        if self.dialect.unseeded:
            self._accuse_seed()
        if self.level == LEVELS[-1] and self.tried["a * b"].mark == "right":
            self.notes += notes(self.run)
        roots = Roots(self.engine, self.dialect, self.about, self.tried).find()
        results = [
            Result(t.check.name, t.check.level, t.check.sentence, t.mark)
            for t in self.tried.values()
            if t.mark
        ]
        return Report(
            self.about["name"], self.level, results, [self._failure(t) for t in roots], self.notes
        )

    def of(self, case: Case, **how: Any) -> Outcome:
        return self.run(case.code, list(case.wanted), **how)

    # --- one check ---

    def attempt(self, check: Check) -> Tried:
        """Makes a check: the first case that is wrong decides."""
        needed = [self.tried[n].mark for n in check.needs if n in self.tried]
        if (check.seconds > 2.0 and {"wrong", "follows"} & set(needed)) or self.late >= 3:
            return Tried(check, "follows")  # it would only take its time
        if check.control:
            control = self.of(check.control)
            if control.trouble and control.trouble.type == "NotImplementedError":
                return Tried(check, "later")
            if self.compare(check, check.control, control):
                return Tried(check, "absent")
        cases, missing = self._possible(check)
        if check.name in self.known:
            tried = self._mark(check, cases, missing, self.known[check.name])
            if tried.mark != "wrong":
                return tried
        seconds = min(check.seconds, 1.0) if self.late else check.seconds
        outcomes = self.dialect.run_each(self.engine, _programs(cases), seconds=seconds)
        return self._mark(check, cases, missing, outcomes)

    def _mark(
        self, check: Check, cases: list[Case], missing: list[str], outcomes: Iterable[Outcome]
    ) -> Tried:
        made = 0
        for case, found in zip(cases, outcomes):
            mark = self._excused(check, case, found.trouble) if found.trouble else ""
            further = case is not check.cases[0]
            if further and (mark == "absent" or (mark and case.kind == "upstream")):
                continue  # it takes another operator too, which may not be there
            if mark:
                return Tried(check, mark)
            made += 1
            finding = self.compare(check, case, found)
            if finding:
                return Tried(check, "wrong", finding)
        later = any(word in self.dialect.later for word in missing)
        if not cases and not later and check.level != LEVELS[0]:
            return Tried(check, "")  # an edge of a function that is not there
        return Tried(check, "later" if later else "right" if made else "absent")

    def _all_together(self, level: str) -> dict[str, list[Outcome]]:
        """The outcomes of a level's short checks in one process, which is quick if all is well.

        What is wrong there is made once more, alone: a program may have spoiled those after it.
        """
        checks = [c for c in CHECKS.values() if c.level == level and c.seconds <= 2.0]
        cases = {check.name: self._possible(check)[0] for check in checks}
        programs = [program for some in cases.values() for program in _programs(some)]
        found = list(self.dialect.run_each(self.engine, programs, seconds=5.0, once=True))
        if len(found) < len(programs):
            return {}
        outcomes = iter(found)
        return {name: list(islice(outcomes, len(some))) for name, some in cases.items()}

    def _possible(self, check: Check) -> tuple[list[Case], list[str]]:
        """The cases for which the engine has the words, and the words that others miss."""
        cases, missing = [], []
        for case in check.cases:
            try:
                self.dialect.code(case.code)
            except Missing as error:
                missing.append(error.args[0])
            else:
                if self.tolerance < 1e-8 or not case.needs_double:
                    cases.append(case)
        return cases, missing

    def _excused(self, check: Check, case: Case, trouble: Trouble) -> str:
        """Whether a failed program shows a gap and no mistake: "absent", "later" or ""."""
        if trouble.kind != "raised":
            return ""
        needed = [self.tried[n].mark for n in check.needs if n in self.tried]
        if trouble.type == "NotImplementedError":
            refuses = check.may_refuse and "later" not in needed
            return "absent" if check.optional or refuses else "later"
        unknown = trouble.type == "TypeError" and " operand" in trouble.message
        if check.optional or (unknown and not trouble.where):  # Python has found no operator
            return "absent"
        if "absent" in needed and (unknown or _is_plain(trouble)):
            return "absent"
        if check.level != LEVELS[0]:
            refused = trouble.type in REFUSALS and bool(trouble.message)
            return "absent" if check.may_refuse and refused else ""
        forward = self.dialect.code(case.code.partition(f"{_output(case.code)}.backward()")[0])
        if trouble.line > len(forward.split("\n")):
            return ""  # on the way back
        refused = check.may_refuse and trouble.type in SPOKEN
        return "absent" if refused or self._takes_no_number(check, trouble) else ""

    def _takes_no_number(self, check: Check, trouble: Trouble) -> bool:
        """Whether an operator is not there, or takes no plain number beside a node."""
        rule = RULES_OF_ONE.get(check.name)
        if rule is None or trouble.type not in ("TypeError", "AttributeError"):
            return False
        if rule.method and rule.method not in self.about["methods"]:
            return True
        direct = DIRECT.get(check.name)
        if direct is not None:  # 2 - x: the number is on the left
            return self.tried[direct].mark == "absent"
        return _is_plain(trouble)

    def compare(self, check: Check, case: Case, found: Outcome) -> Finding | None:
        if found.trouble:
            self.late += found.trouble.kind != "raised"
            return Finding(check, case, "", "", found.trouble)
        count = max(len(case.formulas(ask)) for ask in case.wanted)
        misses: list[Finding] = []
        for k in range(count):
            wrong = [ask for ask in case.wanted if not self._holds(case, ask, k, found)]
            if not wrong:
                return None
            misses = misses or [Finding(check, case, wrong[0], found.numbers[wrong[0]], None)]
        return misses[0]

    def _holds(self, case: Case, ask: str, k: int, found: Outcome) -> bool:
        answers = case.answers(ask)
        return is_close(found.numbers[ask], answers[min(k, len(answers) - 1)], self.tolerance)

    # --- what is told ---

    def _accuse_seed(self) -> None:
        """All other checks seed the gradient themselves, so that this is told once."""
        t, words = self.tried["backward"], self.dialect.words
        t.dialect = Dialect({**words, "backward": words["backward"].partition("; ")[2]})
        case = t.check.cases[0]
        found = t.dialect.run(self.engine, case.code, list(case.wanted))
        t.finding = self.compare(t.check, case, found)
        t.mark = "wrong" if t.finding else t.mark  # a leaf alone may be right without a seed

    def _failure(self, t: Tried) -> Failure:
        finding, dialect = t.finding, t.dialect or self.dialect
        assert finding is not None
        formula = finding.case.formulas(finding.ask)[0] if finding.ask else ""
        answer = finding.case.answers(finding.ask)[0] if finding.ask else ""
        wanted = repr(answer) if finding.ask else ""
        return Failure(
            t.check.name, t.check.level, headline(finding),
            dialect.code(finding.case.code),
            dialect.code(finding.ask) if finding.ask else "",
            said(finding.trouble) if finding.trouble else _told(finding.got),
            wanted, formula if formula not in (wanted, "") else "",
            cause(finding, self.more), tuple(t.followers),
        )  # fmt: skip

    def more(self, case: Case) -> Mapping[str, Came]:
        """What another case of the same check gives; {} if it fails."""
        return self.of(case).numbers


def is_close(got: Came, answer: float | list[float], tolerance: float) -> bool:
    """Whether a number is the right one, or each of a list."""
    if isinstance(answer, list):
        return (
            isinstance(got, list)
            and len(got) == len(answer)
            and all(is_close(g, a, tolerance) for g, a in zip(got, answer))
        )
    if not isinstance(got, float):
        return False
    if not (math.isfinite(got) and math.isfinite(answer)):
        return got == answer or (got != got and answer != answer)
    return abs(got - answer) <= tolerance * max(abs(answer), 1e-3)


def _programs(cases: Iterable[Case]) -> list[Program]:
    return [(case.code, list(case.wanted)) for case in cases]


def _told(got: Came) -> float | str:
    return str(got) if isinstance(got, list) else got


def _is_plain(trouble: Trouble) -> bool:
    """Whether an engine took a plain number for a node."""
    words = [f"'{kind}' object" for kind in ("int", "float")]
    return trouble.type in ("TypeError", "AttributeError") and any(
        word in trouble.message for word in words
    )


def _output(code: str) -> str:
    """The node whose backward is called."""
    found = re.search(r"(\w+)\.backward\(\)", code)
    return found.group(1) if found else ""
