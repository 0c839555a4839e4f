"""The laws of the op table, mpmath's opinion of every row, and our own second opinions.

torch's opinion is in test_oracle.py and test_programs.py. A judge is a function of an op that
yields what is wrong with it; test_mutants.py shows that the judges see what they are there for.
"""

import math

import pytest
from helpers.checklist import COMPLETE, DIFFERENTIABLE
from helpers.compare import in_short, same
from helpers.exact import MORE_ULPS, exact, exact_numbers, exact_pairs
from helpers.known_ops import COMPARISONS, KNOWN, mp
from helpers.points import UPSTREAM, points
from helpers.second_opinions import differences, modes, richardson, walks

from micrograd_like import ops
from micrograd_like.check_engine.cases import number_of
from micrograd_like.check_engine.functions import FUNCTIONS, RULES_OF_ONE, filled
from micrograd_like.engine import Value, apply
from micrograd_like.ops import OPS, Op

inf, nan = math.inf, math.nan

# --- the laws ---


def test_the_table_lists_every_op_of_the_module_under_its_name():
    declared = [op for op in vars(ops).values() if isinstance(op, Op)]
    assert list(OPS.values()) == declared
    names = [name for name, op in vars(ops).items() if isinstance(op, Op)]
    assert names == [op.name.upper() for op in declared]


@pytest.mark.parametrize("name", COMPLETE)
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


@pytest.mark.parametrize("name", sorted(set(COMPLETE) - {*COMPARISONS, "where", "take"}))
def test_nan_in_gives_nan_out(name):
    op = OPS[name]
    for args in points(op):
        plain = args[: len(args) - op.constants]
        one = name in ("pow", "powc") and (args[1] == 0.0 or args[0] == 1.0)  # IEEE: 1 whatever nan
        if any(map(math.isnan, plain)) and not one:
            assert math.isnan(op.forward(*args)), args


@pytest.mark.parametrize("name", COMPLETE)
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
            assert gx is None or same(gx, getattr(v, "data", v)), (args, floats, values)


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_receive_no_gradient(name):
    arity = OPS[name].arity
    assert OPS[name].backward(1.0, 1.0, *[2.0] * arity) == (None,) * arity


def test_conditions_and_constants_receive_no_gradient():
    assert OPS["where"].backward(1.0, 2.0, 1.0, 2.0, 3.0)[0] is None
    for op in map(OPS.get, COMPLETE):
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


# --- mpmath's opinion ---


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_value_and_derivatives_are_right_to_fifty_digits(name):
    assert len(exact_numbers(name)) >= 14  # half of the powers of negative numbers are nan
    assert list(exact(OPS[name])) == []


@pytest.mark.parametrize("name", MORE_ULPS)
def test_more_than_four_units_in_the_last_place_are_needed_where_they_are_granted(name):
    values = [pair for pair in exact_pairs(OPS[name]) if pair[0] == "value"]
    assert max(abs(mp.mpf(out) - t) / math.ulp(float(t)) for *_, out, t, _ in values) > 4.0


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if KNOWN[n].special and n != "tanh"])
def test_value_and_slope_are_right_where_an_op_is_badly_conditioned(name):
    """A hundredfold tolerance: gelu(-8) is off by 28 last places. tanh'(20) is 0, as torch's."""
    op, f = OPS[name], KNOWN[name].exact
    for args in points(op):
        out = op.forward(*args)
        if args[0] in KNOWN[name].special and abs(args[0]) <= 30.0 and math.isfinite(out):
            xs = tuple(map(mp.mpf, args))
            value, slope = f(*xs), mp.diff(f, xs, (1, 0)[: len(xs)])
            assert abs(mp.mpf(out) - value) <= 400 * math.ulp(float(value)), (args, out)
            off = abs(mp.mpf(op.backward(1.0, out, *args)[0]) - slope)
            assert off <= max(1e-12 * abs(slope), 5e-324), (args, off)


def test_the_far_tail_of_sigmoid_is_not_lost():
    assert OPS["sigmoid"].forward(-710.0) == pytest.approx(4.47628622567513e-309, rel=1e-9)


# --- what anybody's engine is judged by ---


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n in OPS])
def test_value_and_slope_are_those_that_any_engine_is_judged_by(name):
    rule, op = RULES_OF_ONE[name], OPS[name]
    constants = KNOWN[name].constants[:1] * op.constants
    for point in rule.points:
        out = op.forward(point["x"], *constants)
        slope = op.backward(1.0, out, point["x"], *constants)[0]
        assert out == pytest.approx(number_of(filled(rule.values[0], **point)), rel=1e-14)
        assert slope == pytest.approx(number_of(filled(rule.slopes["x"][0], **point)), rel=1e-13)


# --- our own second opinions ---


SECOND_OPINIONS = [differences, modes, walks]


@pytest.mark.parametrize("judge", SECOND_OPINIONS, ids=lambda judge: judge.__name__)
@pytest.mark.parametrize("name", COMPLETE)
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
