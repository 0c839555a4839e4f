"""Plots are read, not looked at: the data of lines, points, regions and images, and the labels."""

import builtins
import math
import random

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from micrograd_like import plot
from micrograd_like.engine import Value, no_grad
from micrograd_like.losses import hinge_loss, mse_loss
from micrograd_like.nn import MLP, Activation, Linear, Module, Neuron, Sequential
from micrograd_like.optim import SGD, StepLR

HISTORY = {"loss": [0.9, 0.5, 0.2], "val_loss": [1.0, 0.7, 0.6], "accuracy": [0.5, 0.8, 0.9]}
CORNERS, XOR = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]


def product(x):
    """The sign of xor, for corners moved to -1 and 1."""
    return -(2.0 * x[0] - 1.0) * (2.0 * x[1] - 1.0)


# Every function with arguments that work: what they promise alike is tested over this table.
CALLS = {
    "plot_history": lambda ax: plot.plot_history(HISTORY, ax=ax),
    "plot_decision_boundary": lambda ax: plot.plot_decision_boundary(product, CORNERS, XOR, ax, 5),
    "plot_histogram": lambda ax: plot.plot_histogram(Neuron(2, rng=0), ax=ax),
    "plot_weight_norms": lambda ax: plot.plot_weight_norms({"layers.0": [1.0, 2.0]}, ax),
    "plot_confusion_matrix": lambda ax: plot.plot_confusion_matrix([0, 1], [1, 1], ax=ax),
    "plot_activation": lambda ax: plot.plot_activation(Value.tanh, ax),
    "plot_loss": lambda ax: plot.plot_loss(mse_loss, 1.0, ax),
    "plot_schedule": lambda ax: plot.plot_schedule(lambda epoch: 0.1, 3, ax),
    "plot_loss_landscape": lambda ax: plot.plot_loss_landscape(
        lambda: 1.0, [Value(1.0), Value(2.0)], ax, resolution=3
    ),
    "plot_predictions": lambda ax: plot.plot_predictions([1.0, 2.0], [1.0, 3.0], ax),
}
every_plot = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def xy(line):
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- what all of them promise ---


def test_the_table_has_every_plot():
    assert set(CALLS) == {name for name in vars(plot) if name.startswith("plot_")}


@every_plot
def test_without_axes_a_new_figure_is_made_that_can_be_saved(call, tmp_path):
    ax, other = call(None), call(None)
    assert ax.figure is not other.figure
    ax.figure.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


@every_plot
def test_axes_that_are_given_are_drawn_into_and_returned(call):
    ax = Figure().add_subplot()
    before = len(ax.get_children())
    assert call(ax) is ax
    assert len(ax.get_children()) > before
    assert ax.spines["top"].get_visible()  # the style of other people's axes is theirs


@every_plot
def test_both_axes_are_labelled_save_the_height_of_functions(call):
    ax = call(None)
    assert ax.get_xlabel()
    assert ax.get_ylabel() or ax.get_legend()


@every_plot
def test_no_setting_of_matplotlib_and_no_figure_of_pyplot_is_touched(call):
    import matplotlib.pyplot as plt

    def settings():  # the backend is chosen by whoever looks at it first
        return {k: v for k, v in matplotlib.rcParams.items() if k != "backend"}

    before = settings()
    call(None)
    assert settings() == before
    assert plt.get_fignums() == []


@every_plot
def test_without_matplotlib_one_sentence_says_what_to_install(call, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "micrograd_like\[plot\]"'):
        call(None)


# --- over the epochs ---


def test_history_is_one_line_for_each_name_with_epochs_from_1():
    ax = plot.plot_history(HISTORY)
    assert {name: xy(line) for name, line in lines(ax).items()} == {
        name: ([1, 2, 3], numbers) for name, numbers in HISTORY.items()
    }
    assert legend(ax) == list(HISTORY)
    assert ax.get_xlabel() == "epoch"


def test_history_draws_what_is_minimised_and_measured_unless_asked_for_more():
    history = {"loss": [0.5], "grad_norm": [9.0], "lr": [0.1], "time": [2.0], "accuracy": [0.8]}
    assert legend(plot.plot_history(history)) == ["loss", "accuracy"]
    assert legend(plot.plot_history(history, ["lr", "time"])) == ["lr", "time"]


def test_history_draws_validation_dashed_in_the_same_colour():
    drawn = lines(plot.plot_history(HISTORY))
    assert drawn["loss"].get_color() == drawn["val_loss"].get_color()
    assert (drawn["loss"].get_linestyle(), drawn["val_loss"].get_linestyle()) == ("-", "--")
    assert drawn["loss"].get_color() != drawn["accuracy"].get_color()


def test_history_draws_the_keys_that_are_asked_for_in_their_order():
    assert legend(plot.plot_history(HISTORY, keys=["accuracy", "loss"])) == ["accuracy", "loss"]
    ax = plot.plot_history(HISTORY, keys="loss")
    assert legend(ax) == ["loss"]
    assert ax.get_ylabel() == "loss"


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


def test_weight_norms_are_those_of_each_layer():
    model = Sequential(Linear(2, 1, rng=0), Activation("relu"), MLP(1, [1, 1], rng=0))
    for i, p in enumerate(model.parameters()):
        p.data = float(i)
    assert plot.weight_norms(model) == pytest.approx(
        {"layers.0": 5**0.5, "layers.2.layers.0": 5.0, "layers.2.layers.1": 61**0.5}
    )


def test_parameters_outside_of_layers_belong_to_the_model():
    class Line(Module):
        def __init__(self):
            self.slope, self.part = Value(3.0), Neuron(1)
            self.part.w[0].data, self.part.b.data = 6.0, 8.0

    assert plot.weight_norms(Line()) == {"model": 3.0, "part": 10.0}
    assert list(plot.weight_norms(Linear(2, 3))) == ["model"]


def test_weight_norms_are_drawn_over_the_epochs():
    ax = plot.plot_weight_norms({"layers.0": [1.0, 2.0], "layers.1": [3.0, 2.5]})
    assert xy(lines(ax)["layers.1"]) == ([1, 2], [3.0, 2.5])
    with pytest.raises(ValueError, match="the history is empty"):
        plot.plot_weight_norms({})


def test_many_layers_are_told_apart():
    ax = plot.plot_weight_norms({f"layers.{i}": [1.0] for i in range(20)})
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}) == 20


def test_many_names_stand_beside_the_plot():
    few, many = (plot.plot_weight_norms({f"layers.{i}": [1.0] for i in range(n)}) for n in (2, 12))
    for ax, inside in ((few, True), (many, False)):
        ax.figure.draw_without_rendering()  # lays out
        legend = ax.get_legend().get_window_extent()
        assert bool(legend.x1 <= ax.bbox.x1) is inside
        assert legend.x1 <= ax.figure.bbox.x1


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


# --- the parameters ---


def test_a_histogram_counts_the_weights_or_the_gradients():
    neuron = Neuron(3, rng=0)
    for p, number in zip(neuron.parameters(), [0.0, 0.1, 0.2, 4.0]):
        p.data, p.grad = number, -number
    bars = plot.plot_histogram(neuron, bins=4).patches
    assert [(bar.get_x(), bar.get_height()) for bar in bars] == [(0, 3), (1, 0), (2, 0), (3, 1)]
    bars = plot.plot_histogram(neuron, of="grad", bins=4).patches
    assert [(bar.get_x(), bar.get_height()) for bar in bars] == [(-4, 1), (-3, 0), (-2, 0), (-1, 3)]


def test_a_histogram_of_equal_numbers_is_one_bar():
    ax = plot.plot_histogram(Neuron(2, rng=0), of="grad")
    assert [bar.get_height() for bar in ax.patches if bar.get_height()] == [3]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gradients", "how many of 3")


def test_the_edges_of_narrow_bars_do_not_hide_them():
    (bar, *_) = plot.plot_histogram(Neuron(2, rng=0), bins=500).patches
    assert 0.0 < bar.get_linewidth() < 0.1


def test_a_histogram_that_cannot_be_drawn_is_refused():
    neuron = Neuron(2, rng=0)
    with pytest.raises(ValueError, match='of must be "data" or "grad", got \'weights\''):
        plot.plot_histogram(neuron, of="weights")
    with pytest.raises(ValueError, match="bins must be an int of at least 1, got 0"):
        plot.plot_histogram(neuron, bins=0)
    with pytest.raises(ValueError, match="this Activation has no parameters"):
        plot.plot_histogram(Activation("relu"))
    with pytest.raises(TypeError, match=r"a model with named_parameters\(\), got list"):
        plot.plot_histogram([1.0])
    neuron.w[1].data = math.nan
    with pytest.raises(ValueError, match=r"the data of w\.1 is nan"):
        plot.plot_histogram(neuron)


def bowl(parameters):
    return lambda: sum(p * p for p in parameters)


def test_the_landscape_of_a_bowl_is_a_bowl():
    ps = [Value(0.0), Value(0.0), Value(0.0)]
    offsets, rows = plot.loss_landscape(bowl(ps), ps, span=2.0, resolution=5)
    assert offsets == [-2.0, -1.0, 0.0, 1.0, 2.0]
    # Only with unit vectors at right angles is the loss the squared distance from the middle.
    assert rows == [[pytest.approx(a * a + b * b) for a in offsets] for b in offsets]


def test_the_middle_of_a_landscape_is_the_present_loss_and_its_span_the_norm():
    ps = [Value(3.0), Value(4.0)]
    offsets, rows = plot.loss_landscape(bowl(ps), ps, resolution=7)
    assert rows[3][3] == 25.0
    assert offsets[-1] == 5.0


def test_a_landscape_is_the_same_for_the_same_seed():
    ps = [Value(1.0), Value(2.0), Value(3.0)]

    def rows(rng):
        return plot.loss_landscape(lambda: ps[0] * ps[1], ps, resolution=3, rng=rng)[1]

    state = random.getstate()
    assert rows(0) == rows(0) == rows(random.Random(0)) != rows(1)
    assert random.getstate() == state


def test_a_landscape_records_no_graph_and_leaves_data_and_grad():
    ps, seen = [Value(1.0), Value(2.0)], []
    ps[0].grad = 7.0

    def loss():
        seen.append(ps[0] * ps[1])
        return seen[-1]

    plot.plot_loss_landscape(loss, ps, resolution=3)
    assert len(seen) == 9
    assert all(v.inputs == () for v in seen)
    assert [(p.data, p.grad) for p in ps] == [(1.0, 7.0), (2.0, 0.0)]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_parameters_are_put_back_after_an_error(error):
    ps = [Value(1.0), Value(2.0)]

    def loss():
        assert ps[0].data != 1.0
        raise error

    with pytest.raises(error):
        plot.plot_loss_landscape(loss, ps)
    assert [p.data for p in ps] == [1.0, 2.0]


def test_a_landscape_marks_the_present_and_has_a_scale():
    ps = [Value(3.0), Value(4.0)]
    ax = plot.plot_loss_landscape(bowl(ps), ps, resolution=9)
    assert xy(lines(ax)["now"]) == ([0.0], [0.0])
    assert ax.figure.axes[1].get_ylabel() == "loss"
    levels = ax.collections[0].levels
    assert levels[0] <= 1.0 < 60.0 < levels[-1]


def test_a_landscape_with_holes_is_drawn_and_one_of_holes_is_refused():
    ps = [Value(1.0), Value(1.0)]
    assert plot.plot_loss_landscape(lambda: math.inf if ps[0].data > 1.1 else ps[0], ps)
    with pytest.raises(ValueError, match="infinite or nan everywhere"):
        plot.plot_loss_landscape(lambda: math.nan, ps)


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (1, {}, "needs two parameters or more, got 1"),
        (0, {}, "needs two parameters or more, got 0"),
        (2, {"span": 0.0}, "span must be a finite number above 0, got 0.0"),
        (2, {"resolution": 1}, "resolution must be an int of at least 2, got 1"),
    ],
)
def test_a_landscape_that_cannot_be_drawn_is_refused(n, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_loss_landscape(lambda: 1.0, [Value(1.0) for _ in range(n)], **options)


# --- what a model says ---


def regions(ax):
    return [c for c in ax.collections if hasattr(c, "levels")]


def colour_at(ax, point):
    """The colour of the region that is seen there: the last drawn of those around the point."""
    around = [c for c in regions(ax) if any(path.contains_point(point) for path in c.get_paths())]
    return to_hex(around[-1].get_facecolor()[0]) if around else None


def points(ax):
    return {
        c.get_label(): (to_hex(c.get_facecolor()[0]), c.get_offsets().tolist())
        for c in ax.collections
        if not hasattr(c, "levels")
    }


@pytest.mark.parametrize("labels", [XOR, [0, 1, 1, 0], np.array([-1.0, 1.0, 1.0, -1.0])])
def test_points_lie_in_the_region_of_their_class_when_the_model_is_right(labels):
    ax = plot.plot_decision_boundary(product, np.array(CORNERS), labels)
    low, high = points(ax).values()
    assert low == (plot._BLUE, [[0, 0], [1, 1]])
    assert high == (plot._ORANGE, [[0, 1], [1, 0]])
    for colour, there in (low, high):
        assert [colour_at(ax, point) for point in there] == [plot._pale(colour)] * 2
    assert legend(ax) == [f"class {min(labels):.0f}", "class 1"]


def test_the_boundary_lies_where_the_score_is_0():
    ax = plot.plot_decision_boundary(lambda x: 3.0 * (x[0] - 0.7), CORNERS, XOR)
    assert colour_at(ax, (0.69, 0.5)) == plot._pale(plot._BLUE)
    assert colour_at(ax, (0.71, 0.5)) == plot._pale(plot._ORANGE)


def test_with_several_scores_the_largest_wins():
    centres = [(0.0, 0.0), (4.0, 0.0), (2.0, 3.0)]

    def model(x):
        return [Value(-((x[0] - a) ** 2) - (x[1] - b) ** 2) for a, b in centres]

    ax = plot.plot_decision_boundary(model, centres, [0, 1, 2], resolution=20)
    for k, centre in enumerate(centres):
        colour, at = points(ax)[f"class {k}"]
        assert at == [list(centre)]
        assert colour_at(ax, centre) == plot._pale(colour)
    steps = [i / 50 for i in range(-9, 10)]
    meeting = [(2.0 + dx, 5.0 / 6.0 + dy) for dx in steps for dy in steps]
    assert all(colour_at(ax, point) for point in meeting)  # no gap between the three


def test_on_a_tie_the_first_class_is_seen():
    ax = plot.plot_decision_boundary(lambda x: [0.0, 0.0], CORNERS, [0, 1, 1, 0], resolution=4)
    assert colour_at(ax, (0.5, 0.5)) == plot._pale(plot._BLUE)


def test_a_class_that_never_wins_is_not_seen():
    ax = plot.plot_decision_boundary(lambda x: 1.0, CORNERS, XOR, resolution=4)
    assert {colour_at(ax, point) for point in CORNERS} == {plot._pale(plot._ORANGE)}


def test_where_a_score_is_nan_nothing_is_drawn():
    def model(x):
        return [math.nan if x[0] > 0.5 else -1.0, 1.0]

    ax = plot.plot_decision_boundary(model, CORNERS, [0, 1, 1, 0], resolution=10)
    assert colour_at(ax, (0.0, 0.5)) == plot._pale(plot._ORANGE)
    assert colour_at(ax, (0.9, 0.5)) is None


def test_the_grid_covers_the_points_with_a_margin_and_the_model_records_nothing():
    w, seen = Value(2.0), []

    def model(x):
        seen.append(w * x[0])
        return seen[-1]

    columns, rows, scores = plot.decision_scores(model, [[0.0, 5.0], [10.0, 5.0]], 3)
    assert (columns, rows) == ([-1.0, 5.0, 11.0], [4.0, 5.0, 6.0])
    assert scores == [[[-2.0], [10.0], [22.0]]] * 3
    assert all(v.inputs == () for v in seen)


def test_an_mlp_can_be_drawn():
    ax = plot.plot_decision_boundary(MLP(2, [3, 1], rng=0), CORNERS, XOR, resolution=5)
    assert legend(ax) == ["class -1", "class 1"]


@pytest.mark.parametrize(
    ("model", "X", "y", "message"),
    [
        (product, [], [], "X is empty"),
        (product, [[1, 2, 3]], [1], "X expects rows of two numbers, got 3 in row 0"),
        (product, [1.0, 2.0], [1, 1], "X expects rows of two numbers, got 1.0 as row 0"),
        (product, [[1, math.nan]], [1], "number of row 0 of X 1 is nan"),
        (product, CORNERS, [1, 1], "there are 4 points in X, but 2 labels in y"),
        (product, CORNERS, [1, 2, 1, 1], r"y\[1\] is 2, but one score tells only -1 and 1"),
        (product, CORNERS, [-1, 0, 0, 0], "y has labels -1 and 0"),
        (lambda x: [1, 2], CORNERS, [0, 1, 2, 0], r"y\[2\] is 2, .* scores are of class 0 to 1"),
        (lambda x: [1, 2], CORNERS, XOR, r"y\[0\] is -1, .* scores are of class 0 to 1"),
        (lambda x: [], CORNERS, XOR, "the model must return the same number of scores, got 0"),
        (lambda x: [1] * (1 + (x[0] > 0)), CORNERS, XOR, "same number of scores, got 1 or 2"),
    ],
)
def test_a_boundary_that_cannot_be_drawn_is_refused(model, X, y, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_decision_boundary(model, X, y, resolution=3)


def test_scores_and_labels_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match="a score of the model must be a number, got NoneType"):
        plot.plot_decision_boundary(lambda x: None, CORNERS, XOR)
    with pytest.raises(TypeError, match="label 1 must be an int, got str 'b'"):
        plot.plot_decision_boundary(product, CORNERS, [1, "b", 1, 1])


def test_a_confusion_matrix_has_the_truth_in_its_rows():
    assert plot.confusion_matrix([0, 0, 0, 1, 2], [0, 1, 1, 1, 0], 3) == [
        [1, 2, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]


def test_a_confusion_matrix_is_sklearns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 100), rng.integers(0, 4, 100)
    ours = plot.confusion_matrix(true, predicted, 4)
    assert ours == metrics.confusion_matrix(true, predicted).tolist()


def test_a_confusion_matrix_is_an_image_with_its_counts_written_in_the_cells():
    ax = plot.plot_confusion_matrix([0, 0, 0, 1], [0, 1, 1, 1], np.array(["cat", "dog"]))
    (image,) = ax.images
    assert image.get_array().tolist() == [[1, 2], [0, 1]]
    written = {text.get_position(): text.get_text() for text in ax.texts}  # (column, row)
    assert written == {(0, 0): "1", (1, 0): "2", (0, 1): "0", (1, 1): "1"}
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["cat", "dog"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_counts_are_white_on_dark_cells_only():
    ax = plot.plot_confusion_matrix([0] * 9 + [1], [0] * 9 + [1])
    assert [text.get_color() for text in ax.texts] == ["white", *[plot._INK] * 3]


def test_long_names_of_classes_stand_upright():
    ax = plot.plot_confusion_matrix([0, 1], [1, 1], classes=["ankle boot"] * 5)
    assert {tick.get_rotation() for tick in ax.get_xticklabels()} == {90.0}


def test_without_names_classes_are_numbered_up_to_the_largest():
    ax = plot.plot_confusion_matrix([0, 1], [2, 1])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "a confusion matrix of nothing"),
        ([0, 1], [0], "there are 2 labels in y_true, but 1 in y_pred"),
        ([0, 2], [0, 1], r"y_true\[1\] is class 2, but there are 2: 0 to 1"),
        ([0, 1], [-1, 1], r"y_pred\[0\] is class -1, but there are 2: 0 to 1"),
    ],
)
def test_a_confusion_matrix_that_cannot_be_drawn_is_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_confusion_matrix(true, predicted, classes=["a", "b"])


def test_predictions_are_points_over_their_targets_with_the_diagonal():
    ax = plot.plot_predictions([1.0, 2.0, 3.0], [Value(1.5), 2.0, -1.0])
    assert ax.collections[0].get_offsets().tolist() == [[1.0, 1.5], [2.0, 2.0], [3.0, -1.0]]
    assert xy(lines(ax)["prediction = target"]) == ([-1.0, 3.0], [-1.0, 3.0])
    assert ax.get_aspect() == 1.0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target", "prediction")


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([], [], "there are no predictions to plot"),
        ([1.0], [1.0, 2.0], "there are 1 targets, but 2 predictions"),
        ([1.0, 2.0], [1.0, math.inf], "prediction 1 is inf"),
    ],
)
def test_predictions_that_cannot_be_drawn_are_refused(targets, predictions, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_predictions(targets, predictions)


# --- functions of one number ---


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
