"""playground: a training as one HTML page, on which it goes on.

The tapes come from record.py; the page is playground.html with its parts in files beside it, joined
into one.
"""

import html
import os
from collections.abc import Sequence
from typing import Any

from ..checks import number
from ..draw import checked_path
from ..nn import MLP
from ..pages.page import PAGE_SUFFIXES, Page
from ..train.given import problem

_MOST = 5_000  # parameters, and samples


class Playground(Page):
    """A page that is ready to be saved, opened or shown in a notebook."""

    def __init__(self, page: str, parameters: int, samples: int) -> None:
        super().__init__(page, "playground", 820)
        self._says = f"{parameters} parameters and {samples} samples"

    def __repr__(self) -> str:
        return f"<Playground of {self._says}>"


def playground(
    model: Any, X: Any, y: Any, loss: Any, optimizer: Any,
    path: str | os.PathLike[str] | None = None, *,
    history: Any = None, title: str | None = None, names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None, open: bool = False,
) -> Playground:  # fmt: skip
    """A page on which your network goes on training: your weights, your data, your gradient.

    Nothing that is given is changed: the model, the optimiser and the data are as they were.

    Args:
        model: an nn.Module; of an MLP, or a Sequential of layers, the page draws the network.
        X: the samples; with two inputs they are the axes of the map, with more you choose two.
        y: their targets.
        loss: a function of outputs and targets, the mean over samples, such as hinge_loss.
        optimizer: the optimiser, from the step where it is, or its class.
        path: where to write the page; without it, use ``.save``, ``.open`` or a notebook.
        history: the History of a fit; the page's curve begins with its losses.
        title: of the page.
        names: of the inputs; without them x0, x1 and so on.
        classes: the names of the classes, the lowest target first.
        open: show the page in the browser.

    Raises:
        JitError: the model, the loss or the optimiser cannot be written down as a tape; the
            message says why and what to do.
        TypeError: something is not what it should be, as for fit.
        ValueError: more than 5,000 parameters or samples, or a path that does not end in .html.
        FileNotFoundError: the directory of the path does not exist.

    Example:
        >>> from micrograd_like import MLP, SGD, hinge_loss
        >>> model = MLP(2, [8, 8, 1], rng=0)
        >>> X, y = [[0.0, 1.0], [1.0, 0.0]], [1.0, -1.0]
        >>> playground(model, X, y, hinge_loss, SGD(model.parameters(), lr=0.1))
        <Playground of 105 parameters and 2 samples>
    """
    if path is not None:
        checked_path(path, "a page", PAGE_SUFFIXES)
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a text, got {type(title).__name__} {title!r:.60}")
    texts = {"names": _texts("names", names), "labels": _texts("classes", classes)}
    before = _losses(history)
    given = problem(model, X, y, loss, optimizer, 0.0, 0.0, None, 1)
    _check_size(given)
    page = Playground(_page(given, before, title, texts), len(given.optimizer.params), len(given.X))
    if path is not None:
        page.save(path)
    if open:
        page.open()
    return page


def _losses(history: Any) -> list[float]:
    """Of the epochs so far."""
    if history is None:
        return []
    try:
        return [number()("loss", x) for x in history["loss"]]
    except (KeyError, TypeError, IndexError, ValueError):
        came = f"{type(history).__name__} {history!r:.60}"
        raise TypeError(
            f"history must be what fit returns, with finite losses, got {came}"
        ) from None


def _texts(name: str, some: Any) -> list[str]:
    if some is None:
        return []
    if isinstance(some, str) or not all(isinstance(text, str) for text in some):
        raise TypeError(f"{name} must be a list of texts, got {type(some).__name__} {some!r:.60}")
    return list(some)


def _check_size(given: Any) -> None:
    parameters, samples = len(given.model.parameters()), len(given.X)
    if parameters > _MOST:
        raise ValueError(
            f"the model has {parameters:,} parameters, the page trains at most {_MOST:,}: pass a "
            "smaller model, such as MLP(2, [16, 16, 1])"
        )
    if samples > _MOST:
        raise ValueError(
            f"there are {samples:,} samples, the page trains on at most {_MOST:,}: pass some of "
            f"them, such as X[:{_MOST}], y[:{_MOST}]"
        )


def _page(given: Any, before: list[float], title: str | None, texts: dict[str, Any]) -> str:
    # Here, since importing the package is to be quick.
    from ..pages import as_script, joined, number_as_json
    from .bridge import bridge
    from .record import Recording

    recording = Recording(given)
    explorer, why = bridge(recording, texts["names"])
    data = {
        "title": _name(given.model) if title is None else title,
        "history": [number_as_json(x) for x in before],
        **{name: some for name, some in texts.items() if some},
        **recording.as_json(),
        **({"why": why} if why else {}),
    }
    parts = {"title": html.escape(data["title"]), "data": as_script(data), "explorer": explorer}
    return joined(__package__, "playground.html", parts)


def _name(model: Any) -> str:
    """Such as MLP 2-16-16-1."""
    widths = [model.nin, *model.nouts] if isinstance(model, MLP) else []
    return " ".join([type(model).__name__, *["-".join(map(str, widths))] * bool(widths)])
