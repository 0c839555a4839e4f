"""What the checklists share: they find what a new thing still lacks, and say all of it at once."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest


def public(module: Any, kind: Callable[[Any], bool]) -> dict[str, Any]:
    """What a module, or the files of a package, define themselves, without the private names."""
    files = [module]
    for file in pkgutil.iter_modules(getattr(module, "__path__", ())):
        files.append(importlib.import_module(f"{module.__name__}.{file.name}"))
    members = [pair for file in files for pair in inspect.getmembers(file, kind)]
    return {k: v for k, v in members if v.__module__.startswith(module.__name__) and k[0] != "_"}


def missing_words(thing: Any, *words: str) -> Iterator[str]:
    """What its own docstring lacks of these words."""
    yield from [f"its docstring: {word!r}" for word in words if word not in (thing.__doc__ or "")]


def report(missing: dict[str, list[str]]) -> None:
    """Fails with all that is missing, by the name of what lacks it."""
    lines = [f"  {name}: {line}" for name, lines in missing.items() for line in lines]
    if lines:
        pytest.fail("\n".join(["still missing:", *lines]), pytrace=False)
