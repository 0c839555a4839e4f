"""playground: what it takes, what it refuses and with which sentence, what the page is made of."""

import base64
import json
import math
import random
import re
import zlib

import pytest

import micrograd_like.functional as F
from micrograd_like import (
    MLP,
    SGD,
    Adam,
    Value,
    cross_entropy,
    explore,
    hinge_loss,
    mse_loss,
    nn,
    playground,
)
from micrograd_like.optim import Optimizer
from micrograd_like.tape import JitError
from micrograd_like.train import fit

X = [[0.0, 1.0], [1.0, 0.0], [0.5, -1.0]]
Y = [1.0, -1.0, 1.0]


def net(*widths):
    return MLP(2, list(widths or (3, 1)), output_activation="linear", rng=0)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.page)[1])


class Branches(nn.Module):
    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        return self.w * x[0] if x[0] > 0.0 else self.w


def broken():
    model = net()
    model.parameters()[0].data = math.nan
    return model


def branching(outputs, targets):
    loss = hinge_loss(outputs, targets)
    return loss if loss.data < 1.0 else 2.0 * loss


class Rings(Optimizer):
    def step(self):
        pass


def test_nothing_that_is_given_is_changed():
    model = net()
    optimizer = Adam(model.parameters(), lr=0.1)
    fit(model, X, Y, hinge_loss, optimizer, epochs=2, progress=False, jit=False)
    model.eval()
    before = model.state_dict(), optimizer.state_dict(), [p.grad for p in optimizer.params]
    playground(model, X, Y, hinge_loss, optimizer)
    assert (
        model.state_dict(),
        optimizer.state_dict(),
        [p.grad for p in optimizer.params],
    ) == before
    assert not model.training


def test_the_page_is_saved_and_says_what_it_is_of(tmp_path):
    page = playground(net(), X, Y, hinge_loss, SGD, tmp_path / "p.html", title="</title><b>&")
    assert repr(page) == "<Playground of 13 parameters and 3 samples>"
    text = (tmp_path / "p.html").read_text()
    assert text == page.page
    assert "&lt;/title&gt;&lt;b&gt;&amp;" in text
    assert "</title><b>" not in text
    assert "sandbox" in page._repr_mimebundle_()["text/html"]


def test_the_curve_begins_with_the_losses_of_a_history():
    model = net()
    optimizer = SGD(model.parameters(), lr=0.1)
    history = fit(model, X, Y, hinge_loss, optimizer, epochs=3, progress=False)
    assert data_of(playground(model, X, Y, hinge_loss, optimizer, history=history))[
        "history"] == history["loss"]  # fmt: skip


def test_a_title_that_is_blank_is_none_and_names_are_only_text():
    hostile = ["</script><script>alert(1)</script>", "{{data}}\u2028"]
    page = playground(net(), X, Y, hinge_loss, SGD, title=" ", names=hostile, classes=hostile[::-1])
    data = data_of(page)
    assert (data["title"], data["names"], data["labels"]) == ("MLP 2-3-1", hostile, hostile[::-1])
    assert "<title>MLP 2-3-1" in page.page
    assert "<script>alert" not in page.page


@pytest.mark.parametrize(
    ("loss", "y", "outputs", "kind", "middle"),
    [
        (hinge_loss, [1, -1, 1], 1, "sign", 0.0),
        (mse_loss, [1, 0, 1], 1, "sign", 0.5),
        (cross_entropy, [1, 0, 2], 3, "scores", 0),
        (mse_loss, [1.5, 0.0, 0.0], 1, "number", 0.5),
        (mse_loss, [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]], 2, "number", 0.5),
    ],
)
def test_the_loss_tells_where_one_class_ends(loss, y, outputs, kind, middle):
    data = data_of(playground(net(3, outputs), X, y, loss, SGD))
    assert (data["kind"], data["middle"]) == (kind, middle)


def bad(**given):
    return {"model": net(), "X": X, "y": Y, "loss": hinge_loss, "optimizer": SGD} | given


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        (bad(model=Branches()), JitError, "functional.where"),
        (
            bad(model=nn.Sequential(nn.Linear(2, 1, rng=0), nn.BatchNorm(1))),
            JitError,
            "leave them out",
        ),
        (bad(model=nn.Sequential(nn.Linear(2, 1), nn.Dropout(rng=0))), JitError, "draws random"),
        (bad(loss=lambda o, t: hinge_loss(o, t, "sum")), JitError, 'reduction="mean"'),
        (bad(optimizer=Rings), JitError, "step() of its own"),
        (bad(model=MLP(2, [80, 60, 1])), ValueError, "at most 5,000: pass a smaller model"),
        (bad(X=X * 2000, y=Y * 2000), ValueError, "X[:5000], y[:5000]"),
        (bad(model=broken()), ValueError, "the parameter layers.0.neurons.0.w.0 is nan"),
        (bad(model="MLP"), TypeError, "model must be an nn.Module"),
        (bad(loss=3), TypeError, "loss must be a function"),
        (bad(y=Y[:2]), ValueError, "2"),
        (bad(y=[1.0, 0.5, 2.0]), ValueError, "hinge_loss expects targets -1 and 1"),
        (bad(X=[[1.0], [2.0, 3.0], [1.0]]), JitError, "not all of one length"),
        (bad(X=[[1.0], [2.0], [1.0]]), ValueError, "MLP expects 2 inputs, got 1"),
        (bad(loss=branching), JitError, "runs the training as a tape, but a compiled function may"),
        (bad(X=[[0.0, math.nan], *X[1:]]), ValueError, "X has nan in row 0, column 1"),
        (bad(title=3), TypeError, "title must be a text"),
        (bad(names=3), TypeError, "names must be a list of texts, got int 3"),
        (bad(names=(name for name in "ab")), TypeError, "names must be a list of texts, got gen"),
        (bad(names=["a"]), ValueError, "names has 1 texts, but a sample has 2 numbers"),
        (bad(names=["a", "a"]), ValueError, "names must be different texts, none of them blank"),
        (bad(names=["a", " "]), ValueError, "names must be different texts, none of them blank"),
        (bad(classes=["a"]), ValueError, "classes has 1 texts, but the page shows 2 classes"),
        (
            bad(y=[0.1, 0.2, 0.3], loss=mse_loss, classes=["a", "b"]),
            ValueError,
            "the page shows no classes",
        ),
        (bad(history=[1.0]), TypeError, "history must be what fit returns"),
        (bad(path="page.png"), ValueError, "ends in .html or .htm"),
        (bad(path="no/such/page.html"), FileNotFoundError, "does not exist"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_one_sentence(given, kind, says):
    with pytest.raises(kind) as error:
        playground(**given)
    assert says in str(error.value)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_a_usual_page_is_small():
    rng = random.Random(0)
    rows = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(200)]
    y = [1 if a * b > 0.0 else -1 for a, b in rows]
    page = playground(MLP(2, [16, 16, 1], rng=0), rows, y, hinge_loss, SGD)
    explorer = explorer_in(page)
    assert len(page.page.encode()) - len(explorer) < 60 * 1024
    assert 10 * 1024 < len(explorer) < 40 * 1024


# --- the bridge: the graph of a sample ---


def explorer_in(page):
    return re.search(r"<script type=\"text/plain\" id=explorer>(.*?)</script>", page.page)[1]


def unpacked(page):
    """The explorer's page that is in a page, and what it knows."""
    text = zlib.decompress(base64.b64decode(explorer_in(page))).decode()
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text)[1])


def test_the_explorer_in_the_page_knows_where_the_numbers_of_the_training_are():
    model = net(3, 1)
    named = dict(model.named_parameters())
    text, data = unpacked(playground(model, X, Y, hinge_loss, SGD, names=["<b>", "x.y"]))
    assert len(data["leaves"]) == 2 + 1 + len(named)
    assert min(data["leaves"]) >= 0
    names = [data["name"][i] for i in data["leaves"]]
    assert names[:3] == ["<b>", "x.y", "target"]
    assert [data["value"][i] for i in data["leaves"]] == [
        *X[0], Y[0], *[p.data for p in named.values()]]  # fmt: skip
    assert "Backspace" in text
    assert "Backspace" not in explore(Value(1.0) * 2.0).page
    assert "<svg xmlns" not in text  # no picture for paper


def test_what_the_loss_does_not_use_has_no_place_and_several_targets_are_told_apart():
    def first(outs, targets):
        return mse_loss([out[0] for out in outs], [t[0] for t in targets])

    targets = [[1.0, 2.0], [0.0, 0.5], [0.0, 0.0]]
    _, data = unpacked(playground(net(3, 2), X, targets, first, SGD))
    target, other = data["leaves"][2:4]
    assert data["name"][target] == "target 0"
    assert other == -1


def test_a_number_that_is_taken_out_of_a_value_follows_the_others():
    def against_itself(outs, targets):
        return mse_loss(outs, [F.detach(out) * 0.5 + t for out, t in zip(outs, targets)])

    _, data = unpacked(playground(net(), X, Y, against_itself, SGD))
    assert "detach" in [op[0] for op in data["ops"]]


def test_a_graph_too_large_for_the_explorer_is_told():
    wide = [[0.1] * 10_000, [0.2] * 10_000]
    model = nn.Sequential(Twice(), nn.Linear(1, 1, rng=0))
    page = playground(model, wide, [1.0, -1.0], hinge_loss, SGD)
    assert explorer_in(page) == ""
    why = data_of(page)["why"]
    assert why.startswith("A sample's graph cannot be opened here: the graph has 20,0")
    assert why.endswith("values, the page computes at most 20,000 anew.")


class Twice(nn.Module):
    """As many ops as inputs."""

    def forward(self, x):
        return [F.sum([v * v for v in x])]
