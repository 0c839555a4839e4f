"""The built site: complete, silent, alive. CONTRIBUTING.md says how to build and test it."""

import http.server
import importlib
import inspect
import json
import pkgutil
import re
import threading
import time
import zlib
from html.parser import HTMLParser
from typing import ClassVar
from urllib.parse import unquote, urldefrag

import pytest
from helpers.browser import chromium
from helpers.commands import ROOT

import micrograd_like
from micrograd_like.ops import OPS
from micrograd_like.words import WORDS

pytestmark = pytest.mark.site
SITE = ROOT / "build" / "site"
NOT_LOADED = {"canonical", "index", "search", "next", "prev"}  # links that lead somewhere
LOADED = {"src", "srcset", "data", "poster"}  # attributes that a browser fetches at once


class Server(http.server.SimpleHTTPRequestHandler):
    """The site as a web server gives it; what was asked for is kept, a worker's files too."""

    asked: ClassVar = []

    def __init__(self, *args):
        super().__init__(*args, directory=str(SITE))

    def log_message(self, *args):
        self.asked.append(self.path)


class Read(HTMLParser):
    """What a page loads, where its links lead, and its anchors."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[k] for k in ("id", "name") if found.get(k)}
        self.loads += [found[k] for k in LOADED & set(found) if found[k]]
        if tag == "link" and found.get("rel") not in NOT_LOADED:
            self.loads.append(found["href"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])


@pytest.fixture(scope="module")
def pages():
    """Every page of the site by its path, read."""
    if not (SITE / "index.html").exists():
        pytest.fail("build the site first: python -m sphinx -W docs build/site")
    return {p: Read(p.read_text("utf-8")) for p in SITE.rglob("*.html")}


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("site")) as browser:
        yield browser


def asked(browser):
    """The addresses that were asked for since this was asked."""
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    urls = [e["params"]["request"]["url"] for e in events
            if e["method"] == "Network.requestWillBeSent"]  # fmt: skip
    return [url for url in urls if not url.startswith(("blob:", "about:", "data:"))]


def outside(url):
    return re.match(r"(https?:)?//", url)


# --- what is in the files ---


def test_nothing_is_loaded_from_another_machine(pages):
    loaded = {(page.name, url) for page, read in pages.items() for url in read.loads}
    assert not [each for each in loaded if outside(each[1])]
    for file in [*SITE.rglob("*.css"), *pages]:
        urls = re.findall(r"(?:@import|url\()\s*['\"]?([^'\")\s]+)", file.read_text("utf-8"))
        assert not list(filter(outside, urls)), file
    assert len(loaded) > 100


def test_every_link_and_every_picture_of_the_site_is_there(pages):
    broken = []
    for page, read in pages.items():
        for url in [*read.links, *read.loads]:
            name, anchor = urldefrag(unquote(url))
            name = name.partition("?")[0]
            if re.match(r"[a-z]+:|//", url) or name.startswith("data:"):
                continue
            path = (page.parent / name).resolve() if name else page
            there = path.exists() and (
                not anchor or path not in pages or anchor in pages[path].anchors
            )
            if not there and url != "#":
                broken.append(f"{page.relative_to(SITE)}: {url}")
    assert not broken


def described():
    """Every name of the index that the build writes for other sites (Sphinx's objects.inv)."""
    data = (SITE / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(data).decode().splitlines()}


def test_the_reference_has_every_public_name(pages):
    names, lacking = described(), []
    for room in pkgutil.iter_modules(micrograd_like.__path__):
        if room.name == "__main__":
            continue
        module = importlib.import_module(f"micrograd_like.{room.name}")
        for name, thing in vars(module).items():
            home = inspect.getmodule(thing) if callable(thing) else None
            if name.startswith("_") or inspect.ismodule(thing) or not home:
                continue
            ours = home.__name__.startswith(module.__name__)
            offered = name in getattr(home, "__all__", [name] if home is module else [])
            is_thing = inspect.isclass(thing) or inspect.isfunction(thing)
            if ours and offered and is_thing and f"{module.__name__}.{name}" not in names:
                lacking.append(f"{module.__name__}.{name}")
    assert not lacking
    known = {name.rpartition(".")[2] for name in names}
    assert set(micrograd_like.__all__) <= known


def test_every_operation_has_its_derivative_its_plot_and_its_edges(pages):
    path = SITE / "reference" / "generated" / "optable.html"
    sections = re.split(r'(?=id="op-)', path.read_text("utf-8"))
    for name in OPS:
        (section,) = [s for s in sections if s.startswith(f'id="op-{name.replace("_", "-")}"')]
        assert f"op-{name}.svg" in section
        assert f"{name.upper()}</span>" in section
        assert section.count("<tr") >= 6
        assert "inf" in section
        assert "nan" in section
        derivatives = [text for text in WORDS[name].derivatives if text]
        assert len(re.findall(r"d out / d \w+ = ", section)) == len(derivatives)


def test_every_demo_has_a_page_and_a_picture(pages):
    index = (SITE / "gallery" / "index.html").read_text("utf-8")
    for script in (ROOT / "demos").glob("*.py"):
        assert f'href="{script.stem}.html' in index
        (card,) = (SITE / "_images").glob(f"sphx_glr_{script.stem}_thumb.*")
        assert card.stat().st_size > 1000


# --- in a browser ---


def wait(browser, expression, seconds=60):
    for _ in range(int(seconds / 0.2)):
        if found := browser.js(expression):
            return found
        time.sleep(0.2)
    raise AssertionError(f"{expression} is still {browser.js(expression)!r}")


BUTTON = "document.querySelectorAll('.run button')[{}]"
STATES = "[...document.querySelectorAll('.run span')].map(s => s.textContent)"


def test_run_runs_python_here_and_nothing_is_loaded_before(browser, address):
    browser.go(f"{address}/index.html")
    browser.wait_for_a_frame()
    assert not [url for url in asked(browser) if not url.startswith(address)]
    assert not [path for path in Server.asked if "/python/" in path]
    assert browser.log("browser") == []
    browser.js(BUTTON.format(0) + ".click()")
    output = "document.querySelectorAll('.run-output')[0].textContent"
    assert wait(browser, output).splitlines() == ["24.7041", "138.8338, 645.5773"]
    assert browser.js(STATES)[0] == "Done: what stands above."
    assert {url for url in asked(browser) if not url.startswith(address)} == set()
    assert browser.log("browser") == []
    python = {path.rpartition("/")[2] for path in Server.asked if "/python/" in path}
    assert {"pyodide.asm.wasm", "python_stdlib.zip", "micrograd_like.whl"} <= python


def test_what_is_above_runs_first_and_an_error_is_pythons_own(browser, address):
    browser.go(f"{address}/index.html")
    # The second block gets an error in the place of its last line.
    browser.js("document.querySelectorAll('.runs pre')[1].textContent = '>>> f = g * 2\\n"
               ">>> f.data\\n49.4082\\n>>> missing\\n'")  # fmt: skip
    browser.js(BUTTON.format(1) + ".click()")
    wait(browser, f"({STATES})[1] === 'An error.'")
    assert browser.js(STATES)[0] == "Done: what stands above."
    text = browser.js("document.querySelectorAll('.run-output')[1].textContent")
    assert text.startswith("49.40")
    assert "Traceback (most recent call last):" in text
    assert "NameError: name 'missing' is not defined" in text
    assert "doctest" not in text


def test_every_example_prints_here_what_stands_there(browser, address, pages):
    runs = [p for p, read in pages.items() if any("run.js" in url for url in read.loads)]
    assert len(runs) > 5
    for page in runs:
        browser.go(f"{address}/{page.relative_to(SITE)}")
        browser.js("[...document.querySelectorAll('.run button')].at(-1).click()")
        wait(browser, f"/^(Done|An error|A block|Python)/.test(({STATES}).at(-1))", 120)
        states = browser.js(STATES)
        assert set(states) <= {"Done: what stands above.", "Done; it prints nothing."}, page


def test_a_run_can_be_stopped_and_begins_anew(browser, address):
    browser.go(f"{address}/index.html")
    original = browser.js("document.querySelectorAll('.runs pre')[0].textContent")
    change = "document.querySelectorAll('.runs pre')[0].textContent = arguments[0]"
    browser.js(change, ">>> while True: pass\n")
    browser.js(BUTTON.format(0) + ".click()")
    wait(browser, f"({STATES})[0] === 'Running …'")
    assert browser.js(BUTTON.format(0) + ".textContent") == "Stop"
    browser.js(BUTTON.format(0) + ".click()")
    assert "Stopped" in wait(browser, f"({STATES})[0]")
    browser.js(change, original)
    browser.js(BUTTON.format(0) + ".click()")
    wait(browser, f"({STATES})[0] === 'Done: what stands above.'")


def test_from_a_file_a_sentence_says_what_to_do(browser):
    browser.go((SITE / "index.html").as_uri())
    browser.js(BUTTON.format(0) + ".click()")
    assert "http.server" in browser.js(STATES)[0]


def test_every_page_is_silent_and_fits_a_phone(browser, address, pages):
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.cdp("Emulation.setDeviceMetricsOverride", **phone)
    wide = []
    for page in pages:
        if "made" in page.parts or "_static" in page.parts:
            continue
        browser.go(f"{address}/{page.relative_to(SITE)}")
        if browser.js("document.documentElement.scrollWidth") > 390:
            wide.append(str(page.relative_to(SITE)))
    browser.cdp("Emulation.clearDeviceMetricsOverride")
    assert not wide
    assert browser.log("browser") == []
    assert {url for url in asked(browser) if not url.startswith((address, "file:"))} == set()


def test_a_page_within_a_page_follows_the_chosen_colours(browser, address):
    browser.go(f"{address}/index.html")
    scheme = "getComputedStyle(document.querySelector('.embedded iframe')).colorScheme"
    for theme in ("light", "dark"):
        browser.js("document.body.dataset.theme = arguments[0]", theme)
        assert browser.js(scheme) == theme
