"""fit in Python and compiled: the same numbers, or a sentence why it cannot be compiled."""

import math
from collections import Counter

import pytest
from helpers.trainings import CASES, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograd_like import train
from micrograd_like.jit import JitError


def differences(one, two, at=""):
    """Where two nestings are not equal to 1e-9."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        return [d for key in one for d in differences(one[key], two[key], f"{at}.{key}")]
    if isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        return [d for i, (a, b) in enumerate(zip(one, two)) for d in differences(a, b, f"{at}.{i}")]
    if isinstance(one, float) and isinstance(two, float):
        same = math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9) or (one != one and two != two)
    else:
        same = one == two
    return [] if same else [f"{at}: {one!r} is not {two!r}"]


@pytest.fixture(autouse=True)
def everything_is_worth_compiling(monkeypatch):
    monkeypatch.setattr(train.steps, "WORTH_COMPILING", 0)


def compare_two_ways(n):
    """How often a training of n was compiled, compiled until something changed, and so on."""
    seen = Counter()

    @settings(max_examples=n)
    @given(CASES, st.sampled_from([True, "auto", "auto"]))
    def check(case, jit):
        python, _, error = outcome(case, False)
        compiled, says, other = outcome(case, jit)
        if jit is True and isinstance(other, JitError):
            assert len(str(other)) > 20
            seen["refused"] += 1
            return
        assert (type(other), str(other)) == (type(error), str(error))
        assert not differences(compiled, python)
        for how in says or ["error"]:
            seen[how.split(":")[0]] += 1

    check()
    return seen


def test_a_hundred_generated_trainings_are_the_same_compiled():
    seen = compare_two_ways(100)
    assert seen["compiled"] > 40, seen


@pytest.mark.slow
def test_thousands_of_generated_trainings_are_the_same_compiled():
    seen = compare_two_ways(3000)
    assert seen["compiled"] > 1200, seen
    print(seen)
