"""Toy sets; scikit-learn judges those that it has too."""

import math

import pytest
from sklearn import datasets

from micrograd_like.data import (
    make_circles,
    make_classification,
    make_moons,
    make_noisy_line,
    make_spirals,
    make_xor,
)

TOYS = [
    make_circles, make_classification, make_moons, make_noisy_line, make_spirals, make_xor,
]  # fmt: skip


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


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(make_moons, datasets.make_moons), (make_circles, datasets.make_circles)],
)
@pytest.mark.parametrize("n", [2, 40])
def test_without_noise_the_points_are_scikit_learn_s(ours, theirs, n):
    more = {"factor": 0.3} if ours is make_circles else {}
    X, y = theirs(n, shuffle=False, **more)
    expected = sorted(zip(y.tolist(), X.round(9).tolist()))
    X, y = ours(n, noise=0.0, **more)
    mine = sorted(zip(y, [[round(v, 9) for v in row] for row in X]))
    for (y1, row1), (y2, row2) in zip(mine, expected, strict=True):
        assert y1 == y2
        assert row1 == pytest.approx(row2, abs=1e-8)


def test_only_the_informative_features_tell_the_class():
    X, y = make_classification(3000, noise=0.5, n_features=5, n_informative=3, n_classes=6)
    assert sorted(set(y)) == list(range(6))
    for c in range(6):
        rows = [row for row, k in zip(X, y) if k == c]
        means = [sum(column) / len(column) for column in zip(*rows)]
        centre = [2.0 * (c >> k & 1) - 1.0 for k in range(3)]
        assert means == pytest.approx([*centre, 0.0, 0.0], abs=0.15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_circles(factor=1.0), "factor must be below 1, got 1.0"),
        (lambda: make_classification(n_informative=5), "n_informative must be an int .*, got 5"),
        (lambda: make_classification(n_classes=5), "n_classes must be an int .*, got 5"),
    ],
)
def test_a_shape_that_cannot_be_gets_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
