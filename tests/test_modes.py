"""A mode comes back: an interrupt at any instruction on the way in, inside, or on the way out."""

import asyncio
import gc
import math
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from functools import partial

import pytest
from helpers.interrupts import EVENTS, interrupted_everywhere

from micrograd_like import MLP, AnomalyError, Value, detect_anomaly, engine, no_grad
from micrograd_like.anomaly import is_anomaly_enabled
from micrograd_like.modes import evaluating, replaced, setting, uncollected


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
    state = ContextVar("state", default="outer")
    mode = setting(state, lambda before: before + "+")
    with mode:
        with mode:
            assert state.get() == "outer++"
        assert state.get() == "outer+"
    assert state.get() == "outer"


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
    with pytest.raises(ValueError, match=r"'grad' cannot be swapped: choose from _new, "):
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


# --- signals ---


@contextmanager
def a_signal_meanwhile():
    """A real one, in a hundredth of a second."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


MODEL = MLP(1, [1], rng=0)
MODES = {
    "no_grad": no_grad,
    "detect_anomaly": detect_anomaly,
    "uncollected": uncollected,
    "evaluating": lambda: evaluating(MODEL.modules()),
    "replaced": lambda: replaced(MODEL.modules(), "forward", [None] * 3),
    "seam": lambda: engine.swapped(_new=lambda own, kind: own(kind)),
}


def state():
    own = [vars(engine)[name] is function for name, function in engine.swapped.own.items()]
    spaces = [dict(vars(m)) for m in MODEL.modules()]
    recording = (Value(1.0) * 2.0).op is not None
    return recording, is_anomaly_enabled(), gc.isenabled(), MODEL.training, own, spaces


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs Unix signals")
@pytest.mark.parametrize("make", MODES.values(), ids=MODES)
def test_a_signal_that_is_handled_on_leaving_finds_the_mode_left(make):
    number, before = 3**200_000, state()

    def work():
        with a_signal_meanwhile(), make():
            assert state() != before
            number % (number // 7 + 1) + (number * number * number) % 3  # no signal is handled here

    with pytest.raises(KeyboardInterrupt) as kept:
        work()
    assert kept.value.__traceback__ is not None
    assert state() == before


@pytest.mark.parametrize("make", MODES.values(), ids=MODES)
def test_every_mode_comes_back_from_an_interrupt_at_any_event_also_from_an_exit_stack(make):
    def in_a_block():
        with make():
            pass

    def in_a_stack():
        with ExitStack() as stack:
            stack.enter_context(make())

    before = state()
    for _ in interrupted_everywhere(in_a_block):
        assert state() == before
    in_a_stack()
    assert state() == before


# --- decorators ---


class Methods:
    def plain(self):
        return (Value(1.0) * 2.0).op is not None

    generator = generator
    coroutine = coroutine


async def asynchronous_generator():
    yield 1


class AsyncCall:
    async def __call__(self):
        return 1


LATER = [
    partial(generator), partial(partial(coroutine)), asynchronous_generator, AsyncCall(),
    Methods.generator, Methods().coroutine, lambda: (yield),
]  # fmt: skip


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly, uncollected])
@pytest.mark.parametrize("function", LATER)
def test_whatever_runs_later_cannot_be_decorated(mode, function):
    with pytest.raises(TypeError, match="whose body runs after the call: use a with block inside"):
        mode()(function)


@pytest.mark.parametrize("thing", [Methods, classmethod(len), staticmethod(len), property(len), 3])
def test_what_is_no_function_cannot_be_decorated(thing):
    with pytest.raises(TypeError, match=r"a mode decorates functions, not a .*: write it below"):
        no_grad()(thing)


def test_methods_of_every_kind_run_in_the_mode():
    class Decorated:
        @no_grad()
        def method(self):
            return (Value(1.0) * 2.0).op is None

        @classmethod
        @no_grad()
        def of_the_class(cls):
            return (Value(1.0) * 2.0).op is None

        @staticmethod
        @no_grad()
        def of_nobody():
            return (Value(1.0) * 2.0).op is None

        @property
        @no_grad()
        def attribute(self):
            return (Value(1.0) * 2.0).op is None

    it = Decorated()
    assert [it.method(), it.of_the_class(), it.of_nobody(), it.attribute] == [True] * 4
    assert no_grad()(Methods().plain)() is False
    assert Methods().plain()


# --- threads, tasks, copies of a context ---


def test_a_copy_of_a_context_is_in_the_mode_as_long_as_the_block_is_open():
    def anomalous():
        try:
            Value(0.0).log()
        except AnomalyError:
            return is_anomaly_enabled()
        return is_anomaly_enabled()

    with detect_anomaly():
        copy = copy_context()
        assert copy.run(anomalous)
    assert not copy.run(anomalous)
    with detect_anomaly():  # of another context
        assert not copy.run(anomalous)


def test_a_task_that_outlives_the_block_it_was_made_in():
    async def later(event):
        await event.wait()
        return is_anomaly_enabled(), Value(0.0).log().data

    async def main():
        event = asyncio.Event()
        with detect_anomaly():
            task = asyncio.create_task(later(event))
            await asyncio.sleep(0)
        event.set()
        return await task

    assert asyncio.run(main()) == (False, -math.inf)


def test_threads_of_a_pool_begin_outside_every_mode():
    with ThreadPoolExecutor(1) as pool, no_grad(), detect_anomaly():
        assert pool.submit(lambda: Value(0.0).log().op is not None).result()


def test_the_collector_is_on_again_after_the_last_of_overlapping_threads():
    barrier, seen = threading.Barrier(2, timeout=60.0), []

    def first():
        with uncollected():
            barrier.wait()  # both are inside
            barrier.wait()
        barrier.wait()  # the first one has left

    def second():
        barrier.wait()
        with uncollected():
            barrier.wait()
            barrier.wait()
            seen.append(gc.isenabled())

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (seen, gc.isenabled()) == ([False], True)
