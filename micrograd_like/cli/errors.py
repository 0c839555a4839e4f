"""What can go wrong, and is one sentence for the terminal: most of it is said before any work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

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


def check_outputs(inputs: list[Path], **outputs: Path | None) -> None:
    """Before any work: the file of each option can be written, and over none of the others."""
    taken = {path.resolve(): f"the file {path}" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.is_dir():
            raise CommandError(f"--{option} {path} is a directory: give the name of a file")
        if not path.parent.is_dir():
            raise CommandError(f"--{option} {path}: there is no directory {path.parent}, make it")
        check_writable(path.parent)
        other = taken.setdefault(path.resolve(), f"what --{option} writes")
        if other != f"what --{option} writes":
            raise CommandError(f"--{option} would overwrite {other}: choose another")


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
def computing(data: Path, advice: str = "") -> Iterator[None]:
    """For what can grow too large: the file's own numbers, or in training those of a network."""
    try:
        yield
    except FloatingPointError as error:
        raise CommandError(f"{str(error).partition(':')[0]}: {advice}") from None
    except OverflowError:
        raise CommandError(f"{data} has numbers too large to compute with") from None
