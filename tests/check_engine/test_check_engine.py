"""The judge: silent on right engines, and on wrong ones the first thing it says is the root cause.

The engines are those of helpers/engines: right ones in many styles, one for each mistake that was
seen in public, and mutants that a program makes.
"""

import math
import re
import signal
import time
from pathlib import Path

import pytest
import torch
from helpers.engines.mutants import mutants
from helpers.engines.right import RIGHT
from helpers.engines.wrong import HOSTILE, RULES, WRONG

from micrograd_like import Value
from micrograd_like import check_engine as room
from micrograd_like.check_engine import CHECKS, BadEngine, check_engine
from micrograd_like.check_engine.cases import LEVELS
from micrograd_like.check_engine.contain import Contained
from micrograd_like.check_engine.functions import FUNCTIONS, OPERATORS, RULES_OF_ONE, filled

# What the engines' tables call a check, in the words of CHECKS.
CALLED = {
    "2 ** v": "2 \\*\\* x", "2 - v": "2 - x", "2 / v": "3 / x", "2 + v": "2 \\+ x",
    "v **": "x \\*\\* ", "v * w": "a \\* b", "v / w": "a / b", "v - w": "a - b", "v + w": "a \\+ b",
    "-v": "-x", "+=": "y \\+= x", "walk": "walk|diamond|backward|branches|used",
    "depth": "depth|linear",
    "used twice": "used twice", "changed": "changed", "garbage": "garbage|leak",
    "walk|mutant": "backward|equal|used|branches|diamond|chain|example",
}  # fmt: skip
FEATURES = {
    "add": "a \\+ b", "radd": "2 \\+ x", "mul": "a \\* b", "rmul": "3 \\* x", "neg": "-x",
    "sub": "a - b", "rsub": "2 - x", "truediv": "a / b", "rtruediv": "3 / x",
    "pow": "\\*\\*", "rpow": "2 \\*\\* x", "walk": CALLED["walk|mutant"],
}  # fmt: skip


CALLED |= FEATURES


def is_named(accused, name):
    """Whether a failure's name is one of the alternatives that a table gives."""
    patterns = [CALLED.get(word, re.escape(word)) for word in accused.split("|")]
    return any(re.search(pattern, name) for pattern in patterns)


def said(failure):
    return f"{failure.name} {failure.headline} {failure.got} {failure.cause}".lower()


# --- right engines ---


@pytest.mark.parametrize(
    "engine",
    [pytest.param(e, marks=[pytest.mark.slow] * (k % 2), id=e.name) for k, e in enumerate(RIGHT)],
)
def test_a_right_engine_is_not_accused_of_a_wrong_rule(engine):
    adapter = (
        {"backward": "{}.grad = 1.0; {}.backward()"} if engine.name == "seed_by_user" else None
    )
    report = check_engine(engine.load(), "rules", adapter)
    assert report.failures == []
    assert report.level == "rules"


@pytest.mark.slow
@pytest.mark.parametrize("engine", [e for e in RIGHT if e.holds == "careful"], ids=lambda e: e.name)
def test_an_engine_that_is_right_when_used_twice_and_deep_passes_the_second_level(engine):
    assert check_engine(engine.load(), "careful").failures == []


@pytest.mark.parametrize("engine", HOSTILE, ids=lambda e: e.name)
def test_an_engine_with_hostile_manners_and_right_numbers_is_not_accused(engine):
    assert check_engine(engine.load(), "rules").failures == []


def test_our_own_value_passes_all_levels():
    report = check_engine(Value)
    assert report.ok
    assert report.level == "complete"
    assert sum(result.mark == "right" for result in report.results) > 120


KNOWN = ["backward twice", "a changed leaf", "the same bits", "depth 1,000", "no garbage"]


def test_micrograd_passes_the_rules_and_fails_what_it_is_known_to_fail():
    engine = pytest.importorskip("micrograd.engine", reason="it is in the extra bench")
    report = check_engine(engine.Value, "careful")
    assert report.level == "rules"
    assert [failure.name for failure in report.failures] == KNOWN


def test_the_first_two_levels_take_less_than_two_seconds():
    closures = next(engine for engine in RIGHT if engine.name == "closures_full").load()

    def seconds():
        start = time.perf_counter()
        check_engine(closures, "careful")
        return time.perf_counter() - start

    assert any(seconds() < 4.0 for _ in range(3))  # 0.7 s alone; others may run beside it


# --- wrong engines ---

REFUSED = {"takes_no_number"}  # they cannot be tried at all


SLOW = {"backward_hangs", "exp_hangs"} | {
    engine.name for engine in WRONG if engine.level != "rules" and engine.name != "recursion"
}  # they are deep, or late
SLOW |= {engine.name for k, engine in enumerate(RULES) if k % 6 != 1}  # many are like them


@pytest.mark.parametrize(
    "engine",
    [pytest.param(e, marks=[pytest.mark.slow] if e.name in SLOW else [], id=e.name) for e in WRONG],
)
def test_a_wrong_engine_is_accused_of_its_root_cause_first(engine):
    if engine.name in REFUSED:
        with pytest.raises(BadEngine, match="a number should be enough"):
            check_engine(engine.load())
        return
    report = check_engine(engine.load(), engine.level)
    first = report.failures[0]
    assert first.level == engine.level
    assert is_named(engine.accused, first.name), first
    assert any(word.lower() in said(first) for word in engine.cause.split("|")), first
    names = [failure.name for failure in report.failures]
    for word in filter(None, engine.follows.split("|")):
        assert not any(is_named(word, name) for name in names), names


def test_what_follows_from_another_mistake_is_told_in_one_line():
    assigns = next(engine for engine in WRONG if engine.name == "mul_assigns")
    report = check_engine(assigns.load(), "rules")
    (failure,) = report.failures
    assert {"a - b", "a chain"} <= set(failure.followers)
    assert "more checks need a * b" in str(report)


def _judged(mutant):
    """The names of what is accused; "" stands for what was not wrong before the change."""
    report = check_engine(mutant.load(), mutant.level)
    return [failure.name for failure in report.failures if failure.level == mutant.level]


def _is_named_right(mutant, names):
    return any(re.search(FEATURES.get(mutant.feature, re.escape(mutant.feature)), n) for n in names)


def _check_mutants(chosen):
    judged = {m: _judged(m)[:1] for m in chosen}
    missed = [m.name for m, names in judged.items() if not names]
    misnamed = [m.name for m, names in judged.items() if names and not _is_named_right(m, names)]
    assert len(missed) <= len(chosen) / 100, missed
    assert len(misnamed) <= len(chosen) / 50, misnamed


@pytest.mark.slow
def test_99_of_100_mutants_are_caught_and_named():
    chosen = [m for m in mutants() if m.level == "rules"]
    assert len(chosen) >= 200
    _check_mutants(chosen)


# --- the table ---


def _torch_of(name):
    special = {"leaky_relu": torch.nn.functional.leaky_relu, "elu": torch.nn.functional.elu}
    special |= {"gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu}
    special |= {"softplus": torch.nn.functional.softplus, "cube": lambda x: x**3}
    return special.get(name) or getattr(torch, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_gives_the_numbers_that_the_formulas_of_a_function_give(name):
    rule = RULES_OF_ONE[name]
    for point in rule.points:
        x = torch.tensor(point["x"], dtype=torch.float64, requires_grad=True)
        y = _torch_of(name)(x)
        y.backward()
        number = room.cases.number_of
        assert number(filled(rule.values[0], **point)) == pytest.approx(y.item(), rel=1e-13)
        assert number(filled(rule.slopes["x"][0], **point)) == pytest.approx(
            x.grad.item(), rel=1e-13
        )


@pytest.mark.parametrize("name", OPERATORS)
def test_torch_gives_the_numbers_that_the_formulas_of_an_operator_give(name):
    rule = RULES_OF_ONE[name]
    for point in rule.points:
        leaves = {
            n: torch.tensor(x, dtype=torch.float64, requires_grad=True) for n, x in point.items()
        }
        y = eval(rule.code, {}, leaves)
        y.backward()
        assert room.cases.number_of(filled(rule.values[0], **point)) == pytest.approx(y.item())
        for n, leaf in leaves.items():
            slope = room.cases.number_of(filled(rule.slopes[n][0], **point))
            assert slope == pytest.approx(leaf.grad.item(), rel=1e-13)


@pytest.mark.parametrize("name", RULES_OF_ONE)
def test_a_mistake_differs_from_the_right_slope_at_some_point(name):
    rule = RULES_OF_ONE[name]
    for node, mistakes in rule.mistakes.items():
        for formula in mistakes:
            wrong = [_or_nan(filled(formula, **p)) for p in rule.points]
            right = [_or_nan(filled(rule.slopes[node][0], **p)) for p in rule.points]
            assert wrong != pytest.approx(right, rel=1e-6), formula


def _or_nan(formula):
    try:
        return room.cases.number_of(formula)
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def test_every_check_has_a_sentence_and_a_level_and_stands_in_the_order_of_the_levels():
    assert check_engine.CHECKS is CHECKS
    levels = [LEVELS.index(check.level) for check in CHECKS.values()]
    assert levels == sorted(levels)
    assert all(check.sentence and check.cases for check in CHECKS.values())


# --- adapters, bad input ---


class Odd:
    """Nothing of it is called as in micrograd."""

    def __init__(self, number, tracked):
        self.number_of_mine, self.slope_of_mine, self.rule = number, 0.0, None
        assert tracked

    def __add__(self, other):
        out = Odd(self.number_of_mine + other.number_of_mine, True)

        def rule(g):
            self.go(g)
            other.go(g)

        out.rule = rule
        return out

    def __mul__(self, other):
        out = Odd(self.number_of_mine * other.number_of_mine, True)

        def rule(g):
            self.go(g * other.number_of_mine)
            other.go(g * self.number_of_mine)

        out.rule = rule
        return out

    def go(self, g):
        self.slope_of_mine += g
        if self.rule:
            self.rule(g)


ODD = {
    "new": "Odd({}, True)", "data": "{}.number_of_mine", "grad": "{}.slope_of_mine",
    "backward": "{}.go(1.0)",
}  # fmt: skip


def test_an_adapter_says_what_cannot_be_found():
    report = check_engine(Odd, "rules", ODD)
    assert report.ok
    assert "a * b" not in report.absent


class Sums:
    """Only + and - are there, and a reflected - that needs a minus sign, which is not."""

    def __init__(self, data, *inputs):
        self.data, self.grad, self.inputs = data, 0.0, inputs

    def __add__(self, other, sign=1.0):
        other = other if isinstance(other, Sums) else Sums(other)
        return Sums(self.data + sign * other.data, (self, 1.0), (other, sign))

    def __sub__(self, other):
        return self.__add__(other, -1.0)

    def __rsub__(self, other):
        return Sums(other) + (-self)

    def backward(self, g=1.0):
        self.grad += g
        for x, slope in self.inputs:
            x.backward(g * slope)


def test_what_python_finds_no_operator_for_is_not_there_and_what_an_engine_cannot_do_is_told():
    report = check_engine(Sums, "rules")
    assert {"a * b", "-x", "a diamond", "a node used three times"} <= set(report.absent)
    (failure,) = report.failures
    assert (failure.name, failure.headline) == ("2 - x", "it raises TypeError")
    assert "bad operand type for unary -" in str(failure.got)


def test_a_word_of_an_adapter_may_be_a_function():
    report = check_engine(Odd, "rules", {**ODD, "backward": lambda node: node.go(1.0)})
    assert report.ok


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        ("new", "a number should be enough; if it needs more, pass adapter={'new'"),
        ("backward", "nothing of Odd(1.5, True) is called backward"),
    ],
)
def test_what_cannot_be_found_is_said_with_how_to_pass_it(left_out, sentence):
    with pytest.raises(BadEngine, match=re.escape(sentence)):
        check_engine(Odd, "rules", {w: how for w, how in ODD.items() if w != left_out})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((Value(1.0),), "check_engine expects a class such as Value, got Value: pass the class"),
        ((Value, "best"), "unknown level 'best': choose from rules, careful, complete"),
        ((Value, "rules", {"forward": "{}"}), "unknown word 'forward' in adapter: choose from new"),
        ((Value, "rules", {"grad": "grad"}), "must be a function or a template with {}"),
        ((float,), "nothing of float(1.5) is"),
    ],
)
def test_a_wrong_call_gets_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as error:
        check_engine(*arguments)
    assert "\n" not in str(error.value)


def test_an_engine_that_prints_says_nothing_and_its_module_stays_as_it_was(capfd):
    prints = next(engine for engine in RIGHT if engine.name == "prints")
    check_engine(prints.load(), "rules")
    assert capfd.readouterr() == ("", "")
    before = math.tanh
    patches = next(engine for engine in WRONG if engine.name == "patches_math")
    check_engine(patches.load(), "rules")
    assert math.tanh is before


def test_an_interrupt_leaves_no_process_of_the_engine(tmp_path):
    """Ctrl-C while a program loops: the program and its parent are gone."""
    pid = tmp_path / "pid"
    loops = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass"

    def interrupted(*args):
        if pid.exists() and pid.stat().st_size:  # else the program has not begun
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 0.7, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt), Contained(lambda: Value) as engine:
            engine.run(loops, seconds=30.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    time.sleep(0.2)
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert not state.exists() or state.read_text().split(") ")[1][0] == "Z"  # dead, not collected


def test_a_program_that_kills_its_whole_group_ends_nothing_but_itself():
    """The process that keeps the engine is in that group, and begins anew."""
    with Contained(lambda: Value) as engine:
        killed = engine.run("import os\nos.killpg(0, 9)")
        assert killed.trouble.kind == "died"
        assert engine.run("x = Value(2.0)", ["x.data"]).numbers == {"x.data": 2.0}


class SeedsLeaves:
    """backward begins with 1 only at a leaf: elsewhere the user does."""

    def __init__(self, data, *inputs):
        self.data, self.grad, self.inputs = data, 0.0, inputs

    def __add__(self, other):
        return SeedsLeaves(self.data + other.data, self, other)

    def backward(self):
        if not self.inputs:
            self.grad = 1.0
        for x in self.inputs:
            x.grad += self.grad
            if x.inputs:
                x.backward()


def test_an_engine_whose_leaves_alone_have_a_seed_gets_a_report():
    report = check_engine(SeedsLeaves, "rules")
    assert {"backward", "a + b"} <= {r.name for r in report.results if r.mark == "right"}


# --- two ways to one report ---

TWO_WAYS = [*RIGHT[::5], *[e for e in WRONG if e.level == "rules" and not e.contained][::6]]
TWO_WAYS = [pytest.param(e, marks=[pytest.mark.slow] * (k % 7 > 0), id=e.name)
            for k, e in enumerate(TWO_WAYS)]  # fmt: skip


def facts(report):
    said = [(f.name, f.code, f.ask, str(f.got), f.cause, f.followers) for f in report.failures]
    return said, report.level, [(r.name, r.mark) for r in report.results]


@pytest.mark.parametrize("engine", TWO_WAYS)
def test_programs_in_one_process_and_each_check_alone_give_the_same_report(engine, monkeypatch):
    cls = engine.load()
    together = facts(check_engine(cls, "rules"))
    monkeypatch.setattr(room.judge._Judge, "_all_together", lambda self, level: {})
    assert facts(check_engine(cls, "rules")) == together


@pytest.mark.parametrize("engine", TWO_WAYS[::2])
def test_a_process_and_a_thread_give_the_same_report(engine, monkeypatch):
    cls = engine.load()
    forked = facts(check_engine(cls, "rules"))
    monkeypatch.delattr("os.fork")
    assert facts(check_engine(cls, "rules")) == forked


def test_where_no_process_can_be_forked_a_thread_judges(monkeypatch):
    monkeypatch.delattr("os.fork")
    closures = next(engine for engine in RIGHT if engine.name == "closures").load()
    assert check_engine(closures, "rules").ok
    engine = Contained(lambda: Value)
    assert engine.run("while True:\n    pass", seconds=0.3).trouble.kind == "late"
    assert engine.run("x = Value(2.0)\ny = x * x", ["y.data"]).numbers == {"y.data": 4.0}
