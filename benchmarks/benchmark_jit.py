"""The sections jit, compile and digits of benchmark.py: how fast is compiled scalar code?

    python benchmarks/benchmark.py --only jit

Everything in float64 on one core. Peers train the same network on the same data; their parameters
after 20 steps are compared before anything is timed. Whatever needs a fresh process runs this file
again, with the name of one of its functions and the arguments as JSON.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

Row = dict[str, Any]
SAMPLES, LR, CHECKED = 100, 0.01, 20
KERNEL = Path(__file__).with_name("benchmark_kernel.c")


# --- what all sections share ---


def one_core() -> None:
    """Keeps this process, its children and the libraries they will import on one core."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def installed(*modules: str) -> bool:
    """Whether they could be imported."""
    return all(importlib.util.find_spec(name) is not None for name in modules)


def in_turns(peers: dict[str, Callable[[], list[float]]], rounds: int) -> dict[str, list[float]]:
    """The seconds of single steps, as each peer measures them in its turns."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, measure in peers.items():
            gc.collect()  # nobody pays for another's garbage
            seconds[name] += measure()
    return seconds


def repeated(step: Callable[[], Any], repeats: int, times: int = 1) -> Callable[[], list[float]]:
    """Measures a step: once to warm up, then ``repeats`` rows of ``times`` in a row."""

    def measure() -> list[float]:
        step()
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            for _ in range(times):
                step()
            seconds.append((time.perf_counter() - start) / times)
        return seconds

    return measure


def fresh(function: str, *arguments: Any) -> Any:
    """What a function of this file returns in a process of its own."""
    command = [sys.executable, __file__, function, *map(json.dumps, arguments)]
    return json.loads(subprocess.check_output(command).splitlines()[-1])


def in_microseconds(seconds: list[float]) -> Row:
    """Their median and minimum."""
    return {"us": statistics.median(seconds) * 1e6, "us minimum": min(seconds) * 1e6}


def times_ours(rows: list[Row]) -> None:
    """Adds what each row takes in units of the first."""
    for row in rows:
        if "us" in row:
            row["times ours"] = row["us"] / rows[0]["us"]
            row["times ours, minima"] = row["us minimum"] / rows[0]["us minimum"]


# --- training steps: one network, one loss, SGD over all samples ---


class Net(NamedTuple):
    """A perceptron with one output and squared error, or ten and cross entropy."""

    nin: int
    nouts: tuple[int, ...]
    activation: str

    @property
    def name(self) -> str:
        return "-".join(map(str, [self.nin, *self.nouts])) + " " + self.activation

    def model(self) -> Any:
        from micrograd_like import MLP

        return MLP(self.nin, self.nouts, self.activation, output_activation="linear", rng=0)

    def loss(self) -> Any:
        from micrograd_like import cross_entropy, mse_loss

        return mse_loss if self.nouts[-1] == 1 else cross_entropy

    def data(self, samples: int = SAMPLES) -> tuple[list[list[float]], list[Any]]:
        """Points from a bell curve; the product of two inputs to be learned, or a class."""
        rng = random.Random(0)
        X = [[rng.gauss(0.0, 1.0) for _ in range(self.nin)] for _ in range(samples)]
        classes = self.nouts[-1]
        return X, [x[0] * x[1] if classes == 1 else rng.randrange(classes) for x in X]


def net(name: str) -> Net:
    """The network of a name such as 2-16-16-1 relu."""
    widths, activation = name.split()
    nin, *nouts = map(int, widths.split("-"))
    return Net(nin, tuple(nouts), activation)


Train = Callable[[int], tuple[float, list[float]]]  # steps -> seconds of one, the parameters then


def ours(net: Net) -> Train:
    """fit, all of it from the moment when its compiler is done."""
    from micrograd_like import SGD
    from micrograd_like.jit import training
    from micrograd_like.train import fit

    X, y = net.data()
    ready: list[float] = []

    class Clocked(training.Trainer):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            ready.append(time.perf_counter())

    def train(steps: int) -> tuple[float, list[float]]:
        model = net.model()
        with mock.patch.object(training, "Trainer", Clocked):
            fit(model, X, y, net.loss(), SGD(model.parameters(), lr=LR), epochs=steps,
                batch_size=SAMPLES, shuffle=False, jit=True, progress=False)  # fmt: skip
        seconds = time.perf_counter() - ready[-1]
        return seconds / steps, [p.data for p in model.parameters()]

    return train


def layers(net: Net) -> list[tuple[list[list[float]], list[float]]]:
    """The weights and biases that every peer starts from."""
    return [
        ([[w.data for w in n.w] for n in layer.neurons], [n.b.data for n in layer.neurons])
        for layer in net.model().layers
    ]


def in_torch(net: Net) -> Train:
    """torch.nn and torch.optim, eager, one thread."""
    import torch

    torch.set_num_threads(1)
    X, targets = net.data()
    x = torch.tensor(X, dtype=torch.float64)
    y = torch.tensor(targets)
    loss: Callable[..., Any] = torch.nn.functional.cross_entropy
    if net.nouts[-1] == 1:
        y, loss = torch.tensor(targets, dtype=x.dtype)[:, None], torch.nn.functional.mse_loss

    def train(steps: int) -> tuple[float, list[float]]:
        parts: list[torch.nn.Module] = []
        for weights, biases in layers(net):
            linear = torch.nn.Linear(len(weights[0]), len(weights), dtype=torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
                linear.bias.copy_(torch.tensor(biases, dtype=torch.float64))
            parts += [linear, torch.nn.ReLU() if net.activation == "relu" else torch.nn.Tanh()]
        model = torch.nn.Sequential(*parts[:-1])
        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        seconds = time.perf_counter() - start
        tables = [torch.cat([p.weight, p.bias[:, None]], 1) for p in parts[:-1:2]]  # type: ignore
        return seconds / steps, torch.cat([t.flatten() for t in tables]).tolist()

    return train


def in_jax(net: Net) -> Train:
    """JAX with all steps in one compiled loop."""
    import jax
    import jax.numpy as jnp

    x, y = map(jnp.array, net.data())
    start_from = [(jnp.array(weights).T, jnp.array(biases)) for weights, biases in layers(net)]

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        *hidden, (w, b) = parameters
        for v, c in hidden:
            z = x @ v + c
            x = jnp.maximum(z, 0.0) if net.activation == "relu" else jnp.tanh(z)
        out = x @ w + b
        if net.nouts[-1] == 1:
            return jnp.mean((out[:, 0] - y) ** 2)
        return -jnp.mean(jax.nn.log_softmax(out)[jnp.arange(SAMPLES), y])

    @jax.jit
    def loop(parameters: Any, steps: Any, x: Any, y: Any) -> Any:
        def step(_: Any, parameters: Any) -> Any:
            gradients = jax.grad(loss)(parameters, x, y)
            return jax.tree.map(lambda p, g: p - LR * g, parameters, gradients)

        return jax.lax.fori_loop(0, steps, step, parameters)

    def train(steps: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        end = jax.block_until_ready(loop(start_from, steps, x, y))  # type: ignore[no-untyped-call]
        seconds = time.perf_counter() - start
        tables = [jnp.concatenate([w, b[None]]).T.ravel() for w, b in end]
        return seconds / steps, jnp.concatenate(tables).tolist()

    return train


# How, the module it needs, and the part of the steps that is enough to measure.
PEERS: dict[str, tuple[Callable[[Net], Train], str, int]] = {
    "ours, fit": (ours, "llvmlite", 1),
    "torch eager": (in_torch, "torch", 10),
    "JAX, compiled loop": (in_jax, "jax", 1),
}


def wanted(network: str, peer: str) -> float | None:
    """How many times our step a peer's should take at least."""
    if peer == "torch eager":
        return 30.0 if network.startswith("2-16") else None
    bars = {"2-16": 1.3, "784-": 1.0}
    return bars.get(network[:4], 1.25) if peer.startswith("JAX") else None


def step_rows(network: str, steps: int, rounds: int) -> list[Row]:
    """A whole training step of every peer."""
    rows: list[Row] = [{"network": network, "what": peer} for peer in PEERS]
    trains: dict[str, Train] = {}
    for row, (peer, (make, module, _)) in zip(rows, PEERS.items()):
        if not installed(module):
            row["note"] = f"{module} is not installed"
            continue
        train = make(net(network))
        start = time.perf_counter()
        _, parameters = train(CHECKED)
        row[f"first {CHECKED} steps s"] = time.perf_counter() - start
        if not trains:
            reference = parameters
        off = max(abs(a - b) for a, b in zip(parameters, reference, strict=True))
        if not off < 1e-9:
            raise SystemExit(f"{network}: {peer} computes something else, off by {off}")
        trains[peer] = train

    def turn(peer: str) -> Callable[[], list[float]]:
        return lambda: [trains[peer](max(1, steps // PEERS[peer][2]))[0]]

    seconds = in_turns({peer: turn(peer) for peer in trains}, rounds)
    for row in rows:
        if row["what"] in seconds:
            row |= in_microseconds(seconds[row["what"]])
            row["wanted at least"] = wanted(network, row["what"])
    times_ours(rows)
    return rows


# --- forward and backward alone, against C ---


def kernel_rows(network: str, repeats: int, rounds: int) -> list[Row]:
    """Loss and gradients, added up over the samples: our machine code, and C for this network."""
    import numpy as np

    from micrograd_like import SGD
    from micrograd_like.jit import jit
    from micrograd_like.jit.native import buffer
    from micrograd_like.jit.training import Trainer

    this = net(network)
    model, loss, (X, y) = this.model(), this.loss(), this.data()
    native = Trainer(model, X, y, loss, SGD(model.parameters(), lr=LR), batch_size=SAMPLES).native
    columns, numbers = native.layout.stride, np.array([p.data for p in model.parameters()])
    inputs = np.ascontiguousarray([*np.array(X).T, y])
    rows, scalars, order = native.new_rows(), native.new_scalars(numbers), np.arange(SAMPLES)
    sums, outputs = np.zeros(1 + len(numbers)), np.zeros(SAMPLES)
    work = partial(
        native.work, data=inputs, length=SAMPLES, order=order, samples=SAMPLES, rows=rows,
        scalars=scalars, sums=sums, outputs=outputs, outputs_length=SAMPLES,
    )  # fmt: skip
    work()
    reference = sums.copy()
    steps: dict[str, Callable[[], Any]] = {"ours, machine code": work}

    padded = buffer(len(inputs), columns)
    padded[:, :SAMPLES] = inputs
    c_sums = np.zeros_like(sums)
    c_work = [a.ctypes.data for a in (padded, padded[-1:], numbers, c_sums)]
    notes = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, flags in (("C, -O3", []), ("C, -O3 -ffast-math, libmvec", ["-ffast-math"])):
            if not (gcc := shutil.which("gcc")):
                notes[name] = "gcc is not installed"
                continue
            step = c_step(gcc, Path(directory) / f"step{len(steps)}.so", this, native.layout, flags)
            step(*c_work)
            if not np.allclose(c_sums, reference, 1e-9, 1e-9):
                raise SystemExit(f"{network}: C computes something else")
            steps[name] = partial(step, *c_work)

        f = jit(lambda x, t: loss([model(x)], [t]))
        arrays = np.array(X), np.array(y)
        steps["ours, jit(f).backward(X, y)"] = lambda: f.backward(*arrays)
        if abs(f.backward(*arrays) * SAMPLES - reference[0]) > 1e-9 * reference[0]:
            raise SystemExit(f"{network}: backward computes something else")
        seconds = in_turns({k: repeated(step, repeats, 100) for k, step in steps.items()}, rounds)
    found = [{"network": network, "what": k, **in_microseconds(s)} for k, s in seconds.items()]
    found[1:1] = [{"network": network, "what": k, "note": note} for k, note in notes.items()]
    times_ours(found)
    for row in found:
        row["wanted at least"] = 1.0 / 1.3 if row["what"] == "C, -O3" else None
    return found


def c_step(gcc: str, target: Path, this: Net, layout: Any, flags: list[str]) -> Any:
    """The function step of benchmark_kernel.c, compiled for a network."""
    sizes = {"NIN": this.nin, "HIDDEN": this.nouts[0], "SAMPLES": SAMPLES}
    sizes |= {"STRIP": layout.width * layout.vectors, "LANES": layout.width}
    sizes |= {"TANH": 1} if this.activation == "tanh" else {}
    options = ["-O3", "-march=native", "-shared", "-fPIC", *flags]
    defined = [f"-D{name}={number}" for name, number in sizes.items()]
    libraries = ["-lmvec", "-lm"] if flags else ["-lm"]
    command = [gcc, *options, *defined, str(KERNEL), "-o", str(target), *libraries]
    subprocess.run(command, check=True)
    step = ctypes.CDLL(str(target)).step
    step.argtypes, step.restype = [ctypes.c_void_p] * 4, None
    return step


def jit_section(quick: bool) -> list[Row]:
    """Training steps and kernels."""
    if not installed("llvmlite", "numpy"):
        return [{"network": "", "what": "ours", "note": "llvmlite or numpy is not installed"}]
    small, rows = ["2-16-16-1 relu", "2-16-16-1 tanh"], []
    for network in small[:1] if quick else small:
        rows += step_rows(network, *((20, 1) if quick else (2000, 7)))
        rows += kernel_rows(network, *((1, 1) if quick else (20, 15)))
    if not quick:
        for network in ("2-64-64-1 relu", "2-64-64-1 tanh", "64-64-10 relu", "64-64-10 tanh"):
            rows += step_rows(network, 5000, 5)
        rows += step_rows("784-64-10 relu", 1000, 3)
    return rows


# --- compile time, each in a fresh process ---


def first_call(network: str, how: str) -> Row:
    """Seconds of the imports, and then of jit(f).backward or of fit for one epoch."""
    start = time.perf_counter()
    from micrograd_like import SGD
    from micrograd_like.jit import jit, training  # noqa: F401
    from micrograd_like.train import fit

    imported = time.perf_counter()
    this = net(network)
    model, loss, (X, y) = this.model(), this.loss(), this.data()
    begin, cpu = time.perf_counter(), time.process_time()
    if how == "fit":
        fit(model, X, y, loss, SGD(model.parameters(), lr=LR), epochs=1, batch_size=SAMPLES,
            jit=True, progress=False)  # fmt: skip
    else:
        jit(lambda x, t: loss([model(x)], [t])).backward(X, y)
    return {
        "imports s": imported - start,
        "first call s": time.perf_counter() - begin,
        "CPU s": time.process_time() - cpu,
    }


def irregular(n: int) -> Callable[[list[Any]], Any]:
    """A program of n operations with no two neighbours alike, on 30 numbers between 0 and 1.

    Operands lie 4 to 30 back. A sum is halved and softplus gets -x, so that all stays below 1.
    """
    from micrograd_like.functional import softmax, softplus

    rng = random.Random(0)
    plan = [(rng.randrange(4), [rng.randint(4, 30) for _ in range(4)]) for _ in range(n)]
    kinds: list[Callable[..., Any]] = [
        lambda a, *_: softplus(-a),
        lambda a, b, *_: 0.5 * (a + b),
        lambda a, b, *_: a * b,
        lambda *four: softmax(list(four))[0],
    ]

    def f(x: list[Any]) -> Any:
        values = list(x)
        for kind, back in plan:
            values.append(kinds[kind](*[values[-i] for i in back]))
        return sum(values[-30:])

    return f


def compiled_irregular(n: int) -> Any:
    """The tape of the program and its gradient, compiled and called once for one sample."""
    from micrograd_like import value_and_grad
    from micrograd_like.jit import jit

    return jit(value_and_grad(irregular(n)), batch=[True]).tape(ONE_SAMPLE)


def compiled_network(widths: list[int]) -> Any:
    """The tape of one sample's loss and gradients, compiled for fit."""
    from micrograd_like import SGD
    from micrograd_like.jit.training import Trainer

    this = Net(widths[0], tuple(widths[1:]), "tanh")
    model, (X, y) = this.model(), this.data(8)
    return Trainer(model, X, y, this.loss(), SGD(model.parameters(), lr=LR)).native.tape


ONE_SAMPLE = [[(i + 0.5) / 30.0 for i in range(30)]]
SERIES: dict[str, tuple[Callable[[int], Any], list[int]]] = {
    "width": (lambda n: compiled_network([2, n, n, 1]), [23, 32, 45, 64, 91, 128, 181, 256, 316]),
    "depth": (lambda n: compiled_network([2, *[16] * n, 1]), [4, 8, 16, 32, 64, 128, 256]),
    "irregular": (compiled_irregular, [156, 312, 625, 1250, 2500, 5000, 10_000]),
}


def growth(series: str, sizes: list[int]) -> list[Row]:
    """Seconds of CPU to trace and compile programs that double; the lesser of two."""
    make = SERIES[series][0]
    make(sizes[0])  # imports
    rows: list[Row] = []
    for size in sizes:
        seconds: list[float] = []
        for _ in range(2):
            gc.collect()
            start = time.process_time()
            tape = make(size)
            seconds.append(time.process_time() - start)
        nodes = tape.size - tape.first
        row = {"series": series, "size": size, "instructions": nodes, "s": min(seconds)}
        if rows:
            doublings = math.log2(nodes / rows[-1]["instructions"])
            row["per doubling"] = (row["s"] / rows[-1]["s"]) ** (1.0 / doublings)
        rows.append(row)
    return rows


def evaluation(n: int) -> Row:
    """The irregular program with its gradient: the first call, then calls and the bare code."""
    import numpy as np

    from micrograd_like import value_and_grad
    from micrograd_like.jit import jit
    from micrograd_like.jit.native import Native

    program = irregular(n)
    f = jit(value_and_grad(program), batch=[True])
    start = time.perf_counter()
    (value,), gradient = f(ONE_SAMPLE)
    row: Row = {"operations": n, "first call s": time.perf_counter() - start}
    native = Native(f.tape(ONE_SAMPLE, rerolled=False), 1)
    inputs, order = np.array(ONE_SAMPLE).T.copy(), np.zeros(1, np.int64)
    rows, scalars, outputs = native.new_rows(), native.new_scalars([]), np.zeros(31)
    work = partial(
        native.work, data=inputs, length=1, order=order, samples=1, rows=rows, scalars=scalars,
        sums=np.zeros(1), outputs=outputs, outputs_length=1,
    )  # fmt: skip
    if not np.allclose(native(inputs, [])[0][:, 0], [value, *np.ravel(gradient)], 1e-9, 1e-12):
        raise SystemExit("the irregular program gives two results")
    code, call = repeated(work, 50), repeated(lambda: f(ONE_SAMPLE), 50)
    row["machine code"] = in_microseconds(code())
    return row | {"jit(f)(x)": in_microseconds(call())}


def compile_section(quick: bool) -> Row:
    """First calls, and how compile time grows."""
    if not installed("llvmlite", "numpy"):
        return {"note": "llvmlite or numpy is not installed"}
    calls = []
    for network, limit in [("2-16-16-1 tanh", 0.4), ("784-64-10 relu", 4.0)][: 1 if quick else 2]:
        for how in ("jit(f).backward", "fit"):
            runs = [fresh("first_call", network, how) for _ in range(2 if quick else 5)]
            first, *later = [run["first call s"] for run in runs]
            calls.append({
                "network": network, "what": how, "imports s": runs[-1]["imports s"],
                "first process s": first, "later s": statistics.median(later),
                "minimum s": min(first, *later), "wanted at most": limit,
                "minimum of CPU s": min(run["CPU s"] for run in runs),
            })  # fmt: skip
    return {
        "first calls": calls,
        "irregular": fresh("evaluation", 100 if quick else 10_000),
        "growth": [
            row
            for name, (_, sizes) in SERIES.items()
            for row in fresh("growth", name, sizes[: 2 if quick else None])
        ],
    }


# --- digits, from import to accuracy, each in a fresh process ---


def digits_ours(path: str, epochs: int) -> float:
    """64-32-10, Adam, batches of 32: the share of held-out images that is right."""
    import numpy as np

    from micrograd_like import MLP, Adam, cross_entropy
    from micrograd_like.train import accuracy, fit, predict

    data = np.load(path)
    model = MLP(64, [32, 10], activation="relu", output_activation="linear", rng=0)
    X, y, held_out, labels = [data[k].tolist() for k in ("X", "y", "X_held_out", "y_held_out")]
    fit(model, X, y, cross_entropy, Adam(model.parameters(), lr=0.001), epochs=epochs,
        batch_size=32, jit=True, progress=False)  # fmt: skip
    return accuracy(predict(model, held_out), labels)


def digits_sklearn(path: str, epochs: int) -> float:
    """The same network, optimiser and number of epochs."""
    import warnings

    import numpy as np
    from sklearn.neural_network import MLPClassifier

    warnings.filterwarnings("ignore", "Stochastic Optimizer: Maximum iterations")
    data = np.load(path)
    model = MLPClassifier(
        (32,), alpha=0.0, batch_size=32, learning_rate_init=0.001, max_iter=epochs, tol=0.0,
        n_iter_no_change=epochs, random_state=0,
    )  # fmt: skip
    model.fit(data["X"], data["y"])
    return float(model.score(data["X_held_out"], data["y_held_out"]))


def digits_torch(path: str, epochs: int) -> float:
    """The same, as a plain loop."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    X, y = data["X"], data["y"]
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
    ).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(X)), 32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[batch]), y[batch]).backward()  # type: ignore
            optimizer.step()
    right = model(data["X_held_out"]).argmax(1) == data["y_held_out"]
    return float(right.double().mean())


def timed(function: str, path: str, epochs: int) -> Row:
    """The seconds of one of the three, its imports included."""
    start = time.perf_counter()
    share = globals()[function](path, epochs)
    return {"s": time.perf_counter() - start, "accuracy": share}


def digits_section(quick: bool) -> list[Row]:
    """Real 8x8 images, three quarters of them to train on; the three take turns."""
    if not installed("sklearn"):
        return [{"what": "all", "note": "scikit-learn, which has the images, is not installed"}]
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16.0, labels, test_size=0.25, random_state=0)
    peers = {
        "ours, fit with jit": ("digits_ours", "llvmlite"),
        "scikit-learn's MLPClassifier": ("digits_sklearn", "sklearn"),
        "torch, a plain loop": ("digits_torch", "torch"),
    }
    rows: list[Row] = [{"what": name} for name in peers]
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "digits.npz")
        np.savez(path, **dict(zip(("X", "X_held_out", "y", "y_held_out"), parts)))
        runs: dict[str, list[Row]] = {name: [] for name in peers}
        for _ in range(1 if quick else 5):
            for name, (function, module) in peers.items():
                if installed(module):
                    runs[name].append(fresh("timed", function, path, 2 if quick else 50))
    for row, (name, (_, module)) in zip(rows, peers.items()):
        seconds = [run["s"] for run in runs[name]]
        if not seconds:
            row["note"] = f"{module} is not installed"
            continue
        row |= {"s": statistics.median(seconds), "s minimum": min(seconds)}
        row["accuracy"] = runs[name][-1]["accuracy"]
    return rows


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*map(json.loads, sys.argv[2:]))))
