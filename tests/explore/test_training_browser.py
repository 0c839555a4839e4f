"""The samples of a recorded training in its page, in a real headless Chromium."""

import math
import random
import sys
import time

import pytest
from helpers.pages import data_of, trained

import micrograd_like.functional as F
from micrograd_like import MLP, SGD, Value, cross_entropy, hinge_loss, mse_loss
from micrograd_like.draw import Naming
from micrograd_like.engine import topological_order
from micrograd_like.explore import explore
from micrograd_like.explore.graph import Graph
from micrograd_like.explore.leaf import changeable
from micrograd_like.explore.replay import BackwardPass
from micrograd_like.explore.training import by_epoch
from micrograd_like.train import fit

NUMBERS = """[value, value.map((_, i) => total(i))]
    .map(all => all.map(x => x === undefined ? null : full(x)))"""


def history_of(loss, y, widths=(3, 1), activation="relu", epochs=2):
    """A training on eight samples."""
    rng = random.Random(1)
    X = [[rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)] for _ in range(8)]
    model = MLP(2, list(widths), activation=activation, output_activation="linear", rng=0)
    return fit(model, X, y, loss, SGD(model.parameters(), lr=0.3), epochs=epochs, batch_size=4,
               record=1, jit=False, progress=False)  # fmt: skip


SIGNS = [1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0]
ONE_HOT = [[float(y > 0.0), float(y < 0.0)] for y in SIGNS]


def python(record, epoch, k):
    """Values and gradients of sample k's loss after a recorded epoch; epoch 0 is before them."""
    kept = record.model.state_dict()
    record.model.load_state_dict(record.epochs[epoch - 1].state if epoch else record.start)
    try:
        x = [Value(number) for number in record.X[k]]
        root = record.loss(record.model.batch([x]), [record.y[k]])
        walk = BackwardPass(Graph(topological_order(root), Naming()))
    finally:
        record.model.load_state_dict(kept)
    return [walk.values, walk.grads]


def pages(browser):
    texts = browser.js(NUMBERS)
    return [[None if text is None else float(text) for text in part] for part in texts]


def turn_to(browser, epoch, k):
    browser.js(f"turnTo({epoch}, {k})")


@pytest.mark.parametrize(
    ("loss", "y", "widths", "activation", "is_exact"),
    [
        (hinge_loss, SIGNS, (3, 1), "relu", True),
        (mse_loss, [[y] for y in SIGNS], (3, 1), "tanh", False),
        (cross_entropy, ONE_HOT, (3, 2), "tanh", False),  # its largest score is detached
    ],
)
def test_every_sample_has_pythons_numbers_at_every_epoch(
    browser, loss, y, widths, activation, is_exact
):
    record = (history := history_of(loss, y, widths, activation)).recorded
    explorer = explore(history)
    assert len(data_of(explorer)["samples"]["rows"]) == 8
    browser.show(explorer)
    for epoch in range(3):
        for k in range(8):
            turn_to(browser, epoch, k)
            ours, theirs = pages(browser), python(record, epoch, k)
            if is_exact or k == 0:
                assert repr(ours) == repr(theirs)
            pairs = [pair for parts in zip(ours, theirs) for pair in zip(*parts)]
            most = 1e-13 * max(abs(x) for x in theirs[0])
            assert all(a == b or abs(a - b) <= most for a, b in pairs)
            told = float(browser.text("#lost").split()[-1])
            assert told == pytest.approx(theirs[0][-1], rel=1e-4)
            named = browser.js("[...unnamed].every(i => D.name[i] === fmt(value[i]))")
            assert named  # what has no name is called by its number


def test_a_sample_is_chosen_by_a_click_and_by_keys_and_stays(browser):
    record = (history := history_of(hinge_loss, SIGNS)).recorded
    points = data_of(explorer := explore(history))["points"]
    browser.show(explorer)
    chosen = "[$('sample').value, $('points').querySelectorAll('[aria-current]').length, epoch]"
    assert browser.js(chosen) == ["1", 1, 2]
    box = browser.js("$('square').getBoundingClientRect()")
    x, y = (box[side] + share * box[size] / 100 for side, size, share in
            (("x", "width", points[4][0]), ("y", "height", points[4][1])))  # fmt: skip
    browser.pointers("mouse", [(x, y)])
    assert browser.js(chosen) == ["5", 1, 2]
    assert "sample 5" in browser.js("$('points').ariaLabel")
    browser.js("$('sample').focus()")
    browser.press("Up", "Up", "Down", "Up")
    assert browser.js(chosen) == ["7", 1, 2]
    browser.press("n", "o")  # letters in a field of numbers are no commands
    assert browser.js("step") == 0
    browser.js("$('epoch').focus()")
    browser.press("Left")
    assert browser.js(chosen) == ["7", 1, 1]
    browser.press("n")
    assert browser.js("step") == 1
    time.sleep(0.1)  # the address is written a little later
    browser.js("location.reload()")
    assert browser.js(chosen) == ["7", 1, 1]
    assert repr(pages(browser)) == repr(python(record, 1, 6))
    for typed, shown in (("99", "8"), ("0", "1"), ("", "1")):
        browser.js("($('sample').focus(), $('sample').select())")
        browser.press(*typed or ["\ue003"], "Enter")
        assert browser.js("$('sample').value") == shown


def test_a_leaf_is_changed_at_every_epoch_and_sample_and_is_as_it_was_there(browser):
    record = (history := history_of(hinge_loss, SIGNS)).recorded
    browser.show(explore(history))
    for epoch, k in ((0, 0), (1, 3), (2, 0), (2, 5)):
        turn_to(browser, epoch, k)
        before = python(record, epoch, k)
        i = browser.js("inputs.findIndex((_, i) => name(i) === 'x1')")
        browser.js("reveal(arguments[0], true)", i)
        assert browser.js("+$('number').value") == record.X[k][0]
        browser.js("graph.focus()")
        browser.press("Enter", *"0.25", "Enter")
        kept, record.X[k] = record.X[k], [0.25, record.X[k][1]]
        assert repr(pages(browser)) == repr(python(record, epoch, k))
        record.X[k] = kept
        browser.click("#asitwas")
        assert repr(pages(browser)) == repr(before)
    browser.js("change(arguments[0], 0.5)", i)
    turn_to(browser, 1, 5)  # begins as Python recorded it
    assert repr(pages(browser)) == repr(python(record, 1, 5))


def test_where_the_graphs_differ_the_page_says_so_and_shows_the_first(browser):
    classes = [int(y > 0.0) for y in SIGNS]
    browser.show(explore(history := history_of(cross_entropy, classes, (3, 2))))
    assert browser.js("[$('which'), $('lost')].every(e => e.hidden)")
    legend = browser.text("#legend")
    assert "Only the graph of sample 1 is shown: sample 2 has another graph, since the" in legend
    assert legend.endswith("every target is a list of probabilities).")
    x, y = browser.middle("#square")
    browser.pointers("mouse", [(x, y)])
    assert repr(pages(browser)) == repr(python(history.recorded, 2, 0))


def test_epochs_with_another_graph_are_left_out(browser):
    history = history_of(hinge_loss, SIGNS, epochs=3)
    model, last = history.recorded.model, history.recorded.epochs[-1].state

    def branches(outs, targets):  # another loss before the last epoch
        return outs[0] * targets[0] if model.state_dict() == last else outs[0].exp()

    history.recorded.loss = branches
    browser.show(explore(history))
    assert browser.js("D.epochs.map(row => row.epoch)") == [3]
    assert "Left out: epochs whose graph is another one (3)." in browser.text("#legend")
    assert repr(pages(browser)) == repr(python(history.recorded, 3, 0))


def test_of_many_samples_the_first_500_can_be_chosen(monkeypatch):
    monkeypatch.setattr(sys.modules[by_epoch.__module__], "_MOST", 5)
    data = data_of(explore(history := history_of(hinge_loss, SIGNS)))
    assert len(data["samples"]["rows"]) == 5
    assert len(data["points"]) == 8
    n_values = len(data["op"])
    monkeypatch.setattr(sys.modules[by_epoch.__module__], "_MOST_VALUES", 3 * 2 * n_values + 1)
    assert len(data_of(explore(history))["samples"]["rows"]) == 2


def test_a_graph_that_the_page_cannot_compute_shows_one_sample(monkeypatch):
    monkeypatch.setattr(sys.modules[changeable.__module__], "_MOST", 10)
    data = data_of(explore(history_of(hinge_loss, SIGNS)))
    assert "the page computes at most 10 anew" in data["one"]
    assert "samples" not in data


def test_targets_of_nan_and_infinity_are_samples_too(browser):
    history = history_of(mse_loss, [[y] for y in SIGNS])
    record = history.recorded
    record.loss = lambda outs, targets: F.sum([o * t for o, t in zip(outs, targets)])
    record.y = [1.0, math.nan, math.inf, -0.0, 0.0, *SIGNS[5:]]
    browser.show(explore(history))
    for k in range(1, 5):
        turn_to(browser, 2, k)
        assert repr(pages(browser)) == repr(python(record, 2, k))


def test_the_choice_is_usable_on_a_phone_and_has_a_name(browser):
    history = trained(epochs=1, widths=(4, 1))
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.cdp("Emulation.setDeviceMetricsOverride", **size)
    try:
        browser.show(explore(history))
        browser.js("$('sample').scrollIntoView({block: 'center'})")
        box = browser.js("$('sample').getBoundingClientRect()")
        assert box["left"] >= 0
        assert box["right"] <= 390
        assert browser.js("document.documentElement.scrollWidth") <= 390
        name = browser.js("document.querySelector('#sample').ariaLabel")
        assert name == "Sample of the graph"
        browser.js("$('square').scrollIntoView({block: 'center'})")
        points = browser.js("D.points")
        box = browser.js("$('square').getBoundingClientRect()")
        x, y = (box[side] + share * box["width"] / 100 for side, share in
                (("x", points[7][0]), ("y", points[7][1])))  # fmt: skip
        browser.pointers("touch", [(x, y)])
        assert browser.js("$('sample').value") == "8"
    finally:
        browser.cdp("Emulation.clearDeviceMetricsOverride")
