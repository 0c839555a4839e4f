"""A Value has one name, and its numbers are the same, in a picture and on a page."""

import math
import xml.etree.ElementTree as ET

import pytest
from helpers.pages import HOSTILE, data_of, drawn, random_graph

import micrograd_like.functional as F
from micrograd_like import MLP, Module, Value, draw, draw_network, explore
from micrograd_like.draw import Naming, one_line
from micrograd_like.draw.graph import _number as shown
from micrograd_like.engine import topological_order
from micrograd_like.words import symbol


class Holder(Module):
    """A module whose parameters have the names it is given."""

    def __init__(self, **parameters):
        vars(self).update(parameters)


# --- one rule for names ---

CASES = [
    (label, entry, path)
    for label in ("", "  ", "label", None)
    for entry in (None, "", " ", "entry")
    for path in (None, "path")
]


def expected(label, entry, path):
    """names= comes first, since it is given for this picture; then the label; then the path."""
    return next((name for name in (entry, label, path) if name and name.strip()), "")


@pytest.mark.parametrize(("label", "entry", "path"), CASES)
def test_names_label_and_path_have_one_order(label, entry, path):
    v = Value(2.0, label=label)
    given = {
        "names": None if entry is None else {entry: v},
        "model": None if path is None else Holder(**{path: v}),
    }
    name = expected(label, entry, path)
    assert drawn(draw(v, **given))[0][0].strip("\u00a0 ") == name
    assert data_of(explore(v, **given))["name"] == [
        name or "2"
    ]  # a leaf without a name: its number
    assert Naming(**given).of(v).strip() == name


def test_of_two_names_for_one_value_the_first_counts():
    v, w = Value(1.0), Value(2.0)
    names = {"first": v, "second": v, "other": w}
    tied = Holder(a=w, b=w)
    for given, name in (
        ({"names": names}, "first"),
        ({"model": Holder(first=v, second=v)}, "first"),
    ):
        assert drawn(draw(v, **given))[0][0] == data_of(explore(v, **given))["name"][0] == name
    assert Naming(model=tied).of(w) == "a"


def test_a_names_entry_names_a_parameter_and_leaves_it_in_its_layer():
    model = MLP(2, [2, 1], rng=0)
    w = model.layers[0].neurons[1].w[0]
    root = model([1.0, 2.0])
    data = data_of(explore(root, model=model, names={"slope": w}))
    i = topological_order(root).index(w)
    assert data["name"][i] == "slope"
    assert data["groups"][data["home"][i]][0] == "neuron 1"
    assert drawn(draw(root, model=model, names={"slope": w}))[i][0] == "slope"


def test_a_network_has_the_same_names_in_its_tooltips():
    model = MLP(2, [2, 1], rng=0)
    model.layers[0].neurons[0].w[1].label = 'slope "</title>'
    source = draw_network(model).source
    assert 'tooltip="slope &quot;&lt;/title&gt; = ' in source
    assert 'tooltip="layers.0.neurons.1.w.0 = ' in source
    assert 'tooltip="layers.1.neurons.0.b = ' in source


@pytest.mark.parametrize("make", [draw, explore])
def test_what_is_no_name_or_no_model_is_refused_in_the_same_words(make):
    with pytest.raises(TypeError, match=r"^names expects {name: Value}, got float 1.0 for 'a'$"):
        make(Value(1.0), names={"a": 1.0})
    with pytest.raises(
        TypeError, match=r"^model expects a Module, with named_parameters\(\), got str"
    ):
        make(Value(1.0), model="mlp")
    with pytest.raises(
        TypeError, match=r"^path expects the name of a file to save a p\w+ in, got V"
    ):
        make(Value(1.0), Value(2.0))


def test_a_number_is_in_brackets_where_two_signs_would_meet():
    x = Value(3.0, label="x")
    root = (x - Value(-1.0)).tanh() + x * Value(-2.0)
    svg = explore(root).svg
    assert "x - (-1)" in svg
    assert "x*(-2)" in svg


def test_a_leaf_without_a_name_is_called_by_the_number_that_was_recorded():
    a, b = Value(5.0), Value(2.0)
    root = a * b
    a.data = 4.0
    data = data_of(explore(root))
    assert data["name"][:2] == ["5", "2"]
    assert data["value"] == [5.0, 2.0, 10.0]


# --- the same numbers and edges ---


def assert_same_graph(root):
    """A picture and a page of a graph say the same, node by node and edge by edge."""
    picture, data = (
        drawn(draw(root, local_derivatives=True, max_nodes=10**6)),
        data_of(explore(root)),
    )
    nodes = topological_order(root)
    assert len(picture) == len(nodes) == len(data["op"])
    for i, (v, (name, lines, op, edges)) in enumerate(zip(nodes, picture)):
        value = float(data["value"][i])
        assert lines[:2] == [f"data {shown(value)}", f"grad {shown(v.grad)}"]
        assert name == v.label
        assert [a for a, _ in edges] == data["inputs"][i]  # an input used twice is there twice
        if data["op"][i] < 0:
            assert op == ""
            continue
        constants = [float(data["constant"][str(i)])] if str(i) in data["constant"] else []
        assert op == symbol(v.op, constants)
        assert data["ops"][data["op"][i]][1] == v.op.symbol
        for (_, slope), rule in zip(edges, data["rule"][i]):
            local = rule[1] if isinstance(rule, list) else rule
            if local is None:  # never differentiated, or no gradient comes by
                continue
            assert slope == shown(float(local)), (i, slope, rule)


@pytest.mark.parametrize("seed", range(100))
def test_a_picture_and_a_page_show_the_same_graph(seed):
    assert_same_graph(random_graph(seed))


@pytest.mark.slow
def test_thousands_of_pictures_and_pages_show_the_same_graph():
    for seed in range(100, 5000):
        assert_same_graph(random_graph(seed, size=120))


def test_a_square_a_condition_a_power_and_a_dot_are_the_same_in_both():
    a, b = Value(3.0, label="a"), Value(-2.0, label="b")
    assert_same_graph(a * a)
    assert_same_graph(
        F.where(F.gt(a, b), a, b) + F.where(Value(0.0), a, b) ** 3 + F.dot([a, b], [b, a])
    )
    assert_same_graph(a)


def test_after_one_backward_pass_both_show_the_same_gradients():
    for seed in range(0, 40, 2):
        root = random_graph(seed)
        root.backward()
        picture, explorer = drawn(draw(root)), explore(root)
        assert data_of(explorer)["now"] == {}  # what is stored is what the page computes
        assert [lines[1] for _, lines, _, _ in picture] == [
            f"grad {shown(v.grad)}" for v in topological_order(root)
        ]


def test_a_root_and_a_list_of_it_are_the_same():
    a = Value(2.0, label="a")
    root = (a * a).tanh()
    assert explore([root]).page == explore((root,)).page == explore(root).page
    assert draw([root]).source == draw(root).source


def test_recorded_data_is_told_by_both():
    w, x = Value(0.5, label="w"), Value(3.0, label="x")
    root = w * x
    w.data = -0.25
    assert drawn(draw(root))[0][1] == ["data -0.2500", "grad 0.0000", "recorded 0.5000"]
    data = data_of(explore(root))
    assert data["value"][0] == 0.5
    assert data["now"] == {"0": {"data": -0.25}}
    w.data = math.nan
    assert drawn(draw(root))[0][1][0::2] == ["data nan", "recorded 0.5000"]
    assert data_of(explore(root))["now"] == {"0": {"data": "NaN"}}


# --- a name is only a name ---


def without_names(explorer):
    """The page without its data and its picture, which are the only places of names."""
    page = explorer.page
    assert page.count(explorer.svg) == 1
    start = page.index('id="data">')
    return (
        page.replace(explorer.svg, "")[: start - len(explorer.svg)]
        + page[page.index("</script>", start) :]
    )


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_no_name_replaces_the_data_of_a_page(name):
    def of(name):
        a, b, c = Value(2.0, label=name), Value(-3.0), Value(1.0)
        part = name.replace(".", "")  # a dot makes another group
        return explore(a * b + c, names={f"{part}.0.{part}": b, f"{part}.1.{part}": c})

    explorer, plain = of(name), of("plain")
    data = data_of(explorer)
    assert data["name"][0] == name.strip() or not name.strip()
    assert data["value"] == data_of(plain)["value"]
    assert len(data["groups"]) == len(data_of(plain)["groups"]) or not name.strip()
    assert without_names(explorer) == without_names(plain) or not name.strip()
    tags = [[e.tag, e.attrib] for e in ET.fromstring(explorer.svg).iter()]
    assert tags == [[e.tag, e.attrib] for e in ET.fromstring(plain.svg).iter()] or not name.strip()


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_no_name_is_more_than_text_in_a_picture(name):
    a = Value(2.0, label=name)
    for drawing in (
        draw(a * a),
        draw(a * a, names={name: a}),
        draw(a * a, model=Holder(**{name: a})),
    ):
        first, second = drawn(drawing)
        assert first == (one_line(name), ["data 2.0000", "grad 0.0000"], "", [])
        assert second == ("", ["data 4.0000", "grad 0.0000"], "*", [(0, ""), (0, "")])
        plain = draw(a * a, names={"plain": a}).source
        assert drawing.source.count("\n") == plain.count("\n")
        assert all(c >= " " or c == "\n" for c in drawing.source)


def test_a_name_of_a_megabyte_is_cut_in_pictures_and_kept_in_the_data():
    a = Value(2.0, label="</script>" * 120_000)
    explorer = explore(a * a)
    assert data_of(explorer)["name"][0] == a.label
    assert len(explorer.svg) < 3000
    assert len(draw(a * a).source) < 5000
