"""A leaf that is changed in the page: all numbers anew, in a real headless Chromium."""

import math
import time

import pytest
from helpers.pages import chain, data_of, samples
from helpers.programs import build, random_program

import micrograd_like.functional as F
from micrograd_like import MLP, Value, micrograd
from micrograd_like.draw import Naming
from micrograd_like.engine import apply, topological_order
from micrograd_like.explore import explore
from micrograd_like.explore.graph import Graph
from micrograd_like.explore.replay import BackwardPass
from micrograd_like.ops import OPS

NUMBERS = """[value.map(full), value.map((_, i) => total(i) === undefined ? null : full(total(i))),
    received.map(all => all.filter(c => c.k !== undefined).map(c => [c.gave, c.d].map(full)))]"""
# Of numbers of usual size, where exact.js rounds a call in a thousand otherwise than the C library,
# and erfc and gelu, which are off by some units in the last place, in one or two calls.
MOST = 1e-13  # relative to the largest number of the graph
ROUNDED = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan",
           "pow", "powc", "sigmoid", "softplus", "silu", "elu", "logsumexp", "gelu",
           "erfc"}  # fmt: skip


def neuron(w1=-3.0, x2=0.5):
    w1, x1 = Value(w1, label="w1"), Value(2.0, label="x1")
    w2, x2 = Value(1.0, label="w2"), Value(x2)
    out = (w1 * x1 + w2 * x2 + Value(6.0, label="b")).tanh()
    out.label = "out"
    return out


def python(root):
    """Values, gradients, and what every Value receives with the local derivatives, as texts."""
    walk = BackwardPass(Graph(topological_order(root), Naming()))
    received = [[] for _ in walk.values]
    for i in range(len(received) - 1, -1, -1):
        v, g = walk.graph.nodes[i], walk.grads[i]
        if v.op is not None and g is not None:
            gave, local = (v.op.backward(x, v.data, *v.arguments) for x in (g, 1.0))
            for x, r, d in zip(walk.graph.inputs[i], gave, local):
                if r is not None:
                    received[x].append([text(r), text(d)])
    return [list(map(text, walk.values)), list(map(text, walk.grads)), received]


# The numbers of some Values only.
THEIRS = f"""(() => {{
    const all = {NUMBERS}, [own] = arguments;
    return all.map(part => own.map(i => part[i]));
}})()"""


def text(x):
    return None if x is None else repr(float(x))


def read(numbers):
    """The page's numbers as Python writes them."""
    values, grads, received = numbers
    return [
        [text(x) for x in values],
        [text(x) for x in grads],
        [[[text(x) for x in pair] for pair in all] for all in received],
    ]


def flat(numbers):
    values, grads, received = numbers
    inner = [x for all in received for pair in all for x in pair]
    return [float(x) for x in [*values, *grads, *inner] if x is not None]


def change(browser, i, x):
    browser.js(f"(chosen = {i}, change({i}, Number(arguments[0])))", js_number(x))


def js_number(x):
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(x), repr(x))


def test_random_graphs_have_pythons_numbers_after_a_change(browser):
    """50 graphs in one page, a leaf of each changed, and everything compared: bit for bit."""
    graphs = [build(random_program(seed, ["tame", "wild"][seed % 2], 40)) for seed in range(56)]
    graphs = [(leaves, topological_order(root)) for leaves, _, root in graphs]
    used = [(next((x for x in leaves if x in set(own)), None), own) for leaves, own in graphs]
    graphs = [(leaf, own) for leaf, own in used if leaf is not None][:50]
    nodes = topological_order(F.sum([own[-1] for _, own in graphs]))
    place = {v: i for i, v in enumerate(nodes)}
    browser.show(explore(nodes[-1]))
    browser.press("n")  # a close-up: a change draws a few cards, not a thousand
    others = {"exact": [], "seldom": [], "often": []}  # by ops: how many have other bits
    for seed, (leaf, own) in enumerate(graphs):
        number = [0.75, -1.5, 2.0, math.inf, -0.0][seed % 5 if seed % 2 else seed % 3]
        change(browser, place[leaf], number)
        ours = read(browser.js(THEIRS, [place[v] for v in own]))
        ours[2][-1] = []  # what the sum over all graphs gives to the root
        wanted = python(again(own, leaf, number))
        assert all(map(near, flat(ours), flat(wanted))), seed
        names = {v.op.name for v in own if v.op}
        kind = "often" if names & {"erfc", "gelu"} else "seldom" if names & ROUNDED else "exact"
        others[kind].append(ours != wanted)
    assert browser.js("math === EXACT")  # where the browser's own functions have other bits
    assert sum(map(len, others.values())) == 50
    assert sum(others["exact"]) == 0 < len(others["exact"])
    assert sum(others["seldom"]) <= 1  # of some hundreds of calls; 0 with this C library
    assert sum(others["often"]) <= 0.5 * len(others["often"])


def again(nodes, leaf, number):
    """The same graph, as Python computes it with another number in a leaf."""
    new = {}
    for v in nodes:
        args = [*[new[x] for x in v.inputs], *v.arguments[len(v.inputs) :]]
        new[v] = apply(v.op, *args) if v.op else Value(number if v is leaf else v.data)
    return new[nodes[-1]]


def near(a, b):
    return a == b or (a != a and b != b) or abs(a - b) <= MOST * max(1.0, abs(b))


def one_of_each(x, y):
    """Every op of the table, applied to x, y and what they make; and how many constants."""
    x, y = Value(x, label="x"), Value(y, label="y")
    index = Value(1.0, label="index")
    parts = []
    for name, op in OPS.items():
        if name == "take":
            args = [index, x, y, x]
        elif op.constants:
            args = [x, 3.0]
        else:
            args = [x, y, y, x][: op.arity or 4]
        parts.append(apply(op, *args))
    return apply(OPS["sum"], *parts, *[apply(OPS["powc"], x, k) for k in (-1.0, 0.0, 2.0, 0.5)])


def test_every_op_of_the_table_has_pythons_numbers_after_a_change(browser):
    browser.show(explore(one_of_each(0.3, 0.7)))
    nodes = topological_order(one_of_each(0.3, 0.7))
    i, j = (next(i for i, v in enumerate(nodes) if v.label == name) for name in "xy")
    apart = set()
    for x, y in [(0.5, 0.7), (-1.25, 0.7), (2.0, 2.0), (-3.1, 1.5), (0.0, -0.0), (math.inf, 1.0),
                 (1.0, math.nan), (0.3, 0.7)]:  # fmt: skip
        change(browser, i, x)
        change(browser, j, y)
        ours, wanted = read(browser.js(NUMBERS)), python(one_of_each(x, y))
        assert all(map(near, flat(ours), flat(wanted)))
        apart |= {v.op.name for v, a, b in zip(nodes, ours[0], wanted[0]) if v.op and a != b}
    assert apart <= {"erfc", "gelu", "sum"}  # of the values: of these few calls all others' bits
    assert browser.js("changed.size") == 0  # the last numbers were those of the beginning
    said = browser.js("D.close")
    assert said.startswith("May differ from Python in the last bit: atan, cos, cosh, elu, exp, ")
    assert said.endswith("erfc, gelu (up to 8 units of the last bit).")


def told(browser):
    names, numbers = (browser.js(f"[...document.querySelectorAll('#told {tag}')]"
                                 ".map(e => e.textContent)") for tag in ("dt", "dd"))  # fmt: skip
    return dict(zip(names, numbers))


def test_a_leaf_is_typed_into_by_the_keyboard_and_put_back(browser):
    browser.show(explore(neuron()))
    before = browser.js(NUMBERS)
    assert browser.js("$('leaf').hidden")
    browser.click(browser.card("w1"))
    browser.press("n", "n", "Enter")  # Enter on a leaf goes to its number, all of it selected
    assert browser.js("document.activeElement.id") == "number"
    browser.press(*"-2.75n")
    browser.js("paint()")  # as playing does meanwhile
    assert browser.js("$('number').value") == "-2.75n"
    browser.press("Enter")
    assert "no number: write one like 0.5" in browser.text("#told")
    assert browser.js("$('number').getAttribute('aria-invalid')") == "true"
    assert browser.js(NUMBERS) == before
    browser.js("$('number').select()")
    browser.press(*"-2.75", "Enter")
    assert read(browser.js(NUMBERS)) == python(neuron(-2.75))
    rise = neuron(-2.75).data - neuron().data
    assert told(browser) == {
        "change": "0.25 (it was -3)",
        "change of output": f"{rise:.5g} (it was {neuron().data:.5g})",
        "gradient * change": first_order(0.25),
    }
    card = browser.card("w1")
    assert browser.text(card).startswith("w1changed")
    assert "-2.75" in browser.text(card)
    assert f"{neuron(-2.75).data:.5g}" in browser.text(browser.card("out"))
    assert f"{python(neuron(-2.75))[1][-2][:6]}" in browser.text("#step")
    assert browser.text("#size") == "10 values, 1 changed"
    assert browser.js("document.querySelectorAll('.dim').length") == 0  # all numbers are new
    browser.press("Tab")
    assert browser.js("document.activeElement.id") == "asitwas"
    browser.press("Enter")
    assert browser.js(NUMBERS) == before
    assert told(browser) == {}
    assert browser.text("#size") == "10 values"
    assert browser.js("document.querySelectorAll('.dim').length") > 0
    browser.press("Escape")
    assert browser.js("document.activeElement.id") == "graph"
    assert browser.js("chosen") is not None


def first_order(by):
    root = neuron()
    root.backward()
    slope = next(v.grad for v in topological_order(root) if v.label == "w1")
    return f"{slope:.5g} * {by:.5g} = {slope * by:.5g}"


def test_a_leaf_is_dragged_and_several_are_changed_at_once(browser):
    browser.show(explore(neuron()))
    browser.click(browser.card("w1"))
    x, y = browser.middle("#drag")
    browser.pointers("mouse", [(x, y), (x + 10, y), (x + 40, y)])
    number = float(browser.js("full(value[chosen])"))
    assert number > -3.0
    assert read(browser.js(NUMBERS)) == python(neuron(number))
    assert browser.js("$('number').value") == browser.js("full(value[chosen])")
    assert browser.js("document.activeElement.id") == "drag"
    browser.press("Right")
    assert float(browser.js("full(value[chosen])")) == pytest.approx(number + 0.01)
    browser.click(browser.card("0.5"))  # it has no name: its number is its name
    browser.press("Enter", *"2.5", "Enter")
    assert browser.card("2.5")
    assert browser.js("matches('2.5').map(i => name(i))")[0] == "2.5"
    assert told(browser)["gradient * change"].endswith(", the sum over 2 changed leaves")
    assert browser.text("#size") == "10 values, 2 changed"
    browser.press("Escape")
    browser.press("Enter", *"nan", "Enter")
    assert browser.js("isNan(value[n - 1])")
    assert "nan" in browser.text(browser.card("out"))
    browser.click("#asitwas")
    assert browser.card("0.5")


def test_changed_leaves_are_in_the_address_and_so_outlive_a_reload(browser):
    browser.show(explore(neuron()))
    browser.click(browser.card("w1"))
    browser.press("Enter", *"-0.25", "Enter", "Escape")
    browser.click(browser.card("0.5"))
    browser.press("Enter", *"-inf", "Enter")
    before = browser.js(f"[{NUMBERS}, D.name, [...changed]]")
    time.sleep(0.2)  # browsers allow few changes of the address in a second
    browser.go(browser.js("location.href"))
    browser.js("location.reload()")
    browser.wait_for_a_frame()
    assert browser.js(f"[{NUMBERS}, D.name, [...changed]]") == before
    assert browser.text("#size") == "10 values, 2 changed"
    browser.js("location.hash = '#0,0,0,,gradient,0,0'")
    browser.wait_for_a_frame()
    assert browser.text("#size") == "10 values"
    assert browser.card("0.5")  # which has its number as its name
    for wrong in ("3:x", "99:1", "9:1", "__proto__:1;constructor:2", ":", "0:constructor"):
        browser.show(explore(neuron()), f"#0,0,0,,gradient,0,0,{wrong}")
        assert browser.text("#size") == "10 values"
    browser.click(browser.card("w1"))
    browser.press("Enter", *"constructor", "Enter")
    assert "constructor is no number" in browser.text("#told")


def test_the_page_begins_anew_from_other_leaves_and_is_as_it_was_again(browser):
    root = neuron()
    root.backward()
    root.backward()  # notes and what Values hold now are of Python's numbers only
    browser.show(explore(root))
    before = browser.js("[NUMBERS, D.notes, D.now, D.name]".replace("NUMBERS", NUMBERS))
    assert before[1]
    assert "several passes" in browser.text("#step")
    nodes = topological_order(root)
    place = {v.label or v.data: i for i, v in enumerate(nodes) if not v.op}
    change(browser, place["b"], 5.0)
    browser.js("startFrom([[arguments[0], -2.75], [arguments[1], 0.25]])", place["w1"], place[0.5])
    assert browser.js("changed.size") == 0  # b is as Python wrote it, too
    assert read(browser.js(NUMBERS)) == python(neuron(-2.75, 0.25))
    assert browser.js("[D.notes, D.now]") == [{}, {}]
    assert "several passes" not in browser.text("#step")
    assert browser.card("0.25")  # its number is its name
    browser.click(browser.card("w1"))
    browser.press("Enter", *"-2.5", "Enter")
    assert told(browser)["change"] == "0.25 (it was -2.75)"
    rise, was = neuron(-2.5, 0.25).data, neuron(-2.75, 0.25)
    was.backward()
    slope = next(v.grad for v in topological_order(was) if v.label == "w1")
    assert told(browser)["change of output"] == f"{rise - was.data:.5g} (it was {was.data:.5g})"
    assert told(browser)["gradient * change"] == f"{slope:.5g} * 0.25 = {slope * 0.25:.5g}"
    browser.click("#asitwas")
    assert read(browser.js(NUMBERS)) == python(neuron(-2.75, 0.25))
    browser.js("startFrom([[arguments[0], Infinity]])", place["w1"])
    assert browser.js("[origin.i, origin.number]") == [place["w1"], None]  # JSON has no inf
    browser.js("startFrom()")
    assert browser.js("[NUMBERS, D.notes, D.now, D.name]".replace("NUMBERS", NUMBERS)) == before
    assert browser.js("origin") is None


def test_what_is_no_leaf_has_no_field(browser):
    browser.show(explore(neuron()))
    for name in ("out", "w1", "b"):
        browser.js("choose(value.findIndex((_, i) => D.name[i] === arguments[0]))", name)
        assert browser.js("$('leaf').hidden") == (name == "out")
    browser.js("choose(null)")
    assert browser.js("$('leaf').hidden")
    assert browser.js("$('number').labels[0].textContent.trim()") == "Change b to"


def test_the_browsers_own_functions_are_used_where_they_give_pythons_values(browser):
    a = Value(3.0, label="a")
    browser.show(explore(a * a + 1.0))
    change(browser, 0, 2.0)
    assert browser.js("[math === BROWSERS, value[n - 1], total(0)]") == [True, 5, 4]


def made_by_hand():
    a, b = micrograd.Value(2.0, label="a"), micrograd.Value(-3.0, label="b")
    return micrograd.Value(a.data * b.data, (a, b), "*") + 1.0


def changed_inside():
    a = Value(2.0, label="a")
    b = a * 3.0
    b.data = 7.0
    return b.tanh()


def changed_between():
    a = Value(2.0, label="a")
    b = a * 3.0
    a.data = 5.0
    return b + a


REASONS = {
    "by hand": (made_by_hand, "the op '*' was made by hand, and the page knows the op table only"),
    "inside": (changed_inside, "data was changed inside the graph after it was made"),
    "between": (changed_between, "data was changed inside the graph after it was made"),
    "many": (lambda: chain(20_001),
             "the graph has 20,001 values, the page computes at most 20,000 anew"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_what_cannot_be_computed_anew_says_why(browser, reason):
    make, why = REASONS[reason]
    page = explore(make())
    data = data_of(page)
    assert data["fixed"] == f"No leaf can be changed here: {why}."
    assert "rules" not in data
    assert "id=leaf" not in page.page
    if reason != "many":
        browser.show(page)
        browser.js("choose(value.findIndex((_, i) => D.op[i] === -1))")
        assert why in browser.text("#chosen")


def test_a_step_of_an_optimizer_is_no_change_inside_the_graph():
    root = neuron()
    for v in topological_order(root):
        if v.op is None:
            v.data += 1.0
    assert "rules" in data_of(explore(root))


def test_a_large_graph_needs_no_more_tapes_than_a_small_one_and_an_edit_is_quick(browser):
    model = MLP(2, [16, 16, 1], rng=0)
    page = explore(samples(20, model), model=model)
    assert len(str(data_of(page)["rules"])) < 3000
    browser.show(page)
    best = browser.js("""(() => {
        const i = value.findIndex((_, i) => D.op[i] === -1 && received[i].length > 10), times = [];
        for (let k = 1; k < 10; k++) {
            const start = performance.now();
            change(i, k / 10);
            times.push(performance.now() - start);
        }
        return min(...times);
    })()""")
    assert best < 120  # 25 on a quiet machine
