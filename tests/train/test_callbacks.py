"""What happens after every epoch: schedulers, early stopping, the bar, callbacks of one's own."""

import itertools
import math
import sys
import warnings
from functools import partial

import pytest
from helpers.interrupts import interrupted_everywhere
from helpers.training import X, Y, network, train

from micrograd_like import MLP, fit
from micrograd_like.losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from micrograd_like.nn import Activation, Linear, Neuron, Sequential
from micrograd_like.optim import SGD, Adam, ReduceLROnPlateau, StepLR
from micrograd_like.train import METRICS, EarlyStopping, History, evaluate
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
    assert epochs_in_one_go(metrics=["mae"], validation=(X[:5], Y[:5])) > 10
    assert epochs_in_one_go(metrics=[lambda outputs, targets: 0.0]) == 1


def test_a_callback_can_end_training_with_a_reason():
    history = train(network(), epochs=9, callbacks=[lambda model, history: "enough"])
    assert (len(history), history.stopped) == (1, "epoch 1: enough")


def test_the_bar_shows_loss_and_learning_rate(capsys):
    train(network(), epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "loss=" in shown
    assert "lr=0.1" in shown


@pytest.mark.parametrize("jit", [False, True])
def test_a_line_for_every_epoch_as_keras_prints_them(jit, capsys):
    options = {"metrics": ["mae"], "validation": (X[:5], Y[:5]), "jit": jit}
    history = train(network(), epochs=10, progress="lines", **options)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert (len(lines), err) == (10, "")
    assert lines[2] == (
        f"epoch  3/10  loss {history['loss'][2]:.4g}  lr 0.1  mae {history['mae'][2]:.4g}  "
        f"val_loss {history['val_loss'][2]:.4g}  val_mae {history['val_mae'][2]:.4g}"
    )


def test_without_tqdm_there_are_about_ten_lines_and_the_last_epoch(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)

    def epochs_shown(**options):
        train(network(), progress=True, **options)
        out, err = capsys.readouterr()
        assert out == ""
        return [int(line.split()[1].split("/")[0]) for line in err.splitlines()]

    assert epochs_shown(epochs=3) == [1, 2, 3]
    assert epochs_shown(epochs=57) == [1, *range(5, 60, 5), 57]
    enough = [lambda model, history: "enough" if len(history) == 13 else None]
    assert epochs_shown(epochs=100, callbacks=enough) == [1, 10, 13]


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


def stopped_by(scores, **settings):
    """An EarlyStopping after a training in which its number was each of the scores."""
    numbers = iter(scores)

    def mine(outputs, targets):
        return next(numbers)

    stop = EarlyStopping("mine", **settings)
    history = train(network(), epochs=len(scores), metrics=[mine], callbacks=[stop])
    return stop, len(history)


@pytest.mark.parametrize(
    ("scores", "mode", "best", "best_epoch", "epochs"),
    [
        ([3.0, 1.0, 2.0, 4.0, 0.0], "min", 1.0, 2, 4),
        ([0.3, 0.9, 0.2, 0.1, 1.0], "max", 0.9, 2, 4),
        ([math.nan, 2.0, math.nan, math.nan, 1.0], "min", 2.0, 2, 4),
        ([math.nan] * 4, "max", -math.inf, 0, 2),
        ([2.0, 1.99, 1.98, 1.97], "min", 1.98, 3, 3),  # better, but by less than min_delta
    ],
)  # fmt: skip
def test_the_best_epoch_and_its_number_can_be_read(scores, mode, best, best_epoch, epochs):
    stop, ran = stopped_by(scores, mode=mode, patience=1, min_delta=0.1)
    assert (stop.best, stop.best_epoch, ran) == (best, best_epoch, epochs)


def test_endless_patience_keeps_the_best_of_all_epochs():
    stop, ran = stopped_by([3.0, 1.0, 2.0, 4.0, 5.0], mode="min", patience=math.inf)
    assert (stop.best_epoch, ran) == (2, 5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patience": -1}, "patience must be an int of at least 0, got -1"),
        ({"patience": 1.5}, "patience must be an int of at least 0, got 1.5"),
        ({"patience": math.nan}, "patience must be an int of at least 0, got nan"),
        ({"min_delta": -0.1}, "min_delta must be a finite number of at least 0, got -0.1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        EarlyStopping(**settings)


def test_without_validation_it_says_what_it_can_look_at():
    words = r"cannot look at 'val_loss' \(val_ needs fit's validation\): choose one of loss, "
    with pytest.raises(ValueError, match=words):
        train(network(), callbacks=[EarlyStopping()])


def test_an_interrupt_puts_the_best_parameters_back_or_leaves_the_last():
    model, stop, history = Neuron(1, rng=0), EarlyStopping("loss"), History()
    best = model.state_dict()
    history.append({"loss": 1.0})
    stop(model, history)
    last = {name: x + 1.0 for name, x in best.items()}
    model.load_state_dict(last)
    seen = []
    for _ in interrupted_everywhere(lambda: stop.finish(model)):
        seen.append(model.state_dict())
        assert seen[-1] in (last, best)
        model.load_state_dict(last)
    assert len(seen) > 50
    assert model.state_dict() == best
    assert last in seen


def test_a_schedule_of_another_optimizer_is_refused():
    model = network()
    for optimizer in (SGD(model.parameters(), lr=0.1), Adam):
        schedule = StepLR(SGD(model.parameters(), lr=0.1), 1)
        with pytest.raises(ValueError, match="the learning rate of another optimizer"):
            train(model, optimizer=optimizer, scheduler=schedule)


@pytest.mark.parametrize("jit", [False, True])
def test_a_schedule_goes_on_with_its_optimizer_where_it_was(jit):
    def lrs(*parts):
        model = network()
        sgd = SGD(model.parameters(), lr=1.0)
        options = {"optimizer": sgd, "scheduler": StepLR(sgd, 3), "jit": jit, "max_norm": 0.1}
        return [lr for epochs in parts for lr in train(model, epochs=epochs, **options)["lr"]]

    assert lrs(4, 4) == lrs(8)


BOUNDED = {
    "MLP's own tanh": (lambda: MLP(2, [4, 2]), cross_entropy, [0, 1], "tanh", "-1 and 1"),
    "sigmoid twice": (
        lambda: MLP(2, [1], output_activation="sigmoid"),
        binary_cross_entropy_with_logits, [0.0, 1.0], "sigmoid", "0 and 1",
    ),
    "Sequential": (
        lambda: Sequential(Linear(2, 2), Activation("tanh")),
        partial(cross_entropy, reduction="mean"), [0, 1], "tanh", "-1 and 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("make", "loss", "y", "op", "bounds"), BOUNDED.values(), ids=BOUNDED)
def test_scores_that_cannot_grow_are_warned_about_once(make, loss, y, op, bounds, jit):
    with pytest.warns(UserWarning, match=f"end in {op} and stay between {bounds}") as seen:
        fit(make(), [[0.0, 1.0], [1.0, 0.0]], y, loss, epochs=3, progress=False, jit=jit)
    assert len(seen) == 1
    assert seen[0].filename == __file__


def test_scores_that_can_grow_and_other_losses_are_not_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = [[0.0, 1.0], [1.0, 0.0]]
        for output in ("linear", "relu"):
            model = MLP(2, [2], output_activation=output, rng=0)
            fit(model, X, [0, 1], cross_entropy, epochs=1, progress=False)
        fit(MLP(2, [2]), X, X, mse_loss, epochs=1, progress=False)
