"""A scalar GPT: 4,192 parameters learn names, one a step, and then invent some.

    python demos/microgpt.py                # [FILE] [--steps 1000] [--eager] [--seed 42]

Model, settings, losses and names are those of Andrej Karpathy's microgpt.py (2026): one layer, four
heads, RMSNorm, ReLU, no biases. Tokens go in, one number comes out; jit makes machine code of that.
"""

import argparse
import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from micrograd_like import Adam, Value, no_grad
from micrograd_like.functional import dot, logsumexp, relu, softmax, take

NAMES = Path(__file__).parent / "data" / "names.txt"
EMBEDDING, HEADS, BLOCK = 16, 4, 16
LENGTHS = 8, BLOCK  # a name is filled up to one of them; each is compiled once


def example(name: str, letters: str, lengths: Sequence[int] = LENGTHS) -> list[list[Any]]:
    """Its tokens, those that follow, and their weights: none for what it is filled up with."""
    end = len(letters)  # the token before and after every name
    tokens = [end, *map(letters.index, name), end][: BLOCK + 1]
    n = len(tokens) - 1
    more = min((length - n for length in lengths if length >= n), default=0)
    return [tokens[:-1] + [end] * more, tokens[1:] + [end] * more, [1.0 / n] * n + [0.0] * more]


class GPT:
    """From the tokens so far to a score for every token that may follow."""

    def __init__(self, vocabulary: int, rng: Any) -> None:
        def matrix(rows: int, columns: int) -> list[list[Any]]:
            return [[Value(rng.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        n = EMBEDDING
        self.wte, self.wpe, self.lm_head = [matrix(m, n) for m in (vocabulary, BLOCK, vocabulary)]
        self.wq, self.wk, self.wv, self.wo = [matrix(n, n) for _ in range(4)]
        self.fc1, self.fc2 = matrix(4 * n, n), matrix(n, 4 * n)

    def parameters(self) -> list[Value]:
        """All of them, matrix by matrix."""
        return [w for matrix in vars(self).values() for row in matrix for w in row]

    def logits(self, token: Any, seen: list[Any]) -> list[Any]:
        """The scores after one more token; its key and value join those that were seen."""
        x = rms_norm(plus(take(self.wte, token), self.wpe[len(seen)]))
        x = plus(self.attention(rms_norm(x), seen), x)
        hidden = [relu(h) for h in linear(self.fc1, rms_norm(x))]
        return linear(self.lm_head, plus(linear(self.fc2, hidden), x))

    def attention(self, x: list[Any], seen: list[Any]) -> list[Any]:
        """What the tokens so far have to say: each head looks at its part of their vectors."""
        query, size, said = linear(self.wq, x), EMBEDDING // HEADS, list[Any]()
        seen.append((linear(self.wk, x), linear(self.wv, x)))
        for i in range(0, EMBEDDING, size):
            part = slice(i, i + size)
            shares = softmax([dot(query[part], key[part]) / size**0.5 for key, _ in seen])
            said += [dot(shares, column) for column in zip(*[value[part] for _, value in seen])]
        return linear(self.wo, said)

    def loss(self, tokens: Sequence[Any], following: Sequence[Any], weights: Sequence[Any]) -> Any:
        """How surprised it is by the next tokens: -log of the shares that they got."""
        seen: list[Any] = []
        after = [self.logits(token, seen) for token in tokens]
        return dot(weights, [logsumexp(x) - take(x, next) for x, next in zip(after, following)])

    @no_grad()
    def invent(self, letters: str, rng: Any, temperature: float = 0.5) -> str:
        """A new name, letter by letter."""
        tokens, seen = [len(letters)], list[Any]()
        while len(seen) < BLOCK and (not seen or tokens[-1] != tokens[0]):
            scores = self.logits(tokens[-1], seen)
            shares = [p.data for p in softmax([x / temperature for x in scores])]
            tokens += rng.choices(range(len(shares)), shares)
        return "".join(letters[token] for token in tokens if token != tokens[0])


def linear(weights: list[list[Any]], x: list[Any]) -> list[Any]:  # noqa: D103
    return [dot(row, x) for row in weights]


def plus(x: list[Any], y: list[Any]) -> list[Any]:  # noqa: D103
    return [a + b for a, b in zip(x, y)]


def rms_norm(x: list[Any]) -> list[Any]:  # noqa: D103
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5
    return [a * scale for a in x]


def stepper(gpt: GPT, adam: Adam, eager: bool) -> Any:
    """A context with a function: it takes an example, moves the parameters, returns the loss."""
    if not eager:
        from micrograd_like.jit import jit

        return jit(gpt.loss, batch=[False] * 3).trainer(adam)

    def step(*example: Any) -> float:
        loss = gpt.loss(*example)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return float(loss.data)

    return nullcontext(step)


def train(gpt: GPT, examples: Sequence[Any], steps: int, eager: bool = False) -> list[float]:
    """The loss of every step; prints at last how long all took."""
    adam = Adam(gpt.parameters(), lr=0.01, betas=(0.85, 0.99))
    losses, start = list[float](), time.perf_counter()
    with stepper(gpt, adam, eager) as step:
        first = {0: time.perf_counter() - start}  # what compiles: to begin, and each length's first
        for i in range(steps):
            chosen, before = examples[i % len(examples)], time.perf_counter()
            adam.lr = 0.01 * (1.0 - i / steps)
            losses.append(step(*chosen))
            first.setdefault(len(chosen[0]), time.perf_counter() - before)
    total, compiling = time.perf_counter() - start, 0.0 if eager else sum(first.values())
    print(f"{steps} steps in {total:.2f} s ({compiling:.2f} s of them compiling), "
          f"{1e6 * (total - compiling) / steps:.1f} us a step, last loss {losses[-1]:.4f}")
    return losses


def main() -> None:  # noqa: D103
    parser = argparse.ArgumentParser(description="Train a GPT of scalars on names.")
    parser.add_argument("file", nargs="?", type=Path, default=NAMES, help="a name on each line")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--eager", action="store_true", help="without the compiler")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    if not options.file.is_file() or options.steps < 1:
        parser.error("it takes a file with a name on each line, and at least one step")
    rng, names = random.Random(options.seed), options.file.read_text("utf-8").split()
    rng.shuffle(names)
    letters = "".join(sorted(set("".join(names))))
    gpt, lengths = GPT(len(letters) + 1, rng), () if options.eager else LENGTHS
    train(gpt, [example(name, letters, lengths) for name in names], options.steps, options.eager)
    print(", ".join(gpt.invent(letters, rng) for _ in range(20)))


if __name__ == "__main__":
    main()
