"""One number is one number: v and [v], t and [t], in lists, arrays, tensors and tables.

Over the tables of losses, metrics and plots, so that a new one is tested here without a new test.
"""

import inspect
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.kinds import ONE_EACH, ROWS, loader
from helpers.known_losses import LOSSES, ONE_OUTPUT, ONES
from helpers.known_plots import COMPARING, drawn
from helpers.values import as_values, grads
from sklearn.exceptions import DataConversionWarning

from micrograd_like import MLP, losses, plot
from micrograd_like.data import Scaler, train_test_split
from micrograd_like.estimators import MLPClassifier, MLPRegressor
from micrograd_like.nesting import flat, one, samples
from micrograd_like.nn import Activation, Layer, Linear, Module, Sequential
from micrograd_like.optim import Adam
from micrograd_like.train import METRICS, accuracy, evaluate, fit, mae, predict, predict_proba, r2
from micrograd_like.train.metrics import BETTER

NESTED = ("t", "[t]", "[[t]]")  # what Values can be in
REDUCTIONS = ("mean", "sum", "none")
CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]
XOR = [[0], [1], [1], [0]]
BCE = losses.binary_cross_entropy_with_logits


# --- losses ---


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_a_loss_and_its_gradients_are_the_same_in_every_nesting(name, reduction):
    loss, ys = getattr(losses, name), ONE_OUTPUT[name]

    def numbers(outputs, targets):
        xs = as_values(ONE_EACH[outputs](ONES))
        every = flat(loss(xs, ONE_EACH[targets](ys), reduction=reduction))
        for i, v in enumerate(every):  # each counts differently
            v.backward(1.0 + i)
        return [v.data for v in every], grads(xs)

    expected = numbers("t", "t")
    assert any(expected[1])
    for outputs, targets in itertools.product(NESTED, ONE_EACH):
        assert numbers(outputs, targets) == expected, (outputs, targets)


@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_a_loss_of_plain_outputs_is_the_same_in_every_kind_of_list(name):
    loss, ys = getattr(losses, name), ONE_OUTPUT[name]
    for outputs, targets in itertools.product(ONE_EACH.values(), repeat=2):
        assert loss(outputs(ONES), targets(ys)) == loss(ONES, ys)


@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_a_loss_of_a_single_sample_is_the_same_in_every_nesting(name):
    loss, y = getattr(losses, name), ONE_OUTPUT[name][0]
    nestings = [lambda t: t, lambda t: [t], lambda t: [[t]], np.array, np.float64, torch.tensor]
    for outputs, targets in itertools.product(nestings, repeat=2):
        assert one(loss(outputs(ONES[0]), targets(y))) == loss(ONES[0], y)


def test_the_class_of_a_cross_entropy_is_the_same_in_every_nesting():
    scores, classes = [[0.5, -2.0, 0.0], [3.0, 1.0, 1.2]], [2, 0]
    for reduction, targets in itertools.product(REDUCTIONS, ONE_EACH.values()):
        ours = losses.cross_entropy(scores, targets(classes), reduction)
        assert ours == losses.cross_entropy(scores, classes, reduction)
    for k in (2, [2], [[2]], np.int64(2), torch.tensor(2), torch.tensor([2])):
        assert losses.cross_entropy(scores[0], k) == losses.cross_entropy(scores[0], 2)
        assert losses.cross_entropy(scores[:1], k) == losses.cross_entropy(scores[0], 2)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, pd.DataFrame])
def test_one_hot_targets_are_classes_and_probabilities_are_torch_s(kind):
    scores, hot = [[0.5, -2.0, 0.0], [3.0, 1.0, 1.2]], [[0, 0, 1], [1, 0, 0]]
    assert losses.cross_entropy(scores, kind(hot)) == losses.cross_entropy(scores, [2, 0])
    soft = [[0.25, 0.5, 0.25], [0.0, 0.1, 0.9]]
    expected = torch.nn.functional.cross_entropy(torch.tensor(scores), torch.tensor(soft))
    assert losses.cross_entropy(scores, kind(soft)) == pytest.approx(expected.item(), rel=1e-14)
    assert losses.cross_entropy([[-np.inf, 0.0]], [[0, 1]]) == 0.0  # what is not wanted is masked


@pytest.mark.parametrize("name", [name for name in LOSSES if name.partition(",")[0] in ONE_OUTPUT])
def test_several_numbers_for_each_sample_fit_in_one_way_only(name):
    loss, options, _ = LOSSES[name]
    two = {"hinge_loss": [[1, -1], [-1, 1]]}.get(loss.__name__, [[0, 1], [1, 0]])
    for wrong in (two[0], two[:1], [[t] for t in flat(two)], two + two, 1):
        with pytest.raises(
            ValueError, match=r"outputs of shape \(2, 2\) do not fit targets of sha"
        ):
            loss(two, wrong, **options)
    assert loss(np.array(two), torch.tensor(two), **options) == loss(two, two, **options)


# --- metrics and plots ---

SCORED = {"accuracy": ([0.3, -2.0, 1.5, -0.1], [1, 0, 0, 1])}
NUMBERS = ([0.3, -2.0, 1.5, -0.1], [1.0, -2.5, 0.5, 0.0])


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_the_same_in_every_kind_of_list(name):
    outputs, targets = SCORED.get(name, NUMBERS)
    expected = METRICS[name](outputs, targets)
    assert 0.0 < abs(expected) < 2.0
    for a, b in itertools.product(ONE_EACH.values(), repeat=2):
        assert METRICS[name](a(outputs), b(targets)) == expected
    for nest in (ONE_EACH[kind] for kind in NESTED):
        assert METRICS[name](as_values(nest(outputs)), nest(targets)) == expected


def test_accuracy_takes_one_hot_boolean_and_float_targets():
    scores, right = [[0.1, 2.0], [3.0, 1.0], [0.0, 5.0]], [1, 1, 1]
    hot = [[0, 1]] * 3
    for targets in (right, hot, np.array(hot), torch.tensor(hot), [1.0, 1.0, 1.0], [True] * 3):
        assert (
            accuracy(scores, targets) == accuracy(np.array(scores), right) == pytest.approx(2 / 3)
        )
    assert (
        accuracy([0.3, -0.2], [True, False]) == accuracy([0.3, -0.2], np.array([1, 0]) > 0) == 1.0
    )


@pytest.mark.parametrize("name", COMPARING)
def test_a_plot_shows_the_same_of_every_kind_of_list(name):
    draw, outputs, targets = COMPARING[name]
    expected = drawn(draw(outputs=outputs, targets=targets))
    kinds = list(ONE_EACH.values())
    for a, b in zip(kinds, kinds[1:] + kinds[:1]):
        assert drawn(draw(outputs=a(outputs), targets=b(targets))) == expected


def test_a_boundary_is_the_same_for_every_nesting_of_output_and_label_and_kind_of_rows():
    def picture(rows, nest, kind):
        def model(x):
            return nest(x[0] + 2.0 * x[1] - 0.7)

        X, y = ROWS[rows](CORNERS), ONE_EACH[kind]([0, 1, 1, 1])
        return drawn(plot.plot_decision_boundary(model, X, y, resolution=4))

    nestings = [lambda v: v, lambda v: [v], lambda v: [[v]], np.array]
    expected = picture("lists", nestings[0], "t")
    assert all(picture("lists", nest, k) == expected for nest in nestings for k in ("t", "[t]"))
    assert all(picture("lists", nestings[0], kind) == expected for kind in ONE_EACH)
    assert all(picture(rows, nestings[1], "[t]") == expected for rows in ROWS)


def test_outputs_come_before_targets_everywhere():
    comparing = {**METRICS, **{name: row[0] for name, row in COMPARING.items()}}
    comparing["confusion_matrix"] = plot.confusion_matrix
    for name, f in comparing.items():
        assert list(inspect.signature(f).parameters)[:2] == ["outputs", "targets"], name
    for name, f in inspect.getmembers(losses, inspect.isfunction):
        if f.__module__ == losses.__name__ and name[0] != "_":
            assert list(inspect.signature(f).parameters)[:2] == ["input", "target"], name
    others = {"y_true", "y_pred", "predictions", "prediction"}
    for name in plot.__dict__.keys() & {*plot.outputs.__all__, *plot.curves.__all__}:
        assert not others & set(inspect.signature(getattr(plot, name)).parameters), name


def test_a_metric_has_a_name_and_a_direction():
    from micrograd_like.train import metrics

    functions = [f for _, f in inspect.getmembers(metrics, inspect.isfunction)]
    ours = [f for f in functions if f.__module__ == metrics.__name__ and f.__name__[0] != "_"]
    taking = [
        f for f in ours if list(inspect.signature(f).parameters)[:2] == ["outputs", "targets"]
    ]
    assert {f.__name__: f for f in taking} == METRICS
    assert set(BETTER) == {"loss", *METRICS}
    assert set(BETTER.values()) == {"min", "max"}
    for name, metric in METRICS.items():  # and the direction is the right one
        outputs = [2.0, -3.0, 1.0, -1.0]
        targets = [1, 0, 1, 0] if name == "accuracy" else outputs
        worse = metric([-2.0, 3.0, 1.0, -1.0], targets) - metric(outputs, targets)
        assert worse < 0 if BETTER[name] == "max" else worse > 0


# --- models, trained and asked ---


class Deep(Module):
    """A network of one output in two lists."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return [x]


def networks():
    """The same network, whose output is v, [v] and [[v]]."""
    mlp = MLP(2, [3, 1], output_activation="linear", rng=0)
    layers = Sequential(Layer(2, 3, rng=1), Linear(3, 1, rng=2))
    others = [layers, Deep([Layer(2, 3, rng=1), Linear(3, 1, rng=2)])]
    for other in others:
        other.load_state_dict(mlp.state_dict())
    return [mlp, *others]


def trained(model, X, y, loss, jit=False, **options):
    """Everything that a training says and leaves."""
    optimizer = Adam(model.parameters(), lr=0.05)
    history = fit(
        model, X, y, loss, optimizer, epochs=3, batch_size=3, validation=(X, y), progress=False,
        metrics=[*options.pop("metrics", METRICS)], jit=jit, **options,
    )  # fmt: skip
    columns = {name: history[name] for name in history if name != "time"}
    scores = evaluate(model, X, y, loss, METRICS)
    asked = [predict(model, X), predict_proba(model, X)]
    return [columns, scores, *asked, list(model.state_dict().values())]


def close(a, b):
    return all(itertools.starmap(same, zip(flatten(a), flatten(b), strict=True)))


def same(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1.0) or (a != a and b != b)


def flatten(x):
    if isinstance(x, dict):
        return [number for name in sorted(x) for number in flatten(x[name])]
    return [number for part in x for number in flatten(part)] if isinstance(x, list) else [x]


X = [[0.5, -1.0], [1.5, 0.25], [-0.75, 1.0], [-1.0, -0.5]]
TARGETS = {name: [1, -1, -1, 1] if name == "hinge_loss" else [1, 0, 0, 1] for name in ONE_OUTPUT}


@pytest.mark.parametrize("name", TARGETS)
def test_a_training_and_all_that_is_asked_of_the_model_are_the_same_in_python(name):
    loss, ys = getattr(losses, name), TARGETS[name]
    expected = trained(networks()[0], X, ys, loss)
    assert expected[0]["loss"][0] != expected[0]["loss"][-1]
    for i, kind in itertools.product(range(3), NESTED):
        assert trained(networks()[i], X, ONE_EACH[kind](ys), loss) == expected
    by_function = trained(networks()[1], X, XOR and ys, loss, metrics=METRICS.values())
    assert by_function == expected


@pytest.mark.parametrize("name", TARGETS)
def test_a_compiled_training_is_the_same(name):
    loss, ys = getattr(losses, name), TARGETS[name]
    expected = trained(networks()[0], X, ys, loss)
    for i, kind in [(0, "[t]"), (1, "t"), (1, "[t]")]:
        assert close(trained(networks()[i], X, ONE_EACH[kind](ys), loss, jit=True), expected)


def test_a_compiled_training_of_classes_is_the_same_for_every_nesting_of_the_class():
    def run(y, jit):
        model = MLP(2, [2], output_activation="linear", rng=0)
        optimizer = Adam(model.parameters(), lr=0.05)
        history = fit(
            model, X, y, losses.cross_entropy, optimizer, epochs=3, batch_size=3, progress=False,
            metrics=["accuracy"], validation=(X, y), jit=jit,
        )  # fmt: skip
        assert history.jit == "compiled" or not jit
        scores = evaluate(model, X, y, losses.cross_entropy, ["accuracy"])
        return [[history[name] for name in history if name != "time"], scores, predict(model, X)]

    expected = run([0, 1, 1, 0], False)
    for y in ([0, 1, 1, 0], [[0], [1], [1], [0]], [[1, 0], [0, 1], [0, 1], [1, 0]]):
        assert run(y, False) == expected
        assert close(run(y, True), expected)


@pytest.mark.parametrize("jit", [False, True])
def test_predictions_of_one_output_are_plain_numbers_and_their_probabilities_two(jit):
    mlp, *others = networks()
    outputs, rows = predict(mlp, X, jit=jit), predict_proba(mlp, X)
    assert {type(out) for out in outputs} == {float}
    assert all(sum(row) == pytest.approx(1.0) and 0.0 < row[0] < 1.0 for row in rows)
    for other in others:
        assert predict(other, X, jit=jit) == outputs
        assert predict_proba(other, X) == rows


def test_one_sample_is_a_list_of_one():
    mlp, *others = networks()
    [expected] = predict(mlp, X[:1])
    for model in [mlp, *others]:
        assert predict(model, X[:1]) == [expected]
        assert evaluate(model, X[:1], [0.5], losses.mse_loss) == {"loss": (expected - 0.5) ** 2}
        assert evaluate(model, X[:1], [[0.5]], losses.mse_loss, ["mae"])["mae"] == abs(
            expected - 0.5
        )
        assert trained(model, X[:1], [[1]], losses.mse_loss, metrics=["mae"])[0]["loss"]


def test_the_best_epoch_is_that_of_the_right_metric():
    """A one-output Sequential scored 0.5 instead of 1.0, and the worse model was restored."""
    model = Sequential(Linear(1, 1, rng=0))
    model.load_state_dict({"layers.0.neurons.0.w.0": 3.0, "layers.0.neurons.0.b": 0.0})
    scores = evaluate(model, [[1.0], [-1.0]], [[1], [0]], BCE, ["accuracy"])
    assert scores["accuracy"] == 1.0
    assert predict_proba(model, [[0.0]]) == [[0.5, 0.5]]


@pytest.mark.parametrize(
    "kind", ["[t]", "array (n,)", "array (n, 1)", "Series with an index of its own"]
)
@pytest.mark.parametrize("make", [MLPClassifier, MLPRegressor])
def test_an_estimator_is_the_same_for_every_nesting_of_its_target(make, kind):
    def predictions(rows, y):
        with warnings.catch_warnings():  # scikit-learn's own, of a column as the target
            warnings.simplefilter("ignore", DataConversionWarning)
            model = make((3,), max_iter=3, random_state=0).fit(ROWS[rows](X[:3] + CORNERS), y)
        asked = model.predict(X)
        return (
            [asked.tolist(), model.predict_proba(X).tolist()]
            if hasattr(model, "classes_")
            else asked.tolist()
        )

    ys = [0, 1, 1, 0, 1, 0, 0]
    assert predictions("lists", ONE_EACH[kind](ys)) == predictions("lists", ys)
    assert predictions("array", ONE_EACH[kind](ys)) == predictions("lists", ys)


# --- the example of the from-scratch projects ---

SENSIBLE = {
    "mse_loss": (losses.mse_loss, XOR),
    "huber_loss": (losses.huber_loss, XOR),
    "l1_loss": (losses.l1_loss, XOR),
    "binary_cross_entropy_with_logits": (BCE, XOR),
    "hinge_loss": (losses.hinge_loss, [[2 * t - 1] for [t] in XOR]),
}


NETWORKS = {
    "MLP": lambda: MLP(2, [8, 1], rng=0),
    "MLP, linear": lambda: MLP(2, [8, 1], output_activation="linear", rng=0),
    "Sequential": lambda: Sequential(Linear(2, 8, rng=0), Activation("tanh"), Linear(8, 1, rng=1)),
}
# A tanh output that is at its end has no slope by which l1 and hinge could bring it back.
STUCK = [("MLP", "l1_loss"), ("MLP", "hinge_loss")]


@pytest.mark.filterwarnings("ignore:binary_cross_entropy_with_logits takes scores")
@pytest.mark.parametrize(
    ("make", "name"), [pair for pair in itertools.product(NETWORKS, SENSIBLE) if pair not in STUCK]
)
def test_xor_as_the_from_scratch_projects_write_it_is_learned_and_said_to_be(make, name):
    model, (loss, y) = NETWORKS[make](), SENSIBLE[name]
    optimizer = Adam(model.parameters(), lr=0.05)
    history = fit(
        model, CORNERS, y, loss, optimizer, epochs=250, progress=False, metrics=["accuracy"]
    )
    assert set(ONE_OUTPUT) == set(SENSIBLE)
    assert history["accuracy"][-1] == 1.0
    assert evaluate(model, CORNERS, y, loss, [accuracy])["accuracy"] == 1.0
    threshold = 0.5 if loss in (losses.mse_loss, losses.huber_loss, losses.l1_loss) else 0.0
    outputs = predict(model, CORNERS)
    assert [out > threshold for out in outputs] == [t > 0 for [t] in y]
    assert accuracy(outputs, y, threshold) == 1.0
    if threshold:
        assert outputs == pytest.approx(flat(y), abs=0.2)
    assert plot.plot_decision_boundary(model, CORNERS, y, resolution=3, threshold=threshold)


# --- data of every kind ---


def run_everything(X, y):
    model = MLP(2, [2, 1], rng=0)
    history = fit(model, X(), y(), losses.mse_loss, epochs=2, progress=False)
    scores = evaluate(model, X(), y(), losses.mse_loss, ["r2"])
    split = train_test_split(X(), y(), 0.5, stratify=True)
    scaled = Scaler().fit_transform(X()), Scaler().fit(X()).transform(X())
    parts = [samples(part, "part") for part in split]  # tensors in a list stay what they are
    return [history["loss"], scores, predict(model, X()), predict_proba(model, X()), scaled, parts]


@pytest.mark.parametrize("rows", ROWS)
def test_samples_may_come_in_every_kind_of_table(rows):
    expected = run_everything(lambda: CORNERS, lambda: [0.0, 1.0, 1.0, 0.0])
    assert run_everything(lambda: ROWS[rows](CORNERS), lambda: [0.0, 1.0, 1.0, 0.0]) == expected


@pytest.mark.parametrize("kind", ONE_EACH)
def test_targets_may_come_in_every_kind_of_list(kind):
    expected = run_everything(lambda: CORNERS, lambda: [0, 1, 1, 0])[:3]
    assert run_everything(lambda: CORNERS, lambda: ONE_EACH[kind]([0, 1, 1, 0]))[:3] == expected
    assert run_everything(lambda: CORNERS, lambda: iter([0, 1, 1, 0]))[:3] == expected


@pytest.mark.parametrize("kind", [torch.tensor, np.array, tuple, pd.Series])
def test_a_model_takes_one_sample_of_every_kind(kind):
    for model in networks():
        assert one(model(kind(X[0]))).data == one(model(X[0])).data


NO_SAMPLES = {
    "DataLoader": (lambda: loader(CORNERS, XOR), r"got DataLoader: write X, y = zip\(\*loader"),
    "Dataset": (
        lambda: loader(CORNERS, XOR).dataset,
        r"TensorDataset: write X, y = zip\(\*dataset",
    ),
    "dict": (lambda: {"a": [0, 0], "b": [0, 1]}, r"got dict: write list\(zip\(\*columns.values"),
    "set": (lambda: {0, 1}, "got set: write one number or one list of numbers for each sample"),
    "text": (lambda: "0110", "got str: write one number or one list of numbers"),
    "None": (lambda: None, "got NoneType: write one number or one list of numbers"),
    "a number": (lambda: 3, "got int: write one number or one list"),
    "numpy's number": (lambda: np.float64(3.0), "got float64: write one number or one list"),
    "0-d array": (lambda: np.array(3.0), "got ndarray: write one number or one list"),
}
TAKING = {
    "fit": lambda x: fit(networks()[0], x, [0, 1, 1, 0], losses.mse_loss),
    "fit, as y": lambda x: fit(networks()[0], CORNERS, x, losses.mse_loss),
    "evaluate": lambda x: evaluate(networks()[0], x, XOR, losses.mse_loss),
    "predict": lambda x: predict(networks()[0], x),
    "predict_proba": lambda x: predict_proba(networks()[0], x),
    "train_test_split": lambda x: train_test_split(x, [0, 1, 1, 0]),
    "Scaler.fit": lambda x: Scaler().fit(x),
    "Scaler.transform": lambda x: Scaler([0.0, 0.0], [1.0, 1.0]).transform(x),
    "plot_predictions": lambda x: plot.plot_predictions(x, x),
    "confusion_matrix": lambda x: plot.confusion_matrix(outputs=x, targets=x),
    "plot_decision_boundary": lambda x: plot.plot_decision_boundary(networks()[0], x, XOR),
}


@pytest.mark.parametrize("taking", TAKING)
@pytest.mark.parametrize("kind", NO_SAMPLES)
def test_what_gives_no_samples_is_refused_with_what_to_write(kind, taking):
    make, message = NO_SAMPLES[kind]
    with pytest.raises(
        TypeError, match=f"must have one entry for each sample, {message}|{message}"
    ):
        TAKING[taking](make())


def test_what_the_sentences_say_to_write_works():
    expected = run_everything(lambda: CORNERS, lambda: XOR)
    X, y = zip(*loader(CORNERS, XOR).dataset)
    assert run_everything(lambda: X, lambda: y) == expected
    columns = {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]}
    assert run_everything(lambda: list(zip(*columns.values())), lambda: XOR) == expected


@pytest.mark.parametrize(
    "x",
    [{0: 1.0, 1: 2.0}, {1.0, 2.0}, frozenset({1.0, 2.0}), pd.DataFrame([[1.0, 2.0], [3.0, 4.0]])],
)
def test_a_model_never_computes_with_keys_column_names_or_a_set(x):
    for model in networks():
        with pytest.raises(TypeError, match=r"expects a list of 2 numbers|expected a real number"):
            model(x)


def test_a_table_of_texts_names_the_cell():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    with pytest.raises(
        TypeError, match=r"X has str 'x' in row 0, column 1 \(X\[0\]\[1\]\): expect"
    ):
        predict(networks()[0], table)


# --- what is ambiguous ---

AMBIGUOUS = {
    "one target for several outputs": (lambda: mae([[1.0, 2.0], [1.0, 2.0]], [1, 2]), "do not fit"),
    "a column for a row": (lambda: r2([[1.0], [2.0]], [[1.0, 2.0]]), "2 outputs and 1 targets"),
    "fewer targets": (lambda: accuracy([1.0, 2.0], [1]), "2 outputs and 1 targets"),
    "nothing": (lambda: mae([], []), "got 0 outputs and 0 targets"),
    "a target of several classes": (
        lambda: accuracy([[1.0, 2.0]], [[1, 1]]), r"label 0 must be an int, got list \[1, 1\]"),
    "a target that is no class": (lambda: accuracy([0.5], [0.25]), "an int, got float 0.25"),
    "a third class of one output": (
        lambda: accuracy([0.5, 0.1], [1, 2]), r"targets\[1\] is 2, but one score tells only"),
    "a class without a score": (
        lambda: accuracy([[0.5, 0.1]], [2]), r"targets\[0\] is 2, .* of class 0 to 1"),
    "two codes for the other class": (lambda: accuracy([0.5, 1.0], [0, -1]), "labels -1 and 0"),
    "scores of different lengths": (
        lambda: accuracy([[1.0, 2.0], [1.0]], [0, 0]), "different shapes"),
    "an image of scores": (lambda: accuracy([[[1, 2], [3, 4]]], [0]), r"of shape \(1, 2, 2\)"),
    "probabilities of an image": (
        lambda: predict_proba(lambda x: [[1.0, 2.0], [3.0, 4.0]], [0]), r"of shape \(1, 2, 2\)"),
    "a flat list of samples": (lambda: Scaler().fit([1.0, 2.0]), r"got 1.0 as row 0: \[\[x\] for"),
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_ambiguous_is_refused_with_a_sentence(name):
    call, message = AMBIGUOUS[name]
    with pytest.raises((TypeError, ValueError), match=message):
        call()
