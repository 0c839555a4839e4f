"""What the tests of commands and scripts share: processes of their own, and the files they read."""

import csv
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from sklearn.datasets import load_iris

ROOT = Path(__file__).resolve().parents[2]
UNSEEN = re.compile(r"\[ ?2\.0,  ?3\.0, -1\.0\]\D*?([+-]\d\.\d+), never seen")


def python(
    *arguments: str | Path, path: Path | None = None, **options
) -> subprocess.CompletedProcess:
    """Runs Python with every warning an error; modules in path hide the installed ones."""
    hidden = [] if path is None else [str(path)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*hidden, str(ROOT)]),
        "PYTHONIOENCODING": "utf-8",
    }
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        **{"capture_output": True, "text": True, "encoding": "utf-8", "timeout": 300, **options},
        env=environment,
    )


def command(*arguments: str | Path, **options) -> subprocess.CompletedProcess:
    return python("-m", "micrograd_like", *arguments, **options)


def hide(directory: Path, *modules: str) -> Path:
    """A directory whose modules cannot be imported, as if they were not installed."""
    for name in modules:
        error = f"No module named '{name}'"
        (directory / f"{name}.py").write_text(
            f"raise ModuleNotFoundError({error!r}, name={name!r})\n"
        )
    return directory


def numbers(pattern: str, text: str) -> list[float]:
    """The groups of the only place in text where pattern occurs."""
    (found,) = re.finditer(pattern, text)
    return [float(group) for group in found.groups()]


def assert_pictures(directory: Path, *names: str) -> None:
    """Exactly these files, and each is what its suffix says."""
    assert sorted(path.name for path in directory.iterdir()) == sorted(names)
    for path in directory.iterdir():
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        elif path.suffix == ".html":
            assert path.read_text("utf-8").startswith("<!doctype html>")
        else:
            content = path.read_bytes()
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            assert content.endswith(b"IEND\xaeB`\x82")


def assert_one_sentence(run: subprocess.CompletedProcess, returncode: int, text: str) -> None:
    assert run.returncode == returncode
    assert text in run.stderr
    assert run.stderr.count("\n") == 1, run.stderr


# --- tables ---


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_iris(path):
    """The 150 flowers as text: sepal length, ..., species."""
    data = load_iris()
    header = [name.removesuffix(" (cm)") for name in data.feature_names]
    rows = [[*x, data.target_names[y]] for x, y in zip(data.data.tolist(), data.target)]
    write_csv(path, [*header, "species"], rows)


def write_small(path="d.csv"):
    """40 rows: a number, a category, a target of words that depends on both."""
    rows = [
        [i, "red" if i % 3 else "blue", "yes" if i + 9 * (i % 3) > 25 else "no"] for i in range(40)
    ]
    write_csv(path, ["size", "colour", "answer"], rows)
