"""What can go wrong, and is one sentence for the terminal: most of it is said before any work."""

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

INSTALL = 'pip install "micrograd_like[all]"'


class CommandError(Exception):
    """What went wrong and what to do about it, in one sentence for the terminal."""


def need(*modules: str) -> None:
    """All at once and before any work, so that nobody waits for an error."""
    try:
        for name in modules:
            import_module(name)
    except ImportError as error:
        raise CommandError(f"this command needs the extras ({error}): {INSTALL}") from None


def checked(kind: Callable[[str], Any], good: Callable[[Any], bool], expected: str) -> Any:
    """A converter for argparse whose errors say what was expected."""

    def convert(text: str) -> Any:
        with suppress(ValueError):
            if good(value := kind(text)):
                return value
        raise ArgumentTypeError(f"expected {expected}, got {text!r:.60}")

    return convert


a_path = checked(Path, lambda path: "\0" not in str(path), "the name of a file")
widths = checked(
    lambda text: [] if text == "0" else [int(width) for width in text.split(",")],
    lambda widths: min(widths, default=1) >= 1,
    "widths of at least 1 such as 8,8, or 0 for a linear model",
)


def check_files(inputs: list[Path], **outputs: Path | None) -> None:
    """Before any work: what is read is no pipe, and what an option writes can be written.

    It must not be over any other of the files. An input - is standard input.
    """
    inputs = [path for path in inputs if str(path) != "-"]
    for given in inputs:
        with explained(f"cannot read {given}"):
            _check_regular(given, str(given))
    taken = {os.path.realpath(path): f"the file {path}" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        name = f"--{option} {path}"
        with explained(name):
            if str(path) == "-":
                raise CommandError(f"{name}: give the name of a file")
            if path.is_dir():
                raise CommandError(f"{name} is a directory: give the name of a file")
            if not path.parent.is_dir():
                raise CommandError(f"{name}: there is no directory {path.parent}, make it")
            _check_regular(path, name)
        check_writable(path.parent)
        other = taken.setdefault(os.path.realpath(path), f"what --{option} writes")
        if other != f"what --{option} writes":
            raise CommandError(f"--{option} would overwrite {other}: choose another")


def _check_regular(path: Path, name: str) -> None:
    """A directory, or what is not there, is said by whoever opens it."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise CommandError(f"{name} is a pipe or a device: give the name of a file")


def check_writable(directory: Path) -> None:
    """Before any work, too."""
    if not os.access(directory, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write into the directory {directory}: choose another")


@contextmanager
def explained(what: str = "") -> Iterator[None]:
    """For calls whose errors are sentences for users; what says what the system has refused."""
    try:
        yield
    except (OSError, ValueError, ImportError, RuntimeError) as error:  # the last two: no Graphviz
        reason = getattr(error, "strerror", None)
        raise CommandError(f"{what}: {reason}" if reason else str(error)) from None


@contextmanager
def computing(what: str) -> Iterator[None]:
    """For what can grow too large: the file's own numbers, or in training those of a network."""
    try:
        yield
    except FloatingPointError as error:
        raise CommandError(f"{str(error).partition(':')[0]}: {what}") from None
    except (OverflowError, ValueError):  # a ValueError: math.fsum of inf and -inf
        raise CommandError(what) from None
