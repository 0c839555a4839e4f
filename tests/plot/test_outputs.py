"""Boundaries, confusion matrices and predictions: regions, points, counts and labels."""

import math
from itertools import pairwise

import numpy as np
import pytest
from helpers.known_plots import CORNERS, XOR, legend, lines, product, xy
from matplotlib.colors import to_hex

from micrograd_like import plot
from micrograd_like.engine import Value
from micrograd_like.nn import MLP
from micrograd_like.plot.common import BLUE, COLOURS, INK, ORANGE, pale
from micrograd_like.plot.outputs import _SHADES, _SHADES_OF_MANY


def regions(ax):
    return [c for c in ax.collections if getattr(c, "filled", False)]


def shade_at(ax, point):
    """The colour that is seen there: that of the last drawn region around the point."""
    around = [
        colour
        for c in regions(ax)
        for path, colour in zip(c.get_paths(), c.get_facecolor())
        if path.contains_point(point)
    ]
    return to_hex(around[-1]) if around else None


def colour_at(ax, point):
    """The colour of the class whose region is seen there, whatever its shade."""
    seen = shade_at(ax, point)
    shares = _SHADES + _SHADES_OF_MANY
    found = {colour for colour in COLOURS for share in shares if pale(colour, share) == seen}
    assert len(found) == (seen is not None)
    return found.pop() if found else None


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
    assert low == (ORANGE, [[0, 0], [1, 1]])
    assert high == (BLUE, [[0, 1], [1, 0]])  # blue is positive, as in every picture
    for colour, there in (low, high):
        assert [colour_at(ax, point) for point in there] == [colour] * 2
    assert legend(ax) == [f"class {min(labels):.0f}", "class 1"]


def test_the_boundary_lies_where_the_score_is_0():
    ax = plot.plot_decision_boundary(lambda x: 3.0 * (x[0] - 0.7), CORNERS, XOR)
    assert colour_at(ax, (0.69, 0.5)) == ORANGE
    assert colour_at(ax, (0.71, 0.5)) == BLUE


def test_the_boundary_lies_at_the_threshold_that_is_given():
    ax = plot.plot_decision_boundary(lambda x: x[0], CORNERS, [0, 0, 1, 1], threshold=0.5)
    assert colour_at(ax, (0.49, 0.5)) == ORANGE
    assert colour_at(ax, (0.51, 0.5)) == BLUE


def test_with_several_scores_the_largest_wins():
    centres = [(0.0, 0.0), (4.0, 0.0), (2.0, 3.0)]

    def model(x):
        return [Value(-((x[0] - a) ** 2) - (x[1] - b) ** 2) for a, b in centres]

    ax = plot.plot_decision_boundary(model, centres, [0, 1, 2], resolution=20)
    for k, centre in enumerate(centres):
        colour, at = points(ax)[f"class {k}"]
        assert at == [list(centre)]
        assert colour_at(ax, centre) == colour
    steps = [i / 50 for i in range(-9, 10)]
    meeting = [(2.0 + dx, 5.0 / 6.0 + dy) for dx in steps for dy in steps]
    assert all(colour_at(ax, point) for point in meeting)  # no gap between the three


def test_on_a_tie_the_first_class_is_seen():
    ax = plot.plot_decision_boundary(lambda x: [0.0, 0.0], CORNERS, [0, 1, 1, 0], resolution=4)
    assert colour_at(ax, (0.5, 0.5)) == ORANGE


def test_a_class_that_never_wins_is_not_seen():
    ax = plot.plot_decision_boundary(lambda x: 1.0, CORNERS, XOR, resolution=4)
    assert {colour_at(ax, point) for point in CORNERS} == {BLUE}


def test_a_place_is_the_darker_the_further_its_class_is_ahead():
    ax = plot.plot_decision_boundary(lambda x: x[0], [[-5, 0], [5, 1]], [-1, 1], resolution=61)
    for sign, colour in ((-1, ORANGE), (1, BLUE)):
        seen = list(dict.fromkeys(shade_at(ax, (sign * x / 100, 0.5)) for x in range(1, 500)))
        assert seen == [pale(colour, share) for share in _SHADES]
    assert shade_at(ax, (0.8, 0.5)) == pale(BLUE, _SHADES[0])
    assert shade_at(ax, (1.3, 0.5)) == pale(BLUE, _SHADES[1])


def test_near_a_boundary_no_class_of_several_is_sure():
    def model(x):
        return [x[0], x[1], 0.0]

    ax = plot.plot_decision_boundary(model, [[-1, -1], [1, 1]], [2, 0], resolution=41)
    for near in ((0.70, 0.74), (0.74, 0.70), (-0.5, 0.03), (-0.5, -0.03), (0.03, -0.5)):
        assert shade_at(ax, near) in [pale(colour, _SHADES_OF_MANY[0]) for colour in COLOURS]
    assert shade_at(ax, (-1.0, 1.1)) == pale(BLUE, _SHADES_OF_MANY[-1])


def test_one_place_of_enormous_scores_makes_the_others_no_less_sure():
    def model(x):
        return 1e9 if x[0] > 0.98 and x[1] > 0.98 else product(x)

    ax = plot.plot_decision_boundary(model, CORNERS, XOR, resolution=21)
    assert shade_at(ax, (0.0, 0.0)) == pale(ORANGE, _SHADES[-1])


def test_a_line_is_drawn_where_two_classes_are_equal():
    ax = plot.plot_decision_boundary(lambda x: x[0] - 0.5, CORNERS, [0, 0, 1, 1])
    outlines = [c for c in ax.collections if hasattr(c, "levels") and not c.filled]
    ends = [x for c in outlines for path in c.get_paths() for x, _ in path.vertices]
    assert ends == pytest.approx([0.5] * len(ends))
    assert ends


def test_margins_are_what_each_class_is_ahead_of_the_best_other():
    inf = math.inf
    assert plot.decision_margins([[[1.0, 4.0, 2.0], [inf, 0.0, 0.0]]])[1] == [
        [2.0, pytest.approx(math.nan, nan_ok=True)]
    ]
    assert plot.decision_margins([[[0.75]]], threshold=0.5) == [[[-0.5]], [[0.5]]]


def test_where_a_score_is_nan_nothing_is_drawn():
    def model(x):
        return [math.nan if x[0] > 0.5 else -1.0, 1.0]

    ax = plot.plot_decision_boundary(model, CORNERS, [0, 1, 1, 0], resolution=10)
    assert colour_at(ax, (0.0, 0.5)) == BLUE
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
    true, predicted = [0, 0, 0, 1, 2], [0, 1, 1, 1, 0]
    assert plot.confusion_matrix(outputs=predicted, targets=true, n=3) == [
        [1, 2, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]


def test_a_confusion_matrix_is_sklearns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 100), rng.integers(0, 4, 100)
    ours = plot.confusion_matrix(outputs=predicted, targets=true, n=4)
    assert ours == metrics.confusion_matrix(true, predicted).tolist()


def test_a_confusion_matrix_is_an_image_with_its_counts_written_in_the_cells():
    true, predicted, names = [0, 0, 0, 1], [0, 1, 1, 1], np.array(["cat", "dog"])
    ax = plot.plot_confusion_matrix(outputs=predicted, targets=true, classes=names)
    (image,) = ax.images
    assert image.get_array().tolist() == [[1, 2], [0, 1]]
    written = {text.get_position(): text.get_text() for text in ax.texts}  # (column, row)
    assert written == {(0, 0): "1", (1, 0): "2", (0, 1): "0", (1, 1): "1"}
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["cat", "dog"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


@pytest.mark.parametrize("normalize", ["true", "pred", "all", None])
def test_shares_are_sklearns_and_of_nothing_0(normalize):
    metrics = pytest.importorskip("sklearn.metrics")
    true, predicted, classes = [0, 0, 0, 1, 3], [0, 2, 2, 1, 2], range(4)
    ours = plot.confusion_matrix(outputs=predicted, targets=true, n=4, normalize=normalize)
    theirs = metrics.confusion_matrix(true, predicted, labels=classes, normalize=normalize)
    assert ours == theirs.tolist()


def test_shares_are_written_with_two_decimals_and_what_they_are_of():
    labels = {"outputs": [0, 0, 1], "targets": [0, 1, 1]}
    ax = plot.plot_confusion_matrix(**labels, normalize="true")
    assert ax.images[0].get_array().tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.00", "0.50", "0.50"]
    assert [text.get_color() for text in ax.texts] == ["white", *[INK] * 3]
    assert "a true class (row)" in ax.get_title()


def test_another_word_than_those_of_normalize_is_refused():
    for function in (plot.confusion_matrix, plot.plot_confusion_matrix):
        with pytest.raises(ValueError, match="""or None, got 'rows'"""):
            function(outputs=[0], targets=[0], normalize="rows")


def test_counts_are_white_on_dark_cells_only():
    labels = [0] * 9 + [1]
    ax = plot.plot_confusion_matrix(outputs=labels, targets=labels)
    assert [text.get_color() for text in ax.texts] == ["white", *[INK] * 3]


def test_shares_of_ten_classes_stand_apart():
    ax = plot.plot_confusion_matrix(outputs=range(10), targets=range(10), normalize="true")
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts[:10]]
    half = boxes[0].height / 2  # about a space
    assert all(left.x1 + half < right.x0 for left, right in pairwise(boxes))


def test_long_names_of_classes_stand_upright():
    ax = plot.plot_confusion_matrix(outputs=[1, 1], targets=[0, 1], classes=["ankle boot"] * 5)
    assert {tick.get_rotation() for tick in ax.get_xticklabels()} == {90.0}


def test_without_names_classes_are_numbered_up_to_the_largest():
    ax = plot.plot_confusion_matrix(outputs=[2, 1], targets=[0, 1])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "a confusion matrix of nothing"),
        ([0, 1], [0], "there are 1 outputs, but 2 targets"),
        ([0, 2], [0, 1], r"targets\[1\] is class 2, but there are 2: 0 to 1"),
        ([0, 1], [-1, 1], r"outputs\[0\] is class -1, but there are 2: 0 to 1"),
    ],
)
def test_a_confusion_matrix_that_cannot_be_drawn_is_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_confusion_matrix(outputs=predicted, targets=true, classes=["a", "b"])


def test_the_scores_of_a_model_are_counted_as_the_class_of_the_largest():
    scores, targets = [[0.1, 2.0], [3.0, 1.0], [0.0, 1.0]], [1, 1, 0]
    assert plot.confusion_matrix(outputs=scores, targets=targets) == [[0, 1], [1, 1]]
    with pytest.raises(TypeError, match="label 0 must be an int, got float nan"):
        plot.confusion_matrix(outputs=[[0.0, math.nan]], targets=[0])


def test_the_order_of_other_libraries_is_no_silent_swap():
    with pytest.raises(TypeError, match="positional argument"):
        plot.plot_confusion_matrix([0, 1], [1, 1])


def test_predictions_are_points_over_their_targets_with_the_diagonal():
    ax = plot.plot_predictions([Value(1.5), 2.0, -1.0], [1.0, 2.0, 3.0])
    assert ax.collections[0].get_offsets().tolist() == [[1.0, 1.5], [2.0, 2.0], [3.0, -1.0]]
    assert xy(lines(ax)["output = target"]) == ([-1.0, 3.0], [-1.0, 3.0])
    assert ax.get_aspect() == 1.0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target", "output")


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        ([], [], "there are no predictions to plot"),
        ([1.0], [1.0, 2.0], "there are 1 outputs, but 2 targets"),
        ([1.0, math.inf], [1.0, 2.0], "output 1 is inf"),
    ],
)
def test_predictions_that_cannot_be_drawn_are_refused(outputs, targets, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_predictions(outputs, targets)
