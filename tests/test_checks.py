"""Each check of a setting: what it lets through, as what, and the sentence for what it does not."""

import math
import re

import numpy as np
import pytest

from micrograd_like.checks import as_number, check_all, choice, integer, is_int, number, pair


@pytest.mark.parametrize(
    ("check", "given", "kept"),
    [
        (as_number, 10**400, math.inf),
        (number(), -1, -1.0),
        (number(0.0), np.float32(0.5), 0.5),
        (number(0.0, 1.0), 1, 1.0),
        (number(0.0, 1.0, below=True), 0.0, 0.0),
        (pair(0.0, 1.0), [0, 0.5], (0.0, 0.5)),
        (integer(1), np.int64(1), 1),
        (integer(0), 2**70, 2**70),
        (choice("min", "max"), "max", "max"),
    ],
)
def test_what_is_in_range_comes_back_as_what_it_stands_for(check, given, kept):
    found = check("it", given)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (as_number, "1", "it must be a number, got str '1'"),
        (as_number, True, "it must be a number, got bool True"),
        (as_number, None, "it must be a number, got NoneType None"),
        (number(), math.nan, "it must be a finite number, got nan"),
        (number(), 10**400, "it must be a finite number, got 1" + "0" * 59),
        (number(0.0), -1, "it must be a finite number of at least 0, got -1"),
        (number(0.0, 1.0), 1.5, "it must be at most 1, got 1.5"),
        (number(0.0, 1.0, below=True), 1.0, "it must be below 1, got 1.0"),
        (pair(0.0, 1.0), 0.5, "it must be two numbers of at least 0 and below 1, got 0.5"),
        (pair(0.0, 1.0), (0.5, 1), "it must be two numbers of at least 0 and below 1, got (0.5, 1"),
        (pair(0.0, 1.0), (0.5, -1), "it must be a finite number of at least 0, got -1"),
        (integer(1), 0, "it must be an int of at least 1, got 0"),
        (integer(1), True, "it must be an int of at least 1, got True"),
        (integer(1), 2.0, "it must be an int of at least 1, got 2.0"),
        (integer(0, 9), 10, "it must be an int of at most 9, got 10"),
        (choice("min", "max"), "mean", "unknown it 'mean': choose from min, max"),
        (choice(True, False), "no", "unknown it 'no': choose from True, False"),
    ],
)
def test_what_is_out_of_range_is_refused_with_a_sentence(check, given, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check("it", given)


def test_one_of_a_pair_is_named_in_the_singular():
    with pytest.raises(ValueError, match=r"^beta must be a number, got str 'x'$"):
        pair(0.0, 1.0)("betas", ("x", 0.5))


def test_whole_numbers_of_any_library_are_ints_and_truth_is_none():
    assert is_int(np.int8(3))
    assert not is_int(True)
    assert not is_int(3.0)


def test_only_what_is_declared_is_checked():
    assert check_all({"lr": number(0.0), "eps": number()}, {"lr": 1, "x": "y"}) == {"lr": 1.0}
