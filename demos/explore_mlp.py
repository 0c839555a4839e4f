"""A network, product by product: the 985 Values of 2-16-16-1, sorted into layers and neurons.

python demos/explore_mlp.py    # explore_mlp.html goes here, or to --out DIR
"""

import argparse
from pathlib import Path

from micrograd_like import MLP, Value
from micrograd_like.explore import explore


def spelled_out(model: MLP, x: list[Value]) -> Value:
    """The output of the network, with a product and a sum for every weight, as in micrograd."""
    for layer in model.layers:
        x = [sum((w * v for w, v in zip(n.w, x)), n.b).tanh() for n in layer.neurons]
    return x[0]


def main() -> None:
    """Writes the page and says where."""
    parser = argparse.ArgumentParser(description="Watch the gradient flow through a network.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the page goes")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = MLP(2, [16, 16, 1], rng=0)
    out = spelled_out(model, [Value(0.5, label="x1"), Value(-1.0, label="x2")])
    loss = (1.0 - Value(-1.0, label="y") * out).relu()  # the hinge loss of one sample
    loss.label = "loss"
    explore(loss, options.out / "explore_mlp.html", model=model, open=options.open)
    print("saved", options.out / "explore_mlp.html")


if __name__ == "__main__":
    main()
