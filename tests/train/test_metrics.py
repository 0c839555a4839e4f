"""The metrics: what they are by definition."""

import pytest

from micrograd_like.train import accuracy, mae, r2


def test_metrics_equal_their_definitions():
    assert accuracy([0.3, -0.2, 1.0], [1, -1, -1]) == pytest.approx(2 / 3)
    assert accuracy([0.3, -0.2], [1, 0]) == 1.0
    assert accuracy([[1.0, 0.0], [0.0, 3.0]], [0, 0]) == 0.5
    assert r2([2.0, 2.0], [1.0, 3.0]) == 0.0
    assert mae([2.0, 2.0], [1.0, 3.0]) == 1.0
