"""Checking, scaling and splitting rows; scikit-learn judges the scaler."""

import math
import random
import re

import pytest
from sklearn.preprocessing import StandardScaler

from micrograd_like.data import (
    Scaler,
    batches,
    check_finite,
    train_test_split,
)

# --- checks ---

NOT_FINITE = {
    "flat": ([1.0, -math.inf], "X has -inf in row 1 (X[1])"),
    "image": ([[[[0.0], [math.inf]]]], "X has inf at X[0][0][1][0]"),
}


@pytest.mark.parametrize(("X", "message"), NOT_FINITE.values(), ids=NOT_FINITE)
def test_a_number_that_is_not_finite_is_named_by_its_place(X, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_finite(X)


def test_a_dict_is_no_list_of_numbers():
    with pytest.raises(TypeError, match=r"^X has dict \{'a': 1.0\} in row 0 \(X\[0\]\): expected"):
        check_finite([{"a": 1.0}])


def test_finite_data_of_any_depth_passes():
    check_finite([[[1, 2.0], [True, -0.0]], []])


@pytest.mark.parametrize(("thing", "shown"), [("a", "str 'a'"), (10**400, "int 1" + "0" * 59)])
def test_something_that_is_no_float_is_named_by_its_place(thing, shown):
    message = f"y has {shown} in row 1 (y[1]): expected a number"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        check_finite([1.0, thing], "y")


# --- Scaler ---

rng = random.Random(0)
MATRICES = {
    "gaussian": [[rng.gauss(5.0, 3.0), rng.gauss(-1e6, 1e-3)] for _ in range(50)],
    "constant": [[0.1, rng.random()] for _ in range(7)],
    "nearly constant": [[0.1 + 0.2, 1.0], [0.3, 2.0], [0.3, 3.0]],
    "one row": [[3.0, -4.0]],
}


@pytest.mark.parametrize("X", MATRICES.values(), ids=MATRICES)
def test_the_scaler_equals_scikit_learns(X):
    ours, theirs = Scaler().fit(X), StandardScaler().fit(X)
    assert ours.mean == pytest.approx(list(theirs.mean_), rel=1e-12)
    assert ours.scale == pytest.approx(list(theirs.scale_), rel=1e-6)
    for row, expected in zip(ours.transform(X), theirs.transform(X)):
        assert row == pytest.approx(list(expected), abs=1e-6)


def test_scaled_columns_have_mean_0_and_variance_1():
    for column in zip(*Scaler().fit_transform(MATRICES["gaussian"])):
        # 1e-10 is half an ulp of -1e6, here divided by a scale of 1e-3
        assert math.fsum(column) / 50 == pytest.approx(0.0, abs=1e-7)
        assert math.fsum(v * v for v in column) / 50 == pytest.approx(1.0)


def test_huge_numbers_do_not_overflow_the_variance():
    assert Scaler().fit_transform([[1e200], [-1e200]]) == [[1.0], [-1.0]]


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda s: s.fit([[1.0, 2.0], [3.0]]), "Scaler expects rows of 2 numbers, got 1 in row 1"),
        (lambda s: s.fit([[1.0]]).transform([[1.0, 2.0]]),
         "Scaler expects rows of 1 numbers, got 2 in row 0"),
        (lambda s: s.fit([[math.nan]]), "X has nan in row 0, column 0 (X[0][0])"),
        (lambda s: s.fit([]), "Scaler needs at least one row and one column"),
        (lambda s: s.transform([[1.0]]),
         "this Scaler has no mean and scale yet: call fit(X) first"),
    ],
)  # fmt: skip
def test_the_scaler_refuses_rows_that_do_not_fit(use, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        use(Scaler())


# --- splits and batches ---


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_a_split_keeps_every_row_once_and_with_its_target(n, stratify):
    X, y = [[float(i)] for i in range(n)], [i % 3 for i in range(n)]
    X_train, X_test, y_train, y_test = train_test_split(X, y, 0.3, seed=1, stratify=stratify)
    assert sorted(X_train + X_test) == X
    assert [int(x) % 3 for [x] in X_train + X_test] == y_train + y_test
    assert len(X_test) == math.ceil(n * 0.3)


def test_the_seed_decides_the_split():
    X = y = list(range(30))
    assert train_test_split(X, y, seed=1) == train_test_split(X, y, seed=1)
    assert train_test_split(X, y, seed=1) != train_test_split(X, y, seed=2)


@pytest.mark.parametrize("seed", range(5))
def test_a_stratified_split_keeps_the_proportions(seed):
    y = [0] * 80 + [1] * 16 + [2] * 4
    *_, y_test = train_test_split(y, y, test_size=0.25, seed=seed, stratify=True)
    assert [y_test.count(c) for c in range(3)] == [20, 4, 1]


@pytest.mark.parametrize(
    ("X", "test_size", "message"),
    [
        ([1, 2], 0.0, "test_size must be between 0 and 1, got 0.0"),
        ([1, 2], 1.0, "test_size must be between 0 and 1, got 1.0"),
        ([1, 2], math.nan, "test_size must be between 0 and 1, got nan"),
        ([1], 0.5, "a test_size of 0.5 leaves no row of 1 to train on"),
    ],
)
def test_a_split_that_leaves_nothing_is_refused(X, test_size, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        train_test_split(X, X, test_size)


def test_batches_hold_every_index_once_in_an_order_that_the_seed_decides():
    shuffled = list(batches(10, 4, random.Random(3)))
    assert [len(batch) for batch in shuffled] == [4, 4, 2]
    assert sorted(i for batch in shuffled for i in batch) == list(range(10))
    assert shuffled == list(batches(["x"] * 10, 4, random.Random(3)))
    rng = random.Random(3)
    assert list(batches(10, 4, rng)) != list(batches(10, 4, rng))


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((0, 1), ValueError, "the number of samples must be an int of at least 1, got 0"),
        ((True, 1), ValueError, "the number of samples must be an int of at least 1, got True"),
        ((3, 0), ValueError, "batch_size must be an int of at least 1, got 0"),
        ((3, True), ValueError, "batch_size must be an int of at least 1, got True"),
        ((3, 1.5), ValueError, "batch_size must be an int of at least 1, got 1.5"),
        ((3, 1, 7), TypeError, "rng must be a random.Random, got int 7"),
    ],
)
def test_bad_batches_are_refused_before_the_first_one(args, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        batches(*args)
