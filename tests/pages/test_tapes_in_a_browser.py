"""tape.js and exact.js in Chromium: the ops of the table and random tapes, compared with Python."""

import json
import math
import random
import struct

import pytest
from helpers.browser import assert_silent, chromium
from helpers.programs import random_program

from micrograd_like.engine import Value, apply, as_value
from micrograd_like.explore import explore
from micrograd_like.explore.leaf import needs_exact
from micrograd_like.ops import OPS
from micrograd_like.pages import as_script, runs, tape_as_json
from micrograd_like.pages.export import texts
from micrograd_like.tape import Put, Tape, reroll, trace
from micrograd_like.tape.tape import FORWARD

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-300, -1e300, 5e-324, 40.5, -745.2, 709.9,
         math.inf, -math.inf, math.nan]  # fmt: skip
# What is not made of + - * / sqrt and comparisons: another library may round it another way.
ROUNDED = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan",
           "pow", "powc", "sigmoid", "softplus", "silu", "elu", "logsumexp", "gelu",
           "erfc"}  # fmt: skip
MOST_UNITS = {"erfc": 8, "gelu": 8, "cosh": 2, "sinh": 2}  # in the last place; the others: 1
SELDOM = 0.01  # how often exact.js may have other bits than Python: one in 1,000 is usual

PAGE = """<!doctype html><meta charset=utf-8>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'">
<script>{}
const results = (json, math, rows, scalars, block) => {{
	const tape = new Tape(json, block, math), columns = [], out = [];
	for (let k = 0; k < json.inputs; k++) columns.push(rows.map(row => Number(row[k])));
	tape.share(scalars.map(Number));
	const sums = new Float64Array(tape.sums.length);
	for (let at = 0; at < rows.length; at += block) {{
		tape.run(columns, null, at, Math.min(block, rows.length - at));
		for (let i = 0; i < tape.n; i++)
			out.push(tape.outputs.map(slot => text(tape.read(slot, i))));
		tape.addUp(sums);
	}}
	return [out, Array.from(sums, text)];
}};
const text = x => Object.is(x, -0) ? "-0" : String(x);
</script>"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("tapes")) as browser:
        browser.show(PAGE.format(texts(["tape.js", "exact.js"])))
        yield browser
        assert_silent(browser)


def in_page(browser, tape, rows, scalars=(), math="EXACT", block=8):
    """The outputs of every sample, and the sums."""
    given = json.loads(as_script(tape_as_json(tape)))
    rows, scalars = [[str(x) for x in row] for row in rows], [str(x) for x in scalars]
    names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    rows = [[names.get(x, x) for x in row] for row in rows]
    out, sums = browser.js(f"results(arguments[0], {math}, arguments[1], arguments[2], {block})",
                           given, rows, [names.get(x, x) for x in scalars])  # fmt: skip
    return [[float(x) for x in row] for row in out], [float(x) for x in sums]


def units(x, y):
    """How many floats lie between two; 0 for the same bits, and for nan and nan."""
    if x != x or y != y:
        return 0 if x != x and y != y else math.inf
    a, b = (struct.unpack("<q", struct.pack("<d", z))[0] for z in (x, y))
    a, b = (z if z >= 0 else -(2**63) - z for z in (a, b))
    if x == y == 0.0:
        return 0 if repr(x) == repr(y) else math.inf
    return abs(a - b)


def one_op(name, inputs):
    tape = Tape(inputs)
    tape.outputs = [tape.add(name, tuple(range(inputs)))]
    return tape


def arguments(name, number):
    """Rows of numbers for an op: number() gives one."""
    arity = OPS[name].arity or {"dot": 5, "take": 4}.get(name, 3)
    rows = [[number() for _ in range(arity)] for _ in range(400)]
    if name == "take":
        rows = [[float(i % 3), *row[1:]] for i, row in enumerate(rows)]
    return rows


@pytest.mark.parametrize("name", OPS)
def test_an_op_is_pythons_at_the_edges(browser, name):
    rng = random.Random(name)
    rows = arguments(name, lambda: rng.choice(EDGES))
    if OPS[name].arity == 1:
        rows = [[x] for x in EDGES]
    tape = one_op(name, len(rows[0]))
    found = in_page(browser, tape, rows)[0]
    most = MOST_UNITS.get(name, 1) if name in ROUNDED else 0
    for row, (x,) in zip(rows, found):
        assert units(x, FORWARD[name](*row)) <= most, row


@pytest.mark.parametrize("name", OPS)
def test_an_op_is_pythons_at_usual_numbers(browser, name):
    rng = random.Random(name)
    positive = name in ("log", "log1p", "sqrt", "pow")
    rows = arguments(name, lambda: rng.uniform(0.01 if positive else -6.0, 6.0))
    tape, wanted = one_op(name, len(rows[0])), [FORWARD[name](*row) for row in rows]
    for kind in ("EXACT", "BROWSERS"):
        apart = [units(x, y) for (x,), y in zip(in_page(browser, tape, rows, math=kind)[0], wanted)]
        if name not in ROUNDED:
            assert max(apart) == 0
        elif kind == "EXACT" and name not in ("erfc", "gelu"):
            assert max(apart) <= 2
            assert sum(map(bool, apart)) <= SELDOM * len(apart) + 1
        else:
            assert max(apart) <= 16


@pytest.mark.parametrize("seed", range(8))
def test_a_random_tape_and_its_gradients_are_pythons(browser, seed):
    rng = random.Random(seed)

    def f(x, w):
        made = [*x, *w]
        draw = random.Random(seed)
        for _ in range(60):
            a, b = draw.choice(made), draw.choice(made)
            made.append(draw.choice([a + b, a * b, a - b, (a * 0.5).relu(), a / (b * b + 1.0)]))
        return made[-3:], [made[-1] + sum(made[2:9])]

    w = [Value(rng.uniform(-2.0, 2.0)) for _ in range(3)]
    rows = [[rng.uniform(-2.0, 2.0) for _ in range(2)] for _ in range(13)]
    traced = trace(lambda x, _: f(x, w), rows[:2], [], w)
    for tape in (traced.gradients(), reroll(traced.gradients())):
        found, sums = in_page(browser, tape, rows, [p.data for p in w], block=5)
        each = [tape.run(row, [p.data for p in w]) for row in rows]
        assert list(map(repr, found)) == [repr(outputs) for outputs, _ in each]
        total = [0.0] * len(sums)
        for _, some in each:
            total = [a + b for a, b in zip(total, some)]
        assert list(map(repr, sums)) == list(map(repr, total))


def graph_of(program):
    """A function whose graph is a random program's: its number, of leaves that it reads."""
    leaves = [Value(x) for x in program.leaves]

    def f(_, __):
        made = [*leaves, *[as_value(x) for x in program.numbers]]
        for name, operands, constants in program.instructions:
            made.append(apply(OPS[name], *[made[i] for i in operands], *constants))
        return [], [sum(made[-program.used : -1], made[-1])]

    return leaves, f


def test_random_graphs_and_their_gradients_have_pythons_bits(browser):
    """Of all ops but gelu and erfc; another C library may round a call in a thousand otherwise."""
    same = []
    for seed in range(100):
        program = random_program(seed, "tame", 40)
        if {"gelu", "erfc"} & {name for name, _, _ in program.instructions}:
            continue
        leaves, f = graph_of(program)
        traced = trace(f, [[], []], [], leaves)
        tape, numbers = traced.gradients(leaves), [v.data for v in traced.parameters]
        found, wanted = in_page(browser, tape, [[]], numbers)[1], tape.run([], numbers)[1]
        same.append(list(map(repr, found)) == list(map(repr, wanted)))
        scale = max(map(abs, wanted))
        assert all(abs(a - b) <= 1e-12 * scale for a, b in zip(found, wanted))
    assert len(same) > 40
    assert sum(same) >= len(same) - 2


def test_the_page_takes_the_functions_that_have_pythons_bits(browser):
    for first in ("BROWSERS", "EXACT"):
        assert browser.js(f"closest(math => math === {first}) === {first}")
    assert browser.js("closest(math => false) === EXACT")


ASK_EXACT = """(() => {  // the ops of the table that call a function of exact.js
    const better = Object.keys(BROWSERS).filter(name => EXACT[name] !== BROWSERS[name]);
    let asked;
    const spies = better.map(name => [name, (...xs) => {asked = true; return EXACT[name](...xs);}]);
    const {one, two, many} = operations({...BROWSERS, ...Object.fromEntries(spies)});
    return Object.entries({...one, ...two, ...many}).filter(([, f]) => {
        asked = false;
        f(-0.5, 1.5, 2.5);
        return asked;
    }).map(([name]) => name);
})()"""


def test_an_explorers_page_has_exact_js_if_one_of_its_ops_asks_it(browser):
    asked = set(browser.js(ASK_EXACT))
    assert {"exp", "sigmoid", "powc"} <= asked
    for name in OPS:
        rules = {"": [{"code": [[name, 1, 0]]}, {"code": []}, []]}
        assert needs_exact({"rules": rules}) == (name in asked), name
    x = Value(0.5)
    assert "2^27" not in explore(x).page  # comments go
    for root, has_it in ((x.tanh() * x, False), (x.exp(), True)):
        assert ("134217729" in explore(root).page) == has_it


def test_a_table_is_taken_from_and_put_into(browser):
    tape = Tape(inputs=2, scalars=3)
    tape.outputs = [tape.add("take", (0, 2, 3, 4))]
    tape.sums, tape.puts = [1, 1, 1], [Put(0, 1, range(3))]
    rows = [[2.0, 10.0], [0.0, 1.0]]
    assert in_page(browser, tape, rows, [5.0, 6.0, 7.0]) == ([[7.0], [5.0]], [12.0, 11.0, 21.0])


def test_tables_are_written_as_runs_and_read_again():
    rng = random.Random(0)
    for slots in ([3], [], list(range(9)), [rng.randrange(9) for _ in range(50)], [5, 5, 5, 4]):
        again = slots[:1]
        found = runs(slots)
        for step, times in zip(found[1::2], found[2::2]):
            for _ in range(times):
                again.append(again[-1] + step)
        assert again == slots
