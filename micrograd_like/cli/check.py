"""The command check: is the engine in a file right, and if not, where?"""

import argparse
import os
import re
import sys
from collections.abc import Callable

from ..check_engine import BadEngine, check_loaded
from ..check_engine.cases import LEVELS
from ..check_engine.load import loader
from ..files import write_whole
from .errors import CommandError, a_path, check_files, checked, explained

CHECK = """\
Tell whether an engine is right, and if not, where its mistake begins.

  python -m micrograd_like check my_engine.py:Value

The engine is a class like micrograd's: made from a number, with operators,
functions, a gradient and a backward. What it has is tried in three levels:

  rules      every operator and function, value and gradient; the order of the
             backward pass
  careful    second uses: backward twice, shared and deep graphs, numbers far
             out, a training
  complete   the edges: infinities, nan, comparison

Each failure is shown as the smallest program that fails, with what is right
and why. The engine runs in a process of its own: it may loop, print or crash."""
CHECK_NOTE = """\
The exit code is 0 if the level that was asked for holds, else 1.
The engine may also be a module, as package.module:Value; the name of the class
may be left out if only one has a backward."""


def add_check(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Its options and its help."""
    short = "tell whether an engine of your own is right"
    usage = "python -m micrograd_like check FILE.py:CLASS [options]"
    parser = add("check", help=short, usage=usage, description=CHECK, epilog=CHECK_NOTE)
    named = checked(str, lambda text: bool(text) and "\0" not in text, "FILE.py:CLASS")
    parser.add_argument("engine", type=named, metavar="FILE.py:CLASS", help="the class to check")
    text = "the highest level to look at: %(choices)s (default: complete)"
    parser.add_argument("--level", choices=LEVELS, default=LEVELS[-1], metavar="NAME", help=text)
    text = "write the marks, points and failures there, for an autograder"
    parser.add_argument("--json", type=a_path, metavar="FILE", help=text)
    word = checked(
        lambda text: tuple(text.split("=", 1)), lambda pair: len(pair) == 2,
        "a word and a template such as 'backward={}.backprop()'",
    )  # fmt: skip
    text = (
        "how the engine spells new, data, grad, backward or a function, where that is not found, "
        "such as 'backward={}.backprop()'; may be given again"
    )
    parser.add_argument(
        "--adapter", type=word, action="append", default=[], metavar="WORD=TEMPLATE", help=text
    )
    parser.set_defaults(run=check)


def check(options: argparse.Namespace) -> int:
    """Checks, prints the report, keeps it; 0 if the level that was asked for holds."""
    try:
        load = loader(options.engine)
    except BadEngine as error:
        raise CommandError(str(error)) from None
    check_files([load.file] if load.file else [], json=options.json)
    try:
        report = check_loaded(load, options.level, dict(options.adapter))
    except BadEngine as error:
        raise CommandError(_for_a_shell(options.engine, str(error))) from None
    except ValueError as error:  # a word of the adapter
        raise CommandError(str(error)) from None
    if options.json:
        with explained(f"cannot save {options.json}"):
            write_whole(options.json, report.to_json().encode() + b"\n")
    print(report.text(colour=_is_coloured()), flush=True)
    return 0 if report.ok else 1


def _for_a_shell(engine: str, text: str) -> str:
    """Of which engine it is said; and what is passed to a function, as it is to a command."""
    own = text.removeprefix("BadEngine: ")  # the loader's, which names the file
    text = own if own != text else f"{engine}: {text}"
    return re.sub(r"adapter=\{'(\w+)': '([^']*)'\}", r"--adapter '\1=\2'", text)


def _is_coloured() -> bool:
    """On a terminal, unless its user wants none: no-color.org."""
    dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not dull and sys.stdout is not None and sys.stdout.isatty()
