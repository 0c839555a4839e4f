"""Many Values at once: made from nested lists, and read back."""

import math
import struct

from micrograd_like.engine import Value
from micrograd_like.nesting import flat, map_nested


def as_values(x):
    return map_nested(Value, x)


def numbers(values):
    return [v.data for v in flat(values)]


def grads(values):
    return [v.grad for v in flat(values)]


def bits(numbers):
    """Tells 0.0 from -0.0; all nans are one."""
    return [struct.pack("<d", math.nan if x != x else x) for x in numbers]
