"""A mode comes back: an interrupt at any instruction on the way in, inside, or on the way out."""

import asyncio
import gc
import sys
import threading

import pytest
from helpers.interrupts import EVENTS, interrupted_everywhere

from micrograd_like import Value, detect_anomaly, engine, no_grad
from micrograd_like.anomaly import is_anomaly_enabled
from micrograd_like.modes import Mode, uncollected


def in_no_grad():
    with no_grad():
        Value(1.0) * 2.0


def in_nested_modes():
    with detect_anomaly(), no_grad(), detect_anomaly():
        Value(1.0) * 2.0


def in_a_seam():
    with engine.swapped(_binary=lambda own, *args: own(*args)):
        Value(1.0) * 2.0


def in_a_recorded_gradient():
    with no_grad():
        x = Value(2.0)
        engine.grad(x, x, create_graph=True)


def without_the_collector():
    with uncollected():
        pass


def as_a_decorator():
    no_grad()(lambda: Value(1.0) * 2.0)()


WORKS = [in_no_grad, in_nested_modes, in_a_seam, in_a_recorded_gradient, without_the_collector]


@pytest.mark.parametrize("kinds", [{"opcode"}, {"call"}, {"return"}, EVENTS])
@pytest.mark.parametrize("work", [*WORKS, as_a_decorator])
def test_a_mode_comes_back_from_an_interrupt_at_any_event(work, kinds):
    own = dict(engine.swapped.own)
    interrupts = 0
    for _ in interrupted_everywhere(work, kinds):
        interrupts += 1
        assert (Value(1.0) * 2.0).op is not None
        assert not is_anomaly_enabled()
        assert gc.isenabled()
        assert {name: getattr(engine, name) for name in own} == own
    assert interrupts >= 3


def test_a_mode_in_a_mode_puts_back_what_was_there():
    state = ["outer"]

    def write(new):
        state[:] = new

    mode = Mode(state.copy, write, lambda before: [before[0] + "+"])
    with mode:
        with mode:
            assert state == ["outer++"]
        assert state == ["outer+"]
    assert state == ["outer"]


def test_an_error_inside_goes_on_and_the_mode_is_left():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (Value(1.0) * 2.0).op is not None


def test_a_decorated_function_may_call_itself():
    @no_grad()
    def countdown(n):
        assert (Value(1.0) * 2.0).op is None
        return countdown(n - 1) if n else "done"

    assert countdown(3) == "done"
    assert (Value(1.0) * 2.0).op is not None


def generator():
    yield 1


async def coroutine():
    return 1


@pytest.mark.parametrize("function", [generator, coroutine])
def test_what_runs_after_the_call_cannot_be_decorated(function):
    with pytest.raises(TypeError, match=r"is a generator or an async function.*a with block"):
        no_grad()(function)


# --- the seam ---


def test_a_function_is_replaced_here_and_the_own_one_comes_with_it():
    seen = []

    def watch(own, op, x, y):
        seen.append(op.name)
        return own(op, x, y)

    with engine.swapped(_binary=watch):
        assert (Value(2.0) * Value(3.0)).data == 6.0
    assert seen == ["mul"]
    assert engine._binary is engine.swapped.own["_binary"]


def test_what_cannot_be_replaced_is_refused():
    with pytest.raises(ValueError, match=r"'grad' cannot be swapped: choose from _new, _unary"):
        engine.swapped(grad=print)


def test_another_thread_keeps_its_own_functions():
    def refuse(own, *args):
        raise AssertionError

    results = []
    with engine.swapped(_binary=refuse):
        thread = threading.Thread(target=lambda: results.append((Value(2.0) + 1.0).data))
        thread.start()
        thread.join()
    assert results == [3.0]


def test_tasks_enter_and_leave_in_any_order():
    async def watched(first, second):
        with detect_anomaly():
            first.set()
            await second.wait()
            return is_anomaly_enabled()

    async def main():
        a, b = asyncio.Event(), asyncio.Event()
        answers = await asyncio.gather(watched(a, b), watched(b, a))
        return [*answers, is_anomaly_enabled()]

    assert asyncio.run(main()) == [True, True, False]
    assert engine._binary is engine.swapped.own["_binary"]


def test_the_collector_stays_off_if_it_was_off():
    gc.disable()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_threads_that_enter_and_leave_all_the_time_never_lose_their_functions():
    wrong = []

    def once():
        seen = []
        with engine.swapped(_binary=lambda own, *args: seen.append(1) or own(*args)):
            Value(1.0) + 1.0
        return bool(seen)

    def work():
        wrong.extend([n for n in range(300) if not once()])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    assert engine._binary is engine.swapped.own["_binary"]
