"""What the package promises from outside: its names, their documentation, what importing costs."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import micrograd_like

PACKAGE = Path(micrograd_like.__file__).parent

# Who may import whom (DESIGN.md, section 2); a file that is not named here may not exist.
ARROWS = {
    "ops": set(),
    "modes": set(),
    "checks": set(),
    "nesting": set(),
    "engine": {"ops", "modes"},
    "functional": {"ops", "engine"},
    "transforms": {"engine", "nesting"},
    "nn.dense": {"engine", "functional", "nesting", "checks"},
    "losses": {"engine", "functional", "nesting"},
    "optim.optimizers": {"engine", "checks"},
    "data": {"checks"},
    "files": set(),
    "train.loop": {"engine", "functional", "modes", "nesting", "optim", "data", "jit"},
    "estimators": {"nn", "losses", "optim", "train"},
    "serialize": {"nn", "files", "checks"},
    "plot": {"engine", "train", "checks"},
    "testing": {"engine", "nesting"},
    "draw": {"engine", "files"},
    "anomaly": {"engine", "modes"},
    "explore.layout": set(),
    "explore.groups": {"engine"},
    "explore.page": {"engine", "draw", "files", "explore.groups", "explore.layout"},
    "tape.tape": {"ops"},
    "tape.trace": {"ops", "engine", "anomaly", "tape.tape"},
    "tape.reroll": {"tape.tape"},
    "jit.signature": set(),
    "jit.vectormath": {"jit.signature"},
    "jit.loops": {"jit.signature"},
    "jit.tables": {"jit.signature", "jit.loops"},
    "jit.plan": {"tape.tape"},
    "jit.lower": {"tape.tape", "jit.plan", "jit.vectormath"}
    | {"jit.signature", "jit.loops", "jit.tables"},
    "jit.native": {"tape.tape", "tape.reroll", "jit.plan", "jit.lower"}
    | {"jit.signature", "jit.loops"},
    "jit.update": {"ops", "engine", "tape.tape", "tape.trace", "tape.reroll"}
    | {"jit.signature", "jit.loops", "jit.vectormath", "jit.lower", "jit.native"},
    "jit.training": {"engine", "modes", "nesting", "tape.tape", "tape.trace"}
    | {"jit.native", "jit.update"},
    "jit.__init__": {"engine", "modes", "nesting", "tape.tape", "tape.trace", "jit.native"},
}
FREE = {"__init__", "__main__"}
FILES = {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in PACKAGE.rglob("*.py")}


ROOMS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
CHECKED = {name for name in FILES if name not in FREE and not name.startswith("cli.")}
CHECKED -= {f"{room}.__init__" for room in ROOMS - {"jit"}}


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_every_file_imports_only_what_it_may(name):
    here = name.split(".")
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = here[: len(here) - node.level]
            modules = [node.module] if node.module else [alias.name for alias in node.names]
            for module in modules:
                path = ".".join([*folder, module])
                assert path in ARROWS[name] or path.split(".")[0] in ARROWS[name]
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("micrograd_like")


def test_all_is_sorted_and_complete():
    names = micrograd_like.__all__
    order = sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert names == order
    public = {n for n, v in vars(micrograd_like).items() if not n.startswith("_")}
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    modules |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert public - modules <= set(names) <= public


@pytest.mark.parametrize("name", micrograd_like.__all__)
def test_every_public_name_is_described_with_an_example(name):
    thing = getattr(micrograd_like, name)
    doc = inspect.getdoc(thing)
    assert doc
    assert ">>>" in doc or inspect.ismodule(thing)


def test_every_method_of_value_without_a_docstring_is_described_in_functional():
    for name, method in vars(micrograd_like.Value).items():
        if callable(method) and not name.startswith("_") and not method.__doc__:
            assert getattr(micrograd_like.functional, name).__doc__


def test_importing_loads_nothing_heavy():
    code = "import sys, micrograd_like; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    heavy = {"numpy", "torch", "graphviz", "pygraphviz", "matplotlib", "llvmlite", "sklearn"}
    assert not loaded & heavy
    assert "micrograd_like.engine" in loaded


def test_the_text_that_people_read_stays_short():
    lines = sum(len((PACKAGE / name).read_text().splitlines()) for name in ("ops.py", "engine.py"))
    assert lines < 760
