"""Training: the loop that everybody writes, with its bookkeeping."""

from .loop import (
    METRICS,
    WORTH_COMPILING,
    EarlyStopping,
    History,
    Loss,
    Metric,
    accuracy,
    evaluate,
    fit,
    mae,
    predict,
    predict_proba,
    r2,
)

__all__ = [
    "METRICS",
    "WORTH_COMPILING",
    "EarlyStopping",
    "History",
    "Loss",
    "Metric",
    "accuracy",
    "evaluate",
    "fit",
    "mae",
    "predict",
    "predict_proba",
    "r2",
]
