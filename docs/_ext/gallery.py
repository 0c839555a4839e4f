"""demos/ as sphinx-gallery wants them, and what they leave behind as it wants that.

Every demo is copied with its docstring as a heading, then run with ``--out DIR`` as a user would;
the pictures and pages that lie in DIR afterwards are shown. One that needs torch is shown with its
picture in demos/pictures: torch is not installed for a page.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

from shown import frame
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx_gallery.scrapers import figure_rst

ROOT = Path(__file__).parents[2]
DEMOS, PICTURES = ROOT / "demos", ROOT / "demos" / "pictures"
COPIES = ROOT / "build" / "demos"
OUT = COPIES / "pictures"
PAGES = ROOT / "docs" / "gallery" / "extra" / "made"

HEADER = """\
Gallery
=======

Every script in ``demos/``, with what it prints, its pictures and its pages, as this build has made
them. Run one yourself: ``python demos/xor.py --out pictures``. Below the pictures all of them, and
the notebooks, :ref:`by what you look for <find>`.
"""
FIND = """\

.. _find:

By what you look for
--------------------

.. include:: ../../build/demos/find.md
   :parser: myst_parser.sphinx_
"""


def settings() -> dict[str, Any]:
    """What sphinx-gallery is told; strings name functions, so that the settings can be kept."""
    scripts = "|".join(p.stem for p in sorted(DEMOS.glob("*.py")) if not needs_torch(p))
    return {
        "examples_dirs": "../build/demos",
        "gallery_dirs": "gallery",
        "within_subsection_order": "gallery.by_index",
        "filename_pattern": rf"/({scripts})\.py$",
        "image_scrapers": ("gallery.scraper",),
        "reset_argv": "gallery.arguments",
        "abort_on_example_error": True,
        "capture_repr": (),
        "download_all_examples": False,
        "remove_config_comments": True,
        "notebook_extensions": set(),  # a script with arguments is no notebook
        "show_signature": False,
        "write_computation_times": False,
    }


def needs_torch(script: Path) -> bool:
    """Does it import torch before anything else happens?"""
    return re.search(r"^import torch", script.read_text("utf-8"), re.MULTILINE) is not None


def by_index(script: str) -> int:
    """The order of demos/README.md, which goes from the first steps on."""
    return (DEMOS / "README.md").read_text("utf-8").index(f"]({script})")


def find(app: Sphinx) -> None:
    """The table of demos/README.md, below the cards that sphinx-gallery has written."""
    index = (DEMOS / "README.md").read_text("utf-8")
    table = re.search(r"(?<=## By what you look for\n).*?(?=\n## |\Z)", index, re.DOTALL)
    assert table, "demos/README.md has a table by what you look for"
    gallery = ROOT / "docs" / "gallery"
    from_there = lambda found: f"]({os.path.relpath(DEMOS / found[1], gallery)}"  # noqa: E731
    links = re.sub(r"\]\((?!\w+:|#)([^)]*)", from_there, table[0])
    (COPIES / "find.md").write_text(links, "utf-8")
    with open(gallery / "index.rst", "a", encoding="utf-8") as page:
        page.write(FIND)


def arguments(conf: Any, script: dict[str, Any]) -> list[str]:
    """The command line of a demo, which learns here where it lies, too: its data are there."""
    path = Path(script["src_file"])
    script["example_globals"]["__file__"] = str(DEMOS / path.name)
    os.environ["TQDM_DISABLE"] = "1"  # a progress bar is for a terminal
    shutil.rmtree(OUT, ignore_errors=True)
    return ["--out", OUT.name] if '"--out"' in path.read_text("utf-8") else []


def scraper(block: Any, variables: dict[str, Any], conf: Any) -> str:
    """The pictures and the pages that a demo has written, and the picture of its card."""
    stem = Path(variables["src_file"]).stem
    made = sorted(OUT.glob("*"))
    pictures = [p for p in made if p.suffix in (".png", ".svg")]
    shown = [_kept(p, variables["image_path_iterator"]) for p in pictures]
    if not pictures:
        _kept(card(stem), variables["image_path_iterator"])
    rst = figure_rst(shown, conf["src_dir"]) if shown else ""
    for page in [p for p in made if p.suffix == ".html"]:
        PAGES.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, PAGES / page.name)
        rst += f"\n.. raw:: html\n\n    {frame(f'../made/{page.name}', page.stem, 640)}\n"
    return rst


def card(stem: str) -> Path:
    """The picture of a demo that draws none here."""
    for picture in sorted(PICTURES.glob(f"{stem}*.png"), reverse=True):  # a loss before letters
        return picture
    raise ExtensionError(f"demos/{stem}.py draws nothing here: it needs demos/pictures/{stem}.png")


def _kept(picture: Path, places: Any) -> str:
    place = Path(next(places)).with_suffix(picture.suffix)
    place.parent.mkdir(parents=True, exist_ok=True)
    return str(shutil.copy(picture, place))


def with_heading(script: str, picture: Path | None) -> str:
    """A demo whose docstring is reStructuredText: a heading, a text, its commands as a block.

    One that is not run has its picture there.
    """
    match = re.match(r'"""(.*?)"""\n', script, re.DOTALL)
    assert match, "a demo begins with a docstring"
    title, _, rest = match[1].partition("\n")
    title, _, more = title.strip().removesuffix(".").partition(": ")
    rest = f"\n{more[:1].upper()}{more[1:]}.\n{rest}" if more else rest
    commands = re.compile(r"(?:^ *python demos/.*\n?)+", re.MULTILINE)
    indented = lambda found: "\n.. code-block:: console\n\n" + re.sub(  # noqa: E731
        r"^ *", "    ", found[0], flags=re.MULTILINE) + "\n"  # fmt: skip
    text = f"{title}\n{'=' * len(title)}\n{commands.sub(indented, rest)}"
    code = re.sub(r"  # (fmt: skip|noqa: \w+)$", "", script[match.end() :], flags=re.MULTILINE)
    if picture:
        path = f"demos/pictures/{picture.name}"
        text += f"\n.. image:: ../../{path}\n   :class: made\n   :alt: What it draws\n"
        code = f'\n# sphinx_gallery_thumbnail_path = "../{path}"\n{code}'
    return f'r"""{text}"""\n{code}'


def copy(app: Sphinx, config: Config) -> None:
    """Writes build/demos anew; a file that is as it was keeps its page."""
    COPIES.mkdir(parents=True, exist_ok=True)
    (COPIES / "GALLERY_HEADER.rst").write_text(HEADER, "utf-8")
    for old in {p.name for p in COPIES.glob("*.py")} - {p.name for p in DEMOS.glob("*.py")}:
        (COPIES / old).unlink()
    for script in DEMOS.glob("*.py"):
        picture = card(script.stem) if needs_torch(script) else None
        text = with_heading(script.read_text("utf-8"), picture)
        (COPIES / script.name).write_text(text, "utf-8")
    PAGES.parent.mkdir(parents=True, exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Before sphinx-gallery looks for its examples, and after."""
    app.connect("config-inited", copy, priority=10)
    app.connect("builder-inited", find, priority=900)
    return {"parallel_read_safe": True}
