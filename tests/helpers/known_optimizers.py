"""What the tests know of each optimiser and schedule: a new one needs rows in these tables."""

import math

import torch

from micrograd_like.engine import Value
from micrograd_like.optim import (
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

from .values import as_values

SCHEDULES = torch.optim.lr_scheduler
INF, NAN = math.inf, math.nan

# --- ours, torch's, options ---

OPTIMISERS = [
    (SGD, torch.optim.SGD, {"lr": 0.1}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (RMSprop, torch.optim.RMSprop, {"lr": 0.02}),
    (RMSprop, torch.optim.RMSprop, {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "momentum": 0.9}),
    (RMSprop, torch.optim.RMSprop, {"lr": 0.02, "centered": True}),
    (RMSprop, torch.optim.RMSprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    (Adam, torch.optim.Adam, {"lr": 0.05}),
    (Adam, torch.optim.Adam, {"lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    (Adam, torch.optim.Adam, {"lr": 0.05, "betas": (0.0, 0.0), "eps": 1e-2}),
    (AdamW, torch.optim.AdamW, {"lr": 0.05}),
    (AdamW, torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.3, "betas": (0.8, 0.95)}),
]
SCHEDULERS = [
    (StepLR, SCHEDULES.StepLR, {"step_size": 7}),
    (StepLR, SCHEDULES.StepLR, {"step_size": 1, "gamma": 0.9}),
    (StepLR, SCHEDULES.StepLR, {"step_size": 1, "gamma": 1e10}),  # beyond the floats at last
    (ExponentialLR, SCHEDULES.ExponentialLR, {"gamma": 0.93}),
    (ExponentialLR, SCHEDULES.ExponentialLR, {"gamma": 1e10}),
    (CosineAnnealingLR, SCHEDULES.CosineAnnealingLR, {"T_max": 60}),
    (CosineAnnealingLR, SCHEDULES.CosineAnnealingLR, {"T_max": 9, "eta_min": 0.01}),
    (ReduceLROnPlateau, SCHEDULES.ReduceLROnPlateau, {"patience": 3}),
    (
        ReduceLROnPlateau,
        SCHEDULES.ReduceLROnPlateau,
        {"patience": 1, "factor": 0.7, "cooldown": 3, "min_lr": 0.1, "threshold": 0.05},
    ),
    (
        ReduceLROnPlateau,
        SCHEDULES.ReduceLROnPlateau,
        {"mode": "max", "patience": 2, "factor": 0.5, "cooldown": 1, "min_lr": 1e-4},
    ),
]

# --- calls that are refused ---

ONE = [Value(1.0)]
TWICE = ONE * 2
LR = SGD(ONE)
REFUSED_BY_OPTIMISERS = {  # calls, the error and a part of its sentence
    "SGD": [
        (lambda: SGD([]), ValueError, "SGD got no parameters to optimise"),
        (lambda: SGD([1.0]), TypeError, "parameter 0 is no Value but float 1.0"),
        (lambda: SGD(TWICE), ValueError, "SGD got a parameter twice: pass each one once"),
        (lambda: SGD(ONE, lr=-1), ValueError, "lr must be a finite number of at least 0, got -1"),
        (lambda: SGD(ONE, lr=NAN), ValueError, "at least 0, got nan"),
        (lambda: SGD(ONE, lr="0.1"), ValueError, "lr must be a number, got str '0.1'"),
        (lambda: SGD(ONE, lr=True), ValueError, "lr must be a number, got bool True"),
        (lambda: SGD(ONE, momentum=-0.1), ValueError, "momentum must be a finite number"),
        (lambda: SGD(ONE, dampening=INF), ValueError, "dampening must be a finite .* got inf"),
        (lambda: SGD(ONE, weight_decay=-1), ValueError, "weight_decay must be a finite number"),
        (lambda: SGD(ONE, nesterov=True), ValueError, "nesterov needs momentum > 0"),
        (lambda: SGD(ONE, nesterov="no"), ValueError, "'no': choose from True, False"),
        (lambda: SGD(ONE, 1.0, 0.9, 0.1, nesterov=True), ValueError, "and dampening = 0"),
    ],
    "RMSprop": [
        (lambda: RMSprop(ONE, alpha=1.5), ValueError, "alpha must be at most 1, got 1.5"),
        (lambda: RMSprop(ONE, alpha=-1), ValueError, "alpha must be a finite number of at least"),
        (lambda: RMSprop(ONE, eps=-1), ValueError, "eps must be a finite number of at least 0"),
        (lambda: RMSprop(ONE, momentum=-1), ValueError, "momentum must be a finite number"),
    ],
    "Adam": [
        (lambda: Adam(ONE, betas=(0.9, 1.0)), ValueError, r"below 1, got \(0.9, 1.0\)"),
        (lambda: Adam(ONE, betas=(0.9,)), ValueError, r"betas must be two numbers .* \(0.9,\)"),
        (lambda: Adam(ONE, betas=0.9), ValueError, "betas must be two numbers .* got 0.9"),
        (lambda: Adam(ONE, betas=(-0.1, 0.9)), ValueError, "beta must be a finite .* got -0.1"),
    ],
    "AdamW": [
        (lambda: AdamW(ONE, weight_decay="1"), ValueError, "weight_decay must be a number, got"),
    ],
    "Optimizer": [
        (lambda: Optimizer(ONE).step(), NotImplementedError, "does not define update"),
    ],
    "clip_grad_norm_": [
        (lambda: clip_grad_norm_(ONE, -1.0), ValueError, "max_norm must be a finite number of"),
    ],
}
REFUSED_BY_SCHEDULERS = {  # calls, the error and a part of its sentence
    "StepLR": [
        (lambda: StepLR("sgd", 1), TypeError, "a scheduler needs an optimizer, got str"),
        (lambda: StepLR(LR, 0), ValueError, "step_size must be an int of at least 1, got 0"),
        (lambda: StepLR(LR, 2.5), ValueError, "step_size must be an int of at least 1, got 2.5"),
        (lambda: StepLR(LR, True), ValueError, "step_size must be an int of at least 1, got True"),
        (lambda: StepLR(LR, 1, gamma=-1), ValueError, "gamma must be a finite number of at least"),
        (
            lambda: StepLR(LR, 1).load_state_dict(ExponentialLR(LR, 0.9).state_dict()),
            ValueError,
            "this state does not fit StepLR: step_size",
        ),
    ],
    "ExponentialLR": [
        (lambda: ExponentialLR(LR, NAN), ValueError, "gamma must be a finite number .* got nan"),
    ],
    "CosineAnnealingLR": [
        (lambda: CosineAnnealingLR(LR, 0), ValueError, "T_max must be an int of at least 1, got 0"),
        (lambda: CosineAnnealingLR(LR, 2.5), ValueError, "T_max must be an int .* got 2.5"),
        (lambda: CosineAnnealingLR(LR, 5, "0"), ValueError, "eta_min must be a number, got str"),
        (lambda: CosineAnnealingLR(LR, 5, -0.1), ValueError, "eta_min must be a finite number of"),
    ],
    "ReduceLROnPlateau": [
        (lambda: ReduceLROnPlateau(LR, "best"), ValueError, "'best': choose from min, max"),
        (lambda: ReduceLROnPlateau(LR, factor=1.0), ValueError, "factor must be below 1, got 1.0"),
        (lambda: ReduceLROnPlateau(LR, factor=-1), ValueError, "factor must be a finite number"),
        (lambda: ReduceLROnPlateau(LR, patience=-1), ValueError, "patience must be an int of at l"),
        (lambda: ReduceLROnPlateau(LR, patience=1.5), ValueError, "an int of at least 0, got 1.5"),
        (lambda: ReduceLROnPlateau(LR, cooldown=-1), ValueError, "cooldown must be an int of at l"),
        (lambda: ReduceLROnPlateau(LR, min_lr=-1), ValueError, "min_lr must be a finite number of"),
        (lambda: ReduceLROnPlateau(LR, min_lr="0"), ValueError, "min_lr must be a number, got str"),
        (lambda: ReduceLROnPlateau(LR, threshold=-1), ValueError, "threshold must be a finite num"),
        (lambda: ReduceLROnPlateau(LR, threshold=NAN), ValueError, "threshold must .* got nan"),
    ],
    "Scheduler": [
        (lambda: Scheduler(LR).step(), NotImplementedError, r"does not define lr_at\(epoch\)"),
    ],
}


# --- steps ---

START = [1.5, -0.7]


def train_step(optimizer, a, b):
    optimizer.zero_grad()
    ((a * b).tanh() ** 2 + (a + 0.5) ** 2 + b * b * 0.5).backward()
    optimizer.step()


def schedule_step(schedule, metric):
    schedule.step() if metric is None else schedule.step(metric)


def after_a_step(ours, options):
    """An optimiser of two parameters after a step, or a scheduler of one after an epoch."""
    ps = as_values(START)
    if issubclass(ours, Optimizer):
        optimizer = ours(ps, **options)
        train_step(optimizer, *ps)
        return optimizer
    schedule = ours(SGD(ps, lr=0.5), **options)
    schedule_step(schedule, 1.0 if ours is ReduceLROnPlateau else None)
    return schedule
