"""jit from outside: what it takes, what it returns, how it composes, what it refuses."""

import gc
import math
import random
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest

from micrograd_like import MLP, SGD, Value, detect_anomaly, micrograd
from micrograd_like.functional import where
from micrograd_like.jit import JitError, jit
from micrograd_like.jit.vectormath import host_width
from micrograd_like.losses import mse_loss
from micrograd_like.transforms import grad, value_and_grad

# --- arguments and results ---


@pytest.mark.parametrize(
    "x",
    [
        [1, 2, 3],
        np.arange(1, 4),
        np.array([1, 2, 3], np.float32),
        np.arange(1.0, 7.0)[::2] * 0.5 + 0.5,
        np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]])[:, 0],
    ],
    ids=["list", "ints", "float32", "strided", "column"],
)
def test_whatever_numpy_takes_is_an_argument(x):
    assert jit(lambda x: x * x)(x).tolist() == [1.0, 4.0, 9.0]


def test_arguments_and_results_keep_their_nesting():
    f = jit(lambda a, b: {"sum": a["p"] + b[0][1], "both": (a["p"], [b[0][0], a["q"]])})
    out = f({"p": [1.0, 2.0], "q": [3.0, 4.0]}, [[[5.0, 6.0]], [[7.0, 8.0]]])
    assert out["sum"].tolist() == [7.0, 10.0]
    assert out["both"][0].tolist() == [1.0, 2.0]
    assert out["both"][1].tolist() == [[5.0, 3.0], [7.0, 4.0]]


def test_numbers_have_no_batch_axis():
    f = jit(lambda w, x: w * x)
    assert f(2.0, [1.0, 2.0]).tolist() == [2.0, 4.0]
    assert float(f(2.0, np.array(3.0))) == 6.0


def test_batch_says_which_arguments_have_the_axis():
    f = jit(lambda w, x: w[0] * x + w[1], batch=[False, True])
    assert f([2.0, 1.0], [1.0, 2.0]).tolist() == [3.0, 5.0]  # w is as long as x here


def test_other_shapes_are_compiled_anew():
    f = jit(lambda x: [a * 2.0 for a in x])
    assert f([[1.0, 2.0]]).tolist() == [[2.0, 4.0]]
    assert f([[1.0, 2.0, 3.0]] * 5)[4].tolist() == [2.0, 4.0, 6.0]


def test_a_compiled_function_computes_any_number_of_samples():
    f = jit(lambda x: x.tanh() * x)
    for n in [5, 1, 300, 17]:
        x = np.linspace(-2.0, 2.0, n)
        np.testing.assert_allclose(f(x), np.tanh(x) * x, rtol=1e-15, atol=1e-16)


# --- composition and parameters ---


def test_transforms_compose():
    f = lambda x: x**3 + x.exp()  # noqa: E731
    x = np.array([0.5, 1.0, 2.0, 3.0, -1.0])
    value, slope = jit(value_and_grad(f))(x)
    np.testing.assert_allclose(value, x**3 + np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(slope, 3 * x**2 + np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(jit(grad(grad(f)))(x), 6 * x + np.exp(x), rtol=1e-15)


def test_backward_adds_the_mean_gradient_and_sees_every_step():
    ours, theirs = (MLP(2, [7, 1], rng=4) for _ in range(2))
    X, y = np.random.default_rng(0).normal(size=(2, 19, 2))
    loss = jit(lambda x, t: mse_loss(ours(x), t[0]))
    for optimizer_step in range(3):
        mean = loss.backward(X, y)
        total = sum(mse_loss(theirs(a), b[0]) for a, b in zip(X.tolist(), y.tolist())) / 19.0
        total.backward()
        assert mean == pytest.approx(total.data, rel=1e-14)
        pairs = list(zip(ours.parameters(), theirs.parameters()))
        assert [p.grad for p, _ in pairs] == pytest.approx([q.grad for _, q in pairs], rel=1e-12)
        for model in (ours, theirs):
            SGD(model.parameters(), lr=0.1).step()
            if optimizer_step:  # the second step adds to the gradients of the first
                model.zero_grad()


def test_threads_may_call_the_same_function():
    f = jit(lambda x: (x * 2.0).tanh())
    x = np.linspace(-1.0, 1.0, 1000)
    wrong = []

    def work(k):
        if not np.array_equal(f(x * k), expected[k]):
            wrong.append(k)

    expected = [jit(lambda x: (x * 2.0).tanh())(x * k) for k in range(4)]
    threads = [threading.Thread(target=work, args=(k % 4,)) for k in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_the_llvm_text_and_the_tape_can_be_read():
    f = jit(lambda x: x * x + 1.0)
    assert "fmul contract" in f.llvm([1.0]) or "llvm.fma" in f.llvm([1.0])
    assert str(f.tape([1.0])).splitlines()[-1].startswith("return s")


# --- what is refused, and how ---


def by_hand(x):
    return micrograd.Value(2.0, (x,), "twice")


def fails(x):
    raise ZeroDivisionError("f's own")


OUTSIDE, WEIGHT = Value(2.0) * 3.0, Value(0.5)
BRANCH = "may not branch on a Value .*: use functional.where, eq, maximum or minimum"
CHANGES = "the function did something else for other numbers"


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: x if x > 0.0 else -x, JitError, BRANCH),
        (lambda x: x and -x, JitError, BRANCH),
        (lambda x: max(x, x * 2.0), JitError, BRANCH),
        (lambda x: sorted([x, x * 2.0]), JitError, BRANCH),
        (lambda x: x.sin() if x.data > 0.0 else x.cos(), JitError, BRANCH),
        (lambda x: x * (WEIGHT if WEIGHT > 0.0 else 1.0), JitError, BRANCH),
        (lambda x: x if WEIGHT else 1.0, JitError, BRANCH),
        (lambda x: [x] if x.data > 0.0 else [x, x], JitError, BRANCH),
        (lambda x: x * random.Random().random(), JitError, CHANGES),
        (lambda x: "no", JitError, "must return Values or numbers"),
        (lambda x: None, JitError, "must return Values or numbers"),
        (lambda x: [], JitError, "returned nothing to compute"),
        (by_hand, JitError, "a history from outside"),
        (lambda x: x * OUTSIDE, JitError, "a history from outside"),
        (lambda x: math.exp(x), JitError, "may not take the number out of a Value"),
        (lambda x: float(x), JitError, "may not take the number out of a Value"),
        (fails, ZeroDivisionError, "f's own"),
    ],
)
@pytest.mark.parametrize("samples", [1, 9])
def test_what_cannot_be_compiled_is_refused_with_a_reason(f, error, message, samples):
    with pytest.raises(error, match=message):
        jit(f)(np.linspace(1.0, 2.0, samples))


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (["a"], TypeError, "argument 0 must be numbers, got str 'a'"),
        ([None], TypeError, "argument 0 must be numbers, got NoneType None"),
        ([[1.0, None]], TypeError, "must be numbers, got NoneType"),
        ([np.array([1j])], TypeError, "argument 0 must be numbers, got ndarray"),
        ([[]], ValueError, "one length of at least 1"),
    ],
)
def test_what_is_no_number_is_named(args, error, message):
    with pytest.raises(error, match=message):
        jit(lambda x: x)(*args)


def test_arrays_of_different_lengths_have_no_common_batch_axis():
    f = jit(lambda x, y: x * y, batch=[True, True])
    with pytest.raises(ValueError, match=r"must have one length of at least 1, got \[2, 3\]"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])


def test_what_depends_on_the_type_of_a_number_is_found_by_the_comparison():
    with pytest.raises(JitError, match="depends on something else than its arguments"):
        jit(lambda x: x * (2.0 if isinstance(x.data, float) else 3.0))([1.0, 2.0])


def test_compiled_code_is_not_called_where_anomalies_are_to_be_detected():
    f = jit(lambda x: x.log())
    assert f([1.0]).tolist() == [0.0]
    with detect_anomaly(), pytest.raises(JitError, match=r"watches Python's operations.*call the"):
        f([0.0])


def test_the_collector_collects_again_after_compiling_and_after_failing_to():
    collecting = []
    jit(lambda x: (collecting.append(gc.isenabled()), x)[1])([1.0])
    with pytest.raises(JitError):
        jit(lambda x: x and x)([1.0])
    assert gc.isenabled()
    assert collecting[0] is False


def test_where_is_the_way_to_branch():
    assert jit(lambda x: where(x, 1.0, 2.0))([0.0, 3.0]).tolist() == [2.0, 1.0]


def test_backward_needs_one_number_and_parameters():
    with pytest.raises(JitError, match="backward found no parameters"):
        jit(lambda x: x * x).backward([1.0])
    w = Value(1.0)
    with pytest.raises(JitError, match="backward needs a function of one number"):
        jit(lambda x: [x * w, w]).backward([1.0])


def test_without_llvmlite_one_sentence_says_what_to_install():
    code = "import sys; sys.modules['llvmlite'] = None\nimport micrograd_like.jit"
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    last = run([sys.executable, "-c", code]).stderr.splitlines()[-1]
    assert last == 'ImportError: jit needs llvmlite: pip install "micrograd_like[jit]"'


def test_what_was_compiled_for_few_samples_is_not_what_many_run_on():
    f = jit(lambda x: x * 2.0)
    f(np.ones(3)), f(np.ones(500)), f(np.ones(2))
    program, _ = f.program([np.ones(2)])
    assert sorted(layout.width for _, layout in program.natives.made) == [1, host_width()]
