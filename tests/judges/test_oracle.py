"""Every op and every loss against the frozen table of torch's numbers, and the table itself.

``python -m pytest tests -k facts`` prints what this and the other judges have compared.
"""

import gzip
import math
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.checklist import COMPLETE
from helpers.compare import agrees, in_short, same
from helpers.make_oracle import PATH, torch_loss, torch_op, write
from helpers.make_oracle import header as live_header
from helpers.oracle import (
    ALLOWED,
    HEADER,
    LOSSES,
    TABLE,
    TOLERATED,
    Pair,
    deviates,
    judge,
    loss_pairs,
    op_pairs,
)
from helpers.points import loss_cases
from helpers.torch_twins import LOSS_TWINS

from micrograd_like.engine import Value
from micrograd_like.nesting import flat, map_nested
from micrograd_like.ops import OPS

nan = math.nan


@cache
def pairs(name: str) -> list[Pair]:
    return list(op_pairs(OPS[name]) if name in OPS else loss_pairs(name, LOSSES[name]))


@pytest.mark.parametrize("name", [*COMPLETE, *sorted(LOSSES)])
def test_every_number_is_torchs_but_for_the_listed_deviations(name):
    assert list(judge(name, pairs(name))) == []


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_of_plain_floats_never_raises_and_is_that_of_values(name):
    for scores, target, options, *_ in TABLE[name]:
        plain = flat(LOSSES[name](scores, target, **options))
        recorded = flat(LOSSES[name](map_nested(Value, scores), target, **options))
        assert all(type(x) is float for x in plain)
        assert all(same(x, v.data) for x, v in zip(plain, recorded)), (scores, target, options)


def test_every_allowance_names_ops_or_losses_there_are():
    assert {name for a in ALLOWED for name in a.names.split()} <= {*OPS, *LOSSES}


def test_every_loss_is_in_the_frozen_table_and_has_a_torch_twin():
    assert {*LOSSES} == {*LOSS_TWINS}  # test_new_op_checklist.py asks for the ops
    for name in LOSSES:  # missing there: run make_oracle.py
        assert repr([tuple(row[:3]) for row in TABLE[name]]) == repr(loss_cases(name)), name


def test_the_table_is_of_the_pinned_torch_in_double_precision_on_one_thread():
    assert repr(HEADER) == repr(live_header())
    pinned = Path(__file__).parents[2].joinpath("setup.cfg").read_text()
    assert f"torch=={HEADER['torch']}\n" in pinned
    assert (HEADER["dtype"], HEADER["threads"]) == ("float64", 1)


def test_the_file_is_written_the_same_every_time(tmp_path):
    rows = [[name, *row] for name in TABLE for row in TABLE[name]]
    for path in (tmp_path / "a", tmp_path / "b"):
        write(path, rows)
    frozen_bytes = PATH.read_bytes()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert gzip.decompress((tmp_path / "a").read_bytes()) == gzip.decompress(frozen_bytes)
    assert frozen_bytes[4:8] == bytes(4)  # no time of writing


# --- the table against live torch, so that it cannot drift from its script ---


def live(name: str, row: list[Any]) -> tuple[Any, ...]:
    if name in OPS:
        return torch_op(OPS[name], tuple(row[0]))
    return torch_loss(name, *row[:3])


def drifted(rows: list[tuple[str, list[Any]]]) -> list[Any]:
    """The rows whose numbers are not what torch says today.

    The last places may be another processor's, and gelu's cancellation is 1e-16 anywhere.
    """
    found = []
    for name, row in rows:
        now = flat(live(name, row))
        then = flat(row[1:] if name in OPS else row[3:])
        if len(now) != len(then) or not all(
            agrees(a, b, 1e-13) or abs(a - b) < 1e-15 for a, b in zip(now, then)
        ):
            found.append((name, row, now))
    return found


def test_a_sample_of_the_table_is_what_torch_says_today():
    rng = random.Random(4)
    assert drifted([(name, row) for name in TABLE for row in rng.sample(TABLE[name], 10)]) == []


@pytest.mark.slow
def test_the_whole_table_is_what_torch_says_today():
    assert drifted([(name, row) for name in TABLE for row in TABLE[name]]) == []


def test_a_table_that_drifted_is_noticed():
    args, value, first, second = TABLE["tanh"][0]
    for wrong in (
        [args, value * (1.0 + 1e-12), first, second],
        [args, value, [[nan], *first[1:]], second],
        [args, value, first, [[second[0][0] + 1e-10]]],
    ):
        assert len(drifted([("tanh", wrong), ("tanh", TABLE["tanh"][1])])) == 1


def test_facts(capsys):
    """What was compared; `pytest -k facts` shows it."""
    every = [d for name in TABLE for d in pairs(name)]
    allowed = [d for d in every if deviates(d)]
    worst = dict.fromkeys(TOLERATED, 0.0)
    for d in every:
        if d.ordinary and d.torch and math.isfinite(d.torch) and not deviates(d):
            worst[d.kind] = max(worst[d.kind], abs(d.ours - d.torch) / abs(d.torch))
    with capsys.disabled():
        print(f"\nfrozen table: torch {HEADER['torch']}, {len(OPS)} ops and {len(LOSSES)} losses")
        print(f"  {sum(map(len, TABLE.values()))} rows, {len(every)} numbers compared")
        print(f"  {len(allowed)} deviate, for {len(ALLOWED)} listed reasons")
        print("  largest relative difference at ordinary points:", in_short(worst))
    assert len(every) > 100_000
    assert len(allowed) < 0.05 * len(every)
