"""The sixteen pages on which all that explore shows is judged, from one neuron to a scalar GPT."""

import math
import random
import sys
from pathlib import Path

from sklearn.datasets import load_digits

import micrograd_like.functional as F
from micrograd_like import MLP, Value, cross_entropy, hinge_loss, mse_loss
from micrograd_like.engine import grad
from micrograd_like.explore import explore

from .pages import HOSTILE, spelled_out, trained

DEMOS = Path(__file__).parents[2] / "demos"


def neuron():
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    total = w1 * x1 + w2 * x2 + Value(6.881373587, label="b")
    out = total.tanh()
    total.label, out.label = "total", "out"
    return explore(out)


def readme_example():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return explore(g)


def four_samples():
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    model = MLP(3, [4, 4, 1], rng=1)
    return explore(mse_loss([model(x) for x in xs], [1.0, -1.0, -1.0, 1.0]), model=model)


def network(count):
    model = MLP(2, [16, 16, 1], rng=0)
    y = [Value(1.0 if k % 3 else -1.0, label="y") for k in range(count)]
    outs = [spelled_out(model, [0.1 * k, -1.0]) for k in range(count)]
    loss = F.sum([(1.0 - t * out).relu() for t, out in zip(y, outs)]) / count
    loss.label = "loss"
    return explore(loss, model=model)


def recurrent():
    w, u, b = Value(0.5, label="w"), Value(-1.2, label="u"), Value(0.1, label="b")
    h = Value(0.0, label="h")
    for t in range(25):
        h = (w * Value(math.sin(t), label=f"x{t}") + u * h + b).tanh()
    return explore(h)


def hessian_graph():
    x, y = Value(0.5, label="x"), Value(-1.0, label="y")
    out = (x * y).tanh() * x + y**2
    (slope,) = grad(out, [x], create_graph=True)
    (bend,) = grad(slope, [y], create_graph=True)
    return explore(bend, names={"x": x, "y": y})


def a_nan():
    x = [Value(number, label=f"x{k}") for k, number in enumerate([0.5, -2.0, 3.0])]
    log = F.log(x[1])
    return explore((F.sum([v.tanh() * 2.0 for v in x]) + log * x[0]).exp().tanh())


def hostile_labels():
    names = [name for name in dict.fromkeys(HOSTILE) if name.strip()][:20]
    names += ["x" * 10_000, "漢字" * 9]
    values = [Value(0.1 * k, label=name) for k, name in enumerate(names)]
    return explore(F.sum([(a * b).tanh() for a, b in zip(values[::2], values[1::2])]))


def training():
    return explore(trained(epochs=5))


def digits():
    data = load_digits()
    model = MLP(64, [8, 10], activation="relu", output_activation="linear", rng=0)
    scores = [model((data.data[k] / 16.0).tolist()) for k in range(2)]
    return explore(cross_entropy(scores, data.target[:2].tolist()), model=model)


def scalar_gpt():
    sys.path.insert(0, str(DEMOS))
    try:
        from microgpt import GPT, NAMES, example
    finally:
        sys.path.pop(0)
    letters = "".join(sorted(set(NAMES.read_text(encoding="utf-8")) - {"\n"}))
    gpt, name = GPT(len(letters) + 1, random.Random(42)), example("dorothy", letters, ())
    tables = [(f"{m}.{i}", row) for m, rows in vars(gpt).items() for i, row in enumerate(rows)]
    names = {f"{row}.{j}": w for row, numbers in tables for j, w in enumerate(numbers)}
    return explore(lambda: gpt.loss(*name), names=names)


def tanh_chain(length):
    c = Value(0.5, label="c")
    for _ in range(length):
        c = (1.01 * c).tanh()
    return explore(c)


def functions_without_a_model():
    w = [[Value(0.1 * (i - j)) for j in range(4)] for i in range(3)]

    def linear(rows, x):
        return [F.dot(row, x) for row in rows]

    def loss():
        hidden = [v.tanh() for v in linear(w, [0.5, -1.0, 2.0, 0.0])]
        return hinge_loss([F.sum(hidden)], [1.0])

    return explore(loss)


PAGES = {
    "neuron": neuron,
    "readme": readme_example,
    "4 samples": four_samples,
    "1 sample": lambda: network(1),
    "20 samples": lambda: network(20),
    "recurrent": recurrent,
    "hessian": hessian_graph,
    "nan": a_nan,
    "hostile": hostile_labels,
    "training": training,
    "digits": digits,
    "gpt": scalar_gpt,
    "functions": functions_without_a_model,
    "chain of 30": lambda: tanh_chain(30),
    "chain of 250": lambda: tanh_chain(250),
    "chain of 2500": lambda: tanh_chain(2500),
}
