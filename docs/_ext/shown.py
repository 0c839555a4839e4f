"""The directive page: what a piece of Python makes is shown where it stands.

Its last expression is a page (Explorer, Playground), a Drawing, or a matplotlib Figure or Axes.
"""

import ast
import html
import io
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

FOLDER = "_static/made"


def value_of(code: str, where: str) -> Any:
    """Runs the code; the value of its last expression."""
    *before, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        raise ExtensionError(f"{where}: a page ends with the expression that is to be shown")
    names = {"__name__": "__page__"}
    exec(compile(ast.Module(before, []), where, "exec"), names)
    return eval(compile(ast.Expression(last.value), where, "eval"), names)


def frame(url: str, title: str, height: int) -> str:
    """A page within the page, and a link to it alone."""
    title = html.escape(title)
    return (
        f'<figure class="embedded"><iframe src="{url}" title="{title}" loading="lazy" '
        f'style="height:{height}px" sandbox="allow-scripts allow-downloads"></iframe>'
        f'<figcaption><a href="{url}">Open alone</a></figcaption></figure>'
    )


def picture(url: str, alt: str) -> str:
    """A picture that a dark page shows dark."""
    return f'<div class="picture"><img class="made" src="{url}" alt="{html.escape(alt)}"></div>'


def as_svg(shown: Any) -> str:
    """A Drawing, a Figure or an Axes as a picture without a background."""
    if hasattr(shown, "svg"):
        return str(shown.svg())
    figure = getattr(shown, "figure", shown)
    if not hasattr(figure, "savefig"):
        raise ExtensionError(
            f"a page shows a page, a Drawing, a Figure or an Axes, got {type(shown).__name__}"
        )
    file = io.StringIO()
    # Without a date, so that the same build gives the same file.
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    return file.getvalue()


class PageDirective(SphinxDirective):
    """Shows what its content makes; ``:alt:`` for who cannot see it, ``:height:`` of a page."""

    has_content = True
    option_spec = {"alt": directives.unchanged_required, "height": directives.positive_int}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Makes the file, and the HTML that shows it."""
        where = self.get_location()
        if "alt" not in self.options:
            raise self.error(f"{where}: a page needs :alt:, what is to be seen on it")
        try:
            shown = value_of("\n".join(self.content), where)
            text = shown.page if hasattr(shown, "page") else as_svg(shown)
        except Exception as error:
            raise ExtensionError(f"{where}: {type(error).__name__}: {error}", error) from error
        number = self.env.new_serialno("page") + 1
        suffix = "html" if hasattr(shown, "page") else "svg"
        name = f"{self.env.docname.replace('/', '-')}-{number}.{suffix}"
        folder = Path(self.env.app.outdir) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        url = "../" * self.env.docname.count("/") + f"{FOLDER}/{name}"
        alt, height = self.options["alt"], self.options.get("height", 600)
        made = frame(url, alt, height) if suffix == "html" else picture(url, alt)
        return [nodes.raw("", made, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tells Sphinx of the directive."""
    app.add_directive("page", PageDirective)
    return {"parallel_read_safe": True}
