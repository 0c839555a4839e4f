"""Tests, doctests and pages compile everything anew, and nothing on the user's disk."""

import os
import shutil
import sys
import tempfile

import pytest

os.environ["MICROGRAD_LIKE_CACHE"] = "off"  # also in processes that tests start


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    """What a test compiles is made by the compiler as it is now, not as another test left it."""
    native = sys.modules.get("micrograd_like.jit.native")
    if native:
        native.RECENT.kept.clear()


def pytest_configure(config):
    """What is made in the temporary directory is made in one of this run's own."""
    if not hasattr(config, "workerinput") and "PYTEST_CURRENT_TEST" not in os.environ:
        os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="micrograd_like-")
        os.chmod(os.environ["TMPDIR"], 0o755)  # some tests look into it as another user
        tempfile.tempdir = None  # it looks again
        config.own_temporary_directory = os.environ["TMPDIR"]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Nothing of it is left, unless something failed: then it may tell why."""
    own = getattr(session.config, "own_temporary_directory", None)
    if own and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        shutil.rmtree(own, ignore_errors=True)
