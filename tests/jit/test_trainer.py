"""A step written by hand, compiled: it leaves what the same steps in Python leave."""

import math
import random
import signal
import sys
import threading

import numpy as np
import pytest
from helpers.compare import agrees
from helpers.interrupts import outcomes
from helpers.known_optimizers import OPTIMISERS
from helpers.programs import random_program, run

from micrograd_like import MLP, Value, functional
from micrograd_like.anomaly import detect_anomaly
from micrograd_like.engine import apply, as_value
from micrograd_like.jit import JitError, jit
from micrograd_like.ops import OPS
from micrograd_like.optim import SGD, Adam, AdamW, CosineAnnealingLR, RMSprop, clip_grad_norm_

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = np.sign(X[:, 0] * X[:, 1] + 0.1)


def hinge(model):
    return lambda x, t: functional.relu(1.0 - t * model(x))


def network():
    return MLP(2, [5, 1], output_activation="linear", rng=0)


def in_python(loss, optimizer, args, max_norm=None):
    """The same step on lists of samples; its loss."""
    optimizer.zero_grad()
    mean = functional.mean([as_value(loss(*sample)) for sample in zip(*args)])
    mean.backward()
    if max_norm is not None:
        clip_grad_norm_(optimizer.params, max_norm)
    optimizer.step()
    return mean.data


def left(optimizer):
    """All numbers that a training leaves behind."""
    kept = [x for state in optimizer.state for _, x in sorted(state.items())]
    return [x for p in optimizer.params for x in (p.data, p.grad)] + kept


def assert_same(found, wanted, rel=1e-12):
    assert len(found) == len(wanted)
    wrong = [(a, b) for a, b in zip(found, wanted) if not agrees(a, b, rel) and abs(a - b) > 1e-15]
    assert not wrong


class Two:
    """The same loss and optimiser twice: one for the trainer, one for Python."""

    def __init__(self, make=lambda ps: SGD(ps, lr=0.1), loss=hinge, model=network, **options):
        self.models = [model(), model()]
        self.losses = [loss(m) for m in self.models]
        self.optimizers = [make(m.parameters()) for m in self.models]
        self.compiled = jit(self.losses[0])
        self.trainer = self.compiled.trainer(self.optimizers[0], **options)
        self.options = options

    def both(self, change):
        for optimizer in self.optimizers:
            change(optimizer)

    def step(self, step, X, y):
        """A step each way, whose losses agree."""
        found = step(X, y)
        args = np.asarray(X, float).tolist(), np.asarray(y, float).tolist()
        wanted = in_python(self.losses[1], self.optimizers[1], args, **self.options)
        assert agrees(found, wanted, 1e-12)

    def check(self):
        assert_same(*map(left, self.optimizers))


def batches(n, size):
    rng = random.Random(size)
    starts = [rng.randrange(len(X) - size + 1) for _ in range(n)]
    return [(X[i : i + size], Y[i : i + size]) for i in starts]


# --- what is left ---


@pytest.mark.parametrize("size", [1, 3, 30])
@pytest.mark.parametrize(("kind", "options"), [(row[0], row[2]) for row in OPTIMISERS])
def test_the_steps_of_every_optimiser_are_those_of_python(kind, options, size):
    two = Two(lambda ps: kind(ps, **options))
    with two.trainer as step:
        for batch in batches(6, size):
            two.step(step, *batch)
    two.check()


CHANGES = {
    "lr": (SGD, {}, [{"lr": 0.3}, {"lr": 0.0}, {"lr": 1}]),
    "momentum begins and ends": (
        SGD, {"lr": 0.05}, [{"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.0}],
    ),
    "nesterov": (SGD, {"momentum": 0.9}, [{"nesterov": True}, {"nesterov": False}]),
    "weight decay": (SGD, {"lr": 0.1}, [{"weight_decay": 0.5}, {"weight_decay": 0.0}]),
    "betas": (Adam, {"lr": 0.1}, [{"betas": (0.5, 0.6)}, {"betas": (0.7, 0.7)}, {"eps": 1e-3}]),
    "a list of betas": (Adam, {}, [{"betas": [0.5, 0.6]}, {"lr": 0.1}]),
    "decoupled": (AdamW, {"lr": 0.1}, [{"weight_decay": 0.3}, {"lr": 0.01, "betas": (0.1, 0.2)}]),
    "centered": (
        RMSprop, {"alpha": 0.9}, [{"centered": True}, {"momentum": 0.5, "alpha": 0.5}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "changes"), CHANGES.values(), ids=CHANGES.keys())
def test_every_setting_may_change_before_any_step(kind, options, changes):
    two = Two(lambda ps: kind(ps, **options))
    with two.trainer as step:
        for change in [{}, *changes]:
            two.both(lambda optimizer: vars(optimizer).update(change))  # noqa: B023
            for batch in batches(2, 10):
                two.step(step, *batch)
        step.write_back()
        two.check()
        two.step(step, X, Y)
    two.check()


def test_a_list_among_the_settings_may_change_in_place():
    two = Two(Adam)
    betas = [[0.9, 0.99], [0.9, 0.99]]
    for optimizer, own in zip(two.optimizers, betas):
        optimizer.betas = own
    with two.trainer as step:
        for x in (0.9, 0.5, 0.1):
            for own in betas:
                own[0] = x
            two.step(step, X, Y)
    two.check()


FACTOR = 1.0


class Own(SGD):
    """An update of one's own, which reads a global number."""

    def update(self, p, g, state):
        state["last"] = g * FACTOR
        return p - self.lr * FACTOR * g


def test_an_update_of_ones_own_is_the_one_that_it_has_become(monkeypatch):
    two = Two(lambda ps: Own(ps, lr=0.1))
    with two.trainer as step:
        for x in (1.0, 0.5, 2.0):
            monkeypatch.setitem(globals(), "FACTOR", x)
            two.step(step, X, Y)
            two.step(step, X, Y)
    two.check()


def test_a_scheduler_may_step_between_steps():
    two = Two(Adam)
    schedulers = [CosineAnnealingLR(optimizer, T_max=5) for optimizer in two.optimizers]
    with two.trainer as step:
        for batch in batches(10, 8):
            two.step(step, *batch)
            for scheduler in schedulers:
                scheduler.step()
    two.check()


@pytest.mark.parametrize("max_norm", [0.0, 0.05, 100.0])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_gradients_are_clipped_as_by_clip_grad_norm(kind, max_norm):
    two = Two(kind, max_norm=max_norm)
    with two.trainer as step:
        for batch in batches(4, 10):
            two.step(step, *batch)
    two.check()


def test_state_begins_from_what_is_there_and_goes_on_afterwards():
    two = Two(lambda ps: SGD(ps, lr=0.1, momentum=0.9))
    args = X.tolist(), Y.tolist()
    for round_ in range(3):
        found = in_python(two.losses[0], two.optimizers[0], args)
        assert agrees(found, in_python(two.losses[1], two.optimizers[1], args), 1e-12)
        with two.trainer as step:
            two.step(step, X, Y)
        two.check()
        if round_ == 1:
            saved = [optimizer.state_dict() for optimizer in two.optimizers]
    for optimizer, state in zip(two.optimizers, saved):
        optimizer.load_state_dict(state)
    with two.trainer as step:
        two.step(step, X, Y)
    two.check()


def test_a_shape_of_arguments_has_a_program_and_all_share_the_parameters():
    class Chain:
        """A step for each letter."""

        def __init__(self):
            self.w = [Value(0.1 * i - 0.3) for i in range(9)]  # and others behind, in a vector
            self.fixed = [Value(0.5), Value(-0.25)]

        def parameters(self):
            return self.w

        def __call__(self, letters, gain):
            state = self.w[0]
            for i, x in enumerate(letters):
                place = self.w[4 + i] if i < 4 else self.fixed[0]
                state = (self.w[1] * x + state * self.w[2] + place).tanh() * gain
            return (state - self.w[3] + self.fixed[1] * 3.5) ** 2

    adams, models = [], [Chain(), Chain()]
    adams = [Adam(model.parameters(), lr=0.05, weight_decay=0.1) for model in models]
    rng, text = random.Random(0), {"list": list, "array": np.array, "tuple": tuple}
    with jit(models[0], batch=[False, False]).trainer(adams[0]) as step:
        for i in range(40):
            letters, gain = [rng.randrange(5) for _ in range(rng.randint(1, 7))], 1.0 - 0.01 * i
            found = step(rng.choice(list(text.values()))(letters), gain)
            wanted = in_python(models[1], adams[1], [[letters], [gain]])
            assert agrees(found, wanted, 1e-12)
        unread = models[0].w[8].grad
    assert_same(*map(left, adams))
    assert unread == 0.0
    assert [v.data for v in models[0].fixed] == [0.5, -0.25]
    assert [v.grad for v in models[0].fixed] == [0.0, 0.0]


def test_a_parameter_that_the_program_does_not_reach_has_gradient_0_and_decays():
    a, b = Value(1.0), Value(2.0)
    b.grad = 5.0
    sgd = SGD([a, b], lr=0.5, weight_decay=0.5)
    with jit(lambda x: a * x).trainer(sgd) as step:
        step([1.0, 3.0])
    assert (a.data, a.grad, b.data, b.grad) == (1.0 - 0.5 * 2.5, 2.0, 1.5, 0.0)


def test_without_a_step_nothing_changes():
    two = Two(Adam)
    two.both(lambda optimizer: setattr(optimizer.params[0], "grad", 3.0))
    with two.trainer:
        pass
    two.check()
    assert two.optimizers[0].state == [{}] * len(two.optimizers[0].params)


# --- arguments ---


def nested(model):
    return lambda d: functional.relu(1.0 - d["t"] * model([d["x"][0], d["x"][1]]))


ARGUMENTS = {
    "lists": lambda x, t: (x.tolist(), t.tolist()),
    "integers": lambda x, t: (np.round(x).astype(int), t.astype(int)),
    "small floats": lambda x, t: (np.round(x).astype(np.float32), t.astype(np.int8)),
    "columns": lambda x, t: (np.asfortranarray(x), t[::-1][::-1]),
    "every second": lambda x, t: (x[::2], t[::2]),
    "read-only": lambda x, t: (np.broadcast_to(x[:1], x.shape), np.broadcast_to(t[0], t.shape)),
    "a tuple of arrays": lambda x, t: ((x[:, 0], x[:, 1]), t.tolist()),
}


@pytest.mark.parametrize("change", ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_arguments_come_as_arrays_and_lists_of_all_kinds(change):
    two = Two()
    with two.trainer as step:
        for i in (0, 10, 20):
            x, t = change(X[i : i + 9], Y[i : i + 9])
            found = step(x, t)
            plain = np.transpose(x) if isinstance(x, tuple) else np.array(x, float)
            args = plain.tolist(), np.asarray(t, float).tolist()
            assert agrees(found, in_python(two.losses[1], two.optimizers[1], args), 1e-12)
    two.check()


def test_arguments_come_nested_and_by_name():
    two = Two(loss=nested)
    with two.trainer as step:
        for i in (0, 10, 20):
            x, t = X[i : i + 9], Y[i : i + 9]
            found = step(d={"x": x, "t": t}) if i else step({"x": (x[:, 0], x[:, 1]), "t": t})
            samples = [[{"x": a, "t": b} for a, b in zip(x.tolist(), t.tolist())]]
            assert agrees(found, in_python(two.losses[1], two.optimizers[1], samples), 1e-12)
    two.check()


def test_what_samples_share_is_what_comes_with_the_step():
    w = [[Value(0.5)], [Value(0.5)]]
    sgds = [SGD(v, lr=0.1) for v in w]
    fs = [lambda scale, x, v=v: (v[0] * x * scale[1] - scale[0]) ** 2 for v in w]
    with jit(fs[0], batch=[False, True]).trainer(sgds[0]) as step:
        for scale in ([1.0, 2.0], [3.0, -1.0], [0.5, 0.25]):
            for xs in ([1.0, 2.0, 3.0], [0.5] * 20):
                found = step(scale, xs)
                wanted = in_python(fs[1], sgds[1], ([scale] * len(xs), xs))
                assert agrees(found, wanted, 1e-12)
    assert_same(*map(left, sgds))


def test_more_shapes_than_memory_is_kept_for(monkeypatch):
    monkeypatch.setattr("micrograd_like.jit.trainer.SHAPES", 2)
    two = Two()
    with two.trainer as step:
        for size in (9, 10, 11, 12, 9, 10, 12, 11):
            two.step(step, X[:size], Y[:size])
    two.check()


# --- random losses ---


def random_loss(seed, inputs):
    """A function of some numbers and of Values that it makes; bounded."""
    program = random_program(seed, "gentle", 40)
    values = [Value(x) for x in program.leaves]

    def loss(x):
        leaves = [v + 0.1 * x[i % inputs] for i, v in enumerate(values)]
        nodes = run(program, leaves, lambda name, *xs: apply(OPS[name], *xs))
        total = functional.sum([as_value(v) for v in nodes[-program.used :]])
        return total.tanh() ** 2 + 0.1 * values[0] ** 2

    return loss, values


def compare_a_random_training(seed):
    rng = random.Random(seed)
    inputs, (kind, _, options) = rng.randint(1, 3), rng.choice(OPTIMISERS)
    options = {**options, "lr": rng.choice([0.0, 0.01, 0.1])}
    max_norm = rng.choice([None, None, 0.1])
    (f, values), (g, others) = [random_loss(seed, inputs) for _ in range(2)]
    one, two = kind(values, **options), kind(others, **options)
    trainer, numbers = jit(f).trainer(one, max_norm=max_norm), np.random.default_rng(seed)
    for _ in range(rng.randint(1, 3)):
        with trainer as step:
            for _ in range(rng.randint(1, 4)):
                x = numbers.normal(size=(rng.choice([1, 2, 9, 33]), inputs))
                for optimizer in (one, two):
                    optimizer.lr = 0.5 * options["lr"]
                wanted = in_python(g, two, [x.tolist()], max_norm)
                if not math.isfinite(wanted):
                    with pytest.raises(FloatingPointError):
                        step(x)
                    return
                found = step(x)
                assert agrees(found, wanted, 1e-9) or abs(found - wanted) < 1e-12
    for a, b in zip(left(one), left(two)):
        assert agrees(a, b, 1e-7) or abs(a - b) < 1e-12, (seed, a, b)


@pytest.mark.parametrize("seed", range(12))
def test_random_losses_are_trained_as_in_python(seed):
    compare_a_random_training(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 500))
def test_many_random_losses_are_trained_as_in_python(seed):
    compare_a_random_training(seed)


# --- when something happens ---


def test_an_error_in_the_block_leaves_the_steps_before_it():
    two = Two(Adam)

    def block():
        with two.trainer as step:
            for i in range(5):
                two.step(step, X, Y)
                1 / (3 - i)

    with pytest.raises(ZeroDivisionError):
        block()
    two.check()
    with two.trainer as step:
        two.step(step, X, Y)
    two.check()


def test_a_loss_that_is_not_finite_ends_with_the_parameters_of_the_last_that_was():
    two = Two(lambda ps: SGD(ps, lr=0.1, momentum=0.9))
    with two.trainer as step:
        two.step(step, X, Y)
        with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan): the parameters are"):
            step(X, np.full(len(Y), math.inf))
    wanted = [p.data for p in two.optimizers[1].params]
    assert [p.data for p in two.optimizers[0].params] != pytest.approx(wanted, rel=1e-9)

    w = Value(3.0)

    def block():
        with jit(lambda x: (w * x) ** 2).trainer(SGD([w], 1e200)) as step:
            step([1.0])
            step([1.0])

    with pytest.raises(FloatingPointError):
        block()
    assert w.data == 3.0  # before the step that made it too large


def counting():
    """Its loss falls by 1 for each of 9 parameters; with momentum 1 all tell how many steps."""
    values = [Value(0.0) for _ in range(9)]
    sgd = SGD(values, lr=1.0, momentum=1.0)
    trainer = jit(lambda x: functional.sum(values) + 0.0 * x).trainer(sgd)
    with trainer as step:  # compiled
        step([1.0, 2.0])
    return sgd, trainer


def steps_made(sgd):
    moments = [state["momentum"] for state in sgd.state]
    numbers = [(math.isqrt(1 - 8 * int(p.data)) - 1) / 2 for p in sgd.params]
    return {*moments, *numbers}


def test_an_interrupt_anywhere_leaves_all_of_some_step_and_a_trainer_to_go_on_with():
    def make():
        sgd, trainer = counting()
        step = trainer.__enter__()
        step([1.0, 2.0])  # a lock that is interrupted while it compiles may stay locked

        def work():
            step([1.0, 2.0])
            step([1.0, 2.0])
            trainer.__exit__(None, None, None)

        def state():
            trainer.close()  # where not even leaving the block came to its first line
            return steps_made(sgd)

        return work, state

    before, after, found = outcomes(make, kinds={"call", "opcode"}, step=11)
    assert (before, after) == ({2.0}, {4.0})
    assert len(found) >= 20
    assert {steps for (steps,) in found} == {2.0, 3.0, 4.0}


def test_ctrl_c_in_the_block_writes_back_what_was_done():
    sgd, trainer = counting()

    def block():
        with trainer as step:
            step([1.0, 2.0])
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert steps_made(sgd) == {2.0}


def test_threads_take_their_turns():
    sgd, trainer = counting()
    with trainer as step:
        threads = [
            threading.Thread(target=lambda: [step([1.0, 2.0]) for _ in range(200)])
            for _ in range(4)
        ]
        switching = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(switching)
    assert steps_made(sgd) == {801.0}


def test_looking_in_the_middle():
    w = Value(0.0)
    with jit(lambda x: (w - x) ** 2).trainer(SGD([w], lr=0.25)) as step:
        step([1.0])
        assert w.data == 0.0
        step.write_back()
        assert (w.data, w.grad) == (0.5, -2.0)
        step([1.0])
        assert w.data == 0.5
    assert w.data == 0.75


# --- what is refused ---


class WithOwnStep(Adam):
    """A step of its own."""

    def step(self):
        pass


OTHER = Value(1.0)


def one_step(optimizer=None, f=None, args=([1.0, 2.0],), **options):
    w = Value(1.0)
    optimizer = SGD([w]) if optimizer is None else optimizer(w)
    with jit((lambda x: w * x) if f is None else f(w)).trainer(optimizer, **options) as step:
        step(*args)


REFUSED = {
    "a step of its own": ({"optimizer": lambda w: WithOwnStep([w])}, JitError, "has a step.. of "),
    "no optimizer": ({"optimizer": lambda w: [w]}, TypeError, "needs an optimizer, .* got list"),
    "two numbers": ({"f": lambda w: lambda x: [w, x]}, JitError, "a function of one number"),
    "no parameter": ({"f": lambda w: lambda x: x * x}, ValueError, "no gradient reaches a param"),
    "another's": ({"f": lambda w: lambda x: OTHER * x}, ValueError, "no gradient reach"),
    "a branch": ({"f": lambda w: lambda x: w if x > 0.0 else x}, JitError, "may not branch"),
    "a text": ({"args": (["a", "b"],)}, TypeError, "argument 0 must be numbers"),
    "lengths": ({"f": lambda w: lambda x, y: w, "args": ([], [])}, ValueError, "at least 1"),
    "max_norm": ({"max_norm": -1.0}, ValueError, "max_norm must be a finite number of at least 0"),
}


@pytest.mark.parametrize(("given", "kind", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_right_is_refused(given, kind, says):
    with pytest.raises(kind, match=says):
        one_step(**given)


def test_a_step_belongs_into_its_block_and_a_parameter_into_one():
    w = Value(1.0)
    loss, sgd = jit(lambda x: w * x), SGD([w])
    trainer = loss.trainer(sgd)
    with pytest.raises(RuntimeError, match="outside of its block"):
        trainer([1.0])
    with trainer as step:
        for other in (trainer, loss.trainer(sgd), loss.trainer(Adam([w]))):
            with pytest.raises(RuntimeError, match="leave that block first"), other:
                pass
        step([1.0])
    with pytest.raises(RuntimeError, match="outside of its block"):
        step([1.0])
    with pytest.raises(RuntimeError, match="written back already"):
        step.write_back()
    with loss.trainer(Adam([w])) as step:
        step([1.0])


def load(sgd):
    sgd.load_state_dict(sgd.state_dict())


MEDDLING = {
    "a number": (lambda sgd, fixed: setattr(sgd.params[1], "data", 7.0), "parameter 1 was changed"),
    "the state": (lambda sgd, fixed: load(sgd), "the optimizer's state was changed"),
    "a step": (lambda sgd, fixed: sgd.step(), "the optimizer's state was changed"),
    "a fixed Value": (
        lambda sgd, fixed: setattr(fixed, "data", 2.0),
        "a Value that the loss reads",
    ),
    "the list": (lambda sgd, fixed: sgd.params.append(fixed), "the list of the optimizer's param"),
}


@pytest.mark.parametrize(("meddle", "says"), MEDDLING.values(), ids=MEDDLING.keys())
def test_a_change_from_outside_in_the_block_is_an_error_and_the_training_is_kept(meddle, says):
    fixed, values = Value(1.0), [Value(0.0), Value(0.0)]
    sgd = SGD(values, lr=1.0)

    def block():
        with jit(lambda x: values[0] * x + values[1] * fixed).trainer(sgd) as step:
            step([1.0, 3.0])
            meddle(sgd, fixed)

    with pytest.raises(RuntimeError, match=says):
        block()
    assert [v.data for v in values] == [-2.0, -1.0]


def test_a_step_after_the_optimizers_own_is_refused():
    w = Value(0.0)
    sgd = SGD([w], lr=1.0, momentum=0.5)

    def block():
        with jit(lambda x: w * x).trainer(sgd) as step:
            step([1.0])
            sgd.step()
            step([1.0])

    with pytest.raises(RuntimeError, match="changed inside the block"):
        block()


def test_nobody_watches_a_compiled_step():
    w = Value(0.0)
    with jit(lambda x: w * x).trainer(SGD([w])) as step:
        with detect_anomaly(), pytest.raises(JitError, match="detect_anomaly"):
            step([1.0])
        step([1.0])


# --- indices ---


@pytest.mark.parametrize("samples", [1, 9, 64, 65, 200])  # few are looked at one by one
@pytest.mark.parametrize("wrong", [5.0, -1.0, 0.5, math.nan, 1e300])
def test_an_index_that_no_table_has_is_refused_and_moves_nothing(wrong, samples):
    table = [Value(0.1 * i) for i in range(5)]
    loss = jit(lambda i, y: (functional.take(table, i) - y) ** 2)
    indices, targets = np.arange(samples) % 5.0, np.zeros(samples)
    with loss.trainer(SGD(table, lr=0.1)) as step:
        first = step(indices, targets)
        step.write_back()
        before = [v.data for v in table]
        with pytest.raises(IndexError, match=f"argument 0 of sample {samples - 1} is an index of"):
            step([*indices[:-1].tolist(), wrong], targets)
    assert [v.data for v in table] == before
    assert first == pytest.approx(np.mean((0.1 * indices) ** 2))


# --- a learning rate that is none ---


@pytest.mark.parametrize("rate", [None, "a", "0.1", Value(0.1), [0.1]], ids=repr)
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_learning_rate_that_is_no_number_is_refused_as_in_python(kind, rate):
    w = Value(1.0)
    optimizer = kind([w], lr=0.1)
    with jit(lambda x, y: (w * x - y) ** 2).trainer(optimizer) as step:
        step([1.0], [2.0])
        step.write_back()
        before = left(optimizer)
        optimizer.lr = rate
        for _ in range(2):  # nor does the second one go on with the old rate
            with pytest.raises(TypeError):
                step([1.0], [2.0])
        w.grad = before[1]
    assert left(optimizer) == before
    with pytest.raises(TypeError):
        in_python(lambda x, y: (w * x - y) ** 2, optimizer, ([1.0], [2.0]))
