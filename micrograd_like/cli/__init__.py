"""The command line: what the package does, seen from a terminal.

A command is one file: its help, its options, and a function that takes them, prints what it did,
and raises a CommandError for what the user can put right, or returns an exit code; ``main`` turns
errors into one sentence and a code: 0 done, 1 failed, 2 wrongly called. ``--help`` needs none of
the extras.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from .check import add_check
from .demo import add_demo
from .errors import CommandError
from .output import plain
from .playground import add_playground
from .predict import add_predict
from .train import add_train

START = """\
start with:
  python -m micrograd_like demo

train a network on a table and use it:
  python -m micrograd_like train iris.csv --target species --save model.json
  python -m micrograd_like predict model.json new.csv

train on in the browser:
  python -m micrograd_like playground iris.csv --target species

check an engine of your own:
  python -m micrograd_like check my_engine.py:Value

each command explains itself: python -m micrograd_like train --help"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, by default that of this process; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may be hard to print
    try:
        try:
            options = _parser().parse_args(arguments)
            return int(options.run(options) or 0)
        finally:
            if sys.stdout is not None:  # as after >&-
                sys.stdout.flush()  # of argparse, which does not: its reader may have gone
    except CommandError as error:
        return _failed(error)
    except KeyboardInterrupt:
        _failed("stopped", below="\n")  # the bar
        return 130  # what a shell reports for Ctrl-C
    except BrokenPipeError:  # our reader has gone, as in: demo | head
        return _failed(None)
    except OSError as error:  # such as a full disk
        return _failed(error.strerror or error)
    except MemoryError:
        return _failed("there is not enough memory: use fewer rows, or a smaller --hidden")
    except Exception as error:  # whatever nobody thought of is one sentence, too
        return _failed(f"unexpectedly, {type(error).__name__}: {error}; please report it")


def _failed(why: object, below: str = "") -> int:
    """Says why, if there is anything to say and anybody listens; the exit code."""
    try:
        if why is not None:
            print(f"{below}micrograd_like: {plain(why)}", file=sys.stderr, flush=True)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # python flushes again at exit, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


class _Parser(argparse.ArgumentParser):
    """Texts keep their lines; wrong calls get one sentence, where argparse repeats the usage."""

    def __init__(self, **how: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **how)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    about = "A scalar autograd engine that can be read in one sitting, with tanh networks."
    parser = _Parser(prog="python -m micrograd_like", description=about, epilog=START)
    parser.add_argument("--version", action="version", version=f"micrograd_like {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())  # no command
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    for add_command in (add_demo, add_train, add_predict, add_playground, add_check):
        add_command(add)
    return parser
