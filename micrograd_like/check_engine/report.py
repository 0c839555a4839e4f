"""What a judge found: for a terminal, a notebook, a program.

What comes from an engine is shown as visible characters, and cut where it is long.

>>> failure = Failure(
...     "tanh", "rules", "the gradient is 0", "x = Value(0.5)\\ny = x.tanh()\\ny.backward()",
...     "x.grad", 0.0, "0.7864477329659274", "1 - tanh(0.5)**2", "tanh has no _backward",
...     ("a chain",),
... )
>>> results = [Result("exp", "rules", "", "right"), Result("tanh", "rules", "", "wrong")]
>>> results.append(Result("a chain", "rules", "", "follows"))
>>> print(Report("Value", "rules", results, [failure]))
check_engine(Value)
rules       1 of 3   . x tanh -
                     . right, x wrong, - wrong because of another
<BLANKLINE>
x tanh: the gradient is 0
    x = Value(0.5); y = x.tanh(); y.backward()
    x.grad is 0.0, should be 0.7864477329659274   (1 - tanh(0.5)**2)
    likely: tanh has no _backward
    1 more check needs tanh: a chain
<BLANKLINE>
Level reached: none yet. The first one, rules, asks for every operator and function, value and
gradient, and the order of the walk; start with tanh.
"""

import ast
import html
import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .cases import LEVELS

WIDTH = 96  # columns of a report
JOINED = 88  # columns of code that is shown in one line
LONGEST = 200  # characters of a text from outside
NAMED = 3  # so many followers are told by name
ASKS = {
    "rules": "every operator and function, value and gradient, and the order of the walk",
    "careful": "second uses: backward twice, shared and deep graphs, numbers far out, a training",
    "complete": "the edges: infinities, nan, comparison, and what others may expect",
}
MARKS = {  # as text, in HTML, in words
    "right": (".", "✓", "right"),
    "wrong": ("x", "✗", "wrong"),
    "follows": ("-", "↳", "wrong because of another"),
}
COLOURS = {"right": "\x1b[38;5;32m", "wrong": "\x1b[38;5;166m"}  # blue, orange: on white and black


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
    """One mark.

    Attributes:
        name, level, sentence: of the check.
        mark: "right", "wrong", "follows" (wrong because of another), "absent" (the engine does not
            have it) or "later" (it is there but raises NotImplementedError: not written yet).
    """

    name: str
    level: str
    sentence: str
    mark: str


@dataclass
class Report:
    """What check_engine found; print it, or let a notebook show it.

    Attributes:
        engine: the name of the class.
        asked: the highest level that was asked for.
        results: a mark for each check, in the order of CHECKS.
        failures: the most basic first; what follows from another is named there.
        notes: what else is worth knowing, a sentence each.

    Example:
        >>> report = Report("Value", "careful", [Result("tanh", "rules", "", "right")], [])
        >>> report.ok, report.level, report.points, report.max_points
        (True, 'careful', 1, 1)
    """

    engine: str
    asked: str
    results: list[Result]
    failures: list[Failure]
    notes: list[str] = field(default_factory=list)

    @property
    def level(self) -> str | None:
        """The highest level that holds, of those asked for: all there is right, here and below."""
        reached = None
        for level in self._levels():
            if not all(r.mark in ("right", "absent") for r in self._of(level)):
                break
            reached = level
        return reached

    @property
    def ok(self) -> bool:
        """Whether the level that was asked for holds."""
        return self.level == self.asked

    @property
    def absent(self) -> list[str]:
        """What the engine does not have; that is not wrong."""
        return self._marked("absent")

    @property
    def points(self) -> int:
        """How many checks are right."""
        return len(self._marked("right"))

    @property
    def max_points(self) -> int:
        """How many checks there are for what the engine has."""
        return len(self.results) - len(self.absent)

    def _levels(self) -> tuple[str, ...]:
        return LEVELS[: LEVELS.index(self.asked) + 1]

    def _of(self, level: str) -> list[Result]:
        return [r for r in self.results if r.level == level]

    def _marked(self, mark: str) -> list[str]:
        return [r.name for r in self.results if r.mark == mark]

    def _rows(self) -> list[tuple[str, str, list[Result]]]:
        """Of each level its name, how much of it is right, and the marks to show."""
        rows = []
        for level in self._levels():
            there = [r for r in self._of(level) if r.mark != "absent"]
            right = sum(r.mark == "right" for r in there)
            shown = [r for r in there if r.mark in MARKS]
            rows.append((level, f"{right} of {len(there)}", shown))
        return rows

    def _asides(self) -> list[str]:
        """What is neither right nor wrong, and the notes."""
        named = {"not there": self.absent, "not written yet": self._marked("later")}
        lists = [f"{what}: {_listed(names)}" for what, names in named.items() if names]
        return lists + [f"note: {_plain(note)}" for note in self.notes]

    def _told(self) -> list[Failure]:
        return sorted(self.failures, key=lambda f: LEVELS.index(f.level))

    def _verdict(self) -> str:
        reached = self.level
        if reached == LEVELS[-1]:
            return (
                f"Level reached: {reached}, the last one. Everything that was looked at is right."
            )
        text = f"Level reached: {reached or 'none yet'}."
        above = LEVELS[LEVELS.index(reached) + 1 if reached else 0]
        text += " Everything that was asked for is right." if self.ok else ""
        text += f" The {'next' if reached else 'first'} one, {above}, asks for {ASKS[above]}"
        first = [f.name for f in self._told() if f.level == above]
        first += [r.name for r in self._of(above) if r.mark not in ("right", "absent")]
        return f"{text}; start with {_plain(first[0])}." if first else f"{text}."

    # --- for a terminal ---

    def __str__(self) -> str:
        return self.text()

    def text(self, colour: bool = False) -> str:
        """Lines for a terminal.

        Args:
            colour: with escape sequences, for a terminal that understands them.
        """
        lines = [f"check_engine({_plain(self.engine)})"]
        for level, count, shown in self._rows():
            tokens = _tokens(shown)
            row = _wrapped(f"{level:<8}{count:>10}   {tokens}", indent=21)
            lines += [_coloured(line) if colour else line for line in row]
        if self._marked("follows"):
            lines.append(" " * 21 + _legend(0))
        lines += [line for aside in self._asides() for line in _wrapped(aside, indent=4)]
        for failure in self._told():
            head, *rest = _lines(failure)
            lines += ["", _painted(head, "wrong") if colour else head]
            lines += ["    " + line for line in rest]
        verdict = _wrapped(self._verdict())
        return "\n".join([*lines, "", *verdict]).replace("\xa0", " ")

    # --- for a notebook ---

    def _repr_html_(self) -> str:
        """Its own colours, on its own ground: light or dark as the browser is; no scripts."""
        rows = "".join(
            f"<tr><th scope=row>{level}</th><td>{count}</td><td>{_marks(shown)}</td></tr>"
            for level, count, shown in self._rows()
        )
        parts = [f"<p><b>check_engine({_safe(self.engine)})</b></p><table>{rows}</table>"]
        asides = [_legend(1)] * bool(self._marked("follows")) + self._asides()
        parts += [f"<p class=aside>{html.escape(aside)}</p>" for aside in asides]
        parts += [_section(failure) for failure in self._told()]
        verdict = f"<p><b>{html.escape(self._verdict())}</b></p>"
        told = "".join(parts).replace("\xa0", " ")
        return f"<div class=micrograd-like-report>{STYLE}{told}{verdict}</div>"

    # --- for a program ---

    def to_json(self) -> str:
        """A JSON text with the marks, the points and the failures; the fields are kept stable.

        ``engine``, ``asked``, ``level`` (or null), ``ok``, ``points``, ``max_points``; ``tests``:
        of each check ``name``, ``level``, ``sentence``, ``mark``, ``points`` and ``max_points`` (1
        or 0; 0 of 0 for what is absent), ``output`` (the failure as text, or ""); ``failures``: the
        fields of Failure, where ``got`` is a text; ``notes``.

        For Gradescope's results.json: ``score`` and ``max_score`` of a test are our ``points`` and
        ``max_points``, ``name`` and ``output`` have the same names, ``status`` is "passed" where
        ``points`` equals ``max_points``, else "failed".

        Source: Autograder Specifications, "Output format", gradescope-autograders.readthedocs.io.

        Example:
            >>> report = Report("Value", "rules", [Result("tanh", "rules", "", "right")], [])
            >>> [t["points"] for t in json.loads(report.to_json())["tests"]]
            [1]
        """
        found: dict[str, Any] = {
            "engine": _plain(self.engine), "asked": self.asked, "level": self.level, "ok": self.ok,
            "points": self.points, "max_points": self.max_points,
            "tests": [self._test(result) for result in self.results],
            "failures": [_fields(failure) for failure in self._told()],
            "notes": [_plain(note) for note in self.notes],
        }  # fmt: skip
        return json.dumps(found, indent=2)

    def _test(self, result: Result) -> dict[str, Any]:
        return {
            **{name: _plain(text) for name, text in result._asdict().items()},
            "points": int(result.mark == "right"),
            "max_points": int(result.mark != "absent"),
            "output": self._output(result),
        }

    def _output(self, result: Result) -> str:
        if result.mark in ("absent", "later"):
            return "not there" if result.mark == "absent" else "not written yet"
        for failure in self.failures:
            if failure.name == result.name:
                return "\n".join(_lines(failure)).replace("\xa0", " ")
            if result.name in failure.followers:
                return f"it needs {_plain(failure.name)}"
        return ""


# --- pieces ---


def _plain(text: object) -> str:
    """In one line of visible characters, and not too long."""
    shown = str(text)
    cut = shown[:LONGEST] + "..." if len(shown) > LONGEST else shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def _legend(kind: int) -> str:
    return ", ".join(f"{mark[kind]} {mark[2]}" for mark in MARKS.values())


def _safe(text: object) -> str:
    return html.escape(_plain(text))


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False
    )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_plain(name).replace(" ", "\xa0") for name in names)


def _lines(f: Failure) -> list[str]:
    """A failure as a headline and the lines below it."""
    lines = [f"x {_plain(f.name)}: {_plain(f.headline)}", *_code_lines(f.code)]
    why = f"   ({_plain(f.why)})" if f.why else ""
    if f.ask:
        lines.append(f"{_plain(f.ask)} is {_number(f.got)}, should be {_plain(f.wanted)}{why}")
    else:
        lines.append(_number(f.got))
    if f.cause:
        lines += textwrap.wrap(f"likely: {_plain(f.cause)}", WIDTH - 4, break_on_hyphens=False)
    if n := len(f.followers):
        checks, names = "1 more check needs" if n == 1 else f"{n} more checks need", ""
        if n <= NAMED:
            names = f": {', '.join(map(_plain, f.followers))}"
        lines.append(f"{checks} {_plain(f.name)}{names}")
    return lines


def _number(got: object) -> str:
    return _plain(got if isinstance(got, str) else repr(got))


def _code_lines(code: str) -> list[str]:
    """In one line, joined by semicolons, if the code has no blocks and is short."""
    lines = [line for line in code.split("\n") if line.strip()]
    joined = "; ".join(lines)
    if len(joined) <= JOINED and _is_flat(code, len(lines)):
        return [_plain(joined)]
    return [_plain(line) for line in lines]


def _is_flat(code: str, lines: int) -> bool:
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return False
    return len(body) == lines and "#" not in code and not any(hasattr(s, "body") for s in body)


def _fields(failure: Failure) -> dict[str, Any]:
    shown = {name: _plain(text) for name, text in failure._asdict().items()}
    code = "\n".join(_plain(line) for line in failure.code.split("\n"))
    followers = [_plain(name) for name in failure.followers]
    return {**shown, "code": code, "got": _number(failure.got), "followers": followers}


# --- text ---


def _tokens(shown: list[Result]) -> str:
    """Marks by spaces: runs of those without a name, and each that is wrong with its own."""
    text = ""
    for result in shown:
        mark = MARKS[result.mark][0]
        name = f" {mark}\xa0{_listed([result.name])} "
        text += name if result.mark == "wrong" else mark
    return " ".join(text.split(" ")).strip()


def _painted(text: str, kind: str) -> str:
    return f"{COLOURS[kind]}{text}\x1b[0m"


def _coloured(row: str) -> str:
    """A line of marks, painted."""
    row = re.sub(r"(?<= )x\xa0[^ ]*", lambda m: _painted(m[0], "wrong"), row)
    return re.sub(r"(?<=[ -])\.+(?=[ -]|$)", lambda m: _painted(m[0], "right"), row)


# --- HTML ---

STYLE = """<style>
.micrograd-like-report { --ground: #fff; --ink: #1f2328; --soft: #57606a; --line: #d8dee4;
  --right: #0b5cad; --wrong: #a84a00; color-scheme: light dark; max-width: 60em; padding: 1em;
  background: var(--ground); color: var(--ink); border: 1px solid var(--line); border-radius: 6px;
  font: 14px/1.5 system-ui, sans-serif }
@media (prefers-color-scheme: dark) { .micrograd-like-report { --ground: #15191e; --ink: #e6edf3;
  --soft: #9aa4af; --line: #343b44; --right: #79b8ff; --wrong: #ffa657 } }
.micrograd-like-report p { margin: .3em 0; overflow-wrap: anywhere }
.micrograd-like-report table { border-collapse: collapse; background: none; margin: 0;
  font: inherit }
.micrograd-like-report tr { background: none }
.micrograd-like-report :is(th, td) { color: var(--ink); background: none; border: 0;
  padding: .15em 1em .15em 0; text-align: left; vertical-align: top; font-size: inherit;
  overflow-wrap: anywhere }
.micrograd-like-report :is(th, td:nth-child(2)) { white-space: nowrap; overflow-wrap: normal }
.micrograd-like-report .right { color: var(--right) }
.micrograd-like-report .wrong { color: var(--wrong); font-weight: 600 }
.micrograd-like-report span.wrong { padding: 0 .4em }
.micrograd-like-report .follows, .micrograd-like-report .aside { color: var(--soft) }
.micrograd-like-report section { margin: 1em 0; padding-left: 1em;
  border-left: 3px solid var(--wrong) }
.micrograd-like-report pre { margin: .3em 0; padding: .5em .8em; overflow-x: auto; color: inherit;
  background: none; border: 1px solid var(--line); border-radius: 4px;
  font: 13px/1.45 ui-monospace, monospace }
</style>"""


def _marks(shown: list[Result]) -> str:
    return "<wbr>".join(map(_mark, shown))


def _mark(result: Result) -> str:
    """A sign with its text: shown where it is wrong, else for who hovers or listens."""
    _, sign, words = MARKS[result.mark]
    name = _safe(result.name)
    said = f"{name}: {words}" + f" ({_safe(result.sentence)})" * bool(result.sentence)
    shown = f"{sign} {name}" if result.mark == "wrong" else sign
    attributes = f'class={result.mark} role=img aria-label="{said}" title="{said}"'
    return f"<span {attributes}>{shown}</span>"


def _section(failure: Failure) -> str:
    head, *rest = _lines(failure)
    code = len(_code_lines(failure.code))
    program = "\n".join(map(html.escape, rest[:code]))
    below = "".join(f"<p>{html.escape(line)}</p>" for line in rest[code:])
    title = f"<p class=wrong>{MARKS['wrong'][1]}{html.escape(head[1:])}</p>"
    return f"<section>{title}<pre><code>{program}</code></pre>{below}</section>"
