"""Norms, histograms and landscapes: which numbers, of which layer, and all put back."""

import math
import random

import pytest
from helpers.known_plots import lines, xy
from matplotlib.colors import to_hex

from micrograd_like import plot
from micrograd_like.engine import Value
from micrograd_like.nn import MLP, Activation, Layer, Linear, Module, Neuron, Sequential
from micrograd_like.plot.common import BLUE, GREY, ORANGE


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


def test_what_holds_a_parameter_is_its_layer_whatever_it_is_called():
    class Odd(Module):
        def __init__(self):
            self.neurons = 1  # a number, no list of them
            self.cells, self.tied = [Neuron(1), Layer(1, 2)], Neuron(1)
            self.tied.w = self.cells[0].w

    model = Odd()
    for p in model.parameters():
        p.data = 1.0
    norms = {"cells.0": 2.0, "cells.1": 4.0, "tied": 1.0}
    assert plot.weight_norms(model) == pytest.approx({k: v**0.5 for k, v in norms.items()})


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


def test_a_histogram_counts_the_weights_or_the_gradients():
    neuron = Neuron(3, rng=0)
    for p, number in zip(neuron.parameters(), [0.0, 0.1, 0.2, 4.0]):
        p.data, p.grad = number, -number
    assert plot.histograms(neuron, bins=4) == ([0, 1, 2, 3, 4], {"model": [3, 0, 0, 1]})
    bars = plot.plot_histogram(neuron, bins=4).patches
    assert [(bar.get_x(), bar.get_height()) for bar in bars] == [(0, 3), (1, 0), (2, 0), (3, 1)]
    edges, counts = plot.histograms(neuron, of="grad", bins=4)
    assert (edges, counts) == ([-4, -3, -2, -1, 0, 1], {"model": [1, 0, 0, 2, 1]})


def mlp(numbers, **grads):
    """Two layers of nine and four parameters with these numbers; gradients of one of them."""
    model = MLP(2, [3, 1], rng=0)
    for p, x in zip(model.parameters(), numbers, strict=True):
        p.data = x
    for name, grad in grads.items():
        for p in model.layers[int(name[1:])].parameters():
            p.grad = grad
    return model


def test_every_layer_has_its_own_bars_over_the_same_scale():
    model = mlp([-1.0, *[0.5] * 8, *[3.0] * 4])
    assert plot.histograms(model, bins=4) == (
        [-1, 0, 1, 2, 3],
        {"layers.0": [1, 8, 0, 0], "layers.1": [0, 0, 0, 4]},
    )
    ax = plot.plot_histogram(model, bins=4)
    bars = [(bar.get_x(), bar.get_y(), bar.get_height()) for bar in ax.patches if bar.get_height()]
    assert bars == [(-1, 0, 0.75 / 8), (0, 0, 0.75), (2, -1, 0.75)]
    ticks = zip(ax.get_yticks(), [tick.get_text() for tick in ax.get_yticklabels()])
    assert list(ticks) == [(0, "layers.0"), (-1, "layers.1")]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weights and biases", "layer")


def test_orange_bars_are_below_0_and_blue_ones_are_not():
    bars = plot.plot_histogram(mlp([-1.0, *[0.5] * 8, *[3.0] * 3, 0.0]), bins=7).patches
    ends = {colour: [] for colour in (ORANGE, BLUE)}
    for bar in bars:
        ends[to_hex(bar.get_facecolor())].append((bar.get_x(), bar.get_x() + bar.get_width()))
    assert max(right for _, right in ends[ORANGE]) == 0.0 == min(left for left, _ in ends[BLUE])


def test_a_dead_layer_is_one_grey_bar_and_says_so():
    ax = plot.plot_histogram(mlp([1.0] * 13, g0=0.0, g1=0.25), of="grad")
    dead = [bar for bar in ax.patches if bar.get_y() == 0 and bar.get_height()]
    assert [to_hex(bar.get_facecolor()) for bar in dead] == [GREY]
    assert dead[0].get_x() == 0.0
    said = [text.get_text() for text in ax.texts]
    assert said == ["9 numbers, all 0", "4 numbers, rms 0.25"]


def test_how_many_are_exactly_0_is_said():
    (text,) = plot.plot_histogram(mlp([0.0] * 5 + [2.0] * 8).layers[0]).texts
    assert text.get_text() == "9 numbers, rms 1.3, 5 are 0"


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 30])
def test_every_number_is_counted_whatever_the_bins(bins):
    rng = random.Random(0)
    for _ in range(300):
        numbers = [rng.choice([0.0, 1.0, 0.1, 1e-9, 1e9]) * rng.uniform(-1, 1) for _ in range(13)]
        edges, counts = plot.histograms(mlp(numbers), bins=bins)
        assert [sum(counts[name]) for name in ("layers.0", "layers.1")] == [9, 4]
        assert bins <= len(edges) - 1 <= bins + 2
        assert edges[0] <= min(numbers) or edges[0] == pytest.approx(min(numbers))
        below = sum(sum(c for e, c in zip(edges, bars) if e < 0.0) for bars in counts.values())
        assert below == sum(x < 0.0 for x in numbers)


@pytest.mark.parametrize(
    ("low", "high", "bins"),
    [(-1.7, 0.0, 10), (-5e-324, 5e-324, 3), (-1e308, 1e308, 4), (1.0, 1.0 + 2**-52, 30)],
)
def test_numbers_are_counted_where_floats_end(low, high, bins):
    edges, counts = plot.histograms(mlp([low, high] + [low] * 11), bins=bins)
    assert [sum(counts[name]) for name in ("layers.0", "layers.1")] == [9, 4]
    assert all(map(math.isfinite, edges))
    assert edges == sorted(edges)


def test_what_is_no_module_is_one_layer():
    class Pair:
        def named_parameters(self):
            return [("a", Value(1.0)), ("b", Value(2.0))]

    assert plot.histograms(Pair(), bins=1) == ([1.0, 2.0], {"model": [2]})


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
