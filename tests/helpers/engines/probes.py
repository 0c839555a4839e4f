"""Small programs whose numbers tell a wrong engine from a right one: no judge, a second opinion.

A probe is code in micrograd's words. Its answer for an engine is its numbers, or the name of what
it raised. It says from which level on it may be held against an engine.
"""

import math
import random
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any, NamedTuple

from . import same_recursion_limit

POINTS = [(0.75, 1.5), (2.25, 0.5), (-0.5, 1.25), (-1.75, -0.625)]
BINARY = [
    "v + w", "2.0 + v", "v + 2.0", "v - w", "2.0 - v", "v - 2.0", "v * w", "3.0 * v", "v * 3.0",
    "v / w", "2.0 / v", "v / 3.0", "-v", "v ** 3", "v ** -1", "v ** 2.0", "abs(v)", "2.0 ** v",
    "(v * v) ** 0.5", "(v * v) ** w", "v + v", "v * v", "v - v", "v / v", "(v * v) ** v",
    "v + (w + 1.0)", "(v + 1.0) + w", "v - w * 2.0", "v * (w * 2.0)", "(v * 2.0) * w",
    "v / (w * 2.0)", "(v * 2.0) / w",
]  # fmt: skip
UNARY = [
    "atan", "cos", "cosh", "elu", "exp", "leaky_relu", "relu", "sigmoid", "silu", "sin", "sinh",
    "softplus", "tan", "tanh",
]  # fmt: skip
OF_POSITIVE = ["log", "sqrt"]
WALKS = {
    "the output is a leaf": "y = v",
    "a result used twice": "a = v * w; y = a * a",
    "a result used three times": "a = v + w; y = a * a + a",
    "a diamond": "a = v * 2.0; b = a + w; c = a * w; y = b * c",
    "diamonds": "y = v\nfor i in range(6): y = y * w + y",
    "a short and a long way": "a = v * w; b = a + 1.0; c = b * b; d = c * a; y = d + a",
    "a long and a short way": "a = v * w; b = a + 1.0; c = b * b; d = a * c; y = a + d",
    "a chain": "y = v\nfor i in range(5): y = -(y * w)",
    "equal numbers": "a = v * 2.0; b = v * 2.0; y = a * 3.0 + b * w",
    "in place": "y = v; y += w; y *= v; y -= 1.0; z = v * 2.0; y = y + z",
}


class Probe(NamedTuple):
    """A program: what it is about, from which level it counts, its code, what is read."""

    about: str
    level: str
    code: str
    read: str = "y.data, v.grad, w.grad, v.data, w.data"

    def answer(self, Value: Any) -> Any:
        names: dict[str, Any] = {"Value": Value, "abs": abs, "range": range}
        try:
            exec(_compiled(self.code, "exec"), names)
            return tuple(map(complex, eval(_compiled(self.read, "eval"), names)))
        except Exception as error:
            return type(error).__name__


@cache
def _compiled(code: str, mode: str) -> CodeType:
    return compile(code, "<probe>", mode)


def start(v: float, w: float) -> str:
    return f"v = Value({v}); w = Value({w})\n"


def _rules() -> list[Probe]:
    probes = []
    for x, w in POINTS:
        for text in BINARY:
            probes += _uses(text, text, x, w)
        for name in UNARY + OF_POSITIVE:
            probes += _uses(name, f"v.{name}()", abs(x) if name in OF_POSITIVE else x, w)
        for about, code in WALKS.items():
            probes.append(Probe(about, "rules", f"{start(x, w)}{code}\ny.backward()"))
    return probes + [_program(seed) for seed in range(10)]


def _uses(about: str, text: str, x: float, w: float) -> Iterator[Probe]:
    """An op as the output; of a leaf used again, in a chain; of a result."""
    for v, y in (("x", text), ("x", f"w - 2.5 * ({text}) * v"), ("x * 0.8", f"({text}) * w")):
        code = f"x = Value({x}); w = Value({w})\nv = {v}\ny = {y}; y.backward()"
        yield Probe(about, "rules", code, "y.data, x.grad, w.grad, x.data, w.data")


def _program(seed: int) -> Probe:
    rng = random.Random(seed)
    lines, nodes = [start(0.8, -1.3)], ["v", "w"]
    for i in range(8):
        a, b = rng.choice(nodes), rng.choice(nodes)
        lines.append(f"n{i} = " + rng.choice([
            f"{a} + {b}", f"{a} * {b}", f"{a} - {b}", f"0.5 * {a}", f"{a}.tanh()", f"1.0 - {a}",
            f"{a} / ({b} * {b} + 1.0)", f"({a} * {a} + 0.5) ** -0.5",
        ]))  # fmt: skip
        nodes.append(f"n{i}")
    return Probe("a program", "rules", "\n".join([*lines, "y = n7 * n6 + n5 + n4; y.backward()"]))


def _careful() -> list[Probe]:
    a, b = start(0.75, 1.5), start(0.0, 1.5)
    twice, changed = "y.backward(); y.backward()", "v.data = 5.0; w.data = 7.0; y.backward()"
    some = ["v * w", "v + w", "v - w", "v / w", "v ** 3", "v.exp()", "v.sin() * w", "v.tanh() * v"]
    return [
        Probe("relu at 0", "careful", f"{b}y = v.relu() + w; y.backward()"),
        Probe("relu at 0", "careful", f"{b}y = v.relu() * w; y.backward()"),
        *[Probe("backward twice", "careful", f"{a}y = {t}; {twice}") for t in some],
        Probe("backward twice", "careful", f"{a}u = v * w; y = u * u + v; {twice}"),
        Probe("the output is a leaf, twice", "careful", f"{a}y = v; {twice}"),
        Probe("two losses", "careful",
              f"{a}u = v * w; y = u * u; z = u + v; y.backward(); z.backward()"),
        *[Probe("a leaf changed", "careful", f"{a}y = {t}; {changed}") for t in some],
        Probe("zeroed", "careful",
              f"{a}y = v * w; y.backward(); v.grad = w.grad = 0.0\ny = v / w; y.backward()"),
        Probe("gradients in between", "careful",
              f"{a}u = v * w; y = u * u; y.backward(); y.backward()", "u.grad, y.grad, u.data"),
        *[Probe("far out", "careful", f"v = Value({x}); w = v\ny = v.{f}(); y.backward()")
          for x in (-30.0, 30.0) for f in ("tanh", "sigmoid", "softplus")],
        Probe("far out", "careful", "v = Value(400.0); w = v\ny = v.tanh(); y.backward()"),
    ]  # fmt: skip


def _complete() -> list[Probe]:
    b = start(0.0, 1.5)
    texts = ["abs(v)", "v.leaky_relu()", "v.elu()", "v ** 0", "v ** 1", "v ** 2", "v * 0.0"]
    return [Probe(t, "complete", f"{b}y = {t} + w; y.backward()") for t in texts]


PROBES = [*_rules(), *_careful(), *_complete()]


def answers(Value: Any) -> list[Any]:
    with same_recursion_limit():
        return [probe.answer(Value) for probe in PROBES]


def same(a: Any, b: Any) -> bool:
    """Are two answers the same, to nine digits? An exception is the same as another one."""
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str)
    return len(a) == len(b) and all(map(_close, a, b))


def _close(a: complex, b: complex) -> bool:
    if a == b or (a != a and b != b):
        return True
    return math.isfinite(abs(a)) and abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-3)


def first_difference(Value: Any, wanted: list[Any], but: frozenset[str] = frozenset()) -> Any:
    """The first probe, not about any of `but`, that Value answers otherwise; None if all agree."""
    with same_recursion_limit():
        for probe, answer in zip(PROBES, wanted):
            if probe.about not in but and not same(probe.answer(Value), answer):
                return probe
    return None
