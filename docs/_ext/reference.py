"""The reference: a page for every room of the package, with every public name of it.

The rooms, their order and what each owns are the table of docs/architecture.md; the names are those
of ``__all__``, or where a file has none, the classes and functions that it defines.
"""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import micrograd_like
from micrograd_like import functional

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "reference" / "generated"
Rooms = dict[str, dict[str, str]]  # by group, by room: what it owns


def rooms() -> Rooms:
    """The table of docs/architecture.md; an error names what it lacks."""
    groups: Rooms = {}
    group: dict[str, str] = {}
    for line in (DOCS / "architecture.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if heading := re.fullmatch(r"\*\*(.+)\*\*", cells[0]):
            group = groups.setdefault(heading[1], {})
        elif len(cells) == 3 and cells[0].startswith("`"):
            group |= dict.fromkeys(re.findall(r"`(\w+)(?:\.py|/)`", cells[0]), cells[1])
    there = {m.name for m in pkgutil.iter_modules(micrograd_like.__path__)} - {"__main__"}
    if lacking := there - {room for group in groups.values() for room in group}:
        raise ExtensionError(f"docs/architecture.md, the rooms: no row has {sorted(lacking)}")
    return groups


def public(module: ModuleType) -> list[str]:
    """The names that a room offers."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    parts = [part for name, part in sys.modules.items() if hasattr(part, "__all__")
             and name.startswith(f"{module.__name__}.")]  # fmt: skip
    offered = [name for part in parts for name in part.__all__ if hasattr(module, name)]
    own = [name for name, thing in vars(module).items()
           if (inspect.isclass(thing) or inspect.isroutine(thing)) and not name.startswith("_")
           and thing.__module__ == module.__name__]  # fmt: skip
    tables_last = lambda name: not callable(getattr(module, name))  # noqa: E731
    return sorted(dict.fromkeys(offered + own), key=tables_last)


def entry(module: ModuleType, name: str) -> str:
    """The directive that describes a name."""
    thing = getattr(module, name)
    path = f"{module.__name__}.{name}"
    if inspect.ismodule(thing):
        return ""
    if inspect.isclass(thing):
        elsewhere = not thing.__module__.startswith(module.__name__)
        index = "   :no-index:\n" * elsewhere  # it has its place in the room that defines it
        return f".. autoclass:: {path}\n   :members:\n   :undoc-members:\n{index}"
    kind = "function" if inspect.isroutine(thing) else "data"
    return f".. auto{kind}:: {path}\n" + "   :no-value:\n" * (kind == "data")


def page(room: str) -> str:
    """The page of a room, in reStructuredText."""
    module = importlib.import_module(f"micrograd_like.{room}")
    title = f"micrograd_like.{room}"
    head = f"{title}\n{'=' * len(title)}\n\n.. automodule:: {title}\n   :no-members:\n"
    return "\n".join([head, *[entry(module, name) for name in public(module)]])


def index(groups: Rooms) -> str:
    """The rooms with what they own, and where the names of the package itself are."""
    lines = []
    for group, owned in groups.items():
        lines += [f"## {group[0].upper()}{group[1:]}", "", "| room | what it owns |", "|---|---|"]
        lines += [f"| [{room}](generated/{room}.rst) | {text} |" for room, text in owned.items()]
        lines.append("")
    names = [n for n in micrograd_like.__all__
             if not inspect.ismodule(getattr(micrograd_like, n))]  # fmt: skip
    where = {n: getattr(micrograd_like, n).__module__.split(".")[1] for n in names}
    links = [f"[`{n}`](#micrograd_like.{room}.{n})" for n, room in where.items()]
    lines += ["## From micrograd_like itself", "", ", ".join(links), ""]
    lines += ["```{toctree}", ":hidden:", ""]
    pages = [f"generated/{room}" for owned in groups.values() for room in owned]
    return "\n".join([*lines, "generated/optable", *pages, "```", ""])


def write(app: Sphinx) -> None:
    """Writes every page that is not there as it would be now."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    groups = rooms()
    pages = {f"{room}.rst": page(room) for owned in groups.values() for room in owned}
    pages["rooms.txt"] = index(groups)
    for name, text in pages.items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def described(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text; a named op of Value is described in functional, once."""
    if what == "data":
        lines[:] = [", ".join(map(str, thing)) if isinstance(thing, Iterable) else repr(thing)]
    if what == "method" and not any(lines):
        method = getattr(functional, name.rpartition(".")[2], None)
        lines[:] = (inspect.getdoc(method) or "").splitlines() if method else []
    lines[:] = plain(lines)
    texts = [i for i, before in enumerate(["", *lines[:-1]]) if before == "Returns:"]
    for i in [*texts, *[0] * (what == "property")]:
        lines[i] = re.sub(r"^( *)", r"\1: ", lines[i])  # what precedes a colon is no type


def plain(lines: list[str]) -> list[str]:
    """Text in which a star, a bar and an underscore are just that; what is indented is kept so."""
    result, example = [], False
    for i, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if not example and not line.lstrip().startswith("* "):
            parts = re.split(r"(``.*?``)", line)
            parts[::2] = [re.sub(r"[*|]|(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
            line = "".join(parts)
            after = "\n".join(lines[i + 1 : i + 3])  # what is indented below "as here:" is a block
            line += ":" * (line.endswith(":") and bool(re.match(r"\n    +(?! |>>>)", after)))
        result.append(line)
    return result


def skipped(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Methods and properties are listed; attributes are described in the text of their class."""
    if what == "class" and not (inspect.isroutine(thing) or isinstance(thing, property)):
        return True
    elsewhere = getattr(thing, "__module__", None) or "micrograd_like"  # put there by scikit-learn
    return None if elsewhere.startswith("micrograd_like") else True


def setup(app: Sphinx) -> dict[str, bool]:
    """Before Sphinx looks for its pages."""
    app.connect("builder-inited", write, priority=10)
    app.connect("autodoc-process-docstring", described, priority=10)
    app.connect("autodoc-skip-member", skipped)
    return {"parallel_read_safe": True}
