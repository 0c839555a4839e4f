"""Finds the class of an engine in a file or a module, to be called behind the wall.

>>> load = loader("fractions:Fraction")
>>> load().__name__
'Fraction'
"""

import importlib
import importlib.util
import linecache
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .dialect import BACKWARD, BadEngine


@dataclass(frozen=True)
class Loader:
    """Imports an engine when it is called, and gives its class.

    Attributes:
        where, name: of the file or the module, and of the class, or "".
        file: the file, where it is known before.
    """

    where: str
    name: str
    file: Path | None
    is_module: bool = False

    def __call__(self) -> Any:
        return _chosen(_imported(self), self.where, self.name)


def loader(engine: str) -> Loader:
    """What imports an engine: nothing of it runs before that is called, behind the wall.

    Args:
        engine: "my_engine.py:Value", "package.module:Value"; or without a name, if only one of its
            classes has a backward.

    Raises:
        BadEngine: there is no such file. When called: it fails, or has no such class; the message
            says which it has.
    """
    where, _, name = engine.rpartition(":")
    if not name.isidentifier() or not where:
        where, name = engine.removesuffix(":"), ""
    path = Path(where)
    dotted = all(map(str.isidentifier, where.split("."))) and path.suffix != ".py"
    if dotted and (not path.exists() or (path / "__init__.py").exists()):
        file = Path(*where.split(".")).with_suffix(".py")
        return Loader(where, name, file if file.exists() else None, is_module=True)
    if path.is_dir():
        raise BadEngine(f"{where} is a directory: give the file with the class")
    if not path.exists():
        raise BadEngine(f"there is no file {where}")
    if path.suffix != ".py" or not path.is_file():
        raise BadEngine(f"{where} is no Python file: its name should end in .py")
    return Loader(path.name, name, path)


def _module(name: str) -> ModuleType:
    sys.path.insert(0, "")  # what lies in this folder is found
    return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    """As ``python file.py`` has it, its folder first; but its ``__main__`` part does not run."""
    path = path.resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:  # never, as it ends in .py
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where dataclasses and pickle look for it
    spec.loader.exec_module(module)
    return module


def _imported(engine: Loader) -> ModuleType:
    where = engine.where
    try:
        if engine.is_module or engine.file is None:
            return _module(where)
        return _from_file(engine.file)
    except SyntaxError as error:
        file = Path(error.filename or where).name
        line = f", line {error.lineno}" if error.lineno else ""
        raise BadEngine(f"{file} is not Python: {error.msg}{line}") from None
    except SystemExit:
        raise BadEngine(
            f"{where} ends the process when it is imported{_line(where)}: put what is not needed "
            'there under if __name__ == "__main__"'
        ) from None
    except BaseException as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = ""
        if isinstance(error, ImportError) and "relative import" in said:
            hint = "; give it as package.module:Name, from the folder above the package"
        raise BadEngine(f"{where} cannot be imported: {said}{_line(where)}{hint}") from None


def _line(where: str) -> str:
    """Where the error of now was raised: the last line outside of Python's own files."""
    library = Path(traceback.__file__).parent
    for frame, number in reversed(list(traceback.walk_tb(sys.exc_info()[2]))):
        file = frame.f_code.co_filename
        if file != __file__ and file[:1] != "<" and library not in Path(file).parents:
            source = linecache.getline(file, number).strip()
            return f" ({Path(file).name}, line {number}: {source[:80]})"
    return ""


def _chosen(module: ModuleType, where: str, name: str) -> type:
    classes = {n: c for n, c in vars(module).items() if isinstance(c, type)}
    own = {n: c for n, c in classes.items() if c.__module__ == module.__name__}
    if name in classes:
        return classes[name]
    listed = ", ".join(list(own or classes)[:12]) or "none"
    if name in vars(module):
        what = type(vars(module)[name]).__name__
        raise BadEngine(f"{name} in {where} is no class: its type is {what}; classes: {listed}")
    if name:
        raise BadEngine(f"{where} has no class {name}; classes: {listed}")
    able = [n for n, c in own.items() if any(hasattr(c, word) for word in BACKWARD)]
    if len(able) == 1:
        return own[able[0]]
    problem = f"several classes with a backward: {', '.join(able[:12])}" if able else (
        f"no class with a backward; classes: {listed}"
    )  # fmt: skip
    raise BadEngine(f"{where} has {problem}; name one, such as {where}:{(able or ['Value'])[0]}")
