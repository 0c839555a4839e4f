"""The law of the compiler: what it computes is what Python computes, or it refuses.

For every sample, whatever the parameters are when it is called. Each way to read a number is a row:
it is compiled, and then follows the number, or it is refused with a sentence.
"""

import copy
import functools
import json
import math
import pickle
import random
import statistics
import struct
import time

import numpy as np
import pytest
from helpers.programs import random_program, run

from micrograd_like import MLP, SGD, Value, engine, functional, no_grad
from micrograd_like.engine import apply, as_value
from micrograd_like.jit import JitError, jit
from micrograd_like.nn import BatchNorm, Module
from micrograd_like.ops import OPS, Op
from micrograd_like.tape import trace
from micrograd_like.transforms import grad, hessian, jacobian, value_and_grad

START = [0.7, -0.3, 0.4, 0.05]
WS = [Value(x) for x in START]
W = WS[0]
X = np.linspace(-1.7, 2.1, 7)
TABLE, PRICES = [1.0, 2.0, 3.0], {0.7: 1.0, 1.0: 2.0}
NETWORK = MLP(1, [2, 1], rng=0)

BRANCH = "may not branch on a Value .*: use functional.where, eq, maximum or minimum"
TAKEN = "may not take the number out of a Value .*: compute with micrograd_like.functional"
WRITTEN = "may not write to a Value .*return what is to be written"
CHANGES = "did something else for other numbers, or when it was called again"
KEPT = "keeps a Value of its own .*: return it instead"


@pytest.fixture(autouse=True)
def parameters_as_at_the_start():
    engine.assign(WS, data=START, grad=[0.0] * len(WS))
    NETWORK.load_state_dict(MLP(1, [2, 1], rng=0).state_dict())


def moved():
    """The parameters are moved, three times."""
    yield
    for step in ([-1.3, 0.9, 0.2, 2.0], [2.5, -4.0, 0.3, -0.1]):
        engine.assign(WS, data=step)
        for p in NETWORK.parameters():
            p.data = -1.5 * p.data + 0.1
        yield


def numbers(out):
    outs = out if isinstance(out, list) else [out]
    return [as_value(v).data for v in outs]


def assert_follows(f, columns=(X,), batch=None):
    """Right after every move of the parameters, what is compiled gives what Python gives."""
    compiled = jit(f, batch)
    for _ in moved():
        got = np.asarray(compiled(*columns)).reshape(len(columns[-1]), -1)
        for row, *sample in zip(got, *[c if len(c) == len(X) else [c] * len(X) for c in columns]):
            args = [Value(a) if np.ndim(a) == 0 else list(map(Value, a)) for a in sample]
            assert row.tolist() == pytest.approx(numbers(f(*args)), rel=1e-12, abs=1e-13)


# --- what is compiled, and follows ---


def shifted(xs):
    """A softmax by hand, shifted by the largest as plain numbers."""
    largest = functional.max([x.data for x in xs])
    powers = [functional.exp(x - largest) for x in xs]
    return [p / functional.sum(powers) for p in powers]


def without_recording(x):
    with no_grad():
        largest = functional.maximum(x, W)
    return functional.exp(x - largest) * W


def recursive(x):
    def power(n):
        return x.data if n == 0 else power(n - 1) * x

    return power(3)


FOLLOWS = {
    "w.data": lambda x: x * W.data,
    "w.detach()": lambda x: x * W.detach(),
    "functional.detach": lambda x: x * functional.detach(W) + functional.detach(2),
    "x.data": lambda x: x * x.data,
    "x.detach()": lambda x: (x * x).detach() * x,
    "arithmetic": lambda x: (W.data * 2 - 1.0) / (3.0 + abs(W.data)) * x + 2.0**x.data,
    "functions": lambda x: functional.exp(W.data) * x + functional.tanh(x.data),
    "an exponent": lambda x: abs(x) ** W.data,
    "where": lambda x: functional.where(functional.gt(W.data, 0.0), x, -x.data),
    "eq": lambda x: functional.where(functional.eq(x.data, X[0]), 1.0, x),
    "maximum": lambda x: functional.maximum(x.data, W.data) * x,
    "softmax, shifted": lambda x: shifted([x, W, x * W]),
    "weight norm": lambda x: x * W / sum([w.data**2 for w in WS]) ** 0.5,
    "default argument": lambda x, w=W: x * w.data,
    "attributes": lambda x: NETWORK([x]) * NETWORK.layers[0].neurons[0].b.data,
    "state_dict": lambda x: x * NETWORK.state_dict()["layers.0.neurons.0.b"],
    "math.prod": lambda x: x * math.prod([w.data for w in WS]),
    "numpy of objects": lambda x: x * np.exp(np.array([w.data for w in WS])).sum(),
    "numpy's scalars": lambda x: np.float64(2.0) * x.data * x,
    "no_grad": without_recording,
    "recursion, which is a cycle": recursive,
    "a set of parameters": lambda x: x * functional.sum(dict.fromkeys(WS)),
    "arguments": lambda x: (x * W).arguments[1] * x,
    "inputs": lambda x: (x * W).inputs[1].data * x,
    "a parameter itself": lambda x: [x, W, W.data],
    "as_value": lambda x: x * as_value(2.0).data,
    "is": lambda x: x if x is W else W * x,
    "None": lambda x: x * W if x.data is not None and W != None else x,  # noqa: E711
    "engine.grad as a number": lambda x: engine.grad(x * x * W, x) * x,
    "engine.grad of a parameter": lambda x: engine.grad(x * W**2, [W, x])[0] * x,
    "recorded": lambda x: engine.grad(x * W**3, W, create_graph=True) * x,
    "grad": lambda x: grad(lambda z: z * z * W * z.data)(x),
    "grad of grad": lambda x: grad(lambda w: grad(lambda z: w * z * z)(x) ** 2)(W),
    "grad at a plain number": lambda x: grad(lambda z: z * z * x.data)(2.0) * x,
    "value_and_grad": lambda x: list(value_and_grad(lambda z: z.detach() * z * W)(x)),
    "jacobian": lambda x: jacobian(lambda z: [z * W.data, z**2])(x),
    "hessian": lambda x: hessian(lambda z: z**3 * W * z.data)(x),
}


@pytest.mark.parametrize("f", FOLLOWS.values(), ids=FOLLOWS)
def test_what_is_compiled_follows_the_parameters(f):
    assert_follows(f)


@pytest.mark.parametrize("name", ["w.data", "arithmetic", "softmax, shifted", "no_grad", "eq"])
def test_shared_arguments_are_followed_as_parameters_are(name):
    def f(s, x):
        outs = FOLLOWS[name](x)
        return s[0].detach() * (outs[0] if isinstance(outs, list) else outs) * s[1].data

    assert_follows(f, ([0.5, 2.0], X), [False, True])


def has_gradients(f):
    outs = f(Value(0.5))
    return isinstance(outs, Value) and any(v in WS for v in engine.topological_order(outs))


@pytest.mark.parametrize("name", [name for name, f in FOLLOWS.items() if has_gradients(f)])
def test_gradients_of_what_is_compiled_are_pythons(name):
    f = FOLLOWS[name]
    loss = jit(f)
    for _ in moved():
        engine.assign(WS, grad=[0.0] * len(WS))
        loss.backward(X)
        got = [w.grad for w in WS]
        engine.assign(WS, grad=[0.0] * len(WS))
        for x in X:
            f(Value(x)).backward(1.0 / len(X))
        assert got == pytest.approx([w.grad for w in WS], rel=1e-11, abs=1e-12)


# --- what is refused ---


def swallowed(x):
    try:
        n = float(x.data)
    except Exception:
        n = 0.0
    return x * n


def swallowed_by_get(x):
    try:
        return x * PRICES.get(W.data, 1.0)
    except Exception:
        return x


@functools.lru_cache
def cached(w):
    return w * 2.0


class Keeps(Module):
    """Keeps its last output."""

    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        self.last = x * self.w
        return self.last


def kept_in_a_list(x, seen=[]):  # noqa: B006
    seen.append(W.data)
    return x * seen[0]


def counting(x, calls=[]):  # noqa: B006
    calls.append(1)
    return x * len(calls)


def written(x):
    W.data = 2.0
    return x * W


def added(x):
    W.data += 0.1
    return x * W


def backward(x):
    y = x * W
    y.backward()
    return y


def step(x):
    SGD([W], lr=0.1).step()
    return x * W


def zero_grad(x):
    NETWORK.zero_grad()
    return NETWORK([x])


def loads(x):
    NETWORK.load_state_dict(NETWORK.state_dict())
    return NETWORK([x])


def written_grad(x):
    W.grad = 1.0
    return x * W


def assigned(x):
    engine.assign([W], data=[0.5])
    return x * W


OTHER = Op("exp", "exp", 1, lambda x: x + 1.0, lambda g, out, x: (g,))
REFUSED = {
    # by a parameter's number
    "if w.data": (lambda x: x if W.data > 0.0 else -x, BRANCH),
    "if w": (lambda x: x if W else -x, BRANCH),
    "not w.data": (lambda x: x * (not W.data), BRANCH),
    "w == 0.7": (lambda x: x if W == 0.7 else -x, BRANCH),
    "w.data != 0.7": (lambda x: x if W.data != 0.7 else -x, BRANCH),
    "w.data == v.data": (lambda x: x if W.data == WS[1].data else -x, BRANCH),
    "max by data": (lambda x: x * max(WS, key=lambda w: w.data), BRANCH),
    "sorted by data": (lambda x: x * sorted(WS, key=lambda w: w.data)[0], BRANCH),
    "max": (lambda x: x * max(w.data for w in WS), BRANCH),
    "math.exp": (lambda x: x * math.exp(W.data), TAKEN),
    "math.sqrt of a sum": (lambda x: x / math.sqrt(sum(w.data**2 for w in WS)), TAKEN),
    "math.fsum": (lambda x: x * math.fsum(w.data for w in WS), TAKEN),
    "math.isnan": (lambda x: x if math.isnan(W.data) else -x, TAKEN),
    "statistics.mean": (lambda x: x * statistics.mean([w.data for w in WS]), TAKEN),
    "round": (lambda x: x * round(W.data), TAKEN),
    "round to digits": (lambda x: x * round(W.data, 2), TAKEN),
    "an index": (lambda x: x * TABLE[W.data], TAKEN),
    "int": (lambda x: x * TABLE[int(W.data)], TAKEN),
    "range": (lambda x: functional.sum([x for _ in range(W.data)]), TAKEN),
    "hash": (lambda x: x * (hash(W.data) % 3), BRANCH),
    "dict.get": (lambda x: x * PRICES.get(W.data, 3.0), BRANCH),
    "dict.get, caught": (swallowed_by_get, BRANCH),
    "text": (lambda x: x * float(str(W.data)), TAKEN),
    "format": (lambda x: x * float(f"{W.data:.2f}"), TAKEN),
    "format of a parameter": (lambda x: x * float(f"{W:.2f}"), TAKEN),
    "%": (lambda x: x * float("%f" % W.data), TAKEN),  # noqa: UP031
    "hex": (lambda x: x * float.fromhex(W.data.hex()), TAKEN),
    "is_integer": (lambda x: x * W.data.is_integer(), TAKEN),
    "copy": (lambda x: x * copy.copy(W), TAKEN),
    "deepcopy of a model": (lambda x: copy.deepcopy(NETWORK)([x]), TAKEN),
    "pickle": (lambda x: x * pickle.loads(pickle.dumps(W)), TAKEN),
    "json": (lambda x: x * json.loads(json.dumps(W.data)), TAKEN),
    "struct": (lambda x: x * len(struct.pack("d", W.data)), TAKEN),
    "a new Value": (lambda x: x * Value(W.data), TAKEN),
    "a constant argument": (lambda x: x.leaky_relu(W.data), TAKEN),
    "numpy's function": (lambda x: x * np.exp(W.data), TAKEN),
    "numpy's array of floats": (lambda x: x * np.array([W.data], dtype=float)[0], TAKEN),
    "numpy's norm": (lambda x: x * np.linalg.norm([w.data for w in WS]), TAKEN),
    "numpy's max": (lambda x: x * np.max([w.data for w in WS]), BRANCH),
    "numpy's argmax": (lambda x: x * TABLE[np.argmax([w.data for w in WS[:3]])], BRANCH),
    "numpy's clip": (lambda x: x * np.clip(W.data, 0.0, 1.0), BRANCH),
    "grad": (lambda x: x * W.grad, "may not read .grad, which is what the last backward left"),
    # by an input's number
    "if x.data": (lambda x: x if x.data > 0.0 else -x, BRANCH),
    "x == 1": (lambda x: x if x == 1 else -x, BRANCH),
    "x != 1": (lambda x: x if x != 1.0 else -x, BRANCH),
    "x == w": (lambda x: x if x == W else -x, BRANCH),
    "x == a numpy number": (lambda x: x if x == np.float64(1.0) else -x, BRANCH),
    "x is nan": (lambda x: x if (d := x.data) == d else -x, BRANCH),
    "x in a list": (lambda x: x if x in [1.0, 2.0] else -x, BRANCH),
    "x in a set": (lambda x: x if x in {1.0, 2.0} else -x, BRANCH),
    "x.data in a set": (lambda x: x if x.data in {1.0, 2.0} else -x, BRANCH),
    "x as a key": (lambda x: x * PRICES[x], BRANCH),
    "get": (lambda x: x * PRICES.get(x, 3.0), BRANCH),
    "lru_cache": (lambda x: x * cached(x), BRANCH),
    "len": (lambda x: x * len(x), TAKEN),
    "float": (lambda x: x * float(x), TAKEN),
    "float, caught": (swallowed, TAKEN),
    "int(x)": (lambda x: x * int(x.data), TAKEN),
    "bool": (lambda x: x * bool(x.data), BRANCH),
    "//": (lambda x: x * (x.data // 1.0), TAKEN),
    "// of x": (lambda x: 7 // x, TAKEN),
    "x % 1": (lambda x: x * (x.data % 1.0), TAKEN),
    "divmod": (lambda x: x * divmod(x.data, 1.0)[0], TAKEN),
    "math.floor": (lambda x: x * math.floor(x.data), TAKEN),
    "math.ceil": (lambda x: x * math.ceil(x), TAKEN),
    "math.trunc": (lambda x: x * math.trunc(x), TAKEN),
    "math.exp(x)": (lambda x: math.exp(x), TAKEN),
    "complex": (lambda x: x * complex(x.data).real, TAKEN),
    "an element of x": (lambda x: x[0], TAKEN),
    "print": (lambda x: (print(x), x)[1], TAKEN),
    # what changes from call to call
    "random": (lambda x: x * random.random(), CHANGES),
    "random leaf": (lambda x: x * Value(random.random()), CHANGES),
    "time": (lambda x: x * time.perf_counter(), CHANGES),
    "a counter": (counting, CHANGES),
    # what is kept or written
    "a cached Value": (lambda x: x * cached(W), KEPT),
    "an attribute": (Keeps(), KEPT),
    "a list outside": (kept_in_a_list, KEPT),
    "data": (written, WRITTEN),
    "data +=": (added, WRITTEN),
    "grad =": (written_grad, WRITTEN),
    "assign": (assigned, WRITTEN),
    "backward": (backward, WRITTEN),
    "a step": (step, "may not read .grad"),
    "zero_grad": (zero_grad, WRITTEN),
    "load_state_dict": (loads, TAKEN),
    "another function of its name": (lambda x: apply(OTHER, x), "the op 'exp' is not in the op"),
}


FEW = ["if x.data", "x == 1", "int(x)", "x in a set", "get", "math.ceil", "math.exp(x)"]


@pytest.mark.parametrize(("f", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_follow_is_refused_and_changes_nothing(f, message):
    with pytest.raises(JitError, match=message):
        jit(f)(X)
    assert [w.data for w in WS] == START
    assert [w.grad for w in WS] == [0.0] * 4
    assert engine.swapped.current("_get") is None
    cached.cache_clear()


@pytest.mark.parametrize(
    "name", ["if x.data", "x == 1", "int(x)", "x in a set", "get", "math.ceil"]
)
@pytest.mark.parametrize("where", [0, 500, 999])
def test_a_decision_that_goes_the_other_way_for_one_sample_of_a_thousand_is_refused(name, where):
    x = np.full(1000, 0.25)
    x[where] = 1.0
    with pytest.raises(JitError):
        jit(REFUSED[name][0])(x)


@pytest.mark.parametrize(
    "name", ["if x.data", "x == 1", "int(x)", "x in a set", "get", "math.exp(x)"]
)
def test_shared_arguments_are_refused_as_inputs_are(name):
    with pytest.raises(JitError, match=REFUSED[name][1]):
        jit(lambda s, x: REFUSED[name][0](s[0]) * x, batch=[False, True])([1.0, 2.0], X)


def test_the_message_of_what_python_itself_refuses_is_kept():
    with pytest.raises(JitError, match=r"has no len\(\)") as error:
        jit(REFUSED["len"][0])(X)
    assert isinstance(error.value.__cause__, TypeError)


def test_a_value_that_was_kept_says_so_later():
    kept = []
    with pytest.raises(JitError, match=KEPT):
        jit(lambda x: (kept.append(x), x)[1])(X)
    for look in (float, hash, str, lambda v: v == 1.0, lambda v: v * 2.0, lambda v: v.data):
        with pytest.raises(JitError, match=KEPT):
            look(kept[0])
    assert repr(kept[0]) == "TracedValue(an input)"


def test_no_gradient_is_written_while_a_function_is_traced():
    inner = jit(lambda z: z * W)
    with pytest.raises(JitError, match="may not write to a Value"):
        jit(lambda x: x * inner.backward([1.0]))(X)
    assert W.grad == 0.0


def test_batch_statistics_that_are_kept_are_no_program_for_the_compiler():
    norm = BatchNorm(1)
    with pytest.raises(JitError, match="may not write to a Value"):
        jit(lambda xs: norm.batch(xs), batch=[False])([[1.0], [3.0]])
    assert (norm.running_mean, norm.running_var) == ([0.0], [1.0])


def test_plain_values_are_compared_by_identity_as_ever():
    v = Value(1.0)
    assert (v == 1.0, v != 1.0, v == v, v in [Value(1.0)], v == Value(1.0)) == (0, 1, 1, 0, 0)
    assert {v: 1}[v] == 1
    assert v != None  # noqa: E711


def test_a_value_that_is_detached_by_the_op_gets_no_gradient_whatever_arrives():
    x = Value(0.0)
    y = apply(OPS["detach"], x.log()) * Value(math.inf) + x
    assert y.inputs[0].inputs[0].op.name == "detach"
    y.backward()
    assert x.grad == 1.0


# --- generated: arithmetic mixed with numbers that are read ---

READS = [
    lambda op, xs: apply(op, *xs),
    lambda op, xs: apply(op, xs[0].data, *xs[1:]),
    lambda op, xs: apply(op, *[x.data if isinstance(x, Value) else x for x in xs]),
    lambda op, xs: apply(op, xs[0].detach(), *xs[1:]),
    lambda op, xs: apply(op, *xs).detach(),
    lambda op, xs: as_value(apply(op, *xs).data),
    lambda op, xs: no_grad()(apply)(op, *xs),
    lambda op, xs: apply(op, *xs) * (1.0 + 0.0 * xs[0].data),
]


def generated(seed, kind="gentle", longest=40):
    """A program, and the function of its leaves that reads numbers here and there."""
    program = random_program(seed, kind, longest)
    rng = random.Random(f"reads {seed}")
    ways = [rng.choice(READS) if rng.random() < 0.5 else READS[0] for _ in program.instructions]

    def f(leaves):
        order = iter(ways)
        values = [v if isinstance(v, Value) else as_value(v) for v in leaves]

        def meaning(name, *xs):
            xs = [x if isinstance(x, Value) or i >= len(xs) - OPS[name].constants else as_value(x)
                  for i, x in enumerate(xs)]  # fmt: skip
            return as_value(next(order)(OPS[name], xs))

        return functional.sum(run(program, values, meaning)[-program.used :])

    return program, f


def compared(seed):
    """The program on its tape and in Python, at three places; how many numbers are compared."""
    program, f = generated(seed)
    half = len(program.leaves) // 2
    weights = [Value(x) for x in program.leaves[half:]]

    def both(x, shared):
        out = f([*x, *weights])
        return [out, *engine.grad(out, [*x, *weights], create_graph=True)], []

    x = program.leaves[:half]
    traced = trace(both, [x, x], [], weights)
    tape = traced.tape
    assert traced.parameters == weights
    for k in range(3):
        leaves = [Value(0.6 * v - 0.3 * k) for v in program.leaves]
        engine.assign(weights, data=[v.data for v in leaves[half:]])
        wanted_leaves = [*leaves[:half], *weights]
        out = f(wanted_leaves)
        wanted = [out.data, *engine.grad(out, wanted_leaves)]
        got, _ = tape.run([v.data for v in leaves[:half]], [w.data for w in weights])
        for a, b in zip(got, wanted):
            assert math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-9) or (a != a and b != b), seed
    return 3 * len(wanted)


def test_generated_programs_that_read_numbers_are_the_same_traced_and_in_python():
    assert sum(map(compared, range(400))) > 2400


@pytest.mark.slow
def test_thousands_of_generated_programs_that_read_numbers(capsys):
    found = sum(map(compared, range(1000, 21000)))
    with capsys.disabled():
        print(f"\n20000 programs, {found} numbers")


def compiled_and_compared(seeds):
    """Some programs in one compiled function, with gradients; parameters move between the calls."""
    made = [generated(seed, longest=25) for seed in seeds]
    weights = [Value(x) for program, _ in made for x in program.leaves[1:]]

    def loss(x):
        rest, total = iter(weights), []
        for program, f in made:
            total.append(f([x * program.leaves[0], *[next(rest) for _ in program.leaves[1:]]]))
        return functional.sum([t.tanh() for t in total])

    X = [0.9, 1.0, 1.1, 1.2, 0.3]
    compiled = jit(loss)
    for k in range(3):
        engine.assign(weights, grad=[0.0] * len(weights), data=[w.data * 0.9 for w in weights])
        mean = compiled.backward(X)
        got = [w.grad for w in weights]
        engine.assign(weights, grad=[0.0] * len(weights))
        outs = [loss(Value(x)) for x in X]
        for out in outs:
            out.backward(1.0 / len(X))
        assert mean == pytest.approx(sum(out.data for out in outs) / len(X), rel=1e-8, nan_ok=True)
        wanted = [w.grad for w in weights]
        assert got == pytest.approx(wanted, rel=1e-6, abs=1e-8, nan_ok=True), (seeds, k)


def test_generated_programs_that_read_numbers_are_compiled_as_in_python():
    for start in range(0, 120, 20):
        compiled_and_compared(range(start, start + 20))


@pytest.mark.slow
def test_thousands_of_generated_programs_are_compiled_as_in_python(capsys):
    for start in range(1000, 4960, 20):
        compiled_and_compared(range(start, start + 20))
    with capsys.disabled():
        print("\n3960 programs compiled, with gradients, at 3 places")
