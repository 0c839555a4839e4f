"""A grid search spread over the processes of a Dask cluster, through joblib."""

import multiprocessing
import sys

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from micrograd_like.estimators import MLPClassifier

distributed = pytest.importorskip("distributed", reason="the test extra is not installed")


def search() -> GridSearchCV:
    X, y = load_iris(return_X_y=True)
    grid = {"hidden_layer_sizes": [(2,), (4,)], "learning_rate_init": [0.001, 0.05]}
    return GridSearchCV(MLPClassifier(max_iter=4, random_state=0), grid, cv=3).fit(X, y)


def test_a_grid_search_on_a_dask_cluster_gives_the_sequential_result(tmp_path):
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=tmp_path
    )
    with cluster, distributed.Client(cluster) as client:
        with joblib.parallel_backend("dask"):
            on_cluster = search()
        # A worker imports the library only when it is sent a network to train.
        trained = client.run(lambda: "micrograd_like" in sys.modules)
    alone = search()
    assert any(trained.values())
    assert on_cluster.best_params_ == alone.best_params_
    scores = alone.cv_results_["mean_test_score"].tolist()
    assert on_cluster.cv_results_["mean_test_score"].tolist() == scores
    assert len(set(scores)) > 1  # or any order of the candidates would have the same best
    assert multiprocessing.active_children() == []
