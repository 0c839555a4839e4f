"""The playground's page in a real headless Chromium, driven by real keys, mouse and fingers."""

import json
import math
import random
import time

import pytest
from helpers.browser import wait_for
from helpers.pages import HOSTILE

import micrograd_like.optim as optim
from micrograd_like import (
    MLP,
    SGD,
    Adam,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    nn,
    playground,
)
from micrograd_like.engine import assign, grad
from micrograd_like.nn import ACTIVATIONS
from micrograd_like.train import fit

STATE = (
    "[training.now.steps, [...training.now.params], training.now.kept.map(c => [...c]), "
    "training.losses.length, rowOf(0), samples.count]"
)
PLACE = """(i => {  // of a sample on the screen
    const box = $("map").getBoundingClientRect(), at = placesOn({w: box.width, h: box.height});
    return [box.x + at.x(samples.columns[0][i]), box.y + at.y(samples.columns[1][i])];
})"""
CELLS = "[...document.querySelectorAll('#table tr')].slice(1).map(r => [...r.cells].map(textOf))"
CELLS = f"(textOf => {CELLS})(cell => cell.textContent)"
BUTTONS = "[...document.querySelectorAll('button:not(.neuron),select')].filter(b => b.clientWidth)"
CONTRAST = """(() => {  // WCAG 2.2: the least of all texts on all papers
    const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) =>
        0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const two = (a, b) => {
        const [x, y] = [light(rgb(a)), light(rgb(b))].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05);
    };
    const texts = ["--ink", "--muted", "--warn", "--now"];
    return Math.min(...texts.flatMap(text => [two(text, "--bg"), two(text, "--side")]));
})()"""
LOSSES = {"hinge_loss": hinge_loss, "mse_loss": mse_loss, "l1_loss": l1_loss,
          "huber_loss": huber_loss, "cross_entropy": cross_entropy,
          "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits}  # fmt: skip
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.005, eps=1e-4),
    "centered": lambda p: optim.RMSprop(p, lr=0.005, momentum=0.5, centered=True, eps=1e-4),
    "Adam": lambda p: optim.Adam(p, lr=0.01, eps=1e-4),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01, eps=1e-4),
}
SPREAD = [
    ("SGD", "tanh", "hinge_loss"),
    ("nesterov", "gelu", "mse_loss"),
    ("Adam", "silu", "cross_entropy"),
    ("RMSprop", "sigmoid", "huber_loss"),
    ("AdamW", "elu", "binary_cross_entropy_with_logits"),
    ("momentum", "sin", "l1_loss"),
]
EVERY = [(o, "tanh", "mse_loss") for o in OPTIMIZERS]
EVERY += [("SGD", a, "mse_loss") for a in ACTIVATIONS] + [("SGD", "tanh", loss) for loss in LOSSES]


def points(count, seed=0):
    rng = random.Random(seed)
    return [[rng.uniform(-2.0, 2.0), rng.uniform(-2.0, 2.0)] for _ in range(count)]


def targets(X, loss):
    low = {"hinge_loss": -1, "mse_loss": -1, "l1_loss": -1, "huber_loss": -1}.get(loss, 0)
    return [1 if a * b > 0.0 else low for a, b in X]


def in_python(model, X, y, loss, optimizer, steps):
    losses, params = [], optimizer.params
    for _ in range(steps):
        cost = loss(model.batch(X), y)
        losses.append(cost.data)
        assign(params, grad=grad(cost, params))
        optimizer.step()
    return losses


def compared(browser, optimizer, activation, loss, steps=100):
    """The largest relative difference of the losses, page and Python."""
    X = points(24)
    y = targets(X, loss)
    widths = [6, 2 if loss == "cross_entropy" else 1]
    model = MLP(2, widths, activation=activation, output_activation="linear", rng=3)
    own = OPTIMIZERS[optimizer](model.parameters())
    in_python(model, X, y, LOSSES[loss], own, 3)  # it goes on from where it is
    browser.show(playground(model, X, y, LOSSES[loss], own))
    found = browser.js(f"(() => {{ for (let i = 0; i < {steps}; i++) step(); "
                       "return training.losses; })()")  # fmt: skip
    wanted = in_python(model, X, y, LOSSES[loss], own, steps)
    assert len(found) == steps
    assert min(wanted) < wanted[0]  # it learns
    return max(abs(a - b) / abs(b) for a, b in zip(found, wanted))


@pytest.mark.parametrize(("optimizer", "activation", "loss"), SPREAD)
def test_the_losses_of_100_steps_are_pythons(browser, optimizer, activation, loss):
    assert compared(browser, optimizer, activation, loss) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "activation", "loss"), EVERY)
def test_all_of_the_library_trains_as_in_python(browser, optimizer, activation, loss):
    assert compared(browser, optimizer, activation, loss) < 1e-12


def moons(widths=(8, 8, 1), count=60, optimizer=SGD, lr=0.2, **given):
    X = points(count)
    model = MLP(2, list(widths), output_activation="linear", rng=1)
    y = targets(X, "hinge_loss")
    return playground(model, X, y, hinge_loss, optimizer(model.parameters(), lr=lr), **given)


@pytest.fixture(scope="module")
def page():
    return moons(optimizer=Adam, lr=0.01)


def test_the_page_compares_itself_with_python(browser, page):
    browser.show(page)
    wait_for(browser, "!$('check').textContent.startsWith('comparing')")
    text = browser.text("#check")
    assert text.startswith("Equal to Python: 20 of 20 steps, largest difference ")
    assert float(text.split()[-1].rstrip(".")) < 1e-12


def test_the_page_says_where_it_is_not_python(browser, page):
    browser.show(page)
    browser.js("(data.check[1] = packed(unpacked(data.check[1]).map((x, i) => i === 7 ? x + 1e-6 "
               ": x)), showComparison())")  # fmt: skip
    assert browser.text("#check").startswith("Not equal to Python: at step 7 the loss is ")
    assert "warn" in browser.js("$('check').className")


def test_back_undoes_steps_exactly_and_reset_all(browser, page):
    browser.show(page)
    states = [browser.js(STATE)]
    for _ in range(4):
        browser.click("#step")
        states.append(browser.js(STATE))
    assert len({json.dumps(s[1]) for s in states}) == 5
    for state in states[3::-1]:
        browser.press("b")
        assert browser.js(STATE) == state
    assert browser.js("$('back').disabled")
    browser.js("(() => { for (let i = 0; i < 230; i++) step(); })()")
    browser.js("(() => { while (back()); })()")
    assert browser.js("training.now.steps") == 30  # the last 200 are kept
    browser.press("r")
    assert browser.js(STATE) == states[0]


def test_play_goes_on_until_it_is_paused(browser, page):
    browser.show(page)
    browser.press(" ")
    wait_for(browser, "training.now.steps > 20")
    assert browser.text("#play") == "Pause"
    browser.press(" ")
    steps = browser.js("training.now.steps")
    time.sleep(0.2)
    assert browser.js("training.now.steps") == steps
    assert browser.text("#play") == "Play"
    assert f"at step {steps - 1}" in browser.text("#loss")


def test_a_mini_batch_sees_every_sample_once_an_epoch_and_the_same_again(browser, page):
    browser.show(page)
    browser.js("settings.batch = 16")
    seen = browser.js(
        "[0, 1, 2, 3].map(k => { const [o, at, n] = batchOf(k); return [...o.slice(at, at + n)]; })"
    )
    assert sorted(i for some in seen for i in some) == list(range(60))
    assert browser.js("[...batchOf(4)[0]]") != browser.js("[...batchOf(0)[0]]")
    assert browser.js("[...batchOf(4)[0]]") == browser.js("[...batchOf(5)[0]]")


def test_held_out_samples_are_not_learnt_from(browser, page):
    browser.show(page)
    browser.js("($('held').value = 5, $('held').dispatchEvent(new Event('input')))")
    assert browser.js("batchOf(0)[0].length") == 48
    browser.click("#step")
    assert "held out" in browser.text("#loss")
    assert "hollow" in browser.text("#legend")


def test_a_link_restores_the_state_in_a_new_window(browser, page):
    browser.show(page)
    browser.js("(() => { for (let i = 0; i < 7; i++) step(); settings.rate = 0.005; "
               "settings.batch = 16; settings.held = 5; "
               "view.neuron = network.columns[1][2]; })()")  # fmt: skip
    browser.js("(samples.columns[0][0] = 1.25, samples.edited = true, view.sample = 5)")
    browser.click("#link")
    shown = "[STATE, settings, view.sample, nameOfUnit(view.neuron)]".replace("STATE", STATE)
    before, hash = browser.js(shown), browser.js("location.hash")
    browser.show(page, hash)
    after = browser.js(shown)
    before[0][3] = 0  # the curve begins anew
    assert after == before
    browser.click("#step")
    assert browser.js("training.now.steps") == 8


@pytest.mark.parametrize("hash", ["#nonsense", "#step=1&w=AAAA", "#step=-1", "#" + "w" * 3000])
def test_a_wrong_link_is_told_and_changes_nothing(browser, page, hash):
    browser.show(page)
    before = browser.js(STATE)
    browser.show(page, hash)
    assert "not one of this page" in browser.text("#message")
    assert browser.js(STATE) == before


def test_samples_are_dragged_changed_added_and_removed(browser, page):
    browser.show(page)
    x, y = browser.js(f"{PLACE}(3)")
    near = browser.js("pointed({clientX: arguments[0], clientY: arguments[1]}, 12).near", x, y)
    row = browser.js("rowOf(arguments[0])", near)
    browser.pointers("mouse", [(x, y), (x + 30, y - 20)])
    moved = browser.js("rowOf(arguments[0])", near)
    assert moved[0] > row[0]
    assert moved[1] > row[1]
    assert browser.js("samples.edited")  # a link has it
    assert f"Sample {near}" in browser.text("#words")
    x, y = browser.js(f"{PLACE}({near})")
    browser.pointers("mouse", [(x, y)], times=2)
    assert browser.js("targetOf(arguments[0])", near) == -row[2]
    browser.click("#add")
    assert browser.js("samples.count") == 61
    browser.click("#remove")
    assert browser.js("samples.count") == 60
    browser.press("r")
    assert browser.js("rowOf(arguments[0])", near) == row


def test_a_finger_drags_a_sample(browser, page):
    browser.show(page)
    x, y = browser.js(f"{PLACE}(3)")
    near = browser.js("pointed({clientX: arguments[0], clientY: arguments[1]}, 22).near", x, y)
    row = browser.js("rowOf(arguments[0])", near)
    browser.pointers("touch", [(x, y), (x - 10, y), (x - 30, y)])
    assert browser.js("rowOf(arguments[0])", near)[0] < row[0]


def test_the_picture_is_saved(browser, page):
    browser.show(page)
    file = browser.folder / "playground.png"
    browser.click("#save")
    for _ in range(100):
        if file.exists():
            break
        time.sleep(0.05)
    assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_all_of_it_can_be_done_by_keys(browser, page):
    browser.show(page)
    browser.js("$('map').focus()")
    browser.press("]", "]")
    assert browser.js("view.sample") == 1
    row = browser.js("rowOf(1)")
    browser.press("Right", "Up", "c")
    moved = browser.js("rowOf(1)")
    assert (moved[0] > row[0], moved[1] > row[1], moved[2]) == (True, True, -row[2])
    browser.press("a")
    assert browser.js("samples.count") == 61
    browser.js("network.columns[0][0].button.focus()")
    browser.press("Right", "Down", "Enter")
    assert browser.js("[view.neuron.column, view.neuron.row]") == [
        1, browser.js("network.columns[1].indexOf(view.neuron)")]  # fmt: skip
    assert "of layer 0 = tanh(" in browser.text("#words")
    assert browser.js("network.columns.flat().filter(u => u.button.tabIndex === 0).length") == 1
    browser.press("?")
    assert not browser.js("$('keys').hidden")
    browser.js("document.activeElement.blur()")
    browser.press("n")
    assert browser.js("training.now.steps") == 1


def test_the_next_values_of_a_neuron_are_those_that_a_step_gives(browser, page):
    browser.show(page)
    browser.js("(view.sample = 2, selectNeuron(network.columns[2][1]))")
    rows = browser.js(CELLS)
    assert [row[0] for row in rows] == ["b", *[f"w{k}" for k in range(8)]]
    browser.click("#step")
    assert [row[1] for row in browser.js(CELLS)] == [row[-1] for row in rows]
    assert "tanh(b + w0*h0 + w1*h1" in browser.text("#words")
    numbers = browser.js("activations(2)")
    params, places = (
        browser.js("[...training.now.params]"),
        browser.js("data.columns[1].neurons[1]"),
    )
    total = params[places[-1]] + sum(params[p] * h for p, h in zip(places, numbers[1]))
    assert abs(math.tanh(total) - numbers[2][1]) < 1e-15


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_or_unreadable(browser, page, width, scheme):
    browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=850,
                deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
    browser.cdp("Emulation.setEmulatedMedia", features=[
        {"name": "prefers-color-scheme", "value": scheme}])  # fmt: skip
    browser.show(page)
    browser.js("(view.sample = 2, selectNeuron(network.columns[2][1]))")
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.js(
        "network.columns.flat().every(u => u.x > 0 && u.x < $('columns').clientWidth)"
    )
    if width < 500:
        assert (
            browser.js(f"Math.min(...{BUTTONS}.map(b => b.getBoundingClientRect().height))") >= 44
        )
    assert browser.js(CONTRAST) >= 4.5


def test_a_screen_reader_hears_a_name_for_everything(browser, page):
    browser.show(page)
    browser.js("(view.sample = 2, selectNeuron(network.columns[2][1]))")
    browser.cdp("Accessibility.enable")
    nodes = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "combobox", "application", "region", "image", "img"}
    found = [n for n in nodes if n.get("role", {}).get("value") in roles and not n.get("ignored")]
    assert len(found) > 30
    assert [n["role"]["value"] for n in found if not n["name"]["value"]] == []
    assert browser.js("$('map').getAttribute('aria-label')").endswith(
        "target " + browser.js("short(targetOf(2))"))  # fmt: skip


def test_reduced_motion_draws_seldom(browser, page):
    browser.cdp("Emulation.setEmulatedMedia", features=[
        {"name": "prefers-reduced-motion", "value": "reduce"}])  # fmt: skip
    browser.show(page)
    browser.js("(window.drawn = 0, window.own = drawMap, drawMap = () => { drawn++; own(); })")
    browser.press(" ")
    time.sleep(1.2)
    browser.press(" ")
    assert 1 <= browser.js("drawn") <= 5


def test_a_loss_that_is_not_finite_stops_with_a_sentence(browser):
    X = points(10)
    model = MLP(2, [4, 1], output_activation="linear", rng=0)
    page = playground(model, X, [5.0 * a for a, _ in X], mse_loss, SGD(model.parameters(), lr=0.1))
    browser.show(page)
    browser.js("settings.rate = 1e9")
    browser.press(" ")
    wait_for(browser, "training.stopped && !frame.playing")
    assert "smaller learning rate" in browser.text("#message")
    steps = browser.js("training.now.steps")
    browser.press("b")
    assert browser.js("training.now.steps") == steps - 1


def test_hostile_titles_and_names_are_text(browser):
    title, names = " ".join(HOSTILE[:-1]), [HOSTILE[0], "<!--data-->"]
    page = moons([2, 1], title=title, names=names, classes=["<b>x</b>", "</script>"])
    assert page.page.isascii() or page.save(browser.folder / "hostile.html")
    browser.show(page)
    assert browser.js("window.hacked") is None
    assert browser.js("data.names") == names
    assert "<b>x</b>" in browser.text("#legend")
    browser.js("(view.sample = 0, draw())")
    assert browser.text("#words").count(names[0]) == 1
    assert "</script>" in browser.text("h1")
    assert browser.js("document.querySelectorAll('h1 *').length") == 0


def test_a_history_four_classes_three_inputs_one_input_and_no_layers_have_pages(browser):
    rng = random.Random(0)
    rows = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(20)]
    classes = [i % 4 for i in range(20)]
    model = nn.Sequential(nn.Linear(3, 5, rng=0), nn.Activation("relu"), nn.Linear(5, 4, rng=0))
    optimizer = Adam(model.parameters(), lr=0.01)
    history = fit(model, rows, classes, cross_entropy, optimizer, epochs=4, progress=False)
    browser.show(playground(model, rows, classes, cross_entropy, optimizer, history=history))
    assert browser.js("[$('axes').hidden, $('across').length, data.columns.length]") == [
        False,
        3,
        2,
    ]
    browser.js("($('up').value = 2, $('up').dispatchEvent(new Event('input')))")
    assert browser.js("view.axes") == [0, 2]
    assert browser.text("#legend").count("class") == 4
    browser.press("n")
    one = [row[:1] for row in rows]
    line = MLP(1, [3, 1], rng=0)
    browser.show(playground(line, one, [math.sin(x) for (x,) in one], mse_loss, SGD))
    browser.js("$('map').focus()")
    browser.press("]", "Up", "n")
    assert browser.js("[samples.edited, training.now.steps]") == [True, 1]
    conv = nn.Sequential(nn.Conv2d(1, 1, 2, rng=0), nn.Flatten(), nn.Linear(4, 1, rng=0))
    images = [[[[rng.random() for _ in range(3)] for _ in range(3)]] for _ in range(6)]
    browser.show(playground(conv, images, [1, -1] * 3, hinge_loss, SGD))
    assert "no row of layers" in browser.text("#columns")
    browser.press("n")
    assert browser.js("training.now.steps") == 1


def test_it_makes_200_steps_a_second_while_drawing(browser):
    browser.show(moons([8, 8, 1], 200))
    browser.js("($('speed').value = 20, $('speed').dispatchEvent(new Event('input')))")
    browser.press(" ")
    time.sleep(0.5)
    before, start = browser.js("[training.now.steps, performance.now()]")
    time.sleep(2.0)
    after, end = browser.js("[training.now.steps, performance.now()]")
    browser.press(" ")
    assert (after - before) / (end - start) * 1000 >= 200
