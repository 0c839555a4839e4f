"""Graphs and trainings that pages show, and what a page knows."""

import json
import random
import re

from micrograd_like import MLP, SGD, Value, functional, hinge_loss
from micrograd_like.train import fit

from .programs import build, random_program


def data_of(explorer):
    """What the page knows, as the page reads it."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', explorer.page)
    data = json.loads(found[1])
    for i, (xs, rule) in enumerate(zip(data["inputs"], data["rule"])):
        if rule == 0:  # a product: each input times its partner
            half = len(xs) // 2
            data["rule"][i] = [data["value"][x] for x in xs[half:] + xs[:half]]
    return data


def spelled_out(model, x):
    """The network as micrograd writes it: a product and a sum for every weight."""
    x = [Value(number, label=f"x{k}") for k, number in enumerate(x)]
    for layer in model.layers:
        x = [sum((w * v for w, v in zip(n.w, x)), n.b).tanh() for n in layer.neurons]
    return x[0]


def random_graph(seed, size=40):
    """A Value made of every kind of op, of shared Values and, if the seed is odd, of edges."""
    return build(random_program(seed, "wild" if seed % 2 else "tame", size))[2]


def chain(length):
    """So many Values, one after the other."""
    x = Value(0.5, label="x")
    for _ in range(length - 1):
        x = -x
    return x


def samples(count, model):
    """The loss of a 2-16-16-1 network, spelled out, for some samples."""
    outs = [spelled_out(model, [0.1 * i, -1.0]) for i in range(count)]
    return functional.sum([(1.0 - out * 1.0).relu() for out in outs])


def trained(epochs, widths=(16, 16, 1), inputs=2, record=1):
    """A History that remembers its epochs."""
    rng = random.Random(0)
    X = [[rng.uniform(-1.0, 1.0) for _ in range(inputs)] for _ in range(20)]
    y = [1.0 if row[0] * row[1] > 0.0 else -1.0 for row in X]
    model = MLP(inputs, list(widths), output_activation="linear", rng=0)
    return fit(model, X, y, hinge_loss, SGD(model.parameters(), lr=0.1), epochs=epochs,
               batch_size=20, record=record, jit=False, progress=False)  # fmt: skip
