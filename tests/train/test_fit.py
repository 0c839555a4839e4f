"""The training loop: equal to torch's, honest in its history, and stopping when it should."""

import math
import random
import sys

import pytest
import torch

from micrograd_like import MLP
from micrograd_like.data import batches
from micrograd_like.losses import cross_entropy, hinge_loss, mse_loss
from micrograd_like.nn import BatchNorm, Dropout, Linear, Sequential
from micrograd_like.optim import SGD, Adam, ReduceLROnPlateau, StepLR
from micrograd_like.train import (
    EarlyStopping,
    History,
    accuracy,
    evaluate,
    fit,
    mae,
    predict,
    predict_proba,
    r2,
)

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(30)]
Y = [x[0] * x[1] for x in X]


def network(rng=0):
    return MLP(2, [5, 1], output_activation="linear", rng=rng)


def train(model, **options):
    optimizer = SGD(model.parameters(), lr=0.1)
    defaults = {"loss": mse_loss, "optimizer": optimizer, "progress": False}
    return fit(model, X, Y, **{**defaults, **options})


def test_twenty_epochs_equal_the_same_loop_in_torch():
    model = network()
    weights = []
    for layer in model.layers:
        w = [[v.data for v in neuron.w] for neuron in layer.neurons]
        b = [neuron.b.data for neuron in layer.neurons]
        weights += [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in (w, b)]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    x, y = torch.tensor(X, dtype=torch.float64), torch.tensor(Y, dtype=torch.float64)
    rng, losses = random.Random(7), []
    for _ in range(20):
        total = 0.0
        for indices in batches(len(X), 8, rng):
            out = torch.tanh(x[indices] @ weights[0].T + weights[1]) @ weights[2].T + weights[3]
            data_loss = torch.nn.functional.mse_loss(out[:, 0], y[indices])
            loss = data_loss + 0.01 * (weights[0] ** 2).sum() + 0.01 * (weights[2] ** 2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += data_loss.item() * len(indices)
        losses.append(total / len(X))

    adam = Adam(model.parameters(), lr=0.01)
    history = train(model, optimizer=adam, epochs=20, batch_size=8, seed=7, l2=0.01)

    assert history["loss"] == pytest.approx(losses, abs=1e-9)
    theirs = []
    for w, b in zip(weights[::2], weights[1::2]):
        for row, bias in zip(w.tolist(), b.tolist()):
            theirs += [*row, bias]
    assert [p.data for p in model.parameters()] == pytest.approx(theirs, abs=1e-9)


def test_the_history_has_every_number_of_every_epoch():
    history = train(network(), epochs=3, validation=(X[:5], Y[:5]), metrics=["r2", "mae"])
    names = ["loss", "grad_norm", "lr", "time", "r2", "mae", "val_loss", "val_r2", "val_mae"]
    assert list(history) == names
    assert all(len(history[name]) == 3 for name in names)
    assert history["loss"][-1] < history["loss"][0]
    assert history["lr"] == [0.1] * 3
    assert "<History of 3 epochs: loss" in repr(history)
    with pytest.raises(KeyError, match="no 'acc' in this history: it has loss, grad_norm"):
        history["acc"]


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not():
    runs = []
    for seed in (1, 1, 2):
        model = network()
        train(model, epochs=3, batch_size=4, seed=seed)
        runs.append(model.state_dict())
    assert runs[0] == runs[1] != runs[2]


def test_training_does_not_touch_global_randomness():
    state = random.getstate()
    train(network(), epochs=2)
    assert random.getstate() == state


def test_l1_and_l2_shrink_the_weights_but_not_the_biases():
    def weights(**penalty):
        model = network()
        train(model, epochs=30, **penalty)
        return sum(abs(p.data) for name, p in model.named_parameters() if ".b" not in name)

    assert weights(l2=0.1) < 0.8 * weights()
    assert weights(l1=0.1) < 0.8 * weights()


def test_the_scheduler_is_stepped_after_every_epoch():
    model = network()
    sgd = SGD(model.parameters(), lr=0.1)
    history = train(model, optimizer=sgd, epochs=4, scheduler=StepLR(sgd, 2, gamma=0.1))
    assert history["lr"] == pytest.approx([0.1, 0.1, 0.01, 0.01])


def test_a_plateau_scheduler_gets_the_validation_loss():
    model = network()
    sgd = SGD(model.parameters(), lr=0.0)
    plateau = ReduceLROnPlateau(sgd, patience=0, factor=0.5)
    train(model, optimizer=sgd, epochs=2, scheduler=plateau, validation=(X[:3], Y[:3]))
    assert plateau.best == evaluate(model, X[:3], Y[:3], mse_loss)["loss"]


def test_early_stopping_puts_the_best_parameters_back():
    model = network()
    scores = iter([3.0, 1.0, 2.0, 2.0, 2.0, 0.0])
    seen = []

    def metric(outputs, targets):
        seen.append(model.state_dict())
        return next(scores)

    stop = EarlyStopping("metric", patience=2)
    history = train(model, epochs=6, metrics=[metric], callbacks=[stop])
    assert history.stopped == "epoch 5: metric has not improved for 3 epochs"
    assert len(history) == 5
    assert model.state_dict() == seen[1] != seen[-1]


def test_a_callback_can_end_training_with_a_reason():
    history = train(network(), epochs=9, callbacks=[lambda model, history: "enough"])
    assert (len(history), history.stopped) == (1, "epoch 1: enough")


def test_max_norm_clips_the_gradients():
    one, two = network(), network()
    train(one, epochs=1, batch_size=30, max_norm=1e-6)
    train(two, epochs=1, batch_size=30)
    moved = [abs(a.data - b.data) for a, b in zip(one.parameters(), network().parameters())]
    assert 0.0 < max(moved) < 1e-6
    assert one.state_dict() != two.state_dict()


def test_an_interrupt_leaves_a_model_that_works():
    model = network()

    def interrupt(model, history):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(model, epochs=3, callbacks=[interrupt])
    assert not model.training
    assert len(predict(model, X)) == 30


def test_dropout_and_batch_norm_train_in_training_mode_and_predict_in_evaluation_mode():
    model = Sequential(Linear(2, 8, rng=0), BatchNorm(8), Dropout(0.2, rng=0), Linear(8, 2, rng=1))
    labels = [int(y > 0) for y in Y]
    adam = Adam(model.parameters(), lr=0.05)
    fit(model, X, labels, cross_entropy, adam, epochs=3, batch_size=10, progress=False)
    assert model.layers[1].running_mean != [0.0] * 8
    assert predict(model, X) == predict(model, X)


def test_predict_proba_is_softmax_or_sigmoid():
    for row in predict_proba(MLP(2, [3], rng=0), X[:3]):
        assert sum(row) == pytest.approx(1.0)
        assert len(row) == 3
    model = network()
    [row], [out] = predict_proba(model, X[:1]), predict(model, X[:1])
    assert row == pytest.approx([1 - 1 / (1 + math.exp(-out)), 1 / (1 + math.exp(-out))])


def test_metrics_equal_their_definitions():
    assert accuracy([0.3, -0.2, 1.0], [1, -1, -1]) == pytest.approx(2 / 3)
    assert accuracy([0.3, -0.2], [1, 0]) == 1.0
    assert accuracy([[1.0, 0.0], [0.0, 3.0]], [0, 0]) == 0.5
    assert r2([2.0, 2.0], [1.0, 3.0]) == 0.0
    assert mae([2.0, 2.0], [1.0, 3.0]) == 1.0


def test_the_bar_shows_loss_and_learning_rate(capsys):
    train(network(), epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "loss=" in shown
    assert "lr=0.1" in shown


def test_without_tqdm_the_bar_is_refused_with_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r'pip install "micrograd_like\[train\]", or progress='):
        train(network(), epochs=1, progress=True)
    train(network(), epochs=1, progress=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: train(m, epochs=0), "epochs must be an int of at least 1, got 0"),
        (lambda m: train(m, batch_size=2.5), "batch_size must be an int of at least 1, got 2.5"),
        (lambda m: train(m, metrics=["acc"]), "unknown metric 'acc': choose from accuracy"),
        (lambda m: train(m, loss=hinge_loss), "hinge_loss expects targets -1 and 1"),
        (lambda m: predict(m, [[1.0]]), "MLP expects 2 inputs, got 1"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(network())


def test_a_history_can_be_made_by_hand():
    history = History()
    history.append({"loss": 1.0})
    history.append({"loss": 0.5})
    assert history["loss"] == [1.0, 0.5]
    assert len(history) == 2


def test_without_shuffle_the_seed_does_not_matter():
    runs = []
    for seed in (1, 2):
        model = network()
        train(model, epochs=2, batch_size=4, shuffle=False, seed=seed)
        runs.append(model.state_dict())
    assert runs[0] == runs[1]


def test_predicting_in_training_mode_uses_evaluation_mode_and_goes_back():
    model = Sequential(Linear(2, 8, rng=0), Dropout(0.5, rng=0), Linear(8, 1, rng=1)).train()
    assert predict(model, X) == predict(model, X)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("jit", [False, True])
def test_parameters_are_recorded_every_few_epochs_at_the_first_and_where_training_ended(jit):
    def recorded(**settings):
        history = train(network(), jit=jit, record=3, **settings)
        assert history.recorded["epochs"][-1]["loss"] == history["loss"][-1]
        return [kept["epoch"] for kept in history.recorded["epochs"]]

    def stop_at_4(model, history):
        return "enough" if len(history) == 4 else None

    assert recorded(epochs=8) == [1, 3, 6, 8]
    assert recorded(epochs=8, callbacks=[stop_at_4]) == [1, 3, 4]
