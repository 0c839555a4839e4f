"""The training loop: equal to torch's, the same bits for the same seed, and models that work."""

import gc
import random
from contextlib import nullcontext

import pytest
import torch
from helpers.training import X, Y, network, train

from micrograd_like import MLP
from micrograd_like.data import batches
from micrograd_like.losses import cross_entropy, hinge_loss, mse_loss
from micrograd_like.nn import BatchNorm, Dropout, Linear, Sequential
from micrograd_like.optim import Adam
from micrograd_like.train import fit, predict


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


def test_a_model_says_what_is_penalised_and_may_have_a_list_of_that_name():
    class Free(MLP):
        def weights(self):
            return []

    def trained(kind, l2):
        model = kind(2, [5, 1], output_activation="linear", rng=0)
        if kind is MLP:
            model.weights = [0.5]  # a user's own
        train(model, epochs=2, l2=l2)
        return model.state_dict()

    assert trained(Free, 0.1) == trained(Free, 0.0)
    assert trained(MLP, 0.1) != trained(MLP, 0.0)


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: train(m, epochs=0), "epochs must be an int of at least 1, got 0"),
        (lambda m: train(m, epochs=True), "epochs must be an int of at least 1, got True"),
        (lambda m: train(m, record=-1), "record must be an int of at least 1, got -1"),
        (lambda m: train(m, batch_size=2.5), "batch_size must be an int of at least 1, got 2.5"),
        (lambda m: train(m, metrics=["acc"]), "unknown metric 'acc': choose from accuracy"),
        (lambda m: train(m, loss=hinge_loss), "hinge_loss expects targets -1 and 1"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(network())


def test_without_shuffle_the_seed_does_not_matter():
    runs = []
    for seed in (1, 2):
        model = network()
        train(model, epochs=2, batch_size=4, shuffle=False, seed=seed)
        runs.append(model.state_dict())
    assert runs[0] == runs[1]


@pytest.mark.parametrize("fails", [False, True])
def test_a_step_in_python_runs_without_the_collector_and_puts_it_back(fails):
    seen = []

    def loss(outputs, targets):
        seen.append(gc.isenabled())
        if fails:
            raise ArithmeticError
        return mse_loss(outputs, targets)

    model = MLP(1, [1], rng=0)
    with pytest.raises(ArithmeticError) if fails else nullcontext():
        fit(model, [[1.0], [2.0]], [0.5, 0.25], loss, epochs=1, progress=False, jit=False)
    assert seen == [False]
    assert gc.isenabled()
