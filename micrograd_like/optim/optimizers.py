"""Optimisers: how parameters move along their gradients.

>>> from micrograd_like import Value
>>> p = Value(1.0)
>>> optimizer = SGD([p], lr=0.1)
>>> (p * p).backward()
>>> optimizer.step()
>>> p.data
0.8

Names, argument order, defaults and arithmetic are those of torch.optim. An optimiser only looks
at its parameters' ``data`` and ``grad``; it knows no graph and no network.
"""

import copy
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any


class _Resumable:
    """What optimisers and schedulers share: settings in their ranges, a state to go on from."""

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later."""
        return {k: v for k, v in vars(self).items() if k not in ("params", "optimizer")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state_dict of the same class, with as many parameters.

        Raises:
            ValueError: the state does not fit or cannot be; nothing has changed then.
        """
        own, name = self.state_dict(), type(self).__name__
        if not isinstance(state, dict):
            raise ValueError(f"the state of {name} must be a dict, got {state!r:.60}")
        if state.keys() != own.keys():
            wrong = ", ".join(sorted(map(str, state.keys() ^ own.keys())))
            raise ValueError(f"this state does not fit {name}: {wrong:.200}")
        loaded = copy.copy(self)
        vars(loaded).update(state)
        loaded._check()
        vars(self).update(vars(loaded))  # one call into C: all of it, or after an interrupt nothing

    def _check(self) -> None:
        """Refuses what is out of its range, given or loaded; what counts as a float becomes one."""
        names = [name for name in vars(self) if name in _SETTINGS]
        vars(self).update({name: _SETTINGS[name](name, vars(self)[name]) for name in names})


class Optimizer(_Resumable):
    """What every optimiser shares: the parameters, checked once, and the walk over them.

    Args:
        params: the Values to move, such as ``model.parameters()``; a generator will do.

    Raises:
        ValueError: no parameter, one of them twice, or one with history (the result of an op).
        TypeError: something that is not a Value.
    """

    def __init__(self, params: Iterable[Any]) -> None:
        self.params = list(params)
        if not self.params:
            raise ValueError(f"{type(self).__name__} got no parameters to optimise")
        for i, p in enumerate(self.params):
            if not hasattr(p, "grad") or not hasattr(p, "data"):
                raise TypeError(f"parameter {i} is no Value but {type(p).__name__} {p!r:.60}")
        if len(set(map(id, self.params))) < len(self.params):
            raise ValueError(f"{type(self).__name__} got a parameter twice: pass each one once")
        self.state: list[dict[str, float]] = [{} for _ in self.params]
        self._check_leaves()

    def zero_grad(self) -> None:
        """Sets every parameter's grad to 0."""
        for p in self.params:
            p.grad = 0.0

    def step(self) -> None:
        """Moves every parameter once: all of them, or after an interrupt none."""
        self._check_leaves()
        states = [dict(state) for state in self.state]
        new = [self.update(p.data, p.grad, state) for p, state in zip(self.params, states)]
        # One call into C, in which no signal handler runs; the setter of data would be Python.
        names = *["_number"] * len(new), "state"
        any(map(setattr, (*self.params, self), names, (*new, states)))

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        """The parameter's next number from its number, its gradient and what is kept for it.

        The jit traces it on Values: it may ask what state holds, but not for a number's size.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update(p, g, state)")

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later: hyper-parameters and what is kept per parameter."""
        return {**super().state_dict(), "state": [dict(kept) for kept in self.state]}

    def _check(self) -> None:
        super()._check()
        if not isinstance(self.state, list) or not all(isinstance(k, dict) for k in self.state):
            raise ValueError(f"the state must be a list of dicts, got {self.state!r:.60}")
        if len(self.state) != len(self.params):
            raise ValueError(f"a state of {len(self.state)} parameters, not {len(self.params)}")
        self.state = [
            {k: _KEPT.get(k, _finite)(f"{k} of parameter {i}", x) for k, x in kept.items()}
            for i, kept in enumerate(self.state)
        ]
        needed: dict[str, Any] = {}
        if any(self.state):  # else before the first step
            self.update(0.0, 0.0, needed)
        for i, kept in enumerate(self.state):
            if needed.keys() - kept.keys():
                missing = ", ".join(sorted(needed.keys() - kept.keys()))
                raise ValueError(f"the state of parameter {i} lacks {missing}")
            if kept.get("step") != self.state[0].get("step"):
                raise ValueError(f"parameters 0 and {i} are not at the same step")

    def _check_leaves(self) -> None:
        for i, p in enumerate(self.params):
            if p.op is not None:
                raise ValueError(
                    f"parameter {i} has history (it is the result of {p.op.name}), so the graph "
                    "would grow with every step: change p.data -= ... instead of p = p - ..."
                )


class SGD(Optimizer):
    """p -= lr * g, with momentum if asked for.

    Args:
        params: the Values to move.
        lr: the learning rate, at least 0.
        momentum: how much of the last step is kept, 0 to 1.
        dampening: how much less of the gradient enters the momentum.
        weight_decay: adds weight_decay * p to the gradient (L2).
        nesterov: look ahead along the momentum; needs momentum > 0 and dampening = 0.

    Raises:
        ValueError: a hyper-parameter that is negative, not finite, or no number.

    Example:
        >>> from micrograd_like import Value
        >>> p = Value(1.0)
        >>> optimizer = SGD([p], lr=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     p.grad = 1.0
        ...     optimizer.step()
        >>> round(p.data, 6)     # 1 - 0.1 * 1 - 0.1 * (1 + 0.9)
        0.71

    Source: torch.optim.SGD.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params)
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self._check()

    def _check(self) -> None:
        super()._check()
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ValueError("nesterov needs momentum > 0 and dampening = 0")

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        """One step of one parameter."""
        g = g + self.weight_decay * p
        if self.momentum:
            m = g  # the first step is not dampened
            if "momentum" in state:
                m = self.momentum * state["momentum"] + (1.0 - self.dampening) * g
            state["momentum"] = m
            g = g + self.momentum * m if self.nesterov else m
        return p - self.lr * g


class RMSprop(Optimizer):
    """p -= lr * g / sqrt(v), with v the running mean of g**2.

    Args:
        params: the Values to move.
        lr: the learning rate, at least 0.
        alpha: how much of the running mean is kept, 0 to 1.
        eps: added to the root, against division by zero.
        weight_decay: adds weight_decay * p to the gradient (L2).
        momentum: how much of the last step is kept.
        centered: subtract the running mean of g from under the root.

    Raises:
        ValueError: a hyper-parameter that is negative, not finite, or no number.

    Example:
        >>> from micrograd_like import Value
        >>> p = Value(1.0)
        >>> p.grad = 5.0
        >>> RMSprop([p], lr=0.01).step()
        >>> round(p.data, 6)     # the first step is lr / sqrt(1 - alpha), whatever the gradient
        0.9

    Source: Hinton's lecture 6e; torch.optim.RMSprop.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(params)
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.weight_decay, self.momentum, self.centered = weight_decay, momentum, centered
        self._check()

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        """One step of one parameter."""
        g = g + self.weight_decay * p
        v = state["v"] = self.alpha * state.get("v", 0.0) + (1.0 - self.alpha) * g * g
        if self.centered:
            m = state["mean"] = self.alpha * state.get("mean", 0.0) + (1.0 - self.alpha) * g
            v = v - m * m
        step = _divide(g, _root(v) + self.eps)
        if self.momentum:
            step = state["momentum"] = self.momentum * state.get("momentum", 0.0) + step
        return p - self.lr * step


class Adam(Optimizer):
    """Momentum divided by the root of the running mean of g**2, both corrected for their start.

    Args:
        params: the Values to move.
        lr: the learning rate, at least 0.
        betas: how much of the two running means is kept, each 0 or more and below 1.
        eps: added to the root, against division by zero.
        weight_decay: adds weight_decay * p to the gradient (L2).

    Raises:
        ValueError: a hyper-parameter out of its range, not finite, or no number.

    Example:
        >>> from micrograd_like import Value
        >>> p = Value(1.0)
        >>> p.grad = 5.0
        >>> Adam([p], lr=0.1).step()
        >>> round(p.data, 6)     # the first step is lr, whatever the gradient
        0.9

    Source: Kingma and Ba (2015), algorithm 1; torch.optim.Adam.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self._check()

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        """One step of one parameter."""
        return self._move(p, g + self.weight_decay * p, state)

    def _move(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        beta1, beta2 = self.betas
        t = state["step"] = state.get("step", 0.0) + 1.0
        m = state["m"] = beta1 * state.get("m", 0.0) + (1.0 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0.0) + (1.0 - beta2) * g * g
        root = _root(v / (1.0 - beta2**t))
        return p - _divide(self.lr / (1.0 - beta1**t) * m, root + self.eps)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself instead of entering the gradient.

    Args are those of Adam; weight_decay is 0.01 unless given.

    Example:
        >>> from micrograd_like import Value
        >>> p = Value(1.0)
        >>> AdamW([p], lr=0.1, weight_decay=0.5).step()     # the gradient is 0
        >>> p.data
        0.95

    Source: Loshchilov and Hutter (2019), algorithm 2; torch.optim.AdamW.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        """One step of one parameter."""
        return self._move(p * (1.0 - self.lr * self.weight_decay), g, state)


def clip_grad_norm_(parameters: Iterable[Any], max_norm: float) -> float:
    """Scales all gradients together so that their norm is at most max_norm.

    Returns:
        The norm before, a float.

    Example:
        >>> from micrograd_like import Value
        >>> p, q = Value(0.0), Value(0.0)
        >>> p.grad, q.grad = 3.0, 4.0
        >>> clip_grad_norm_([p, q], max_norm=1.0), round(q.grad, 4)
        (5.0, 0.8)

    Source: torch.nn.utils.clip_grad_norm_, with its 1e-6 in the denominator.
    """
    max_norm = _at_least_0("max_norm", max_norm)
    parameters = list(parameters)
    norm = math.hypot(*[p.grad for p in parameters])
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1.0:  # also when it is nan: one nan makes all of them nan, as in torch
        for p in parameters:
            p.grad *= scale
    return norm


# --- schedulers: how the learning rate changes from epoch to epoch ---


class Scheduler(_Resumable):
    """What the schedules share: call step() once after every epoch.

    A schedule is a function of the number of epochs, ``lr_at``; the learning rate that the
    optimiser had at the start is ``base_lr``.
    """

    def __init__(self, optimizer: Any) -> None:
        if not hasattr(optimizer, "lr"):
            raise TypeError(f"a scheduler needs an optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.base_lr: float = optimizer.lr
        self.epoch = 0

    def lr_at(self, epoch: int) -> float:
        """The learning rate after so many epochs."""
        raise NotImplementedError(f"{type(self).__name__} does not define lr_at(epoch)")

    def step(self) -> None:
        """Counts one epoch and sets the optimiser's learning rate."""
        self.epoch += 1
        self.optimizer.lr = self.lr_at(self.epoch)


class StepLR(Scheduler):
    """Multiplies the learning rate by gamma every step_size epochs.

    Example:
        >>> from micrograd_like import Value
        >>> schedule = StepLR(SGD([Value(0.0)], lr=1.0), step_size=2, gamma=0.5)
        >>> [schedule.lr_at(epoch) for epoch in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]

    Source: torch.optim.lr_scheduler.StepLR.
    """

    def __init__(self, optimizer: Any, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        self.step_size, self.gamma = step_size, gamma
        self._check()

    def lr_at(self, epoch: int) -> float:
        """The learning rate after so many epochs."""
        return _decayed(self.base_lr, self.gamma, epoch // self.step_size)


class ExponentialLR(Scheduler):
    """Multiplies the learning rate by gamma every epoch.

    Example:
        >>> from micrograd_like import Value
        >>> schedule = ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5)
        >>> [schedule.lr_at(epoch) for epoch in range(3)]
        [1.0, 0.5, 0.25]

    Source: torch.optim.lr_scheduler.ExponentialLR.
    """

    def __init__(self, optimizer: Any, gamma: float) -> None:
        super().__init__(optimizer)
        self.gamma = gamma
        self._check()

    def lr_at(self, epoch: int) -> float:
        """The learning rate after so many epochs."""
        return _decayed(self.base_lr, self.gamma, epoch)


class CosineAnnealingLR(Scheduler):
    """Goes down to eta_min along half a cosine in T_max epochs, and up again after them.

    Example:
        >>> from micrograd_like import Value
        >>> schedule = CosineAnnealingLR(SGD([Value(0.0)], lr=1.0), T_max=2)
        >>> [round(schedule.lr_at(epoch), 4) for epoch in range(3)]
        [1.0, 0.5, 0.0]

    Source: Loshchilov and Hutter (2017), equation 5; torch.optim.lr_scheduler.CosineAnnealingLR.
    """

    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer)
        self.T_max, self.eta_min = T_max, eta_min
        self._check()

    def lr_at(self, epoch: int) -> float:
        """The learning rate after so many epochs."""
        half = (self.base_lr - self.eta_min) / 2.0
        return self.eta_min + half * (1.0 + math.cos(math.pi * epoch / self.T_max))


class ReduceLROnPlateau(Scheduler):
    """Multiplies the learning rate by factor when a number has not improved for a while.

    Args:
        optimizer: whose learning rate to change.
        mode: "min" when smaller is better, "max" when larger is.
        factor: what to multiply with, below 1.
        patience: how many epochs without improvement are allowed.
        threshold: the relative improvement that counts.
        cooldown: how many epochs to wait after a reduction.
        min_lr: never go below.

    Example:
        >>> from micrograd_like import Value
        >>> optimizer = SGD([Value(0.0)], lr=1.0)
        >>> schedule = ReduceLROnPlateau(optimizer, patience=1, factor=0.5)
        >>> for loss in [3.0, 2.0, 2.0, 2.0]:
        ...     schedule.step(loss)
        >>> optimizer.lr
        0.5

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau, with threshold_mode="rel".
    """

    def __init__(
        self,
        optimizer: Any,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(optimizer)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.cooldown, self.min_lr = threshold, cooldown, min_lr
        self.best: float | None = None
        self.bad_epochs = self.waiting = 0
        self._check()

    def step(self, metric: Any) -> None:  # type: ignore[override]
        """Counts one epoch, at the end of which the number was metric."""
        # A loss itself, kept as the best one, would keep its whole graph alive.
        metric = float(metric if hasattr(metric, "__float__") else metric.data)
        if self.best is None:  # the first number that is neither nan nor infinitely bad
            better = metric < math.inf if self.mode == "min" else metric > -math.inf
        elif self.mode == "min":
            better = metric < self.best * (1.0 - self.threshold)
        else:
            better = metric > self.best * (1.0 + self.threshold)
        self.epoch += 1
        if better:
            self.best, self.bad_epochs = metric, 0
        else:
            self.bad_epochs += 1
        if self.waiting:
            self.waiting, self.bad_epochs = self.waiting - 1, 0
        if self.bad_epochs > self.patience:
            self.waiting, self.bad_epochs = self.cooldown, 0
            new = max(self.optimizer.lr * self.factor, self.min_lr)
            if self.optimizer.lr - new > 1e-8:  # torch's eps: a smaller change is none
                self.optimizer.lr = new


# --- arithmetic that gives nan or inf where Python raises; a Value (jit traces the rules) does ---


def _root(x: Any) -> Any:
    if not isinstance(x, float):
        return x.sqrt()
    return math.nan if x < 0.0 else math.sqrt(x)


def _divide(x: Any, y: Any) -> Any:
    return x / y if not isinstance(y, float) or y else x * math.inf  # y is a root: never -0.0


def _decayed(lr: float, gamma: float, times: int) -> float:
    try:
        return lr * gamma**times
    except OverflowError:
        return lr * math.inf if lr else 0.0


# --- checks, each of a name and what was given for it; they return it as the number it is ---


def _number(name: str, x: Any) -> float:
    if isinstance(x, bool | str) or not hasattr(x, "__float__"):
        raise ValueError(f"{name} must be a number, got {type(x).__name__} {x!r:.60}")
    try:
        return float(x)
    except OverflowError:  # an int beyond the floats
        return math.inf


def _finite(name: str, x: Any) -> float:
    if not math.isfinite(_number(name, x)):
        raise ValueError(f"{name} must be a finite number, got {x!r:.60}")
    return float(x)


def _at_least_0(name: str, x: Any) -> float:
    if not 0.0 <= _number(name, x) < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0, got {x!r:.60}")
    return float(x)


def _limited(limit: str, name: str, x: Any) -> float:
    number = _at_least_0(name, x)
    if number > 1.0 or (number == 1.0 and limit == "below 1"):
        raise ValueError(f"{name} must be {limit}, got {x!r}")
    return number


def _betas(name: str, pair: Any) -> tuple[float, ...]:
    two = hasattr(pair, "__len__") and len(pair) == 2
    if not two or not all(_at_least_0("beta", x) < 1.0 for x in pair):
        raise ValueError(f"{name} must be two numbers of at least 0 and below 1, got {pair!r:.60}")
    return tuple(map(float, pair))


def _int(least: int, name: str, n: Any) -> int:
    if type(n) is not int or not least <= n < 2**53:  # a float counts no further
        raise ValueError(f"{name} must be an int of at least {least}, got {n!r:.60}")
    return n


def _one_of(choices: tuple[Any, ...], name: str, x: Any) -> Any:
    if x not in choices:
        raise ValueError(f"unknown {name} {x!r:.60}: choose from {', '.join(map(str, choices))}")
    return x


def _best(name: str, x: Any) -> float | None:
    number = None if x is None else _number(name, x)  # None before the first step
    if number is not None and math.isnan(number):
        raise ValueError(f"{name} must be a number or None, got nan")
    return number


_SETTINGS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(["lr", "momentum", "dampening", "weight_decay", "eps"], _at_least_0),
    **dict.fromkeys(["base_lr", "gamma", "eta_min", "min_lr", "threshold"], _at_least_0),
    **dict.fromkeys(["epoch", "patience", "cooldown", "bad_epochs", "waiting"], partial(_int, 0)),
    **dict.fromkeys(["step_size", "T_max"], partial(_int, 1)),
    **dict.fromkeys(["nesterov", "centered"], partial(_one_of, (True, False))),
    "alpha": partial(_limited, "at most 1"),
    "betas": _betas,
    "factor": partial(_limited, "below 1"),
    "mode": partial(_one_of, ("min", "max")),
    "best": _best,
}
# What is kept for each parameter is finite; counts and means of squares are not negative either.
_KEPT: dict[str, Callable[[str, Any], float]] = {"step": _at_least_0, "v": _at_least_0}
