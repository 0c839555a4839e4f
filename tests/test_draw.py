"""Pictures are parsed, not just produced: what is in the SVG is what was in the graph."""

import os
import shutil
import stat
import sys
import textwrap
import xml.etree.ElementTree as ET
from itertools import pairwise
from types import SimpleNamespace

import graphviz
import pytest

from micrograd_like import micrograd
from micrograd_like.draw import Drawing, draw, draw_network
from micrograd_like.engine import Value
from micrograd_like.functional import where

SVG = "{http://www.w3.org/2000/svg}"
PATH = os.environ["PATH"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _no_dot_on_the_path(monkeypatch, tmp_path_factory):
    """Every machine draws with pygraphviz here; the tests of the program bring their own."""
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))


def lecture_graph():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c, f = Value(10.0, label="c"), Value(-2.0, label="f")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    loss = d * f
    loss.label = "L"
    return loss


def groups(drawing, kind):
    """Pairs (title, [texts]), one for each group of class node or edge in the SVG."""
    return [
        (title_of(g), ["".join(t.itertext()) for t in g.iter(f"{SVG}text")])
        for g in ET.fromstring(drawing.svg()).iter(f"{SVG}g")
        if g.get("class") == kind
    ]


def title_of(group):
    """n0->op2 for an edge, whichever side of the box n0 it leaves from (n0:e->op2)."""
    return group.find(f"{SVG}title").text.replace(":e->", "->").replace(":c->", "->")


def attributes(drawing, title, tag, name):
    """One attribute of the shapes in the SVG's group of that title."""
    for g in ET.fromstring(drawing.svg()).iter(f"{SVG}g"):
        if g.get("class") and title_of(g) == title:
            return [shape.get(name) for shape in g.iter(f"{SVG}{tag}") if shape.get(name)]
    raise LookupError(title)


def neuron(w, b=0.0, activation="tanh"):
    return SimpleNamespace(w=[Value(x) for x in w], b=Value(b), activation=activation)


def network(*widths, activation="tanh"):
    layers = [[neuron([0.5] * n, 0.1, activation) for _ in range(m)] for n, m in pairwise(widths)]
    return SimpleNamespace(layers=[SimpleNamespace(neurons=layer) for layer in layers])


# --- the graph of a computation ---


def test_every_value_is_a_box_with_label_data_and_grad():
    loss = lecture_graph()
    loss.backward()
    boxes = [texts for title, texts in groups(draw(loss), "node") if title.startswith("n")]
    assert boxes == [
        ["a", "data 2.0000", "grad 6.0000"],
        ["b", "data -3.0000", "grad -4.0000"],
        ["e", "data -6.0000", "grad -2.0000"],
        ["c", "data 10.0000", "grad -2.0000"],
        ["d", "data 4.0000", "grad -2.0000"],
        ["f", "data -2.0000", "grad 4.0000"],
        ["L", "data -8.0000", "grad 1.0000"],
    ]


def test_every_op_is_an_ellipse_with_its_symbol():
    nodes = groups(draw(lecture_graph()), "node")
    assert [pair for pair in nodes if pair[0].startswith("op")] == [
        ("op2", ["*"]),
        ("op4", ["+"]),
        ("op6", ["*"]),
    ]
    assert len(nodes) == 10


def test_edges_run_from_inputs_to_op_to_value():
    edges = [title for title, _ in groups(draw(lecture_graph()), "edge")]
    expected = "n0->op2 n1->op2 op2->n2 n2->op4 n3->op4 op4->n4 n4->op6 n5->op6 op6->n6"
    assert sorted(edges) == sorted(expected.split())


def test_the_symbol_of_a_power_shows_its_exponent():
    assert ("op1", ["**3"]) in groups(draw(Value(2.0) ** 3), "node")


def test_an_input_used_twice_has_two_edges():
    a = Value(3.0)
    drawing = draw(a * a, local_derivatives=True)
    assert [pair for pair in groups(drawing, "edge") if pair[0] == "n0->op1"] == [
        ("n0->op1", ["3.0000"]),
        ("n0->op1", ["3.0000"]),
    ]


def test_local_derivatives_are_those_of_each_op():
    x, y = Value(3.0), Value(4.0)
    drawing = draw((x / y).tanh(), local_derivatives=True)
    on_edges = {title: texts for title, texts in groups(drawing, "edge") if texts}
    assert on_edges == {
        "n0->op2": ["0.2500"],  # 1 / y
        "n1->op2": ["-0.1875"],  # -x / y**2
        "n2->op3": ["0.5966"],  # 1 - tanh(0.75)**2
    }


def test_local_derivatives_do_not_depend_on_backward_or_on_data_changed_later():
    x = Value(3.0)
    y = x * 5.0 * x
    before = draw(y, local_derivatives=True).source
    y.backward(7.0)
    x.data = 100.0
    after = draw(y, local_derivatives=True).source

    def on_edges(source):
        return [line for line in source.splitlines() if " -> op" in line]

    assert len(on_edges(before)) == 4
    assert on_edges(before) == on_edges(after)


def test_a_constant_exponent_has_no_edge_and_no_derivative():
    drawing = draw(Value(3.0) ** 2, local_derivatives=True)
    assert groups(drawing, "edge") == [("n0->op1", ["6.0000"]), ("op1->n1", [])]


def test_an_edge_that_is_never_differentiated_is_dashed_and_has_no_number():
    drawing = draw(where(Value(1.0), Value(5.0), Value(7.0)), local_derivatives=True)
    edges = [(title, texts) for title, texts in groups(drawing, "edge") if "->op" in title]
    assert edges == [("n0->op3", []), ("n1->op3", ["1.0000"]), ("n2->op3", ["0.0000"])]
    assert attributes(drawing, "n0->op3", "path", "stroke-dasharray")
    assert not attributes(drawing, "n1->op3", "path", "stroke-dasharray")


def test_an_n_ary_op_has_an_edge_for_every_input():
    x = [Value(float(i)) for i in range(5)]
    drawing = draw(micrograd.Value(10.0, x, "sum"))
    assert [t for t, _ in groups(drawing, "edge")].count("op5->n5") == 1
    assert sum(t.endswith("->op5") for t, _ in groups(drawing, "edge")) == 5


def test_leaf_interior_and_root_have_colours_of_their_own():
    drawing = draw(lecture_graph())
    fills = [set(attributes(drawing, n, "path", "fill")) - {"none"} for n in ("n0", "n2", "n6")]
    fills = [fill or {"none"} for fill in fills]
    assert len({frozenset(fill) for fill in fills}) == 3, fills


def test_nan_and_infinities_are_shown_as_such():
    v = Value(float("nan"))
    v.grad = float("-inf")
    assert groups(draw([v, Value(float("inf"))]), "node") == [
        ("n0", ["data nan", "grad -inf"]),
        ("n1", ["data inf", "grad 0.0000"]),
    ]


def test_a_small_number_is_not_shown_as_zero_and_a_large_one_stays_short():
    texts = [
        text
        for _, texts in groups(draw([Value(1.5e-9), Value(-2e300)]), "node")
        for text in texts
        if text.startswith("data")
    ]
    assert texts == ["data 1.500e-09", "data -2.000e+300"]


def test_all_digits_are_in_the_tooltip():
    root = ET.fromstring(draw(Value(1 / 3)).svg())
    titles = [a.get("{http://www.w3.org/1999/xlink}title") for a in root.iter(f"{SVG}a")]
    assert "data 0.3333333333333333, grad 0.0" in titles


def test_several_roots_share_one_picture_and_their_common_part():
    a = Value(2.0)
    b, c = a * 3.0, a + 1.0
    drawing = draw([b, c, b])
    assert repr(drawing) == "<Drawing of 5 Values>"
    assert [t for t, _ in groups(drawing, "edge")].count("op2->n2") == 1


def test_a_single_leaf_is_a_picture():
    assert groups(draw(Value(1.0)), "node") == [("n0", ["data 1.0000", "grad 0.0000"])]


def test_names_label_this_picture_and_leave_the_values_alone():
    a, b = Value(2.0, label="a"), Value(3.0)
    drawing = draw(a * b, names={"first": a, "second": b, "elsewhere": Value(0.0)})
    nodes = dict(groups(drawing, "node"))
    assert (nodes["n0"][0], nodes["n1"][0], nodes["n2"][0]) == ("first", "second", "data 6.0000")
    assert "elsewhere" not in drawing.source
    assert (a.label, b.label) == ("a", "")


def test_drawing_never_writes_a_grad():
    loss = lecture_graph()
    loss.backward()
    nodes = [loss, *loss.inputs, *loss.inputs[0].inputs]
    before = [(v.data, v.grad, v.label) for v in nodes]
    draw(loss, local_derivatives=True).svg()
    assert [(v.data, v.grad, v.label) for v in nodes] == before


def test_a_hand_made_value_is_drawn_with_its_op():
    a = Value(2.0, label="a")
    assert ("op1", ["half"]) in groups(draw(micrograd.Value(1.0, (a,), "half")), "node")


def test_the_same_graph_gives_the_same_picture():
    first, second = draw(lecture_graph()), draw(lecture_graph())
    assert first.source == second.source
    assert first.svg() == second.svg()


def test_the_picture_is_a_snapshot():
    a = Value(2.0)
    drawing = draw(a)
    a.data = 3.0
    assert groups(drawing, "node") == [("n0", ["data 2.0000", "grad 0.0000"])]


def positions(drawing):
    """{text: (x, y)} in the SVG, where y grows downwards."""
    return {
        "".join(t.itertext()): (float(t.get("x")), float(t.get("y")))
        for t in ET.fromstring(drawing.svg()).iter(f"{SVG}text")
    }


@pytest.mark.parametrize(
    ("rankdir", "axis", "sign"), [("LR", 0, 1), ("RL", 0, -1), ("TB", 1, 1), ("BT", 1, -1)]
)
def test_rankdir_is_the_direction_of_the_computation(rankdir, axis, sign):
    at = positions(draw(lecture_graph(), rankdir=rankdir))
    along = [sign * at[label][axis] for label in ("a", "e", "d", "L")]
    assert along == sorted(along)
    assert len(set(along)) == 4


def test_operands_stand_in_the_order_they_were_written():
    big, small = Value(9.0, label="big"), Value(1.0, label="small")
    for first, second in ((big, small), (small, big)):
        at = positions(draw([big, small, first - second]))
        assert at[first.label][1] < at[second.label][1]


# --- labels are the user's text ---


@pytest.mark.parametrize(
    "label",
    [
        "</script><script>alert(1)</script>",
        'say "hi"',
        "it's",
        "{|}",
        "<b> & &amp; &#65;",
        r"\N \G \n \l \\ C:\new",
        "\\",
        "x1*w1 + x2*w2",
        "];}",
        "-->",
        "]]>",
        "naïve Ω 中文",
        "🎉 👩‍🔬",
        "שלום עולם",
        "مرحبا",
    ],
)
def test_a_hostile_label_comes_back_as_the_same_text(label):
    v = Value(1.0, label=label)
    texts = dict(groups(draw(v), "node"))["n0"]
    assert texts == [label, "data 1.0000", "grad 0.0000"]


@pytest.mark.parametrize("label", ["  two  spaces  ", "   "])
def test_spaces_are_kept(label):
    shown = dict(groups(draw(Value(1.0, label=label)), "node"))["n0"][0]
    assert shown.replace("\N{NO-BREAK SPACE}", " ") == label


@pytest.mark.parametrize("symbol", ['"', "\\N", "<i>", "{|}", "&lt;", "];}", "é"])
def test_a_hostile_op_comes_back_as_the_same_text(symbol):
    drawing = draw(micrograd.Value(1.0, (Value(2.0),), symbol))
    assert ("op1", [symbol]) in groups(drawing, "node")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("tab\tbell\x07nul\x00", r"tab\tbell\x07nul\x00"),
        ("turn \u202e around", r"turn \u202e around"),
        ("half a pair \ud83d", r"half a pair \ud83d"),
        ("\ufffe", r"\ufffe"),
    ],
)
def test_what_cannot_be_shown_on_one_line_is_shown_as_an_escape(label, shown):
    assert dict(groups(draw(Value(1.0, label=label)), "node"))["n0"][0] == shown


@pytest.mark.parametrize("character", ["a", "\x00", "\\", "<", "🎉"])
def test_a_very_long_label_is_shortened(character):
    text = dict(groups(draw(Value(1.0, label=character * 10_000)), "node"))["n0"][0]
    assert len(text) == 40
    assert text.endswith("…")


def test_a_label_of_forty_characters_is_shown_whole():
    assert dict(groups(draw(Value(1.0, label="a" * 40)), "node"))["n0"][0] == "a" * 40


# --- what draw refuses ---


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (3, "draw expects a Value or a list of Values, got int 3"),
        (None, "draw expects a Value or a list of Values, got NoneType None"),
        ("loss", "draw expects a Value or a list of Values, got str 'loss'"),
        (
            [Value(1.0), 2.0],
            "draw expects a Value or a list of Values, got float 2.0 at position 1",
        ),
    ],
)
def test_a_root_that_is_no_value_is_a_type_error(root, message):
    with pytest.raises(TypeError) as error:
        draw(root)
    assert str(error.value) == message


def test_an_empty_list_is_a_value_error():
    with pytest.raises(ValueError, match=r"^draw expects a Value or a list .*, got an empty list$"):
        draw([])


def test_an_unknown_rankdir_is_a_value_error():
    with pytest.raises(ValueError, match=r"^rankdir must be one of LR, RL, TB, BT, got 'left'$"):
        draw(Value(1.0), rankdir="left")


def test_a_name_for_something_else_is_a_type_error():
    with pytest.raises(TypeError, match=r"^names expects {name: Value}, got float 1.0 for 'a'$"):
        draw(Value(1.0), names={"a": 1.0})


def chain(length):
    v = Value(1.0)
    for _ in range(length - 1):
        v = -v
    return v


def test_a_thousand_values_are_drawn_without_a_warning(capsys):
    drawing = draw(chain(1000))
    assert len(groups(drawing, "node")) == 1999
    assert "may take a long time" not in capsys.readouterr().err


def test_a_thousand_and_one_values_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="at most 1000") as error:
        draw(chain(1001))
    assert str(error.value) == (
        "the graph has 1001 Values, draw lays out at most 1000: "
        "draw a smaller part, for example one neuron or the loss of one sample"
    )


def test_max_nodes_moves_the_limit():
    assert repr(draw(chain(1001), max_nodes=1001)) == "<Drawing of 1001 Values>"
    with pytest.raises(ValueError, match="the graph has 3 Values, draw lays out at most 2"):
        draw(chain(3), max_nodes=2)


def test_too_many_edges_between_few_values_are_refused():
    inputs = [Value(1.0) for _ in range(100)]
    with pytest.raises(
        ValueError, match=r"^the graph has 3100 edges, draw lays out at most 3000: "
    ):
        draw([micrograd.Value(0.0, inputs, "sum") for _ in range(31)])


# --- networks ---


def test_a_network_has_a_node_for_every_input_and_neuron_and_an_edge_for_every_weight():
    drawing = draw_network(network(3, 4, 4, 1))
    names = [title for title, _ in groups(drawing, "node")]
    assert sum(name.startswith("l") for name in names) == 3 + 4 + 4 + 1
    assert len(groups(drawing, "edge")) == 3 * 4 + 4 * 4 + 4 * 1
    assert repr(drawing) == "<Drawing of a network 3-4-4-1>"


def test_a_network_of_the_package_is_drawn_with_its_activations():
    from micrograd_like.nn import MLP

    drawing = draw_network(MLP(3, [4, 4, 1], activation="relu", output_activation="linear", rng=0))
    nodes = dict(groups(drawing, "node"))
    assert nodes["caption0"] == ["inputs", "3"]
    assert nodes["caption1"] == ["relu", "4 neurons"]
    assert nodes["caption3"] == ["linear", "1 neuron"]


def test_inputs_have_names_and_stand_in_one_column_from_top_to_bottom():
    at = positions(draw_network(network(3, 2)))
    assert at["x1"][0] == at["x2"][0] == at["x3"][0]
    assert at["x1"][1] < at["x2"][1] < at["x3"][1]


def test_the_edge_joins_the_input_and_the_neuron_of_its_weight():
    first, second = neuron([0.25, -0.5]), neuron([1.5, 2.5])
    drawing = draw_network(SimpleNamespace(neurons=[first, second]))
    tips = {}
    for g in ET.fromstring(drawing.svg()).iter(f"{SVG}g"):
        if g.get("class") == "edge":
            (a,) = g.iter(f"{SVG}a")
            tips[title_of(g)] = a.get("{http://www.w3.org/1999/xlink}title")
    assert tips == {
        "l0_0->l1_0": "w = 0.25",
        "l0_1->l1_0": "w = -0.5",
        "l0_0->l1_1": "w = 1.5",
        "l0_1->l1_1": "w = 2.5",
    }


def test_sign_is_colour_and_magnitude_is_width():
    drawing = draw_network(SimpleNamespace(neurons=[neuron([2.0, -1.0, 0.0, float("nan")])]))

    def line(i, attribute):
        return attributes(drawing, f"l0_{i}->l1_0", "path", attribute)[0]

    colours = [line(i, "stroke") for i in range(4)]
    widths = [float(line(i, "stroke-width")) for i in range(4)]
    assert colours[:2] == ["#2b6cb0", "#e07b00"]  # blue, orange
    assert colours[2] == colours[3] == "#9aa5b1"  # grey: neither
    assert widths[0] > widths[1] > widths[2] == widths[3] > 0.0


def test_the_ring_of_a_neuron_shows_its_bias():
    layer = SimpleNamespace(neurons=[neuron([1.0], 0.9), neuron([1.0], -0.1)])
    drawing = draw_network(layer)
    rings = [
        (
            attributes(drawing, f"l1_{j}", "ellipse", "stroke")[0],
            float(attributes(drawing, f"l1_{j}", "ellipse", "stroke-width")[0]),
        )
        for j in range(2)
    ]
    assert [colour for colour, _ in rings] == ["#2b6cb0", "#e07b00"]
    assert rings[0][1] > rings[1][1]


def widths_of(drawing, title, shape):
    return [float(width) for width in attributes(drawing, title, shape, "stroke-width")]


def test_one_huge_weight_hides_no_other():
    sizes = [0.5, -1.0, 2.0, 1e6]
    drawing = draw_network(SimpleNamespace(neurons=[neuron(sizes)]))
    a, b, c, huge = (widths_of(drawing, f"l0_{i}->l1_0", "path")[0] for i in range(4))
    assert b > 1.3 * a
    assert c > 1.3 * b
    assert c < huge < 2.0 * c
    assert "lines are weights of up to 1e+06, rings" in drawing.source


def test_one_huge_bias_hides_no_other():
    layer = SimpleNamespace(neurons=[neuron([1.0], b) for b in (0.01, 0.02, 0.04, 100.0)])
    drawing = draw_network(layer)
    a, b, c, huge = (widths_of(drawing, f"l1_{j}", "ellipse")[0] for j in range(4))
    assert b > 1.3 * a
    assert c > 1.3 * b
    assert c < huge < 2.0 * c


def test_infinite_weights_and_a_network_of_zeros_are_drawn():
    inf, nan = float("inf"), float("nan")
    drawing = draw_network(SimpleNamespace(neurons=[neuron([inf, -inf, 1.0, 0.0, nan])]))
    a, b, c, zero, none = (widths_of(drawing, f"l0_{i}->l1_0", "path")[0] for i in range(5))
    assert a == b > c > zero == none > 0.0
    assert "weights of up to inf," in drawing.source
    drawing = draw_network(SimpleNamespace(neurons=[neuron([0.0, 0.0])]))
    assert len(groups(drawing, "edge")) == 2
    assert "lines are weights, rings" in drawing.source


def test_an_activation_name_is_text_too():
    drawing = draw_network(network(1, 1, activation='<"|&\\N'))
    assert dict(groups(drawing, "node"))["caption1"] == ['<"|&\\N', "1 neuron"]


def test_drawing_a_network_changes_nothing_and_is_deterministic():
    model = network(2, 3, 1)
    weight = model.layers[0].neurons[0].w[0]
    weight.grad = 5.0
    assert draw_network(model).svg() == draw_network(model).svg()
    assert (weight.data, weight.grad) == (0.5, 5.0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            3,
            "draw_network expects an MLP or a Layer, that is .layers with .neurons, each with "
            ".w and .b; got int 3",
        ),
        (
            SimpleNamespace(layers=[*network(2, 2).layers, "dropout"]),
            "draw_network expects an MLP or a Layer, that is .layers with .neurons, each with "
            ".w and .b; got str 'dropout' in layer 1",
        ),
        (
            SimpleNamespace(layers=[]),
            "draw_network expects at least one layer, got a model whose .layers is []",
        ),
    ],
)
def test_a_model_without_layers_is_a_type_error_that_says_what_is_needed(model, message):
    with pytest.raises(TypeError) as error:
        draw_network(model)
    assert str(error.value) == message


def test_layers_that_do_not_fit_are_a_value_error():
    model = SimpleNamespace(layers=[*network(2, 3).layers, *network(4, 1).layers])
    with pytest.raises(ValueError, match=r"^layer 1 has a neuron with 4 weights, expected 3: "):
        draw_network(model)


def test_two_thousand_weights_are_drawn_and_one_more_is_refused():
    assert len(groups(draw_network(network(40, 50)), "edge")) == 2000
    with pytest.raises(ValueError, match=r"^the network has 2001 weights, .* at most 2000: "):
        draw_network(network(2001, 1))


# --- showing and saving ---


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("x.svg", b"<svg "),
        ("x.png", PNG),
        ("x.pdf", b"%PDF-"),
        ("x.dot", b"digraph "),
        ("X.PNG", PNG),
    ],
)
@pytest.mark.parametrize("drawing", [draw(Value(2.0) * 3.0), draw_network(network(2, 2))])
def test_save_writes_what_the_suffix_says(tmp_path, drawing, name, start):
    path = drawing.save(str(tmp_path / name))
    assert path == tmp_path / name
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [name]


def test_a_png_is_sharp_192_pixels_an_inch(tmp_path):
    drawing = draw(lecture_graph())
    png = drawing.save(tmp_path / "x.png").read_bytes()
    inches = float(ET.fromstring(drawing.svg()).get("width").removesuffix("pt")) / 72
    assert int.from_bytes(png[16:20], "big") == pytest.approx(192 * inches, rel=0.01)


def test_a_saved_svg_and_dot_keep_every_letter(tmp_path):
    drawing = draw(Value(1.0, label="Ω 🎉"))
    svg, dot = drawing.save(tmp_path / "x.svg"), drawing.save(tmp_path / "x.dot")
    assert "Ω 🎉" in "".join(ET.parse(svg).getroot().itertext())
    assert dot.read_text(encoding="utf-8") == drawing.source


def test_a_saved_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    path = draw(Value(1.0)).save(tmp_path / "x.dot")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("name", ["x.gif", "x", "svg", ".svg"])
def test_an_unknown_suffix_is_a_value_error_that_names_the_four(tmp_path, name):
    with pytest.raises(ValueError, match="cannot save") as error:
        draw(Value(1.0)).save(tmp_path / name)
    assert str(error.value) == (
        f"cannot save a picture as {name!r}: use a name that ends in .svg, .png, .pdf or .dot"
    )


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        draw(Value(1.0)).save(tmp_path / "nowhere" / "x.svg")
    folder = str(tmp_path / "nowhere")
    assert str(error.value) == (
        f"cannot save 'x.svg': the directory {folder!r} does not exist, create it first"
    )


def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.svg"
    path.write_text("old")

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw(Value(1.0)).save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.svg"]


def test_a_failed_layout_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_text("old")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(ImportError):
        draw(Value(1.0)).save(path)
    assert path.read_text() == "old"


def test_a_notebook_gets_text_and_an_svg_that_scales_to_its_width_down_to_a_third():
    drawing = draw(lecture_graph())
    bundle = drawing._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == drawing.source
    root = ET.fromstring(bundle["image/svg+xml"])
    third = int(root.get("width").removesuffix("pt")) // 3
    assert root.attrib.pop("style") == f"max-width: max(100%, {third}pt); height: auto"
    assert ET.tostring(root) == ET.tostring(ET.fromstring(drawing.svg()))
    assert root.get("viewBox")  # without it nothing would scale


def test_the_svg_stands_on_white_and_fits_in_a_page():
    svg = draw(lecture_graph()).svg()
    assert svg.startswith("<svg ")
    assert svg.rstrip().endswith("</svg>")
    background = next(ET.fromstring(svg).iter(f"{SVG}polygon"))
    assert background.get("fill") == "white"


def test_repr_says_what_the_picture_shows():
    assert repr(draw(Value(1.0))) == "<Drawing of 1 Value>"
    assert repr(Drawing("digraph { a }")) == "<Drawing of a graph>"


# --- Graphviz: the program, the library, neither ---


def fake_dot(directory, body):
    program = directory / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\n{textwrap.dedent(body)}")
    program.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a #! line")
def test_the_dot_program_on_the_path_is_used_when_there_is_one(tmp_path, monkeypatch):
    fake_dot(
        tmp_path,
        """
        source = sys.stdin.buffer.read()
        sys.stdout.write("<?xml?>\\n<svg>" + " ".join(sys.argv[1:]) + " %d</svg>" % len(source))
        """,
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    drawing, net = draw(Value(1.0, label="Ω")), draw_network(network(1, 1))
    size = len(drawing.source.encode())
    assert drawing.svg() == f"<svg>-Kdot -Tsvg {size}</svg>"
    assert net.svg().startswith("<svg>-Kneato -Tsvg ")
    assert b"-Kdot -Tpng " in drawing.save(tmp_path / "x.png").read_bytes()
    assert drawing.pipe().startswith(b"<?xml?>\n<svg>-Kdot -Tsvg ")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a #! line")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('no layout\\ntoday')", "exit status 1: no layout today"),
        ("import os; os.kill(os.getpid(), 9)", "exit status -9: "),
        ("sys.stdin.buffer.read()", "it wrote nothing"),
    ],
)
@pytest.mark.parametrize("size", [1, 900])  # what fits into a pipe, and what does not
def test_a_dot_program_that_fails_is_quoted(tmp_path, monkeypatch, body, said, size):
    fake_dot(tmp_path, body)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError) as error:
        draw(chain(size)).svg()
    assert str(error.value) == f"{tmp_path / 'dot'} failed to make svg: {said}"


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a file that cannot be run")
def test_a_dot_program_that_cannot_be_run_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "dot").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        RuntimeError, match=r"dot failed to make svg: \[Errno 8\] Exec format error"
    ):
        draw(Value(1.0)).svg()


@pytest.mark.parametrize("source", ["no dot", "digraph {", ""])
@pytest.mark.parametrize("path", ["", PATH])
def test_a_text_that_is_no_dot_is_a_sentence(source, path, monkeypatch):
    monkeypatch.setenv("PATH", path)
    with pytest.raises(RuntimeError, match=r"^\S+ failed to make svg: .+"):
        Drawing(source).svg()


@pytest.mark.parametrize("without", [["pygraphviz"], ["pygraphviz", "graphviz"]])
def test_without_graphviz_one_friendly_import_error(monkeypatch, without):
    for package in without:
        monkeypatch.setitem(sys.modules, package, None)
    drawing = draw(lecture_graph())  # the text needs no Graphviz
    for act in (drawing.svg, lambda: drawing.save("x.png"), lambda: drawing._repr_mimebundle_()):
        with pytest.raises(ImportError) as error:
            act()
        assert str(error.value) == (
            'pictures need Graphviz: pip install "micrograd_like[draw]" '
            "(or the graphviz package and Graphviz's own dot program on the PATH)"
        )
    with pytest.raises(ImportError, match=r'need .*: pip install "micrograd_like\[draw\]"'):
        drawing.pipe()


def test_without_the_graphviz_package_pictures_are_made_by_the_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.setenv("PATH", PATH)  # nobody else may run the dot that may be there
    drawing = draw(lecture_graph())
    assert len(groups(drawing, "node")) == 10
    assert drawing.save(tmp_path / "x.png").read_bytes().startswith(PNG)
    with pytest.raises(ImportError) as error:
        drawing.render(tmp_path / "x")
    assert str(error.value) == (
        'render, pipe and view need the graphviz package: pip install "micrograd_like[draw]"'
    )
    assert os.listdir(tmp_path) == ["x.png"]


def test_without_graphviz_the_dot_text_can_be_saved(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    drawing = draw(lecture_graph())
    assert drawing.save(tmp_path / "x.dot").read_text(encoding="utf-8") == drawing.source


def test_threads_may_draw_at_the_same_time():
    from concurrent.futures import ThreadPoolExecutor

    drawing = draw(lecture_graph())
    alone = drawing.svg()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: drawing.svg(), range(20))) == {alone}


# --- a graphviz.Source ---


@pytest.fixture(params=["program", "library"])
def graphviz_by(request, monkeypatch, tmp_path):
    """The dot program, and the library where there is none; in a directory of its own."""
    if request.param == "program":
        if not shutil.which("dot", path=PATH):
            pytest.skip("needs Graphviz's dot program on the PATH")
        monkeypatch.setenv("PATH", PATH)
    monkeypatch.chdir(tmp_path)
    return request.param


def test_a_drawing_hands_itself_over_as_a_source(graphviz_by):
    drawing, net = draw(lecture_graph()), draw_network(network(2, 2))
    source = drawing.graphviz()
    assert isinstance(source, graphviz.Source)
    assert (source.source, source.format, source.engine) == (drawing.source, "svg", "dot")
    assert net.graphviz().engine == "neato"
    assert source.pipe() == drawing.pipe()
    assert type(source) is graphviz.Source or graphviz_by == "library"


def test_render_writes_the_source_and_the_picture_and_returns_its_path(graphviz_by, tmp_path):
    drawing = draw(lecture_graph())
    assert drawing.render("gout") == "gout.svg"  # as micrograd's notebook calls it
    assert (tmp_path / "gout").read_text("utf-8") == drawing.source
    assert "<svg" in (tmp_path / "gout.svg").read_text("utf-8")
    assert drawing.render("a", "deep/er", format="png", cleanup=True) == "deep/er/a.png"
    assert os.listdir(tmp_path / "deep" / "er") == ["a.png"]
    assert drawing.render(outfile="b.pdf") == "b.pdf"
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF-")
    assert drawing.graphviz().render("c", format="png", cleanup=True) == "c.png"
    assert (tmp_path / "c.png").read_bytes().startswith(PNG)
    with pytest.raises(graphviz.FileExistsError):
        drawing.render(outfile="b.pdf", raise_if_result_exists=True)


def test_the_format_can_be_set_once(graphviz_by, tmp_path):
    drawing = draw(lecture_graph())
    drawing.format = "png"
    assert drawing.render("x") == "x.png"
    assert drawing.pipe() == (tmp_path / "x.png").read_bytes()
    with pytest.raises(AttributeError):
        drawing.fromat = "svg"


@pytest.mark.parametrize("picture", [draw(lecture_graph()), draw_network(network(2, 3, 1))])
def test_saving_rendering_and_piping_make_the_same_picture(graphviz_by, tmp_path, picture):
    svg, png = picture.save("s.svg").read_text("utf-8"), picture.save("s.png").read_bytes()
    picture.render("r", format="png")
    picture.render(outfile="o.png")
    assert picture.pipe("png") == (tmp_path / "r.png").read_bytes() == png
    assert (tmp_path / "o.png").read_bytes() == png
    text = picture.pipe(encoding="utf-8")
    assert text[text.index("<svg") :] == svg == picture.svg()
    assert text.encode() == picture.pipe("svg") == picture.pipe(encoding=None)
    picture.save("s.pdf")
    picture.render("p", format="pdf")
    sizes = [len(data) for data in (picture.pipe("pdf"), *map(read, ("s.pdf", "p.pdf")))]
    assert max(sizes) - min(sizes) < 10  # they tell the time


def read(name):
    with open(name, "rb") as file:
        return file.read()


def test_view_renders_and_opens(graphviz_by, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(graphviz.Source, "_view", lambda self, path, **_: opened.append(path))
    assert draw(lecture_graph()).view("x") == "x.svg"
    draw(lecture_graph()).render("y", view=True)
    assert opened == ["x.svg", "y.svg"]
    assert (tmp_path / "x.svg").exists()


def test_an_unknown_format_is_a_sentence(graphviz_by, tmp_path):
    for act in (
        lambda: draw(Value(1.0)).pipe("gif3"),
        lambda: draw(Value(1.0)).render("x", format="gif3"),
    ):
        with pytest.raises(ValueError, match="unknown format: 'gif3'"):
            act()
    assert os.listdir(tmp_path) == []


def test_a_format_that_the_library_lacks_is_a_sentence():
    with pytest.raises(
        RuntimeError, match=r"^pygraphviz failed to make exr: its library does not "
    ):
        draw(Value(1.0)).pipe("exr")


def test_what_fontconfig_says_of_the_machine_is_left_out_and_all_else_is_not(monkeypatch, capfd):
    import pygraphviz

    whole = pygraphviz.AGraph.draw

    def noisy(*args, **how):
        os.write(2, b'Fontconfig warning: "a.conf", line 6: unknown element "x"\nreal trouble\n')
        os.write(2, b"Fontconfig error: Cannot load default config file\nFontconfig error: b\n")
        return whole(*args, **how)

    monkeypatch.setattr(pygraphviz.AGraph, "draw", noisy)
    for _ in range(2):
        assert "tanh" in draw(Value(1.0).tanh()).svg()
        assert capfd.readouterr().err == "real trouble\nFontconfig error: b\n"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.skipif(not shutil.which("dot", path=PATH), reason="needs Graphviz's dot program")
@pytest.mark.parametrize("what", ["graph", "network", "hostile"])
def test_the_program_and_the_library_show_the_same(what, monkeypatch):
    x = Value(2.0, label='<b>"\\N\\l{|}&amp;\\')
    drawing = {
        "graph": lambda: draw(lecture_graph(), local_derivatives=True),
        "network": lambda: draw_network(network(3, 4, 1)),
        "hostile": lambda: draw([where(x, x * x, x**3), x.tanh()], names={"\\G": x}),
    }[what]()
    shown = [[groups(drawing, kind) for kind in ("node", "edge")]]
    monkeypatch.setenv("PATH", PATH)
    shown += [[groups(drawing, kind) for kind in ("node", "edge")]]
    assert sorted(map(str, shown[0][0])) == sorted(map(str, shown[1][0]))
    assert sorted(map(str, shown[0][1])) == sorted(map(str, shown[1][1]))


# --- with a path ---


@pytest.mark.parametrize("name", ["x.svg", "x.png", "x.pdf", "x.dot", "X.SVG"])
def test_a_path_saves_the_picture_and_returns_the_drawing(tmp_path, name):
    path, a = tmp_path / name, Value(2.0, label="a")
    drawing = draw(a * a, str(path), local_derivatives=True)
    assert repr(drawing) == "<Drawing of 2 Values>"
    assert (
        path.read_bytes()[:100] == drawing.save(tmp_path / f"again{path.suffix}").read_bytes()[:100]
    )
    assert repr(draw_network(network(1, 1), path=path)) == "<Drawing of a network 1-1>"
    assert path.stat().st_size


@pytest.mark.parametrize("make", [lambda path: draw(Value(1.0), path),
                                  lambda path: draw_network(network(1, 1), path)])  # fmt: skip
def test_a_path_is_checked_before_anything_is_drawn(make, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # nobody gets as far as the layout
    with pytest.raises(
        ValueError, match=r"^cannot save a picture as 'x.html': use a name that ends"
    ):
        make(tmp_path / "x.html")
    with pytest.raises(FileNotFoundError, match=r"the directory .*nowhere' does not exist, create"):
        make(tmp_path / "nowhere" / "x.svg")
    with pytest.raises(
        TypeError, match=r"^path expects the name of a file .* got Value Value\(data="
    ):
        make(Value(2.0))
    assert not list(tmp_path.iterdir())


def test_a_root_and_a_list_of_it_are_one_picture_the_first_and_the_second_time():
    a = Value(2.0, label="a")
    root = (a * a).tanh()
    assert draw(root).source == draw([root]).source == draw(iter([root])).source
    assert draw(root).svg() == draw(root).svg()


# --- what was recorded ---


def test_data_that_changed_since_is_shown_beside_what_was_recorded():
    w, x = Value(0.5, label="w"), Value(3.0, label="x")
    root = w * x
    root.backward()
    w.data -= 0.1 * w.grad
    nodes = dict(groups(draw(root), "node"))
    assert nodes["n0"] == ["w", "data 0.2000", "grad 3.0000", "recorded 0.5000"]
    assert nodes["n1"] == ["x", "data 3.0000", "grad 0.5000"]
    assert nodes["n2"] == ["data 1.5000", "grad 1.0000"]


# --- colours ---


def hue(colour):
    """Blue, orange, or neither."""
    import colorsys

    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    turn, _, saturation = colorsys.rgb_to_hls(*channels)
    if saturation < 0.3:
        return "grey"
    return "blue" if 0.5 < turn < 0.68 else "orange" if turn < 0.17 or turn > 0.9 else "other"


def test_blue_and_orange_are_only_signs():
    import re

    assert [hue(c) for c in ("#2b6cb0", "#e07b00", "#6d28d9", "#9aa5b1")] == [
        "blue", "orange", "other", "grey"
    ]  # fmt: skip
    drawing = draw([lecture_graph(), where(Value(1.0), Value(-5.0), 7.0)], local_derivatives=True)
    colours = set(re.findall(r"#[0-9a-f]{6}", drawing.source))
    assert {hue(c) for c in colours} <= {"grey", "other"}
    source = draw_network(network(2, 2)).source
    inputs = [line for line in source.splitlines() if line.startswith("  l0_")]
    for line in inputs:
        if "->" not in line:
            assert {hue(c) for c in re.findall(r"#[0-9a-f]{6}", line)} == {"grey"}
