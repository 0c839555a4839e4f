"""Random programs full of loops: layers, positions that look back, tables, and what breaks them.

Only operations that IEEE 754 defines to the last bit, so that machine code without contraction has
to give what Python gives, exactly.
"""

import random
from operator import mul
from typing import NamedTuple

from micrograd_like import Value
from micrograd_like.engine import grad
from micrograd_like.functional import dot, eq, gt, maximum, minimum, relu, sqrt, take, where
from micrograd_like.functional import sum as total
from micrograd_like.modes import uncollected
from micrograd_like.tape import trace

WIDTHS = [1, 3, 4, 5, 7, 8, 13, 16, 27]  # fewer rows than lanes, as many, and not a multiple


class Rolled(NamedTuple):
    """A function, the tape of it, its parameters, and how to draw a sample."""

    f: object
    gradients: object  # a tape of outputs, of the first of them and of its gradients
    leaves: list[Value]  # the parameters
    tables: list[int]  # for each index the length of its table
    numbers: int  # inputs that are no index

    @property
    def parameters(self):
        return [p.data for p in self.leaves]

    def in_python(self, x):
        """Outputs and sums of one sample, as the engine computes them."""
        outputs = self.f(x)
        return [v.data for v in outputs], [outputs[0].data, *grad(outputs[0], self.leaves)]

    def sample(self, rng):
        return [float(rng.randrange(n)) for n in self.tables] + [
            rng.choice([0.0, -0.0, 1.0, rng.gauss(0.0, 1.0)]) for _ in range(self.numbers)
        ]


def mixed(row, scores):
    """Each with its neighbour, in as many ways as there are kinds of selection."""
    after = [*row[1:], row[0]]
    ways = [
        lambda a, b: maximum(a, b) * 0.5,
        lambda a, b: minimum(a, 0.75 * b) - 1.0,
        lambda a, b: where(gt(a, b), a * b, a - b),
        lambda a, b: where(eq(a, b), a, 0.25 * b),
        lambda a, b: a / (1.0 + abs(b)),
        lambda a, b: sqrt(abs(a)) - b,
        lambda a, b: -a + 0.125,
    ]
    way = ways[scores % len(ways)]
    return [way(a, b) for a, b in zip(row, after)]


def program(seed):
    """A function of positions: an index and some numbers each."""
    rng = random.Random(f"rolled {seed}")
    positions, width, length = rng.randint(1, 7), rng.choice(WIDTHS), rng.choice([1, 2, 5, 27])
    plan = [(rng.randrange(5), rng.choice(WIDTHS), rng.randrange(7)) for _ in range(3)]
    table = [[Value(rng.gauss(0.0, 1.0)) for _ in range(width)] for _ in range(length)]
    weights = [[[Value(rng.gauss(0.0, 0.3)) for _ in range(27)] for _ in range(27)] for _ in plan]

    def f(x):
        indices, rest = x[:positions], x[positions:]
        parts = [rest[p * width :][:width] for p in range(positions)]
        rows = [[a + b for a, b in zip(take(table, i), part)] for i, part in zip(indices, parts)]
        for (kind, n, way), w in zip(plan, weights):
            if kind == 0 and way < 4:
                rows = [[relu(dot(w[r][: len(x)], x) + w[r][-1]) for r in range(n)] for x in rows]
            elif kind == 0:  # as one writes it: begin with the bias
                rows = [[relu(sum(map(mul, w[r], x), w[r][-1])) for r in range(n)] for x in rows]
            elif kind == 1:  # each position looks at those before it
                seen = [[0.125 * dot(x, y) for y in rows[: p + 1]] for p, x in enumerate(rows)]
                columns = list(zip(*rows))
                rows = [[0.125 * dot(s, c[: len(s)]) for c in columns] for s in seen]
            elif kind == 2:
                scales = [1.0 / (total([abs(a) for a in row]) + 1.0) for row in rows]
                rows = [[a * s for a in row] for row, s in zip(rows, scales)]
            elif kind == 3 and len(rows[0]) >= length:  # an element of what was computed
                chosen = [take(row[:length], i) for row, i in zip(rows, indices)]
                rows = [[a - c for a in row] for row, c in zip(rows, chosen)]
            else:
                rows = [mixed(row, way) for row in rows]
        sums = [total(row) for row in rows]
        return [total(sums), *sums, rows[-1][0]]

    return f, [length] * positions, positions * width


@uncollected()
def rolled(seed):
    """What a seed stands for."""
    f, tables, numbers = program(seed)
    rng = random.Random(f"samples {seed}")
    shape = Rolled(f, None, [], tables, numbers)
    samples = [shape.sample(rng) for _ in range(2)]

    def recorded(x, shared):
        outputs = f(x)
        return outputs, outputs[:1]

    traced = trace(recorded, samples)
    return shape._replace(gradients=traced.gradients(), leaves=traced.parameters)
