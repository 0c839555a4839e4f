"""A command in this process, and one training on the iris flowers for several tests."""

import io
import re

import pytest
from helpers.commands import command, write_iris

from micrograd_like.cli import main

BAR = re.compile(r"(training|linear model) +\|")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in this process, in an empty folder: exit code, what it printed, its errors.

    Progress bars are left out of the errors.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))

    def call(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:  # argparse's way to end
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        lines = [line for line in err.splitlines(keepends=True) if not BAR.search(line)]
        return code, out, "".join(lines).lstrip("\r\n")

    return call


@pytest.fixture(scope="session")
def iris(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris")
    write_iris(folder / "iris.csv")
    options = ["--hidden", "8,8", "--epochs", "40", "--save", "model.json", "--plot", "curves.png"]
    trained = command("train", "iris.csv", "--target", "species", *options, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    predicted = command("predict", "model.json", "iris.csv", cwd=folder)
    assert predicted.returncode == 0, predicted.stderr
    return folder, trained, predicted
