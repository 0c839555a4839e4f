"""The demos on losses and regression, each in a process of its own."""

import re

import pytest
from helpers.commands import ROOT, assert_pictures, hide, numbers, python


def run(script, out, **options):
    done = python(ROOT / "demos" / script, "--out", out, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_losses_prints_values_and_gradients_that_torch_confirms(tmp_path):
    stdout = run("losses.py", tmp_path)
    rows = re.findall(r"^(\w+) +((?: +[+-]?\d\.\d{4}){6})$", stdout, re.MULTILINE)
    table = {name: [float(number) for number in row.split()] for name, row in rows}
    assert len(table) == 6
    assert table["mse_loss"] == [4.0, -4.0, 0.0, 0.0, 1.0, 2.0]
    assert table["l1_loss"] == [2.0, -1.0, 0.0, 0.0, 1.0, 1.0]
    assert table["huber_loss"] == [1.5, -1.0, 0.0, 0.0, 0.5, 1.0]
    assert table["hinge_loss"] == [3.0, -1.0, 1.0, -1.0, 0.0, 0.0]
    assert table["binary_cross_entropy_with_logits"][2:4] == [0.6931, -0.5]
    assert table["cross_entropy"][4:] == [0.6931, -0.5]  # both scores are 1
    assert "torch gives the same numbers, to 1e-12" in stdout
    assert_pictures(tmp_path, "losses.png")


def test_losses_does_without_torch(tmp_path):
    stdout = run("losses.py", tmp_path / "out", path=hide(tmp_path, "torch"))
    assert "torch is not installed" in stdout
    assert_pictures(tmp_path / "out", "losses.png")


def test_linear_regression_finds_the_line_three_times(tmp_path):
    stdout = run("linear_regression.py", tmp_path)
    lines = [numbers(rf"{name} +y = (\S+) x (\S+)", stdout) for name in ("hand", "engine", "exact")]
    assert lines[0] == lines[1] == pytest.approx(lines[2], abs=1e-6)
    assert lines[2] == pytest.approx([2.0, -1.0], abs=0.1)
    gap, rest = numbers(r"differ by (\S+) at most, the exact line at the end by (\S+)", stdout)
    assert gap < 1e-12
    assert rest < 1e-6
    assert_pictures(tmp_path, "linear_regression.png")


def check_manual_backprop(stdout, ways):
    first, last, of, gap = numbers(
        r"loss (\S+) at first, (\S+) at last; the (\d) differ by (\S+)", stdout
    )
    assert first > 0.5
    assert last < 0.03
    assert of == ways
    assert gap < 1e-9
    pairs = re.findall(r"target +(\S+) +prediction +(\S+)", stdout)
    assert len(pairs) == 5
    assert all(abs(float(y) - float(prediction)) < 0.3 for y, prediction in pairs)


def test_manual_backprop_trains_four_times_the_same(tmp_path):
    check_manual_backprop(run("manual_backprop.py", tmp_path), ways=4)
    assert_pictures(tmp_path, "manual_backprop.png")


def test_manual_backprop_by_numpy_alone(tmp_path):
    stdout = run("manual_backprop.py", tmp_path / "out", path=hide(tmp_path, "torch"))
    assert "torch is not installed" in stdout
    check_manual_backprop(stdout, ways=2)


def test_every_gradient_by_hand_in_numpy_is_the_engine_s(tmp_path):
    stdout = run("numpy_by_hand.py", tmp_path)
    gaps = re.findall(r"(.*): +differs by (\S+)", stdout)
    assert [name for name, _ in gaps] == ["cross entropy", "BatchNorm", "the whole network"] * 2
    assert all(0.0 <= float(gap) < 1e-12 for _, gap in gaps)
    shares = re.findall(r"accuracy ([\d.]+)%", stdout)
    assert [float(share) >= least for share, least in zip(shares, (99, 90))] == [True, True]
    assert_pictures(tmp_path, "numpy_by_hand.png")
