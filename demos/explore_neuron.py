"""One neuron by hand: its backward pass as a page, to step through with the key n.

python demos/explore_neuron.py    # explore_neuron.html goes here, or to --out DIR
"""

import argparse
from pathlib import Path

from micrograd_like import Value
from micrograd_like.explore import explore


def neuron() -> Value:
    """The neuron of the micrograd lecture: tanh(w1*x1 + w2*x2 + b)."""
    x1, x2 = Value(2.0, label="x1"), Value(0.5, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.0, label="b")
    total = w1 * x1 + w2 * x2 + b
    total.label = "total"
    out = total.tanh()
    out.label = "o"
    return out


def main() -> None:
    """Writes the page and says where."""
    parser = argparse.ArgumentParser(description="Watch the gradient flow through one neuron.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the page goes")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    explore(neuron(), options.out / "explore_neuron.html", open=options.open)
    print("saved", options.out / "explore_neuron.html")


if __name__ == "__main__":
    main()
