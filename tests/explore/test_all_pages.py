"""The sixteen pages, on a desktop and on a phone: what a reader sees after every kind of move."""

from functools import cache
from pathlib import Path

import pytest
from helpers.explored import PAGES

import micrograd_like.functional as F
from micrograd_like import MLP, Value
from micrograd_like.explore import explore
from micrograd_like.explore.layout import layout

SIZES = {"desktop": (1400, 900), "phone": (390, 844)}
MOVES = (Path(__file__).parents[1] / "helpers" / "moves.js").read_text("utf-8")
page = cache(lambda name: PAGES[name]())
OFTEN = ["neuron", "4 samples", "nan", "training", "digits", "chain of 30"]


@pytest.fixture
def shown(browser):
    """Shows a page on a screen of a size; afterwards the window is as it was."""

    def show(explorer, size="desktop"):
        width, height = SIZES[size]
        browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                    deviceScaleFactor=1, mobile=size == "phone")  # fmt: skip
        browser.show(explorer)
        return browser

    yield show
    browser.cdp("Emulation.clearDeviceMetricsOverride")


def walked(browser, moves):
    """How many moves were made, and what was found wrong: kind, times, the first places."""
    answer = browser._call("/execute/sync", {"script": MOVES, "args": [moves]})
    assert answer["asked"] > moves
    return answer["found"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OFTEN)
def test_every_move_shows_its_card_and_receivers_legibly(shown, name, size):
    assert walked(shown(page(name), size), moves=8) == {}


@pytest.mark.slow  # a minute
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_every_move_on_every_page_shows_its_card_and_receivers_legibly(shown, name, size):
    assert walked(shown(page(name), size), moves=60) == {}


def test_a_chain_of_2500_opens_on_its_root_and_fit_shows_cards(shown):
    browser = shown(page("chain of 2500"), "phone")
    root = "cards.get(n - 1).g.getBoundingClientRect()"
    box = browser.js(root)
    assert 0 <= box["left"] < box["right"] <= 390
    browser.click("#fit")
    box = browser.js(root)
    assert 0 <= box["left"] < box["right"] <= 390
    assert box["width"] >= 10


def test_from_far_cards_show_their_names_legibly(shown):
    browser = shown(page("readme"))
    browser.press("0")
    assert browser.js("at.k") < 0.6
    sizes = browser.js("[...document.querySelectorAll('.card text')].filter(e => e.getClientRects()"
                       ".length).map(e => [e.textContent, parseFloat(getComputedStyle(e).fontSize) "
                       "* at.k])")  # fmt: skip
    assert {"sum 11", "a"} <= {text for text, _ in sizes}
    assert min(size for _, size in sizes) >= 10
    browser.press("n")
    assert browser.js("cards.get(n - 1).title.style.fontSize") == "13px"


def test_receivers_that_are_far_away_come_beside_the_current_card(shown):
    far = Value(0.5, label="far")
    x = far.tanh()
    for _ in range(30):
        x = x.tanh()
    browser = shown(explore(x * far), "phone")
    browser.press("n")
    assert browser.js("[drawn === whole, shown.map(name).sort().slice(0, 1)]") == [False, ["far"]]
    browser.press("0")
    assert browser.js("drawn === whole")
    browser.press("n")
    assert browser.js("drawn === whole")  # near again


@pytest.mark.parametrize("by", ["button", "key"])
def test_of_many_receivers_a_phone_tells_which_are_shown_and_shows_the_next(shown, by):
    leaves = [Value(0.1 * k, label=f"x{k}") for k in range(16)]
    browser = shown(explore(F.sum(leaves).tanh()), "phone")
    browser.press("n", "n")
    looks = """(() => {
        const frame = graph.getBoundingClientRect(), inside = [...cards].filter(([, {g}]) => {
            const a = g.getBoundingClientRect();
            return a.left >= frame.left - 1 && a.right <= frame.right + 1
                && a.top >= frame.top - 1 && a.bottom <= frame.bottom + 1;
        });
        const sizes = [...$("scene").querySelectorAll("text")].filter(e => e.textContent)
            .map(e => parseFloat(getComputedStyle(e).fontSize) * at.k);
        return [inside.map(([i]) => name(i)), min(...sizes), $("step").textContent];
    })()"""
    told, seen = [], []
    while "Show the first" not in "".join(told):
        names, smallest, said = browser.js(looks)
        assert names.pop() == "sum"  # the current card, and before it what it gives to
        assert smallest >= 10
        count = f"receivers {len(seen) + 1} to {len(seen) + len(names)} of 16"
        seen += names
        assert count in said or (len(names) == 1 and "receiver 16 of 16" in said)
        told.append(said)
        browser.press("r") if by == "key" else browser.click("#more")
    assert seen == [f"x{k}" for k in range(16)]
    assert browser.js(looks)[2] == told[0]  # all around
    browser.press("n")
    assert browser.js("$('more')") is None


# --- names ---


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_batch_folds_from_two_samples_on_and_one_of_them_can_be_chosen(shown, count):
    model = MLP(2, [3, 1], rng=0)
    squares = [(model([0.1 * k, 1.0]) - Value(1.0)) ** 2 for k in range(count)]
    for loss in (F.sum(squares) / count, sum(squares)):
        browser = shown(explore(loss, model=model))
        folded = f"power x {count}"
        assert folded in browser.js("shown.map(name)")
        browser.js("reveal(~groups.findIndex(g => g.name === arguments[0]))", folded)
        browser.press("Enter")
        assert browser.text("#crumbs") == f"graph{folded} sample  of {count}"
        browser.click("#copy")
        browser.press("Up", "Enter")
        assert browser.js("[copy, view === groups.findIndex(g => g.name === arguments[0])]",
                          folded) == [1, True]  # fmt: skip


def test_a_long_rank_wraps_into_a_column_beside():
    placed = layout(31, [(k, 30) for k in range(30)])
    assert sorted(placed["x"]) == [0] * 10 + [1] * 10 + [2] * 10 + [3]


def test_an_operand_that_is_a_sum_stands_in_brackets(shown):
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    difference, product = a - b, a * b
    browser = shown(explore(difference * difference + product / product))
    browser.press("n", "n", "n", "n", "n")
    heads = browser.js("[n - 1, n - 2, n - 3, n - 4, n - 5].map(i => expression(i))")
    assert "(a - b) * (a - b)" in heads
    assert "(a*b) / (a*b)" in heads
    assert "a * b" in heads


def test_what_is_no_batch_is_not_folded(shown):
    assert "x 2" not in "".join(shown(page("neuron")).js("shown.map(name)"))
    model = MLP(2, [3, 2], rng=0)
    assert not [g for g in shown(explore(F.sum(model([0.5, 1.0])), model=model)).js(
        "groups.map(g => g.kind)") if g == "copies"]  # fmt: skip


def test_a_name_twice_in_view_carries_its_layer_or_its_sample(shown):
    browser = shown(page("training"))
    browser.js("enter(groups.findIndex(g => g.name === 'layer 0'))")
    twice = browser.js("[...cards].filter(([i]) => name(i) === 'dot').map(([, c]) => c.mark)")
    assert sorted(twice) == sorted(f"neuron {k}" for k in range(16))


def test_where_the_user_has_a_label_out_no_other_value_is_called_out(shown):
    browser = shown(page("neuron"))
    browser.press("n", "n")
    assert "d total / d" in browser.text("#step")
    assert "out.grad" not in browser.text("#step")


def test_locals_are_names_and_what_is_no_value_is_left_out(shown):
    def program():
        rate, words, model = 0.1, ["a"], MLP(2, [2], rng=0)
        a, b = Value(2.0), Value(-3.0)
        product = a * b
        out = product.tanh() * rate
        return explore(out, names=locals())

    browser = shown(program())
    assert sorted(browser.js("shown.map(name)")) == ["a", "b", "out", "product", "tanh(product)"]


def test_nine_intermediate_values_with_names_are_no_parameters():
    x = Value(0.5)
    named = {"x": x}
    for k in range(12):
        named[f"h{k}"] = x = x.tanh()
    assert "parameters" not in explore(x, names=named).svg


def test_a_constant_is_told_by_its_user_and_is_no_step(shown):
    browser = shown(explore((Value(3.0, label="x") * 0.25 - 1.0).tanh()))
    assert browser.js("shown.map(name)") == ["x", "x*0.25", "difference", "tanh"]
    browser.press("End")
    assert browser.text("#count") == "step 4 / 4"
    browser.press("p")
    assert browser.text("#step h2").endswith("= x * 0.25")
    assert "0.25.grad" not in browser.text("#step")


# --- where nan and inf begin ---


def test_the_first_nan_is_marked_and_named_and_the_flood_behind_it_is_not(shown):
    browser = shown(page("nan"))
    marked = "[...document.querySelectorAll('.begin .name')].map(e => e.textContent)"
    assert browser.js(marked) == ["log(x1)"]
    assert "nan begins at log(x1), where x1 = -2." in browser.text("#step")
    assert browser.js("cards.get(origin.i).label.textContent") == "first nan"


def test_the_step_that_makes_a_gradient_infinite_is_named(shown):
    x = Value(0.0, label="x")
    browser = shown(explore((x * 1.0).sqrt() * Value(2.0, label="k")))
    said = browser.text("#step")
    assert "The gradient is finite up to sqrt (step 3), which gives inf to x*1." in said
    browser.press("n", "n")
    assert browser.js("document.querySelectorAll('.begin').length") == 0  # not yet
    browser.press("n")
    assert browser.js("document.querySelector('.begin .name').textContent") == "sqrt"


def test_a_finite_graph_has_no_such_mark(shown):
    browser = shown(page("neuron"))
    browser.press("End")
    assert browser.js("[origin, document.querySelectorAll('.begin').length]") == [None, 0]


# --- play, transitions, find ---


def test_space_plays_and_pauses(shown):
    browser = shown(page("neuron"))
    browser.press(" ")
    assert browser.text("#play") == "Pause"
    assert browser.js("new Promise(done => setTimeout(() => done(step), 1600))") == 2
    browser.press(" ")
    assert browser.text("#play") == "Play"
    browser.press("End", " ")
    wait = "new Promise(done => setTimeout(() => done($('play').textContent), 800))"
    assert browser.js(wait) == "Play"  # there is no step more


@pytest.mark.parametrize(("motion", "moving"), [("no-preference", 1), ("reduce", 0)])
def test_another_view_fades_in_unless_less_motion_is_wanted(shown, motion, moving):
    browser = shown(page("4 samples"))
    feature = {"name": "prefers-reduced-motion", "value": motion}
    browser.cdp("Emulation.setEmulatedMedia", features=[feature])
    assert browser.js("(enter(1), $('scene').getAnimations().length)") == moving


def test_on_a_phone_the_chain_rule_is_seen_without_scrolling_and_before_the_training(shown):
    browser = shown(page("training"), "phone")
    browser.press("n", "n")
    top = "document.querySelector(arguments[0]).getBoundingClientRect().top"
    assert browser.js(top, "#step .sum") < browser.js(top, "footer")
    assert browser.js(top, "#step") < browser.js(top, "#training")


# --- training ---


@pytest.mark.parametrize("size", SIZES)
def test_the_training_panel_has_axes_numbers_a_legend_and_begins_before_the_first_epoch(
    shown, size
):
    browser = shown(page("training"), size)
    texts = browser.js("[...$('curve').querySelectorAll('text')].map(t => t.textContent)")
    assert {"0", "5", "epoch", "loss"} <= set(texts)
    assert len(texts) == 7  # three losses
    assert browser.js("$('across').textContent").count("x1") == 1
    assert browser.js("$('upward').textContent").count("x2") == 1
    assert "target above 0" in browser.text("#legend")
    browser.press("Home")
    browser.js("$('epoch').focus()")
    browser.press("Home")
    assert browser.text("#when").startswith("before epoch 1, loss ")
    small = """[...$('training').querySelectorAll('text, span, p')].filter(e => e.textContent)
        .map(e => parseFloat(getComputedStyle(e).fontSize) * (e.getScreenCTM?.().a ?? 1))"""
    assert min(browser.js(small)) >= 10


def test_a_click_on_the_curve_goes_to_its_epoch(shown):
    browser = shown(page("training"))
    box = browser.js("$('curve').getBoundingClientRect()")
    for share, epoch in ((0.26, "before"), (0.66, "epoch 3"), (0.95, "epoch 5")):
        browser.pointers(
            "mouse", [(box["left"] + share * box["width"], box["top"] + box["height"] / 2)]
        )
        assert browser.text("#when").startswith(epoch)
    browser.js("$('find').focus()")


def test_positive_and_negative_samples_differ_in_shape_not_only_in_colour(shown):
    browser = shown(page("training"))
    kinds = browser.js("[...$('points').children].map(e => e.tagName + e.getAttribute('class'))")
    assert set(kinds) == {"circlepos", "rectneg"}
