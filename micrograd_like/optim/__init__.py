"""Optimisers and schedules of the learning rate."""

from .optimizers import (
    SGD,
    Adam,
    AdamW,
    CosineAnnealingLR,
    ExponentialLR,
    Optimizer,
    ReduceLROnPlateau,
    RMSprop,
    Scheduler,
    StepLR,
    clip_grad_norm_,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Scheduler",
    "StepLR",
    "clip_grad_norm_",
]
