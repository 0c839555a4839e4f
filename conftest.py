"""Tests, doctests and pages compile everything anew, and nothing on the user's disk."""

import os
import sys

import pytest

os.environ["MICROGRAD_LIKE_CACHE"] = "off"  # also in processes that tests start


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    """What a test compiles is made by the compiler as it is now, not as another test left it."""
    native = sys.modules.get("micrograd_like.jit.native")
    if native:
        native.RECENT.kept.clear()
