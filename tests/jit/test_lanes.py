"""One sample alone: the rows of a group are the lanes, whatever their number and order."""

import random

import numpy as np
import pytest

from micrograd_like import Value
from micrograd_like.engine import as_value, grad
from micrograd_like.functional import dot, exp, relu, softmax, take
from micrograd_like.functional import sum as total
from micrograd_like.jit import lanes
from micrograd_like.jit.native import Native
from micrograd_like.tape import reroll, trace

WIDTHS = [
    3,
    4,
    5,
    7,
    8,
    13,
    16,
    27,
]  # rows of a group: fewer than lanes, as many, and not a multiple


def layered(seed):
    """A function of some positions of numbers each: layers, sums over positions, softmax."""
    rng = random.Random(f"lanes {seed}")
    positions, width = rng.randint(1, 9), rng.choice(WIDTHS)
    plan = [(rng.randrange(4), rng.choice(WIDTHS)) for _ in range(4)]
    weights = [[[Value(rng.gauss(0, 0.3)) for _ in range(40)] for _ in range(27)] for _ in plan]

    def f(numbers):
        rows = [numbers[p * width :][:width] for p in range(positions)]
        for (kind, n), w in zip(plan, weights):
            if kind == 0:
                rows = [[relu(dot(w[r][: len(x)], x) + w[r][-1]) for r in range(n)] for x in rows]
            elif kind == 1:  # each position looks at those before it
                seen = [softmax([dot(x, y) for y in rows[: p + 1]]) for p, x in enumerate(rows)]
                columns = list(zip(*rows))
                rows = [[dot(s, c[: len(s)]) for c in columns] for s in seen]
            elif kind == 2:
                scales = [(dot(x, x) / len(x) + 1.0) ** -0.5 for x in rows]
                rows = [[v * s for v in x] for x, s in zip(rows, scales)]
            else:
                rows = [[(v + w[p][i]).tanh() + exp(-v * v) for i, v in enumerate(x)]
                        for p, x in enumerate(rows)]  # fmt: skip
        return [total(x) for x in rows], [v for w in weights for row in w for v in row]

    return f, [[rng.gauss(0, 1) for _ in range(positions * width)] for _ in range(2)]


def traced(seed):
    """The tape of outputs and gradients, and numbers for its inputs and parameters."""
    f, samples = layered(seed)

    def recorded(x, shared):
        outs, parameters = f(x)
        loss = as_value(total(outs))
        reached = parameters[:: 1 + seed % 3]  # all gradients, or one here and there
        return outs, [loss, *grad(loss, reached, create_graph=True)]

    found = trace(recorded, samples)
    return found.tape, samples[0], [p.data for p in found.parameters]


@pytest.mark.parametrize(
    ("seed", "width"),
    [pytest.param(seed, width, marks=[pytest.mark.slow] * ((seed + width // 4) % 2))
     for seed in range(8) for width in (2, 4, 8)],
)  # fmt: skip
def test_one_sample_gives_what_python_gives(seed, width, monkeypatch):
    if width > lanes.host_width():
        pytest.skip(f"this machine has no vectors of {width}")
    monkeypatch.setattr(lanes, "host_width", lambda: width)
    tape, x, scalars = traced(seed)
    outputs, sums = tape.run(x, scalars)
    got_outputs, got_sums = Native(tape, 1)(np.array([x]).T, scalars)
    size = max(1.0, *map(abs, [*outputs, *sums]))
    assert got_outputs[:, 0] == pytest.approx(outputs, rel=1e-12, abs=1e-13 * size)
    assert got_sums == pytest.approx(sums, rel=1e-12, abs=1e-13 * size)


def test_rows_in_another_order_compute_the_same():
    tape, x, scalars = traced(0)
    one, other = reroll(tape).run(x, scalars), reroll(tape, alone=True).run(x, scalars)
    before = tape.run(x, scalars)
    assert one == before
    assert other == before


def test_gradients_of_several_samples_are_added_up_one_after_the_other():
    tape, x, scalars = traced(1)
    outputs, sums = Native(tape, 1)(np.array([x] * 3).T, scalars)
    _, once = Native(tape, 1)(np.array([x]).T, scalars)
    assert sums == pytest.approx(3.0 * once, rel=1e-12, abs=1e-14)
    assert np.ptp(outputs, axis=1).max() == 0.0


@pytest.mark.parametrize("samples", [1, 3, 20])
@pytest.mark.parametrize("wrong", [5.0, -1.0, np.nan, np.inf, -np.inf, 1e300])
def test_machine_code_reads_and_writes_no_memory_of_others_whatever_the_index(wrong, samples):
    table = [Value(0.1 * i) for i in range(5)]
    found = trace(lambda x, _: ([], [take(table, x[0]) * 2.0]), [[0.0], [1.0]])
    native = Native(found.gradients(), samples)
    _, sums = native(np.full((1, samples), wrong), [p.data for p in found.parameters])
    assert sums[0] in 2.0 * samples * np.array([0.1 * i for i in range(5)])
    assert sorted(sums[1:]) == [0.0, 0.0, 0.0, 0.0, 2.0 * samples]
