"""What is drawn is read, not looked at: lines, ticks, labels; derivatives are right."""

import math

import pytest
from helpers.known_plots import CALLS, HISTORY, legend, lines, xy
from matplotlib.figure import Figure

from micrograd_like import plot
from micrograd_like.engine import Value, no_grad
from micrograd_like.losses import hinge_loss, mse_loss
from micrograd_like.optim import SGD, StepLR


def panels(ax):
    return {panel.get_ylabel(): legend(panel) for panel in ax.figure.axes}


def test_history_is_a_panel_for_the_loss_and_one_for_each_metric_with_epochs_from_1():
    ax = plot.plot_history(HISTORY | {"mae": [3.0, 2.0, 1.0], "val_mae": [4.0, 3.0, 2.0]})
    assert panels(ax) == {
        "loss": ["loss", "val_loss"], "accuracy": ["accuracy"], "mae": ["mae", "val_mae"]
    }  # fmt: skip
    assert ax is ax.figure.axes[0]
    assert {name: xy(line) for name, line in lines(ax).items()} == {
        name: ([1, 2, 3], HISTORY[name]) for name in ("loss", "val_loss")
    }
    assert [panel.get_xlabel() for panel in ax.figure.axes] == ["epoch"] * 3
    assert [panel.get_title() for panel in ax.figure.axes] == [
        "loss during training", "accuracy during training", "mae during training"
    ]  # fmt: skip


def test_history_in_given_axes_is_one_line_for_each_name():
    ax = plot.plot_history(HISTORY, ax=Figure().add_subplot())
    assert {name: xy(line) for name, line in lines(ax).items()} == {
        name: ([1, 2, 3], numbers) for name, numbers in HISTORY.items()
    }
    assert legend(ax) == list(HISTORY)
    assert len(ax.figure.axes) == 1


def test_curves_without_a_loss_are_compared_in_one_panel():
    ax = plot.plot_history({"SGD": [2.0, 1.0], "Adam": [2.0, 0.5]})
    assert panels(ax) == {"value": ["SGD", "Adam"]}
    assert ax.get_title() == "training"


def test_many_panels_stand_three_in_a_row_and_do_not_overlap():
    ax = plot.plot_history({"loss": [1.0]} | {f"metric {i}": [1.0] for i in range(6)})
    ax.figure.draw_without_rendering()
    boxes = [panel.get_tightbbox() for panel in ax.figure.axes]
    assert len({round(panel.get_position().y0, 3) for panel in ax.figure.axes}) == 3
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_history_draws_what_is_minimised_and_measured_unless_asked_for_more():
    history = {"loss": [0.5], "grad_norm": [9.0], "lr": [0.1], "time": [2.0], "accuracy": [0.8]}
    assert list(panels(plot.plot_history(history))) == ["loss", "accuracy"]
    assert list(panels(plot.plot_history(history, ["lr", "time"]))) == ["lr", "time"]


def test_history_draws_validation_dashed_in_the_same_colour():
    drawn = lines(plot.plot_history(HISTORY, ax=Figure().add_subplot()))
    assert drawn["loss"].get_color() == drawn["val_loss"].get_color()
    assert (drawn["loss"].get_linestyle(), drawn["val_loss"].get_linestyle()) == ("-", "--")
    assert drawn["loss"].get_color() != drawn["accuracy"].get_color()


def test_history_draws_the_keys_that_are_asked_for_in_their_order():
    asked = ["accuracy", "loss"]
    assert list(panels(plot.plot_history(HISTORY, keys=asked))) == asked
    assert legend(plot.plot_history(HISTORY, asked, Figure().add_subplot())) == asked
    assert panels(plot.plot_history(HISTORY, keys="loss")) == {"loss": ["loss"]}


@pytest.mark.parametrize("name", CALLS)
def test_every_plot_has_a_title_and_leaves_the_one_that_is_there(name):
    assert CALLS[name](None).get_title()
    ax = Figure().add_subplot(title="mine")
    assert CALLS[name](ax).get_title() == "mine"


@pytest.mark.parametrize("name", CALLS)
def test_every_plot_has_a_label_at_each_axis(name):
    ax = CALLS[name](None)
    assert ax.get_xlabel()
    assert ax.get_ylabel()


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 100])
def test_epochs_are_ticked_with_whole_numbers(epochs):
    ax = plot.plot_history({"loss": [0.5] * epochs})
    ticks = ax.get_xticks()
    assert all(tick == round(tick) for tick in ticks)
    low, high = ax.get_xlim()
    assert any(low <= tick <= high for tick in ticks)


def test_a_single_epoch_is_seen_and_a_thousand_have_no_markers():
    assert lines(plot.plot_history({"loss": [0.5]}))["loss"].get_marker() == "o"
    assert lines(plot.plot_history({"loss": [0.5] * 1000}))["loss"].get_marker() == "None"


def test_history_takes_values_and_lists_of_different_lengths():
    drawn = lines(plot.plot_history({"loss": [Value(1.0), 0.5], "val_loss": [0.75]}))
    assert xy(drawn["loss"]) == ([1, 2], [1.0, 0.5])
    assert xy(drawn["val_loss"]) == ([1], [0.75])


@pytest.mark.parametrize(
    ("history", "keys", "message"),
    [
        ({}, None, "there is nothing to plot: the history is empty"),
        ({"loss": []}, None, "there is nothing to plot: the history is empty"),
        (HISTORY, "f1", "the history has no 'f1': choose from loss, val_loss, accuracy"),
    ],
)
def test_a_history_that_cannot_be_plotted_is_refused(history, keys, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_history(history, keys)


def test_a_history_of_words_is_refused():
    with pytest.raises(TypeError, match="'loss' must be a number, got str 'low'"):
        plot.plot_history({"loss": ["low"]})


def test_a_schedule_is_drawn_from_0_epochs_on_in_steps():
    optimizer = SGD([Value(1.0)], lr=0.5)
    (line,) = plot.plot_schedule(StepLR(optimizer, step_size=2, gamma=0.5).lr_at, 5).get_lines()
    assert xy(line) == ([0, 1, 2, 3, 4], [0.5, 0.5, 0.25, 0.25, 0.125])
    assert line.get_drawstyle() == "steps-post"
    assert optimizer.lr == 0.5


def test_the_height_of_a_schedule_starts_at_0():
    assert plot.plot_schedule(lambda epoch: 0.1, 3).get_ylim()[0] == 0.0


@pytest.mark.parametrize("epochs", [0, -1, 2.5])
def test_a_schedule_of_no_epochs_is_refused(epochs):
    with pytest.raises(ValueError, match=f"epochs must be an int of at least 1, got {epochs}"):
        plot.plot_schedule(lambda epoch: 0.1, epochs)


# --- functions ---


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
