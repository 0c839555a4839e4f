"""The section microgpt of benchmark.py: a step of demos/microgpt.py, one name, here and elsewhere.

    python benchmarks/benchmark.py --only microgpt

Everybody trains the same names in the same order from the same numbers, in float64 on one core; the
losses of the first 100 steps are compared before a time is told.
"""

from __future__ import annotations

import ctypes
import importlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmark_jit import Row, installed

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "demos"))

demo: Any = importlib.import_module("microgpt")

KERNEL = Path(__file__).with_name("microgpt_kernel.c")
CHECKED, STEPS = 100, 1000
BETAS, EPS, LR = (0.85, 0.99), 1e-8, 0.01
Run = tuple[list[float], float, float]  # the losses, seconds of one step, seconds before the first


class Start:
    """The names in their order and the numbers that everybody begins with."""

    def __init__(self, steps: int) -> None:
        rng = random.Random(42)
        names = demo.NAMES.read_text(encoding="utf-8").split()
        rng.shuffle(names)
        self.steps, self.names = steps, names[:steps]
        self.letters = "".join(sorted(set("".join(names))))
        self.gpt = demo.GPT(len(self.letters) + 1, rng)
        self.matrices = {
            name: [[w.data for w in row] for row in matrix]
            for name, matrix in vars(self.gpt).items()
        }

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return LR * (1.0 - step / self.steps)

    def all_tokens(self) -> list[list[int]]:
        """Of every name, one more at either end."""
        some = [demo.example(name, self.letters, ()) for name in self.names]
        return [[*tokens, following[-1]] for tokens, following, _ in some]


def ours(start: Start, eager: bool = False) -> Run:
    """The demo's own step."""
    from micrograd_like import Adam

    adam = Adam(start.gpt.parameters(), lr=LR, betas=BETAS)
    lengths = () if eager else demo.LENGTHS
    examples = [demo.example(name, start.letters, lengths) for name in start.names]
    losses, first = [], dict[int, float]()
    with demo.stepper(start.gpt, adam, eager) as step:
        began = time.perf_counter()
        for i, example in enumerate(examples):
            before = time.perf_counter()
            adam.lr = start.rate(i)
            losses.append(step(*example))
            first.setdefault(len(example[0]), time.perf_counter() - before)
        total = time.perf_counter() - began
    compiling = 0.0 if eager else sum(first.values())
    return losses, (total - compiling) / len(losses), compiling


def by_hand(start: Start, *flags: str) -> Run:
    """microgpt_kernel.c: the same arithmetic as plain loops, all steps in one call."""
    import numpy as np

    with tempfile.TemporaryDirectory() as directory:
        target = str(Path(directory) / "kernel.so")
        command = ["cc", "-O3", "-march=native", *flags, "-shared", "-fPIC", str(KERNEL)]
        subprocess.run([*command, "-o", target, "-lm"], check=True)
        train = ctypes.CDLL(target).train_all
    p = np.array([w for m in start.matrices.values() for row in m for w in row])
    tokens = start.all_tokens()
    arrays = [p, np.zeros_like(p), np.zeros_like(p), np.concatenate(tokens).astype(np.int32)]
    arrays.append(np.array([len(name) - 1 for name in tokens], np.int32))
    losses = np.zeros(len(tokens))
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
    began = time.perf_counter()
    train(*pointers, len(tokens), ctypes.c_void_p(losses.ctypes.data))
    return losses.tolist(), (time.perf_counter() - began) / start.steps, 0.0


def forward(xp: Any, softmax: Any, w: Any, tokens: Any, causal: Any) -> Any:
    """The scores after each token, with arrays: for jax.numpy and for torch alike."""

    def norm(x: Any) -> Any:
        return x / xp.sqrt((x * x).mean(-1)[:, None] + 1e-5)

    n, heads = len(tokens), demo.HEADS
    x = norm(w["wte"][tokens] + w["wpe"][:n])
    seen = norm(x)
    q, k, v = [(seen @ w[name].T).reshape(n, heads, -1) for name in ("wq", "wk", "wv")]
    scores = xp.einsum("thd,uhd->htu", q, k) / q.shape[-1] ** 0.5
    shares = softmax(xp.where(causal, scores, -xp.inf), -1)
    x = x + xp.einsum("htu,uhd->thd", shares, v).reshape(n, -1) @ w["wo"].T
    hidden = norm(x) @ w["fc1"].T
    return (x + xp.where(hidden > 0.0, hidden, 0.0) @ w["fc2"].T) @ w["lm_head"].T


def in_jax(start: Start) -> Run:
    """Rewritten for arrays: every name filled up to 16 tokens, all steps one scan."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    filled = jnp.array([name + [0] * (17 - len(name)) for name in start.all_tokens()])
    lengths = jnp.array([len(name) - 1 for name in start.all_tokens()])
    causal = jnp.tril(jnp.ones((demo.BLOCK, demo.BLOCK), bool))

    def loss(w: Any, tokens: Any, n: Any) -> Any:
        shares = jax.nn.log_softmax(forward(jnp, jax.nn.softmax, w, tokens[:-1], causal))
        costs = -jnp.take_along_axis(shares, tokens[1:, None], 1)[:, 0]
        return jnp.where(jnp.arange(demo.BLOCK) < n, costs, 0.0).sum() / n

    def step(state: Any, example: Any) -> Any:
        (w, m, v), (tokens, n, i) = state, example
        cost, slope = jax.value_and_grad(loss)(w, tokens, n)
        each = partial(jax.tree.map)
        m = each(lambda m, g: BETAS[0] * m + (1.0 - BETAS[0]) * g, m, slope)
        v = each(lambda v, g: BETAS[1] * v + (1.0 - BETAS[1]) * g * g, v, slope)
        rate, one, two = LR * (1.0 - i / start.steps), *[1.0 - b ** (i + 1.0) for b in BETAS]
        w = each(lambda w, m, v: w - rate * (m / one) / (jnp.sqrt(v / two) + EPS), w, m, v)
        return (w, m, v), cost

    w = {name: jnp.array(matrix) for name, matrix in start.matrices.items()}
    zeros = jax.tree.map(jnp.zeros_like, w)
    state, examples = (w, zeros, zeros), (filled, lengths, jnp.arange(start.steps))
    run = jax.jit(lambda state, examples: jax.lax.scan(step, state, examples))
    began = time.perf_counter()
    jax.block_until_ready(run(state, examples))
    first = time.perf_counter() - began
    began = time.perf_counter()
    losses = jax.block_until_ready(run(state, examples)[1])
    each = (time.perf_counter() - began) / start.steps
    return losses.tolist(), each, first - each * start.steps


def in_torch(start: Start) -> Run:
    """Rewritten for arrays, eager."""
    import torch

    torch.set_num_threads(1)
    w = {k: torch.tensor(m, dtype=torch.float64) for k, m in start.matrices.items()}
    for matrix in w.values():
        matrix.requires_grad_()
    adam, losses = torch.optim.Adam(w.values(), lr=LR, betas=BETAS, eps=EPS), []
    causal = torch.ones(demo.BLOCK, demo.BLOCK).tril().bool()
    began = time.perf_counter()
    for i, name in enumerate(start.all_tokens()):
        adam.param_groups[0]["lr"] = start.rate(i)
        adam.zero_grad()
        tokens, n = torch.tensor(name), len(name) - 1
        logits = forward(torch, torch.softmax, w, tokens[:-1], causal[:n, :n])
        loss = torch.nn.functional.cross_entropy(logits, tokens[1:])
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        losses.append(loss.item())
    return losses, (time.perf_counter() - began) / start.steps, 0.0


def differs(losses: Sequence[float], others: Sequence[float]) -> float:
    """By how much at most in the first steps."""
    return max(abs(a - b) for a, b in zip(losses[:CHECKED], others[:CHECKED]))


def microgpt_section(quick: bool) -> list[Row]:
    """Who takes how long for a name."""
    if not installed("llvmlite", "numpy"):
        return [{"what": "all", "note": "llvmlite or numpy is not installed"}]
    few, steps = (3, 20) if quick else (CHECKED, STEPS)
    peers: dict[str, tuple[Callable[..., Run], int, bool]] = {
        "ours, compiled": (ours, steps, True),
        "C by hand, vectors": (
            partial(by_hand_with, "-ffast-math", "-mprefer-vector-width=512"), steps, gcc()),
        "C by hand, no vectors": (partial(by_hand_with, "-fno-tree-vectorize"), steps, gcc()),
        "JAX, arrays, one scan": (in_jax, steps, installed("jax")),
        "torch, arrays, eager": (in_torch, steps, installed("torch")),
        "ours, in Python": (partial(ours, eager=True), few, True),
    }  # fmt: skip
    rows: list[Row] = []
    known: list[float] = []
    for name, (run, count, there) in peers.items():
        if not there:
            rows.append({"what": name, "note": "not installed"})
            continue
        begun = Start(steps)
        begun.names = begun.names[:count]
        losses, each, before = run(begun)
        known = known or losses
        if (most := differs(known, losses)) > 1e-9:
            raise AssertionError(f"{name}: a loss differs by {most}")
        rows.append({"what": name, "us": 1e6 * each, "s before": before, "last loss": losses[-1]})
    rows[0] |= {"wanted": 30.0, "s wanted": 5.0}
    return rows


def by_hand_with(*arguments: Any) -> Run:
    """by_hand, its flags first."""
    *flags, start = arguments
    return by_hand(start, *flags)


def gcc() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None
