"""The course's assignment as a student goes through it: each step turns marks green, none accuses.

A step is a list of methods that are written: as in solution.py, or, where the assignment asks for
less at first, as here.
"""

import ast
import doctest
import json
import re
import subprocess
import sys
from functools import cache
from textwrap import dedent, indent
from unittest.mock import patch

import pytest
from helpers.commands import ROOT
from helpers.engines import load
from helpers.engines.wrong import changed

from micrograd_like.check_engine import CHECKS, check_engine, judge

COURSE = ROOT / "demos" / "course"
EMPTY, SOLUTION = [(COURSE / name).read_text() for name in ("engine.py", "solution.py")]
AS_VALUE = "def as_value(x):\n    return x if isinstance(x, Value) else Value(x)\n"
DEEPEST = "depth 1,000,000"
FULL = {"rules": 33, "careful": 52}  # points of the solution, which the README tells

# What a student writes before step 8 asks for more.
ONLY_SELF = "def backward(self):\n    self.grad = 1.0\n"
BACKWARD = """\
def backward(self):
    self.grad = 1.0
    for node in reversed(self._order()):
        for x, slope in zip(node._inputs, node._slopes):
            x.grad += slope * node.grad
"""
ORDER = """\
def _order(self):
    order, seen = [], set()
    def visit(node):
        if node not in seen:
            seen.add(node)
            for x in node._inputs:
                visit(x)
            order.append(node)
    visit(self)
    return order
"""
PLAIN_POWER = """\
def __pow__(self, k):
    if isinstance(k, Value):
        raise NotImplementedError
    return Value(self.data**k, (self,), (k * self.data ** (k - 1),))
"""
STEPS = {  # what is written in each: names of the solution's methods, or texts
    1: ["__init__", "__repr__"],
    2: [ONLY_SELF],
    3: [AS_VALUE, BACKWARD, "__add__", "__radd__"],
    4: ["__mul__", "__rmul__"],
    5: [ORDER],
    6: ["import math\n", "__neg__", "__sub__", "__rsub__", "__truediv__", "__rtruediv__",
        "__pow__", "_to_the", "__rpow__"],
    7: ["exp", "tanh", "relu"],
    8: ["_order", "backward"],
}  # fmt: skip
GREEN = {  # what README.md promises for each step
    1: ["a number"],
    2: ["backward"],
    3: ["a + b", "x + 2", "2 + x", "sum([a, b, c])"],
    4: ["a * b", "x * 3", "3 * x", "equal numbers", "a node used three times", "two branches",
        "y += x"],
    5: ["a node used twice", "a diamond"],
    6: ["-x", "a - b", "x - 2", "2 - x", "x ** 2", "x ** 3", "x ** -1", "x ** 0.5", "a / b",
        "x / 4", "3 / x", "2 ** x", "a ** b"],
    7: ["tanh", "exp", "relu", "a chain", "micrograd's example"],
    8: ["backward twice", "two losses", "no garbage", "depth 1,000", "depth 10,000", DEEPEST],
}  # fmt: skip


def extent(source, name):
    """The lines of a function of that name: first, last + 1; None if there is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node.lineno - 1, node.end_lineno
    return None


def method(name):
    start, end = extent(SOLUTION, name)
    return dedent("\n".join(SOLUTION.split("\n")[start:end])) + "\n"


def written(source, text):
    """The source with a method written: in the place of the old one, or at the end of the class."""
    text = method(text) if text.isidentifier() else text
    name = text[4:].partition("(")[0]
    lines = source.split("\n")
    if text.startswith("import") or name == "as_value":
        at = source.index("class Value:")
        return source[:at] + text + "\n\n" + source[at:]
    start, end = extent(source, name) or (len(lines), len(lines))
    return "\n".join([*lines[:start], indent(text, "    "), *lines[end:]])


@cache
def engine(step):
    source = EMPTY
    for k in range(1, step + 1):
        for text in STEPS[k]:
            source = written(source, text)
    return source


@cache
def judged(source, level="rules"):
    """A report, without the deepest chain, which takes seconds."""
    with patch.object(judge, "CHECKS", {k: c for k, c in CHECKS.items() if k != DEEPEST}):
        return check_engine(load(source, name="engine"), level)


def marked(report, *marks):
    return [r.name for r in report.results if r.mark in marks]


def slow_but(kept, rows):
    """Parameters, of which only some run by default: each report costs half a second."""
    return [row if row in kept else pytest.param(row, marks=pytest.mark.slow) for row in rows]


def level_of(step):
    return "careful" if step == 8 else "rules"


def test_the_empty_engine_has_no_point_and_is_accused_of_nothing():
    report = judged(EMPTY, "careful")
    assert (report.points, report.failures, report.level) == (0, [], None)


def test_the_solution_has_every_point():
    report = judged(SOLUTION, "careful")
    assert (report.ok, report.failures) == (True, [])
    assert report.points == report.max_points == FULL["careful"] - len([DEEPEST])
    rules = [r.mark for r in report.results if r.level == "rules"]
    assert rules.count("right") == FULL["rules"]


@pytest.mark.slow
def test_the_solution_is_right_at_a_depth_of_a_million_too():
    assert check_engine(load(SOLUTION), "careful").points == FULL["careful"]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_done_right_turns_more_marks_green_and_accuses_nothing(step):
    level = level_of(step)
    before, after = judged(engine(step - 1), level), judged(engine(step), level)
    new = [name for name in marked(after, "right") if name not in marked(before, "right")]
    assert after.failures == []
    assert new == [name for name in CHECKS if name in GREEN[step] and name != DEEPEST]
    assert set(marked(before, "right")) < set(marked(after, "right"))


def test_the_last_steps_reach_their_levels():
    assert judged(engine(7)).ok
    assert judged(engine(8), "careful").ok


HALVES = {  # between two steps
    "only the number is kept": (0, ["def __init__(self, data, inputs=(), slopes=()):\n"
                                    "    self.data = float(data)\n"]),
    "no inputs are kept": (0, ["def __init__(self, data, inputs=(), slopes=()):\n"
                               "    self.data = float(data)\n    self.grad = 0.0\n"]),
    "+ and * without a backward": (1, [AS_VALUE, "__add__", "__mul__"]),
    "+ and * and all sides without a backward": (1, [AS_VALUE, "__add__", "__radd__", "__mul__",
                                                     "__rmul__"]),
    "+ without the other side": (2, [AS_VALUE, BACKWARD, "__add__"]),
    "+ of two Values only": (2, [BACKWARD, "def __add__(self, other):\n    return Value(self.data +"
                                 " other.data, (self, other), (1.0, 1.0))\n"]),
    "every operator, no backward": (1, [AS_VALUE, *STEPS[3][2:], *STEPS[4], *STEPS[6]]),
    "functions before operators": (2, [BACKWARD, "import math\n", *STEPS[7]]),
    "- before /": (5, STEPS[6][1:4]),
    "** of plain numbers only": (5, [*STEPS[6][1:6], PLAIN_POWER]),
    "exp before the others": (6, STEPS[7][:1]),
}  # fmt: skip


@pytest.mark.parametrize("half", slow_but(list(HALVES)[2:4], HALVES))
def test_what_is_half_written_is_not_accused(half):
    step, texts = HALVES[half]
    source = engine(step)
    for text in texts:
        source = written(source, text)
    report = judged(source)
    assert report.failures == []
    assert set(marked(report, "right")) >= set(marked(judged(engine(step)), "right"))


SLOPE = "other * self.data ** (other - 1)"
TWICE = "            node.grad = 0.0\n        self.grad +=", "            pass\n        self.grad ="
ALL = "if node._inputs:  # only leaves collect over several calls", "if True:"
MISTAKES = [  # step, function, old text, new text, what check tells it, a word of the cause
    (1, "__init__", "float(data)", "0.0", "a number", ""),
    (1, "__init__", "float(data)", "abs(float(data))", "a number", ""),
    (2, "backward", "self.grad = 1.0", "self.grad = 0.0", "backward", "gradient 1"),
    (2, "backward", "self.grad = 1.0", "self.grad = self.data", "backward", "gradient 1"),
    (2, "backward", "self.grad = 1.0", "pass", "backward", "gradient 1"),
    (3, "backward", "x.grad +=", "x.grad =", "a + b", "="),
    (3, "backward", "reversed(self._order())", "self._order()", "a + b|backward", "walk|inputs"),
    (3, "__add__", "(self, other), ", "(self,), ", "a + b", "both inputs"),
    (3, "__add__", "(1.0, 1.0)", "(1.0,)", "a + b", "both inputs"),
    (3, "__add__", ", (self, other), (1.0, 1.0)", "", "a + b|backward", ""),
    (3, "__add__", "self.data + other.data", "self.data - other.data", "a + b", ""),
    (3, "__radd__", "self + other", "Value(other)", "2 + x", ""),
    (4, "__mul__", "(other.data, self.data)", "(self.data, other.data)", "a * b", "own"),
    (4, "__mul__", "(other.data, self.data)", "(1.0, 1.0)", "a * b", "sum"),
    (4, "__mul__", "(other.data, self.data)", "(other.data,)", "a * b", "both inputs"),
    (4, "backward", "slope * node.grad", "slope", "a * b", "multiply by out.grad"),
    (4, "__rmul__", "self * other", "self + other", "3 * x", ""),
    (5, "_order", "        seen.add(node)\n", "        pass\n", "a node used twice", "twice|once"),
    (5, "_order", "            order.append(node)\n", "        order.append(node)\n",
     "a node used twice", "twice|once"),
    (6, "__rsub__", "other + -self", "self - other", "2 - x", "sides"),
    (6, "__rtruediv__", "other * self**-1", "self / other", "3 / x", "sides"),
    (6, "__neg__", "self * -1.0", "Value(-self.data)", "-x", "_backward|inputs"),
    (6, "__pow__", SLOPE, "other * self.data ** other", "x ** 2", "fall"),
    (6, "__pow__", SLOPE, "self.data ** (other - 1)", "x ** 2", "exponent"),
    (6, "__rpow__", "Value(other) ** self", "self**other", "2 ** x", "sides"),
    (7, "tanh", "1.0 - out**2", "1.0 - out", "tanh", "squared"),
    (7, "tanh", ", (self,), (1.0 - out**2,)", "", "tanh", "inputs"),
    (7, "exp", "(out,)", "(math.exp(out),)", "exp", "not exp"),
    (7, "relu", "1.0 if is_open else 0.0", "1.0", "relu", "negative"),
    (8, "backward", *ALL, "backward twice", "leaves to 0"),
    (8, "backward", *TWICE, "backward twice", "handed on again"),
    (8, "relu", "self.data > 0.0", "self.data >= 0.0", "relu at 0", "x > 0"),
]  # fmt: skip


def wrong_engine(step, function, old, new):
    return changed(engine(step), ((function, old, new),))


FIRST = {row[0]: row for row in reversed(MISTAKES)}  # of each step


@pytest.mark.parametrize(
    "row",
    slow_but([FIRST[k] for k in (3, 4, 5)], MISTAKES),
    ids=lambda row: f"{row[0]}-{row[1]}-{row[3].strip()}",
)
def test_a_typical_mistake_is_told_at_its_own_step(row):
    step, function, old, new, name, word = row
    report = judged(wrong_engine(step, function, old, new), level_of(step))
    assert report.failures, "silent"
    first = report.failures[0]
    assert first.name in (name.split("|") if name else GREEN[step])
    assert any(w in first.cause for w in word.split("|"))
    told = {f.name for f in report.failures}
    allowed = {n for k in range(1, step + 1) for n in GREEN[k]} | {"relu at 0"}
    assert told <= allowed


# --- the page, the files and the commands ---

README = (COURSE / "README.md").read_text()


@pytest.mark.parametrize("step", STEPS)
def test_the_page_names_the_marks_that_a_step_turns_green(step):
    told = README.partition(f"## Step {step}:")[2].partition("\n## ")[0]
    told = told.partition("Turns green:")[2].partition("\n\n")[0]
    names = [name for name in re.findall("`([^`]+)`", " ".join(told.split())) if name in CHECKS]
    assert sorted(names) == sorted(GREEN[step])


def test_the_page_names_the_points():
    rules, careful = FULL["rules"], FULL["careful"]
    text = " ".join(README.split())
    assert f"{rules} points at the level `rules` and {careful - rules} more at `careful`" in text
    assert f"turn {sum(len(GREEN[k]) for k in range(1, 6))} marks green" in text
    assert f"step 6 turns {len(GREEN[6])}" in text


def test_the_empty_engine_and_the_solution_have_the_same_methods():
    for name in re.findall(r"    def (\w+)\(", EMPTY):
        assert extent(SOLUTION, name), name


def test_the_examples_of_the_solution_run():
    names = {}
    exec(SOLUTION, names)
    example = doctest.DocTestParser().get_doctest(names["__doc__"], names, "solution", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(example) == (0, 4)


def graded(tmp_path, source, level):
    (tmp_path / "engine.py").write_text(source)
    command = [sys.executable, str(COURSE / "grade.py"), "engine.py", "results.json", level]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((tmp_path / "results.json").read_text())


GRADED = [("empty", 0), ("step 4", 13), ("solution", 33), ("broken", 0), ("one missing", 32)]
SOURCES = {
    "empty": EMPTY, "step 4": engine(4), "solution": SOLUTION, "broken": "import nothing_there",
    "one missing": SOLUTION.replace("def __rpow__", "def other"),
}  # fmt: skip


@pytest.mark.parametrize("row", slow_but([GRADED[-1]], GRADED), ids=lambda row: row[0])
def test_a_grade_counts_what_the_solution_has(tmp_path, row):
    name, points = row
    printed, results = graded(tmp_path, SOURCES[name], "rules")
    assert printed == f"{points} of {FULL['rules']} points\n"
    assert sum(test["score"] for test in results["tests"]) == points
    assert {test["max_score"] for test in results["tests"]} == {1}
    assert {t["status"] for t in results["tests"] if t["score"] == 0} <= {"failed"}


@pytest.mark.slow
def test_what_is_taken_out_is_not_there_and_costs_nothing():
    taken = {"__pow__", "_to_the", "__rpow__", "exp"}
    source = SOLUTION
    for name in taken:
        start, end = extent(source, name)
        lines = source.split("\n")
        source = "\n".join([*lines[:start], *lines[end:]])
    source = source.replace("self * as_value(other) ** -1", "self * as_value(other)._inverse()")
    source = source.replace("other * self**-1", "other * self._inverse()")
    source += """
    def _inverse(self):
        return Value(1.0 / self.data, (self,), (-1.0 / self.data**2,))
"""
    report = judged(source)
    assert (report.ok, report.points, report.max_points) == (True, 25, 25)
    assert {"x ** 2", "a ** b", "exp", "micrograd's example"} <= set(report.absent)


@pytest.mark.slow
def test_the_command_that_the_page_names_shows_the_steps(tmp_path):
    (tmp_path / "engine.py").write_text(engine(3))
    command = [sys.executable, "-m", "micrograd_like", "check", "engine.py", "--level", "rules"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "not written yet: equal numbers, a * b" in done.stdout
    assert "\nx " not in done.stdout


def test_a_class_of_a_notebook_is_judged_and_shown():
    """A cell that defines the class in __main__, and one that asks for the report."""
    cells = [EMPTY, engine(5), SOLUTION.replace("1.0 - out**2", "1.0 + out**2")]
    ask = "print(check_engine(Value, 'rules')._repr_html_().count('<section>'))"
    script = "from micrograd_like.check_engine import check_engine\n" + "".join(
        f"exec(compile({cell!r}, '<ipython-input-{k}>', 'exec'))\n{ask}\n"
        for k, cell in enumerate(cells)
    )
    done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["0", "0", "1"], "")
