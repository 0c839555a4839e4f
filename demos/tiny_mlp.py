"""A tiny tanh network: four samples, and gradient descent written out by hand.

    python demos/tiny_mlp.py            # the pictures go to the current directory, or to --out DIR

As at the end of the micrograd lecture: first written out as there, then with the loss and the
optimiser that the package brings. Both do exactly the same.
"""

import argparse
from pathlib import Path

from micrograd_like import MLP, SGD, Value, draw, draw_network, mse_loss

xs = [[2.0, 8.0, -1.0], [3.0, -1.0, 0.5], [0.5, 7.0, 8.0], [1.0, 1.0, -9.0]]
ys = [1.0, -1.0, -1.0, 1.0]  # what the network shall say
unseen = [2.0, 3.0, -1.0]
lr = 0.1


def train_by_hand(model: MLP, steps: int) -> None:
    """Forward, zero the gradients, backward, update: that is all there is to it."""
    for step in range(steps):
        predictions = [model(x) for x in xs]
        loss = sum(((p - y) ** 2 for p, y in zip(predictions, ys)), Value(0.0)) / len(ys)
        for p in model.parameters():
            p.grad = 0.0
        loss.backward()
        for p in model.parameters():
            p.data -= lr * p.grad  # downhill: against the gradient
        if step % 20 == 0 or step == steps - 1:
            print(f"  step {step:3}  loss {loss.data:.6f}")


def train_with_sgd(model: MLP, steps: int) -> None:
    """The same with mse_loss and SGD."""
    optimizer = SGD(model.parameters(), lr=lr)
    for step in range(steps):
        loss = mse_loss([model(x) for x in xs], ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0 or step == steps - 1:
            print(f"  step {step:3}  loss {loss.data:.6f}")


def main() -> None:
    """Trains the same network twice, asks it, and draws it."""
    parser = argparse.ArgumentParser(description="Four samples and a tiny tanh network.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the pictures go")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    print("by hand:")
    by_hand = MLP(3, [4, 4, 1], rng=0)
    train_by_hand(by_hand, steps=100)

    print("with mse_loss and SGD:")
    model = MLP(3, [4, 4, 1], rng=0)  # the same seed: the same weights to start from
    train_with_sgd(model, steps=100)

    for x, y in zip(xs, ys):
        print(f"{x} -> {model(x):+.4f}, wanted {y:+.0f}")
    print(f"{unseen} -> {model(unseen):+.4f}, never seen in training")

    # The graph of the last neuron with its gradients; that of all nine would fill a wall.
    hidden = model.layers[1](model.layers[0](unseen))
    output = model.layers[2].neurons[0]([h.data for h in hidden])
    model.zero_grad()
    output.backward()
    names = dict(model.layers[2].neurons[0].named_parameters())
    picture = draw(output, local_derivatives=True, names=names)
    print("saved", picture.save(out / "tiny_mlp_neuron.svg"))
    print("saved", draw_network(model).save(out / "tiny_mlp_network.svg"))


if __name__ == "__main__":
    main()
