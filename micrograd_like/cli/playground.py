"""The command playground: from a CSV file to a page on which a network trains on it."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import Scaler, Table, feature_names
from ..losses import cross_entropy, hinge_loss, mse_loss
from ..nn import ACTIVATIONS, MLP
from ..playground import playground as page_of
from .errors import CommandError, a_path, check_files, checked, computing, explained
from .output import say, say_line
from .train import FEW_NUMBERS, OPTIMIZERS, read_table

PLAYGROUND = """\
Write a page on which a network trains on a table while you watch.

  python -m micrograd_like playground iris.csv --target species --open

The page is one file: it opens from the disk, works offline, and holds the
network, the rows and their gradient. Columns become inputs as for the command
train, scaled to mean 0 and variance 1; the page shows two of them as axes."""
MOST = 5_000  # rows, and parameters


def add_playground(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Its options and its help."""
    short = "write a page on which a network trains on the columns of a CSV file"
    usage = "python -m micrograd_like playground DATA.csv --target COLUMN [options]"
    parser = add("playground", help=short, usage=usage, description=PLAYGROUND)
    give = parser.add_argument
    give("data", metavar="DATA.csv", help="a CSV file in UTF-8, with a header", type=a_path)
    give("--target", metavar="COLUMN", help="the column to predict", required=True)
    text = "take these numbers as words, such as 0 and 1 for no and yes; may be given again"
    give("--category", metavar="COLUMN", help=text, action="append", default=[])
    text = "leave this column out, such as an id; may be given again"
    give("--ignore", metavar="COLUMN", help=text, action="append", default=[])
    text = "where to write the page (default: %(default)s)"
    give("--out", metavar="PAGE.html", help=text, type=a_path, default=Path("playground.html"))
    give("--open", action="store_true", help="show it in the browser")
    _add_network_options(parser.add_argument_group("the network and its training").add_argument)
    parser.set_defaults(run=playground)


def _add_network_options(add: Any) -> None:
    widths = checked(
        lambda text: [int(width) for width in text.split(",")],
        lambda widths: min(widths) >= 1,
        "widths of at least 1 such as 8,8",
    )
    positive = checked(float, lambda x: 0.0 < x < math.inf, "a number above 0")
    text = "widths of the hidden layers (default: 8,8)"
    add("--hidden", default=[8, 8], help=text, type=widths, metavar="8,8")
    text = f"{', '.join(ACTIVATIONS)} (default: tanh)"
    add("--activation", default="tanh", help=text, choices=ACTIVATIONS, metavar="NAME")
    text = f"{', '.join(OPTIMIZERS)} (default: adam)"
    add("--optimizer", default="adam", help=text, choices=OPTIMIZERS, metavar="NAME")
    text = "learning rate (default: 0.01, for sgd 0.1)"
    add("--lr", default=None, help=text, type=positive, metavar="X")
    add("--seed", default=0, help="of the first weights (default: 0)", type=int, metavar="N")


def playground(options: argparse.Namespace) -> None:
    """Reads, scales, writes the page, and says what is on it."""
    check_files([options.data], out=options.out)
    if options.out.suffix.lower() not in (".html", ".htm"):
        raise CommandError(f"--out {options.out}: give the page a name that ends in .html")
    table = read_table(options)
    classes, found = table.classes or [], feature_names(table.columns)
    names = [name if name.strip() else f"x{i}" for i, name in enumerate(found)]
    widths = [*options.hidden, len(classes) if len(classes) > 2 else 1]
    _check_size(options, len(classes), len(table.y), MLP.size(len(names), widths))
    with computing(f"{options.data} has numbers too large to compute with"):
        X, y, loss = _scaled(table)
    model = MLP(len(names), widths, options.activation, "linear", rng=options.seed)
    kind, lr = OPTIMIZERS[options.optimizer]
    optimizer = kind(model.parameters(), options.lr or lr)
    title = f"{options.target} of {options.data}, scaled"
    with explained(f"cannot save {options.out}"):
        page = page_of(
            model, X, y, loss, optimizer, options.out, title=title, names=names,
            classes=_class_names(table), open=options.open,
        )  # fmt: skip
    say(str(options.data))
    say_line("rows", str(len(y)))
    say_line("inputs", f"{len(names)}, scaled to mean 0 and variance 1")
    if not classes and len(set(table.y)) <= FEW_NUMBERS:
        say_line("  if the target is classes, add", f'--category "{options.target}"')
    say_line("network", f"{'-'.join(map(str, [model.nin, *widths]))}, {options.activation}")
    say_line("page", f"{options.out}, {len(page.page) // 1000} KB")


def _check_size(options: argparse.Namespace, classes: int, rows: int, parameters: int) -> None:
    from ..playground.record import MOST_CLASSES  # here: the command line is to start quickly

    if classes > MOST_CLASSES:
        raise CommandError(
            f"the target {options.target!r} has {classes} classes, a page shows at most "
            f"{MOST_CLASSES}: leave out the rows of some"
        )
    if rows > MOST:
        raise CommandError(
            f"{options.data} has {rows:,} rows, a page holds {MOST:,}: give it fewer rows"
        )
    if parameters > MOST:
        raise CommandError(
            f"this network would have {parameters:,} parameters, a page holds {MOST:,}: give it a "
            "smaller --hidden, or leave columns out with --ignore"
        )


def _class_names(table: Table) -> list[str] | None:
    """Also of a target that has two numbers only."""
    numbers = sorted(set(table.y))
    return table.classes or (
        [str(x).removesuffix(".0") for x in numbers] if len(numbers) == 2 else None
    )


def _scaled(table: Table) -> tuple[Any, Any, Any]:
    """The inputs, the targets as the loss wants them, the loss."""
    X = Scaler().fit(table.X).transform(table.X)
    if len(set(table.y)) < 2:
        raise CommandError("the target is the same in every row: there is nothing to learn")
    if not table.classes and len(set(table.y)) == 2:  # under names of their own
        return X, [1 if t == max(table.y) else -1 for t in table.y], mse_loss
    if not table.classes:
        targets = [[t] for t in table.y]
        return X, Scaler().fit(targets).transform(targets), mse_loss
    if len(table.classes) == 2:
        return X, [2 * k - 1 for k in table.y], hinge_loss
    return X, table.y, cross_entropy
