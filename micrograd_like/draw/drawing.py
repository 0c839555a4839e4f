"""A picture: DOT text, what saves it, and what lays it out. Knows nothing of Values."""

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..files import write_whole
from .naming import one_line

SUFFIXES = (".svg", ".png", ".pdf", ".dot")  # of saved pictures
_PIXELS = {"png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff"}
_DPI = 192  # of pictures of pixels, twice the usual 96: sharp on a laptop's screen
_one_layout_at_a_time = threading.Lock()  # Graphviz's library keeps global state
_FONTS = b"Fontconfig warning: ", b"Fontconfig error: Cannot load default config file"

# Dark text on light boxes on white: legible whatever the page around the picture looks like.
INK, MUTED, LINE, ACCENT = "#1f2937", "#6b7280", "#8a94a3", "#6d28d9"
FONT = 'fontname="Helvetica,Arial,sans-serif"'
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "\\\\"})


class Drawing:
    """A picture: DOT text that Graphviz lays out when it is shown or saved.

    A notebook shows it by itself. The DOT text is ``source``; ``render``, ``pipe`` and ``view``
    are those of the graphviz package, whose Source ``graphviz()`` is. That package runs the
    ``dot`` program; where there is none, the library inside the pygraphviz package takes its place.
    """

    __slots__ = ("_title", "engine", "format", "source")

    def __init__(self, source: str, title: str = "a graph", engine: str = "dot") -> None:
        self.source, self._title, self.engine = source, title, engine
        self.format = "svg"  # what render, pipe and view make unless they are told

    def svg(self) -> str:
        """The picture as an ``<svg>`` element, fit for a file or for the middle of an HTML page.

        Raises:
            ImportError: Graphviz is not installed.
            RuntimeError: the layout failed; with what Graphviz said.
        """
        text = _laid_out(self.source, "svg", self.engine).decode()
        return text[text.index("<svg") :]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a .svg, .png, .pdf or .dot file, whole or not at all; returns the path.

        Raises:
            ValueError: another suffix.
            FileNotFoundError: the directory does not exist.
            ImportError: Graphviz is not installed (.dot does not need it).
        """
        path = checked_path(path, "a picture", SUFFIXES)
        format = path.suffix.lower()[1:]
        if format == "dot":
            content = self.source.encode()
        elif format == "svg":
            content = self.svg().encode()
        else:
            content = _laid_out(_for_format(self.source, format), format, self.engine)
        write_whole(path, content)
        return path

    def graphviz(self, format: str | None = None) -> Any:
        """The picture as a graphviz.Source, for all that this can do.

        Raises:
            ImportError: the graphviz package is not installed.
        """
        kind, format = _source_class(), format or self.format
        return kind(_for_format(self.source, format), format=format, engine=self.engine)

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        outfile: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> str:
        """graphviz.Source.render: writes filename and filename.svg, returns the latter's path."""
        known = format or (outfile and Path(outfile).suffix[1:].lower()) or self.format
        options |= {"directory": directory, "view": view, "cleanup": cleanup, "outfile": outfile}
        return str(self.graphviz(known).render(filename, format=format, **options))

    def pipe(self, format: str | None = None, **options: Any) -> Any:
        """graphviz.Source.pipe: the picture as bytes, or with an encoding as text."""
        return self.graphviz(format).pipe(**options)

    def view(self, *args: Any, **options: Any) -> str:
        """graphviz.Source.view: renders the picture and opens it in a viewer."""
        return str(self.graphviz().view(*args, **options))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": _scaling(self.svg()), "text/plain": self.source}

    def __repr__(self) -> str:
        return f"<Drawing of {self._title}>"


def checked_path(path: str | os.PathLike[str], what: str, suffixes: Sequence[str]) -> Path:
    """The path, if its suffix is one of these and its directory exists."""
    if not isinstance(path, str | os.PathLike):
        got = f"got {type(path).__name__} {path!r:.60}"
        raise TypeError(f"path expects the name of a file to save {what} in, {got}")
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        expected = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"cannot save {what} as {path.name!r}: use a name that ends in {expected}")
    if not path.parent.is_dir():
        missing = f"the directory {str(path.parent)!r} does not exist, create it first"
        raise FileNotFoundError(f"cannot save {path.name!r}: {missing}")
    return path


def escaped(text: str) -> str:
    """One line that DOT shows as it is, between quotes and in an HTML-like label."""
    return one_line(text).translate(_ESCAPES)


# --- Graphviz ---


def _scaling(svg: str) -> str:
    """The picture, as wide as where it is shown if need be, down to a third of its size."""
    found = re.search(r'<svg width="(\d+)pt"', svg)
    least = f"max(100%, {int(found[1]) // 3}pt)" if found else "100%"
    return svg.replace("<svg ", f'<svg style="max-width: {least}; height: auto" ', 1)


def _for_format(source: str, format: str) -> str:
    """The source with the resolution of a picture of pixels."""
    head, brace, tail = source.rpartition("}")
    return f"{head}  graph [dpi={_DPI}];\n{brace}{tail}" if format in _PIXELS else source


def _laid_out(source: str, format: str, engine: str) -> bytes:
    """The picture, by the dot program or by the library; a failure in one sentence."""
    try:
        import graphviz
    except ImportError:
        return _by_library(source, format, engine)
    try:
        made: bytes = graphviz.pipe(engine, format, source.encode(), quiet=True)
        said = "it wrote nothing"
    except graphviz.ExecutableNotFound:
        return _by_library(source, format, engine)
    except graphviz.CalledProcessError as error:
        made, said = b"", (error.stderr or b"").decode(errors="replace")
        said = f"exit status {error.returncode}: {' '.join(said.split()):.500}"
    except OSError as error:
        made, said = b"", str(error)
    if not made:
        raise RuntimeError(f"{shutil.which('dot') or 'dot'} failed to make {format}: {said}")
    return made


def _by_library(source: str, format: str, engine: str) -> bytes:
    """The picture, by the library inside the pygraphviz package."""
    try:
        import pygraphviz
    except ImportError:
        raise ImportError(
            'pictures need Graphviz: pip install "micrograd_like[draw]" '
            "(or the graphviz package and Graphviz's own dot program on the PATH)"
        ) from None
    try:
        with (
            _one_layout_at_a_time,
            _no_word_of_fonts(),
            closing(pygraphviz.AGraph(string=source)) as graph,
        ):
            # From 1000 nodes on pygraphviz writes a warning to stderr; draw has its own limit.
            graph.number_of_nodes = lambda: 0
            return bytes(graph.draw(format=format, prog=engine))
    except (pygraphviz.DotError, ValueError, TypeError) as error:
        # Of a format that the library lacks it makes nothing, and pygraphviz a TypeError.
        said = "its library does not know this format" if type(error) is TypeError else error
        raise RuntimeError(f"pygraphviz failed to make {format}: {said}") from None


@contextmanager
def _no_word_of_fonts() -> Iterator[None]:
    """Leaves out what Fontconfig, a library of the library, writes to the process' stderr.

    It finds the machine's settings of fonts too new, or none, and takes its own: the picture has
    all of its texts. Everything else that is written meanwhile is written afterwards.
    """
    try:
        said, kept = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115
    except OSError:  # there is no stderr, or no place
        yield
        return
    with said, os.fdopen(kept, "wb", buffering=0) as stderr:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            said.seek(0)
            with suppress(OSError):  # nobody listens
                stderr.write(b"".join(line for line in said if not line.startswith(_FONTS)))


def _source_class() -> Any:
    """graphviz.Source; where there is no dot program, one whose pictures the library makes."""
    try:
        import graphviz
    except ImportError:
        needed = 'need the graphviz package: pip install "micrograd_like[draw]"'
        raise ImportError(f"render, pipe and view {needed}") from None
    if shutil.which("dot"):
        return graphviz.Source

    class Source(graphviz.Source):  # type: ignore[misc]  # these three are where it runs dot
        def _pipe_lines(self, engine: str, format: str, lines: Iterable[str], **_: Any) -> bytes:
            return _by_library("".join(lines), format, engine)

        def _pipe_lines_string(self, *args: Any, encoding: str, **_: Any) -> str:
            return self._pipe_lines(*args).decode(encoding)

        def _render(self, engine: str, format: str, path: str, **options: Any) -> str:
            made = os.fspath(options.get("outfile") or f"{path}.{format}")
            if options.get("raise_if_result_exists") and os.path.exists(made):
                raise graphviz.FileExistsError(f"output file exists: {made!r}")
            write_whole(made, self.pipe(format, engine=engine))
            return made

    return Source
