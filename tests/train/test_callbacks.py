"""What happens after every epoch: schedulers, early stopping, the bar, callbacks of one's own."""

import itertools
import sys

import pytest
from helpers.training import X, Y, network, train

from micrograd_like.losses import mse_loss
from micrograd_like.optim import SGD, ReduceLROnPlateau, StepLR
from micrograd_like.train import METRICS, EarlyStopping, evaluate
from micrograd_like.train.metrics import BETTER


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

    stop = EarlyStopping("metric", patience=2, mode="min")
    history = train(model, epochs=6, metrics=[metric], callbacks=[stop])
    assert history.stopped == "epoch 5: metric has not improved for 3 epochs"
    assert len(history) == 5
    assert model.state_dict() == seen[1] != seen[-1]


def test_early_stopping_used_twice_starts_anew():
    stop, scores = EarlyStopping("metric", patience=0, mode="min"), iter([1.0, 2.0, 3.0, 4.0])

    def metric(outputs, targets):
        return next(scores)

    for rng in (0, 1):  # the second training is worse from the start than the first ever was
        model, seen = network(rng), []
        keep = [lambda model, history, seen=seen: seen.append(model.state_dict())]
        history = train(model, epochs=5, metrics=[metric], callbacks=[*keep, stop])
        assert history.stopped == "epoch 2: metric has not improved for 1 epochs"
        assert model.state_dict() == seen[0] != seen[1]


@pytest.mark.parametrize("jit", [False, True])
def test_a_callback_sees_complete_epochs_between_start_and_finish(jit):
    calls, model = [], network()
    sgd = SGD(model.parameters(), lr=0.1)

    class Watching:
        def start(self, model, history):
            calls.append(("start", len(history)))

        def __call__(self, model, history):
            lengths = {len(history[name]) for name in history}
            calls.append((len(history), lengths, sgd.lr, len(history.recorded.epochs)))

        def finish(self, model):
            calls.append(("finish", model.training))

    options = {"validation": (X[:5], Y[:5]), "metrics": ["r2"], "record": 1}
    scheduler = StepLR(sgd, 1, gamma=0.5)
    train(
        model, optimizer=sgd, epochs=2, scheduler=scheduler, callbacks=[Watching()], jit=jit,
        **options,
    )  # fmt: skip
    epochs = [(1, {1}, 0.05, 1), (2, {2}, 0.025, 2)]
    assert calls == [("start", 0), *epochs, ("finish", False)]


def test_a_callback_may_have_a_start_of_its_own():
    class Timed:
        start = 12.5  # seconds

        def __call__(self, model, history):
            return "enough"

    assert train(network(), callbacks=[Timed()]).stopped == "epoch 1: enough"


def test_compiled_epochs_that_nobody_looks_at_are_computed_together():
    def epochs_in_one_go(**options):
        times = train(network(), jit=True, epochs=100, **options)["time"]
        return max(len(list(same)) for _, same in itertools.groupby(times))

    assert epochs_in_one_go() > 10
    assert epochs_in_one_go(record=50) > 10
    assert epochs_in_one_go(progress=True) > 10
    assert epochs_in_one_go(callbacks=[lambda model, history: None]) == 1
    assert epochs_in_one_go(metrics=["mae"]) == 1


def test_a_callback_can_end_training_with_a_reason():
    history = train(network(), epochs=9, callbacks=[lambda model, history: "enough"])
    assert (len(history), history.stopped) == (1, "epoch 1: enough")


def test_the_bar_shows_loss_and_learning_rate(capsys):
    train(network(), epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "loss=" in shown
    assert "lr=0.1" in shown


def test_nothing_but_the_bar_is_missing_without_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(train(network(), epochs=2, progress=True)) == 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("monitor", "mode", "wanted"),
    [
        ("val_loss", "auto", "min"),
        ("accuracy", "auto", "max"),
        ("val_r2", "auto", "max"),
        ("mae", "auto", "min"),
        ("mae", "max", "max"),
        ("mine", "min", "min"),
    ],
)
def test_the_direction_is_that_of_the_metric(monitor, mode, wanted):
    assert EarlyStopping(monitor, mode=mode).mode == wanted


@pytest.mark.parametrize(
    ("monitor", "mode", "words"),
    [("f1", "auto", r"whether a larger 'f1' is better is not known: write EarlyStopping\('f1', "),
     ("loss", "middle", "unknown mode 'middle': choose from min, max, auto")],
)  # fmt: skip
def test_an_unknown_direction_is_asked_for(monitor, mode, words):
    with pytest.raises(ValueError, match=words):
        EarlyStopping(monitor, mode=mode)


def test_every_metric_says_what_is_better():
    assert {"loss", *METRICS} == set(BETTER)


def test_a_larger_number_is_better_where_the_mode_says_so():
    model, seen, scores = network(), [], iter([1.0, 3.0, 2.0])

    def mine(outputs, targets):
        seen.append(model.state_dict())
        return next(scores)

    stop = EarlyStopping("mine", patience=0, mode="max")
    assert len(train(model, epochs=5, metrics=[mine], callbacks=[stop])) == 3
    assert model.state_dict() == seen[1]
