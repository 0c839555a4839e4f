"""A scalar GPT's loss as a page: every call of its functions is a part to enter.

python demos/explore_microgpt.py    # explore_microgpt.html goes here, or to --out DIR
"""

import argparse
import random
from pathlib import Path

from microgpt import GPT, NAMES, example

from micrograd_like.explore import explore


def main() -> None:
    """Writes the page and says where."""
    parser = argparse.ArgumentParser(description="Look into a scalar GPT.")
    parser.add_argument("--out", type=Path, default=Path(), help="where the page goes")
    (out := parser.parse_args().out).mkdir(parents=True, exist_ok=True)
    letters = "".join(sorted(set(NAMES.read_text(encoding="utf-8")) - {"\n"}))
    gpt, name = GPT(len(letters) + 1, random.Random(42)), example("dorothy", letters, ())
    tables = [(f"{m}.{i}", row) for m, rows in vars(gpt).items() for i, row in enumerate(rows)]
    names = {f"{row}.{j}": w for row, numbers in tables for j, w in enumerate(numbers)}
    page = explore(lambda: gpt.loss(*name), names=names)
    print("saved", page.save(out / "explore_microgpt.html"))


if __name__ == "__main__":
    main()
