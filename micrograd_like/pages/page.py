"""page: an HTML page that is ready to be saved, opened or shown in a notebook.

>>> Page("<!doctype html>", "hello", 640)._repr_mimebundle_()["text/html"][:7]
'<iframe'
"""

import html
import os
from pathlib import Path
from typing import Any

from ..draw import checked_path
from ..files import write_whole

__all__ = ["PAGE_SUFFIXES", "Page"]

PAGE_SUFFIXES = (".html", ".htm")


class Page:
    """One self-contained file.

    Args:
        page: its text.
        title: what a screen reader says of it in a notebook; its temporary file is called so, too.
        height: how high it is in a notebook, in pixels.
    """

    def __init__(self, page: str, title: str, height: int) -> None:
        self.page, self._title, self._height = page, title, height
        self._path: Path | None = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a file that ends in .html, whole or not at all; returns the path."""
        self._path = checked_path(path, "a page", PAGE_SUFFIXES)
        write_whole(self._path, self.page.encode("utf-8", "backslashreplace"))
        return self._path

    def open(self) -> None:
        """Shows the page in the browser; one that was not saved goes to a temporary file."""
        import tempfile
        import webbrowser

        path = self._path or self.save(Path(tempfile.mkdtemp()) / f"{self._title}.html")
        webbrowser.open(path.resolve().as_uri())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        frame = (
            f'<iframe sandbox="allow-scripts allow-downloads" title="{self._title}" width="100%" '
            f'height="{self._height}" style="border:0" srcdoc="{html.escape(self.page)}"></iframe>'
        )
        return {"text/html": frame, "text/plain": repr(self)}
