"""The notebooks in demos/notebooks: they run, and what they show is what running them gives.

After a change that is meant to change their outputs: python demos/notebooks/run.py
"""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  fills its cache now, which it says on stderr
import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "demos" / "notebooks"
NAMES = [
    "00_introduction",
    "01_from_scratch",
    "02_pytorch",
    "03_experiments",
    "04_how_jit_works",
    "05_why_trust_the_gradients",
]
# What the last digit of a machine's tanh decides: tiny differences, last digits, and a drawing's
# exact numbers. And the one ratio of times that is told.
ROUNDING = re.compile(
    r'\b\d+(?= times as long)|\b0\.0e\+00|\b\d(\.\d)?e-(09|1\d)\b|(?<=\.\d{12})\d+|tooltip="[^"]*"'
)


def read(directory, name):
    return nbformat.read(directory / f"{name}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(output):
    return sorted(output.get("data", [])) or [output.name]


def texts(cell):
    """What a cell says in words; the DOT text of a drawing is one of them."""
    said = [out.get("text") or out.data.get("text/plain", "") for out in cell.outputs]
    return ROUNDING.sub("rounding", "\n".join(said))


def test_every_notebook_is_listed_here():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_says_what_it_says_in_the_repository(name, tmp_path):
    command = [sys.executable, NOTEBOOKS / "run.py", name, "--out", tmp_path]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    stored, new = code_cells(read(NOTEBOOKS, name)), code_cells(read(tmp_path, name))
    for before, after in zip(stored, new, strict=True):
        assert texts(after) == texts(before), before.source
        assert list(map(kinds, after.outputs)) == list(map(kinds, before.outputs)), before.source


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_can_be_read_without_running_it(name):
    notebook = read(NOTEBOOKS, name)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    shown = [kind for cell in cells for output in cell.outputs for kind in kinds(output)]
    assert {"stdout", "image/png"} <= set(shown)
    assert "stderr" not in shown
    for cell in cells:  # a cell that prints, plots or draws shows it
        if re.search(r"^(print|draw\w*|explore|plot\w*|show)\(|^figure", cell.source, re.M):
            assert cell.outputs, cell.source
    titles = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert len(titles) >= len(cells) / 2
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_no_reader_has_to_read_past_a_test_or_a_mark_for_a_tool(name):
    source = "\n".join(cell.source for cell in code_cells(read(NOTEBOOKS, name)))
    assert not re.search(r"^\s*assert\b|# (fmt|noqa|type):", source, re.MULTILINE)


def test_a_false_claim_is_an_error_and_nothing_is_written(tmp_path):
    for name in ("run.py", "claims.py"):
        (tmp_path / name).write_text((NOTEBOOKS / name).read_text("utf-8"), "utf-8")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("differences, gap = [2], 0")]
    )
    nbformat.write(notebook, tmp_path / "01_from_scratch.ipynb")
    command = [sys.executable, tmp_path / "run.py", "--out", tmp_path / "out"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert run.returncode == 1
    assert run.stderr.strip().endswith("max(differences) < 1e-12")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_small_and_of_no_machine(name):
    path = NOTEBOOKS / f"{name}.ipynb"
    assert path.stat().st_size < 400_000
    notebook = read(NOTEBOOKS, name)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}  # no version
    assert all(not cell.metadata for cell in notebook.cells)  # no times
    said = "".join(texts(cell) + cell.source for cell in code_cells(notebook))
    assert not re.search(r"/home/|/tmp/|/root/|/Users/|[A-Z]:\\|0x[0-9a-f]{6}", said)


def test_the_links_between_the_notebooks_and_to_the_source_lead_somewhere():
    for name in NAMES:
        for cell in read(NOTEBOOKS, name).cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([\w./-]+)\)", cell.source):
                    assert (NOTEBOOKS / target).is_file(), target


@pytest.mark.slow
def test_the_facts_about_the_tests_are_what_the_command_prints():
    root = NOTEBOOKS.parents[1]
    told = read(NOTEBOOKS, "05_why_trust_the_gradients").cells[-1].source
    command, *facts = re.search(r"```\n\$ python (.*?)\n```", told, re.S)[1].splitlines()
    readme = (root / "README.md").read_text("utf-8").split("## How it is tested")[1]
    numbers = re.findall(r"\d[\d,]*(?= (?:numbers|deviate|deliberately|are noticed))", readme)
    assert f"`python {command}`" in readme
    run = subprocess.run(
        [sys.executable, *command.split()], cwd=root, capture_output=True, text=True, timeout=600
    )
    assert set(facts) <= set(run.stdout.splitlines())
    assert {n.replace(",", "") for n in numbers} <= set(re.findall(r"\d+", run.stdout))
