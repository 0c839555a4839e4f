"""Networks as scikit-learn estimators: they fit into Pipeline, GridSearchCV and the rest.

>>> from sklearn.datasets import load_iris
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier((8,), random_state=0).fit(X, y)
>>> model.score(X, y) > 0.9
True

Names and meanings of the arguments are those of sklearn.neural_network; what differs: inputs, and
the targets of a regression, are scaled to mean 0 and variance 1 inside, so that raw data work, and
the epoch that is best on held-out rows is kept. Needs scikit-learn.
"""

import math
import random
import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any

try:
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError(
        'the estimators need scikit-learn: pip install "micrograd_like[train]"'
    ) from None

from .checks import check_all, choice, integer, number
from .data import batches, train_test_split
from .losses import cross_entropy, mse_loss
from .nn import ACTIVATIONS, MLP
from .optim import SGD, Adam
from .train import EarlyStopping, History, fit, predict, predict_proba

_SOLVERS = {"sgd": SGD, "adam": Adam}
_THEIR_NAMES = {"identity": "linear", "logistic": "sigmoid"}  # of activations
_ENOUGH_TO_HOLD_OUT = 50  # rows


def _or(special: Any, check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, x: x if isinstance(x, type(special)) and x == special else check(name, x)


_SETTINGS = {
    "activation": choice(*ACTIVATIONS, *_THEIR_NAMES),
    "solver": choice(*_SOLVERS),
    "alpha": number(0.0),
    "batch_size": _or("auto", integer(1)),
    "learning_rate_init": number(0.0),
    "max_iter": integer(1),
    "shuffle": choice(True, False),
    "tol": number(0.0),
    "warm_start": choice(True, False),
    "early_stopping": choice("auto", True, False),
    "validation_fraction": number(0.0, 1.0, below=True),
    "n_iter_no_change": _or(math.inf, integer(1)),
}


class _MLPEstimator(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share."""

    _loss: Any
    _penalty: float  # of alpha: scikit-learn's loss has a half of the squared error, ours has none

    def __init__(
        self, hidden_layer_sizes: Any = (32,), activation: str = "tanh", *,
        solver: str = "adam", alpha: float = 0.2, batch_size: int | str = 32,
        learning_rate_init: float = 0.01, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 0.0001, verbose: bool = False,
        warm_start: bool = False, early_stopping: bool | str = "auto",
        validation_fraction: float = 0.15, n_iter_no_change: float = 20,
    ) -> None:  # fmt: skip
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
        self.solver, self.alpha, self.batch_size = solver, alpha, batch_size
        self.learning_rate_init, self.max_iter = learning_rate_init, max_iter
        self.shuffle, self.random_state, self.tol = shuffle, random_state, tol
        self.verbose, self.warm_start, self.early_stopping = verbose, warm_start, early_stopping
        self.validation_fraction, self.n_iter_no_change = validation_fraction, n_iter_no_change

    # --- training ---

    def _start(self, X: Any, y: Any, again: bool) -> None:
        """A new network with the scales of its data, unless there is one to go on with."""
        check_all(_SETTINGS, self.get_params())
        if again and hasattr(self, "model_"):
            return
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._seed, self._rng, self._optimizer = seed, random.Random(seed), None
        self.input_scaler_ = StandardScaler().fit(X)
        self.n_outputs_ = self._scale_targets(y)
        widths = [*np.atleast_1d(self.hidden_layer_sizes).tolist(), self.n_outputs_]
        activation = _THEIR_NAMES.get(self.activation, self.activation)
        self.model_ = MLP(X.shape[1], widths, activation, output_activation="linear", rng=seed)
        self.history_ = History()

    def _train(self, X: Any, y: Any) -> None:
        """Until the loss of held-out rows, or without them the loss, gets no better."""
        self._start(X, y, again=self.warm_start)
        self._optimizer, self.history_ = None, History()
        X, y, validation = *self._scaled(X, y), None
        if self._holds_out(len(X)):
            X, held_out, y, right = train_test_split(
                X, y, self.validation_fraction, self._seed, stratify=self._loss is cross_entropy
            )
            validation = held_out, right
        stop = EarlyStopping(
            "val_loss" if validation else "loss", self.n_iter_no_change, self.tol,
            restore_best=validation is not None,
        )  # fmt: skip
        history = self._fit(
            X, y, self.max_iter, self.shuffle, validation=validation, callbacks=[stop],
            seed=self._seed, progress=bool(self.verbose),
        )  # fmt: skip
        self.best_loss_, self.best_iter_ = stop.best, stop.best_epoch
        if not history.stopped:
            warnings.warn(
                f"{type(self).__name__} has not converged: after max_iter={self.max_iter} epochs "
                f"{stop.monitor} was still improving (epoch {stop.best_epoch} was best, "
                f"{stop.best:.4g}); give it a larger max_iter, or scale learning_rate_init",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _train_once(self, X: Any, y: Any) -> None:
        """One epoch, with the order and the optimiser's state where the last one left them."""
        if self.early_stopping is True:
            raise ValueError("partial_fit does not support early_stopping=True: it has no epochs")
        self._start(X, y, again=True)
        X, y = self._scaled(X, y)
        [order] = batches(len(X), len(X), self._rng if self.shuffle else None)
        X, y = [X[i] for i in order], [y[i] for i in order]
        self._fit(X, y, epochs=1, shuffle=False, progress=False)
        losses = self.history_["loss"]
        self.best_loss_ = min(losses)
        self.best_iter_ = losses.index(self.best_loss_) + 1

    def _fit(self, X: Any, y: Any, epochs: int, shuffle: bool, **how: Any) -> History:
        most = self.batch_size if isinstance(self.batch_size, Integral) else 200
        size = min(int(most), len(X))
        if self._optimizer is None:
            optimizer = _SOLVERS[self.solver]
            self._optimizer = optimizer(self.model_.parameters(), lr=self.learning_rate_init)
        history = fit(
            self.model_, X, y, self._loss, self._optimizer, epochs, size, shuffle,
            l2=self._penalty * self.alpha / size, **how,
        )  # fmt: skip
        self.history_.extend(history.columns)
        self.history_.stopped, self.history_.jit = history.stopped, history.jit
        self.n_iter_, self.loss_ = len(self.history_), self.history_["loss"][-1]
        return history

    def _holds_out(self, rows: int) -> bool:
        if self.early_stopping == "auto":
            return self.validation_fraction > 0.0 and rows >= _ENOUGH_TO_HOLD_OUT
        return bool(self.early_stopping)

    def _scaled(self, X: Any, y: Any) -> tuple[list[Any], list[Any]]:
        return self.input_scaler_.transform(X).tolist(), self._targets(y)

    # --- what was trained ---

    def _ask(self, what: Any, X: Any) -> Any:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return np.array(what(self.model_, self.input_scaler_.transform(X).tolist()))

    def _matrices(self) -> tuple[list[Any], list[Any]]:
        """Weights and biases as arrays for raw inputs and, in a regression, raw outputs."""
        if not hasattr(self, "model_"):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit(X, y)")
        layers = self.model_.layers
        ws = [np.array([[w.data for w in n.w] for n in layer.neurons]).T for layer in layers]
        bs = [np.array([n.b.data for n in layer.neurons]) for layer in layers]
        ws[0] = ws[0] / self.input_scaler_.scale_[:, None]
        bs[0] = bs[0] - self.input_scaler_.mean_ @ ws[0]
        if scaler := getattr(self, "target_scaler_", None):
            ws[-1], bs[-1] = ws[-1] * scaler.scale_, bs[-1] * scaler.scale_ + scaler.mean_
        return ws, bs

    @property
    def coefs_(self) -> list[Any]:
        """The weights of each layer, an array (inputs, outputs), for inputs as fit was given."""
        return self._matrices()[0]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer, as coefs_."""
        return self._matrices()[1]

    @property
    def loss_curve_(self) -> list[float]:
        """The loss of each epoch, without the penalty."""
        return self.history_["loss"]

    @property
    def n_layers_(self) -> int:
        """The number of layers, the inputs counted as one."""
        return len(self.model_.layers) + 1


class MLPClassifier(ClassifierMixin, _MLPEstimator):  # type: ignore[misc]
    """A multi-layer perceptron that classifies, trained on cross entropy.

    Args:
        hidden_layer_sizes: the widths of the hidden layers.
        activation: of the hidden layers, a name from nn.ACTIVATIONS, "identity" or "logistic".
        solver: "adam" or "sgd" (without momentum).
        alpha: the weight of the L2 penalty: alpha / 2 times the sum of the squared weights (for
            scaled inputs), divided by the samples of a step, is added to the loss.
        batch_size: samples for each step; "auto" is min(200, n_samples).
        learning_rate_init: the learning rate.
        max_iter: the most epochs; if the loss is still improving then, a ConvergenceWarning.
        shuffle: a new order every epoch.
        random_state: an int for the same result every time.
        tol: what counts as an improvement of the loss.
        verbose: show the epochs, as progress=True of fit does.
        warm_start: fit goes on with the network that is there; the optimiser starts anew.
        early_stopping: True: hold out validation_fraction of the rows and keep the epoch of the
            smallest loss on them; False: train on all rows, until the loss gets no better; "auto":
            hold out if there are at least 50 rows.
        validation_fraction: of the rows, to hold out.
        n_iter_no_change: how many epochs without improvement end training.

    After fitting: ``model_`` (the nn.MLP; it takes scaled inputs), ``input_scaler_``, ``history_``,
    ``classes_``, ``n_iter_`` (epochs), ``best_iter_`` and ``best_loss_`` (the epoch of the smallest
    loss, of the held-out rows if there are any, which is then the one that is kept), ``loss_`` (of
    the last), ``loss_curve_``, ``coefs_`` and ``intercepts_`` (for inputs as they were given),
    ``out_activation_``, ``n_layers_``, ``n_outputs_``, ``n_features_in_``, ``feature_names_in_``.

    Example:
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]] * 20, ["low", "low", "high", "high"] * 20
        >>> model = MLPClassifier((4,), learning_rate_init=0.05, random_state=0).fit(X, y)
        >>> model.predict([[0.5], [2.5]]).tolist()
        ['low', 'high']

    Source: sklearn.neural_network.MLPClassifier.
    """

    _loss = staticmethod(cross_entropy)
    _penalty = 0.5
    out_activation_ = "softmax"

    def fit(self, X: Any, y: Any) -> "MLPClassifier":
        """Trains on samples X, an array (n, features), and their classes y."""
        X, y = self._data(X, y, reset=True)
        if not (self.warm_start and hasattr(self, "classes_")):
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise ValueError(
                    "MLPClassifier needs samples of 2 classes or more, got 1 class: "
                    f"{self.classes_[0]}"
                )
        self._train(X, y)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> "MLPClassifier":
        """One epoch more. The first call needs all classes, and gives the inputs their scale."""
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        X, y = self._data(X, y, reset=first)
        if first:
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise ValueError(f"partial_fit began with the classes {self.classes_}, got {classes}")
        self._train_once(X, y)
        return self

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, an array (n, classes)."""
        return self._ask(predict_proba, X)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        """The class of each sample."""
        probabilities = self.predict_proba(X)  # first: it refuses what is not fitted
        return self.classes_[probabilities.argmax(axis=1)]

    def _data(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, dtype=np.float64, reset=reset)
        check_classification_targets(y)
        return X, y

    def _scale_targets(self, y: Any) -> int:
        return len(self.classes_)

    def _targets(self, y: Any) -> list[int]:
        if unknown := sorted({*y.tolist()} - {*self.classes_.tolist()}):
            raise ValueError(f"y has classes that were not there: {unknown} not in {self.classes_}")
        return np.searchsorted(self.classes_, y).tolist()  # type: ignore[no-any-return]


class MLPRegressor(RegressorMixin, _MLPEstimator):  # type: ignore[misc]
    """A multi-layer perceptron that predicts numbers, trained on the squared error.

    Args are those of MLPClassifier. The targets are scaled to mean 0 and variance 1; losses and
    alpha are of scaled targets, predictions in the unit of y.

    Example:
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
        >>> model = MLPRegressor((8,), learning_rate_init=0.05, random_state=0)
        >>> round(float(model.fit(X, y).score(X, y)), 2)
        1.0

    Source: sklearn.neural_network.MLPRegressor.
    """

    _loss = staticmethod(mse_loss)
    _penalty = 1.0
    out_activation_ = "identity"

    def fit(self, X: Any, y: Any) -> "MLPRegressor":
        """Trains on samples X, an array (n, features), and targets y, (n,) or (n, outputs)."""
        self._train(*self._data(X, y, reset=True))
        return self

    def partial_fit(self, X: Any, y: Any) -> "MLPRegressor":
        """One epoch more; the first call gives inputs and targets their scales."""
        self._train_once(*self._data(X, y, reset=not hasattr(self, "model_")))
        return self

    def predict(self, X: Any) -> Any:
        """The predicted number for each sample; with several outputs an array (n, outputs)."""
        answers = self._ask(predict, X)
        numbers = self.target_scaler_.inverse_transform(answers.reshape(-1, self.n_outputs_))
        return numbers.reshape(answers.shape)

    def _data(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=reset
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y.astype(float)

    def _scale_targets(self, y: Any) -> int:
        self.target_scaler_ = StandardScaler().fit(y.reshape(len(y), -1))
        return len(self.target_scaler_.mean_)

    def _targets(self, y: Any) -> list[Any]:
        scaled = self.target_scaler_.transform(y.reshape(len(y), -1))
        return scaled.reshape(y.shape).tolist()  # type: ignore[no-any-return]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
