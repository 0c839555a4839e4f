"""The laws of the op table, held over all its rows, and torch's opinion of each.

A new row is tested by everything here as soon as it has a twin in torch_twins.py.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import pytest
import torch
from torch_twins import TWINS, tensor

from micrograd_like import ops
from micrograd_like.engine import Value, apply, grad
from micrograd_like.ops import OPS, Op

inf, nan = math.inf, math.nan
COMPARISONS = ("gt", "ge", "eq")
NAMES = sorted(OPS)
DIFFERENTIABLE = sorted(set(OPS) - set(COMPARISONS))

# --- where the ops are looked at ---

ORDINARY = [-2.7, -1.3, -0.6, -0.04, 0.03, 0.5, 0.9, 1.0, 1.7, 3.1]
EDGES = [0.0, -0.0, 1e-300, -1e-300, 5e-324, -5e-324, 1e308, -1e308, inf, -inf, nan]
EDGES += [710.0, -710.0, 745.0, -745.0, 1e5, -1e5]
SPECIAL = {  # where an op's formula changes or a naive one breaks
    "cosh": [-711.0, 711.0],
    "elu": [-40.0],
    "exp": [709.0],
    "gelu": [-8.0, 8.0, -40.0, 40.0, -41.0, 41.0],
    "log1p": [-1.0, -1.5],
    "sinh": [-711.0, 711.0],
    "softplus": [19.0, 20.0, 21.0, 30.0, -36.0],
    "tanh": [355.0, -356.0, 20.0],
}
CONSTANTS = {"powc": [-2.0, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0], "leaky_relu": [0.01, 0]}
FEW = [-1.3, 0.0, 2.0, 1e308, inf, -inf, nan]
UPSTREAM = [1.0, 0.0, -2.5, inf, nan]


def points(op: Op, edges: bool = True) -> list[tuple[float, ...]]:
    """Argument tuples for an op, whatever its arity."""
    if op.arity is None or op.arity - op.constants == 3:
        n = 3 if op.name != "dot" else 4
        few = [-1.3, 0.0, inf, nan] if op.name == "dot" else FEW
        return list(itertools.product(few if edges else [-1.3, 0.0, 2.0], repeat=n))
    n = op.arity - op.constants
    xs = ORDINARY + (EDGES + SPECIAL.get(op.name, []) if edges else [])
    if n == 2 and edges:
        xs = [*ORDINARY[::2], 2.0, -3.0, *EDGES]  # -3 is odd, 2 even: it matters to a power
    ks = [[float(k) for k in CONSTANTS.get(op.name, [1.0, 0.3])]] * op.constants
    return list(itertools.product(*[xs] * n, *ks))


# --- the laws ---


def test_every_op_has_a_torch_twin_and_every_twin_an_op():
    assert set(TWINS) == set(OPS)


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


# --- torch's opinion ---


class Deviation(NamedTuple):
    """One number on which we and torch disagree."""

    kind: str  # value, first or second derivative
    args: tuple[float, ...]
    g: float
    index: tuple[int, ...]  # with respect to which inputs
    ours: float
    torch: float


class Allowed(NamedTuple):
    """A disagreement that we keep; one that no longer occurs fails the test."""

    names: str
    kinds: str
    reason: str
    where: Callable[[Deviation], bool]


def _is_root(k: float) -> Callable[[Deviation], bool]:
    def where(d: Deviation) -> bool:
        return d.args in [(-0.0, k), (-inf, k)] and math.copysign(1.0, d.args[0]) < 0

    return where


def _masked(d: Deviation) -> bool:
    return d.ours == 0.0 and math.isnan(d.torch)


ALLOWED = [
    Allowed(
        "pow",
        "first",
        "0**y does not change with y: masked, where torch multiplies g by a zero (inf * 0 = nan)",
        lambda d: d.index == (1,) and d.args[0] == 0.0 <= d.args[1] and _masked(d),
    ),
    Allowed(
        "pow",
        "second",
        "the same mask again; torch computes log(0) * 0 = nan beneath it",
        lambda d: 1 in d.index and d.args[0] == 0.0 <= d.args[1] and _masked(d),
    ),
    *[
        Allowed("powc", kinds, f"torch takes the constant exponent {k} for a root; we do as C99", w)
        for k, kinds, w in [
            (-0.5, "value", _is_root(-0.5)),
            (0.5, "value first", _is_root(0.5)),
            (1.5, "first second", _is_root(1.5)),
        ]
    ],
    Allowed(
        "erfc gelu",
        "second",
        "the density is 0 out there; torch multiplies it by x*x = inf",
        lambda d: abs(d.args[0]) >= 1e308 and _masked(d),
    ),
    Allowed(
        "sigmoid silu",
        "value first second",
        "torch's 1/(1+exp(-x)) underflows where exp(-x) overflows; the true number is subnormal",
        lambda d: d.args[0] in (-710.0, -745.0) and 0.0 < abs(d.ours) < 1e-305,
    ),
    Allowed(
        "sigmoid silu",
        "first",
        "the slope that torch takes for 0 there, times an infinite g",
        lambda d: d.args[0] in (-710.0, -745.0) and d.g == inf == abs(d.ours),
    ),
    Allowed(
        "softplus",
        "value first",
        "torch: exactly x above its threshold of 20",
        lambda d: d.args[0] == 21.0 and abs(d.ours - d.torch) < 2e-9,
    ),
    Allowed(
        "softplus",
        "second",
        "torch: exactly x from its threshold of 20 on, and an underflow at -710",
        lambda d: d.args[0] in (-710.0, 20.0, 21.0, 30.0) and d.torch == 0.0 < d.ours < 3e-9,
    ),
    Allowed(
        "gelu",
        "value",
        "torch's 1 + erf cancels for negative x; mpmath confirms ours",
        lambda d: d.args[0] in (-2.7, -8.0) and abs(d.ours - d.torch) < 1e-16,
    ),
    Allowed(
        "gelu",
        "first",
        "torch's 1 + erf cancels for negative x; mpmath confirms ours",
        lambda d: d.args[0] == -8.0 and abs(d.ours - d.torch) < 1e-16,
    ),
    Allowed(
        "gelu",
        "value",
        "the limit at -inf is 0; torch computes -inf * 0",
        lambda d: d.args[0] == -inf and _masked(d),
    ),
    Allowed(
        "gelu",
        "first",
        "the limits at -inf and inf are 0 and 1; torch computes inf * 0",
        lambda d: abs(d.args[0]) == inf and same_bits(d.ours, d.g * (d.args[0] > 0.0)),
    ),
    Allowed(
        "max",
        "first",
        "the losers are masked; torch multiplies g by a zero (inf * 0 = nan)",
        lambda d: not math.isfinite(d.g) and d.args[d.index[0]] < max(d.args) and _masked(d),
    ),
    Allowed(
        "logsumexp",
        "second",
        "0 beside an infinite input; torch adds the nan of that input's slope times 0",
        lambda d: inf in d.args and _masked(d),
    ),
]


def tier(op: Op, kind: str, args: tuple[float, ...]) -> float:
    """The relative error that is tolerated.

    At ordinary points 4 units in the last place for a value and 1e-14 for a slope (SEMANTICS.md,
    P5). A second derivative is a few roundings more, and at an edge a rounding of an argument may
    count a thousandfold (tan, a power of 1e5): 1e-12.
    """
    n = len(args) - op.constants
    if all(0.01 < abs(x) < 4.0 for x in args[:n]):
        return {"value": 2.0**-51, "first": 1e-14, "second": 1e-12}[kind]
    return 1e-12


def agrees(ours: float, theirs: float, rel: float) -> bool:
    """First what kind of float it is, then the number; the sign of a zero does not count."""
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return same_bits(ours, theirs)
    return abs(ours - theirs) <= max(rel * abs(theirs), 4 * 5e-324)


def torch_numbers(op: Op, args: tuple[float, ...], upstream: list[float], second: bool) -> Any:
    """torch's value, slopes for each g, and matrix of second derivatives."""
    n = len(args) - op.constants
    xs = [tensor(x) for x in args[:n]]
    out = TWINS[op.name](*xs, *args[n:])
    if op.name in COMPARISONS:
        assert not out.requires_grad
        return out.item(), [[0.0] * n] * len(upstream), [[0.0] * n] * n

    def slopes(y: Any, g: float = 1.0, create_graph: bool = False) -> list[Any]:
        if not y.requires_grad:
            return [torch.zeros(()) for _ in xs]
        g = torch.tensor(g, dtype=torch.float64)
        got = torch.autograd.grad(
            y, xs, g, retain_graph=True, allow_unused=True, create_graph=create_graph
        )
        return [torch.zeros(()) if gx is None else gx for gx in got]

    first = [[gx.item() for gx in slopes(out, g)] for g in upstream]
    if not second:
        return out.item(), first, []
    rows = [slopes(gx) for gx in slopes(out, create_graph=True)]
    return out.item(), first, [[h.item() for h in row] for row in rows]


def our_numbers(op: Op, args: tuple[float, ...], upstream: list[float], second: bool) -> Any:
    n = len(args) - op.constants
    value = op.forward(*args)
    first = [[gx or 0.0 for gx in op.backward(g, value, *args)[:n]] for g in upstream]
    if not second:
        return value, first, []
    xs = [Value(x) for x in args[:n]]
    slopes = grad(apply(op, *xs, *args[n:]), xs, create_graph=True)
    return value, first, [grad(slope, xs) for slope in slopes]


def deviations(op: Op, argss: list[tuple[float, ...]], second: bool = True) -> list[Deviation]:
    found = []
    for args in argss:
        (v, firsts, seconds), (tv, tfirsts, tseconds) = (
            numbers(op, args, UPSTREAM, second) for numbers in (our_numbers, torch_numbers)
        )
        rows = [("value", 1.0, (), v, tv)]
        for g, first, tfirst in zip(UPSTREAM, firsts, tfirsts):
            rows += [("first", g, (i,), *pair) for i, pair in enumerate(zip(first, tfirst))]
        for i, (row, trow) in enumerate(zip(seconds, tseconds)):
            rows += [("second", 1.0, (i, j), *pair) for j, pair in enumerate(zip(row, trow))]
        for kind, g, index, ours, theirs in rows:
            if not agrees(ours, theirs, tier(op, kind, args)):
                found.append(Deviation(kind, args, g, index, ours, theirs))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivatives_are_torchs_but_for_the_listed_deviations(name):
    allowed = [a for a in ALLOWED if name in a.names.split()]
    used = set()
    left = []
    for d in deviations(OPS[name], points(OPS[name])):
        fitting = [a for a in allowed if d.kind in a.kinds.split() and a.where(d)]
        used.update((a, d.kind) for a in fitting)
        if not fitting:
            left.append(d)
    unused = [(a.reason, k) for a in allowed for k in a.kinds.split() if (a, k) not in used]
    assert left == []
    assert unused == []


def test_every_allowance_names_ops_of_the_table():
    assert {name for a in ALLOWED for name in a.names.split()} <= set(OPS)


def _with_rule(op: Op, backward: Callable[..., Any]) -> Op:
    return Op(op.name, op.symbol, op.arity, op.forward, backward, op.constants)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_rule_that_is_wrong_by_a_thousandth_is_caught(name):
    op = OPS[name]

    def wrong(g, out, *args):
        return [None if gx is None else gx * 1.001 for gx in op.backward(g, out, *args)]

    found = deviations(_with_rule(op, wrong), points(op, edges=False), second=False)
    assert "first" in {d.kind for d in found}


@pytest.mark.parametrize("name", ["sub", "div", "pow", "dot", "where", "maximum", "minimum", "max"])
def test_a_rule_with_its_inputs_swapped_is_caught(name):
    op = OPS[name]

    def wrong(g, out, *args):
        return op.backward(g, out, *args)[::-1]

    found = deviations(_with_rule(op, wrong), points(op, edges=False), second=False)
    assert "first" in {d.kind for d in found}


@pytest.mark.parametrize(
    ("name", "wrong", "kink"),
    [
        ("relu", lambda g, out, x: (g if x >= 0.0 else 0.0,), (0.0,)),
        ("abs", lambda g, out, x: (g if x >= 0.0 else -g,), (0.0,)),
        ("leaky_relu", lambda g, out, x, k: (g if x >= 0.0 else g * k, None), (0.0, 0.01)),
        ("maximum", lambda g, out, x, y: (g, 0.0) if x >= y else (0.0, g), (1.0, 1.0)),
        ("max", lambda g, out, x, y: (g, 0.0) if x >= y else (0.0, g), (1.0, 1.0)),
        ("relu", lambda g, out, x: (g * (x > 0.0),), (-1.0,)),  # no mask: inf * 0
    ],
)
def test_a_rule_that_is_wrong_at_a_kink_is_caught(name, wrong, kink):
    found = deviations(_with_rule(OPS[name], wrong), [kink], second=False)
    assert {d.kind for d in found} == {"first"}


# --- mpmath's opinion, where torch cancels or has thresholds ---

mp = mpmath.mp.clone()
mp.dps = 50

EXACT = {
    "neg": lambda x: -x,
    "abs": abs,
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
}


def test_every_op_of_one_argument_is_checked_against_mpmath():
    assert set(EXACT) == {name for name, op in OPS.items() if op.arity == 1}


@pytest.mark.parametrize("name", sorted(EXACT))
def test_value_and_slope_are_right_to_fifty_digits(name):
    op, exact = OPS[name], EXACT[name]
    xs = [*ORDINARY, *[x for x in SPECIAL.get(name, []) if abs(x) <= 30.0]]
    for x in xs:
        out = op.forward(x)
        if math.isnan(out) or abs(out) == inf or out == 1.0:  # or tanh where 1 - out*out is 0
            continue
        far = 100 if abs(x) > 4.0 else 1  # gelu(-8) is badly conditioned: 28 last places
        value, slope = exact(mp.mpf(x)), mp.diff(exact, mp.mpf(x))
        assert abs(mp.mpf(out) - value) <= far * 4 * math.ulp(float(value)), (x, out)
        assert abs(mp.mpf(op.backward(1.0, out, x)[0]) - slope) <= far * 2e-14 * abs(slope), x


def test_the_far_tail_of_sigmoid_is_not_lost():
    assert OPS["sigmoid"].forward(-710.0) == pytest.approx(4.47628622567513e-309, rel=1e-9)
