"""Draws the pictures of the README and the index anew, each with the demo that it shows.

    python demos/pictures/draw.py                   # all, in place
    python demos/pictures/draw.py spirals neuron    # only these
    python demos/pictures/draw.py --out DIR         # leave the pictures alone, write to DIR

It needs the test extra and Graphviz; the pictures of pages need chromium and chromedriver too.
"""

import argparse
import base64
import io
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from micrograd_like import Value, draw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# For each picture of a page: the demo, width, height, pixels for each, dark, the address behind
# the page's (of the explorer view, copy and step), and what is clicked or done then.
PAGES = {
    "explore_neuron": ("explore_neuron", 1400, 620, 1.25, False, "#0,0,8", ""),
    "explore_mlp": ("explore_mlp", 1800, 700, 1.0, False, "#0,0,801", "$('fit').click()"),
    "explore_microgpt": ("explore_microgpt", 1200, 700, 1.0, False, "#396,26,4", ""),
    "playground_moons": (
        "playground_moons", 1400, 900, 1.0, False, "",
        "for (let i = 0; i < 260; i++) step(); view.sample = 9; "
        "document.querySelectorAll('button.neuron')[2 + 8 + 1].click();",
    ),
}  # fmt: skip
OWN = ("spirals", "linear_regression", "manual_backprop", "numpy_by_hand", "losses", "moons", "xor",
       "digits", "cnn")  # fmt: skip
DEMOS = {name: name for name in OWN} | {"microgpt_loss": "microgpt_pictures",
                                        "microgpt_letters": "microgpt_pictures"}  # fmt: skip
NAMES = ["neuron", *DEMOS, *PAGES]


def main() -> None:
    """Draws what was asked for."""
    parser = argparse.ArgumentParser(description="Draw the pictures of the README anew.")
    parser.add_argument("--out", type=Path, default=HERE, help="where the pictures go")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; without it all")
    options = parser.parse_args()
    names = dict.fromkeys(options.names or NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no picture {unknown[0]!r}: choose from {', '.join(NAMES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    if "neuron" in names:
        neuron().save(options.out / "neuron.png")
    with tempfile.TemporaryDirectory() as folder:
        for demo in dict.fromkeys(DEMOS[name] for name in names if name in DEMOS):
            run(demo, folder)
        for name in names:
            if name in PAGES:
                (Path(folder) / f"{name}.png").write_bytes(page(Path(folder), *PAGES[name]))
            if name != "neuron":
                png = (Path(folder) / f"{name}.png").read_bytes()
                (options.out / f"{name}.png").write_bytes(smaller(png))
            print("saved", options.out / f"{name}.png")


def neuron() -> Any:
    """The neuron of the micrograd lecture, with the bias that makes its numbers round."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    o = n.tanh()
    n.label, o.label = "n", "o"
    o.backward()
    return draw(o, local_derivatives=True)


def run(demo: str, folder: str) -> None:
    """A script of demos/, as its user runs it."""
    subprocess.run([sys.executable, ROOT / "demos" / f"{demo}.py", "--out", folder], check=True)


def page(
    folder: Path, demo: str, width: int, height: int, scale: float, dark: bool, at: str, do: str
) -> bytes:
    """What Chromium shows of the page that a demo writes."""
    sys.path.insert(0, str(ROOT / "tests"))
    browsers: Any = import_module("helpers.browser")
    run(demo, str(folder))
    (folder / demo).mkdir()  # of its own for each browser
    with browsers.chromium(folder / demo) as browser:
        browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                    deviceScaleFactor=scale, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.cdp("Emulation.setEmulatedMedia", features=[scheme])
        browser.show((folder / f"{demo}.html").read_text("utf-8"), at)
        browser.js(f"(() => {{{do}}})()")
        browser.wait_for_a_frame()
        return base64.b64decode(browser.cdp("Page.captureScreenshot")["data"])


def smaller(png: bytes) -> bytes:
    """With 256 colours, which is enough for them and takes a third of the bytes."""
    picture, file = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    picture.quantize(256, Image.Quantize.MAXCOVERAGE).save(file, "png", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
