"""A page says nothing against a right program, and what it says of a wrong one is true."""

import re

import pytest
from helpers.pages import data_of
from helpers.right_and_wrong import RIGHT, WRONG, loss_of, network

from micrograd_like import SGD, Value
from micrograd_like.engine import grad, topological_order
from micrograd_like.explore import explore


@pytest.mark.parametrize("program", RIGHT, ids=lambda program: program.__name__)
def test_nothing_is_said_against_a_right_program(program):
    arguments, given = program()
    assert data_of(explore(*arguments, **given))["notes"] == {}


@pytest.mark.parametrize("program", WRONG, ids=lambda program: program.__name__)
def test_a_missed_zero_grad_is_told_with_the_right_numbers(program):
    (root,), given, times = program()
    data = data_of(explore(root, **given))
    nodes = topological_order(root)
    once = grad(root, nodes)
    assert data["notes"]
    for i, (note,) in data["notes"].items():
        v = nodes[int(i)]
        assert note == (
            f"stored gradient {v.grad:.6g} = {times} x {once[int(i)]:.6g}: was zero_grad missed?"
        )
        assert v.grad == pytest.approx(times * once[int(i)], rel=1e-12)
    named = {i for i, v in enumerate(nodes)
             if not v.inputs and not v.is_constant and once[i] and v.grad != once[i]}  # fmt: skip
    assert set(map(int, data["notes"])) == named


def test_a_forgotten_zero_grad_between_steps_is_no_claim_but_the_number_is_told():
    model = network()
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
    data = data_of(explore(loss, model=model))
    assert data["notes"] == {}
    nodes = topological_order(loss)
    place = {v: str(i) for i, v in enumerate(nodes)}
    for p in model.parameters():
        assert data["now"][place[p]] == {"data": p.data, "grad": p.grad}


def test_a_gradient_of_another_pass_is_told_for_what_it_is():
    a = Value(2.0, label="a")
    a.grad = 7.0
    assert data_of(explore(a * a))["now"] == {"0": {"grad": 7.0}}


def test_a_record_of_a_training_tells_nothing_of_what_is_stored():
    for program in RIGHT[-2:]:
        arguments, given = program()
        assert data_of(explore(*arguments, **given))["now"] == {}


def test_every_right_and_wrong_program_is_in_its_list():
    from helpers import right_and_wrong as programs

    made = [f for f in vars(programs).values() if getattr(f, "__module__", "") == programs.__name__]
    listed = {*RIGHT, *WRONG, programs.network, programs.loss_of}
    assert {f.__name__ for f in made} == {f.__name__ for f in listed}
    assert not [f for f in RIGHT if re.search("missed|forgot", f.__name__)]
