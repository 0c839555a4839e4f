"""detect_anomaly: the first number that is not finite, its line, its arithmetic; free when off."""

import asyncio
import copy
import gc
import json
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers.checklist import COMPLETE
from helpers.points import points

from micrograd_like import engine, functional, micrograd
from micrograd_like.anomaly import AnomalyError, detect_anomaly, is_anomaly_enabled
from micrograd_like.engine import Value, apply, grad, no_grad, topological_order
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP
from micrograd_like.ops import OPS
from micrograd_like.optim import SGD
from micrograd_like.train import fit

inf, nan = math.inf, math.nan


def message_of(f):
    """What detect_anomaly says of f, with the line numbers of this file cut out."""
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        f()
    assert isinstance(caught.value, ArithmeticError)
    return re.sub(r"test_anomaly\.py:\d+: ", "", str(caught.value))


def test_the_message_is_the_one_of_the_contract():
    x, y = Value(0.0), Value(0.0)

    def step():
        d = (x * x + y * y).sqrt()
        (d * 0.0).backward()

    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        step()
    line = step.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        "nan in the backward pass of sqrt "
        f"(test_anomaly.py:{line}: d = (x * x + y * y).sqrt())\n"
        "  d sqrt / d input = 1 / (2 * 0.0) = inf, times the incoming gradient 0.0 = nan\n"
        "  hint: sqrt has an infinite slope at 0; add a small constant inside"
    )


TOO_LARGE = (
    "hint: numbers beyond 1.8e308 become inf; scale the data, lower the learning rate or clip the "
    "gradients"
)
LEAF = "already and is a leaf: see where its data comes from"


@pytest.mark.parametrize(
    ("make", "what", "why", "advice"),
    [
        (
            lambda: Value(-1.0).sqrt(),
            "nan in the forward pass of sqrt",
            "sqrt(-1.0) = nan",
            "hint: sqrt is nan below 0; keep its input at 0 or above",
        ),
        (
            lambda: Value(0.0).log(),
            "-inf in the forward pass of log",
            "log(0.0) = -inf",
            "hint: log is -inf at 0 and nan below, and steep just above; add a small constant "
            "inside, or use log_softmax or a loss of logits",
        ),
        (
            lambda: Value(-2.0).log1p(),
            "nan in the forward pass of log1p",
            "log1p(-2.0) = nan",
            "hint: log1p is -inf at -1 and nan below, and steep just above; add a small constant "
            "inside, or use log_softmax or a loss of logits",
        ),
        (
            lambda: Value(-1.0) / 0.0,
            "-inf in the forward pass of div",
            "(-1.0) / 0.0 = -inf",
            "hint: the denominator is 0 or tiny; add a small constant to it",
        ),
        (
            lambda: Value(-8.0) ** (1 / 3),
            "nan in the forward pass of powc",
            "(-8.0) ** 0.3333333333333333 = nan",
            "hint: a negative base to a fraction gives nan, 0 to a negative power inf, and a large "
            "base overflows; look at the base",
        ),
        (
            lambda: Value(0.0) ** Value(-1.0),
            "inf in the forward pass of pow",
            "0.0 ** (-1.0) = inf",
            "hint: a negative base to a fraction gives nan, 0 to a negative power inf, and a large "
            "base overflows; look at the base",
        ),
        (
            lambda: functional.exp(Value(710.0)),
            "inf in the forward pass of exp",
            "exp(710.0) = inf",
            "hint: it overflows above 709.78; subtract the largest input first, as softmax and "
            "logsumexp do, or lower the learning rate",
        ),
        (
            lambda: Value(1e308) * 10,
            "inf in the forward pass of mul",
            "1e+308 * 10.0 = inf",
            TOO_LARGE,
        ),
        (
            lambda: functional.sum([Value(1e308), *[2.0] * 7, Value(1e308)]),
            "inf in the forward pass of sum",
            "sum(1e+308, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, ...) = inf",
            TOO_LARGE,
        ),
        (
            lambda: Value(inf).sin(),
            "nan in the forward pass of sin",
            "sin(inf) = nan",
            f"input was inf {LEAF}",
        ),
        (
            lambda: 2 * Value(nan, label="w"),
            "nan in the forward pass of mul",
            "2.0 * nan = nan",
            f"w was nan {LEAF}",
        ),
        (
            lambda: Value(1.0) - inf,
            "-inf in the forward pass of sub",
            "1.0 - inf = -inf",
            f"input 2 was inf {LEAF}",
        ),
    ],
)
def test_the_first_result_that_is_not_finite_is_named(make, what, why, advice):
    head, *lines = message_of(make).splitlines()
    assert head.startswith(f"{what} (lambda: ")
    assert lines == [f"  {why}", f"  {advice}"]


@pytest.mark.parametrize(
    ("f", "at", "what", "why", "advice"),
    [
        (
            lambda x: x.sqrt(),
            0.0,
            "inf in the backward pass of sqrt",
            "d sqrt / d input = 1 / (2 * 0.0) = inf, times the incoming gradient 1.0 = inf",
            "hint: sqrt has an infinite slope at 0; add a small constant inside",
        ),
        (
            lambda x: -x.log(),
            5e-324,
            "-inf in the backward pass of log",
            "d log / d input = 1 / 5e-324 = inf, times the incoming gradient -1.0 = -inf",
            "hint: log is -inf at 0 and nan below, and steep just above; add a small constant "
            "inside, or use log_softmax or a loss of logits",
        ),
        (
            lambda x: x**0.5,
            0.0,
            "inf in the backward pass of powc",
            "d powc / d input = 0.5 * 0.0 ** (0.5 - 1) = inf, times the incoming gradient 1.0 "
            "= inf",
            "hint: a power below 1 has an infinite slope at 0; add a small constant inside",
        ),
        (
            lambda x: Value(-2.0) ** x,
            2.0,
            "nan in the backward pass of pow",
            "d pow / d input 2 = 4.0 * log((-2.0)) = nan, times the incoming gradient 1.0 = nan",
            "hint: a power below 1 has an infinite slope at 0, and below 0 the exponent's slope is "
            "nan; keep the base above 0, or make the exponent a plain number",
        ),
        (
            lambda x: (1e-30 / x) * 1e250,
            1e-50,
            "-inf in the backward pass of div",
            "d div / d input 2 = -(1e+20 / 1e-50) = -9.999999999999999e+69, times the incoming "
            "gradient 1e+250 = -inf",
            "hint: the denominator is 0 or tiny; add a small constant to it",
        ),
        (
            lambda x: (x * 1e200) * 1e250,
            0.0,
            "inf in the backward pass of mul",
            "d mul / d input 1 = 1e+200, times the incoming gradient 1e+250 = inf",
            TOO_LARGE,
        ),
    ],
)
@pytest.mark.parametrize(
    "differentiate",
    [
        lambda out, x: out.backward(),
        lambda out, x: grad(out, x),
        lambda out, x: grad(out, x, create_graph=True),
    ],
    ids=["backward", "grad", "create_graph"],
)
def test_the_first_contribution_that_is_not_finite_is_named(
    f, at, what, why, advice, differentiate
):
    x = Value(at)
    x.grad = 7.0
    head, *lines = message_of(lambda: differentiate(f(x), x)).splitlines()
    assert head.startswith(f"{what} (")
    assert lines == [f"  {why}", f"  {advice}"]
    assert x.grad == 7.0


def test_gradients_that_only_together_are_too_large_are_named():
    x = Value(0.0)

    def step():
        c = x * 1.0
        ((c + c) * 1.0).backward(1e308)

    message = message_of(step)
    assert message == (
        "inf in the backward pass, where gradients add up at mul (c = x * 1.0)\n"
        "  1e+308 + 1e+308 = inf\n"
        "  hint: numbers beyond 1.8e308 become inf; scale the data, lower the learning rate or "
        "clip the gradients"
    )
    assert message_of(lambda: (x + x).backward(1e308)).startswith(
        "inf in the backward pass, where gradients add up at a number (a leaf)\n"
    )
    assert x.grad == 0.0


def test_a_gradient_that_is_given_is_not_blamed_on_the_graph():
    message = message_of(lambda: Value(1.0).tanh().backward(nan))
    assert message == "the backward pass was started with the gradient nan"


def test_nothing_is_written_when_backward_raises():
    x, w = Value(0.0), Value(2.0)
    w.grad = 5.0
    with detect_anomaly():
        root = w * 3.0
        out = (x * x).sqrt() + root
        with pytest.raises(AnomalyError):
            out.backward()
    assert (x.grad, w.grad, root.grad, out.grad) == (0.0, 5.0, 0.0, 0.0)


def test_what_is_masked_inside_a_rule_is_no_anomaly():
    x, y = Value(0.0), Value(2.0)
    with detect_anomaly():
        slopes = grad(x**y, [x, y], create_graph=True)  # the rule takes log(1) in place of log(0)
        apply(OPS["where"], Value(0.0), x, y).backward()
        Value(-1000.0).sigmoid().backward()
        Value(inf).atan().backward()
    assert [v.data for v in slopes] == [0.0, 0.0]


def test_a_node_from_before_has_no_line_and_the_message_says_so():
    x = Value(0.0)
    old, infinite = (x * x).sqrt(), 1.0 / x
    assert message_of(old.backward).startswith(
        "inf in the backward pass of sqrt (recorded before detect_anomaly() began: line unknown)\n"
    )
    assert message_of(lambda: infinite * 2.0).endswith(
        "  inf * 2.0 = inf\n"
        "  input 1 was inf already and was computed before detect_anomaly() began: "
        "compute it inside"
    )


def test_a_derivative_of_second_order_is_watched_and_has_the_line_of_its_grad():
    x = Value(0.0)

    def step():
        first = grad(x**1.5, x, create_graph=True)
        first.backward()

    assert message_of(step).startswith(
        "inf in the backward pass of powc (first = grad(x**1.5, x, create_graph=True))\n"
        "  d powc / d input = 0.5 * 0.0 ** (0.5 - 1) = inf, times the incoming gradient 1.5 = inf\n"
    )


def test_values_of_micrograds_names_are_watched_too():
    x = micrograd.Value(0.0)
    message = message_of(lambda: x.sqrt().backward())
    assert message.startswith("inf in the backward pass of sqrt (message = message_of(")
    assert x.grad == 0.0


# --- lines ---


@pytest.mark.parametrize("name", COMPLETE)
def test_every_op_knows_its_line(name):
    args = points(OPS[name], edges=False)[-1]
    n = len(args) - OPS[name].constants
    with detect_anomaly():
        v = apply(OPS[name], *map(Value, args[:n]), *args[n:])
    assert v.line[0] == __file__


def test_operators_methods_and_functions_know_their_lines():
    x = Value(0.5)
    with detect_anomaly():
        made = [x + 1, 1 + x, x - 1, 1 - x, x * 2, 2 * x, x / 2, 2 / x, x**2, 2**x, -x, abs(x)]
        made += [x.tanh(), functional.exp(x), functional.mean([x, 2]), *functional.softmax([x, 1])]
        root = functional.sum(made)
    interior = [v for v in topological_order(root) if v.op is not None]
    assert len(interior) > len(made)
    assert {v.line[0] for v in interior} == {__file__}


def test_in_fit_the_line_is_that_of_the_user_s_loss_or_of_the_call():
    def loss(outs, targets):
        return (outs[0] - targets[0]).log()

    def train(loss, lr=0.1):
        model = MLP(1, [1], output_activation="linear", rng=0)
        optimizer = SGD(model.parameters(), lr=lr)
        fit(model, [[1.0]], [3.0], loss, optimizer, epochs=9, progress=False)

    assert message_of(lambda: train(loss)).startswith(
        "nan in the forward pass of log (return (outs[0] - targets[0]).log())\n  log(-"
    )
    blown_up = message_of(lambda: train(mse_loss, lr=1e200))
    assert blown_up.splitlines()[0] == (
        "inf in the forward pass of mul "
        "(fit(model, [[1.0]], [3.0], loss, optimizer, epochs=9, progress=False))"
    )


def test_fit_is_watched_also_where_it_would_be_compiled():
    model = MLP(1, [8, 1], activation="relu", output_activation="linear", rng=0)
    X, y = [[0.1 * i] for i in range(20)], [1.0] * 20
    sgd = SGD(model.parameters(), lr=1e6)
    message = message_of(lambda: fit(model, X, y, mse_loss, sgd, epochs=100_000, progress=False))
    assert message.startswith("inf in the forward pass of ")


def test_code_without_a_file_is_named_by_number():
    code = compile("x.log()", "<console>", "exec")
    with pytest.raises(AnomalyError, match=r"of log \(<console>:1\)\n"), detect_anomaly():
        exec(code, {"x": Value(0.0)})


# --- a mode ---


def test_a_value_made_inside_is_as_usable_afterwards_as_any():
    x = Value(0.5, label="x")
    with detect_anomaly():
        y = (x * 2.0).tanh()
    z = y * y + functional.dot([y], [x])
    z.backward()
    expected = Value(0.5)
    t = (expected * 2.0).tanh()
    (t * t + t * expected).backward()
    assert x.grad == expected.grad
    assert repr(y).startswith("Value(data=0.76")
    assert isinstance(y, Value)
    assert y.op is OPS["tanh"]
    with pytest.raises(TypeError, match="cannot copy or pickle a Value with history"):
        copy.deepcopy(y)
    assert type(y.detach()) is Value


def test_the_numbers_inside_are_those_outside():
    def train():
        model = MLP(2, [4, 1], rng=3)
        X, y = [[0.5, -1.0], [1.5, 0.3], [-0.7, 2.0]], [1.0, -1.0, 0.5]
        fit(model, X, y, mse_loss, SGD(model.parameters(), lr=0.1), epochs=5, progress=False)
        return model.state_dict()

    with detect_anomaly():
        inside = train()
    assert inside == train()


def names_and_functions():
    everything = {**vars(engine), **{f"Value.{k}": v for k, v in vars(Value).items()}}
    return {name: id(thing) for name, thing in everything.items()}


def test_it_costs_nothing_when_off_since_the_engine_is_the_same_as_if_it_did_not_exist():
    before = names_and_functions()
    with detect_anomaly():
        inside = names_and_functions()
        with detect_anomaly():
            pass
        assert names_and_functions() == inside
    assert names_and_functions() == before
    changed = {name for name in before if before[name] != inside[name]}
    assert changed == {
        "_unary", "_unary_with", "_binary", "_nary", "_contributions", "_backward_pass"
    }  # fmt: skip
    assert type(Value(1.0) + 2.0) is Value


def test_the_benchmark_shows_what_it_costs_on_and_off():
    root = Path(__file__).parent.parent
    command = [sys.executable, root / "benchmarks" / "benchmark.py", "--quick", "--json", "--only"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run([*command, "anomaly"], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    rows = {row["detect_anomaly"]: row["ms"] for row in json.loads(run.stdout)["anomaly"]}
    assert list(rows) == ["off", "on", "off again"]
    assert min(rows.values()) > 0.0


def test_the_engine_is_restored_after_an_error_and_after_an_anomaly():
    before = names_and_functions()
    with pytest.raises(KeyboardInterrupt), detect_anomaly():
        raise KeyboardInterrupt
    with pytest.raises(AnomalyError), detect_anomaly():
        Value(0.0).log()
    assert names_and_functions() == before
    assert Value(0.0).log().data == -inf


def test_after_the_inner_of_two_modes_the_outer_one_still_watches():
    with detect_anomaly():
        with pytest.raises(AnomalyError), detect_anomaly():
            Value(0.0).log()
        with pytest.raises(AnomalyError):
            Value(0.0).log()


def test_it_decorates_a_function():
    @detect_anomaly()
    def f(x):
        return x.log()

    assert f(Value(1.0)).data == 0.0
    with pytest.raises(AnomalyError):
        f(Value(0.0))


def test_without_a_graph_results_are_watched_too_and_no_node_is_kept():
    with detect_anomaly(), no_grad():
        assert type(Value(1.0).exp()) is Value
        with pytest.raises(AnomalyError, match=r"inf in the forward pass of exp"):
            Value(1000.0).exp()


def test_the_nodes_of_another_mode_stay_its_own():
    class Traced(Value):
        __slots__ = ()

    with engine.swapped(_new=lambda own, kind: object.__new__(Traced)), detect_anomaly():
        assert type(Value(1.0) * 2.0) is Traced
        with pytest.raises(AnomalyError):
            Value(0.0).log()


def test_it_can_be_asked_for():
    answers = [is_anomaly_enabled()]
    with detect_anomaly():
        answers.append(is_anomaly_enabled())
        thread = threading.Thread(target=lambda: answers.append(is_anomaly_enabled()))
        thread.start()
        thread.join()
        with detect_anomaly():
            pass
        answers.append(is_anomaly_enabled())
    assert [*answers, is_anomaly_enabled()] == [False, True, False, True, False]


def test_what_is_no_operand_is_refused_as_ever():
    with detect_anomaly(), pytest.raises(TypeError, match="unsupported operand"):
        Value(1.0) + "a"


def test_another_thread_is_not_in_the_mode():
    got = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: got.append((Value(0.0).log(), Value(0.0).sqrt())))
        thread.start()
        thread.join()
    log, sqrt = got[0]
    assert (log.data, type(log)) == (-inf, Value)
    sqrt.backward()
    assert sqrt.inputs[0].grad == inf


def test_the_engine_is_restored_by_the_last_of_several_threads():
    before, failures = names_and_functions(), []
    inside = threading.Barrier(4)

    def work():
        for _ in range(50):
            with detect_anomaly():
                inside.wait()
                try:
                    Value(0.0).log()
                    failures.append("not watched")
                except AnomalyError:
                    pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names_and_functions() == before


def test_a_task_beside_is_not_in_the_mode():
    async def careful():
        with detect_anomaly():
            await asyncio.sleep(0)
            with pytest.raises(AnomalyError):
                Value(0.0).log()

    async def careless():
        await asyncio.sleep(0)
        return Value(0.0).log().data

    async def both():
        return (await asyncio.gather(careful(), careless()))[1]

    assert asyncio.run(both()) == -inf


def test_lines_do_not_keep_a_graph_alive():
    gc.disable()
    try:
        with detect_anomaly():
            x = Value(1.0)
            before = len(gc.get_objects())
            for _ in range(3):
                y = x
                for _ in range(1000):
                    y = y * 1.0
                del y
            assert len(gc.get_objects()) < before + 100
    finally:
        gc.enable()
