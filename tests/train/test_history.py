"""What training leaves: the numbers of every epoch, and recorded parameters."""

import pytest
from helpers.training import X, Y, network, train

from micrograd_like.train import History


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


def test_a_history_can_be_made_by_hand():
    history = History()
    history.append({"loss": 1.0})
    history.append({"loss": 0.5})
    assert history["loss"] == [1.0, 0.5]
    assert len(history) == 2


@pytest.mark.parametrize("jit", [False, True])
def test_parameters_are_recorded_every_few_epochs_at_the_first_and_where_training_ended(jit):
    def recorded(**settings):
        history = train(network(), jit=jit, record=3, **settings)
        assert history.recorded.epochs[-1].loss == history["loss"][-1]
        assert history.recorded.epochs[-1].state == history.recorded.model.state_dict()
        return [kept.epoch for kept in history.recorded.epochs]

    def stop_at_4(model, history):
        return "enough" if len(history) == 4 else None

    assert recorded(epochs=8) == [1, 3, 6, 8]
    assert recorded(epochs=8, callbacks=[stop_at_4]) == [1, 3, 4]
