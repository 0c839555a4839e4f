"""What jit returns behaves as the function it was made of; random arguments against a loop."""

import copy
import functools
import inspect
import math
import pickle
import random
import re
import threading
import time
import weakref

import numpy as np
import pytest
from helpers.interrupts import outcomes

from micrograd_like import MLP, SGD, Value, engine, nesting
from micrograd_like.functional import take
from micrograd_like.jit import JitError, compiled, jit
from micrograd_like.jit.native import BLOCK
from micrograd_like.jit.vectormath import host_width
from micrograd_like.losses import mse_loss
from micrograd_like.nesting import flatten
from micrograd_like.nn import Module
from micrograd_like.tape.surroundings import Surroundings
from micrograd_like.train import fit
from micrograd_like.transforms import grad

X = np.array([1.0, 2.0, -3.0])


@jit
def line(x, w=2.0, *, b=1.0):
    """A line."""
    return w * x + b


def plain(x, w=2.0, *, b=1.0):
    return w * x + b


class Model:
    """Methods of all kinds, with a parameter and a plain number in each instance."""

    slope = 3.0

    def __init__(self, w):
        self.w, self.number = Value(w), w

    @jit
    def __call__(self, x, scale=1.0):
        return self.w * x * scale

    @jit
    def plain_number(self, x):
        return self.number * x

    @staticmethod
    @jit
    def double(x):
        return 2.0 * x

    @jit
    @staticmethod
    def triple(x):
        return 3.0 * x

    @classmethod
    @jit
    def sloped(cls, x):
        return cls.slope * x

    @jit(batch=[False, True])
    def dotted(self, v, x):
        return self.w * v[0] * x + v[1]

    def uncompiled(self, x):
        return self.w * x


class Child(Model):
    slope = 4.0

    @jit
    def __call__(self, x, scale=1.0):
        return super().__call__(x, scale) + 1.0


# --- arguments by name ---


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ([], {"x": X}),
        ([X], {"w": 3.0}),
        ([X], {"b": X, "w": X}),
        ([X, X], {"b": 0.5}),
        ([], {"b": 2.0, "x": X}),
        ([2.0], {"b": 2.0}),
    ],
)
def test_arguments_may_be_given_by_name(args, named):
    assert np.array_equal(line(*args, **named), plain(*args, **named))


def test_an_argument_is_the_same_by_name_and_by_position():
    f = jit(plain)
    f(X, 3.0), f(X, w=3.0), f(w=3.0, x=X)
    assert len(f.known.programs.made) == 1


def test_names_may_come_in_any_order_again_and_again():
    f = jit(plain)
    for _ in range(3):
        assert f(w=X, x=X + 1.0, b=2.0).tolist() == (X * (X + 1.0) + 2.0).tolist()
        assert f(b=X + 1.0, w=X, x=2.0).tolist() == (X * 2.0 + (X + 1.0)).tolist()


def test_a_wrapper_takes_the_names_that_it_takes_and_not_those_of_what_it_wraps():
    slope = grad(plain)
    for f in (slope, jit(slope)):
        with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
            f(x=2.0)


@pytest.mark.parametrize("batch", [[True, True, False], [True, True]])
def test_batch_finds_an_argument_by_name(batch):
    f = jit(lambda x, v=(1.0, 2.0), b=0.0: x * v[0] + v[1] + b, batch=batch)
    v = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(f(X, v=v), X * v[:, 0] + v[:, 1])
    with pytest.raises(ValueError, match=r"batch names . arguments, the call has 4"):
        f(X, v, 1.0, 2.0)


WRONG = {
    "an unknown name": lambda f: f(X, z=1.0),
    "a missing one": lambda f: f(),
    "one too many": lambda f: f(X, 1.0, 2.0),
    "one twice": lambda f: f(X, x=1.0),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_give_pythons_own_error(call):
    with pytest.raises(TypeError) as wanted:
        call(plain)
    with pytest.raises(TypeError) as got:
        call(jit(plain))
    assert str(got.value) == str(wanted.value)


def test_gradients_and_tapes_take_names_too():
    w = Value(3.0)
    loss = jit(lambda x, *, y: (w * x - y) ** 2)
    assert (loss.backward([1.0, 2.0], y=[3.0, 4.0]), w.grad) == (2.0, 4.0)
    assert str(loss.tape(X, y=X)) == str(loss.tape(y=X, x=X))
    assert "fmul" in loss.llvm(X, y=X)


# --- a function as any other ---


def test_it_is_called_described_and_unwrapped_as_the_function():
    assert (line.__name__, line.__doc__, line.__module__) == ("line", "A line.", __name__)
    assert str(inspect.signature(line)) == "(x, w=2.0, *, b=1.0)"
    assert line.__wrapped__(1.0) == 3.0
    assert functools.partial(line, w=3.0)(X).tolist() == [4.0, 7.0, -8.0]
    assert jit(functools.partial(plain, w=3.0))(X).tolist() == [4.0, 7.0, -8.0]
    assert jit(jit(plain))(X).tolist() == line(X).tolist()
    assert callable(line)


METHODS = {
    "a call": (lambda m: m(X), lambda m: m.w.data * X),
    "a keyword": (lambda m: m(X, scale=2.0), lambda m: m.w.data * X * 2.0),
    "a static method": (lambda m: m.double(X), lambda m: 2.0 * X),
    "jit of a static method": (lambda m: m.triple(X), lambda m: 3.0 * X),
    "a class method": (lambda m: m.sloped(X), lambda m: m.slope * X),
    "with batch": (lambda m: m.dotted([1.0, 2.0], X), lambda m: m.w.data * X + 2.0),
    "by its class": (lambda m: Model.__call__(m, X), lambda m: m.w.data * X),
    "of the class": (lambda m: type(m).double(X), lambda m: 2.0 * X),
    "a bound one": (lambda m: jit(m.uncompiled)(X), lambda m: m.w.data * X),
    "a plain number": (lambda m: m.plain_number(X), lambda m: m.number * X),
    "of an object": (lambda m: jit(m)(X), lambda m: m.w.data * X),
}


@pytest.mark.parametrize(("call", "wanted"), METHODS.values(), ids=METHODS)
def test_methods_belong_to_their_instance(call, wanted):
    models = [Model(2.0), Model(-5.0), Model(0.5)]
    for m in [*models, *models]:
        assert call(m).tolist() == wanted(m).tolist()
        m.w.data += 1.0


def test_methods_are_inherited_and_overridden():
    m = Child(2.0)
    assert m(X).tolist() == (2.0 * X + 1.0).tolist()
    assert m.sloped(X).tolist() == (4.0 * X).tolist()
    assert Model.sloped(X).tolist() == (3.0 * X).tolist()


def test_a_method_is_compiled_once_for_an_instance_and_lives_as_long_as_it():
    m = Model(2.0)
    m(X), m(X), m(X + 1.0)
    table = Model.__call__.known.instances
    known = table[id(m)][1]
    assert len(known.programs.made) == 1
    assert m.__call__.known is known
    gone, size = weakref.ref(m), len(table)
    del m
    assert gone() is None
    assert len(table) == size - 1


def test_the_gradient_of_a_method_is_that_of_its_instance():
    one, two = Model(2.0), Model(3.0)
    assert one.__call__.backward(X) == 0.0
    two.__call__.backward([1.0, 3.0])
    assert (one.w.grad, two.w.grad) == (0.0, 2.0)


def test_an_instance_without_weak_references_says_what_it_needs():
    class Slim:
        __slots__ = ()

        @jit
        def double(self, x):
            return 2.0 * x

    with pytest.raises(TypeError, match="weak references to Slim: add '__weakref__'"):
        Slim().double(X)


async def asynchronous(x):
    return x


def generator(x):
    yield x


class Later:
    async def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (asynchronous, JitError, "asynchronous is a generator or an async function"),
        (generator, JitError, "generator is a generator or an async function"),
        (functools.partial(generator), JitError, "a generator or an async function"),
        (Later(), JitError, "a generator or an async function"),
        (3.0, TypeError, "jit expects a function, got float 3.0"),
        (classmethod(plain), TypeError, "got classmethod .*write @classmethod above @jit"),
    ],
)
def test_what_is_no_function_that_returns_is_refused_at_once(f, error, message):
    with pytest.raises(error, match=message):
        jit(f)


# --- copies ---


class Holder:
    def __init__(self, w):
        self.w = Value(w)
        self.fast, self.called = jit(self.slow), jit(self)

    def slow(self, x):
        return self.w * x

    __call__ = slow


COPIES = {
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_the_copy_of_what_holds_one_compiles_for_itself(copied):
    holder = Holder(2.0)
    assert holder.fast(X).tolist() == holder.called(X).tolist() == (2.0 * X).tolist()
    new = copied(holder)
    assert len(new.fast.known.programs.made) == 0
    new.w.data = 5.0
    assert new.fast(X).tolist() == new.called(X).tolist() == (5.0 * X).tolist()
    assert holder.fast(X).tolist() == (2.0 * X).tolist()
    new.fast.backward(X + 1.0)
    assert (new.w.grad, holder.w.grad) == (1.0, 0.0)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_function_of_a_module_is_that_function(copied):
    assert copied(line) is line
    assert copied(Model.__call__) is Model.__call__
    assert copied(jit(plain, batch=[True]))(X).tolist() == plain(X).tolist()
    bound = copied(Model(4.0).__call__)
    assert bound(X).tolist() == (4.0 * X).tolist()


def test_pickling_keeps_no_machine_code():
    f = jit(plain)
    before = pickle.dumps(f)
    f(X), f(np.ones(300))
    assert pickle.dumps(f) == before


def test_a_function_without_a_name_gives_pickles_own_error():
    f = lambda x: x  # noqa: E731
    errors = []
    for g in (f, jit(f)):
        with pytest.raises((pickle.PicklingError, AttributeError)) as error:
            pickle.dumps(g)
        errors.append((error.type, str(error.value)))
    assert errors[0] == errors[1]


# --- one within another ---


def test_a_compiled_function_is_part_of_the_one_that_calls_it():
    w = Value(0.7)
    inner = jit(lambda z, k=1.0: (w * z * k).tanh())
    f = jit(lambda x: x * inner(x, k=2.0) + inner(2.0))
    inner(X)  # what is compiled does not matter
    slow = lambda x: x * (w * x * 2.0).tanh() + (w * 2.0 * 1.0).tanh()  # noqa: E731
    assert np.array_equal(f(X), jit(slow)(X))
    mean = f.backward(X)
    ours, w.grad = w.grad, 0.0
    assert (jit(slow).backward(X), w.grad) == (mean, ours)
    assert "tanh" in str(f.tape(X))


def test_a_list_for_the_one_within_is_one_sample():
    w = Value(0.5)
    inner = jit(lambda v: [v[0] * w, v[1]])
    f = jit(lambda x: inner([x, 3.0])[0] + inner([2.0, 3.0])[0] * inner([1.0, 2.0])[1])
    assert f(X).tolist() == (X * 0.5 + 1.0 * 2.0).tolist()


def test_the_gradient_of_a_compiled_function_can_be_compiled():
    assert jit(grad(jit(lambda x: x**3)))(X).tolist() == (3.0 * X**2).tolist()


def test_called_with_values_it_is_the_function_itself():
    w, x = Value(3.0), Value(2.0)
    f = jit(lambda x: w * x[0] * x[1])
    out = f([x, 5.0])
    assert engine.grad(out, [w, x]) == [10.0, 15.0]
    with pytest.raises(TypeError, match=r"argument 0\[0\] must be numbers, got Value"):
        f.backward([x, 5.0])


class Net(Module):
    """With a compiled function, a compiled method, and one that it holds."""

    def __init__(self):
        self.hidden = MLP(2, [3, 1], rng=1)
        self.fast = jit(self.forward)

    @jit(batch=[True])
    def twice(self, z):
        return z * 2.0

    def forward(self, x):
        return self.twice(line(self.hidden(x)))

    __call__ = forward


@pytest.mark.parametrize("how", [True, False], ids=["compiled", "in Python"])
def test_a_model_of_compiled_parts_is_trained_and_called_meanwhile(how):
    inputs = np.random.default_rng(0).normal(size=(12, 2))
    targets = [a * b for a, b in inputs.tolist()]
    net, plain_net = Net(), MLP(2, [3, 1], rng=1)

    def look(model, history):
        seen.append(net.fast(inputs[: 2 + len(seen)]).tolist())

    seen = [net.fast(inputs[:2]).tolist()]
    settings = {"epochs": 3, "shuffle": False, "progress": False, "optimizer": SGD}
    ours = fit(net, inputs, targets, mse_loss, callbacks=[look], jit=how, **settings)
    parts = lambda outs, ys: mse_loss([plain(o) * 2.0 for o in outs], ys)  # noqa: E731
    theirs = fit(plain_net, inputs, targets, parts, jit=how, **settings)
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-12)
    assert (ours.jit == "compiled") == how
    assert seen[-1] == pytest.approx([net(x).data for x in inputs.tolist()[:5]])


def test_what_it_keeps_is_no_change_of_what_holds_it():
    net, x = Net(), np.ones((3, 2))
    around = Surroundings(net, line)
    net.fast(x), net.twice(X), line(x[:, 0])
    assert around.changes() == []


def test_a_function_that_calls_itself_for_ever_is_a_recursion_error():
    f = jit(lambda x: x * f(2.0))
    for call in (f, f.backward, f):
        with pytest.raises(RecursionError):
            call(X)


def test_what_failed_is_tried_again():
    w, broken = Value(2.0), [True]

    def f(x):
        if broken[0]:
            raise ZeroDivisionError("f's own")
        return w * x

    g = jit(f)
    for _ in range(2):
        for call in (g, g.backward):
            with pytest.raises(ZeroDivisionError, match="f's own"):
                call(X)
    assert not g.known.programs.made
    broken[0] = False
    assert g(X).tolist() == (2.0 * X).tolist()


def test_what_is_not_compiled_for_its_gradients_still_computes():
    f = jit(lambda x: [x, x])
    with pytest.raises(JitError, match="backward needs a function of one number"):
        f.backward(X)
    assert f(X).tolist() == [[x, x] for x in X]
    with pytest.raises(JitError, match="backward needs a function of one number"):
        f.backward(X)


# --- threads, interrupts ---


def test_nobody_waits_for_another_function_or_shape():
    begun, go_on = threading.Event(), threading.Event()

    def f(*xs):
        if len(xs) == 2:
            begun.set()
            assert go_on.wait(60)
        return sum(xs, 0.0)

    g, results = jit(f), []
    slow = threading.Thread(target=lambda: results.append(g(X, X)))
    slow.start()
    assert begun.wait(60)
    results += [g(X), jit(lambda x: x * 2.0)(X)]  # this thread is not held up
    go_on.set()
    slow.join()
    assert [r.tolist() for r in results] == [X.tolist(), (2.0 * X).tolist(), (2.0 * X).tolist()]


def test_threads_that_want_the_same_compile_it_once():
    calls = []

    def f(x):
        calls.append(0)
        time.sleep(0.02)
        return x * 2.0

    g = jit(f)
    results = []
    threads = [threading.Thread(target=lambda: results.append(g(X).tolist())) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [(2.0 * X).tolist()] * 4
    g(X)
    assert len(calls) == 2 + 3  # traced twice, and compared for each of the samples


def test_a_result_stays_what_it_is():
    for f in (jit(lambda x: x * 2.0), jit(lambda x: {"a": x * 2.0, "b": [x, x]})):
        results = [f(X + i) for i in range(3)]
        found = [r["a"] if isinstance(r, dict) else r for r in results]
        assert [r.tolist() for r in found] == [(2.0 * (X + i)).tolist() for i in range(3)]


def test_arrays_are_assigned_as_lists_are():
    values = [Value(1.0), Value(2.0)]
    engine.assign(values, grad=np.array([0.5, -0.0]))
    assert [(v.grad, type(v.grad)) for v in values] == [(0.5, float), (-0.0, float)]
    engine.assign(values, grad=np.array([1, 2]))
    assert [type(v.grad) for v in values] == [float, float]
    for wrong in (np.ones(3), np.ones(1)):
        with pytest.raises(ValueError, match="zip"):
            engine.assign(values, grad=wrong)
    assert [v.grad for v in values] == [1.0, 2.0]


def test_a_call_within_a_call_has_memory_of_its_own():
    f = jit(lambda x: x * 2.0)
    f(X)
    buffers = f._run("values", [X], {})  # as far as a signal handler may find it
    assert f(X + 1.0).tolist() == (2.0 * (X + 1.0)).tolist()
    assert buffers.outputs.tolist() == [(2.0 * X).tolist()]


def test_an_interrupt_leaves_all_gradients_or_none():
    def make():
        weights = [Value(x) for x in (1.0, 2.0, 3.0)]
        loss = jit(lambda x: (weights[0] * x - weights[1]) * weights[2])
        loss.backward(X)
        engine.assign(weights, grad=[0.5, 0.5, 0.5])
        return lambda: loss.backward(X), lambda: tuple(w.grad for w in weights)

    before, after, found = outcomes(make)
    assert before != after
    assert set(found) == {before, after}
    assert len(found) > 15


# --- indices ---


TABLE = [Value(float(i)) for i in range(5)]
INDICES = {
    "in a list": (lambda x, i: take(TABLE, i[1]) * x, lambda i: [[0, i]] * 3, "1[1] of sample 0"),
    "by name": (lambda x, *, i: take(TABLE, i) * x, lambda i: [1, 0, i], "'i' of sample 2"),
    "of all": (lambda x, i: take(TABLE, i["k"]) * x, lambda i: {"k": i}, "1['k']"),
    "a row": (lambda x, i: take([[x, 0.0]] * 5, i)[0], lambda i: [4, i, 0], "1 of sample 1"),
}


@pytest.mark.parametrize(("f", "index", "name"), INDICES.values(), ids=INDICES)
@pytest.mark.parametrize("wrong", [5, -1, 0.5, math.nan, math.inf])
@pytest.mark.parametrize("array", [np.asarray, list])
def test_an_index_that_no_table_has_is_named_before_anything_runs(f, index, name, wrong, array):
    fast = jit(f)

    def call(i):
        i = index(i)
        i = array(i) if isinstance(i, list) else i
        return fast(X, i=i) if name[0] == "'" else fast(X, i)

    message = re.escape(
        f"argument {name} is an index of a table of 5, got {float(wrong)}: expected"
    )
    for _ in range(2):
        with pytest.raises(IndexError, match=message):
            call(wrong)
        assert call(2).shape == (3,)


def test_an_index_alone_is_checked_too():
    f = jit(lambda i: take(TABLE, i))
    assert f(3.0) == 3.0
    with pytest.raises(IndexError, match=r"argument 0 is an index of a table of 5, got 7.0"):
        f(7.0)


# --- any number of samples ---


@pytest.mark.parametrize("kind", ["values", "gradients"])
@pytest.mark.parametrize("first", [1, 5, host_width(), host_width() + 1, BLOCK, 1000])
def test_many_samples_run_on_code_for_many_whatever_came_first(first, kind):
    w = Value(2.0)
    f = jit(lambda x: (w * x).tanh())
    call = f if kind == "values" else f.backward
    call(np.ones(first))
    call(np.ones(100_000))
    program, _ = f.program([X])
    assert program.native(kind, 100_000).layout.stride >= BLOCK // 2
    assert len(program.natives.made) <= 2


def test_batches_of_all_sizes_need_few_compilations():
    f = jit(lambda x: x.exp())
    for n in [BLOCK, *range(1, BLOCK)]:
        f(np.ones(n))
    program, _ = f.program([X])
    assert len(program.natives.made) <= 2
    g = jit(lambda x: x.exp())
    for n in range(1, 4 * BLOCK):
        g(np.ones(n))
    program, _ = g.program([X])
    assert len(program.natives.made) <= 5


def test_f_is_called_twice_to_trace_it_for_all_kinds_and_sizes():
    w, calls = Value(2.0), []
    f = jit(lambda x: (calls.append(0), w * x)[1])
    f(np.ones(1))
    assert len(calls) == 3
    for n in (1, 5, 9, 1000):
        f(np.ones(n)), f.backward(np.ones(n))
    assert len(calls) == 3


def test_what_is_kept_for_ever_new_shapes_is_bounded(monkeypatch):
    monkeypatch.setattr(compiled, "SHAPES", 3)
    monkeypatch.setattr(compiled, "READY", 4)
    f = jit(lambda x: x[0] * 2.0)
    for i, n in enumerate([1, 2, 1, 3, 1, 4], 1):
        assert f(np.ones((i, n))).tolist() == [2.0] * i
    assert len(f.known.programs.made) == 3
    assert "(3,)" in next(iter(f.known.programs.made))  # 2 went: 1 was asked for again
    assert len(f.known.ready) == 4


def test_the_memory_that_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(compiled, "ROOM", 800)
    f, x = jit(lambda x: x * 2.0), np.linspace(0.0, 1.0, 200)
    for n in [*range(1, 50), 200, 49]:
        assert f(x[:n]).tolist() == (x[:n] * 2.0).tolist()
    sizes = [buffers.size for buffers in f.known.ready.values()]
    assert 400 < sum(sizes) <= 800
    assert max(sizes) <= 101  # what is larger is not kept


def test_every_thread_has_memory_of_its_own():
    f, used = jit(lambda x: x * 2.0), []
    for _ in range(2):
        thread = threading.Thread(target=lambda: (f(X), f(X)))
        thread.start()
        f(X), f(X.tolist())
        thread.join()
        used = {key[1]: buffers for key, buffers in f.known.ready.items()}
    assert len(used) >= 2
    assert len({id(buffers) for buffers in used.values()}) == len(used)


def test_one_sample_alone_has_no_axis_and_a_batch_of_one_has():
    f = jit(lambda x: x * 2.0)
    for one, batch in [(3, [3]), (3.0, np.array([3.0])), (np.array(3.0), [3.0])] * 2:
        assert (np.shape(f(one)), np.shape(f(batch))) == ((), (1,))
    g = jit(lambda x: x["a"] * 2.0)
    for _ in range(2):
        assert (np.shape(g({"a": 3.0})), np.shape(g({"a": [3.0]}))) == ((), (1,))


def test_a_call_that_was_interrupted_does_not_stand_in_the_way():
    f = jit(lambda x: x * 2.0)
    f(X).tolist()
    for buffers in f.known.ready.values():
        buffers.is_used = True
    for i in range(3):
        assert f(X + i).tolist() == (2.0 * (X + i)).tolist()
    assert not any(buffers.is_used for buffers in f.known.ready.values())


# --- random arguments ---


def random_tree(rng, leaf, depth=2):
    """Leaves in dicts, tuples and lists; a list has a dict in it, or it would be an array."""
    kind = rng.choice(["leaf", "dict", "tuple", "list"]) if depth else "leaf"
    if kind == "leaf":
        return leaf()
    parts = [random_tree(rng, leaf, depth - 1) for _ in range(rng.randint(1, 3))]
    if kind == "dict":
        return {f"k{i}": part for i, part in enumerate(parts)}
    return tuple(parts) if kind == "tuple" else [{"first": leaf()}, *parts]


def random_call(seed):
    """Arguments, batch, how many samples (none: None), and the arguments of each sample."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    given = rng.random() < 0.5  # batch, or else it is found: no axis is longer
    n = rng.randint(1 if given else 4, 20)

    def leaf(has):
        shape = tuple(rng.randint(1, 3) for _ in range(rng.randint(0, 2)))
        if given:
            return numbers.normal(size=(n, *shape) if has else shape)
        return numbers.normal(size=(n, *shape) if rng.random() < 0.7 else ())

    flags = [rng.random() < 0.7 for _ in range(rng.randint(1, 4))]
    args = [random_tree(rng, functools.partial(leaf, has)) for has in flags]
    taken = [flatten(arg) for arg in args]
    batched = [[a.ndim > 0 and (has or not given) for a in t[0]] for t, has in zip(taken, flags)]

    def sample(i):
        return [
            rebuild([(a[i] if has else a).tolist() for a, has in zip(leaves, own)])
            for (leaves, rebuild), own in zip(taken, batched)
        ]

    count = n if any(map(any, batched)) else None
    return args, flags if given else None, count, list(map(sample, range(count or 1)))


def random_function(rng, n, weights, backward):
    """A function of n parameters, some only by name."""
    names = [f"p{i}" for i in range(n)]
    by_name = rng.randint(1, n)  # from here on

    def f(args):
        leaves = nesting.flat([flatten(arg)[0] for arg in args])
        out = sum([w * x for w, x in zip(weights * len(leaves), leaves)], 0.0).tanh()
        return out if backward else {"a": out, "b": [out * out, (leaves[0], [out + 1.0, out])]}

    stated = [*names[:by_name], *(["*"] if by_name < n else []), *names[by_name:]]
    return eval(f"lambda {', '.join(stated)}: f([{', '.join(names)}])", {"f": f}), by_name


def plain_numbers(tree):
    leaves = nesting.flat(flatten(tree)[0])
    return [x.data if isinstance(x, Value) else x for x in leaves]


FORMS = {
    "arrays": lambda a: a,
    "lists": lambda a: a.tolist(),
    "single precision": lambda a: a.astype(np.float32),
    "columns": lambda a: np.asfortranarray(a) if a.ndim else float(a),
}


def check_random_arguments(seed):
    rng, backward = random.Random(-seed), seed % 2
    args, batch, count, samples = random_call(seed)
    weights = [Value(x) for x in (0.5, -0.25, 1.5)]
    f, by_name = random_function(rng, len(args), weights, backward)
    fast = jit(f, batch)
    calls = [
        f(*sample[:by_name], **{f"p{i}": x for i, x in enumerate(sample) if i >= by_name})
        for sample in samples
    ]
    wanted = np.array(list(map(plain_numbers, calls)))
    for form in rng.sample(sorted(FORMS), 2) * 2:
        leaves, rebuild = flatten(args)
        values = rebuild(list(map(FORMS[form], leaves)))
        split = rng.randint(0, by_name)
        order = rng.sample(range(split, len(args)), len(args) - split)
        named = {f"p{i}": values[i] for i in order}
        out = fast(*values[:split], **named)
        parts = [out] if backward else [out["a"], out["b"][0], out["b"][1][0], *out["b"][1][1].T]
        loose = 1e-5 if form == "single precision" else 1e-12
        assert all(np.shape(part) == (() if count is None else (count,)) for part in parts)
        assert np.allclose(np.array(parts).reshape(len(parts), -1).T, wanted, loose, loose)
        if backward:
            engine.assign(weights, grad=[0.0, 1.0, 2.0])
            mean = fast.backward(*values[:split], **named)
            total = sum(calls, 0.0) / len(calls)
            slopes = [g + i for i, g in enumerate(engine.grad(total, weights))]
            assert np.allclose(
                [mean, *[w.grad for w in weights]], [total.data, *slopes], loose, loose
            )


@pytest.mark.parametrize("seeds", [range(k, 24, 4) for k in range(4)])
def test_random_arguments_give_what_a_loop_over_the_samples_gives(seeds):
    for seed in seeds:
        check_random_arguments(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(k, k + 100) for k in range(100, 1100, 100)])
def test_many_random_arguments_give_what_a_loop_over_the_samples_gives(seeds):
    for seed in seeds:
        check_random_arguments(seed)
