"""Functions from functions, against torch.func; forward mode against reverse."""

import math
import random

import pytest
import torch
from helpers.checklist import DIFFERENTIABLE

from micrograd_like import MLP, ops
from micrograd_like import functional as F
from micrograd_like.engine import Value, apply
from micrograd_like.transforms import (
    directional_derivative,
    flatten,
    grad,
    hessian,
    jacobian,
    value_and_grad,
)


def f(x):  # runs on Values and on tensors
    return (x[0] * x[1]).tanh() + x[2].exp() * x[0] ** 3 / (1.0 + x[1] * x[1])


POINT = [0.3, -1.2, 0.7]
T = torch.tensor(POINT, dtype=torch.float64)


def test_grad_equals_torch_func():
    assert grad(f)(POINT) == pytest.approx(torch.func.grad(f)(T).tolist(), rel=1e-13)


def test_value_and_grad_gives_both():
    value, gradient = value_and_grad(f)(POINT)
    assert value == pytest.approx(f(T).item(), rel=1e-14)
    assert gradient == grad(f)(POINT)


def test_hessian_equals_torch_func_and_is_symmetric():
    ours, theirs = hessian(f)(POINT), torch.func.jacrev(torch.func.grad(f))(T).tolist()
    assert ours == [pytest.approx(row, rel=1e-12, abs=1e-14) for row in theirs]
    assert ours[0][1] == pytest.approx(ours[1][0], rel=1e-13)


def test_jacobian_equals_torch_func():
    def g(x):
        return [x[0] * x[1], x[1].sin(), x[2] ** 2]

    theirs = torch.func.jacrev(lambda x: torch.stack(g(x)))(T).tolist()
    assert jacobian(g)(POINT) == [pytest.approx(row, rel=1e-14) for row in theirs]


def test_transforms_compose():
    assert grad(grad(grad(lambda x: x**5)))(2.0) == 240.0
    x = Value(2.0)
    grad(lambda y: y**3)(x).backward()  # a Value goes in, so the result is recorded
    assert x.grad == 12.0


# --- a gradient sees all that it depends on ---

INNER = {  # functions of the outer w and the inner x, on Values and on tensors
    "a product": lambda w, x: w * x * x,
    "a chain": lambda w, x: (w * x).tanh() * w,
    "not w": lambda w, x: x**3,
    "a quotient": lambda w, x: x / (1.0 + w * w * x * x),
}


@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize(("w", "x"), [(3.0, 2.0), (-0.5, 1.5)])
def test_a_gradient_at_a_plain_number_inside_another_is_differentiated(name, w, x):
    def outer(gradient, at):
        return lambda w: gradient(lambda x: INNER[name](w, x))(at) ** 2 + 0.0 * w

    theirs = torch.func.grad(outer(torch.func.grad, torch.tensor(x)))(torch.tensor(w))
    ours = grad(outer(grad, x))(w)
    assert isinstance(ours, float)
    assert ours == pytest.approx(theirs.item(), rel=1e-13)


def test_three_gradients_inside_each_other():
    def f(d, number):
        def inner(a):
            return d(lambda b: d(lambda c: a * b * b * c**3)(number(2.0)))(number(3.0))
        return d(lambda a: inner(a) ** 2)(number(5.0))

    assert f(grad, float) == pytest.approx(f(torch.func.grad, torch.tensor).item(), rel=1e-14)


def test_parameters_that_a_function_closes_over_get_their_gradients():
    w = Value(3.0)
    slope = grad(lambda x: w * x * x)(2.0)
    slope.backward()
    assert (slope.data, w.grad) == (12.0, 4.0)
    value, gradient = value_and_grad(lambda x: (w * x[0] - x[1]) ** 2)([1.0, 2.0])
    assert (value.data, gradient[0].data, gradient[1].data) == (1.0, 6.0, -2.0)
    rows = jacobian(lambda x: [w * x[0], x[1] ** 2])([1.0, 2.0])
    assert [[entry.data for entry in row] for row in rows] == [[3.0, 0.0], [0.0, 4.0]]
    assert hessian(lambda x: w * x[0] ** 2 * x[1])([1.0, 2.0])[0][0].data == 12.0


def test_the_second_derivative_of_a_network_trains_it():
    """A physics-informed network in small: u'' = -u, with u(0) = 0 and u'(0) = 1."""

    def residual(u, t, d):
        return (d(d(u))(t) + u(t)) ** 2

    model = MLP(1, [3, 1], output_activation="linear", rng=0)
    twin = [torch.tensor(p.data, requires_grad=True) for p in model.parameters()]

    def their_u(t):
        w, b, v, c = twin[0:6:2], twin[1:6:2], twin[6:9], twin[9]
        return sum(vi * (wi * t + bi).tanh() for wi, bi, vi in zip(w, b, v)) + c

    ours = residual(lambda t: model([t]), 0.5, grad)
    ours.backward()
    theirs = residual(their_u, torch.tensor(0.5), torch.func.grad)
    theirs.backward()
    assert ours.data == pytest.approx(theirs.item(), rel=1e-12)
    gradients = [0.0 if t.grad is None else t.grad.item() for t in twin]
    assert [p.grad for p in model.parameters()] == pytest.approx(gradients, rel=1e-11, abs=1e-14)


def test_a_step_of_learning_to_learn_is_differentiated():
    """MAML in small: the loss after one step of descent, as a function of the start."""

    def after_one_step(d, w, x):
        def inner(v):
            return (v * x - 1.0) ** 2
        return d(lambda w: inner(w - 0.1 * d(inner)(w)))(w)

    theirs = after_one_step(torch.func.grad, torch.tensor(0.7), 2.0)
    assert after_one_step(grad, 0.7, 2.0) == pytest.approx(theirs.item(), rel=1e-13)


def test_constants_and_own_variables_leave_plain_numbers():
    assert grad(lambda x: 2.0 * x + F.sum([x, 3.0]))(1.0) == 3.0
    assert hessian(lambda x: x[0] * x[1])([1.0, 2.0]) == [[0.0, 1.0], [1.0, 0.0]]


def test_another_use_of_the_same_value_is_not_counted():
    x = Value(3.0)
    assert grad(lambda a, b: a * b)(x, x).data == 3.0


def test_gradients_are_nested_like_the_argument():
    params = {"w": [1.0, (2.0, 3.0)], "b": 4.0}
    gradient = grad(lambda p: p["w"][0] * p["b"] + p["w"][1][0] ** 2 + 0.0 * p["w"][1][1])(params)
    assert gradient == {"w": [4.0, (4.0, 0.0)], "b": 1.0}
    leaves, rebuild = flatten(params)
    assert rebuild(leaves) == params


def test_argnum_chooses_the_argument():
    assert grad(lambda x, y: x * y * y, argnum=1)(2.0, 5.0) == 20.0


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_forward_mode_equals_reverse_for_every_op(name):
    op, rng = ops.OPS[name], random.Random(1)
    size = {None: 6}.get(op.arity, op.arity)
    point = [rng.uniform(0.2, 0.9) for _ in range(size - op.constants)]
    direction = [rng.uniform(-1.0, 1.0) for _ in point]
    constants = [1.7] * op.constants

    def function(x):
        return apply(op, *x, *constants)

    reverse = sum(g * d for g, d in zip(grad(function)(point), direction))
    forward = directional_derivative(function, point, direction)
    assert forward == pytest.approx(reverse, rel=1e-14)


def test_forward_mode_goes_through_shared_nodes_and_many_outputs():
    def g(x):
        h = x[0] * x[1]
        return [h * h + x[0], (h.exp(), x[1])]

    forward = directional_derivative(g, [0.5, 2.0], [1.0, -1.0])
    rows = jacobian(g)([0.5, 2.0])
    assert forward[0] == pytest.approx(rows[0][0] - rows[0][1], rel=1e-14)
    assert forward[1][0] == pytest.approx(rows[1][0][0] - rows[1][0][1], rel=1e-14)
    assert forward[1][1] == -1.0


def test_a_masked_path_stays_zero_in_forward_mode():
    assert directional_derivative(F.relu, -1.0, math.inf) == 0.0
    assert math.isnan(directional_derivative(lambda x: x * 0.0, 1.0, math.inf))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: grad(lambda x: [x, x])(1.0), TypeError, "returned list .* use jacobian"),
        (lambda: grad(lambda x: x, argnum=1)(1.0), ValueError, "argument 1: the call has 1"),
        (lambda: grad(lambda x: x)("a"), TypeError, "expected a real number, got str 'a'"),
        (
            lambda: directional_derivative(lambda x: x[0], [1.0], [1.0, 2.0]),
            ValueError,
            "the point has 1 numbers, the direction 2",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- functional: what is not simply a row of the table ---


def test_functions_take_floats_ints_and_values():
    assert F.exp(0) == 1.0
    assert type(F.relu(3)) is float
    assert isinstance(F.maximum(1, Value(2.0)), Value)
    with pytest.raises(TypeError, match="expected a real number, got str 'a'"):
        F.exp("a")


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_and_log_softmax_equal_torch(name):
    xs = [1.0, -2.0, 30.0, 30.5]
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    t = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
    theirs = getattr(torch, name)(t, 0)
    (theirs * weights).sum().backward()
    values = [Value(x) for x in xs]
    ours = getattr(F, name)(values)
    F.dot(ours, weights.tolist()).backward()
    assert [v.data for v in ours] == pytest.approx(theirs.tolist(), rel=1e-13)
    assert [v.grad for v in values] == pytest.approx(t.grad.tolist(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("scores", [[1000.0] * 2, [0.0] * 4, [-700.0, -700.0], [710.0] * 8])
def test_softmax_of_equal_scores_is_exact(scores):
    theirs = torch.softmax(torch.tensor(scores, dtype=torch.float64), 0).tolist()
    assert F.softmax(scores) == theirs == [1.0 / len(scores)] * len(scores)
    assert [v.data for v in F.softmax(list(map(Value, scores)))] == theirs


def test_softmax_does_not_overflow():
    assert F.softmax([1000.0, 0.0, -1000.0]) == [1.0, 0.0, 0.0]
    assert F.logsumexp([-math.inf, 1.0]) == 1.0


def test_mean_max_and_min_of_a_list():
    assert F.mean(iter([1.0, 2.0, 6.0])) == 3.0
    assert (F.max([1.0, 5.0, 2.0]), F.min([1.0, 5.0, 2.0])) == (5.0, 1.0)
    ties = [Value(2.0), Value(2.0), Value(1.0), Value(2.0)]
    F.max(ties).backward()
    assert [v.grad for v in ties] == [1 / 3, 1 / 3, 0.0, 1 / 3]
    for function in (F.mean, F.max, F.min, F.logsumexp, F.softmax):
        with pytest.raises(ValueError, match="expects at least one number, got an empty list"):
            function([])
    assert F.sum([]) == 0.0


def test_sums_go_left_to_right():
    assert F.sum([0.1] * 10) == 0.9999999999999999


def test_dot_refuses_lists_of_different_length():
    with pytest.raises(ValueError, match="dot expects two lists of equal length, got 2 and 1"):
        F.dot([1.0, 2.0], [Value(1.0)])
