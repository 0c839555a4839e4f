"""A real headless Chromium, driven by real keys, mouse and fingers."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

# Offline, as root in a container, and silent: no update, no first-run page, no sync.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1280,800"]  # fmt: skip
KEYS = {"Tab": "\ue004", "Backspace": "\ue003", "Enter": "\ue007", "Escape": "\ue00c",
        "End": "\ue010", "Home": "\ue011", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014",
        "Down": "\ue015"}  # fmt: skip


class Browser:
    """One session of Chromium, spoken to in the WebDriver protocol (www.w3.org/TR/webdriver2)."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder = folder
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL
        )
        self._url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                self._call("/status")
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        options = {
            "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"],
            "prefs": {"download.default_directory": str(folder)},
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self._url += "/session"
        self._url += "/" + self._call("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def _call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def close(self):
        try:
            self._call("", method="DELETE")
        finally:
            self._driver.terminate()
            self._driver.wait()

    def show(self, page, hash=""):
        """A page, or what can be saved as one, opened afresh."""
        self.path = self.folder / "page.html"
        self.path.write_text(page) if isinstance(page, str) else page.save(self.path)
        self.go("about:blank")
        self.go(self.path.as_uri() + hash)
        self.wait_for_a_frame()  # Chromium drops what is typed before it is on the screen

    def wait_for_a_frame(self):
        frame = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        self._call("/execute/async", {"script": frame, "args": []})

    def inside(self, frame):
        """From now on all is asked of the page's first frame, or (frame=None) of the page."""
        self._call("/frame", {"id": frame})

    def loading_seconds(self):
        """The processor time of the page's process for opening it again."""
        before = self._processor_time()
        self._call("/refresh", {})
        return self._processor_time() - before

    def _processor_time(self):
        self.cdp("Performance.enable")
        metrics = self.cdp("Performance.getMetrics")["metrics"]
        return next(x["value"] for x in metrics if x["name"] == "ProcessTime")

    def go(self, url):
        self._call("/url", {"url": url})

    def js(self, expression, *args):
        return self._call("/execute/sync", {"script": f"return {expression}", "args": args})

    def cdp(self, command, **parameters):
        return self._call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind):
        return self._call("/se/log", {"type": kind})

    def screenshot(self):
        return base64.b64decode(self._call("/screenshot"))

    def press(self, *keys):
        for key in keys:
            key = KEYS.get(key, key)
            strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
            self._call("/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def pointers(self, kind, *paths, times=1):
        """Presses, moves along and releases: one path of points for the mouse or each finger."""
        sources = []
        for i, (first, *rest) in enumerate(paths):
            moves = [{"type": "pointerMove", "x": int(x), "y": int(y), "duration": 20}
                     for x, y in rest]  # fmt: skip
            drag = [
                {"type": "pointerDown", "button": 0},
                *moves,
                {"type": "pointerUp", "button": 0},
            ]
            go = {"type": "pointerMove", "x": int(first[0]), "y": int(first[1])}
            sources.append({"type": "pointer", "id": f"{kind}{i}", "actions": [go, *drag * times],
                            "parameters": {"pointerType": kind}})  # fmt: skip
        self._call("/actions", {"actions": sources})

    def wheel(self, x, y, turn):
        scroll = {"type": "scroll", "x": int(x), "y": int(y), "deltaX": 0, "deltaY": turn}
        self._call("/actions", {"actions": [{"type": "wheel", "id": "wheel", "actions": [scroll]}]})

    def middle(self, selector):
        """Where an element is on the screen."""
        box = self.js("document.querySelector(arguments[0]).getBoundingClientRect()", selector)
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def click(self, selector, times=1):
        self.pointers("mouse", [self.middle(selector)], times=times)

    def card(self, name):
        """The CSS selector of a card in view."""
        item = self.js("shown.find(item => clean(name(item)) === arguments[0])", name)
        assert item is not None, f"no card {name} in {self.js('shown.map(name)')}"
        return f"#card{item}".replace("-", "\\-")

    def text(self, selector):
        return self.js("document.querySelector(arguments[0]).textContent", selector)


def wait_for(browser, expression):
    """Until it holds in the page, at most ten seconds."""
    for _ in range(200):
        if browser.js(expression):
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {expression}")


@contextlib.contextmanager
def chromium(folder):
    """A Browser, closed afterwards; a machine without one skips, and in CI fails."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        if os.environ.get("CI"):
            pytest.fail("CI must have chromium and chromedriver (Debian: chromium-driver)")
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    browser = Browser(folder)
    try:
        browser.go("about:blank")
        browser.log("performance")  # what the browser's own start page asked for
        yield browser
    finally:
        browser.close()


def assert_silent(browser):
    """No console message, no exception, no request but the file itself, since this was asked."""
    assert browser.log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = {e["params"]["request"]["url"].split("#")[0] for e in events
             if e["method"] == "Network.requestWillBeSent"}  # fmt: skip
    pages = {url for url in asked if not url.startswith(("blob:", "about:"))}
    assert pages <= {browser.path.as_uri()}
