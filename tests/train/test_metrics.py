"""What a model says of samples, in evaluation mode, and the metrics by their definition."""

import math

import pytest
from helpers.interrupts import interrupted_everywhere
from helpers.training import X, network

from micrograd_like import MLP, Value
from micrograd_like.nn import Dropout, Linear, Sequential
from micrograd_like.train import accuracy, mae, predict, predict_proba, r2


def test_metrics_equal_their_definitions():
    assert accuracy([0.3, -0.2, 1.0], [1, -1, -1]) == pytest.approx(2 / 3)
    assert accuracy([0.3, -0.2], [1, 0]) == 1.0
    assert accuracy([[1.0, 0.0], [0.0, 3.0]], [0, 0]) == 0.5
    assert r2([2.0, 2.0], [1.0, 3.0]) == 0.0
    assert mae([2.0, 2.0], [1.0, 3.0]) == 1.0


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
