"""The arrows of docs/architecture.md: who may import whom; the rooms in reading order.

A room is a file of the package or a folder. ARROWS names what a room imports; everything must stand
above it, so there is no circle. What is imported inside a function, because it is heavy or because
it lies below, is in LAZY. Inside a folder the files stand in INSIDE, each importing only those
before it.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import micrograd_like

PACKAGE = Path(micrograd_like.__file__).parent

ARROWS = {
    # the core
    "ops": set(),
    "modes": set(),
    "nesting": set(),
    "checks": set(),
    "files": set(),
    "engine": {"ops", "modes"},
    "functional": {"ops", "engine", "nesting"},
    "transforms": {"engine", "nesting"},
    "words": {"ops"},
    # learning
    "nn": {"engine", "functional", "modes", "nesting", "checks"},
    "losses": {"engine", "functional", "nesting", "checks"},
    "optim": {"engine", "functional", "checks"},
    "data": {"checks", "nesting"},
    "train": {"engine", "functional", "modes", "nesting", "checks", "optim", "data", "losses"},
    "micrograd": {"ops", "engine", "functional", "words", "nn"},
    "serialize": {"nn", "files", "checks"},
    "export": {"engine", "modes", "nesting", "nn", "files"},
    "estimators": {"checks", "data", "nn", "losses", "optim", "train"},
    # trust
    "testing": {"engine", "modes", "nesting"},
    "anomaly": {"ops", "engine", "modes", "words"},
    "check_engine": set(),
    # programs as plain data
    "tape": {"ops", "engine", "modes", "nesting", "anomaly"},
    # seeing
    "draw": {"ops", "engine", "words", "files"},
    "pages": {"tape", "draw", "files"},
    "plot": {"engine", "nesting", "checks", "train"},
    "explore": {"ops", "engine", "modes", "nesting", "words", "draw", "files", "train", "pages"},
    "playground": {"engine", "modes", "nesting", "checks", "nn", "optim", "train"}
    | {"tape", "pages", "draw", "files"},
    # compiling
    "jit": {"ops", "engine", "modes", "nesting", "checks", "files", "tape"},
    # the command line
    "cli": {"engine", "checks", "nesting", "nn", "losses", "optim", "data", "files", "train"}
    | {"serialize", "testing", "check_engine", "draw", "plot", "explore"}
    | {"playground"},
}
LAZY = {"train": {"tape", "jit"}, "explore": {"tape"}, "playground": {"explore"}}
INSIDE = {
    "nn": ["module", "init", "dense", "convolution", "pooling", "regularization"],
    "optim": ["optimizers", "lr_scheduler"],
    "data": ["rows", "cells", "tables", "toys"],
    "train": ["history", "steps", "metrics", "callbacks", "given", "loop"],
    "check_engine": [
        "cases", "contain", "functions", "dialect", "load", "rules", "careful", "complete",
        "causes", "roots", "report", "judge",
    ],
    "pages": ["export", "page"],
    "playground": ["record", "bridge", "page"],
    "draw": ["naming", "drawing", "graph", "network"],
    "plot": ["common", "curves", "parameters", "outputs"],
    "explore": [
        "layout", "calls", "graph", "groups", "names", "replay", "leaf", "training", "page",
    ],
    "tape": ["surroundings", "tape", "recording", "gradients", "trace", "reroll"],
    "jit": [
        "emit", "vectormath", "plan", "nests", "lanes", "lower", "cache", "once", "native",
        "arguments", "program", "update", "trainer", "compiled", "problem", "training", "batches",
        "evaluation",
    ],
    "cli": [
        "output", "errors", "table", "recipe", "demo", "train", "predict", "check", "playground",
    ],
}
FRONT = {"__init__", "__main__"}  # they import what they show
HEAVY = {"numpy", "torch", "graphviz", "pygraphviz", "matplotlib", "llvmlite", "sklearn", "tqdm"}


def files() -> dict[str, Path]:
    """The files by dotted name, such as nn.dense."""
    paths = PACKAGE.rglob("*.py")
    return {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in paths}


def imports(name: str, path: Path):
    """What a file imports from the package: (dotted name, names, whether inside a function)."""
    folder = name.split(".")[:-1]
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    inner = {id(n) for f in functions for n in ast.walk(f)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        assert not (node.module or "").startswith("micrograd_like"), "relative imports only"
        if not node.level:
            continue
        base = folder[: len(folder) - node.level + 1]
        names = [alias.name for alias in node.names]
        for module in [node.module] if node.module else names:
            shown = names if node.module else []
            yield ".".join([*base, module]), shown, id(node) in inner


FILES = {name: path for name, path in files().items() if name not in FRONT}
HOUSE = {name.split(".")[0] for name in FILES}


def test_every_room_and_every_file_has_its_place():
    assert set(ARROWS) == HOUSE
    for room, order in INSIDE.items():
        there = {n.split(".")[1] for n in FILES if n.startswith(room + ".")} - {"__init__"}
        assert set(order) == there, room


def test_arrows_point_up_the_list_only_so_that_there_is_no_circle():
    order = list(ARROWS)
    for room, above in ARROWS.items():
        assert all(order.index(other) < order.index(room) for other in above), room


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_imports_only_what_it_may(name):
    room, _, own = name.partition(".")
    for target, _, inside_function in imports(name, FILES[name]):
        other, _, file = target.partition(".")
        if other.startswith("__"):  # the version
            continue
        if other != room:
            lazy = LAZY.get(room, set()) if inside_function else set()
            assert other in ARROWS[room] | lazy, target
        elif own != "__init__" and file:
            order = INSIDE[room]
            assert order.index(file.split(".")[0]) < order.index(own), target


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_private_name_crosses_a_wall(name):
    room = name.split(".")[0]
    modules = set()
    for target, names, _ in imports(name, FILES[name]):
        if target.split(".")[0] != room:
            assert not [n for n in names if n.startswith("_")], target
            modules |= {target.split(".")[-1]} if not names else set(names) & HOUSE
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            crossing = node.value.id in modules and node.attr.startswith("_")
            assert not crossing, f"{node.value.id}.{node.attr}"


def test_nobody_but_the_engine_writes_the_number_or_the_gradient_of_a_value():
    for name, path in FILES.items():
        if name in ("engine", "check_engine.dialect"):  # which has the words of other engines
            continue
        tree = ast.parse(path.read_text())
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        read = [a for n in calls if getattr(n.func, "id", "") == "attrgetter" for a in n.args]
        for node in ast.walk(tree):
            stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            assert not (stored and node.attr in ("_number", "_grad")), name
            named = isinstance(node, ast.Constant) and node.value in ("_number", "_grad")
            assert not named or node in read, name


def test_importing_loads_nothing_heavy():
    code = "import sys, micrograd_like; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not loaded & HEAVY
    assert "micrograd_like.engine" in loaded
    assert not {"micrograd_like.tape", "micrograd_like.jit", "micrograd_like.cli"} & loaded


def test_importing_is_quick(tmp_path):
    """Under 50 ms with bytecode: the quickest of several, in processor time."""
    code = (
        "import time; start = time.process_time(); import micrograd_like; "
        "print(time.process_time() - start)"
    )
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", code]
    runs = [subprocess.check_output(command, text=True, env=env) for _ in range(6)]
    assert min(map(float, runs)) < 0.050


def test_the_text_that_people_read_stays_short():
    lines = sum(len((PACKAGE / name).read_text().splitlines()) for name in ("ops.py", "engine.py"))
    assert lines <= 760


def test_no_test_file_imports_another():
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [getattr(node, "module", None) or "", *[a.name for a in node.names]]
                assert not any(name.startswith("test_") for name in names), path.name
