"""Schedules against torch's own, epoch by epoch, and their refusals."""

import math
import random
import warnings

import pytest
import torch
from helpers.known_optimizers import REFUSED_BY_SCHEDULERS, SCHEDULERS, schedule_step
from helpers.values import as_values

from micrograd_like.engine import Value
from micrograd_like.optim import SGD, ExponentialLR, ReduceLROnPlateau

INF, NAN = math.inf, math.nan

METRICS = {
    "noisy and falling": [5.0 / (1 + i) + random.Random(i).gauss(0.0, 0.3) for i in range(50)],
    "noisy and rising": [i / 10 + random.Random(i).gauss(0.0, 1.0) for i in range(50)],
    "nan first": [NAN, *[1.0 + 0.01 * (i % 7) for i in range(49)]],
    "infinite first": [INF, -INF, *[1.0 / (1 + i) for i in range(48)]],
    "constant": [1.0] * 50,
}


def metrics_of(ours):
    return METRICS if ours is ReduceLROnPlateau else {"none": [None] * 50}


@pytest.mark.parametrize(
    ("ours", "theirs", "options", "metrics"),
    [(*row, name) for row in SCHEDULERS for name in metrics_of(row[0])],
)
def test_the_learning_rate_of_fifty_epochs_equals_torch(ours, theirs, options, metrics):
    one, two = SGD(as_values([0.0]), lr=0.5), torch.optim.SGD([torch.zeros(1)], lr=0.5)
    schedule, expected = ours(one, **options), theirs(two, **options)
    rates = []
    for metric in metrics_of(ours)[metrics]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch misses its optimizer's steps
            schedule_step(expected, metric)
        schedule_step(schedule, metric)
        rates.append(one.lr)
        assert one.lr == pytest.approx(two.param_groups[0]["lr"], rel=1e-12, abs=1e-15)
    assert len(set(rates)) > 1


@pytest.mark.parametrize(("ours", "theirs", "options"), SCHEDULERS)
def test_a_scheduler_goes_on_exactly_from_its_state(ours, theirs, options):
    metrics = next(iter(metrics_of(ours).values()))
    one = SGD(as_values([0.0]), lr=0.5)
    schedule = ours(one, **options)
    for metric in metrics[:20]:
        schedule_step(schedule, metric)
    two = SGD(as_values([0.0]), lr=one.lr)
    twin = ours(two, **options)
    twin.load_state_dict(schedule.state_dict())
    for metric in metrics[20:]:
        schedule_step(schedule, metric)
        schedule_step(twin, metric)
        assert two.lr == one.lr
    assert twin.state_dict() == schedule.state_dict()


def test_no_growth_makes_more_than_nothing_of_a_rate_of_zero():
    assert ExponentialLR(SGD(as_values([0.0]), lr=0.0), gamma=1e10).lr_at(99) == 0.0


def test_a_plateau_keeps_the_number_of_a_loss_and_not_its_graph():
    schedule = ReduceLROnPlateau(SGD(as_values([0.0])))
    schedule.step(Value(2.0) * Value(3.0))
    assert type(schedule.best) is float
    assert schedule.best == 6.0


@pytest.mark.parametrize(
    ("call", "error", "message"), [row for rows in REFUSED_BY_SCHEDULERS.values() for row in rows]
)
def test_a_scheduler_refuses_with_a_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
