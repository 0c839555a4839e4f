"""Optimisers: how parameters move along their gradients.

Names, argument order, defaults and arithmetic are those of torch.optim. An optimiser knows no
network; it reads its parameters' ``data`` and ``grad`` and writes them by engine.assign. A class
declares the ranges of its ``settings`` and of what is ``kept`` for each parameter.
"""

import copy
import math
from collections.abc import Iterable
from typing import Any, ClassVar

from ..checks import Check, check_all, choice, number, pair
from ..engine import assign
from ..functional import sqrt

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_"]


class Resumable:
    """A class that declares its settings, checks them, and writes them down to go on later."""

    settings: ClassVar[dict[str, Check]] = {}  # the range of everything in the state, by its name

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later: settings, and what steps have left."""
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
        loaded.check()
        assign([], also=[(self, name, vars(loaded)[name]) for name in own])

    def check(self) -> None:
        """Refuses what is out of its range, given or loaded; what counts as a float becomes one."""
        vars(self).update(check_all(self.settings, vars(self)))


class Optimizer(Resumable):
    """What every optimiser shares: the parameters, checked once, and the walk over them.

    Args:
        params: the Values to move, such as ``model.parameters()``; a generator will do.

    Raises:
        ValueError: no parameter, one of them twice, or one with history (the result of an op).
        TypeError: something that is not a Value.
    """

    kept: ClassVar[dict[str, Check]] = {}  # the range of what is kept for each parameter

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
        assign(self.params, grad=[0.0] * len(self.params))

    def step(self) -> None:
        """Moves every parameter once: all of them, or after an interrupt none."""
        self._check_leaves()
        states = [dict(state) for state in self.state]
        new = [self.update(p.data, p.grad, state) for p, state in zip(self.params, states)]
        assign(self.params, data=new, also=[(self, "state", states)])

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        """The parameter's next number from its number, its gradient and what is kept for it.

        The jit traces it on Values: it may ask what state holds, but not for a number's size.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update(p, g, state)")

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "state": [dict(state) for state in self.state]}

    def check(self) -> None:
        super().check()
        if not isinstance(self.state, list) or not all(isinstance(k, dict) for k in self.state):
            raise ValueError(f"the state must be a list of dicts, got {self.state!r:.60}")
        if len(self.state) != len(self.params):
            raise ValueError(f"a state of {len(self.state)} parameters, not {len(self.params)}")
        self.state = [
            {k: self.kept.get(k, number())(f"{k} of parameter {i}", x) for k, x in state.items()}
            for i, state in enumerate(self.state)
        ]
        needed: dict[str, Any] = {}
        if any(self.state):  # else before the first step
            self.update(0.0, 0.0, needed)
        for i, state in enumerate(self.state):
            if missing := ", ".join(sorted(needed.keys() - state.keys())):
                raise ValueError(f"the state of parameter {i} lacks {missing}")
            if state.get("step") != self.state[0].get("step"):
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
        ValueError: a setting out of its range, not finite, or no number; so do all the others.

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

    settings: ClassVar = {
        "lr": number(0.0), "momentum": number(0.0), "dampening": number(0.0),
        "weight_decay": number(0.0), "nesterov": choice(True, False),
    }  # fmt: skip
    kept: ClassVar = {"momentum": number()}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0,
        dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params)
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.check()

    def check(self) -> None:
        super().check()
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ValueError("nesterov needs momentum > 0 and dampening = 0")

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
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
        params, lr, weight_decay: as for SGD.
        alpha: how much of the running mean is kept, 0 to 1.
        eps: added to the root, against division by zero.
        momentum: how much of the last step is kept.
        centered: subtract the running mean of g from under the root.

    Example:
        >>> from micrograd_like import Value
        >>> p = Value(1.0)
        >>> p.grad = 5.0
        >>> RMSprop([p], lr=0.01).step()
        >>> round(p.data, 6)     # the first step is lr / sqrt(1 - alpha), whatever the gradient
        0.9

    Source: Hinton's lecture 6e; torch.optim.RMSprop.
    """

    settings: ClassVar = {
        "lr": number(0.0), "alpha": number(0.0, 1.0), "eps": number(0.0),
        "weight_decay": number(0.0), "momentum": number(0.0), "centered": choice(True, False),
    }  # fmt: skip
    kept: ClassVar = {"v": number(0.0), "mean": number(), "momentum": number()}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params)
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.weight_decay, self.momentum, self.centered = weight_decay, momentum, centered
        self.check()

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        g = g + self.weight_decay * p
        v = state["v"] = self.alpha * state.get("v", 0.0) + (1.0 - self.alpha) * g * g
        if self.centered:
            m = state["mean"] = self.alpha * state.get("mean", 0.0) + (1.0 - self.alpha) * g
            v = v - m * m
        step = _divide(g, sqrt(v) + self.eps)
        if self.momentum:
            step = state["momentum"] = self.momentum * state.get("momentum", 0.0) + step
        return p - self.lr * step


class Adam(Optimizer):
    """Momentum divided by the root of the running mean of g**2, both corrected for their start.

    Args:
        params, lr, weight_decay: as for SGD.
        betas: how much of the two running means is kept, each 0 or more and below 1.
        eps: added to the root, against division by zero.

    Example:
        >>> from micrograd_like import Value
        >>> p = Value(1.0)
        >>> p.grad = 5.0
        >>> Adam([p], lr=0.1).step()
        >>> round(p.data, 6)     # the first step is lr, whatever the gradient
        0.9

    Source: Kingma and Ba (2015), algorithm 1; torch.optim.Adam.
    """

    settings: ClassVar = {
        "lr": number(0.0), "betas": pair(0.0, 1.0), "eps": number(0.0), "weight_decay": number(0.0),
    }  # fmt: skip
    kept: ClassVar = {"step": number(0.0), "m": number(), "v": number(0.0)}
    decoupled = False  # whether the weight decay shrinks the parameter itself

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.check()

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        if self.decoupled:
            p = p * (1.0 - self.lr * self.weight_decay)
        else:
            g = g + self.weight_decay * p
        beta1, beta2 = self.betas
        t = state["step"] = state.get("step", 0.0) + 1.0
        m = state["m"] = beta1 * state.get("m", 0.0) + (1.0 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0.0) + (1.0 - beta2) * g * g
        root = sqrt(v) * (1.0 - beta2**t) ** -0.5
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

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay)


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
    max_norm = number(0.0)("max_norm", max_norm)
    parameters = list(parameters)
    norm = math.hypot(*[p.grad for p in parameters])
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1.0:  # also when it is nan: one nan makes all of them nan, as in torch
        assign(parameters, grad=[p.grad * scale for p in parameters])
    return norm


def _divide(x: Any, y: Any) -> Any:
    """x / y, inf or nan where Python raises; jit traces the rules, on Values."""
    return x / y if not isinstance(y, float) or y else x * math.inf  # y is a root: never -0.0
