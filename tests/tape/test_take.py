"""take: an element by its number, in Python, while traced and on the tape."""

import itertools
import math

import numpy as np
import pytest
from helpers.values import bits

from micrograd_like import Value, grad, hessian
from micrograd_like import functional as F
from micrograd_like.engine import as_value, no_grad
from micrograd_like.engine import grad as gradient
from micrograd_like.jit import jit
from micrograd_like.tape import JitError, Put, Tape, reroll, trace

# --- in Python ---


@pytest.mark.parametrize("index", [1, 1.0, True, np.int64(1), np.float32(1.0), Value(1.0)])
def test_take_gives_the_element_itself_and_records_nothing(index):
    table = [Value(3.0), Value(4.0)]
    assert F.take(table, index) is table[1]
    assert F.take([table, table[::-1]], index) == table[::-1]
    assert F.take((5.0, "anything"), index) == "anything"


def test_the_gradient_goes_to_what_was_taken_and_not_to_the_index():
    table, index = [[Value(float(i + j)) for i in range(3)] for j in range(4)], Value(2.0)
    F.dot(F.take(table, index), F.take(table, 2)).backward()
    assert [[v.grad for v in row] for row in table] == [[0.0] * 3] * 2 + [
        [4.0, 6.0, 8.0],
        [0.0] * 3,
    ]
    assert index.grad == 0.0


WRONG = [
    ([1.0, 2.0], 2, IndexError, "index 2 for a table of 2: choose from 0 to 1"),
    ([1.0, 2.0], -1, IndexError, "index -1 for a table of 2: .* negative ones do not count"),
    ([1.0], Value(1.0), IndexError, "choose from 0 to 0"),
    ([1.0, 2.0], 0.5, ValueError, "a whole number as index, got 0.5"),
    ([1.0, 2.0], Value(math.nan), ValueError, "a whole number as index, got nan"),
    ([1.0, 2.0], math.inf, ValueError, "a whole number as index, got inf"),
    ([1.0, 2.0], "1", TypeError, "expected a real number, got str '1'"),
    ([1.0, 2.0], None, TypeError, "expected a real number, got NoneType"),
    ([], 0, ValueError, "at least one element, got an empty one"),
    (Value(1.0), 0, TypeError, "a list as table, got Value"),
    ({0: 1.0}, 0, TypeError, "a list as table, got dict"),
    (iter([1.0]), 0, TypeError, "a list as table, got list_iterator"),
]


@pytest.mark.parametrize(("table", "index", "error", "message"), WRONG)
def test_what_cannot_be_taken_is_said_in_a_sentence(table, index, error, message):
    with pytest.raises(error, match=message):
        F.take(table, index)


# --- traced ---

ROWS = [[Value(0.3 * i - 0.2 * j) for j in range(2)] for i in range(5)]
BIAS = [Value(0.1 * i) for i in range(5)]
W = Value(0.9)
TIED = [BIAS[0], BIAS[3], BIAS[0]]


def one_hot(table, index):
    """What take is, as a product with zeros and a one; it costs a table."""
    if isinstance(table[0], list):
        return [one_hot(column, index) for column in zip(*table)]
    return F.dot([F.eq(index, float(i)) for i in range(len(table))], table)


FUNCTIONS = {
    "a row": lambda take, x: F.dot(take(ROWS, x[0]), take(ROWS, x[1])).tanh() + take(BIAS, x[1]),
    "a row twice": lambda take, x: F.sum([v * v for v in take(ROWS, x[0]) + take(ROWS, x[0])]),
    "a table that is used otherwise": lambda take, x: take(BIAS, x[0]) * BIAS[2] + F.sum(BIAS) ** 2,
    "a parameter twice": lambda take, x: take(TIED, x[2]).exp() * x[3],
    "one element": lambda take, x: take(BIAS[1:2], x[4]) * BIAS[1],
    "constants": lambda take, x: take([0.5, -1.0, 2.0], x[2]) * take(BIAS, x[0]),
    "constants beside parameters": lambda take, x: take([1.0, BIAS[1], BIAS[1] * x[3]], x[2]) ** 2,
    "what is computed": lambda take, x: take([v * x[3] for v in BIAS], x[0]).sin() * BIAS[3],
    "inputs": lambda take, x: take([x[3], x[4], x[3] * x[3]], x[2]) * BIAS[0],
    "tables in tables": lambda take, x: take([[BIAS[:2]], [ROWS[1]]], x[5])[0][1] * 3.0,
    "a slope that is also added to others": lambda take, x: (
        (take(BIAS[:3], x[2]) + W) * x[3] * x[1] + W * x[0] * x[1] + W * x[0] * x[3]) * BIAS[3],
    "the element alone": lambda take, x: take(BIAS, x[1]),
    "a detached element": lambda take, x: take(BIAS, x[1]).detach() * take(BIAS, x[0]),
    "a detached index": lambda take, x: take(BIAS, x[1].detach()) * take(BIAS, x[0].data),
    "inside no_grad": lambda take, x: no_grad()(take)(BIAS, x[1]) * BIAS[2],
    "a gradient inside": lambda take, x: gradient(
        take(BIAS, x[0]).exp() * BIAS[2], [BIAS[1], BIAS[2]], create_graph=True)[1] * 2.0,
}  # fmt: skip
PARAMETERS = [W, *BIAS, *[p for row in ROWS for p in row]]
SAMPLES = [
    [a, b, min(a, 2.0), 0.7, 0.0, min(b, 1.0)] for a, b in itertools.product(range(5), [3, 1])
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_tape_takes_what_python_takes_and_its_gradients_are_those_of_a_one_hot_product(name):
    f, numbers = FUNCTIONS[name], [p.data for p in PARAMETERS]
    samples = [list(map(float, sample)) for sample in SAMPLES]
    traced = trace(lambda x, _: ([f(F.take, x)], [f(F.take, x)]), samples[:2], [], PARAMETERS)
    assert traced.parameters == PARAMETERS
    tape = traced.gradients()
    for sample in samples:
        wanted = as_value(f(F.take, list(map(Value, sample))))
        slopes = gradient(wanted, PARAMETERS)
        for t in (tape, reroll(tape), reroll(tape, alone=True)):
            t.check()
            (out,), (total, *got) = t.run(sample, numbers)
            assert bits([out, total]) == bits([wanted.data] * 2)
            assert got == pytest.approx(slopes, rel=1e-15, abs=1e-16)
        dense = as_value(f(one_hot, list(map(Value, sample))))
        assert dense.data == pytest.approx(wanted.data, rel=1e-14)
        if name not in ("a gradient inside", "inside no_grad"):
            assert gradient(dense, PARAMETERS) == pytest.approx(slopes, rel=1e-13, abs=1e-15)


def test_the_gradient_of_a_table_of_parameters_is_a_put_and_the_tape_no_longer_for_a_longer_table():
    def sizes(n):
        table = [[Value(float(i)) for i in range(3)] for _ in range(n)]
        f = lambda x, _: ([], [F.sum([v * v for v in F.take(table, x[0])])])  # noqa: E731
        parameters = [p for row in table for p in row]
        tape = trace(f, [[0.0], [1.0]], [], parameters).gradients()
        where = sorted(put.where for put in tape.puts)
        assert where == [tuple(range(1 + j, 3 * n + 1, 3)) for j in range(3)]
        return len(tape.code), len(reroll(tape).code)

    assert sizes(3) == sizes(300)


def test_only_the_wanted_parameters_of_a_table_receive_a_gradient():
    f = lambda x, _: ([], [F.take(BIAS, x[0]) * 2.0])  # noqa: E731
    tape = trace(f, [[0.0], [1.0]], [], BIAS).gradients([BIAS[2], BIAS[1]])
    numbers = [p.data for p in BIAS]
    assert tape.puts == []
    assert [tape.run([float(i)], numbers)[1][1:] for i in range(4)] == [
        [0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 0.0]
    ]  # fmt: skip


def test_a_table_that_samples_share_is_taken_from_by_an_index_that_they_share_or_not():
    f = jit(lambda table, i: F.take(table, i), batch=[False, True])
    table = np.arange(12.0).reshape(4, 3)
    assert np.array_equal(f(table, [3, 0, 3]), table[[3, 0, 3]])
    tape = trace(
        lambda x, s: ([F.take(s[1:], s[0]) * x[0]], []), [[2.0], [3.0]], [1.0, 5.0, 7.0]
    ).tape
    assert tape.indices() == {1: 2}
    assert tape.run([2.0], [1.0, 5.0, 7.0]) == ([14.0], [])


def test_gradients_of_compiled_functions_of_tables_are_pythons():
    def f(table, i):
        row = F.take(table, i)
        return row[0] * row[1] ** 2 + F.take(BIAS, i).exp() * row[0]

    table = [[0.5, 2.0], [-1.0, 3.0]]
    for make in (grad, hessian):
        got = jit(make(f), batch=[False, True])(table, [1, 0, 1])
        wanted = [nested(make(f)(table, i)) for i in (1, 0, 1)]
        assert got == pytest.approx(np.array(wanted), rel=1e-12)


def nested(tree):
    if isinstance(tree, list):
        return [nested(part) for part in tree]
    return tree.data if isinstance(tree, Value) else tree


REFUSED = {
    "computed": (lambda x: F.take(BIAS, x[0] + 1.0), "index of take must be an argument"),
    "a parameter": (lambda x: F.take(BIAS, BIAS[1]), "index of take must be an argument"),
    "taken": (lambda x: F.take(BIAS, F.take([1.0, 2.0], x[0])), "index of take must be an arg"),
    "a Value of its own": (lambda x: F.take(BIAS, Value(1.0)), "write table\\[2\\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_index_that_is_no_argument_is_refused(name):
    f, message = REFUSED[name]
    with pytest.raises(JitError, match=message):
        _ = trace(lambda x, _: ([f(x)], []), [[0.0], [1.0]]).tape


def test_rows_of_different_lengths_are_refused_where_nobody_knows_the_index():
    ragged = [[1.0, 2.0], [3.0]]
    assert F.take(ragged, 1) == [3.0]
    for table in (ragged, [[1.0], 2.0]):
        with pytest.raises(ValueError, match="2 different ones: pad the rows"):
            trace(lambda x, _, t=table: ([F.take(t, x[0])], []), [[0.0], [1.0]])
    with pytest.raises(ValueError, match="at least one element"):
        trace(lambda x, _: ([F.take([], x[0])], []), [[0.0], [1.0]])


# --- the tape ---


def test_indices_are_the_slots_that_take_uses_with_the_shortest_table():
    def f(x, s):
        return [F.take(BIAS, x[1]), F.take(BIAS[:3], x[1]), F.take([5.0, 6.0], s[0]), x[0]], []

    tape = trace(f, [[1.0, 2.0], [0.0, 1.0]], [1.0]).tape
    assert tape.indices() == reroll(tape).indices() == {1: 3, 2: 2}
    nine = trace(lambda x, _: ([F.take(BIAS, i) for i in x], []), [[1.0] * 9, [2.0] * 9]).tape
    assert reroll(nine).indices() == dict.fromkeys(range(9), 5)


@pytest.mark.parametrize("index", [-1.0, 5.0, 0.5, math.nan, math.inf])
def test_a_tape_does_not_run_with_an_index_that_is_none(index):
    tape = trace(lambda x, _: ([], [F.take(BIAS, x[0])]), [[1.0], [2.0]]).gradients()
    with pytest.raises(IndexError, match=r"^s0 is an index of a table of 5, got"):
        tape.run([index], [0.0] * 5)


def test_a_printed_tape_shows_what_is_taken_and_put():
    rows = [[Value(float(i)) for i in range(9)] for _ in range(20)]
    parameters = [p for row in rows for p in row]
    f = lambda x, _: ([], [F.sum([v * v for v in F.take(rows, x[0])])])  # noqa: E731
    tape = reroll(trace(f, [[0.0], [1.0]], [], parameters).gradients())
    lines = str(tape).splitlines()
    assert "s184..s192 = take s0 s1..s9 s10..s18 s19..s27" in lines[5]
    assert lines[-1] == "add s202 to sums 1..172/9 by s0"


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (Put(0, 3, (0, 1)), "a slot that no instruction fills"),
        (Put(0, -1, (0, 1)), "a slot that no instruction fills"),
        (Put(2, 2, (0, 1)), "a slot that no instruction fills"),
        (Put(0, 2, (0, 2)), "put where no sum is"),
        (Put(0, 2, (-1, 0)), "put where no sum is"),
    ],
)
def test_check_finds_a_put_that_has_no_place(put, message):
    tape = Tape(inputs=2)
    tape.sums = [tape.add("mul", (0, 1))] * 2
    tape.check()
    tape.puts = [put]
    with pytest.raises(JitError, match=message):
        tape.check()
