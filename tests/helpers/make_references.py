"""Makes check_engine/references.json: a training in 50 digits, without derivative rules.

    python tests/helpers/make_references.py

A network of 2, 3 and 1 neurons learns exclusive or in 20 steps. Each gradient is a central
difference of the loss: its error, about 1e-40, is far below what a float can hold.
"""

import json
from pathlib import Path

from mpmath import mp, mpf, tanh

FILE = Path(__file__).parents[2] / "micrograd_like" / "check_engine" / "references.json"
WEIGHTS = [0.9, -0.5, 0.4, -0.7, 0.8, 0.6, 0.1, 0.2, -0.3, 0.7, -0.6, 0.5, 0.1]
SAMPLES = [(1.0, 1.0, -1.0), (1.0, -1.0, 1.0), (-1.0, 1.0, 1.0), (-1.0, -1.0, -1.0)]
RATE = 0.0625
STEP = mpf(10) ** -20


def relu(x):
    return max(mpf(0), x)


def forward(p, bend, seen=None):
    """The sum of squared errors; inputs of the bends go into `seen`."""
    loss = mpf(0)
    for u, v, wanted in SAMPLES:
        sums = [p[i] * u + p[i + 3] * v + p[i + 6] for i in range(3)]
        if seen is not None:
            seen += sums
        out = p[12] + sum(p[i + 9] * bend(s) for i, s in enumerate(sums))
        loss += (out - wanted) ** 2
    return loss


def slope(p, k, bend):
    up, down = list(p), list(p)
    up[k] += STEP
    down[k] -= STEP
    return (forward(up, bend) - forward(down, bend)) / (2 * STEP)


def training(bend):
    """Losses and gradients of 20 steps; no input of relu may come near its kink."""
    p, losses, gradients, seen = [mpf(w) for w in WEIGHTS], [], [], []
    for _ in range(20):
        losses.append(forward(p, bend, seen))
        gradients.append([slope(p, k, bend) for k in range(len(p))])
        p = [w - mpf(RATE) * g for w, g in zip(p, gradients[-1])]
    return losses, gradients, min(abs(s) for s in seen)


def main():
    """Writes the table: a line for each step, its loss first."""
    mp.dps = 50
    tables = []
    for name, bend in (("tanh", tanh), ("relu", relu)):
        losses, gradients, nearest = training(bend)
        print(f"{name}: {float(losses[0])} -> {float(losses[-1])}, kink {float(nearest)}")
        rows = [[float(x) for x in (loss, *row)] for loss, row in zip(losses, gradients)]
        steps = ",\n".join(json.dumps(row) for row in rows)
        tables.append(f'"{name}": [\n{steps}\n]')
    FILE.write_text("{\n" + ",\n".join(tables) + "\n}\n")


if __name__ == "__main__":
    main()
