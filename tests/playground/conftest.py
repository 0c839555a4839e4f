"""One Chromium for the tests of the playground's page."""

import pytest
from helpers.chromium import assert_silent, chromium


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("playground")) as browser:
        yield browser


@pytest.fixture
def browser(session):
    """Every test also says: no console message, no exception, no request but the file itself."""
    session.cdp("Emulation.setEmulatedMedia", features=[])
    session.cdp("Emulation.setDeviceMetricsOverride", width=1400, height=900,
                deviceScaleFactor=1, mobile=False)  # fmt: skip
    yield session
    assert_silent(session)
