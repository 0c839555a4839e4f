"""Every op compiled: values and gradients as in Python, in full vectors, in their tails, alone.

All rows of the op table are compiled together, as one function with inputs for each of them.
"""

import itertools
import math
from functools import cache, partial
from typing import NamedTuple

import mpmath
import numpy as np
import pytest
from helpers.checklist import COMPLETE, DIFFERENTIABLE

from micrograd_like import losses
from micrograd_like.engine import Value, apply, grad
from micrograd_like.functional import softmax
from micrograd_like.jit import jit
from micrograd_like.jit.native import Native
from micrograd_like.nn import ACTIVATIONS
from micrograd_like.ops import OPS
from micrograd_like.tape.trace import trace
from micrograd_like.transforms import flatten, hessian, jacobian, value_and_grad
from micrograd_like.transforms import grad as gradient

inf, nan = math.inf, math.nan
EPS = 2.0**-52

ORDINARY = [-2.7, -1.3, -0.6, -0.04, 0.03, 0.5, 0.9, 1.0, 1.7, 3.1]
EDGES = [0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 1e-300, 1e308, -1e308, inf, -inf, nan]
EDGES += [710.0, -710.0, 745.0, -745.0]
BRANCHES = [-1.0, -1.5, 8.0, -8.0, 20.0, -20.0, 40.0, -40.0, -41.0, 709.9, 711.0, -746.0, 1e5, -1e5]
BRANCHES += [0.1733, 0.1734, 0.3465, 0.3466, -0.3466, 0.6931, 1.0000001, 1e-8, -1e-8, 19.1, -37.0]
CONSTANTS = {
    "powc": [-2.0, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0],
    "leaky_relu": [0.01, 0.0],
}
UPSTREAM = [1.0, 0.0, -2.5, inf, nan]


class Case(NamedTuple):
    """An op, its constant arguments, how many others it takes, and where to look at it."""

    name: str
    constants: tuple[float, ...]
    inputs: int
    points: list[tuple[float, ...]]


def case(name, *constants):
    op = OPS[name]
    n = (4 if name == "dot" else 3) if op.arity is None else op.arity - op.constants
    xs = {1: [*ORDINARY, *EDGES, *BRANCHES], 2: [*ORDINARY[::2], 2.0, -3.0, *EDGES]}.get(n)
    few = [-1.3, -0.0, 2.0, 1e308, inf, -inf, nan] if n == 3 else [-1.3, -0.0, 5e-324, inf, nan]
    if name == "take":
        return Case(name, constants, n, list(itertools.product([0.0, 1.0], few, few)))
    return Case(name, constants, n, list(itertools.product(xs or few, repeat=n)))


CASES = [
    case(name, *([float(k)] if op.constants else []))
    for name, op in OPS.items()
    if name in COMPLETE
    for k in CONSTANTS.get(name, [1.0, 0.3, -2.0] if op.constants else [None])
]
SAMPLES = max(len(c.points) for c in CASES)


def value_and_gradients(c, xs, g):
    out = apply(OPS[c.name], *xs, *c.constants)
    return [out, *grad(out * g, xs, create_graph=True)]


@cache
def everything():
    """The tape of all cases, and their points, one column for each sample."""

    def f(xs, shared):
        rest = iter(xs)
        outputs = []
        for c in CASES:
            outputs += value_and_gradients(c, list(itertools.islice(rest, c.inputs)), shared[0])
        return outputs, []

    n = sum(c.inputs for c in CASES)
    tape = trace(f, [[0.7] * n, [0.4] * n], [1.0]).tape
    columns = [[x for c in CASES for x in c.points[i % len(c.points)]] for i in range(SAMPLES)]
    return tape, np.array(columns).T


@cache
def eager(g):
    """For each case a row for each output, a column for each sample."""

    def at(c, point):
        return [v.data for v in value_and_gradients(c, list(map(Value, point)), Value(g))]

    tables = [np.array([at(c, point) for point in c.points]).T for c in CASES]
    return [np.take(t, range(SAMPLES), axis=1, mode="wrap") for t in tables]


@cache
def native(samples, vector_library):
    return Native(everything()[0], samples, vector_library)


def compiled(g, samples, vector_library, columns=slice(None)):
    outputs, _ = native(samples, vector_library)(everything()[1][:, columns], [g])
    return np.split(outputs, np.cumsum([1 + c.inputs for c in CASES])[:-1])


def assert_close(got, wanted, terms, message):
    """Equal in class and value; finite numbers to 4 units in the last place of the terms."""
    finite = np.isfinite(wanted)
    assert np.array_equal(got[~finite], wanted[~finite], equal_nan=True), message
    off = np.abs(got[finite] - wanted[finite])
    assert (off <= 4 * np.spacing(terms[finite])).all(), (*message, off.max())


def terms(c, wanted, g=1.0):
    """What is rounded: the result, or where Python itself cancels, what it subtracts."""
    sizes = np.abs(wanted)
    if c.name == "tanh" and math.isfinite(g):  # 1 - out * out, with an out that is off itself
        sizes[1] = np.fmax(sizes[1], 2.0 * abs(g) * wanted[0] ** 2)
    if c.name == "silu" and math.isfinite(g):  # s * (1 + x * (1 - s)), which is zero at -1.28
        sizes[1] = np.fmax(sizes[1], 0.2 * abs(g))
    if c.name == "logsumexp":  # largest + log(sum)
        sizes[0] = np.fmax(sizes[0], 1.0)
    return sizes


@pytest.mark.parametrize("g", UPSTREAM)
@pytest.mark.parametrize("vector_library", [True, False], ids=["vectors", "libm"])
def test_every_op_and_its_gradient_are_pythons_at_every_edge(g, vector_library):
    for c, got, wanted in zip(CASES, compiled(g, SAMPLES, vector_library), eager(g)):
        assert_close(got, wanted, terms(c, wanted, g), (c.name, c.constants, g))


@pytest.mark.parametrize("vector_library", [True, False], ids=["vectors", "libm"])
def test_zeros_have_pythons_sign(vector_library):
    tables = compiled(1.0, SAMPLES, vector_library)
    for c, (got, *_), (wanted, *_) in zip(CASES, tables, eager(1.0)):
        zero = wanted == 0.0
        assert np.array_equal(np.signbit(got[zero]), np.signbit(wanted[zero])), c.name


def test_subnormal_numbers_are_not_flushed_to_zero():
    f = jit(lambda x, y: [x + y, x - y, x * y, x / y, x.tanh(), x.expm1(), x.sin(), abs(x)])
    x = [5e-324, 1e-310, -3e-320] * 6
    assert np.array_equal(f(x, 2.0)[:, 3], np.array(x) / 2.0)
    assert np.array_equal(f(x, 5e-324)[:, 1], np.array(x) - 5e-324)
    assert np.array_equal(f(x, 1.0)[:, 4:7], np.stack([x] * 3, axis=1))


@pytest.mark.parametrize("samples", [1, 5, 64])
def test_tails_blocks_and_single_samples_give_the_same(samples):
    whole = compiled(1.0, SAMPLES, True)
    for n in [*range(1, 24), 300]:
        for c, got, wanted in zip(CASES, compiled(1.0, samples, True, slice(7, 7 + n)), whole):
            part = wanted[:, 7 : 7 + n]
            assert_close(got, part, terms(c, part), (c.name, c.constants, n))


# --- how accurate the functions are that vectormath computes itself ---


def points_for(rng, low, high, n):
    """Ordinary points, tiny ones of both signs, and points where the reduction changes."""
    halves = np.arange(math.floor(low / math.log(2.0) * 2), math.ceil(high / math.log(2.0) * 2))
    seams = halves * math.log(2.0) / 2 + rng.uniform(-1e-9, 1e-9, len(halves))
    tiny = rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-300, 0, n)
    points = np.concatenate([rng.uniform(low, high, n), rng.uniform(-0.4, 0.4, n), tiny, seams])
    return points[(points >= low) & (points <= high)]


@pytest.mark.parametrize(
    ("name", "low", "high", "allowed"),
    [("exp", -708.0, 709.78, 2.0), ("expm1", -40.0, 709.78, 2.0), ("tanh", -20.0, 20.0, 3.0)],
)
def test_exp_expm1_and_tanh_are_accurate(name, low, high, allowed):
    x = points_for(np.random.default_rng(0), low, high, 4000)
    got = jit(lambda x: apply(OPS[name], x))(x)
    with mpmath.workprec(90):
        exact = [getattr(mpmath, name)(mpmath.mpf(a)) for a in x.tolist()]
        errors = [abs(float(mpmath.mpf(a) - e)) for a, e in zip(got.tolist(), exact)]
    units = errors / np.spacing(np.abs([float(e) for e in exact]))
    assert 0.5 <= units.max() < allowed  # less than half would mean that nothing was measured
    if name == "tanh":
        assert (np.abs(got) <= 1.0).all()  # beyond 1 the gradient would have the wrong sign


# --- what is made of ops ---

SMOOTH = sorted(set(DIFFERENTIABLE) - {"where", "abs", "max", "maximum", "minimum", "relu"})


def assert_as_python(f, *columns):
    """The numbers that f returns are, compiled, for every sample what they are in Python."""
    got = jit(lambda *args: flatten(f(*args))[0])(*columns)
    wanted = [flatten(f(*sample))[0] for sample in zip(*[c.tolist() for c in columns])]
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)


def test_second_and_third_derivatives_are_pythons():
    rng = np.random.default_rng(1)
    unary = [OPS[n] for n in SMOOTH if OPS[n].arity == 1]
    slopes = [gradient(gradient(partial(apply, op))) for op in unary]
    slopes += [gradient(slope) for slope in slopes[:]]
    assert_as_python(lambda x: [slope(x) for slope in slopes], rng.uniform(0.2, 1.8, 18))


def test_hessians_and_jacobians_of_ops_of_several_numbers_are_pythons():
    rng = np.random.default_rng(2)
    wide = [partial(apply, OPS[n]) for n in SMOOTH if not OPS[n].constants and OPS[n].arity != 1]
    fixed = [partial(apply, OPS[n]) for n in SMOOTH if OPS[n].constants]
    hessians = [hessian(lambda x, f=f: f(*x)) for f in wide]
    hessians += [hessian(lambda x, f=f: f(x[0], 1.5) * x[1]) for f in fixed]
    assert_as_python(lambda x: [h(x) for h in hessians], rng.uniform(0.2, 1.8, (18, 2)))
    assert_as_python(jacobian(lambda x: [*softmax(x), x[0] / x[1]]), rng.normal(size=(5, 4)))


def test_every_loss_and_its_gradient_are_pythons():
    rng = np.random.default_rng(3)
    scores, other = rng.normal(0.0, 2.0, (2, 21, 3))
    sides, ones, k = np.sign(other), (other > 0.0) * 1.0, rng.integers(0, 3, 21)

    def all_losses(x, y, side, one, k):
        k = k if isinstance(k, Value) else int(k)  # in Python a class is an int
        with_targets = {
            losses.mse_loss: y,
            losses.l1_loss: y,
            losses.huber_loss: y,
            partial(losses.huber_loss, delta=0.3, reduction="sum"): y,
            losses.hinge_loss: side,
            losses.binary_cross_entropy_with_logits: one,
            losses.cross_entropy: k,
        }
        both = [value_and_grad(loss)(x, t) for loss, t in with_targets.items()]
        return [[value, *slopes] for value, slopes in both] + [softmax(x) + x]

    named = {f for f in vars(losses) if f.endswith(("_loss", "_entropy", "_logits"))}
    assert len(named) == 6  # a new loss belongs into the list above
    assert_as_python(all_losses, scores, other, sides, ones, k)


def test_every_activation_is_an_op_of_the_table():
    assert {f.__name__ for f in ACTIVATIONS.values()} - set(OPS) == {"__pos__"}
