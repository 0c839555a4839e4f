"""The command line: what the package does, seen from a terminal.

A command is one file: its help, its options, and a function that takes them, prints what it did,
and raises a CommandError for what the user can put right; ``main`` turns errors into one sentence
and an exit code: 0 done, 1 failed, 2 wrongly called. ``--help`` needs none of the extras.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from .demo import add_demo
from .errors import CommandError
from .predict import add_predict
from .train import add_train

START = """\
start with:
  python -m micrograd_like demo

train a network on a table and use it:
  python -m micrograd_like train iris.csv --target species --save model.json
  python -m micrograd_like predict model.json new.csv

each command explains itself: python -m micrograd_like train --help"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, by default that of this process; returns the exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may be hard to print
    try:
        options.run(options)
    except CommandError as error:
        print(f"micrograd_like: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmicrograd_like: stopped", file=sys.stderr)
        return 130  # what a shell reports for Ctrl-C
    except OSError as error:  # the disk is full, or our reader has gone, as in: demo | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed again at exit
        if not isinstance(error, BrokenPipeError):
            print(f"micrograd_like: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """Texts keep their lines; wrong calls get one sentence, where argparse repeats the usage."""

    def __init__(self, **how: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **how)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    about = "A scalar autograd engine that can be read in one sitting, with tanh networks."
    parser = _Parser(prog="python -m micrograd_like", description=about, epilog=START)
    parser.add_argument("--version", action="version", version=f"micrograd_like {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())  # no command
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    for add_command in (add_demo, add_train, add_predict):
        add_command(add)
    return parser
