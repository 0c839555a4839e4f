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

import math
from collections.abc import Iterable
from typing import Any


class Optimizer:
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
        """Moves every parameter once."""
        self._check_leaves()
        for p, state in zip(self.params, self.state):
            p.data = self.update(p.data, p.grad, state)

    def update(self, p: float, g: float, state: dict[str, float]) -> float:
        """The parameter's next number from its number, its gradient and what was kept for it."""
        raise NotImplementedError(f"{type(self).__name__} does not define update(p, g, state)")

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
        self.lr = _at_least_0("lr", lr)
        self.momentum = _at_least_0("momentum", momentum)
        self.dampening = _at_least_0("dampening", dampening)
        self.weight_decay = _at_least_0("weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and (momentum == 0.0 or dampening != 0.0):
            raise ValueError("nesterov needs momentum > 0 and dampening = 0")

    def update(self, p: float, g: float, state: dict[str, float]) -> float:
        """One step of one parameter."""
        g = g + self.weight_decay * p
        if self.momentum:
            m = g  # the first step is not dampened
            if "momentum" in state:
                m = self.momentum * state["momentum"] + (1.0 - self.dampening) * g
            state["momentum"] = m
            g = g + self.momentum * m if self.nesterov else m
        return p - self.lr * g


def _at_least_0(name: str, x: float) -> float:
    if isinstance(x, bool | str) or not hasattr(x, "__float__"):
        raise ValueError(f"{name} must be a number, got {type(x).__name__} {x!r}")
    if not (math.isfinite(x) and x >= 0.0):
        raise ValueError(f"{name} must be a finite number of at least 0, got {x!r}")
    return float(x)
