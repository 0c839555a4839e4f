"""A checklist runs first: what it says explains what fails after it."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "same", derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.load_profile("same")

os.environ["MICROGRAD_LIKE_CACHE"] = "off"  # also in processes that tests start

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and all have one name


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "checklist" not in item.path.name)


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    """What a test compiles is made by the compiler as it is now, not as another test left it."""
    native = sys.modules.get("micrograd_like.jit.native")
    if native:
        native.RECENT.kept.clear()
