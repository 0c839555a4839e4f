"""The table of bad inputs in SEMANTICS.md, row by row and in its order.

Where a row is refused, REFUSED has the call and the whole sentence; where the input is welcome or
harmless, a test below shows what happens. Sizes and faults are only touched here: test_scale.py
and test_faults.py go to the end of them.
"""

import copy
import json
import math
import pickle
import threading

import numpy as np
import pytest

from micrograd_like.engine import Value, apply, grad, no_grad
from micrograd_like.losses import cross_entropy, mse_loss
from micrograd_like.nn import MLP
from micrograd_like.ops import Op
from micrograd_like.optim import SGD, Adam
from micrograd_like.serialize import LoadError, _checksum, load, save
from micrograd_like.train import fit

nan, inf = math.nan, math.inf
NUMBER = "expected a real number, got "
CONVERT = ": convert it first, for example with float(...)"
ARRAY = (
    "a Value is one scalar, got ndarray array([1., 2.]): "
    "write [v * x for x in array], with the operation you want"
)
HISTORY = (
    "cannot copy or pickle a Value with history (the result of mul): "
    "copy the parameters it was computed from, or call detach() first"
)


def parameters():
    return [Value(1.0)]


def fit_quietly(X, y, model=None):
    model = model or MLP(2, [1], rng=0)
    fit(model, X, y, mse_loss, SGD(model.parameters()), epochs=1, progress=False)


def rebind(steps):
    """Descends by w = w - lr * g, as numpy programs do, and then asks an optimiser to go on."""
    w = Value(1.0)
    for _ in range(steps):
        w = w - 0.1 * grad(w * w, w)
    SGD([w])


REFUSED = {
    # Value("3"), None, complex, list, Value
    "Value of a str": (lambda: Value("3"), TypeError, NUMBER + "str '3'" + CONVERT),
    "Value of None": (lambda: Value(None), TypeError, NUMBER + "NoneType None" + CONVERT),
    "Value of a complex": (lambda: Value(1j), TypeError, NUMBER + "complex 1j" + CONVERT),
    "Value of a list": (lambda: Value([1.0]), TypeError, NUMBER + "list [1.0]: a Value is one "
        "scalar, make one for each element: [Value(x) for x in data]"),
    "Value of a Value": (lambda: Value(Value(3.0)), TypeError, NUMBER + "Value Value(data=3.0, "
        "grad=0.0): use the Value itself, or its .data for the plain number"),
    # Value(1) + "a"
    "plus a str": (lambda: Value(1) + "a", TypeError,
        "unsupported operand type(s) for +: 'Value' and 'str'"),
    "a str minus": (lambda: "a" - Value(1), TypeError,
        "unsupported operand type(s) for -: 'str' and 'Value'"),
    "to the power None": (lambda: Value(1) ** None, TypeError,
        "unsupported operand type(s) for ** or pow(): 'Value' and 'NoneType'"),
    # Value(3) * np.array(...)
    "times an array": (lambda: Value(3) * np.array([1.0, 2.0]), TypeError, ARRAY),
    "an array times": (lambda: np.array([1.0, 2.0]) * Value(3), TypeError, ARRAY),
    # MLP(3) called with 2 or 4 numbers, a generator, a string, a float
    "2 inputs for 3": (lambda: MLP(3, [1])([1.0] * 2), ValueError, "MLP expects 3 inputs, got 2"),
    "4 inputs for 3": (lambda: MLP(3, [1])([1.0] * 4), ValueError, "MLP expects 3 inputs, got 4"),
    "a short generator": (lambda: MLP(3, [1])(x for x in [1.0]), ValueError,
        "MLP expects 3 inputs, got 1"),
    "a str as inputs": (lambda: MLP(3, [1])("abc"), TypeError,
        "MLP expects a list of 3 numbers, got str 'abc'"),
    "a float as inputs": (lambda: MLP(3, [1])(1.0), TypeError,
        "MLP expects a list of 3 numbers, got float 1.0"),
    # MLP(0, []), negative, zero or fractional widths
    "no layers": (lambda: MLP(0, []), ValueError,
        "MLP expects at least one layer width, got an empty list"),
    "no inputs": (lambda: MLP(0, [1]), ValueError,
        "the number of inputs must be at least 1, got 0"),
    "a layer of none": (lambda: MLP(2, [3, 0]), ValueError,
        "the number of neurons must be at least 1, got 0"),
    "a negative width": (lambda: MLP(2, [-1]), ValueError,
        "the number of neurons must be at least 1, got -1"),
    "a fractional width": (lambda: MLP(2, [2.5]), TypeError,
        "the number of neurons must be an int, got float 2.5"),
    # empty data, X and y of different length, label out of range
    "no data": (lambda: fit_quietly([], []), ValueError,
        "X and y are empty: expected at least one row"),
    "a target too few": (lambda: fit_quietly([[1.0, 2.0]] * 3, [1.0] * 2), ValueError,
        "X has 3 rows but y has 2: every row needs one target"),
    "a label too large": (lambda: cross_entropy([[1.0, 2.0]] * 2, [0, 2]), ValueError,
        "target 1 is class 2, but there are 2 classes"),
    # nan in the data
    "nan in X": (lambda: fit_quietly([[1.0, 2.0], [nan, 3.0]], [1.0, 2.0]), ValueError,
        "X has nan in row 1, column 0 (X[1][0])"),
    "inf in y": (lambda: fit_quietly([[1.0, 2.0]] * 2, [1.0, inf]), ValueError,
        "y has inf in row 1 (y[1])"),
    # v.grad = "x", v.dta = 1
    "a str as grad": (lambda: setattr(Value(1.0), "grad", "x"), TypeError,
        NUMBER + "str 'x'" + CONVERT),
    "a typo": (lambda: setattr(Value(1.0), "dta", 1), AttributeError,
        "'Value' object has no attribute 'dta'"),
    # w = w - lr*g rebinding in a loop
    "rebinding": (lambda: rebind(200), ValueError,
        "parameter 0 has history (it is the result of sub), so the graph would grow with every "
        "step: change p.data -= ... instead of p = p - ..."),
    # deepcopy or pickle of a Value with history
    "deepcopy": (lambda: copy.deepcopy(Value(2.0) * 3.0), TypeError, HISTORY),
    "pickle": (lambda: pickle.dumps([Value(2.0) * 3.0]), TypeError, HISTORY),
    # generator given to an optimiser; a parameter twice; no parameter
    "a parameter twice": (lambda: SGD(parameters() * 2), ValueError,
        "SGD got a parameter twice: pass each one once"),
    "no parameter": (lambda: Adam([]), ValueError, "Adam got no parameters to optimise"),
    # learning rate nan, negative, str
    "lr nan": (lambda: SGD(parameters(), lr=nan), ValueError,
        "lr must be a finite number of at least 0, got nan"),
    "lr negative": (lambda: Adam(parameters(), lr=-1), ValueError,
        "lr must be a finite number of at least 0, got -1"),
    "lr a str": (lambda: SGD(parameters(), lr="0.1"), ValueError,
        "lr must be a number, got str '0.1'"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_a_bad_input_is_refused_with_one_sentence(call, error, message):
    with pytest.raises(error) as caught:
        call()
    said = str(caught.value).removesuffix(" and no __dict__ for setting new attributes")  # 3.13
    assert (type(caught.value), said) == (error, message)


# --- a generator as inputs ---


def test_a_generator_of_the_right_length_is_consumed_once_and_works():
    model = MLP(3, [2, 1], rng=0)
    assert model(x for x in (1.0, 2.0, 3.0)).data == model([1.0, 2.0, 3.0]).data


# --- nan in the data ---


def test_nan_in_the_data_is_found_before_the_first_step():
    model = MLP(2, [1], rng=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match="X has nan in row 40, column 1"):
        fit_quietly([[1.0, 2.0]] * 40 + [[1.0, nan]], [0.0] * 41, model)
    assert model.state_dict() == before


# --- backward twice; two losses sharing a graph ---


def test_backward_twice_is_exactly_twice_the_gradient():
    a = Value(3.0)
    cube = a * a * a
    cube.backward()
    once = a.grad
    a.grad = 0.0
    cube.backward()
    assert once == a.grad == 27.0  # micrograd: 45


def test_two_losses_that_share_a_graph_add_up():
    a = Value(3.0)
    shared = a * a
    (shared * 2.0).backward()
    (shared * 3.0).backward()
    assert a.grad == 30.0  # micrograd: 42


# --- .data changed after recording ---


def test_the_gradient_is_that_of_what_was_recorded():
    a = Value(2.0)
    out = a * a + a**3
    a.data = 1000.0
    out.backward()
    assert a.grad == 16.0


# --- a long chain ---


def test_a_chain_longer_than_the_recursion_limit_works():
    out = x = Value(1.0)
    for _ in range(20_000):
        out = out + x
    out.backward()
    assert x.grad == 20_001.0


# --- a generator given to an optimiser ---


def test_a_generator_of_parameters_is_listed_once():
    ps = [Value(1.0), Value(2.0)]
    optimizer = SGD((p for p in ps), lr=0.5)
    for _ in range(2):
        for p in ps:
            p.grad = 1.0
        optimizer.step()
    assert [p.data for p in ps] == [0.0, 1.0]


# --- KeyboardInterrupt in backward ---


def test_an_interrupted_backward_writes_no_gradient():
    def interrupt(g, out, x):
        raise KeyboardInterrupt

    a = Value(2.0)
    b = apply(Op("trap", "trap", 1, lambda x: x, interrupt), a)
    out = b * a
    out.grad, b.grad, a.grad = 1.0, 2.0, 3.0
    with pytest.raises(KeyboardInterrupt):
        out.backward()
    assert (out.grad, b.grad, a.grad) == (1.0, 2.0, 3.0)


# --- the loss becomes nan or inf in fit ---


def test_a_diverging_fit_stops_and_keeps_the_last_finite_parameters():
    model = MLP(1, [1], output_activation="linear", rng=0)
    X, y = [[1.0], [2.0]], [1.0, 3.0]
    with pytest.raises(ArithmeticError) as caught:
        fit(model, X, y, mse_loss, SGD(model.parameters(), lr=1e160), progress=False)
    assert str(caught.value) == (
        "the loss is inf in epoch 2, batch 1: the parameters are those of the last step with a "
        "finite loss; try a smaller learning rate, or max_norm to clip the gradients; run it "
        "inside `with detect_anomaly():` to see the line that made it"
    )
    assert math.isfinite(mse_loss([model(x) for x in X], y).data)


# --- a saved model that is not one ---


def changed(path, change):
    """A saved model whose content was changed, with a right checksum; as bytes."""
    save(MLP(2, [1], rng=0), path)
    document = json.loads(path.read_text())
    change(document["content"])
    document["checksum"] = _checksum(document["content"])
    return json.dumps(document).encode()


def saved(path):
    return changed(path, lambda content: None)


WRONG_FILES = {
    "truncated": (lambda path: saved(path)[:-9], "it is cut off, damaged or not JSON"),
    "bit-flipped": (
        lambda path: saved(path).replace(b'"training": [true', b'"training": [uue', 1),
        "it is cut off, damaged or not JSON"),
    "another number": (lambda path: saved(path).replace(b'"nin": 2', b'"nin": 3'),
        "the checksum differs: the file is damaged"),
    "hostile": (lambda path: changed(path, lambda c: c["architecture"].update(nin=10**9)),
        "the architecture has 1000000001 numbers, the state 3"),
    "wrong architecture": (
        lambda path: changed(path, lambda c: c.update(state={"w": 1.0, "v": 1.0, "b": 0.0})),
        "this state does not fit the MLP: layers.0.neurons.0.w.0 is missing, "
        "layers.0.neurons.0.w.1 is missing, layers.0.neurons.0.b is missing, "
        "w is unknown, v is unknown, b is unknown"),
    "nan for a number": (
        lambda path: changed(path, lambda c: c["architecture"].update(nin="nan")),
        "nin of MLP cannot be 'nan'"),
    "duplicate keys": (lambda path: saved(path).replace(b'"nin"', b'"nin": 2, "nin"'),
        "the key 'nin' occurs twice"),
    "200,000 [": (lambda path: b"[" * 200_000, "it is nested too deeply"),
    "newer version": (lambda path: saved(path).replace(b'"version": 1', b'"version": 2'),
        "it has version 2, this library reads 1: update it"),
    "a pickle": (lambda path: pickle.dumps({}), "it is cut off, damaged or not JSON"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_file_that_is_no_saved_model_is_one_clear_error(tmp_path, make, message):
    path = tmp_path / "model.json"
    path.write_bytes(make(path))
    with pytest.raises(LoadError) as caught:
        load(path)
    assert str(caught.value) == f"cannot load {path}: {message}"


# --- saving interrupted ---


def test_a_save_that_the_system_cuts_off_leaves_the_old_file_whole(tmp_path):
    resource = pytest.importorskip("resource", reason="Windows has no limits to set")
    path, old = tmp_path / "model.json", MLP(2, [1], rng=0)
    save(old, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # the kernel allows no larger file
    try:
        with pytest.raises(OSError, match="File too large"):
            save(MLP(2, [9, 1], rng=1), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load(path).state_dict() == old.state_dict()
    assert list(tmp_path.iterdir()) == [path]


# --- two threads ---


def test_two_threads_have_their_own_graphs_and_modes():
    barrier, seen = threading.Barrier(2), {}

    def record(name):
        x = Value(3.0)
        barrier.wait()  # the other thread is inside no_grad from here ...
        y = x * x
        barrier.wait()  # ... to here
        y.backward()
        seen[name] = x.grad

    def compute(name):
        with no_grad():
            barrier.wait()
            y = Value(3.0) * 2.0
            barrier.wait()
        seen[name] = y.inputs

    threads = [threading.Thread(target=f, args=(f.__name__,)) for f in (record, compute)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"record": 6.0, "compute": ()}
