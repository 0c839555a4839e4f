"""Read me first: one small test for every feature."""

import pytest

from micrograd_like import Value, micrograd, no_grad
from micrograd_like.engine import apply, grad
from micrograd_like.ops import DOT, MUL, WHERE


def test_an_op_is_a_function_and_a_rule():
    assert MUL.forward(3.0, 4.0) == 12.0
    assert MUL.backward(1.0, 12.0, 3.0, 4.0) == (4.0, 3.0)  # d(xy)/dx = y, d(xy)/dy = x


def test_a_rule_called_with_values_records_the_derivative():
    x, y = Value(3.0), Value(4.0)
    dx, _ = MUL.backward(Value(1.0), x * y, x, y)
    assert (dx.data, dx.inputs[1]) == (4.0, y)


def test_a_value_remembers_how_it_was_computed():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    out = a * b
    assert (out.data, out.op, out.inputs, out.arguments) == (-6.0, MUL, (a, b), (2.0, -3.0))


def test_backward_fills_in_the_grads():
    a, b = Value(2.0), Value(-3.0)
    out = a * b + a**2
    out.backward()
    assert (out.data, a.grad, b.grad) == (-2.0, 1.0, 2.0)


def test_grads_add_up_until_they_are_set_to_zero():
    a = Value(3.0)
    (a * a).backward()
    (a * a).backward()
    assert a.grad == 12.0
    a.grad = 0.0
    (a * a).backward()
    assert a.grad == 6.0


def test_numbers_are_welcome_on_both_sides():
    a = Value(2.0)
    out = 1 - 3 / a + 2**a
    assert out.data == 3.5


def test_grad_returns_gradients_and_touches_nothing():
    a, b = Value(2.0), Value(5.0)
    assert grad(a * b, [a, b]) == [5.0, 2.0]
    assert (a.grad, b.grad) == (0.0, 0.0)


def test_a_gradient_can_be_differentiated_again():
    x = Value(2.0)
    first = grad(x**3, x, create_graph=True)
    second = grad(first, x, create_graph=True)
    assert (first.data, second.data, grad(second, x)) == (12.0, 12.0, 6.0)


def test_no_grad_computes_without_recording():
    a = Value(2.0)
    with no_grad():
        b = a * a
    assert (b.data, b.inputs) == (4.0, ())


def test_one_step_of_gradient_descent_goes_downhill():
    w = Value(1.0)
    loss = (w * 3.0 - 6.0) ** 2
    loss.backward()
    w.data -= 0.01 * w.grad
    assert ((w * 3.0 - 6.0) ** 2).data < loss.data


def test_an_edge_gives_inf_or_nan_and_never_raises():
    x = Value(0.0)
    y = x.log()
    y.backward()
    assert (y.data, x.grad) == (float("-inf"), float("inf"))


def test_the_branch_not_taken_gets_exactly_zero():
    a, b = Value(2.0), Value(3.0)
    apply(WHERE, Value(1.0), a, b).backward(float("inf"))
    assert (a.grad, b.grad) == (float("inf"), 0.0)  # and not 0 * inf = nan


def test_a_whole_dot_product_is_one_node():
    w, x = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    out = apply(DOT, *w, *x)
    out.backward()
    assert (out.data, out.inputs, w[0].grad, x[1].grad) == (11.0, (*w, *x), 3.0, 2.0)


def test_one_backward_step_by_hand_as_in_the_lecture():
    a, b = micrograd.Value(2.0), micrograd.Value(3.0)
    out = a * b
    out.grad = 1.0
    out._backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match="expected a real number, got str '3'"):
        Value("3")
