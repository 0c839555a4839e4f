"""Layers that do one thing in training and another in evaluation, and a network with them.

>>> BatchNorm(2, momentum=0.5), Dropout(0.5)
(BatchNorm(2, momentum=0.5), Dropout(0.5))
>>> len(mlp(2, [16, 16, 1], batch_norm=True, dropout=0.2).layers)
9

One that draws random numbers has a generator of its own, ``rng``, and gets each number from
``factor()``: so its state can be saved, and a compiler can draw the same numbers ahead. One that
keeps statistics of a batch does so in ``keep()``, which a compiler calls after the steps.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ..checks import number
from ..engine import Number, Value, as_value, assign
from ..functional import dot
from ..functional import sum as total
from ..nesting import map_nested
from .dense import MLP, Activation, Linear
from .init import Rng, random_source
from .module import Module, Sequential, Twin, as_inputs, width

__all__ = ["BatchNorm", "Dropout", "mlp"]


class BatchNorm(Module):
    """Each feature shifted and scaled to mean 0 and variance 1 over the batch, then w * x + b.

    In training, ``batch`` uses the statistics of the batch, with gradients through them, and keeps
    running ones; in evaluation the running ones are used, and single samples will do.

    Args:
        nin: how many features.
        eps: added to the variance, against division by zero.
        momentum: the weight of the batch in the running statistics.

    Raises:
        ValueError: in training, a single sample or a batch of one: there is no variance.

    Example:
        >>> norm = BatchNorm(1, eps=0.0)
        >>> [out[0].data for out in norm.batch([[1.0], [3.0]])]
        [-1.0, 1.0]
        >>> norm.running_mean, norm.running_var     # 0.9 * old + 0.1 * new
        ([0.2], [1.1])

    Source: Ioffe and Szegedy (2015), algorithm 1; torch.nn.BatchNorm1d.
    """

    settings: ClassVar = {"nin": width("features"), "eps": number(), "momentum": number()}
    biases = ("b",)
    buffers = ("running_mean", "running_var")
    keeps = True
    nin: int
    eps: float
    momentum: float

    def __init__(self, nin: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self._configure(nin=nin, eps=eps, momentum=momentum)
        if not (eps >= 0.0 and 0.0 <= momentum <= 1.0):
            raise ValueError(
                f"BatchNorm expects eps >= 0 and momentum from 0 to 1, got {eps!r} and {momentum!r}"
            )
        self.w = [Value(1.0) for _ in range(nin)]
        self.b = [Value(0.0) for _ in range(nin)]
        self.running_mean, self.running_var = [0.0] * nin, [1.0] * nin

    @staticmethod
    def size(nin: int, **others: Any) -> int:
        return 4 * nin

    def twins(self) -> list[Twin]:
        made = f"nn.BatchNorm1d({self.nin}, eps={self.eps!r}, momentum={self.momentum!r})"
        names = ("weight", "bias", "running_mean", "running_var")
        return [(made, {name: [self.nin] for name in names})]

    def checked(self, x: Iterable[Number]) -> list[Value]:
        if self.training:
            raise ValueError(
                "BatchNorm needs the whole batch in training: call model.batch(xs), or model.eval()"
            )
        return as_inputs(self, x)

    def forward(self, x: Sequence[Value]) -> list[Value]:
        """One sample, by the running statistics."""
        scales = [as_value(var + self.eps) ** -0.5 for var in self.running_var]
        return self._affine([(v - m) * s for v, m, s in zip(x, self.running_mean, scales)])

    def batch(self, xs: Iterable[Any]) -> list[list[Value]]:
        """All samples, in training by their own statistics."""
        rows = [as_inputs(self, x) for x in xs]
        if not self.training:
            return [self.forward(row) for row in rows]
        n = len(rows)
        if n < 2:
            raise ValueError(f"BatchNorm needs at least 2 samples in training, got {n}")
        columns, means, variances = [], [], []
        for column in zip(*rows):
            mean = total(column) * (1.0 / n)
            centred = [v - mean for v in column]
            var = dot(centred, centred) * (1.0 / n)
            scale = (var + self.eps) ** -0.5
            columns.append([v * scale for v in centred])
            means.append(mean.data)
            variances.append(var.data)
        self.keep(n, means, variances)
        return [self._affine(row) for row in zip(*columns)]

    def keep(self, n: float, means: Sequence[float], variances: Sequence[float]) -> None:
        """Moves the running statistics towards those of a batch of n samples."""
        kept, m = 1.0 - self.momentum, self.momentum
        both = zip(self.running_mean, means), zip(self.running_var, variances)
        mean = [kept * old + m * new for old, new in both[0]]
        var = [kept * old + m * new * n / (n - 1) for old, new in both[1]]
        assign([], also=[(self, "running_mean", mean), (self, "running_var", var)])

    def _affine(self, x: Iterable[Value]) -> list[Value]:
        return [w * v + b for w, v, b in zip(self.w, x, self.b)]


class Dropout(Module):
    """In training, sets each number to 0 with probability p and scales the others by 1 / (1 - p).

    Args:
        p: the probability, 0 or more and below 1.
        rng: a random.Random, or a seed for one.

    Example:
        >>> dropout = Dropout(0.5, rng=0)
        >>> dropout([1.0, 1.0, 1.0, 1.0]), dropout.eval()([1.0, 1.0])
        ([2.0, 2.0, 0.0, 0.0], [1.0, 1.0])

    Source: Srivastava et al. (2014); torch.nn.Dropout.
    """

    settings: ClassVar = {"p": number()}
    draws = True
    p: float

    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        if isinstance(p, bool) or not isinstance(p, int | float):
            raise TypeError(f"p must be a number, got {type(p).__name__} {p!r}")
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p must be 0 or more and below 1, got {p!r}")
        self._configure(p=p)
        self.rng = random_source(rng)

    def twins(self) -> list[Twin]:
        return [(f"nn.Dropout({self.p!r})", {})]

    def forward(self, x: Any) -> Any:
        if not self.training:
            return x
        return map_nested(lambda v: v * self.factor(), x)

    def factor(self) -> float:
        """What one number is multiplied with: drawn anew at every call."""
        return 0.0 if self.rng.random() < self.p else 1.0 / (1.0 - self.p)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


def mlp(
    nin: int, nouts: Sequence[int],
    activation: str | Sequence[str] = "tanh", output_activation: str = "tanh",
    init: str = "auto", rng: Rng = None, *, batch_norm: bool = False, dropout: float = 0.0,
) -> Sequential:  # fmt: skip
    """The layers of an MLP one by one, with BatchNorm and Dropout between them.

    A hidden layer becomes Linear, BatchNorm, Activation, Dropout; the last layer stays what it is,
    and one of a single neuron gives a Value, as the MLP does. The start is that of the MLP with the
    same arguments and seed.

    Args:
        batch_norm: normalise before every hidden activation.
        dropout: the p of a Dropout after every hidden activation; 0 for none.

    The others are those of MLP.

    Example:
        >>> mlp(2, [4, 1], batch_norm=True, dropout=0.2)
        Sequential(Linear(2, 4), BatchNorm(4), Activation('tanh'), Dropout(0.2),
                   Neuron(4, activation='tanh'))

    Source: Ioffe and Szegedy (2015), section 3.2, for the order; torchvision.ops.MLP for the whole.
    """
    if not isinstance(batch_norm, bool):
        raise TypeError(f"batch_norm must be True or False, got {batch_norm!r:.60}")
    rng = random_source(rng)
    *hidden, last = MLP(nin, nouts, activation, output_activation, init, rng).layers
    layers: list[Module] = []
    for layer in hidden:
        linear = Linear(layer.nin, layer.nout)
        linear.load_state_dict(layer.state_dict())
        norm = [BatchNorm(layer.nout)] if batch_norm else []
        drop = [Dropout(dropout, rng.randrange(2**32))] if dropout != 0.0 else []
        layers += [linear, *norm, Activation(layer.activation), *drop]
    return Sequential(*layers, last.neurons[0] if last.nout == 1 else last)
