"""The estimators by scikit-learn's own checks, and in its tools."""

import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from micrograd_like.estimators import MLPClassifier, MLPRegressor

SMALL = {"hidden_layer_sizes": (4,), "learning_rate_init": 0.05, "max_iter": 12, "random_state": 0}


@parametrize_with_checks([MLPClassifier(**SMALL), MLPRegressor(**SMALL)])
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
