"""demos/microgpt.py: the compiled GPT is the one in Python, and both are the published one."""

import random
import re

import pytest
from helpers.commands import ROOT, assert_pictures, numbers, python

from micrograd_like import Adam

DEMOS = ROOT / "demos"
EQUAL = {"abs": 1e-9, "rel": 0.0}


@pytest.fixture
def demo(monkeypatch):
    """The demo's names, the names of its data and a fresh model, as main() makes them."""
    pytest.importorskip("micrograd_like.jit", reason="the jit extra is not installed")
    monkeypatch.syspath_prepend(DEMOS)
    import microgpt

    return microgpt


def begun(demo):
    rng = random.Random(42)
    names = demo.NAMES.read_text(encoding="utf-8").split()
    rng.shuffle(names)
    letters = "".join(sorted(set("".join(names))))
    return rng, names, letters, demo.GPT(len(letters) + 1, rng)


def losses_in_python(demo, steps):
    _, names, letters, gpt = begun(demo)
    adam, losses = Adam(gpt.parameters(), lr=0.01, betas=(0.85, 0.99)), []
    with demo.stepper(gpt, adam, eager=True) as step:
        for i in range(steps):
            adam.lr = 0.01 * (1.0 - i / 1000)
            losses.append(step(*demo.example(names[i], letters, ())))
    return losses


def test_compiled_it_has_the_losses_and_the_names_that_were_published(demo, tmp_path, capsys):
    rng, names, letters, gpt = begun(demo)
    losses = demo.train(gpt, [demo.example(name, letters) for name in names], 1000)
    assert [f"{losses[i]:.4f}" for i in (0, 999)] == ["3.3660", "2.6497"]
    assert losses[:10] == pytest.approx(losses_in_python(demo, 10), **EQUAL)
    printed = capsys.readouterr().out
    assert re.fullmatch(
        r"1000 steps in [\d.]+ s \([\d.]+ s of them compiling\), [\d.]+ us a step, "
        r"last loss 2.6497\n", printed
    )  # fmt: skip
    invented = [gpt.invent(letters, rng) for _ in range(20)]
    assert invented[:5] == ["kamon", "ann", "karai", "jaire", "vialan"]
    assert invented[-3:] == ["lara", "alela", "anton"]

    import microgpt_pictures as pictures

    pictures.loss_picture(losses).savefig(tmp_path / "loss.png")
    pictures.letters_picture(gpt, letters).savefig(tmp_path / "letters.png")
    assert_pictures(tmp_path, "loss.png", "letters.png")


@pytest.mark.slow
def test_a_hundred_steps_have_the_losses_that_python_has(demo):
    _, names, letters, gpt = begun(demo)
    adam, losses = Adam(gpt.parameters(), lr=0.01, betas=(0.85, 0.99)), []
    with demo.stepper(gpt, adam, eager=False) as step:
        for i in range(100):
            adam.lr = 0.01 * (1.0 - i / 1000)
            losses.append(step(*demo.example(names[i], letters)))
    assert losses == pytest.approx(losses_in_python(demo, 100), **EQUAL)


def test_it_runs_without_the_compiler_on_names_of_ones_own(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("ada\nalan\ngrace\n" + "x" * 30, encoding="utf-8")
    run = python(DEMOS / "microgpt.py", mine, "--eager", "--steps", "3", "--seed", "1")
    assert run.returncode == 0, run.stderr
    assert numbers(r"^(\d+) steps in", run.stdout) == [3]
    assert "(0.00 s of them compiling)" in run.stdout
    assert len(run.stdout.splitlines()[-1].split(", ")) == 20
