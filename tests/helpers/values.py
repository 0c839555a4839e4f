"""Many Values at once: made from nested lists, and read back."""

from micrograd_like.engine import Value
from micrograd_like.nesting import flat, map_nested


def as_values(x):
    return map_nested(Value, x)


def numbers(values):
    return [v.data for v in flat(values)]


def grads(values):
    return [v.grad for v in flat(values)]
