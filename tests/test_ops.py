"""The laws of the op table, mpmath's opinion of every row, and our own second opinions.

torch's opinion is in test_oracle.py and test_programs.py. A judge is a function of an op that
yields what is wrong with it; test_mutants.py shows that the judges see what they are there for.
"""

import math
import random
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import mpmath
import pytest
from helpers.make_oracle import COMPARISONS, CONSTANTS, ORDINARY, SPECIAL, UPSTREAM, points
from test_oracle import in_short

from micrograd_like import ops
from micrograd_like.engine import Value, _contributions, apply, grad
from micrograd_like.ops import OPS, Op
from micrograd_like.transforms import directional_derivative

inf, nan = math.inf, math.nan
NAMES = sorted(OPS)
DIFFERENTIABLE = sorted(set(OPS) - set(COMPARISONS))

# --- the laws ---


def test_the_table_lists_every_op_of_the_module_under_its_name():
    declared = [op for op in vars(ops).values() if isinstance(op, Op)]
    assert list(OPS.values()) == declared
    names = [name for name, op in vars(ops).items() if isinstance(op, Op)]
    assert names == [op.name.upper() for op in declared]


@pytest.mark.parametrize("name", NAMES)
def test_forward_returns_a_float_whatever_the_floats(name):
    for args in points(OPS[name]):
        out = OPS[name].forward(*args)
        assert type(out) is float, (args, out)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_backward_returns_floats_whatever_the_floats(name):
    op = OPS[name]
    for args in points(op):
        for g in UPSTREAM:
            received = op.backward(g, op.forward(*args), *args)
            assert len(received) == len(args)
            assert {type(gx) for gx in received} <= {float, type(None)}, (args, g, received)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {*COMPARISONS, "where"}))
def test_nan_in_gives_nan_out(name):
    op = OPS[name]
    for args in points(op):
        plain = args[: len(args) - op.constants]
        one = name in ("pow", "powc") and (args[1] == 0.0 or args[0] == 1.0)  # IEEE: 1 whatever nan
        if any(map(math.isnan, plain)) and not one:
            assert math.isnan(op.forward(*args)), args


@pytest.mark.parametrize("name", NAMES)
def test_rule_never_asks_a_value_for_its_truth(name, monkeypatch):
    def refuse(*args):
        raise AssertionError(f"the rule of {name} branches in Python")

    op = OPS[name]
    argss = [args for args in points(op) if not any(map(math.isnan, args))][::7]
    expected = [op.backward(-2.5, op.forward(*args), *args) for args in argss]
    for method in ("__bool__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
        monkeypatch.setattr(Value, method, refuse)
    monkeypatch.setattr(Value, "__hash__", object.__hash__)
    for args, floats in zip(argss, expected):
        n = len(args) - op.constants
        g, out = Value(-2.5), Value(op.forward(*args))
        values = op.backward(g, out, *map(Value, args[:n]), *args[n:])
        for gx, v in zip(floats, values):
            assert (gx is None) == (v is None)
            assert gx is None or same_bits(gx, getattr(v, "data", v)), (args, floats, values)


def same_bits(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_receive_no_gradient(name):
    assert OPS[name].backward(1.0, 1.0, 2.0, 2.0) == (None, None)


def test_conditions_and_constants_receive_no_gradient():
    assert OPS["where"].backward(1.0, 2.0, 1.0, 2.0, 3.0)[0] is None
    for op in OPS.values():
        args = points(op)[0]
        received = op.backward(1.0, op.forward(*args), *args)
        assert received[len(args) - op.constants :] == (None,) * op.constants


@pytest.mark.parametrize("g", [inf, -inf, nan, 1.0])
@pytest.mark.parametrize(
    ("name", "args", "masked"),
    [
        ("relu", (-1.0,), 0),
        ("relu", (0.0,), 0),
        ("relu", (-inf,), 0),
        ("maximum", (1.0, 2.0), 0),
        ("maximum", (2.0, 1.0), 1),
        ("maximum", (inf, -inf), 1),
        ("minimum", (1.0, 2.0), 1),
        ("minimum", (2.0, 1.0), 0),
        ("where", (1.0, 2.0, 3.0), 2),
        ("where", (0.0, 2.0, 3.0), 1),
        ("where", (nan, 2.0, 3.0), 2),
        ("max", (1.0, 3.0, 2.0), 0),
        ("max", (1.0, 3.0, 3.0), 0),
        ("max", (1.0, inf, -inf), 2),
        ("powc", (3.0, 0.0), 0),
        ("powc", (0.0, 0.0), 0),
        ("powc", (inf, 0.0), 0),
        ("powc", (nan, 0.0), 0),
        ("pow", (3.0, 0.0), 0),
        ("pow", (nan, 0.0), 0),
        ("pow", (0.0, 2.0), 1),
        ("pow", (0.0, 0.0), 1),
    ],
)
def test_a_masked_path_receives_exactly_zero(name, args, masked, g):
    out = OPS[name].forward(*args)
    assert OPS[name].backward(g, out, *args)[masked] == 0.0


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (lambda x: x.relu().sqrt(), -1.0, 0.0),  # 0.5 / 0 = inf, but masked
        (lambda x: (x * x).sqrt(), 0.0, nan),  # 0 * inf stays visible
        (lambda x: x.sqrt() ** 2, 0.0, nan),
        (lambda x: x.log(), -2.0, -0.5),  # the value is nan
        (lambda x: 1.0 / x, 5e-324, -inf),
        (lambda x: x**-1, 0.0, -inf),
        (lambda x: x**0.5, 0.0, inf),
        (lambda x: x**2, 0.0, 0.0),
        (abs, 0.0, 0.0),
        (abs, nan, nan),
        (lambda x: x.leaky_relu(), 0.0, 0.01),
        (lambda x: apply(ops.MAXIMUM, x, 0.0), 0.0, 0.5),
        (lambda x: apply(ops.MAXIMUM, x, x), 1.0, 1.0),
        (lambda x: apply(ops.MAX, x, 3.0, 3.0), 3.0, 1 / 3),
        (lambda x: 2.0**x, -1.0, 0.5 * math.log(2.0)),
        (lambda x: (-2.0) ** x, 2.0, nan),
        (lambda x: x.sigmoid(), -1000.0, 0.0),
        (lambda x: x.softplus(), 1000.0, 1.0),
        (lambda x: x.tanh(), 1000.0, 0.0),
        (lambda x: x.gelu(), -inf, 0.0),
        (lambda x: x.gelu(), inf, 1.0),
    ],
)
def test_slopes_at_the_places_where_people_stumble(f, at, slope):
    x = Value(at)
    f(x).backward()
    if f is abs and math.isnan(at):
        slope = 0.0  # torch's choice: sign(nan) is 0
    assert x.grad == pytest.approx(slope, rel=1e-15, nan_ok=True)


def test_sums_go_left_to_right():
    assert OPS["sum"].forward(*[0.1] * 10) == 0.9999999999999999
    assert OPS["sum"].forward(1.0, 1e16, -1e16) == 0.0
    assert OPS["dot"].forward(1.0, 1.0, 1.0, 1.0, 1e16, -1e16) == 0.0


# --- mpmath's opinion, where torch cancels or has thresholds, and everywhere else ---

mp = mpmath.mp.clone()
mp.dps = 50

EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "abs": abs,
    "pow": mp.power,
    "powc": mp.power,
    "sqrt": mp.sqrt,
    "exp": mp.exp,
    "expm1": lambda x: mp.exp(x) - 1,
    "log": mp.log,
    "log1p": lambda x: mp.log(1 + x),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "atan": mp.atan,
    "erfc": mp.erfc,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "relu": lambda x: max(x, mp.mpf(0)),
    "elu": lambda x, k: x if x > 0 else k * (mp.exp(x) - 1),
    "leaky_relu": lambda x, k: x if x > 0 else k * x,
    "where": lambda cond, x, y: x if cond > 0.5 else y,  # smooth at 0 and 1
    "maximum": max,
    "minimum": min,
    "sum": lambda *xs: mp.fsum(xs),
    "max": lambda *xs: max(xs),
    "logsumexp": lambda *xs: mp.log(mp.fsum(map(mp.exp, xs))),
    "dot": lambda *wx: mp.fdot(wx[: len(wx) // 2], wx[len(wx) // 2 :]),
}


def smooth(op: Op) -> list[tuple[float, ...]]:
    """Argument tuples where an op is ordinary and has derivatives: random, no ties, no kinks."""
    rng = random.Random(op.name)
    n = 6 if op.arity is None else op.arity - op.constants
    tuples = [[rng.uniform(-3.0, 3.0) for _ in range(n)] for _ in range(30)]
    if op.name == "where":
        tuples = [[float(i % 2), *xs[1:]] for i, xs in enumerate(tuples)]
    if op.arity == 1:
        tuples += [[x] for x in ORDINARY]
    if not op.constants:
        return [tuple(xs) for xs in tuples]
    return [(*xs, k) for xs in tuples[:10] for k in CONSTANTS[op.name]]


# Where an op may be more than 4 units in the last place off; a line nobody needs fails the test.
MORE_ULPS = {
    "gelu": (8.0, "a rounding of x / sqrt(2) counts x * x times in the tail of erfc"),
    "sum": (16.0, "the terms cancel: the partial sums were larger than the sum"),
}


@cache
def exact_numbers(name: str) -> list[tuple[Any, ...]]:
    """Arguments, value, gradient and second derivatives, the latter three to fifty digits."""
    op, f = OPS[name], EXACT[name]
    rows = []
    for args in smooth(op):
        if math.isfinite(op.forward(*args)):
            xs = tuple(map(mp.mpf, args))
            unit = [tuple([int(i == j) for j in range(len(xs))]) for i in range(_inputs(op, args))]
            first = [mp.diff(f, xs, n) for n in unit]
            both = [[tuple(map(sum, zip(n, m))) for m in unit] for n in unit]
            second = [[mp.diff(f, xs, n) for n in row] for row in both]
            rows.append((args, f(*xs), first, second))
    return rows


def _inputs(op: Op, args: tuple[float, ...]) -> int:
    return len(args) - op.constants


def exact_pairs(op: Op) -> Iterator[tuple[Any, ...]]:
    """Every number of ours beside mpmath's, with the error that is tolerated."""
    for args, value, first, second in exact_numbers(op.name):
        out, n = op.forward(*args), _inputs(op, args)
        xs = [Value(x) for x in args[:n]]
        ulps = MORE_ULPS.get(op.name, (4.0, ""))[0]
        yield "value", args, (), out, value, ulps * math.ulp(float(value))
        slopes = grad(apply(op, *xs, *args[n:]), xs, create_graph=True)
        for i, (gx, t) in enumerate(zip(op.backward(1.0, out, *args), first)):
            yield "first", args, (i,), gx or 0.0, t, 1e-14 * abs(t) + 1e-30
        for i, (slope, row) in enumerate(zip(slopes, second)):
            for j, (h, t) in enumerate(zip(grad(slope, xs), row)):
                yield "second", args, (i, j), h, t, 1e-13 * abs(t) + 1e-30


def exact(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: what it yields is wrong."""
    return (pair for pair in exact_pairs(op) if not abs(mp.mpf(pair[3]) - pair[4]) <= pair[5])


def test_every_differentiable_op_is_checked_against_mpmath():
    assert set(DIFFERENTIABLE) - set(EXACT) == set()
    assert set(EXACT) - set(DIFFERENTIABLE) == set()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_value_and_derivatives_are_right_to_fifty_digits(name):
    assert len(exact_numbers(name)) >= 14  # half of the powers of negative numbers are nan
    assert list(exact(OPS[name])) == []


@pytest.mark.parametrize("name", MORE_ULPS)
def test_more_than_four_units_in_the_last_place_are_needed_where_they_are_granted(name):
    values = [pair for pair in exact_pairs(OPS[name]) if pair[0] == "value"]
    assert max(abs(mp.mpf(out) - t) / math.ulp(float(t)) for *_, out, t, _ in values) > 4.0


@pytest.mark.parametrize("name", [name for name in SPECIAL if name != "tanh"])
def test_value_and_slope_are_right_where_an_op_is_badly_conditioned(name):
    """A hundredfold tolerance: gelu(-8) is off by 28 last places. tanh'(20) is 0, as torch's."""
    op, f = OPS[name], EXACT[name]
    for args in points(op):
        out = op.forward(*args)
        if args[0] in SPECIAL[name] and abs(args[0]) <= 30.0 and math.isfinite(out):
            xs = tuple(map(mp.mpf, args))
            value, slope = f(*xs), mp.diff(f, xs, (1, 0)[: len(xs)])
            assert abs(mp.mpf(out) - value) <= 400 * math.ulp(float(value)), (args, out)
            off = abs(mp.mpf(op.backward(1.0, out, *args)[0]) - slope)
            assert off <= max(1e-12 * abs(slope), 5e-324), (args, off)


def test_the_far_tail_of_sigmoid_is_not_lost():
    assert OPS["sigmoid"].forward(-710.0) == pytest.approx(4.47628622567513e-309, rel=1e-9)


# --- our own second opinions ---


def richardson(f: Callable[..., float], args: tuple[float, ...], i: int) -> float:
    """df / d args[i] from central differences, extrapolated to the step 0 (Ridders 1982).

    Each further column of the table removes the next power of step**2 from the error; the entry
    that differs least from its neighbours is the answer.
    """
    x, left, right = args[i], args[:i], args[i + 1 :]
    best, error, row, step = nan, inf, [], abs(x) / 8.0 or 0.125
    for _ in range(12):
        above, below = x + step, x - step
        new = [(f(*left, above, *right) - f(*left, below, *right)) / (above - below)]
        for k, old in enumerate(row):
            new.append(new[k] + (new[k] - old) / (4.0 ** (k + 1) - 1.0))
            change = max(abs(new[-1] - new[-2]), abs(new[-1] - old))
            if change <= error:
                best, error = new[-1], change
        row, step = new, step / 2.0
    return best


def differences(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: where a rule is not what differences of forward say; 1e-11 is what they can."""
    for args in smooth(op):
        out = op.forward(*args)
        if math.isfinite(out):
            received = op.backward(1.0, out, *args)
            for i, gx in enumerate(received[: _inputs(op, args)]):
                if gx is not None:
                    slope = richardson(op.forward, args, i)
                    if not abs(gx - slope) <= 1e-11 * max(abs(slope), abs(out / (args[i] or 1.0))):
                        yield args, i, gx, slope


def modes(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: where forward mode and g times the rule (reverse mode) differ."""
    rng = random.Random(op.name)
    for args in smooth(op):
        n, out = _inputs(op, args), op.forward(*args)
        direction = [rng.uniform(-1.0, 1.0) for _ in range(n)]
        function = partial(_apply_to_list, op, args[n:])
        forward = directional_derivative(function, list(args[:n]), direction)
        for g in (1.0, -2.5):
            parts = [(gx or 0.0) * d for gx, d in zip(op.backward(g, out, *args), direction)]
            both = g * forward, sum(parts)
            if not same_bits(*both) and not abs(both[0] - both[1]) <= 1e-14 * sum(map(abs, parts)):
                yield args, g, both


def _apply_to_list(op: Op, constants: tuple[float, ...], xs: list[Any]) -> Value:
    return apply(op, *xs, *constants)


def walks(op: Op) -> Iterator[tuple[Any, ...]]:
    """The judge: where backward, unrolled for speed, is not the plain sum of contributions.

    Once with an own leaf for each input, once with a single leaf for all of them.
    """
    for args in points(op)[::3]:
        n = _inputs(op, args)
        for leaves in ([Value(x) for x in args[:n]], [Value(args[0])] * n):
            for g in UPSTREAM:
                node = apply(op, *leaves, *args[n:])
                plain = dict.fromkeys(leaves, 0.0)
                for x, gx in _contributions(node, g):
                    plain[x] += gx
                for x in leaves:
                    x.grad = 0.0
                node.backward(g)
                walked = [x.grad for x in plain]
                if not all(map(same_bits, walked, plain.values())):
                    yield args, g, walked, plain


SECOND_OPINIONS = [differences, modes, walks]


@pytest.mark.parametrize("judge", SECOND_OPINIONS, ids=lambda judge: judge.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_second_opinion_of_our_own_agrees(name, judge):
    assert list(judge(OPS[name])) == []


def test_richardson_differences_know_a_slope_to_twelve_digits():
    for f, x, slope in [(math.exp, 1.0, math.e), (math.log, 0.03, 1 / 0.03), (math.tan, 1.5, None)]:
        slope = slope or 1.0 + math.tan(x) ** 2
        assert richardson(f, (x,), 0) == pytest.approx(slope, rel=2e-13)


def test_facts(capsys):
    """What was compared; `pytest -k facts` shows it."""
    every = [pair for name in DIFFERENTIABLE for pair in exact_pairs(OPS[name])]
    errors = {"value": 0.0, "first": 0.0, "second": 0.0}
    for kind, _, _, ours, true, _ in every:
        if abs(true) > 1e-30:
            errors[kind] = max(errors[kind], float(abs(mp.mpf(ours) - true) / abs(true)))
    with capsys.disabled():
        print(f"\nmpmath, {mp.dps} digits, {len(DIFFERENTIABLE)} ops")
        print(f"  {len(every)} numbers compared")
        print(f"  granted more than 4 units in the last place: {', '.join(MORE_ULPS)}")
        print("  largest relative errors:", in_short(errors))
    assert len(every) > 5000
    assert errors["first"] < 1e-14
