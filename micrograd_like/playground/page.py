"""playground: a training as one HTML page, on which it goes on.

The tapes come from record.py; the page is playground.html with its parts in files beside it, joined
into one.
"""

import html
import math
import os
from collections.abc import Sequence
from typing import Any

from ..checks import number
from ..draw import checked_path
from ..nesting import is_list
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
        names: of the inputs, one for each; without them x0, x1 and so on.
        classes: the names of the classes, at most 8, the lowest target first.
        open: show the page in the browser.

    Raises:
        JitError: the model, the loss or the optimiser cannot be written down as a tape; the
            message says why and what to do.
        TypeError: something is not what it should be, as for fit.
        ValueError: more than 5,000 parameters or samples, a number that is not finite, not one
            name for each input or class, or a path that does not end in .html.
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
    _check_finite(given.model)
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
    """Names that can be told apart."""
    if some is None:
        return []
    came = f"got {type(some).__name__} {some!r:.60}"
    if not is_list(some) or not all(isinstance(text, str) for text in some):
        raise TypeError(f"{name} must be a list of texts, {came}")
    texts = [str(text) for text in some]
    if len(set(texts)) < len(texts) or not all(map(str.strip, texts)):
        raise ValueError(f"{name} must be different texts, none of them blank, {came}")
    return texts


def _check_texts(recorded: dict[str, Any], names: list[str], labels: list[str]) -> None:
    """One for each input and each class, or none."""
    from .record import MOST_CLASSES

    inputs, classes = recorded["inputs"], len(recorded["classes"])
    if names and len(names) != inputs:
        raise ValueError(
            f"names has {len(names)} texts, but a sample has {inputs} numbers: give one for each"
        )
    if labels and len(labels) != classes:
        raise ValueError(
            f"classes has {len(labels)} texts, but the page shows {classes or 'no'} classes: give "
            f"one for each, and none where targets are no classes or more than {MOST_CLASSES}"
        )


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


def _check_finite(model: Any) -> None:
    for name, p in model.named_parameters():
        if not math.isfinite(p.data):
            raise ValueError(
                f"the parameter {name} is {p.data}: expected a finite number; explore() shows "
                "where others come from"
            )


def _page(given: Any, before: list[float], title: str | None, texts: dict[str, Any]) -> str:
    # Here, since importing the package is to be quick.
    from ..pages import as_script, joined, number_as_json
    from ..tape import JitError
    from .bridge import bridge
    from .record import Recording

    try:
        recording = Recording(given)
        recorded = recording.as_json()
    except JitError as error:
        raise JitError(f"the page runs the training as a tape, but {error}") from None
    _check_texts(recorded, **texts)
    explorer, why = bridge(recording, texts["names"])
    data = {
        "title": title if title and title.strip() else _name(given.model),
        "history": [number_as_json(x) for x in before],
        **{name: some for name, some in texts.items() if some},
        **recorded,
        **({"why": why} if why else {}),
    }
    parts = {"title": html.escape(data["title"]), "data": as_script(data), "explorer": explorer}
    return joined(__package__, "playground.html", parts)


def _name(model: Any) -> str:
    """Such as MLP 2-16-16-1."""
    widths = [model.nin, *model.nouts] if isinstance(model, MLP) else []
    return " ".join([type(model).__name__, *["-".join(map(str, widths))] * bool(widths)])
