"""From the training to the explorer's page of a sample's graph and back, in a real Chromium."""

import random

import pytest
from helpers.browser import wait_for

from micrograd_like import MLP, SGD, cross_entropy, hinge_loss, mse_loss, playground
from micrograd_like.engine import assign, grad

RNG = random.Random(5)
X = [[RNG.uniform(-2.0, 2.0), RNG.uniform(-2.0, 2.0)] for _ in range(12)]
KINDS = {  # loss, widths, target of a sample
    "sign": (hinge_loss, [8, 8, 1], lambda a, b: 1 if a * b > 0.0 else -1),
    "scores": (cross_entropy, [6, 3], lambda a, b: int(a > 0.0) + int(b > 0.0)),
    "number": (mse_loss, [5, 1], lambda a, b: a - 0.3 * b * b),
}
# Of sample i: its numbers, the parameters, and what the playground says: loss and gradients.
SAID = """(i => [rowOf(i), [...training.now.params], said(i).loss,
    [...gradients(training.now.params, samples.columns, [i], 0, 1).grads]])(arguments[0])"""
# The same in the explorer; a Value that nothing reaches has no gradient.
EXPLORED = """(k => [D.leaves.slice(0, k).map(i => value[i]), D.leaves.slice(k).map(i => value[i]),
    value[n - 1], D.leaves.slice(k).map(i => total(i) ?? 0)])(arguments[0])"""


def made(kind):
    loss, widths, target = KINDS[kind]
    model = MLP(2, widths, output_activation="linear", rng=2)
    y = [target(*row) for row in X]
    return model, playground(model, X, y, loss, SGD(model.parameters(), lr=0.1))


@pytest.fixture(scope="module")
def page():
    return made("sign")[1]


def open_explorer(browser):
    """By its key; what follows is asked of the explorer."""
    browser.press("x")
    wait_for(browser, "document.activeElement === $('guest').firstChild")
    browser.inside(0)
    wait_for(browser, "step > 0")


def close_explorer(browser, key="Escape"):
    browser.press(key)
    browser.inside(None)
    wait_for(browser, "!$('bridge').open && document.hasFocus()")
    browser.wait_for_a_frame()  # keys go to this page again


@pytest.mark.parametrize("kind", KINDS)
def test_the_explorer_has_the_numbers_of_this_sample_at_this_moment(browser, kind):
    model, page = made(kind)
    browser.show(page)
    assert browser.js("data.kind") == kind
    browser.js("(() => { for (let i = 0; i < 30; i++) step(); selectNeuron(network.columns[1][2]); "
               "$('map').focus(); })()")  # fmt: skip
    browser.press("]", "]", "]", "Right", "Up")  # sample 2, moved
    browser.press("a")  # and one that was added
    for i in (0, 2, 12):
        browser.js("(view.sample = arguments[0], draw())", i)
        row, params, loss, slopes = browser.js(SAID, i)
        title = f"Sample {i}, neuron 2 of layer 0, step 30"
        bias = browser.js("width + data.columns[0].neurons[2].at(-1)")
        open_explorer(browser)
        ours = browser.js(EXPLORED, len(row))
        assert ours[:2] == [row, params]  # all of them are in the graph
        assert abs(ours[2] - loss) <= 4e-16 * max(1.0, abs(loss))
        largest = max(map(abs, slopes))
        assert max(abs(a - b) for a, b in zip(ours[3], slopes)) <= 4e-16 * max(1.0, largest)
        python_loss, python_slopes = python(model, kind, row, params)
        assert abs(ours[2] - python_loss) <= 1e-12 * max(1.0, abs(loss))
        assert max(abs(a - b) for a, b in zip(ours[3], python_slopes)) <= 1e-12 * max(1.0, largest)
        assert browser.js("inputs[n - step].includes(D.leaves[arguments[0]])", bias)
        assert ".grad = 0 + " in browser.text("#step")
        assert browser.js("D.notes") == {}
        close_explorer(browser)
        assert browser.text("#bridge-name") == title
    assert browser.js("[training.now.steps, document.activeElement.id]") == [30, "map"]


def python(model, kind, row, params):
    """The loss of one sample with these parameters, and its gradients."""
    own = model.parameters()
    before = [p.data for p in own]
    assign(own, data=params)
    cost = KINDS[kind][0](model.batch([row[:2]]), row[2:])
    slopes = grad(cost, own)
    assign(own, data=before)
    return cost.data, slopes


def test_it_is_opened_and_left_by_buttons_and_keys_and_training_waits(browser, page):
    browser.show(page)
    assert browser.js("[$('explore').disabled, $('explore').title]") == [
        True, "Select a sample first to see its graph."]  # fmt: skip
    browser.press("x")
    assert browser.text("#message").startswith("Select a sample first")
    browser.js("$('map').focus()")
    browser.press("]", "]", " ")
    wait_for(browser, "training.now.steps > 3")
    browser.click("#explore")
    wait_for(browser, "$('guest').firstChild && document.activeElement.tagName === 'IFRAME'")
    steps = browser.js("training.now.steps")
    assert browser.text("#play") == "Play"
    assert browser.js("$('bridge-name').textContent") == f"Sample 1, step {steps}"
    assert browser.js("$('guest').firstChild.title") == f"Sample 1, step {steps}"
    browser.js("window.postMessage('back', '*')")  # not from the explorer
    browser.inside(0)
    wait_for(browser, "step === 1")  # no neuron: the root's step
    assert browser.js("document.activeElement.id") == "graph"
    browser.js("window.postMessage({numbers: D.leaves.map(() => 0), place: 0}, '*')")  # not from
    browser.wait_for_a_frame()  # the page that holds it
    assert browser.js("[step, value[D.leaves[0]]]") == [1, X[1][0]]
    browser.press("n", "n")
    assert browser.js("step > 2")
    browser.js("enter(D.home.findIndex(g => g > 0) >= 0 ? D.home.find(g => g > 0) : 0)")
    group = browser.js("view")
    browser.press("Backspace")
    assert browser.js("view") == browser.js("groups[arguments[0]].parent", group)
    browser.press("?", "Escape")  # of its help only
    assert not browser.js("$('help').open")
    browser.inside(None)
    assert browser.js("$('bridge').open")
    browser.js("document.querySelector('#bridge button').focus()")
    browser.press("n")  # no step of the training
    assert browser.js("training.now.steps") == steps
    browser.press("Enter")
    wait_for(browser, "!$('bridge').open")
    assert browser.js("document.activeElement.id") == "explore"
    wait_for(browser, "!$('guest').firstChild")
    assert browser.js("[frame.playing, training.now.steps]") == [False, steps]


def test_on_a_phone_the_explorer_fills_the_screen(browser, page):
    browser.cdp("Emulation.setDeviceMetricsOverride", width=390, height=844,
                deviceScaleFactor=1, mobile=True)  # fmt: skip
    browser.show(page)
    browser.js("(view.sample = 3, selectNeuron(network.columns[2][1]))")
    open_explorer(browser)
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.js("innerWidth") == 390
    assert browser.js("$('graph').getBoundingClientRect().height") > 200
    browser.inside(None)
    tree = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    named = {n["role"]["value"]: n["name"]["value"] for n in tree if n.get("name")}
    title = "Sample 3, neuron 1 of layer 1, step 0"
    assert named["dialog"] == named["Iframe"] == named["heading"] == title
    box = browser.js("$('bridge').getBoundingClientRect()")
    assert [box[k] for k in ("x", "y", "width", "height")] == [0, 0, 390, 844]
    assert browser.js("document.querySelector('#bridge button').offsetHeight") >= 44
    browser.click("#bridge button")
    wait_for(browser, "!$('bridge').open")


def test_a_page_without_the_explorer_says_why(browser, page):
    browser.show(page)
    browser.js("(data.why = 'Too large.', view.sample = 0, draw())")
    assert browser.js("[$('explore').disabled, $('explore').title]") == [True, "Too large."]
    browser.press("x")
    assert browser.text("#message") == "Too large."
    assert not browser.js("$('bridge').open")


def test_all_neurons_of_a_wide_layer_are_reached(browser):
    model = MLP(2, [40, 1], output_activation="linear", rng=0)
    page = playground(model, X, [1, -1] * 6, hinge_loss, SGD)
    browser.show(page)
    tag = "network.columns[1].tag"
    shown = f"[{tag}.textContent, network.columns[1].map(u => u.row)]"
    assert browser.js(shown) == ["layer 0 \u00b7 tanh\n0\u201315 of 40 \u25b8", list(range(16))]
    seen = []
    for first in (16, 24, 0):
        browser.js(f"{tag}.focus()")
        browser.press("Enter")
        assert browser.js(shown)[1] == list(range(first, first + 16))
        if first:
            browser.js("(view.sample = 0, selectNeuron(network.columns[1][15]))")
            seen.append(browser.js("nameOfUnit(view.neuron)"))
            weights = browser.js("[...document.querySelectorAll('#table tr')].map(r => "
                                 "r.cells[1].textContent)")[1:]  # fmt: skip
            neuron = model.layers[0].neurons[first + 15]
            wanted = [neuron.b, *neuron.w]
            assert [float(x) for x in weights] == pytest.approx([p.data for p in wanted])
            now = browser.js("[activations(0)[1][arguments[0]], view.neuron.output]", first + 15)
            assert now[1] == first + 15
    assert seen == ["neuron 31 of layer 0", "neuron 39 of layer 0"]
    assert browser.js("view.neuron") is None  # it is no longer in view
    browser.js("selectNeuron(unitAt(1, 39))")
    browser.click("#link")
    browser.show(page, browser.js("location.hash"))
    assert browser.js("[view.neuron.row, network.columns[1][0].row]") == [39, 24]
