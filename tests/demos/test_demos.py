"""The scripts in demos/ as a user runs them: in a process of their own."""

import json
import re
from pathlib import Path

import pytest
from helpers.commands import ROOT, UNSEEN, assert_pictures, numbers, python

SCRIPTS = sorted(p.name for p in (ROOT / "demos").glob("*.py") if "benchmark" not in p.stem)


def check_tiny_mlp(stdout: str, out: Path) -> None:
    losses = re.findall(r"step +(\d+)  loss (\S+)", stdout)
    assert losses[: len(losses) // 2] == losses[len(losses) // 2 :]  # by hand and with SGD
    assert float(losses[0][1]) > 0.5
    assert float(losses[-1][1]) < 0.01
    assert 0.0 < numbers(UNSEEN.pattern, stdout)[0] < 1.0
    assert_pictures(out, "tiny_mlp_network.svg", "tiny_mlp_neuron.svg")


def check_moons(stdout: str, out: Path) -> None:
    assert numbers(r"accuracy (\d+)% on 100 points", stdout)[0] >= 95
    assert_pictures(out, "moons.png")


def assert_png(path):
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def check_xor(printed, out):
    assert numbers(r"held-out accuracy ([\d.]+)%", printed)[0] >= 95.0
    assert "the loaded model predicts the same numbers" in printed
    assert (out / "xor.json").stat().st_size > 1000
    assert_png(out / "xor.png")
    assert "Sample" in (out / "xor.html").read_text()


def check_classification_and_regression(printed, out):
    assert numbers(r"held-out accuracy ([\d.]+)%", printed)[0] >= 90.0
    assert numbers(r"squared error ([\d.]+)", printed)[0] < 0.5
    for name in ("clf_curves_loss", "clf_curves_acc", "reg_curves_loss", "reg_curves_mse"):
        assert_png(out / f"{name}.png")


def check_digits(printed, out):
    assert numbers(r"held-out accuracy ([\d.]+)% of 450", printed)[0] >= 95.0
    assert_png(out / "digits.png")


def check_explore(stdout, out):
    (page,) = out.glob("explore_*.html")
    assert page.read_text("utf-8").startswith("<!doctype html>")


def check_playground(stdout, out):
    assert numbers(r"loss ([\d.]+) after 15 epochs", stdout)[0] < 0.3
    assert "Two moons" in (out / "playground_moons.html").read_text("utf-8")


def check_spirals(stdout, out):
    assert numbers(r"held-out accuracy ([\d.]+)%", stdout)[0] == 100.0  # as the README says
    assert_pictures(out, "spirals.png")


CHECKS = {
    "classification_and_regression.py": check_classification_and_regression,
    "digits.py": check_digits,
    "explore_microgpt.py": check_explore,
    "explore_mlp.py": check_explore,
    "explore_neuron.py": check_explore,
    "moons.py": check_moons,
    "playground_moons.py": check_playground,
    "spirals.py": check_spirals,
    "tiny_mlp.py": check_tiny_mlp,
    "xor.py": check_xor,
}
CHECKED_ELSEWHERE = {
    *("linear_regression.py", "losses.py", "manual_backprop.py", "numpy_by_hand.py"),
    *("cnn.py", "microgpt.py", "microgpt_pictures.py"),
}

SHORTER = {"moons.py": ("--steps", "40")}  # in the normal run
LONGER = {"cnn.py", "manual_backprop.py", "microgpt.py", "numpy_by_hand.py"}


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s not in CHECKED_ELSEWHERE])
def test_a_script_runs_and_prints_what_it_promises(script, tmp_path):
    run = python(ROOT / "demos" / script, "--out", tmp_path, *SHORTER.get(script, ()))
    assert run.returncode == 0, run.stderr
    assert f"saved {tmp_path}" in run.stdout
    CHECKS[script](run.stdout, tmp_path)


@pytest.mark.slow
def test_all_steps_separate_the_moons(tmp_path):
    assert "accuracy 100%" in python(ROOT / "demos" / "moons.py", "--out", tmp_path).stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_short_and_says_how_to_run_it(script):
    text = (ROOT / "demos" / script).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= (149 if script in LONGER else 80)
    assert f"python demos/{script}" in text


def test_the_convolutional_network_reads_digits_too(tmp_path):
    run = python(ROOT / "demos" / "digits.py", "--cnn", "--out", tmp_path)
    assert run.returncode == 0, run.stderr
    check_digits(run.stdout, tmp_path)


def test_the_benchmark_runs_and_gives_its_numbers(tmp_path):
    pytest.importorskip("micrograd", reason="the bench extra is not installed")
    run = python(ROOT / "benchmarks" / "benchmark.py", "--quick", "--json", "--only", "memory")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["memory"]["bytes per node"]["ours"] <= 130


def test_the_benchmark_says_which_peers_are_missing(tmp_path):
    pytest.importorskip("llvmlite", reason="the jit extra is not installed")
    options = ["--quick", "--json", "--only", "jit"]
    script = ROOT / "benchmarks" / "benchmark.py"
    run = python("-c", WITHOUT.format(hidden={"jax", "torch"}, script=str(script)), *options)
    assert run.returncode == 0, run.stderr
    rows = {row["what"]: row for row in json.loads(run.stdout)["jit"]}
    assert rows["torch eager"]["note"] == "torch is not installed"
    assert rows["JAX, compiled loop"]["note"] == "jax is not installed"
    assert rows["ours, fit"]["us"] > 0.0
    assert rows["ours, machine code"]["us"] > 0.0


WITHOUT = """
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in {hidden!r} else find(name, *rest)
sys.path.insert(0, {script!r}.removesuffix("benchmark.py"))
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.mark.slow
def test_every_section_of_the_benchmark_agrees_with_its_peers_and_gives_numbers(tmp_path):
    for module in ("jax", "llvmlite", "micrograd", "sklearn", "torch"):
        pytest.importorskip(module, reason="the bench extra is not installed")
    run = python(ROOT / "benchmarks" / "benchmark.py", "--quick", "--json")
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    steps = [row for row in results["jit"] if row["what"] != "C, -O3"]
    assert all(row.get("us", 1.0) > 0.0 for row in steps)
    assert results["compile"]["irregular"]["machine code"]["us"] > 0.0
    assert all(row["accuracy"] > 0.3 for row in results["digits"])


def test_every_picture_of_the_repository_can_be_drawn_anew(tmp_path):
    script = ROOT / "demos" / "pictures" / "draw.py"
    shown = {path.stem for path in script.parent.glob("*.png")}
    run = python(script, "neuron", "--out", tmp_path)
    assert run.returncode == 0, run.stderr
    assert_pictures(tmp_path, "neuron.png")
    (names,) = re.findall(r"choose from (.*)", python(script, "no such").stderr)
    assert set(names.split(", ")) == shown
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"demos/pictures/(\w+)\.png", readme)) <= shown
