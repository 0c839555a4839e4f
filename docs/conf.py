"""The documentation site: python -m sphinx -W docs build/site (CONTRIBUTING.md).

What the pages are written in:

* Markdown (MyST). A block of ```python with ``>>>`` is a doctest, and an empty line ends it.
* A block of ```{page} is Python code: its last expression, a page, a Drawing or a matplotlib
  figure, is made by the build and shown (_ext/shown.py). ``:alt:`` says what is to be seen.
* An exercise is ``:::{admonition} Exercise 1``, its solution within it behind
  ``<details><summary>Solution</summary>``, with empty lines around what is inside.
* On Start and Learn every block with ``>>>`` gets a Run button, unless it follows the line
  ``<!-- not in the browser -->`` (_ext/run.py).
* Links to files of the repository are relative; a link to a demo leads to its page in the gallery
  (_ext/links.py).

The gallery is made of demos/ (_ext/gallery.py), the reference of the package (_ext/reference.py,
_ext/optable.py): no list is typed by hand.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent), str(HERE.parent / "demos")]

import gallery  # noqa: E402

import micrograd_like  # noqa: E402

project = "micrograd_like"
author = "the authors of micrograd_like"
copyright = author
release = version = micrograd_like.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "gallery",  # before sphinx_gallery: it writes what that one reads
    "sphinx_gallery.gen_gallery",
    "links",
    "optable",
    "reference",
    "run",
    "shown",
]
exclude_patterns = ["_ext", "gallery/extra"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
smartquotes = False  # what is quoted is pasted

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature has them
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # an attribute is described once

sphinx_gallery_conf = gallery.settings()

html_theme = "furo"
html_title = "micrograd_like"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_extra_path = ["gallery/extra"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
repository = "https://github.com/micrograd-like/micrograd_like"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f62ad", "color-brand-content": "#1f62ad"},
    "dark_css_variables": {"color-brand-primary": "#74b4ff", "color-brand-content": "#74b4ff"},
    "top_of_page_buttons": [],
}
pygments_style = "default"
pygments_dark_style = "github-dark"
