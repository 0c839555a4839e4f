"""The command check on small engines in files: right, wrong, unfinished, and none at all."""

import json
import os
import subprocess
import sys

import pytest
from helpers.commands import command

from micrograd_like.check_engine import BadEngine, judge
from micrograd_like.check_engine.contain import Contained
from micrograd_like.check_engine.load import loader

ENGINE = """
import math

class Value:
    def __init__(self, data, inputs=()):
        self.data, self.grad, self.inputs, self.rule = data, 0.0, inputs, lambda: None

    def _made(self, data, *pairs):
        out = Value(data, [v for v, _ in pairs])
        def rule():
            for v, slope in pairs:
                v.grad += slope * out.grad
        out.rule = rule
        return out

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return self._made(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return self._made(self.data * other.data, (self, other.data), (other, self.data))

    def tanh(self):
        t = math.tanh(self.data)
        return self._made(t, (self, 1 - t * t))

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                for w in v.inputs:
                    visit(w)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v.rule()
"""
WRONG = ENGINE.replace("(self, 1 - t * t)", "(self, t)")


@pytest.fixture
def files(tmp_path):
    """Writes a file with an engine, by default a right one, where the commands of run look."""

    def write(name="mine.py", text=ENGINE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


# --- what it tells ---


def test_a_right_engine_is_told_so_and_gives_0(run, files):
    files()
    code, out, err = run("check", "mine.py:Value", "--level", "rules")
    assert (code, err) == (0, "")
    assert out.startswith("check_engine(Value)\nrules ")
    assert "Level reached: rules. Everything that was asked for is right." in out


def test_a_wrong_engine_is_told_where_and_gives_1(run, files):
    files("mine.py", WRONG)
    code, out, err = run("check", "mine.py:Value")
    assert (code, err) == (1, "")
    assert "\nx tanh: the gradient is" in out
    assert "    x = Value(0.5); y = x.tanh(); y.backward()\n" in out
    assert "should be 0.7864477329659274   (1 - tanh(0.5)**2)" in out
    assert "Level reached: none yet." in out


def test_what_is_not_written_yet_is_not_right_but_no_failure(run, files):
    files("mine.py", ENGINE.replace("t = math.tanh(self.data)", "raise NotImplementedError"))
    code, out, _ = run("check", "mine.py", "--level", "rules")
    assert code == 1
    assert "not written yet: tanh" in out
    assert "\nx " not in out


def test_json_is_kept_for_an_autograder_whether_right_or_wrong(run, files, tmp_path):
    for text, wrong in ((ENGINE, False), (WRONG, True)):
        files("mine.py", text)
        code, out, _ = run("check", "mine.py", "--level", "rules", "--json", "result.json")
        found = json.loads((tmp_path / "result.json").read_text())
        assert (found["engine"], found["ok"], code) == ("Value", not wrong, int(wrong))
        assert found["points"] == sum(t["points"] for t in found["tests"])
        assert bool(found["failures"]) == wrong
        assert f"{found['points']} of {found['max_points']}" in out


def test_an_engine_is_found_as_a_file_or_a_module_with_or_without_its_name(run, files, monkeypatch):
    few = dict(list(judge.CHECKS.items())[:3])  # only its name is asked for here
    monkeypatch.setattr(judge, "CHECKS", few)
    path = files()
    files("room/engine.py", "from .base import Value\n")
    files("room/base.py")
    files("room/__init__.py", "from .engine import Value\n")
    files("after.py", "from mine import Value as First\nclass Value(First): pass\n")
    named = ["mine.py", "mine.py:Value", f"{path}:Value", "mine", "mine:Value"]
    named += ["room:Value", "room.engine:Value", "after.py"]
    for name in named:
        _, out, err = run("check", name, "--level", "rules")
        assert (out[:19], err) == ("check_engine(Value)", ""), name


def test_the_words_of_an_engine_can_be_given(run, files):
    files("mine.py", ENGINE.replace("backward", "zurueck").replace("grad", "steigung"))
    code, _, err = run("check", "mine.py:Value", "--level", "rules")
    assert code == 1
    assert "pass --adapter 'backward={}.name_of_it()'" in err
    words = ["--adapter", "backward={}.zurueck()", "--adapter", "grad={}.steigung"]
    code, out, err = run("check", "mine.py:Value", "--level", "rules", *words)
    assert (code, err) == (0, ""), out


# --- where the engine runs ---


def test_an_engine_runs_elsewhere_and_only_what_is_needed_of_it(run, files, tmp_path):
    left = tmp_path / "left"
    noisy = (
        "import helper\nprint('noise')\nimport sys\nsys.stderr.write('noise')\nsys.path.clear()\n"
    )
    files("lib/helper.py", "")
    main = f"\nif __name__ == '__main__':\n    open({str(left)!r}, 'w')\n"
    files("lib/mine.py", noisy + ENGINE + main)
    before = list(sys.path), set(sys.modules)
    code, out, err = run("check", "lib/mine.py:Value", "--level", "rules")
    assert (code, err) == (0, "")
    assert "noise" not in out
    assert not left.exists()
    assert (list(sys.path), "mine" in sys.modules) == (before[0], False)


def test_a_class_finds_its_module_as_dataclasses_and_pickle_do(files):
    path = files("mine.py", "import pickle, dataclasses\n" + ENGINE + "pickle.dumps(Value)\n")
    text = path.read_text() + "@dataclasses.dataclass\nclass Config:\n    lr: 'float' = 0.1\n"
    path.write_text(text)
    with Contained(loader(f"{path}:Value")) as engine:
        assert engine.describe()["name"] == "Value"


def test_a_file_that_never_ends_is_stopped(files):
    path = files("mine.py", "while True:\n    pass\n")
    with Contained(loader(f"{path}:Value"), seconds=0.2) as engine:
        assert engine.describe()["trouble"][0] == "late"


# --- what is wrong with a call ---

SENTENCES = {
    "there is no file nowhere.py": ("nowhere.py:Value", None),
    "nowhere.engine cannot be imported: ModuleNotFoundError": ("nowhere.engine:Value", None),
    "lib is a directory: give the file": ("lib", ("lib/mine.py", "")),
    "notes.txt is no Python file: its name should end in .py": ("notes.txt", ("notes.txt", "")),
    "mine.py is not Python: invalid syntax, line 2": ("mine.py", ("mine.py", "\ndef f(:\n")),
    "mine.py is not Python: ": ("mine.py", ("mine.py", "x = '\udcff'\n")),
    "mine.py cannot be imported: ZeroDivisionError: division by zero (mine.py, line 2: 1 / 0)": (
        "mine.py", ("mine.py", "\n1 / 0\n"),
    ),
    "cannot be imported: KeyError: '\\x1b[31m'": ("mine.py", ("mine.py", "{}['\\x1b[31m']")),
    "cannot be imported: RecursionError": ("mine.py", ("mine.py", "def f(): f()\nf()")),
    "give it as package.module:Name": ("mine.py", ("mine.py", "from .other import f\n")),
    "mine.py ends the process when it is imported (mine.py, line 2: sys.exit(0))": (
        "mine.py", ("mine.py", "import sys\nsys.exit(0)\n"),
    ),
    "mine.py: the whole process died": ("mine.py", ("mine.py", "import os\nos._exit(0)\n")),
    "mine.py has no class Valeu; classes: Value": ("mine.py:Valeu", ("mine.py", ENGINE)),
    "math in mine.py is no class: its type is module; classes: Value": (
        "mine.py:math", ("mine.py", ENGINE),
    ),
    "mine.py has no class with a backward; classes: A": ("mine.py", ("mine.py", "class A: pass")),
    "several classes with a backward: A, B; name one, such as mine.py:A": (
        "mine.py",
        ("mine.py", "class A:\n    def backward(self): pass\nclass B(A): pass\n"),
    ),
    "mine.py:Value: Value(1.5) failed (TypeError": (
        "mine.py:Value", ("mine.py", "class Value:\n    def backward(self): pass"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_cannot_be_checked_is_one_sentence(run, files, sentence):
    engine, file = SENTENCES[sentence]
    if file:
        name, text = file
        files(name, "").write_bytes(text.encode(errors="surrogateescape"))
    code, out, err = run("check", engine)
    assert (code, out) == (1, "")
    assert err.startswith("micrograd_like: ")
    assert sentence in err
    assert (err.count("\n"), "BadEngine" in err) == (1, False)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "the following arguments are required: FILE.py:CLASS"),
        ([""], 2, "expected FILE.py:CLASS"),
        (["mine.py", "--level", "best"], 2, "invalid choice: 'best'"),
        (["mine.py", "--adapter", "backward"], 2, "expected a word and a template such as"),
        (["mine.py", "--adapter", "fly={}"], 1, "unknown word 'fly' in adapter"),
        (["mine.py", "--json", "no/result.json"], 1, "there is no directory no, make it"),
        (["mine.py", "--json", "mine.py"], 1, "would overwrite the file mine.py"),
        (["mine:Value", "--json", "mine.py"], 1, "would overwrite the file mine.py"),
        (["mine.py", "--json", "."], 1, "is a directory"),
    ],
)
def test_a_wrong_call_is_one_sentence_before_anything_runs(
    run, files, tmp_path, words, code, sentence
):
    files("mine.py", ENGINE + f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    got, out, err = run("check", *words)
    assert (got, out) == (code, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "ran").exists()


def test_a_loader_says_before_it_is_called_what_cannot_be():
    with pytest.raises(BadEngine, match=r"^there is no file nowhere\.py$"):
        loader("nowhere.py:Value")


# --- a terminal ---


def test_help_is_a_lesson_that_fits_the_terminal(run):
    code, out, err = run("check", "--help")
    assert (code, err) == (0, "")
    assert "check my_engine.py:Value" in out
    assert "The exit code is 0 if the level that was asked for holds" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
@pytest.mark.parametrize(
    ("setting", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_a_terminal_whose_user_wants_it(files, monkeypatch, setting, coloured):
    import pty

    for name, value in {"TERM": "xterm", "NO_COLOR": "", **setting}.items():
        monkeypatch.setenv(name, value)
    path, (reader, terminal) = files(), pty.openpty()
    words = ["check", path, "--level", "rules"]
    ended = command(*words, capture_output=False, stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    shown = os.read(reader, 1 << 16)
    os.close(reader)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (b"\x1b[" in shown) == coloured


def test_without_a_terminal_it_is_plain(files):
    ended = command("check", files("mine.py", WRONG), "--level", "rules")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "\x1b" not in ended.stdout
