"""The toy sets: as large as asked for, and made by their formulas."""

import math

import pytest

from micrograd_like.data import make_noisy_line, make_spirals, make_xor

TOYS = [make_xor, make_spirals, make_noisy_line]


@pytest.mark.parametrize("make", TOYS)
def test_a_toy_set_has_n_rows_and_depends_on_its_seed_only(make):
    X, y = make(7, seed=4)
    assert len(X) == len(y) == 7
    assert make(7, seed=4) == (X, y) != make(7, seed=5)


@pytest.mark.parametrize("make", TOYS)
def test_a_toy_set_refuses_bad_sizes(make):
    with pytest.raises(ValueError, match=r"^n must be an int of at least 1, got 0$"):
        make(0)
    with pytest.raises(ValueError, match=r"^noise must be a finite number of at least 0, got -1$"):
        make(noise=-1)


def test_xor_is_the_sign_of_the_product():
    X, y = make_xor(40, noise=0.05)
    assert [int(a * b < 0) for a, b in X] == y


def test_the_arms_of_the_spirals_are_opposite_and_inside_the_unit_circle():
    X, y = make_spirals(60, noise=0.0)
    assert sum(y) == 30
    for (a, b), (c, d) in zip(X[::2], X[1::2]):
        assert (a, b) == pytest.approx((-c, -d))
        assert math.hypot(a, b) <= 1.0 + 1e-12


def test_without_noise_the_line_is_a_line():
    X, y = make_noisy_line(5, slope=3.0, intercept=-1.0, noise=0.0)
    assert y == [3.0 * x - 1.0 for [x] in X]
