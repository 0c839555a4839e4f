"""Run it here: the examples of Start and Learn run in the reader's browser.

The site brings Python along: the npm package pyodide, fetched once by ``npm pack`` and kept in
build/, and the wheel of this package. A page loads them when a Run button is pressed, not before
(_static/run.js; _static/run-worker.js is where Python runs).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
PYODIDE = "314.0.7"
SHA256 = "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0"
FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json",
         "python_stdlib.zip")  # fmt: skip
NOT_HERE = "<!-- not in the browser -->"


class RunButtons(SphinxTransform):
    """Marks the examples that run in a browser; run.js gives each mark a button."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """On the pages of Start and Learn; the empty line that ends an example is not shown."""
        here = self.env.docname == "index" or self.env.docname.startswith("learn/")
        for block in self.document.findall(nodes.literal_block):
            block.rawsource = block.rawsource.rstrip()
            block[:] = [nodes.Text(block.rawsource)]
            if not here:
                continue
            before = block.parent[block.parent.index(block) - 1]
            if ">>> " in block.astext() and NOT_HERE not in before.astext():
                block["classes"].append("runs")


def package() -> Path:
    """The npm package, fetched when it is not there."""
    path = BUILD / f"pyodide-{PYODIDE}.tgz"
    command = ["npm", "pack", f"pyodide@{PYODIDE}", "--silent", "--pack-destination", str(BUILD)]
    if not path.exists():
        BUILD.mkdir(exist_ok=True)
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise ExtensionError(
                f"the Run buttons need {path.name} in {BUILD}, and npm did not fetch it: run "
                f"{' '.join(command)!r} where there is a network, or build with "
                "-D run_in_browser=0"
            ) from None
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ExtensionError(f"{path} is not the file that was tested: delete it and build again")
    return path


def wheel(folder: Path) -> Path:
    """The wheel of this package, made of the files as they are."""
    settings = folder / "setup.cfg"
    text = f"[build]\nbuild_base = {folder}\n[egg_info]\negg_base = {folder}\n"
    settings.write_text(text, "utf-8")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    environment = os.environ | {"DIST_EXTRA_CONFIG": str(settings)}
    made = subprocess.run(command, env=environment, capture_output=True, text=True)
    if made.returncode:
        raise ExtensionError(f"the wheel was not made: {made.stderr.strip()}")
    return next(folder.glob("*.whl"))


def bring(app: Sphinx, exception: Exception | None) -> None:
    """Puts Python and the package beside the pages."""
    if exception or not app.config.run_in_browser or app.builder.format != "html":
        return
    folder, made = Path(app.outdir) / "_static" / "python", BUILD / "wheel"
    shutil.rmtree(made, ignore_errors=True)
    for path in (folder, made):
        path.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package()) as files:
        for name in FILES:
            (folder / name).write_bytes(files.extractfile(f"package/{name}").read())  # type: ignore[union-attr]
    shutil.copy(wheel(made), folder / "micrograd_like.whl")


def load(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The script of the buttons, on pages that have one."""
    runs = doctree and any("runs" in n["classes"] for n in doctree.findall(nodes.literal_block))
    if runs and app.config.run_in_browser:
        app.add_js_file("run.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tells Sphinx of all this."""
    app.add_config_value("run_in_browser", True, "html", types=[bool, str, int])
    app.add_transform(RunButtons)
    app.connect("html-page-context", load)
    app.connect("build-finished", bring)
    return {"parallel_read_safe": True}
