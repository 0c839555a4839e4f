"""Mistakes made by hand in the compiler: each one is noticed by a few generated programs.

A mistake takes the place of a function for one test. The judge is Python: outputs and gradients of
the same function, recorded and walked backwards by the engine.
"""

import random
from functools import cache

import numpy as np
import pytest
from helpers.rolled import rolled

from micrograd_like import ops
from micrograd_like.jit import lanes, lower, nests, plan, vectormath
from micrograd_like.jit.emit import INT
from micrograd_like.jit.native import Native
from micrograd_like.tape import JitError, gradients

PROGRAMS = [(2, 1), (13, 1), (6, 9), (1, 9), (30, 30), (8, 30)]  # seeds, and samples for each


@cache
def in_python(seed, samples):
    """Columns of samples, and what Python makes of them."""
    program, rng = rolled(seed), random.Random(seed)
    columns = [program.sample(rng) for _ in range(samples)]
    return columns, [program.in_python(x) for x in columns]


for each in PROGRAMS:  # before there is any mistake
    in_python(*each)


def is_noticed():
    """Whether machine code differs from Python, or is refused, for one of the programs."""
    return any(differs(seed, samples) for seed, samples in PROGRAMS)


def differs(seed, samples):
    columns, wanted = in_python(seed, samples)
    try:
        program = rolled(seed)
        got, sums = Native(program.gradients, samples)(np.array(columns).T, program.parameters)
    except (JitError, RuntimeError, TypeError, ValueError):
        return True
    outputs = np.array([outputs for outputs, _ in wanted]).T
    each = np.array([gradients for _, gradients in wanted])
    if len(sums) != each.shape[1]:
        return True
    size = np.abs(each).sum(axis=0) + 1e-9
    close = np.allclose(got, outputs, 1e-11, 1e-11, equal_nan=True)
    return not (close and np.allclose((sums - each.sum(axis=0)) / size, 0.0, 0.0, 1e-11))


def changed(table, key, new):
    return {**table, key: new(table[key])}


def of_op(name, new):
    """Another emitter for an op."""
    return vectormath, "LOWERINGS", lambda table: changed(table, name, new)


def with_last_left_out(function):
    return lambda *args: function(*args)[:-1]


# what is changed, where, and from what is there to what takes its place
MISTAKES = {
    "sub the other way round": of_op("sub", lambda own: lambda m, x, y: own(m, y, x)),
    "div as a product": of_op("div", lambda own: vectormath.Vectors.mul),
    "where the other way round": of_op("where", lambda own: lambda m, c, x, y: own(m, c, y, x)),
    "minimum for maximum": of_op("maximum", lambda own: vectormath.LOWERINGS["minimum"]),
    "gt with equality": of_op("gt", lambda own: vectormath.LOWERINGS["ge"]),
    "eq that never holds": of_op("eq", lambda own: lambda m, x, y: m.constant(0.0)),
    "neg forgotten": of_op("neg", lambda own: lambda m, x: x),
    "relu with a slope below": of_op("relu", lambda own: lambda m, x: m.mul(x, 0.5)),
    "dot without its start": of_op(
        "dot", lambda own: lambda m, start, *wx: own(m, m.constant(0.0), *wx)),
    "sum without its last term": of_op("sum", lambda own: lambda m, *xs: own(m, *xs[:-1])),
    "a loop of a term too few": (
        nests, "accumulate", lambda own: lambda b, start, stop, body: own(
            b, start, stop - 1 if isinstance(stop, int) else stop, body)),
    "an index that is always the first": (
        nests, "index_of", lambda own: lambda b, number, n: INT(0)),
    "the same for rows as lanes": (lanes, "index_of", lambda own: lambda b, number, n: INT(0)),
    "lanes that all read one place": (
        lanes, "_places", lambda own: lambda b, place, step, width: own(b, place, 0, width)),
    "a total of one lane": (
        vectormath.Vectors, "totals", lambda own: lambda self, xs: (
            self.lanes(xs[0])[0] if len(xs) < self.width else own(self, xs))),
    "a sum too few": (plan, "_wanted", with_last_left_out),
    "puts forgotten": (plan, "_scatters", lambda own: lambda tape, varies: []),
    "puts in the next place": (
        plan, "_scatters", lambda own: lambda tape, varies: [
            s._replace(where=[[*w[1:], w[0]] for w in s.where]) for s in own(tape, varies)]),
    "results that nobody keeps": (
        plan, "_stored", lambda own: lambda *args: [(nest, set()) for nest, _ in own(*args)]),
    "sums in another order": (
        plan, "_of_stored", lambda own: lambda *args: [
            r._replace(where=list(r.where)[::-1]) for r in own(*args)]),
    "constants forgotten": (
        Native, "new_scalars", lambda own: lambda self, values: np.append(
            values, np.zeros(self.n_scalars - len(values)))),
    "a rule without its second half": (
        ops.MUL, "backward", lambda own: lambda g, out, x, y: (own(g, out, x, y)[0], None)),
    "samples of the first strip only": (
        lower, "make_plan", lambda own: lambda tape, varies, single: own(
            tape, varies, single)._replace(reductions=[])),
}  # fmt: skip


def test_programs_without_a_mistake_are_what_python_computes():
    assert not is_noticed()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake, monkeypatch):
    place, name, new = MISTAKES[mistake]
    gradients._rule.cache_clear()
    monkeypatch.setattr(place, name, new(getattr(place, name)))
    try:
        assert is_noticed()
    finally:
        gradients._rule.cache_clear()
