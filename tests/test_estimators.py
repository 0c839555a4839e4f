"""The estimators by scikit-learn's own checks, in its tools, and beside its own networks."""

import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from micrograd_like import MLP, Adam, cross_entropy, fit, mse_loss
from micrograd_like.estimators import MLPClassifier, MLPRegressor
from micrograd_like.train import EarlyStopping

SMALL = {"hidden_layer_sizes": (4,), "learning_rate_init": 0.05, "max_iter": 12, "random_state": 0}


# Older versions of scikit-learn give a generator, which pytest does not take.
CHECKS = parametrize_with_checks([MLPClassifier(**SMALL), MLPRegressor(**SMALL)]).mark


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_scikit_learns_own_checks_pass(estimator, check):
    check(estimator)


def test_a_grid_search_over_a_pipeline_finds_a_good_classifier():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=30))
    grid = {"mlpclassifier__hidden_layer_sizes": [(4,), (8,)]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9


def test_the_regressor_explains_what_a_line_explains():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:200] * 20.0, (y[:200] - 150.0) / 80.0
    assert MLPRegressor((4,), max_iter=10, random_state=0).fit(X, y).score(X, y) > 0.4


def test_an_unknown_solver_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="unknown solver 'lbfgs': choose from sgd, adam"):
        MLPClassifier(solver="lbfgs").fit([[0.0], [1.0]], [0, 1])


# --- defaults do well (all five data sets: benchmarks/benchmark_defaults.py) ---


def test_the_default_classifies_raw_wine_as_well_as_a_linear_model():
    X, y = load_wine(return_X_y=True)
    X, held_out, y, right = train_test_split(X, y, random_state=0, stratify=y)
    best = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y).score(held_out, right)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # and it converges
        ours = MLPClassifier(random_state=0).fit(X, y)
    assert ours.score(held_out, right) >= best - 0.02


@pytest.mark.parametrize("scaled", [False, True])
def test_the_default_explains_what_a_linear_model_explains_of_raw_diabetes(scaled):
    X, y = load_diabetes(return_X_y=True)
    X, held_out, y, right = train_test_split(X, y, random_state=1)
    ours = MLPRegressor(random_state=0)
    model = make_pipeline(StandardScaler(), ours) if scaled else ours
    wanted = LinearRegression().fit(X, y).score(held_out, right) - 0.05
    assert model.fit(X, y).score(held_out, right) >= wanted
    assert ours.best_loss_ == min(ours.history_["val_loss"])
    assert ours.history_["val_loss"].index(ours.best_loss_) + 1 == ours.best_iter_ < ours.n_iter_


def test_the_benchmark_of_the_defaults_runs(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import benchmark_defaults

    [row] = benchmark_defaults.rows(quick=True)
    assert row["data"] == "iris, raw"
    assert {"estimator", "command line", "linear", "scikit-learn's MLP"} < row.keys()
    del sys.modules["benchmark_defaults"]


@pytest.mark.parametrize("alpha", [0.0, 1.0, 100.0])
def test_alpha_means_what_it_means_in_scikit_learn(alpha):
    """Full batches of a linear network, to the end: a convex problem with one answer."""
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X[:100, :4]), (y[:100] - y[:100].mean()) / y[:100].std()
    same = {"batch_size": 100, "alpha": alpha, "max_iter": 3000, "tol": 0.0, "random_state": 0}
    same |= {"hidden_layer_sizes": (), "activation": "identity", "learning_rate_init": 0.01}
    ours = MLPRegressor(**same, early_stopping=False, n_iter_no_change=np.inf).fit(X, y)
    with pytest.warns(ConvergenceWarning):  # it is asked to go on to the end
        theirs = TheirRegressor(**same, n_iter_no_change=3000).fit(X, y)
    assert np.allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-4)
    assert np.abs(ours.coefs_[0]).max() > 0.01


def test_a_network_that_goes_on_improving_is_a_convergence_warning():
    X, y = load_iris(return_X_y=True)
    with pytest.warns(
        ConvergenceWarning, match="MLPClassifier has not converged: after max_iter=3 "
    ):
        MLPClassifier(max_iter=3, random_state=0).fit(X, y)


# --- the two ways: by hand ---


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_fit_by_hand_gives_the_same_parameters(kind, early_stopping):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) * [1.0, 10.0, 0.1] + 5.0
    y = (X[:, 0] > 5.0).astype(int) if kind is MLPClassifier else X[:, 0] * 7.0
    model = kind((4,), max_iter=5, random_state=1, batch_size=16, alpha=0.5)
    model.set_params(early_stopping=early_stopping).fit(X, y)
    seed = int(np.random.RandomState(1).randint(2**31 - 1))
    rows = StandardScaler().fit_transform(X).tolist()
    classes = kind is MLPClassifier
    targets = y.tolist() if classes else ((y - y.mean()) / y.std()).tolist()
    options = {}
    if early_stopping:
        from micrograd_like.data import train_test_split as split

        rows, held_out, targets, right = split(rows, targets, 0.15, seed, stratify=classes)
        options = {"validation": (held_out, right), "callbacks": [EarlyStopping(patience=20)]}
    by_hand = MLP(3, [4, 2 if classes else 1], output_activation="linear", rng=seed)
    fit(
        by_hand, rows, targets, cross_entropy if classes else mse_loss,
        Adam(by_hand.parameters(), lr=0.01), 5, 16, seed=seed, progress=False,
        l2=0.5 / 16 * (0.5 if classes else 1.0), **options,
    )  # fmt: skip
    wanted = by_hand.state_dict()
    assert model.model_.state_dict() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_partial_fit_again_and_again_is_fit(kind, shuffle):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2)) * 3.0 + 1.0
    y = np.where(X[:, 0] > 1.0, "b", "a") if kind is MLPClassifier else X.sum(axis=1) * 9.0
    settings = {"max_iter": 6, "random_state": 3, "early_stopping": False, "shuffle": shuffle}
    at_once, by_parts = kind((5,), **settings).fit(X, y), kind((5,), **settings)
    first = {"classes": ["a", "b"]} if kind is MLPClassifier else {}
    for i in range(6):
        by_parts.partial_fit(X, y, **(first if i == 0 else {}))
        if i == 2:
            by_parts = pickle.loads(pickle.dumps(by_parts))
    assert by_parts.model_.state_dict() == pytest.approx(at_once.model_.state_dict(), rel=1e-9)
    assert by_parts.loss_curve_ == pytest.approx(at_once.loss_curve_, rel=1e-9)
    assert (by_parts.n_iter_, by_parts.best_loss_) == (6, min(by_parts.loss_curve_))


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic", "identity"])
def test_the_coefficients_are_those_of_raw_numbers(activation):
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor((3,), activation=activation, max_iter=3, random_state=0).fit(X, y)
    squash = {
        "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0.0), "identity": lambda z: z,
        "logistic": lambda z: 1.0 / (1.0 + np.exp(-z)),
    }[activation]  # fmt: skip
    (w1, w2), (b1, b2) = model.coefs_, model.intercepts_
    by_hand = (squash(X @ w1 + b1) @ w2 + b2)[:, 0]
    assert np.allclose(by_hand, model.predict(X), rtol=1e-9)
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (3, 1, "identity")


# --- what users of scikit-learn do ---


def test_several_targets_and_a_column_of_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    Y = np.column_stack([X[:, 0] * 100.0, X[:, 1] - 5.0])
    both = MLPRegressor(random_state=0).fit(X, Y)
    assert both.predict(X).shape == (80, 2)
    assert both.score(X, Y) > 0.95
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = MLPRegressor(max_iter=3, random_state=0).fit(X, Y[:, :1])
    flat = MLPRegressor(max_iter=3, random_state=0).fit(X, Y[:, 0])
    assert column.predict(X).tolist() == flat.predict(X).tolist()


def test_a_large_offset_and_unit_of_the_target_change_nothing():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(max_iter=10, random_state=0)
    small, large = model.fit(X, y).predict(X), model.fit(X, 1e9 + 1e6 * y).predict(X)
    assert np.allclose((large - 1e9) / 1e6, small, rtol=1e-5)


def test_numpy_numbers_are_settings():
    X, y = load_iris(return_X_y=True)
    grid = {"max_iter": np.arange(2, 4), "batch_size": np.array([16, 32]), "alpha": [np.float32(1)]}
    grid |= {"hidden_layer_sizes": [np.int64(4), np.array([4, 3])], "shuffle": [np.bool_(True)]}
    search = GridSearchCV(MLPClassifier(random_state=0), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_.keys() == grid.keys()


def test_clone_pickle_and_cross_validation():
    X, y = load_iris(return_X_y=True, as_frame=False)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = MLPClassifier((6,), learning_rate_init=0.05, max_iter=20, random_state=0)
    scores = cross_val_score(make_pipeline(StandardScaler(), clone(model)), X, names, cv=3)
    assert scores.min() > 0.9
    again = pickle.loads(pickle.dumps(model.fit(X, names)))
    assert again.predict_proba(X).tolist() == model.predict_proba(X).tolist()
    assert np.allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


def test_random_state_means_what_it_means_in_scikit_learn():
    X, y = load_iris(return_X_y=True)

    def coefficients(random_state):
        model = MLPClassifier((3,), max_iter=1, random_state=random_state)
        return model.fit(X, y).coefs_[0].tolist()

    assert coefficients(5) == coefficients(5) != coefficients(6)
    generator = np.random.RandomState(5)
    assert coefficients(generator) != coefficients(generator)
    assert coefficients(None) != coefficients(None)


def test_warm_start_goes_on_and_cold_start_begins_anew():
    X, y = load_iris(return_X_y=True)
    warm = MLPClassifier((4,), max_iter=5, random_state=0, warm_start=True).fit(X, y)
    first, network = warm.loss_, warm.model_
    assert warm.fit(X, y).loss_ < first
    assert warm.model_ is network
    with pytest.raises(ValueError, match="y has classes that were not there"):
        warm.fit(X, y + 1)
    cold = MLPClassifier((4,), max_iter=5, random_state=0)
    assert cold.fit(X, y).loss_ == cold.fit(X, y).loss_ == first


def test_little_data_is_all_trained_on():
    X, y = np.arange(20.0)[:, None], np.arange(20) // 10
    model = MLPClassifier(max_iter=30, random_state=0).fit(X, y)
    assert "val_loss" not in model.history_
    assert model.score(X, y) == 1.0
    held_out = MLPClassifier(max_iter=3, random_state=0, early_stopping=True).fit(X, y)
    assert "val_loss" in held_out.history_


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "tan"}, "unknown activation 'tan': choose from linear, tanh"),
        ({"alpha": -1.0}, "alpha must be a finite number of at least 0, got -1.0"),
        ({"alpha": float("nan")}, "alpha must be a finite number of at least 0, got nan"),
        ({"batch_size": 0}, "batch_size must be an int of at least 1, got 0"),
        ({"batch_size": "all"}, "batch_size must be an int of at least 1, got 'all'"),
        ({"max_iter": 2.5}, "max_iter must be an int of at least 1, got 2.5"),
        ({"early_stopping": "yes"}, "unknown early_stopping 'yes': choose from auto, True, False"),
        ({"validation_fraction": 1.0}, "validation_fraction must be below 1, got 1.0"),
        ({"early_stopping": True, "validation_fraction": 0.0}, "test_size must be between 0 and 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be an int of at least 1, got 0"),
        ({"tol": -1.0}, "tol must be a finite number of at least 0"),
        ({"hidden_layer_sizes": (0,)}, "the number of neurons must be at least 1, got 0"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused_with_a_sentence(settings, words):
    for kind in (MLPClassifier, MLPRegressor):
        with pytest.raises(ValueError, match=words):
            kind(**settings).fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])


def test_partial_fit_called_wrongly_is_a_sentence():
    X, y = [[0.0], [1.0]], ["a", "b"]
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y has classes that were not there: \['b'\]"):
        MLPClassifier().partial_fit(X, y, classes=["a", "c"])
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        MLPRegressor(early_stopping=True).partial_fit(X, [0.0, 1.0])


@pytest.mark.parametrize("name", ["coefs_", "intercepts_", "loss_curve_", "n_layers_"])
def test_what_training_leaves_is_not_there_before(name):
    assert not hasattr(MLPRegressor(), name)
    with pytest.raises(NotFittedError):
        MLPRegressor().predict([[0.0]])


def test_the_names_of_a_frame_are_kept():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = MLPClassifier(max_iter=2).fit(X, y)
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[X.columns[::-1]])
    assert model.predict(pandas.DataFrame(X)).shape == (150,)
