"""Level 2, careful: what goes wrong on the second use, far out, deep down, and in a training.

Numbers are small integers where they can be, so that a reader checks them in the head.
"""

import json
from pathlib import Path

from .cases import Case, Check

_NO_RECURSION = {
    ("", "RecursionError"): "the walk calls itself for every node, and Python allows about 1,000"
    " calls inside each other: a loop with a list of nodes that wait has no such limit",
    ("", "died"): "so deep a recursion ended the whole process: a loop with a list of nodes that"
    " wait has no such limit",
    ("", "MemoryError"): "a node takes too much memory",
    ("", "late"): "the work for a node grows with the number of nodes before it",
}  # fmt: skip
_EACH_PATH = "backward goes to a node once for every path to it, 2**30 of them: it should go once"
_KEPT = (
    "what the first backward left in {} was handed on again: every backward has to start with 0 in"
    " every node but the leaves"
)
_EMPTIED = (
    "backward sets the leaves to 0 before it starts; it should add, so that the gradients of"
    " several losses can be collected"
)

# --- the second use ---

_AGAIN = (
    Check(
        "backward in the middle", "careful", "backward may start at any node",
        (
            Case("a = Value(3.0)\nb = a * a\ny = b * b\nb.backward()", {"a.grad": "2 * 3.0"},
                 {("a.grad", "0.0"): "backward has to start with 1 at the node that it is called"
                 " on"}),
        ),
        ("a node used twice",),
    ),
    Check(
        "backward twice", "careful", "a second backward adds the same gradient again",
        (
            Case(
                "a = Value(3.0)\ny = a * a\ny.backward()\ny.backward()", {"a.grad": "6.0 + 6.0"},
                {
                    ("a.grad", "6.0"): "the second backward did not add: it sets the leaves to 0"
                    " before it starts, or it does nothing",
                    ("a.grad", "6.0 + 12.0"): "y.grad grows by 1 with each backward: it has to"
                    " be set to 1",
                },
            ),
            Case(
                "a = Value(2.0)\nb = a * a\ny = b * b\ny.backward()\ny.backward()",
                {"a.grad": "32.0 + 32.0"},
                {
                    ("a.grad", "32.0 + (8.0 + 8.0) * 4.0"): _KEPT.format("b.grad"),
                    ("a.grad", "32.0"): _EMPTIED,
                },
            ),
            Case(
                "a = Value(2.0)\nb = a * a\ny = b * b\ny.backward()\na.grad = 0.0\ny.backward()",
                {"a.grad": "32.0"},
                {
                    ("a.grad", "(8.0 + 8.0) * 4.0"): _KEPT.format("b.grad"),
                    ("a.grad", "0.0"): "the second backward did nothing",
                },
            ),
        ),
        ("a node used twice",), may_refuse=True,
    ),
    Check(
        "two losses", "careful", "two losses that share a part of the graph add their gradients",
        (
            Case(
                "a = Value(2.0)\nb = a * a\ny = b * b\nz = b + a\ny.backward()\nz.backward()",
                {"a.grad": "4 * 2.0**3 + (2 * 2.0 + 1)"},
                {
                    ("a.grad", "32.0 + (8.0 + 1.0) * 4.0 + 1.0"): _KEPT.format("b.grad"),
                    ("a.grad", "5.0"): _EMPTIED,
                },
            ),
            Case(
                "a = Value(2.0)\nb = a * a\ny = b * b\nz = y * a\ny.backward()\nz.backward()",
                {"a.grad": "4 * 2.0**3 + 5 * 2.0**4"},
                {
                    ("a.grad", "32.0 + 16.0 + (8.0 + 3.0 * 8.0) * 4.0"): _KEPT.format(
                        "y.grad and b.grad"
                    ),
                    ("a.grad", "32.0 + 16.0 + 3.0 * 8.0 * 4.0"): _KEPT.format("y.grad"),
                    ("a.grad", "80.0"): _EMPTIED,
                },
            ),
        ),
        ("backward twice",), may_refuse=True,
    ),
    Check(
        "zero and again", "careful", "after x.grad = 0 the next gradient stands alone",
        (
            Case(
                "w = Value(3.0)\nfor step in range(3):\n    w.grad = 0.0\n    y = w * w\n"
                "    y.backward()",
                {"w.grad": "6.0"},
                {("w.grad", "18.0"): "the gradient was not put back to 0: it is kept elsewhere,"
                " too"},
            ),
            Case(
                "w = Value(3.0)\nfor step in range(3):\n    y = w * w\n    y.backward()",
                {"w.grad": "3 * 6.0"},
                {("w.grad", "6.0"): _EMPTIED},
            ),
        ),
        ("a node used twice", "backward twice"),
    ),
    Check(
        "a changed leaf", "careful", "the gradient is that of the numbers that were computed with",
        (
            Case(
                "a = Value(2.0)\nb = Value(3.0)\ny = a * b\na.data = 10.0\ny.backward()",
                {"b.grad": "2.0", "a.grad": "3.0", "y.data": "6.0"},
                {("b.grad", "10.0"): "the rule of a * b reads a.data when backward runs; it"
                 " should keep the number from when y was computed"},
            ),
            Case(
                "a = Value(2.0)\ny = a * a\na.data = 10.0\ny.backward()", {"a.grad": "2 * 2.0"},
                {("a.grad", "2 * 10.0"): "the rule of a * a reads a.data when backward runs; it"
                 " should keep the number from when y was computed"},
            ),
        ),
        ("a node used twice",), may_refuse=True,
    ),
    Check(
        "a step of training", "careful", "a step changes the number, and the next graph uses it",
        (
            Case(
                "w = Value(3.0)\ny = w * w\ny.backward()\nw.data -= 0.25 * w.grad\nw.grad = 0.0\n"
                "z = w * w\nz.backward()",
                {"w.data": "3.0 - 0.25 * 6.0", "z.data": "1.5 * 1.5", "w.grad": "1.5 + 1.5"},
                {
                    ("z.data", "9.0"): "the new graph still computes with the old number: a copy"
                    " is kept",
                    ("w.grad", "6.0"): "the new gradient is computed with the old number: a copy"
                    " is kept",
                },
            ),
        ),
        ("zero and again",), may_refuse=True,
    ),
    Check(
        "the same bits", "careful", "the same program gives the same gradient, to the last bit",
        (
            Case(
                "found, kept = [], []\nfor again in range(20):\n    x = Value(1.0)\n    y = x\n"
                "    for k in range(16):\n"
                "        kept += [Value(0.0) for other in range(again * k % 5)]\n"
                "        y = y + x * Value((1e16, 1.0, -1e16, 3.0)[k % 4])\n"
                "    y.backward()\n    found.append(x.grad + 0.0)\n    kept.append(y)",
                {"max(found) - min(found)": "0.0"},
                {("max(found) - min(found)", "*"): "the inputs of a node are kept in a set,"
                 " whose order changes from run to run, and floats add up differently in another"
                 " order: keep a tuple"},
            ),
        ),
        ("two branches",), 5.0,
    ),
)  # fmt: skip

# --- deep and large graphs, and what is left of them ---


def _depth(n: int, seconds: float, *needs: str) -> Check:
    code = f"x = Value(1.0)\ny = x\nfor k in range({n}):\n    y = y + x\ny.backward()"
    code += "\nend, slope = y.data, x.grad\ndel x, y"
    if n == 1_000_000:
        code = f"import gc\n\n{code}\ngc.collect()"  # or the next check pays for it
    wanted = {"end": f"{n} + 1.0", "slope": f"{n} + 1.0"}
    sentence = f"a chain of {n:,} sums, and its end"
    case = Case(code, wanted, _NO_RECURSION)
    return Check(f"depth {n:,}", "careful", sentence, (case,), needs, seconds)


_SEARCH = (
    "backward looks through all nodes for each node (`in` a list, perhaps): look them up in a set"
)
_NOTHING_KEPT = "a list, a dictionary or a cache of the engine keeps the nodes of earlier graphs"
_WORK = (
    Check(
        "diamonds", "careful", "a node is gone through once, however many paths lead to it",
        (
            Case(
                "x = Value(1.0)\ny = x\nfor k in range(30):\n    y = y + y\ny.backward()",
                {"y.data": "2.0**30", "x.grad": "2.0**30"}, {("", "late"): _EACH_PATH},
            ),
        ),
        ("a node used twice",),
    ),
    Check(
        "linear time", "careful", "four times the nodes take about four times as long",
        (
            Case(
                "import time\n\n"
                "def seconds(n):\n    x = Value(1.0)\n    nodes = [x + x for k in range(n)]\n"
                "    while len(nodes) > 1:\n"
                "        nodes = [a + b for a, b in zip(nodes[::2], nodes[1::2])]\n"
                "    start = time.process_time()\n    nodes[0].backward()\n"
                "    return time.process_time() - start\n\n"
                "pairs = [(seconds(512), seconds(2048)) for again in range(25)]\n"
                "short, long = (min(times) for times in zip(*pairs))",
                {"long / short > 9": "0.0"},
                {("long / short > 9", "1.0"): _SEARCH, ("", "late"): _SEARCH},
            ),
        ),
        ("diamonds",), 20.0,
    ),
)  # fmt: skip
_MEMORY = (
    Check(
        "no garbage", "careful", "a graph that nobody uses is gone at once",
        (
            Case(
                "import gc\n\ngc.collect()\ngc.disable()\nx = Value(2.0)\nfor k in range(100):\n"
                "    y = x * x + x\ngarbage = gc.collect()\ngc.enable()",
                {"garbage": "0.0"},
                {("garbage", "*"): "a node keeps itself alive: its rule is a function that uses"
                 " the node, and the node keeps the rule. Memory is freed only when Python"
                 " searches for it"},
            ),
            Case(
                "import gc\n\ngc.collect()\ngc.disable()\nx = Value(2.0)\nfor k in range(100):\n"
                "    y = x * x + x\n    y.backward()\ngarbage = gc.collect()\ngc.enable()",
                {"garbage": "0.0"},
                {("garbage", "*"): "a function inside of backward that calls itself keeps itself"
                 " alive, and the list of nodes with it: make it a function of the module"},
            ),
        ),
        ("a node used twice",),
    ),
    Check(
        "no leak", "careful", "the engine keeps no node of a graph that nobody uses",
        (
            Case(
                "import gc\n\n"
                "def alive():\n    gc.collect()\n"
                "    return sum(type(v) is Node for v in gc.get_objects())\n\n"
                "x = Value(2.0)\nNode = type(x)\nfor k in range(200):\n    y = x * x + x\n"
                "    y.backward()\n    x.grad = 0.0\n    if k == 99:\n        before = alive()\n"
                "more = alive() - before",
                {"more": "0.0"}, {("more", "*"): _NOTHING_KEPT},
            ),
        ),
        ("a node used twice",), 5.0,
    ),
)  # fmt: skip
_DEPTHS = (
    _depth(1_000, 2.0, "a chain"),
    _depth(10_000, 5.0, "depth 1,000"),
    _depth(1_000_000, 60.0, "depth 10,000", "linear time"),
)

# --- far out, where the right answer is finite ---

_CUT_OFF = (
    "the input is moved or cut off before the function is computed: log(x + 1e-8), for example"
)
_TOO_LARGE = "a large exponential overflows on the way to a finite result"
_FAR: dict[str, list[tuple[float, str, str, str]]] = {
    # name: (x, value, slope, what to do)
    "tanh": [
        (400.0, "1.0", "0.0", "math.tanh has no limit; exp(2 * x) is too large for a float from"
        " 355 on"),
        (-400.0, "-1.0", "0.0", "math.tanh has no limit; exp(-2 * x) is too large below -355"),
    ],
    "exp": [
        (-800.0, "exp(-800.0)", "exp(-800.0)", _TOO_LARGE),
        (700.0, "exp(700.0)", "exp(700.0)", _TOO_LARGE),
    ],
    "sigmoid": [
        (800.0, "1.0", "0.0", "exp(x) is too large for a float from 710 on; for x > 0 use exp(-x)"),
        (-800.0, "0.0", "0.0", "exp(-x) is too large for a float here; for x < 0 use exp(x) / (1"
        " + exp(x))"),
    ],
    "log": [
        (1e-300, "log(1e-300)", "1e300", _CUT_OFF),
        (1e300, "log(1e300)", "1e-300", _CUT_OFF),
    ],
    "sqrt": [(1e-300, "1e-150", "5e149", _CUT_OFF)],
    "softplus": [
        (800.0, "800.0", "1.0", "exp(x) is too large for a float: max(x, 0) + log1p(exp(-abs(x)))"),
        (-800.0, "0.0", "0.0", "exp(-x) is too large for a float: the slope is sigmoid(x), which"
        " is 0"),
    ],
    "silu": [
        (800.0, "800.0", "1.0", "it is x * sigmoid(x), with a sigmoid that does not overflow"),
        (-800.0, "0.0", "0.0", "it is x * sigmoid(x), with a sigmoid that does not overflow"),
    ],
    "gelu": [(40.0, "40.0", "1.0", _TOO_LARGE), (-40.0, "0.0", "0.0", _TOO_LARGE)],
    "elu": [
        (800.0, "800.0", "1.0", "exp(x) is needed, and computed, only where x < 0"),
        (-800.0, "-1.0", "0.0", _TOO_LARGE),
    ],
    "atan": [
        (1e200, "pi / 2", "0.0", "x**2 raises OverflowError in Python; x * x is inf, and 1 / inf 0")
    ],
    "log1p": [(1e300, "log(1e300)", "1e-300", _CUT_OFF)],
    "expm1": [(-800.0, "-1.0", "0.0", _TOO_LARGE)],
}  # fmt: skip


def _far_out(name: str) -> Check:
    cases = []
    for x, value, slope, way in _FAR[name]:
        code = f"x = Value({x!r})\ny = x.{name}()\ny.backward()"
        hints = dict.fromkeys([("", "OverflowError"), ("", "ZeroDivisionError")], way)
        for ask in ("y.data", "x.grad"):
            hints |= dict.fromkeys([(ask, "nan"), (ask, "inf"), (ask, "-inf")], way)
            hints[ask, "*"] = _CUT_OFF
        cases.append(Case(code, {"y.data": value, "x.grad": slope}, hints))
    sentence = f"{name} far out: the right numbers are finite"
    return Check(f"{name} far out", "careful", sentence, tuple(cases), (name,))


_AT_ZERO = "at 0 the slope is 0, as in PyTorch: pass the gradient on where x > 0, not where x >= 0"
_RELU = Check(
    "relu at 0", "careful", "relu at 0: value and slope are 0",
    tuple(
        Case(f"x = Value({x})\ny = x.relu()\ny.backward()", {"y.data": "0.0", "x.grad": "0.0"},
             {("x.grad", "1.0"): _AT_ZERO, ("x.grad", "0.5"): _AT_ZERO})
        for x in ("0.0", "-0.0")
    ),
    ("relu",),
)  # fmt: skip

# --- a training ---

_TABLES = json.loads((Path(__file__).parent / "references.json").read_text())
_TRAINING = """numbers = (0.9, -0.5, 0.4, -0.7, 0.8, 0.6, 0.1, 0.2, -0.3, 0.7, -0.6, 0.5, 0.1)
p = [Value(w) for w in numbers]
samples = [(1.0, 1.0, -1.0), (1.0, -1.0, 1.0), (-1.0, 1.0, 1.0), (-1.0, -1.0, -1.0)]
losses, gradients = [], []
for step in range(20):
    loss = Value(0.0)
    for u, v, wanted in samples:
        out = p[12]
        for i in range(3):
            hidden = p[i] * Value(u) + p[i + 3] * Value(v) + p[i + 6]
            out = out + p[i + 9] * hidden.NAME()
        error = out + Value(-wanted)
        loss = loss + error * error
    for w in p:
        w.grad = 0.0
    loss.backward()
    losses.append(loss.data + 0.0)
    gradients.append([w.grad + 0.0 for w in p])
    for w in p:
        w.data -= 0.0625 * w.grad"""


def _training(name: str) -> Check:
    """A network of 2, 3 and 1 neurons learns exclusive or; the table was made in 50 digits."""
    wanted = {}
    for step, (loss, *gradients) in enumerate(_TABLES[name]):
        wanted[f"losses[{step}]"] = repr(loss)
        wanted[f"gradients[{step}]"] = ", ".join(map(repr, gradients))
    case = Case(_TRAINING.replace("NAME", name), wanted)
    sentence = f"20 steps of a small network with {name}: every loss and every gradient"
    needs = (name, "a chain", "zero and again", "a step of training")
    return Check(f"training with {name}", "careful", sentence, (case,), needs, 5.0, may_refuse=True)


CAREFUL: tuple[Check, ...] = (
    *_AGAIN,
    _RELU,
    *[_far_out(name) for name in _FAR],
    _training("tanh"),
    _training("relu"),
    *_WORK,
    *_DEPTHS,
    *_MEMORY,
)
