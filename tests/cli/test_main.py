"""What all commands share: calls, help, and a reader or a disk that takes no more."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from helpers.commands import assert_one_sentence, command

import micrograd_like


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["demo", "--out"], "--out: expected one argument"),
        (["demo", "more"], "unrecognized arguments: more"),
        (["--fly"], "unrecognized arguments: --fly"),
    ],
)
def test_a_wrong_call_is_one_sentence_that_points_to_the_help(arguments, text):
    run = command(*arguments)
    assert_one_sentence(run, 2, text)
    assert "--help" in run.stderr


def test_help_is_a_lesson_that_fits_the_terminal(run):
    for words, lesson in {
        (): "train iris.csv --target species --save model.json",
        ("train",): "--hidden 8,8 --save model.json --plot curves.png",
        ("predict",): "predict model.json new.csv",
    }.items():
        code, out, err = run(*words, "--help")
        assert (code, err) == (0, "")
        assert lesson in out
        assert max(map(len, out.splitlines())) <= 80


def test_help_teaches_and_version_tells():
    for arguments in ([], ["--help"]):
        run = command(*arguments)
        assert (run.returncode, run.stderr) == (0, "")
        assert re.search(r"^ +demo +train two small networks", run.stdout, re.MULTILINE)
    run = command("demo", "--help")
    assert all(word in run.stdout for word in ("--out DIR", "iris", "PyTorch", "[all]"))
    assert command("--version").stdout == f"micrograd_like {micrograd_like.__version__}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path):
    with open("/dev/full", "w") as full:
        run = command(
            "demo", "--out", tmp_path, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert_one_sentence(run, 1, "No space left on device")


def test_a_reader_that_has_gone_is_no_error_message(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    run = command(
        "demo", "--out", tmp_path, capture_output=False, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (run.returncode, run.stderr) == (1, "")
