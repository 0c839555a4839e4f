"""A report as a learner, a notebook and an autograder get it; made by hand, no engine is run."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from micrograd_like.check_engine.cases import LEVELS
from micrograd_like.check_engine.report import Failure, Report, Result

TANH = Failure(
    "tanh", "rules", "the gradient is 0", "x = Value(0.5)\ny = x.tanh()\ny.backward()",
    "x.grad", 0.0, "0.7864477329659274", "1 - tanh(0.5)**2",
    "tanh makes its result without setting _backward", ("a chain", "far out", "deep", "training"),
)  # fmt: skip
TWICE = Failure(
    "backward twice", "careful", "the gradient of a is 12",
    "a = Value(2.0)\ny = a * a\nfor k in range(2):\n    y.backward()",
    "a.grad", 12.0, "8.0", "", "", ("two losses",),
)  # fmt: skip
TYPO = Failure(
    "a - b", "rules", "it raises NameError", "a = Value(2.0)\nb = Value(-3.0)\ny = a - b",
    "", "NameError: name 'ohter' is not defined", "", "",
)  # fmt: skip


def results(text):
    """Marks by level, such as "rules: right exp, wrong tanh"."""
    found = []
    for line in text.split("; "):
        level, _, marks = line.partition(": ")
        for part in marks.split(", "):
            mark, _, name = part.partition(" ")
            found.append(Result(name, level, f"{name} is looked at", mark))
    return found


RIGHT = Report(
    "Value", "complete",
    results("rules: right a + b, right exp, absent log; careful: right deep; complete: right nan"),
    [],
)  # fmt: skip
WRONG = Report(
    "Value", "careful",
    results(
        "rules: right a + b, wrong a - b, right exp, wrong tanh, follows a chain; "
        "careful: follows deep, wrong backward twice, follows two losses, right far out, "
        "follows training"
    ),
    [TWICE, TYPO, TANH],
    ["it computes in single precision"],
)  # fmt: skip
UNFINISHED = Report(
    "Value", "rules",
    results("rules: right a + b, later exp, later tanh, absent log, absent x ** 2"), [],
)  # fmt: skip

TEXTS = {
    "right": (RIGHT, """\
check_engine(Value)
rules       2 of 2   ..
careful     1 of 1   .
complete    1 of 1   .
not there: log

Level reached: complete, the last one. Everything that was looked at is right."""),
    "wrong": (WRONG, """\
check_engine(Value)
rules       2 of 5   . x a - b . x tanh -
careful     1 of 5   - x backward twice -.-
                     . right, x wrong, - wrong because of another
note: it computes in single precision

x a - b: it raises NameError
    a = Value(2.0); b = Value(-3.0); y = a - b
    NameError: name 'ohter' is not defined

x tanh: the gradient is 0
    x = Value(0.5); y = x.tanh(); y.backward()
    x.grad is 0.0, should be 0.7864477329659274   (1 - tanh(0.5)**2)
    likely: tanh makes its result without setting _backward
    4 more checks need tanh

x backward twice: the gradient of a is 12
    a = Value(2.0)
    y = a * a
    for k in range(2):
        y.backward()
    a.grad is 12.0, should be 8.0
    1 more check needs backward twice: two losses

Level reached: none yet. The first one, rules, asks for every operator and function, value and
gradient, and the order of the walk; start with a - b."""),
    "unfinished": (UNFINISHED, """\
check_engine(Value)
rules       1 of 3   .
not there: log, x ** 2
not written yet: exp, tanh

Level reached: none yet. The first one, rules, asks for every operator and function, value and
gradient, and the order of the walk; start with exp."""),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
def test_the_text_says_marks_then_failures_then_the_level(kind):
    report, text = TEXTS[kind]
    assert str(report) == text


# --- levels and points ---


@pytest.mark.parametrize(
    ("marks", "asked", "level"),
    [
        ("rules: right a, absent b; careful: right c; complete: right d", "complete", "complete"),
        ("rules: right a; careful: right c; complete: wrong d", "complete", "careful"),
        ("rules: right a; careful: follows c; complete: right d", "complete", "rules"),
        ("rules: later a; careful: right c; complete: right d", "complete", None),
        ("rules: wrong a", "rules", None),
        ("rules: right a", "rules", "rules"),
        ("rules: absent a", "rules", "rules"),
    ],
)
def test_a_level_holds_if_it_and_all_below_are_right(marks, asked, level):
    report = Report("Value", asked, results(marks), [])
    assert report.level == level
    assert report.ok == (level == asked)
    assert f"Level reached: {level or 'none yet'}" in str(report)


def test_the_next_level_is_told_to_who_has_passed_what_was_asked():
    text = str(Report("Value", "rules", results("rules: right a"), []))
    assert "Level reached: rules. Everything that was asked for is right." in text
    assert "The next one, careful, asks for" in text


def test_points_are_what_is_right_of_what_is_there():
    assert (RIGHT.points, RIGHT.max_points, RIGHT.absent) == (4, 4, ["log"])
    assert (WRONG.points, WRONG.max_points) == (3, 10)
    assert (UNFINISHED.points, UNFINISHED.max_points) == (1, 3)


# --- text ---


def test_the_report_of_a_right_engine_is_short():
    many = [Result(f"{level} {k}", level, "", "right") for level in LEVELS for k in range(60)]
    assert len(str(Report("Value", "complete", many, [])).splitlines()) <= 8


def test_lines_fit_and_names_stay_whole():
    names = [f"{'very-' * (k % 7)}long name {k}" for k in range(40)]
    many = [Result(name, "rules", "", "wrong") for name in names]
    many += [Result(name, "rules", "", "absent") for name in names]
    lines = str(Report("Value", "rules", many, [])).splitlines()
    assert max(map(len, lines)) <= 96
    for name in names:
        assert any(f"x {name}" in line for line in lines)
        assert any(f" {name}," in line or line.endswith(f" {name}") for line in lines)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("x = Value(1.0)\ny = x + x", ["x = Value(1.0); y = x + x"]),
        ("x = Value(1.0)\nfor k in range(2): x = x + x", None),
        ("x = Value(1.0)  # one\ny = x", None),
        ("x = (1 +\n2)\ny = x", None),
        ("x = Value(1.0)\n" + "y = Value(123456789.0)\n" * 4 + "z = x", None),
        ("x = ", None),
    ],
)
def test_only_short_code_without_blocks_is_joined_and_all_of_it_can_be_pasted(code, shown):
    report = Report("V", "rules", results("rules: wrong a"), [TYPO._replace(code=code)])
    below = str(report).split("it raises NameError\n")[1]
    lines = [line[4:] for line in below.splitlines()]
    shown = shown or code.split("\n")
    assert lines[: len(shown)] == shown


def test_colour_is_only_added_to_the_text():
    coloured = WRONG.text(colour=True)
    assert "\x1b[38;5;166mx a - b\x1b[0m" in coloured
    assert "x backward twice\x1b[0m -\x1b[38;5;32m.\x1b[0m-\n" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == str(WRONG)
    assert "\x1b" not in str(WRONG)


# --- what an engine may send ---

HOSTILE = [
    "\x1b[2J\x1b[31m", "a\r\nb\0", "\u202eevil", "\ud800", "\u2028", "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>', "</style></div>", "x" * 10**6, "]]>&amp;", "\xa0",
]  # fmt: skip


def hostile(text):
    failure = Failure(text, "rules", text, f"{text}\n{text}", text, text, text, text, text, (text,))
    marks = [Result(text, "rules", text, "wrong"), Result(text, "rules", text, "absent")]
    return Report(text, "rules", marks, [failure, failure._replace(ask="")], [text])


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:8]))
def test_what_comes_from_an_engine_is_visible_and_short(text):
    report = hostile(text)
    for told in (report.text(), report._repr_html_(), report.to_json()):
        assert all(c.isprintable() or c == "\n" for c in told)
        assert len(told) < 40_000
        told.encode()
    assert all(line.isprintable() for line in report.text().split("\n"))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:8]))
def test_html_has_no_element_or_attribute_that_is_not_ours(text):
    page = hostile(text)._repr_html_()
    tags = set(re.findall(r"<([^\s>]+)", page))
    ours = {"div", "style", "p", "b", "table", "tr", "th", "td", "span", "section", "pre", "code"}
    assert {tag.removeprefix("/") for tag in tags} <= {*ours, "wbr"}
    assert page.count("</style>") == page.count("</div>") == 1
    attributes = {name for element in tree_of(page).iter() for name in element.attrib}
    assert attributes <= {"class", "role", "aria-label", "title", "scope"}


def tree_of(page):
    """As XML: our HTML with quotes around every attribute, and wbr closed."""
    quoted = re.sub(r"(?<=[ ])(class|role|scope)=([\w-]+)", r'\1="\2"', page)
    return ElementTree.fromstring(quoted.replace("<wbr>", "<wbr/>"))


# --- HTML ---


def test_html_says_what_the_text_says():
    told = " ".join("".join(tree_of(WRONG._repr_html_()).itertext()).split())
    for line in str(WRONG).split("\n\n", 1)[1].splitlines():
        shown = " ".join(line.split()).removeprefix("x ")
        assert shown in told, shown


def test_every_mark_has_a_text_for_who_does_not_see_it():
    marks = list(tree_of(WRONG._repr_html_()).iter("span"))
    words = {"right": "right", "wrong": "wrong", "follows": "wrong because of another"}
    assert [m.get("aria-label") for m in marks] == [
        f"{r.name}: {words[r.mark]} ({r.sentence})" for r in WRONG.results
    ]
    assert all(m.get("role") == "img" for m in marks)


def luminance(colour):
    """WCAG 2's relative luminance of "#rrggbb" or "#rgb"."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_can_be_read_on_light_and_on_dark():
    page = WRONG._repr_html_()
    light, dark = page.split("prefers-color-scheme: dark")
    for part in (light, dark):
        colours = dict(re.findall(r"--(\w+): (#\w+)", part))
        ground = luminance(colours["ground"])
        for name in ("ink", "soft", "right", "wrong"):
            low, high = sorted([luminance(colours[name]), ground])
            assert (high + 0.05) / (low + 0.05) >= 4.5, name


# --- JSON ---


def test_json_has_points_for_an_autograder():
    found = json.loads(WRONG.to_json())
    assert list(found) == [
        "engine", "asked", "level", "ok", "points", "max_points", "tests", "failures", "notes",
    ]  # fmt: skip
    assert sum(t["points"] for t in found["tests"]) == found["points"] == 3
    assert sum(t["max_points"] for t in found["tests"]) == found["max_points"] == 10
    assert (found["level"], found["ok"], found["asked"]) == (None, False, "careful")
    tests = {t["name"]: t for t in found["tests"]}
    assert tests["tanh"]["output"].startswith("x tanh: the gradient is 0\nx = Value(0.5); y =")
    assert tests["a chain"]["output"] == "it needs tanh"
    assert tests["exp"] == {
        "name": "exp", "level": "rules", "sentence": "exp is looked at", "mark": "right",
        "points": 1, "max_points": 1, "output": "",
    }  # fmt: skip


def test_json_has_the_failures_in_full():
    first, second, third = json.loads(WRONG.to_json())["failures"]
    assert [f["name"] for f in (first, second, third)] == ["a - b", "tanh", "backward twice"]
    assert second == {**TANH._asdict(), "got": "0.0", "followers": list(TANH.followers)}
    assert third["code"] == TWICE.code


def test_what_is_absent_costs_nothing_and_what_is_not_written_does():
    tests = {t["name"]: t for t in json.loads(UNFINISHED.to_json())["tests"]}
    assert (tests["log"]["points"], tests["log"]["max_points"]) == (0, 0)
    assert (tests["exp"]["points"], tests["exp"]["max_points"]) == (0, 1)
    assert (tests["log"]["output"], tests["exp"]["output"]) == ("not there", "not written yet")


@pytest.mark.parametrize("got", [float("nan"), float("inf"), [1.0, float("nan")]])
def test_json_is_strict_even_with_nan(got):
    report = Report("V", "rules", results("rules: wrong tanh"), [TANH._replace(got=got)])

    def refuse(constant):
        raise AssertionError(constant)

    found = json.loads(report.to_json(), parse_constant=refuse)
    assert found["failures"][0]["got"] == repr(got)
