"""Engines that a judge is tried on, all of our own writing: right ones, wrong ones, mutants.

`right.RIGHT` lists files of this folder, `wrong.WRONG` and `mutants.mutants()` are sources, made
from them or standing in files wrong_NAME.py. `load(source)` makes a class of each.
"""

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
NUMBERS = count()


def source_of(name: str) -> str:
    """The text of an engine of this folder: "closures", "wrong_breadth_first"."""
    return (HERE / f"{name}.py").read_text()


def load(source: str, cls: str = "Value", name: str = "engine") -> Any:
    """The class of that name in a module made of the source, as an import would have made it.

    Its lines can be looked up, by a traceback or by inspect. A recursion limit that it sets is set
    back: who wants that too imports the file in a process of its own.
    """
    module = ModuleType(f"loaded_{next(NUMBERS)}_{name}")
    file = f"<{module.__name__}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    sys.modules[module.__name__] = module  # a dataclass looks its module up
    with same_recursion_limit():
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    return module.__dict__[cls]


@contextmanager
def same_recursion_limit() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
