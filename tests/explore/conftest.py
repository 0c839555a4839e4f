"""One browser for all tests of the explorer's pages."""

import pytest
from helpers.browser import assert_silent, chromium


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(session):
    """Every test also says: no console message, no exception, no request but the file itself."""
    yield session
    assert_silent(session)
    session.cdp("Emulation.setEmulatedMedia", features=[])
