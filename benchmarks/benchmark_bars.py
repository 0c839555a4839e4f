"""The section bars of benchmark.py: what compiled code is to reach, and what it reaches.

    python benchmarks/benchmark.py --only bars

Each row has the number that was wanted, at most; results are compared before anything is timed.
What needs a fresh process runs this file again, with the name of a function and arguments as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from benchmark_jit import ONE_SAMPLE, Row, installed, irregular, net, one_core

SAMPLES = 100


def median_us(step: Callable[[], Any], repeats: int) -> float:
    """Of single calls, after some to warm up."""
    seconds = []
    for i in range(repeats + 20):
        start = time.perf_counter()
        step()
        if i >= 20:
            seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds)


def problem(seed: int = 0) -> tuple[Any, Any, Any]:
    """2-16-16-1 with ReLU, 100 samples as arrays and their targets."""
    import numpy as np

    from micrograd_like import MLP

    X, y = net("2-16-16-1 relu").data(SAMPLES)
    model = MLP(2, [16, 16, 1], "relu", output_activation="linear", rng=seed)
    return model, np.array(X), np.array(y)


def squared_error(model: Any) -> Callable[[Any, Any], Any]:
    """Of one sample."""
    return lambda x, target: (model(x) - target) ** 2


def by_hand(repeats: int) -> list[Row]:
    """A step written by hand; and jit(f).backward alone."""
    from micrograd_like import SGD, Adam
    from micrograd_like.jit import jit

    rows: list[Row] = []
    for rule in (SGD, Adam):
        model, X, y = problem()
        twin, _, _ = problem()
        loss = jit(squared_error(model))
        optimizer, eager = rule(model.parameters(), lr=0.01), rule(twin.parameters(), lr=0.01)
        with loss.trainer(optimizer) as step:
            for _ in range(5):
                step(X, y)
        for _ in range(5):
            eager.zero_grad()
            (sum((twin(x) - t) ** 2 for x, t in zip(X.tolist(), y.tolist())) / SAMPLES).backward()
            eager.step()
        pairs = zip(model.parameters(), twin.parameters(), strict=True)
        check(max(abs(a.data - b.data) for a, b in pairs) < 1e-12, "a step by hand")
        with loss.trainer(optimizer) as step:
            us = median_us(partial(step, X, y), repeats)
        rows.append({"what": f"a step by hand, {rule.__name__}", "us": us, "wanted": 7.0})
    us = median_us(lambda: loss.backward(X, y), repeats)
    return [*rows, {"what": "jit(f).backward(X, y)", "us": us, "wanted": 25.0}]


def check(holds: bool, what: str) -> None:
    """Ends the run where results differ."""
    if not holds:
        raise SystemExit(f"{what} computes something else")


def fitted(seed: int, epochs: int = 1, **more: Any) -> tuple[float, Any]:
    """The seconds of a fit of the problem, compiled; and its history."""
    from micrograd_like import SGD, mse_loss
    from micrograd_like.train import fit

    model, X, y = problem(seed)
    start = time.perf_counter()
    history = fit(model, X.tolist(), y.tolist(), mse_loss, SGD(model.parameters(), lr=0.01),
                  epochs=epochs, batch_size=SAMPLES, jit=True, progress=False, **more)  # fmt: skip
    return time.perf_counter() - start, history


def again(fits: int) -> list[Row]:
    """Fits of one architecture, one after the other: what the second costs, what is compiled."""
    from micrograd_like.jit.native import Module

    fitted(0)
    with mock.patch.object(
        Module, "compile", autospec=True, side_effect=Module.compile
    ) as compiles:
        seconds = [fitted(seed)[0] for seed in range(1, fits)]
    return [
        {"what": "a second fit of the same shape", "ms": 1e3 * statistics.median(seconds),
         "wanted": 15.0},
        {"what": f"compilations of {fits - 1} more fits", "count": compiles.call_count,
         "wanted": 0},
    ]  # fmt: skip


def first_step() -> float:
    """The seconds of a fit of one step in this process, without the imports."""
    import sklearn  # noqa: F401

    import micrograd_like.jit  # noqa: F401

    return fitted(0)[0]


def looked_at(rounds: int) -> list[Row]:
    """200 epochs, with a held-out half and a metric and without."""
    _, X, y = problem()
    watched = {"validation": (X[:50].tolist(), y[:50].tolist()), "metrics": ["r2"]}
    seconds = []
    for _ in range(rounds + 1):
        plain, history = fitted(0, 200)
        looking, same = fitted(0, 200, **watched)
        check(max(abs(a - b) for a, b in zip(history["loss"], same["loss"])) < 1e-9, "validation")
        seconds.append((plain, looking))
    plain, looking = map(statistics.median, zip(*seconds[1:]))
    return [
        {"what": "200 epochs, compiled before", "s": plain},
        {"what": "the same with validation and r2", "s": looking, "wanted": 0.3},
    ]


def cliff(samples: int) -> list[Row]:
    """Many samples by what was compiled for five, in units of what was compiled for many."""
    import numpy as np

    from micrograd_like.jit import jit

    X = np.random.default_rng(0).standard_normal((samples, 2))
    ours = [jit(lambda x: (x[0] * x[1]).tanh() + x[0].exp()) for _ in range(2)]
    ours[0](X[:5])
    check(np.array_equal(ours[0](X), ours[1](X)), "many samples")
    seconds: list[list[float]] = [[], []]
    for _ in range(9):
        for f, found in zip(ours, seconds):
            start = time.perf_counter()
            f(X)
            found.append(time.perf_counter() - start)
    few, many = map(statistics.median, seconds)
    return [{"what": f"compiled for 5, run for {samples:,}", "times": few / many, "wanted": 1.3}]


def program(operations: int) -> Row:
    """An irregular program of so many operations and its gradient: seconds, calls, memory."""
    import resource

    from micrograd_like import value_and_grad
    from micrograd_like.jit import jit

    f = jit(value_and_grad(irregular(operations)), batch=[True])
    start = time.process_time()
    f(ONE_SAMPLE)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": seconds, "us": median_us(lambda: f(ONE_SAMPLE), 100), "MB": peak}


def regular() -> float:
    """Seconds of CPU to trace and compile the gradients of 50,000 operations in layers."""
    from micrograd_like import MLP, mse_loss
    from micrograd_like.jit import jit

    model = MLP(64, [128, 64, 1], "relu", output_activation="linear", rng=0)  # 16,641 parameters
    loss = jit(lambda x, t: mse_loss([model(x)], [t]))
    start = time.process_time()
    loss.backward([[0.1] * 64] * SAMPLES, [0.5] * SAMPLES)
    return time.process_time() - start


def kept(programs: int) -> float:
    """Megabytes that stay after so many compilations more."""
    from micrograd_like.jit import jit

    def resident() -> float:
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def compiled(first: int, count: int) -> None:
        for k in range(first, first + count):
            jit(lambda x, k=k: x * float(k) + x.exp())([1.0])

    compiled(0, 100)
    before = resident()
    compiled(100, programs)
    return resident() - before


def fresh(function: str, *arguments: Any, **environment: str) -> Any:
    """What a function of this file returns in a process of its own."""
    command = [sys.executable, __file__, function, *map(json.dumps, arguments)]
    where = os.environ | environment
    return json.loads(subprocess.check_output(command, env=where).splitlines()[-1])


def bars_section(quick: bool) -> list[Row]:
    """All of them; without the disk, but where that is what is measured."""
    if not installed("llvmlite", "numpy", "sklearn"):
        return [{"what": "all", "note": "llvmlite, numpy or scikit-learn is not installed"}]
    off = {"MICROGRAD_LIKE_CACHE": "off"}
    with mock.patch.dict(os.environ, off):
        rows = by_hand(20 if quick else 3000)
        rows += again(3 if quick else 100)
    with tempfile.TemporaryDirectory() as folder:
        times = 2 if quick else 6
        cold, *warm = [fresh("first_step", MICROGRAD_LIKE_CACHE=folder) for _ in range(times)]
    rows += [
        {"what": "a new process: one step, nothing on the disk", "ms": 1e3 * cold},
        {"what": "the same, machine code on the disk", "ms": 1e3 * statistics.median(warm),
         "wanted": 80.0},
    ]  # fmt: skip
    rows += looked_at(1 if quick else 5)
    rows += cliff(5_000 if quick else 200_000)
    few, many = (100, 200) if quick else (10_000, 20_000)
    found = fresh("program", few, **off)
    name = f"{few:,} irregular operations, gradients"
    rows += [
        {"what": f"{name}: first call", "s": found["s"], "wanted": 4.0},
        {"what": f"{name}: a call", "us": found["us"], "wanted": 200.0},
        {"what": f"{many:,} of them: peak", "MB": fresh("program", many, **off)["MB"],
         "wanted": 1000.0},
        {"what": "50,000 operations in layers: first call", "s": fresh("regular", **off),
         "wanted": 0.8},
    ]  # fmt: skip
    if os.path.exists("/proc/self/statm"):
        n = 20 if quick else 1000
        rows.append(
            {"what": f"{n} compilations keep", "MB": fresh("kept", n, **off), "wanted": 3.0}
        )
    for row in rows:
        ((unit, measured),) = [(key, row[key]) for key in row if key not in ("what", "wanted")]
        row |= {"wanted": row.pop("wanted", None), "measured": measured, "unit": unit}
        del row[unit]
    return rows


if __name__ == "__main__":
    one_core()
    print(json.dumps(globals()[sys.argv[1]](*map(json.loads, sys.argv[2:]))))
