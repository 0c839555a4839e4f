"""Every op in words: a row for each, and its derivatives compute what its rule gives."""

import math

import pytest
from helpers.points import points

import micrograd_like.functional as F
from micrograd_like.ops import OPS, Op
from micrograd_like.words import WORDS, spelled, words

HELPERS = {**vars(math), "sigmoid": F.sigmoid, "sign": lambda x: math.copysign(1.0, x), "ties": 1}
ANYWHERE = [(0.7, 1.3, -0.4, 2.1), (-0.6, 0.9, 0.2, -1.5), (1.9, -0.8, 1.1, 0.3)]


def test_the_rows_have_the_order_of_the_op_table():
    assert list(WORDS) == [name for name in OPS if name in WORDS]


def numbers_of(op, k, out, args):
    """What the names of a derivative stand for, of the k-th input."""
    many = op.arity is None
    x, y = (args[k], args[(k + 2) % 4]) if many else (args[0], args[min(1, len(args) - 1)])
    return {"x": x, "y": y, "k": args[-1], "c": args[0], "out": out}


@pytest.mark.parametrize("name", sorted(WORDS))
def test_the_words_for_a_derivative_compute_it(name):
    op, texts = OPS[name], WORDS[name].derivatives
    assert len(texts) == (1 if op.arity is None else op.arity - op.constants)
    for args in ANYWHERE:
        args = args[: op.arity or 4]
        if name in ("pow", "sqrt", "log", "powc"):
            args = (abs(args[0]), *args[1:])
        out = op.forward(*args)
        slopes = op.backward(1.0, out, *args)[: len(args) - op.constants]
        for k, d in enumerate(slopes):
            text = texts[0] if op.arity is None else texts[k]
            if text and d is not None:  # the index of take receives nothing
                scope = HELPERS | numbers_of(op, k, out, args)
                assert eval(text, {}, scope) == pytest.approx(d, rel=1e-14), (text, args)
            else:
                assert d is None, (text, args)


@pytest.mark.parametrize("name", sorted(name for name in WORDS if WORDS[name].steep))
def test_a_derivative_that_is_spelled_with_numbers_computes_it(name):
    op = OPS[name]
    for args in points(op, edges=False):
        out = op.forward(*args)
        if math.isnan(out) or (name == "pow" and args[0] < 0.0):
            continue
        for k, text in enumerate(WORDS[name].derivatives):
            numbers = {key: f"({a!r})" for key, a in numbers_of(op, k, out, args).items()}
            slope = eval(spelled(text, numbers), {"log": math.log})
            assert slope == pytest.approx(op.backward(1.0, out, *args)[k], rel=1e-12)


def test_a_node_made_by_hand_has_a_noun():
    by_hand = [Op(name, name, None, max, max) for name in ("square", "")]
    assert [words(op).noun for op in by_hand] == ["square", "node"]
