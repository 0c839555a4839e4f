"""What a model needs to know of tables: train makes it, the model's file keeps it for predict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..checks import number
from ..data import Columns, Scaler, feature_names, fill_missing
from ..losses import cross_entropy, mse_loss

_MEAN, _SCALE = number(), number(math.ulp(0.0))  # ulp: above 0


@dataclass
class Recipe:
    """The columns of a file, their scale, and what the outputs mean."""

    target: str
    columns: Columns
    classes: list[str] | None  # None: the target is a number, which is scaled too
    inputs: Scaler
    outputs: Scaler

    @classmethod
    def from_extra(cls, extra: Any, model: Any) -> Recipe:
        """What as_extra has made; an error if it is something else, or not this network's."""
        columns = {_text(name): _texts(texts) for name, texts in extra["columns"]}
        classes = _texts(extra["classes"])
        target = _text(extra["target"])
        if len(columns) != len(extra["columns"]) or target in columns:
            raise ValueError("two columns have the same name")
        if (len(feature_names(columns)), len(classes or [0])) != (model.nin, model.nouts[-1]):
            raise ValueError("the recipe is not this network's")
        inputs = _scaler(extra["inputs"], model.nin)
        outputs = _scaler(extra["outputs"], 0 if classes else 1)
        return cls(target, columns, classes, inputs, outputs)

    def as_extra(self) -> dict[str, Any]:
        """As save takes it; columns in pairs, for the name of one may start with a $."""
        return {
            "target": self.target,
            "columns": [list(pair) for pair in self.columns.items()],
            "classes": self.classes,
            "inputs": [self.inputs.mean, self.inputs.scale],
            "outputs": [self.outputs.mean, self.outputs.scale],
        }

    @property
    def loss(self) -> Callable[[Any, Any], Any]:
        return cross_entropy if self.classes else mse_loss

    @property
    def loss_name(self) -> str:
        return "cross entropy" if self.classes else "squared error, target scaled"

    @property
    def metric(self) -> str:
        return "accuracy" if self.classes else "r2"

    def scaled(self, X: list[list[float]], y: list[Any]) -> tuple[list[list[float]], list[Any]]:
        """Rows and targets as the network takes them."""
        targets = y if self.classes else [t for [t] in self.outputs.transform([[t] for t in y])]
        return self.rows(X), targets

    def rows(self, X: list[list[float]]) -> list[list[float]]:
        """Rows as the network takes them; a missing value is the mean, which is 0."""
        return self.inputs.transform(fill_missing(X, self.inputs.mean))


def _scaler(numbers: Any, width: int) -> Scaler:
    means, scales = numbers
    if not len(means) == len(scales) == width:
        raise ValueError(f"expected the means and the scales of {width} columns")
    return Scaler([_MEAN("mean", x) for x in means], [_SCALE("scale", x) for x in scales])


def _text(x: Any) -> str:
    if type(x) is not str:
        raise TypeError("expected a text")
    return x


def _texts(xs: Any) -> list[str] | None:
    """The values of a column, all different, or None for one of numbers."""
    if xs is not None and (type(xs) is not list or not xs or len(set(map(_text, xs))) != len(xs)):
        raise TypeError("expected a list of different texts")
    return xs
