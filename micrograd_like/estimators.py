"""Networks as scikit-learn estimators: they fit into Pipeline, GridSearchCV and the rest.

>>> from sklearn.datasets import load_iris
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> X, y = load_iris(return_X_y=True)
>>> model = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=30, random_state=0))
>>> model.fit(X, y).score(X, y) > 0.9
True

Names and meanings of the arguments are those of sklearn.neural_network. Needs scikit-learn.
"""

from typing import Any

try:
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError(
        'the estimators need scikit-learn: pip install "micrograd_like[train]"'
    ) from None

from .checks import choice
from .losses import cross_entropy, mse_loss
from .nn import MLP
from .optim import SGD, Adam
from .train import fit, predict, predict_proba

_SOLVERS = {"sgd": SGD, "adam": Adam}


class _MLPEstimator(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share."""

    def __init__(
        self, hidden_layer_sizes: Any = (16,), activation: str = "tanh", *,
        solver: str = "adam", alpha: float = 0.0001, batch_size: int = 32,
        learning_rate_init: float = 0.01, max_iter: int = 50, shuffle: bool = True,
        random_state: Any = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
        self.solver, self.alpha, self.batch_size = solver, alpha, batch_size
        self.learning_rate_init, self.max_iter = learning_rate_init, max_iter
        self.shuffle, self.random_state, self.verbose = shuffle, random_state, verbose

    def _train(self, X: Any, y: list[Any], n_outputs: int, loss: Any) -> None:
        choice(*_SOLVERS)("solver", self.solver)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        widths = [*np.atleast_1d(self.hidden_layer_sizes).tolist(), n_outputs]
        self.model_ = MLP(X.shape[1], widths, self.activation, output_activation="linear", rng=seed)
        optimizer = _SOLVERS[self.solver](self.model_.parameters(), lr=self.learning_rate_init)
        self.history_ = fit(
            self.model_, X.tolist(), y, loss, optimizer, self.max_iter, self.batch_size,
            self.shuffle, l2=self.alpha, seed=seed, progress=bool(self.verbose),
        )  # fmt: skip
        self.n_iter_ = len(self.history_)
        self.loss_ = self.history_["loss"][-1]

    def _ask(self, what: Any, X: Any) -> Any:
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64).tolist()
        return np.array(what(self.model_, rows))


class MLPClassifier(ClassifierMixin, _MLPEstimator):  # type: ignore[misc]
    """A multi-layer perceptron that classifies, trained on cross entropy.

    Args:
        hidden_layer_sizes: the widths of the hidden layers.
        activation: of the hidden layers, a name from nn.ACTIVATIONS.
        solver: "adam" or "sgd".
        alpha: the weight of the L2 penalty.
        batch_size: samples for each step.
        learning_rate_init: the learning rate.
        max_iter: how many epochs.
        shuffle: a new order every epoch.
        random_state: an int for the same result every time.
        verbose: show a progress bar.

    After fitting: ``model_`` (the nn.MLP), ``history_``, ``classes_``, ``loss_``, ``n_iter_``.

    Example:
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
        >>> MLPClassifier((4,), random_state=0).fit(X, y).predict([[0.5], [2.5]]).tolist()
        ['low', 'high']

    Source: sklearn.neural_network.MLPClassifier.
    """

    def fit(self, X: Any, y: Any) -> "MLPClassifier":
        """Trains on samples X, an array (n, features), and their classes y."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"MLPClassifier needs samples of 2 classes or more, got 1 class: {self.classes_[0]}"
            )
        self._train(X, classes.tolist(), len(self.classes_), cross_entropy)
        return self

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, an array (n, classes)."""
        return self._ask(predict_proba, X)

    def predict(self, X: Any) -> Any:
        """The class of each sample."""
        probabilities = self.predict_proba(X)  # first: it refuses what is not fitted
        return self.classes_[probabilities.argmax(axis=1)]


class MLPRegressor(RegressorMixin, _MLPEstimator):  # type: ignore[misc]
    """A multi-layer perceptron that predicts numbers, trained on the squared error.

    Args are those of MLPClassifier.

    Example:
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
        >>> model = MLPRegressor((8,), learning_rate_init=0.05, max_iter=300, random_state=0)
        >>> round(float(model.fit(X, y).score(X, y)), 2)
        1.0

    Source: sklearn.neural_network.MLPRegressor.
    """

    def fit(self, X: Any, y: Any) -> "MLPRegressor":
        """Trains on samples X, an array (n, features), and their targets y, an array (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._train(X, y.astype(float).tolist(), 1, mse_loss)
        return self

    def predict(self, X: Any) -> Any:
        """The predicted number for each sample."""
        return self._ask(predict, X)
