"""Links from a page to files of the repository, which are not on the site.

A demo leads to its page in the gallery, everything else to the repository. On GitHub, where the
same files are read, the links work as they stand.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform


class OutsideLinks(SphinxTransform):
    """Runs before anything looks for the files."""

    default_priority = 5

    def apply(self, **kwargs: Any) -> None:
        """Replaces each link that leaves docs/."""
        docs = Path(self.env.srcdir).resolve()
        folder = (docs / self.env.docname).parent
        links = [*self.document.findall(addnodes.download_reference),
                 *self.document.findall(addnodes.pending_xref)]  # fmt: skip
        for link in links:
            name, _, anchor = link.get("reftarget", "").partition("#")
            path = (folder / name).resolve()
            if link.get("refdomain") == "doc":  # MyST has taken the suffix of a text off
                path = path.with_name(f"{path.name}.md")
            if not name or path.is_relative_to(docs) or not path.is_relative_to(docs.parent):
                continue
            if not path.exists():
                raise ExtensionError(f"{self.env.docname}: there is no {name}")
            inside = path.relative_to(docs.parent)
            kind = "tree" if path.is_dir() else "blob"
            url = f"{self.config.repository}/{kind}/main/{inside}{'#' * bool(anchor)}{anchor}"
            if path.parent == docs.parent / "demos" and path.suffix == ".py":
                url = "../" * self.env.docname.count("/") + f"gallery/{path.stem}.html"
            elif inside.parts == ("demos",):
                url = "../" * self.env.docname.count("/") + "gallery/index.html"
            new = nodes.reference("", "", *link.children, refuri=url, internal=False)
            link.replace_self(new)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tells Sphinx of the transform, and where the repository is."""
    app.add_config_value("repository", "", "html")
    app.add_transform(OutsideLinks)
    return {"parallel_read_safe": True}
