"""One browser for all tests of pages."""

import json
import os
import shutil

import pytest
from helpers.browser import Browser


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        if os.environ.get("CI"):
            pytest.fail("CI must have chromium and chromedriver (Debian: chromium-driver)")
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    browser.go("about:blank")
    browser.log("performance")  # what the browser's own start page asked for
    yield browser
    browser.close()


@pytest.fixture
def browser(session):
    """Every test also says: no console message, no exception, no request but the file itself."""
    yield session
    assert session.log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in session.log("performance")]
    asked = {e["params"]["request"]["url"].split("#")[0] for e in events
             if e["method"] == "Network.requestWillBeSent"}  # fmt: skip
    assert {url for url in asked if not url.startswith("blob:")} <= {session.path.as_uri()}
    session.cdp("Emulation.setEmulatedMedia", features=[])
