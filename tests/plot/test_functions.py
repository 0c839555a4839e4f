"""Functions are drawn with their derivatives, which are right."""

import math

import pytest
from helpers.known_plots import legend, lines, xy

from micrograd_like import plot
from micrograd_like.engine import Value, no_grad
from micrograd_like.losses import hinge_loss, mse_loss


def test_an_activation_is_drawn_with_its_derivative():
    drawn = lines(plot.plot_activation(Value.tanh, low=-2.0, high=2.0))
    xs, ys = xy(drawn["tanh"])
    assert (xs[0], xs[100], xs[-1]) == (-2.0, 0.0, 2.0)
    assert ys == pytest.approx([math.tanh(x) for x in xs])
    assert xy(drawn["derivative"]) == (xs, pytest.approx([1.0 - y * y for y in ys]))
    assert drawn["derivative"].get_linestyle() == "--"


def test_the_derivative_is_right_inside_no_grad_too():
    with no_grad():
        assert plot.curve(lambda x: x * x, 1.0, 2.0, 2)[2] == [2.0, 4.0]
        assert (Value(1.0) + 1.0).inputs == ()


def test_a_constant_has_slope_0_and_a_lambda_no_name():
    drawn = lines(plot.plot_activation(lambda x: 3.0))
    assert set(drawn["f(x)"].get_ydata()) == {3.0}
    assert set(drawn["derivative"].get_ydata()) == {0.0}


def test_a_loss_is_drawn_with_its_derivative_around_the_target():
    drawn = lines(plot.plot_loss(mse_loss, 1.0))
    xs, ys = xy(drawn["mse_loss"])
    assert (xs[0], xs[-1]) == (-2.0, 4.0)
    assert ys == pytest.approx([(x - 1.0) ** 2 for x in xs])
    assert xy(drawn["derivative"])[1] == pytest.approx([2.0 * (x - 1.0) for x in xs])
    assert list(drawn["target"].get_xdata()) == [1.0, 1.0]


def test_a_loss_takes_the_target_as_it_is_and_its_own_range():
    ax = plot.plot_loss(hinge_loss, -1, low=-1.5, high=0.5)
    xs, ys = xy(lines(ax)["hinge_loss"])
    assert (xs[0], xs[-1]) == (-1.5, 0.5)
    assert ys == pytest.approx([max(0.0, 1.0 + x) for x in xs])
    assert legend(ax) == ["hinge_loss", "derivative", "target"]


def test_a_range_without_width_is_refused():
    with pytest.raises(ValueError, match=r"low must be below high, got 2.0 and 2.0"):
        plot.plot_activation(Value.tanh, low=2.0, high=2.0)
    with pytest.raises(ValueError, match=r"low must be below high, got 5.0 and 4.0"):
        plot.plot_loss(mse_loss, 1.0, low=5.0)
