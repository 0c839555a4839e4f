"""BatchNorm over time, its statistics as torch keeps them; Dropout: what it draws, and when not."""

import random

import pytest
import torch
from helpers.layers import numbers, shake

from micrograd_like import Adam, fit, hinge_loss, load, save
from micrograd_like.data import make_circles
from micrograd_like.engine import Value
from micrograd_like.nesting import map_nested
from micrograd_like.nn import MLP, BatchNorm, Dropout, Linear, Sequential, mlp
from micrograd_like.testing import assert_module_matches_torch


def after_batches(module, twin, n):
    for seed in range(n):
        x = [[3.0 * v + seed for v in row] for row in numbers((4 + seed, 3), seed)]
        module.batch(x)
        twin(torch.tensor(x, dtype=torch.float64))


def test_running_statistics_after_several_batches_equal_torch_and_eval_uses_them():
    module = shake(BatchNorm(3, momentum=0.2))
    twin = torch.nn.BatchNorm1d(3, momentum=0.2, dtype=torch.float64)
    after_batches(module, twin, 5)
    assert module.running_mean == pytest.approx(twin.running_mean.tolist(), rel=1e-12)
    assert module.running_var == pytest.approx(twin.running_var.tolist(), rel=1e-12)
    before = module.state_dict()
    assert_module_matches_torch(module.eval(), twin, numbers((4, 3), seed=9))
    assert module.state_dict() == before  # evaluation leaves the statistics alone


def test_state_dict_holds_the_running_statistics_and_goes_round():
    one = Sequential(Linear(3, 3, rng=0), shake(BatchNorm(3)))
    one.batch(numbers((5, 3)))
    state = one.state_dict()
    assert {k: v for k, v in state.items() if "running" in k} == {
        **{f"layers.1.running_mean.{i}": v for i, v in enumerate(one.layers[1].running_mean)},
        **{f"layers.1.running_var.{i}": v for i, v in enumerate(one.layers[1].running_var)},
    }
    two = Sequential(Linear(3, 3, rng=1), BatchNorm(3))
    two.load_state_dict(state)
    assert two.state_dict() == state
    x = numbers(3, seed=4)
    assert [v.data for v in two.eval()(x)] == [v.data for v in one.eval()(x)]
    two.train().batch(numbers((5, 3), seed=5))
    assert one.state_dict() == state  # nothing is shared


def test_a_refused_state_leaves_the_running_statistics_alone():
    module = BatchNorm(1)
    with pytest.raises(ValueError, match=r"does not fit the BatchNorm: running_var.0 is missing"):
        module.load_state_dict({"w.0": 2.0, "b.0": 2.0, "running_mean.0": 2.0})
    with pytest.raises(TypeError, match="expected a real number, got str"):
        module.load_state_dict({**module.state_dict(), "running_var.0": "1"})
    assert module.state_dict() == BatchNorm(1).state_dict()


def test_a_batchnorm_that_is_used_twice_has_one_set_of_statistics():
    norm = BatchNorm(2)
    model = Sequential(norm, norm)
    state = model.state_dict()
    assert len(state) == 4 + 2 * 4  # its parameters once, its statistics by both names
    model.load_state_dict(dict.fromkeys(state, 2.0))
    assert norm.running_mean == norm.running_var == [2.0, 2.0]


def test_dropout_keeps_the_expectation():
    outs = Dropout(0.3, rng=0)([1.0] * 10_000)
    assert set(outs) == {0.0, 1.0 / (1.0 - 0.3)}
    assert outs.count(0.0) / 10_000 == pytest.approx(0.3, abs=0.02)
    assert sum(outs) / 10_000 == pytest.approx(1.0, abs=0.03)


def test_dropout_is_reproducible_by_its_own_rng_alone():
    state = random.getstate()
    one, two, other = Dropout(rng=3), Dropout(rng=random.Random(3)), Dropout(rng=4)
    x = [1.0] * 50
    first = one(x)
    assert first == two(x) != other(x)
    assert one(x) != first  # the next call draws anew
    assert random.getstate() == state


def test_dropout_in_evaluation_and_with_p_zero_is_the_identity():
    x = map_nested(Value, numbers((2, 3)))
    dropout = Dropout(0.9, rng=0).eval()
    assert dropout(x) is x
    assert dropout.batch(x) == x
    assert Dropout(0.0)([1.5, -2.0]) == [1.5, -2.0]


def test_dropout_masks_the_gradient_as_it_masks_the_number():
    x = map_nested(Value, [1.0] * 20)
    outs = Dropout(0.5, rng=0)(x)
    sum(outs).backward()
    assert [v.grad for v in x] == [v.data for v in outs]
    assert {v.grad for v in x} == {0.0, 2.0}


def test_eval_reaches_the_dropout_inside_a_sequential():
    model = Sequential(Linear(2, 30, rng=0), Dropout(0.5, rng=0))
    assert 0.0 in [v.data for v in model([1.0, 1.0])]
    assert 0.0 not in [v.data for v in model.eval()([1.0, 1.0])]


# --- mlp: both in one line ---


def test_mlp_starts_as_the_mlp_and_without_more_computes_what_it_computes():
    arguments = 3, [4, 3, 2], ["relu", "sin"], "sigmoid"
    one, other = mlp(*arguments, rng=5), MLP(*arguments, rng=5)
    assert [p.data for p in one.parameters()] == [p.data for p in other.parameters()]
    x = numbers(3)
    assert [v.data for v in one(x)] == [v.data for v in other(x)]
    assert mlp(3, [1], rng=5)(x).data == MLP(3, [1], rng=5)(x).data


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("nout", [1, 2])
def test_mlp_with_batch_norm_and_dropout_is_torch_s(training, nout):
    nn = torch.nn
    model = shake(mlp(3, [4, 3, nout], "relu", "tanh", rng=0, batch_norm=True, dropout=0.25))
    for layer in model.layers:
        if isinstance(layer, Dropout):
            layer.factor = lambda: 4.0 / 3.0  # nothing is dropped: torch draws other numbers
    twin = nn.Sequential(
        *(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), Scaled()),
        *(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), Scaled()),
        *(nn.Linear(3, nout), nn.Tanh(), *[nn.Flatten(0)] * (nout == 1)),
    )
    assert_module_matches_torch(model.train(training), twin, numbers((6, 3)), rtol=1e-11)


class Scaled(torch.nn.Module):
    """A Dropout that drops nothing."""

    def forward(self, x):
        return x * (4.0 / 3.0) if self.training else x


def test_mlp_trains_on_plain_targets_and_is_saved(tmp_path):
    X, y = make_circles(24, noise=0.05)
    y = [2 * k - 1 for k in y]
    model = mlp(2, [8, 1], "relu", "linear", rng=0, batch_norm=True, dropout=0.1)
    adam = Adam(model.parameters(), lr=0.05)
    history = fit(model, X, y, hinge_loss, adam, epochs=40, metrics=["accuracy"], progress=False)
    assert history["accuracy"][-1] > 0.9
    save(model, tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert repr(again) == repr(model)
    assert again(X[0]).data == model(X[0]).data


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mlp(2, 3, batch_norm=True), TypeError, r"expects a list of layer widths, got 3"),
        (lambda: mlp(2, [3, 1], dropout=1.0), ValueError, "p must be 0 or more and below 1"),
        (lambda: mlp(2, [3, 1], dropout="0.2"), TypeError, "p must be a number, got str '0.2'"),
        (lambda: mlp(2, [3, 1], batch_norm=2), TypeError, "batch_norm must be True or False, got"),
    ],
)
def test_mlp_says_what_it_cannot_take(call, error, message):
    with pytest.raises(error, match=message):
        call()
