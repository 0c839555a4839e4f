"""Generated programs as machine code, without contraction: what Python computes, bit for bit."""

import random

import numpy as np
import pytest
from helpers.rolled import rolled

from micrograd_like.jit import native, vectormath
from micrograd_like.jit.native import Native


@pytest.fixture
def exact(monkeypatch):
    """No product and sum are rounded as one."""
    monkeypatch.setattr(vectormath, "CONTRACT", ())


def bits(numbers):
    """Of every number, one pattern for all nans."""
    array = np.array(numbers, dtype=np.float64)
    return np.where(np.isnan(array), np.nan, array).tobytes()


def differences(seed, samples):
    """In how many of the outputs, and of one sample's sums, machine code differs from Python."""
    program, rng = rolled(seed), random.Random(seed)
    columns = [program.sample(rng) for _ in range(samples)]
    tape = program.gradients
    outputs, sums = Native(tape, samples)(np.array(columns).T.copy(), program.parameters)
    wanted = [tape.run(x, program.parameters) for x in columns]
    found = sum(bits(a) != bits(b) for a, (b, _) in zip(outputs.T, wanted))
    each = np.array([one for _, one in wanted])
    if samples == 1:
        return found + (bits(sums + 0.0) != bits(each[0] + 0.0))  # -0.0 was added to 0.0
    return found + int((np.abs(sums - each.sum(axis=0)) > 1e-13 * np.abs(each).sum(axis=0)).sum())


@pytest.mark.parametrize("block", range(8))
def test_machine_code_without_contraction_is_python_bit_for_bit(block, exact):
    for seed in range(5 * block, 5 * block + 5):
        native.RECENT.kept.clear()
        assert differences(seed, [1, 1, 3, 8, 21][seed % 5]) == 0, f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_thousands_of_programs_are_python_bit_for_bit(block, exact):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        native.RECENT.kept.clear()
        assert differences(seed, [1, 2, 5, 9, 40][seed % 5]) == 0, f"seed {seed}"
