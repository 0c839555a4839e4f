"""The command line never shows a traceback: options, files and models that somebody made up."""

import copy
import itertools
import math
import os
import subprocess
import sys

import pytest
from helpers.commands import ROOT, command, write_csv, write_small

from micrograd_like.cli import train as training
from micrograd_like.nn import MLP
from micrograd_like.serialize import load_with_extra, save

BASE = ["train", "d.csv", "--target", "answer", "--epochs", 1]
OPTIONS = [
    "--activation", "--batch-size", "--category", "--decimal", "--encoding", "--epochs", "--hidden",
    "--ignore", "--l2", "--lr", "--missing", "--number", "--optimizer", "--patience", "--plot",
    "--save", "--seed", "--sep", "--target", "--test-size", "DATA",
]  # fmt: skip
VALUES = [
    "", " ", "0", "-0", "-1", "1", "1e-320", "5e-324", "0.5", "0.9999999999999999", "1e300",
    "1e308",
    "1e400", "nan", "-nan", "inf", "-inf", str(10**9), str(10**30), "9" * 5000, "-" + "9" * 30,
    "1,", ",", "1,1,1", "1," * 50 + "1", "1,1000000000", "0x10", "1_0", "٣", "½", "tanh", "linear",
    "sgd", "size", "answer", ".", "/", "/dev/null", "/dev/full", "no/such/m.json", "m.json",
    "c.png", "a\0b.png", "\x1b[31mred\x1b[0m", "new\nline", "\u202eevil", "\udcff", "x" * 300,
    "[1]", "None", "--", "-", ";", "\t", "tab", "drop", "mean", "cp1252", "utf-16", "undefined",
]  # fmt: skip


@pytest.fixture
def quick(monkeypatch):
    """Trainings end soon, and networks are small: it is the calls that are tested."""
    fit = training.fit
    monkeypatch.setattr(
        training, "fit", lambda *args, **how: fit(*args, **how | {"epochs": 1, "jit": False})
    )


def assert_answered(result, words):
    code, out, err = result
    assert code in (0, 1, 2), (words, result)
    assert (code == 0) == (err == ""), (words, result)
    assert err.count("\n") <= 1, (words, result)
    assert "unexpectedly" not in err, (words, result)
    assert "Traceback" not in out + err, (words, result)
    shown = out.replace("\n", "") + err.removesuffix("\n")
    assert shown.isprintable(), (words, result)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_takes_or_refuses_every_text_in_one_sentence(run, quick, option):
    write_small()
    codes = set()
    for value in VALUES:
        words = [*BASE, option, value] if option != "DATA" else ["train", value, *BASE[2:]]
        result = run(*words)
        assert_answered(result, words)
        codes.add(result[0])
    assert codes & {1, 2}
    assert {"d.csv"} <= set(os.listdir()) <= {"d.csv", "m.json", "c.png"} | set(VALUES)


def test_a_network_that_is_too_large_is_refused_before_it_takes_memory(run):
    write_small()
    words = "this network would have 6,000,000,002 parameters, more than 1,000,000: give it a "
    code, _, err = run(*BASE, "--hidden", 10**9)
    assert (code, words in err) == (1, True)
    assert "10**" in run(*BASE, "--hidden", 10**300)[2]


# --- files that are none ---

CONTENTS = {
    "empty": b"",
    "newlines": b"\n\n\n",
    "zeros": bytes(1000),
    "binary": bytes(range(256)) * 10,
    "UTF-16": "a,answer\n1,2\n".encode("utf-16"),
    "UTF-16 without its mark": "a,answer\n1,2\n3,4\n".encode("utf-16-le"),
    "one long line": b"x" * 200_000,
    "many columns": b",".join(b"c%d" % i for i in range(20_000)) + b"\n" + b"1," * 20_000 + b"1\n",
    "ANSI": b"\x1b[31mred,answer\n\x1b[2J,yes\n1,no\n" * 3,
    "one row": b"size,colour,answer\n1,red,yes\n",
    "semicolons in some rows": b"size,colour,answer\n1;2,red,yes\n2,blue,no\n" * 2,
    "all missing": b"size,colour,answer\n?,NA,\n" * 1 + b"?,,nan\n" * 30,
    "names twice": b"size,size,colour,answer\n1,2,red,yes\n",
    "no names": b",,\n1,red,yes\n2,blue,no\n",
    "marks of thousands": b"size;colour;answer\n1.234,5;red;yes\n2.345,5;blue;no\n" * 9,
    "both signs": b"size;colour;answer\n1.5;red;yes\n2,5;blue;no\n",
    "cp1252": "size,colour,answer\n1,grün,yes\n".encode("cp1252"),
    "escapes in a class": b'size,answer\n1,"\x1b[31m\n"\n2,b\n' * 1 + b'3,"\x1b[31m\n"\n4,b\n' * 9,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_any_bytes_as_data_or_model_are_answered(run, tmp_path, quick, content):
    write_small("good.csv")
    run("train", "good.csv", "--target", "answer", "--epochs", 1, "--save", "m.json")
    (tmp_path / "d.csv").write_bytes(content)
    for words in (
        BASE,
        ["train", "d.csv", "--target", "size"],
        [*BASE, "--missing", "mean"],
        [*BASE, "--missing", "drop", "--decimal", ",", "--sep", ";"],
        ["predict", "m.json", "d.csv"],
        ["predict", "m.json", "d.csv", "--missing", "mean"],
        ["predict", "d.csv", "good.csv"],
        ["playground", "d.csv", "--target", "answer", "--missing", "mean"],
    ):
        result = run(*words)
        assert_answered(result, words)
        assert len(result[2]) < 2000


def test_a_pipe_or_a_device_is_refused_wherever_a_file_is_expected(run, tmp_path):
    write_small()
    os.mkfifo("pipe")
    for file in ("pipe", "/dev/zero", "/dev/null"):
        for words in (
            ["train", file, "--target", "answer"],
            [*BASE, "--save", file],
            ["predict", file, "d.csv"],
            ["predict", "d.csv", file],
            ["predict", "m.json", "d.csv", "--out", file],
        ):
            code, _, err = run(*words)
            assert (code, "is a pipe or a device: give the name of a file" in err) == (1, True)


def test_escape_sequences_in_names_and_classes_are_shown_as_text(run, quick):
    names = ["size\x1b[31m", "colour\u202e", "answer\x07"]
    write_csv("d.csv", names, [[i, "red\x9b1m" if i % 2 else "b", "yes\x1b]0;x" if i % 3 else "no\r"] for i in range(40)])  # fmt: skip  # noqa: E501
    code, out, err = run("train", "d.csv", "--target", names[2], "--save", "m.json")
    assert_answered((code, out, err), "train")
    assert r"size\x1b[31m" in out
    assert r"answer\x07: 2 (no, yes\x1b]0;x)" in out
    for file, words in (("d.csv", r"yes\x1b]0;x"), ("none\x1b.csv", r"none\x1b.csv")):
        result = run("predict", "m.json", file)
        assert_answered(result, file)
        assert words in result[1] + result[2]


# --- models that somebody changed ---

ODD = [
    None, True, 0, -1, 10**9, 1.5, math.nan, math.inf, 1e308, 5e-324, "", "x", "\x1b[31m", [], {},
    [None], [[]], [1e308] * 3, [5e-324] * 3, ["x"] * 3, [["a", None]] * 2, {"a": 1},
]  # fmt: skip


def places(value, place=()):
    """Every place in nested lists and dicts."""
    yield place
    keys = range(len(value)) if isinstance(value, list) else value
    for key in keys if isinstance(value, list | dict) else ():
        yield from places(value[key], (*place, key))


def changed(extra, place, new):
    if not place:
        return new
    extra = copy.deepcopy(extra)
    at = extra
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = new
    return extra


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
@pytest.mark.parametrize("target", ["answer", "size"])
def test_a_recipe_with_any_field_changed_is_used_or_refused_in_one_sentence(
    run, monkeypatch, target, step
):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # 700 files
    rows = [[i, "red" if i % 3 else "blue", "yes" if i % 5 > 2 else "no"] for i in range(15)]
    write_csv("d.csv", ["size", "colour", "answer"], rows)
    run("train", "d.csv", "--target", target, "--epochs", 1, "--save", "m.json")
    model, extra = load_with_extra("m.json")
    codes = []
    for place, new in list(itertools.product(places(extra), ODD))[::step]:
        save(model, "m.json", extra=changed(extra, place, new))
        result = run("predict", "m.json", "d.csv")
        assert_answered(result, (place, new))
        assert "nan" not in result[1], (place, new)
        codes.append(result[0])
    assert len(codes) > 300 / step
    assert codes.count(1) > 0.6 * len(codes)  # of the others most are other numbers or names


@pytest.mark.parametrize("weight", [math.nan, math.inf, 1e308])
@pytest.mark.parametrize("target", ["answer", "size"])
def test_a_model_whose_answers_are_no_numbers_is_refused(run, target, weight):
    write_small()
    run("train", "d.csv", "--target", target, "--epochs", 1, "--save", "m.json")
    model, extra = load_with_extra("m.json")
    model.load_state_dict(dict.fromkeys(model.state_dict(), weight))
    save(model, "m.json", extra=extra)
    code, out, err = run("predict", "m.json", "d.csv", "--out", "p.csv")
    if weight != 1e308 or target == "size":  # softmax of equal scores is one half
        assert (code, out) == (1, "")
        assert "numbers too large to compute with" in err
        assert not os.path.exists("p.csv")
    assert_answered((code, out, err), target)


def test_answers_too_large_to_compare_are_one_sentence(run):
    extra = {"target": "t", "columns": [["a", None]], "classes": None}
    extra |= {"inputs": [[0.0], [1.0]], "outputs": [[0.0], [1e300]]}
    save(MLP(1, [1], output_activation="linear", rng=0), "m.json", extra=extra)
    write_csv("d.csv", ["a", "t"], [[1e5, -1e308], [-1e5, 1e308]] * 5)
    result = run("predict", "m.json", "d.csv")
    assert_answered(result, "predict")


# --- the process ---


def test_running_out_of_memory_is_one_sentence(run, monkeypatch):
    write_small()

    def too_much(*args, **how):
        raise MemoryError

    monkeypatch.setattr(
        training, "MLP", type("MLP", (), {"size": lambda *a: 1, "__new__": too_much})
    )
    words = "micrograd_like: there is not enough memory: use fewer rows, or a smaller --hidden\n"
    assert run(*BASE) == (1, "", words)


def test_what_nobody_thought_of_is_one_sentence(run, monkeypatch):
    write_small()

    def surprised(*args, **how):
        raise RuntimeError("a\x1b[31m\nb")

    monkeypatch.setattr(training, "fit", surprised)
    code, _, err = run(*BASE)
    assert code == 1
    assert err == ("micrograd_like: unexpectedly, RuntimeError: a\\x1b[31m\\nb; please report it\n")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"]])
def test_help_for_a_reader_that_has_gone_says_nothing(words):
    reader, writer = os.pipe()
    os.close(reader)
    run = command(*words, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert run.returncode in (0, 1)  # 0: argparse itself has swallowed it
    assert run.stderr == ""


def test_without_any_stdout_it_works_in_silence(tmp_path):
    (tmp_path / "d.csv").write_text("a,t\n" + "".join(f"{i},{i}\n" for i in range(20)))
    python = f"{sys.executable} -W error -m micrograd_like train d.csv --target t --epochs 1"
    run = subprocess.run(
        f"{python} --save m.json >&-", shell=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert (tmp_path / "m.json").exists()
