"""Graphs, trainings and names that pages and pictures show, and what they say of them."""

import html
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


def drawn(drawing):
    """What a picture says, of each node: name, lines below it, op's symbol, inputs and slopes."""
    nodes = []
    for i, label in re.findall(r"^  n(\d+) \[tooltip=.*?, label=<(.*)>\];$", drawing.source, re.M):
        cells = re.findall(r"<TD>(.*?)</TD>", label)
        name = re.fullmatch(r"<B>(.*)</B>", cells[0])
        op = re.search(rf'^  op{i} \[label="(.*?)", ', drawing.source, re.M)
        edges = re.findall(rf"^  n(\d+) -> op{i}(?: \[(?:label=\"(.*)\"|style=dashed)\])?;$",
                           drawing.source, re.M)  # fmt: skip
        nodes.append((as_text(name[1]) if name else "", [as_text(c) for c in cells[bool(name) :]],
                      as_text(op[1]) if op else "", [(int(a), d) for a, d in edges]))  # fmt: skip
    return nodes


def as_text(escaped):
    return html.unescape(escaped.replace("\\\\", "\\"))


# Names that want to be more than text: what ends a script, the places in our own template, what
# is special to str.replace, re.sub, JavaScript, DOT, HTML, XML, mathtext and terminals.
HOSTILE = [
    "</script><script>window.hacked = 1</script>", "<!--<script>", "-->", "]]>", "<b>bold</b>",
    "/*data*/", "<!--svg-->", "/*da<!--svg-->ta*/", "<!--/*data*/svg-->", "<!--groups-->",
    "<!--/groups-->", "<!--large-->", "<!--/training-->", "<!--comment-->", "*/", "//",
    "var(--bg)", "${hacked()}", "$&", "$1 $`", "\\1 \\g<0>", "{0} {name} %s %(a)s", "`", "'\"",
    '"', "\\", "ends in \\", r"\N \G \E \T \H \l \r \n", "{|}<port>", "];}", "&lt; &amp; &#65; &",
    "$x$ $\\frac", "\u2028\u2029", "\ud800", "\udc00\ud800", "nul\0", "\x1b[31m",
    "\u202egnol\u2066", "\ufeff", "\ufffe", "__proto__", "constructor", "toString", "null", "out",
    "x", "y", "k", "nan", "stored", "op:tanh", "<img src=x onerror=window.hacked=1>",
    "javascript:window.hacked=1", "../../x", "x" * 10_000,
]  # fmt: skip


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


class Letters:
    """A small model of language: one layer of attention, number by number."""

    def __init__(self, width, letters):
        rng = random.Random(0)
        self.tables = {name: [[Value(rng.gauss(0.0, 0.3)) for _ in range(width)] for _ in range(n)]
                       for name, n in [("letters", letters), ("q", width), ("k", width),
                                       ("v", width), ("out", letters)]}  # fmt: skip
        self.width = width

    def names(self):
        return {f"{name}.{i}.{j}": v for name, rows in self.tables.items()
                for i, row in enumerate(rows) for j, v in enumerate(row)}  # fmt: skip

    def attention(self, x, seen):
        query, width = linear(self.tables["q"], x), self.width
        seen.append((linear(self.tables["k"], x), linear(self.tables["v"], x)))
        said = []
        for part in (slice(0, width // 2), slice(width // 2, width)):
            scores = [functional.dot(query[part], k[part]) / width**0.5 for k, _ in seen]
            shares = functional.softmax(scores)
            said += [functional.dot(shares, column) for column in zip(*[v[part] for _, v in seen])]
        return said

    def logits(self, token, seen):
        x = self.tables["letters"][token]
        return linear(self.tables["out"], [a + b for a, b in zip(self.attention(x, seen), x)])

    def loss(self, tokens):
        seen = []
        after = [self.logits(token, seen) for token in tokens]
        pairs = zip(after, tokens[1:])
        return functional.mean([functional.logsumexp(x) - x[next] for x, next in pairs])


def linear(rows, x):
    return [functional.dot(row, x) for row in rows]
