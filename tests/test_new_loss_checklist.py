"""Runs first: what a loss still lacks, in one list for all of them."""

import inspect
from pathlib import Path

from helpers.known_losses import EXACT, LOSSES, ONE_OUTPUT, REFUSED
from helpers.make_oracle import read
from helpers.points import loss_cases
from helpers.still_missing import missing_words, public, report
from helpers.torch_twins import LOSS_TWINS

from micrograd_like import losses

TESTS = Path(__file__).parent
ELSEWHERE = {  # files that must name every loss
    "*programs.py": "a row of TARGETS, for the random programs that end in a loss",
    "test_jit_ops.py": "a row of all_losses, to be compiled",
}
KNOWN = "tests/helpers/known_losses.py: a row of"


def missing(name, loss):
    """Every place where a loss still has to be written, and what to write there."""
    yield from missing_words(loss, ">>>", "Source:")
    if list(inspect.signature(loss).parameters)[:3] != ["input", "target", "reduction"]:
        yield "its arguments: input, target, reduction, then its own"
    if name not in LOSS_TWINS:
        yield "tests/helpers/torch_twins.py: a row of LOSS_TWINS, the same on tensors"
    if name not in {ours.__name__ for ours, *_ in LOSSES.values()}:
        yield f"{KNOWN} LOSSES, targets of SCORES to compare with torch"
    if name not in EXACT:
        yield f"{KNOWN} EXACT, the same on mpmath's numbers"
    if name not in ONE_OUTPUT and takes_numbers(loss):
        yield f"{KNOWN} ONE_OUTPUT, targets of ONES, one number for each sample"
    if name not in REFUSED:
        yield f"{KNOWN} REFUSED, a call with bad input and its sentence"
    if not has_cases(name):
        yield "tests/helpers: a row of TARGETS, from which loss_cases makes the frozen cases"
    if name not in read()[1]:
        yield "tests/helpers/oracle.jsonl.gz: run python -m tests.helpers.make_oracle"
    for pattern, row in ELSEWHERE.items():
        if not any(name in file.read_text() for file in TESTS.rglob(pattern)):
            yield f"{pattern}: {row}"


def takes_numbers(loss):
    """Whether the loss compares one number with one number."""
    try:
        return loss([0.5], [1.0]) is not None
    except (TypeError, ValueError):
        return False


def has_cases(name):
    try:
        return bool(loss_cases(name))
    except KeyError:
        return False


def test_every_loss_is_written_everywhere():
    found = public(losses, inspect.isfunction)
    report({name: list(missing(name, loss)) for name, loss in found.items()})
    assert set(found) == {*LOSS_TWINS} == {*EXACT} == {*REFUSED}  # and nothing that is no loss


def test_a_function_alone_is_told_every_place():
    def no_loss(input, target):
        return 0.0

    assert len(list(missing("no_loss", no_loss))) == 12
