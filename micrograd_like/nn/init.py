"""Where weights start: (nin, nout, rng) -> the first number of one weight.

>>> uniform(3, 4, random_source(0))
0.6888437030500962
"""

import math
import random
from collections.abc import Callable

from ..checks import choice

__all__ = ["INITIALISERS", "he", "uniform", "xavier"]

Initialiser = Callable[[int, int, random.Random], float]
Rng = random.Random | int | None  # a generator, or what one starts at
HALF_OFF = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}  # pass half the line: He


def uniform(nin: int, nout: int, rng: random.Random) -> float:
    """Uniform between -1 and 1, as in micrograd."""
    return rng.uniform(-1.0, 1.0)


def xavier(nin: int, nout: int, rng: random.Random) -> float:
    """Uniform with variance 2 / (nin + nout), which suits tanh.

    Source: Glorot and Bengio (2010), equation 16; torch.nn.init.xavier_uniform_.
    """
    bound = math.sqrt(6.0 / (nin + nout))
    return rng.uniform(-bound, bound)


def he(nin: int, nout: int, rng: random.Random) -> float:
    """Uniform with variance 2 / nin, which suits relu.

    Source: He et al. (2015), equation 10; torch.nn.init.kaiming_uniform_.
    """
    bound = math.sqrt(6.0 / nin)
    return rng.uniform(-bound, bound)


INITIALISERS: dict[str, Initialiser] = {"uniform": uniform, "xavier": xavier, "he": he}


def initialiser(init: str, activation: str) -> Initialiser:
    """The one of that name; for "auto" the one that suits the activation."""
    choice(*INITIALISERS, "auto")("initialiser", init)
    if init == "auto":
        return he if activation in HALF_OFF else xavier
    return INITIALISERS[init]


def random_source(rng: Rng) -> random.Random:
    """The generator itself, or one that starts at the seed."""
    if isinstance(rng, random.Random):
        return rng
    if rng is None or isinstance(rng, int):
        return random.Random(rng)
    raise TypeError(f"rng must be a random.Random or an int, got {type(rng).__name__} {rng!r}")
