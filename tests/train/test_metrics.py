"""What a model says of samples, in evaluation mode, and the metrics by their definition."""

import math
import random
import warnings

import pytest
import torch
from helpers.interrupts import interrupted_everywhere
from helpers.training import X, Y, network
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

from micrograd_like import MLP, Value
from micrograd_like.losses import binary_cross_entropy_with_logits, l1_loss, mse_loss
from micrograd_like.nn import Dropout, Linear, Sequential
from micrograd_like.optim import SGD
from micrograd_like.train import METRICS, accuracy, evaluate, fit, mae, predict, predict_proba, r2


def test_metrics_equal_their_definitions():
    assert accuracy([0.3, -0.2, 1.0], [1, -1, -1]) == pytest.approx(2 / 3)
    assert accuracy([0.3, -0.2], [1, 0]) == 1.0
    assert accuracy([[1.0, 0.0], [0.0, 3.0]], [0, 0]) == 0.5
    assert r2([2.0, 2.0], [1.0, 3.0]) == 0.0
    assert mae([2.0, 2.0], [1.0, 3.0]) == 1.0


def generated(seed):
    """Regressions of one and of several numbers, with ties, constants, large and small ones."""
    rng = random.Random(seed)
    n, k = rng.choice([1, 2, 3, 10, 40]), rng.choice([1, 1, 2, 3])
    size = rng.choice([1e-150, 1e-3, 1.0, 1e9, 1e150])
    digits = rng.choice([0, 1, 17])  # few digits: ties
    targets = [[size * round(rng.gauss(0, 2), digits) for _ in range(k)] for _ in range(n)]
    if rng.random() < 0.2:
        targets = [targets[0]] * n
    noise = rng.choice([0.0, 1e-9, 0.1, 1.0])
    return [[t + size * noise * rng.gauss(0, 1) for t in row] for row in targets], targets


@pytest.mark.parametrize("seed", range(60))
def test_r2_and_mae_are_scikit_learns(seed):
    outputs, targets = generated(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        expected = r2_score(targets, outputs), mean_absolute_error(targets, outputs)
    constant = any(len({*column}) == 1 for column in zip(*targets))
    if not constant or expected[0] in (0.0, 1.0):  # it may see a variance of roundings in one
        assert r2(outputs, targets) == pytest.approx(expected[0], rel=1e-9, abs=1e-12, nan_ok=True)
    assert mae(outputs, targets) == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_accuracy_is_scikit_learns_of_the_class_of_the_largest_score(seed):
    rng = random.Random(seed)
    n, k = rng.choice([1, 5, 50]), rng.choice([2, 3, 10])
    scores = [[round(rng.gauss(0, 1), 1) for _ in range(k)] for _ in range(n)]  # ties, too
    classes = [rng.randrange(k) for _ in range(n)]
    guesses = [row.index(max(row)) for row in scores]  # of equal ones the first, as numpy
    assert accuracy(scores, classes) == pytest.approx(accuracy_score(classes, guesses))
    logits, ones = [row[0] for row in scores], [k % 2 for k in classes]
    above = (torch.sigmoid(torch.tensor(logits)) > 0.5).long().tolist()
    assert accuracy(logits, ones) == pytest.approx(accuracy_score(ones, above))
    signs = [1 if k else -1 for k in ones]
    if -1 in signs:
        assert accuracy(logits, signs) == accuracy(logits, ones)


def test_a_constant_target_has_no_variance_of_roundings():
    assert r2([0.1, 0.1, 0.1], [0.1] * 3) == 1.0
    assert r2([0.1, 0.1, 0.2], [0.1] * 3) == 0.0
    assert math.isnan(r2([0.5], [0.5]))  # of a single sample there is none at all


def test_nan_goes_through_a_metric_and_a_large_number_raises_nothing():
    for name, metric in METRICS.items():
        targets = [1, 0, 1] if name == "accuracy" else [1.0, 0.5, 0.0]
        assert math.isnan(metric([0.5, math.nan, 1.0], targets))
    assert math.isnan(accuracy([[0.0, math.nan], [1.0, 0.0]], [0, 0]))
    assert mae([1e308, 1e308], [-1e308, -1e308]) == math.inf
    assert r2([1e200, 0.0], [1e200, -1e200]) == r2([1e-200, 0.0], [1e-200, -1e-200]) == 0.5


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("loss", [mse_loss, l1_loss])
def test_metrics_in_fit_are_those_of_evaluate_by_name_and_as_functions(loss, jit):
    given = [*METRICS, *[(f"same {name}", f) for name, f in METRICS.items()]]
    model, wanted = network(), [float(y > 0.0) for y in Y]

    def states(model, history):
        kept.append(evaluate(model, X, wanted, loss, given))

    kept = []
    optimizer = {"validation": (X, wanted), "metrics": given, "callbacks": [states], "epochs": 4}
    history = _fit(model, wanted, loss, jit, **optimizer)
    for name in METRICS:
        seen = pytest.approx([scores[name] for scores in kept], rel=1e-12)
        assert history[f"val_{name}"] == seen
        assert history[name] == history[f"same {name}"]
        assert history[f"val_{name}"] == history[f"val_same {name}"]
    first = evaluate(network(), X, wanted, loss, METRICS)
    whole = _fit(network(), wanted, loss, jit, metrics=[*METRICS], epochs=1, batch_size=len(X))
    assert [whole[name][0] for name in METRICS] == pytest.approx([first[n] for n in METRICS])


def _fit(model, y, loss, jit, **options):
    optimizer = SGD(model.parameters(), lr=0.1)
    return fit(model, X, y, loss, optimizer, progress=False, jit=jit, **options)


def test_one_output_votes_where_the_loss_likes_the_other_class_better():
    """Outputs that are to be 0 and 1 turn at a half, logits and outputs of -1 and 1 at 0."""
    model = network()
    model.load_state_dict(dict.fromkeys(model.state_dict(), 0.0))

    def probability(outs, targets):  # a loss of one's own, of a sigmoid's outputs
        pairs = zip(outs, targets)
        return sum([-(t * o.log() + (1 - t) * (1 - o).log()) for o, t in pairs]) / len(outs)

    def share(loss, output, targets):
        model.layers[-1].neurons[0].b.data = output
        return evaluate(model, X[:2], targets, loss, ["accuracy"])["accuracy"]

    for loss in (mse_loss, l1_loss, probability):
        assert share(loss, 0.4, [0, 0]) == share(loss, 0.6, [1, 1]) == 1.0
    assert share(binary_cross_entropy_with_logits, 0.4, [1, 1]) == 1.0
    assert share(mse_loss, 0.1, [1, -1]) == share(mse_loss, -0.1, [1, -1]) == 0.5
    assert accuracy([0.4, 0.6], [0, 1]) == 0.5
    assert accuracy([0.4, 0.6], [0, 1], threshold=0.5) == 1.0


def test_predict_proba_is_softmax_or_sigmoid():
    for row in predict_proba(MLP(2, [3], rng=0), X[:3]):
        assert sum(row) == pytest.approx(1.0)
        assert len(row) == 3
    model = network()
    [row], [out] = predict_proba(model, X[:1]), predict(model, X[:1])
    assert row == pytest.approx([1 - 1 / (1 + math.exp(-out)), 1 / (1 + math.exp(-out))])


def test_predicting_in_training_mode_uses_evaluation_mode_and_goes_back():
    model = Sequential(Linear(2, 8, rng=0), Dropout(0.5, rng=0), Linear(8, 1, rng=1)).train()
    assert predict(model, X) == predict(model, X)
    assert all(module.training for module in model.modules())


def test_an_interrupt_at_any_call_of_a_prediction_leaves_every_mode_as_it_was():
    model = Sequential(Linear(2, 2, rng=0), Dropout(0.5, rng=0), Linear(2, 1, rng=1)).train()
    model.layers[0].eval()  # frozen, as in fine-tuning
    modes = [m.training for m in model.modules()]
    interrupts = 0
    for _ in interrupted_everywhere(lambda: predict(model, X[:1]), {"call", "return"}):
        interrupts += 1
        assert [m.training for m in model.modules()] == modes
        assert (Value(1.0) * 2.0).inputs  # recording is on
    assert interrupts > 50


def test_a_sample_of_another_size_is_one_clear_sentence():
    with pytest.raises(ValueError, match="MLP expects 2 inputs, got 1"):
        predict(network(), [[1.0]])
