"""How fast is it? Training steps, memory, compiling, and a whole task, side by side with its peers.

    pip install "micrograd_like[bench]"
    python benchmarks/benchmark.py       # a table; --json for the numbers, --quick for a smoke test
    python benchmarks/benchmark.py --only step   # or another: see --help

Every peer computes the same loss of the same network on the same data in float64, on one core; the
results are compared before anything is timed. The peers take turns, so that a slow moment of the
machine hits all of them; the numbers are medians (and minima), and the ratios are what to quote.
"""

import argparse
import gc
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmark_jit import (
    compile_section,
    digits_section,
    in_turns,
    installed,
    jit_section,
    one_core,
    repeated,
)

from micrograd_like import MLP, Value, __version__, uncollected
from micrograd_like.anomaly import detect_anomaly
from micrograd_like.functional import dot, mean, relu
from micrograd_like.losses import hinge_loss

NIN, NOUTS, SAMPLES, L2 = 2, [16, 16, 1], 100, 1e-4
Step = Callable[[], tuple[float, list[float]]]  # -> the loss and the gradient of every parameter


# --- the moons step: MLP 2-16-16-1 with relu, hinge loss, L2, forward and backward ---


def problem() -> tuple[list[list[float]], list[float], MLP]:
    """A hundred points, their labels, and a network with fixed weights."""
    rng = random.Random(0)
    xs = [[rng.gauss(0.0, 1.0) for _ in range(NIN)] for _ in range(SAMPLES)]
    ys = [1.0 if x[0] * x[1] > 0.0 else -1.0 for x in xs]
    model = MLP(NIN, NOUTS, activation="relu", output_activation="linear", init="uniform", rng=1)
    return xs, ys, model


def with_dot(xs: list[list[float]], ys: list[float], model: MLP) -> Step:
    """Ours, as one writes it: three nodes for each neuron."""
    parameters = model.parameters()

    def step() -> tuple[float, list[float]]:
        loss = hinge_loss([model(x) for x in xs], ys) + L2 * dot(parameters, parameters)
        model.zero_grad()
        loss.backward()
        return loss.data, [p.grad for p in parameters]

    return step


def written_out(xs: list[list[float]], ys: list[float], model: MLP) -> Step:
    """Ours, with every product and every sum a node of its own, as micrograd has them."""
    parameters = model.parameters()

    def forward(x: Any) -> Value:
        for depth, layer in enumerate(model.layers, start=1):
            outs = []
            for neuron in layer.neurons:
                out = neuron.b
                for w, xi in zip(neuron.w, x):
                    out = out + w * xi
                outs.append(out.relu() if depth < len(NOUTS) else out)
            x = outs
        out = x[0]
        assert isinstance(out, Value)
        return out

    def step() -> tuple[float, list[float]]:
        losses = [(1.0 - y * forward([Value(xi) for xi in x])).relu() for x, y in zip(xs, ys)]
        penalty = Value(0.0)
        for p in parameters:
            penalty = penalty + p * p
        total = losses[0]
        for loss in losses[1:]:
            total = total + loss
        loss = total * (1.0 / SAMPLES) + L2 * penalty
        model.zero_grad()
        loss.backward()
        return loss.data, [p.grad for p in parameters]

    return step


def with_micrograd(xs: list[list[float]], ys: list[float], model: MLP) -> Step:
    """The PyPI package micrograd, as its demo notebook uses it."""
    import micrograd.engine
    import micrograd.nn

    peer = micrograd.nn.MLP(NIN, NOUTS)
    for theirs, ours in zip(peer.parameters(), model.parameters()):
        theirs.data = ours.data

    def step() -> tuple[float, list[float]]:
        inputs = [[micrograd.engine.Value(xi) for xi in x] for x in xs]
        scores = list(map(peer, inputs))
        losses = [(1 + -y * score).relu() for y, score in zip(ys, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        loss = data_loss + L2 * sum(p * p for p in peer.parameters())
        peer.zero_grad()
        loss.backward()
        return loss.data, [p.grad for p in peer.parameters()]

    return step


def with_torch(xs: list[list[float]], ys: list[float], model: MLP) -> Step:
    """torch eager on one thread, with whole-batch matrix operations: its natural form."""
    import torch

    torch.set_num_threads(1)
    x, y = torch.tensor(xs, dtype=torch.float64), torch.tensor(ys, dtype=torch.float64)
    parts: list[torch.nn.Module] = []
    for nin, nout, layer in zip([NIN, *NOUTS], NOUTS, model.layers):
        linear = torch.nn.Linear(nin, nout, dtype=torch.float64)
        with torch.no_grad():
            rows = [[w.data for w in neuron.w] for neuron in layer.neurons]
            linear.weight.copy_(torch.tensor(rows, dtype=torch.float64))
            biases = [neuron.b.data for neuron in layer.neurons]
            linear.bias.copy_(torch.tensor(biases, dtype=torch.float64))
        parts += [linear, torch.nn.ReLU()]
    peer = torch.nn.Sequential(*parts[:-1])

    def step() -> tuple[float, list[float]]:
        loss = torch.relu(1.0 - y * peer(x)[:, 0]).mean()
        loss = loss + L2 * sum((p * p).sum() for p in peer.parameters())
        peer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item(), []  # its gradients stay in tensors: reading them out is not the step

    return step


def check(steps: dict[str, Step]) -> None:
    """Every peer must compute the same loss and the same gradients before it is timed."""
    loss, gradients = next(iter(steps.values()))()
    for name, step in steps.items():
        its_loss, its_gradients = step()
        differences = [abs(its_loss - loss)]
        differences += [abs(a - b) for a, b in zip(its_gradients, gradients)]
        if max(differences) > 1e-10:
            raise SystemExit(f"{name} computes something else: off by {max(differences)}")


def moons_rows(rounds: int, repeats: int) -> list[dict[str, Any]]:
    """One row for each peer, with its ratio to ours."""
    xs, ys, model = problem()
    makers = {"ours, dot": with_dot, "ours, written out": written_out}
    if installed("micrograd"):
        makers["micrograd 0.1.0"] = with_micrograd
    steps = {name: make(xs, ys, model) for name, make in makers.items()}
    check(steps)
    seconds = in_turns({name: repeated(s, repeats) for name, s in steps.items()}, rounds)
    if installed("torch"):
        # Last: once torch is imported, Python's collector has its modules to visit with our nodes.
        batched = {"torch eager, 1 thread": with_torch(xs, ys, model)}
        check({**steps, **batched})
        seconds |= in_turns({name: repeated(s, repeats) for name, s in batched.items()}, rounds)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    dot_time, out_time = medians["ours, dot"], medians["ours, written out"]
    rows: list[dict[str, Any]] = [
        {"peer": name, "ms": s * 1e3, "times dot": s / dot_time, "times written out": s / out_time}
        for name, s in medians.items()
    ]
    missing = [name for name in ("micrograd", "torch") if not installed(name)]
    return rows + [{"peer": name, "note": "not installed"} for name in missing]


def anomaly_section(quick: bool) -> list[dict[str, Any]]:
    """The same step before, inside and after detect_anomaly: what it costs on, and off."""
    step = with_dot(*problem())

    def watched() -> tuple[float, list[float]]:
        with detect_anomaly():
            return step()

    return beside("detect_anomaly", {"off": step, "on": watched, "off again": step}, quick)


def collector_section(quick: bool) -> list[dict[str, Any]]:
    """A graph of 27,000 nodes recorded and differentiated, with Python's collector and without."""
    xs, ys, model = problem()
    step = written_out(xs[:41], ys[:41], model)

    def without() -> tuple[float, list[float]]:
        with uncollected():
            return step()

    return beside("collector", {"off": without, "on": step}, quick)


def beside(what: str, steps: dict[str, Step], quick: bool) -> list[dict[str, Any]]:
    """One row for each way to do the same step, with its ratio to the one that is off."""
    check(steps)
    rounds, repeats = (1, 1) if quick else (7, 3)
    seconds = in_turns({name: repeated(s, repeats) for name, s in steps.items()}, rounds)
    medians = {name: statistics.median(times) * 1e3 for name, times in seconds.items()}
    return [{what: name, "ms": ms, "/ off": ms / medians["off"]} for name, ms in medians.items()]


# --- memory and depth ---


def bytes_per_node(make: Callable[[float], Any], nodes: int = 20_000) -> float:
    """What one node of ``x = x*b + a`` adds to the memory that Python has handed out."""
    a, b, x = make(0.5), make(0.5), make(1.0)
    gc.collect()
    tracemalloc.start()
    for _ in range(nodes // 2):
        x = x * b + a
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / nodes


CHAIN = """
import resource, sys, time
from micrograd_like import Value
sys.setrecursionlimit(100)
def peak():  # in megabytes; ru_maxrss would count what the parent had before this process began
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if "VmHWM" in line) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
at_start, start = peak(), time.perf_counter()
b = Value(1.0000001)
x = Value(1.0)
for _ in range(N):
    x = x * b
recorded = time.perf_counter()
x.backward()
differentiated = time.perf_counter()
del x
print(recorded - start, differentiated - recorded, time.perf_counter() - differentiated,
      peak() - at_start, b.grad)
"""


def chain_row(nodes: int) -> dict[str, float]:
    """A chain of nodes, in a process of its own with a recursion limit of 100."""
    code = CHAIN.replace("N)", f"{nodes})")
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    record, backward, free, megabytes, _ = map(float, output.stdout.split())
    return {
        "nodes": nodes, "record s": record, "backward s": backward, "free s": free,
        "total s": record + backward + free, "MB": megabytes,
    }  # fmt: skip


def garbage_after(graphs: int) -> int:
    """How many objects the cyclic collector finds after so many dead graphs: none, we hope."""
    model = MLP(2, [4, 1], rng=0)
    gc.collect()
    gc.disable()
    try:
        for i in range(graphs):
            mean([relu(model([0.5, float(i)])), model([1.0, -1.0])]).backward()
        return gc.collect()
    finally:
        gc.enable()


def import_row(runs: int) -> dict[str, Any]:
    """The median time of ``import micrograd_like`` in a fresh Python, and what it loads."""
    code = (
        "import sys, time; start = time.perf_counter(); import micrograd_like; "
        "took = time.perf_counter() - start; heavy = {'numpy', 'torch', 'graphviz', 'matplotlib', "
        "'llvmlite'} & set(sys.modules); print(took, *heavy)"
    )
    command = [sys.executable, "-c", code]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    outputs = [
        subprocess.check_output(command, text=True, env=environment).split()
        for _ in range(runs + 1)  # the first one compiles
    ][1:]
    times = [float(words[0]) for words in outputs]
    return {"ms": statistics.median(times) * 1e3, "third-party modules": outputs[0][1:]}


# --- the report ---


def machine() -> str:
    """What this runs on, and how busy that is."""
    from importlib.metadata import version

    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as info:
            names = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
        cpu = names[0] if names else cpu
    python = f"{platform.python_implementation()} {platform.python_version()}"
    peers = [name for name in ("llvmlite", "torch", "jax", "scikit-learn", "micrograd")
             if installed({"scikit-learn": "sklearn"}.get(name, name))]  # fmt: skip
    versions = ", ".join(f"{name} {version(name)}" for name in peers)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    programs = f"{python}, micrograd_like {__version__}, {versions}"
    return f"{cpu}, one core, load average {load}\n{programs}"


def memory_section(quick: bool) -> dict[str, Any]:
    """What nodes cost besides time."""
    sizes = {"ours": bytes_per_node(Value)}
    if installed("micrograd"):
        from micrograd.engine import Value as TheirValue

        sizes["micrograd"] = bytes_per_node(TheirValue)
    return {
        "bytes per node": sizes,
        "chain": chain_row(10_000 if quick else 1_000_000),
        "cyclic garbage of 1000 dead graphs": garbage_after(1000),
        "import": import_row(1 if quick else 9),
    }


def defaults_section(quick: bool) -> list[dict[str, Any]]:
    """The section defaults, which needs scikit-learn."""
    from benchmark_defaults import rows

    return rows(quick)


def bars_section(quick: bool) -> list[dict[str, Any]]:
    """The section bars."""
    from benchmark_bars import bars_section

    return bars_section(quick)


def microgpt_section(quick: bool) -> list[dict[str, Any]]:
    """The section microgpt."""
    from benchmark_microgpt import microgpt_section

    return microgpt_section(quick)


SECTIONS: dict[str, Callable[[bool], Any]] = {
    "step": lambda quick: moons_rows(rounds=1 if quick else 7, repeats=1 if quick else 3),
    "anomaly": anomaly_section,
    "collector": collector_section,
    "memory": memory_section,
    "jit": jit_section,
    "compile": compile_section,
    "bars": bars_section,
    "microgpt": microgpt_section,
    "digits": digits_section,
    "defaults": defaults_section,
}


def step_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The section step as text."""
    head = ["", "ms", "/ ours, dot", "/ ours, written out"]
    return ["moons step (2-16-16-1, 100 samples, forward and backward)",
            "{:24}{:>10}{:>14}{:>22}".format(*head)] + [
        "{:24}{:10.2f}{:14.2f}{:22.2f}".format(*row.values())
        if "ms" in row else f"{row['peer']:24}{row['note']}" for row in rows
    ]  # fmt: skip


def memory_lines(results: dict[str, Any]) -> list[str]:
    """The section memory as text."""
    chain, modules = results["chain"], results["import"]["third-party modules"]
    sizes = ", ".join(f"{name} {size:.0f}" for name, size in results["bytes per node"].items())
    return [
        f"bytes per node: {sizes}",
        f"chain of {chain['nodes']:,} nodes, recursion limit 100: {chain['total s']:.2f} s (record "
        f"{chain['record s']:.2f}, backward {chain['backward s']:.2f}, free "
        f"{chain['free s']:.2f}), {chain['MB']:.0f} MB",
        f"cyclic garbage after 1000 dead graphs: {results['cyclic garbage of 1000 dead graphs']}",
        f"import micrograd_like: {results['import']['ms']:.0f} ms, third-party modules: "
        f"{', '.join(modules) or 'none'}",
    ]


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as text, under the names of their columns; a number that is not there is a dash."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *[[cell(row.get(name)) for name in names] for row in rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def cell(x: Any) -> str:
    """A number with three digits that count, a text as it is."""
    if isinstance(x, float):
        return f"{x:.0f}" if abs(x) >= 1000 else f"{x:#.3g}".rstrip(".")
    return "-" if x is None else str(x)


def report(results: dict[str, Any]) -> str:
    """The results as text."""
    lines = [results["machine"]]
    if "step" in results:
        lines += ["", *step_lines(results["step"])]
    if "anomaly" in results:
        lines += ["", "the same step, watched", *table(results["anomaly"])]
    if "collector" in results:
        lines += ["", "27,000 nodes recorded and differentiated", *table(results["collector"])]
    if "memory" in results:
        lines += ["", *memory_lines(results["memory"])]
    if "jit" in results:
        lines += ["", "compiled, 100 samples, microseconds a step", *table(results["jit"])]
    if "note" in results.get("compile", {}):
        lines += ["", f"compile time: {results['compile']['note']}"]
    elif "compile" in results:
        first, irregular, growth = results["compile"].values()
        lines += ["", "first calls in fresh processes", *table(first)]
        lines += ["", "irregular program with its gradient, one sample, microseconds"]
        lines += [f"{k}: {', '.join(map(cell, v.values())) if isinstance(v, dict) else cell(v)}"
                  for k, v in irregular.items()]  # fmt: skip
        lines += ["", "seconds of CPU to trace and compile", *table(growth)]
    if "bars" in results:
        lines += ["", "what compiled code is to reach, at most", *table(results["bars"])]
    if "microgpt" in results:
        lines += ["", "a GPT of 4,192 scalars, a name a step", *table(results["microgpt"])]
    if "digits" in results:
        lines += ["", "digits, 64-32-10, Adam, batches of 32, 50 epochs, imports and all"]
        lines += table(results["digits"])
    if "defaults" in results:
        lines += ["", "every default, on rows never seen: the mean of five splits (and the worst)"]
        lines += table(results["defaults"])
    return "\n".join(lines)


def main() -> None:
    """Parses the command line, measures, prints."""
    parser = argparse.ArgumentParser(description="Measures micrograd_like against its peers.")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    options = parser.parse_args()
    one_core()
    results: dict[str, Any] = {"machine": machine()}
    for name in [options.only] if options.only else SECTIONS:
        results[name] = SECTIONS[name](options.quick)
    print(json.dumps(results, indent=2) if options.json else report(results))


if __name__ == "__main__":
    main()
