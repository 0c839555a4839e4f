"""Runs first: what an op of the table still lacks, in one list for all ops.

The other tests go over the complete ops only, so that a new row fails here and nowhere else.
"""

from helpers.checklist import COMPLETE, missing
from helpers.known_ops import KNOWN
from helpers.make_oracle import read
from helpers.still_missing import report
from helpers.torch_twins import LOSS_TWINS

from micrograd_like.jit.vectormath import LOWERINGS
from micrograd_like.ops import OPS, Op
from micrograd_like.words import WORDS


def test_every_op_of_the_table_is_written_everywhere():
    report({name: list(missing(op)) for name, op in OPS.items()})
    assert sorted(OPS) == COMPLETE


def test_nothing_is_written_for_an_op_that_does_not_exist():
    assert {*KNOWN, *LOWERINGS, *WORDS, *read()[1]} - {*OPS, *LOSS_TWINS} == set()


def test_a_row_alone_is_told_every_place():
    twin = Op("twin", "twin", 1, lambda x: 1.0, lambda g, out, x: (g,))
    places = [line.split(":")[0].rpartition("/")[2] for line in missing(twin)]
    assert places == [
        "functional.py",
        "vectormath.py",
        "words.py",
        "known_ops.py",
        "oracle.jsonl.gz",
    ]
