"""How commands speak: lines in two columns, and a bar while they train."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..nn import MLP
from ..train import History, accuracy


def plain(text: Any) -> str:
    r"""The text in one line of visible characters: a file's own escape sequences stay harmless.

    >>> plain("red\x1b[31m\n")
    'red\\x1b[31m\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def say(text: str = "") -> None:
    """Prints a line at once."""
    print(plain(text), flush=True)  # bars go to stderr: what was said before must be seen before


def say_line(name: str, text: str) -> None:
    """One column of names, one of values."""
    say(f"   {name:<34}{text}")


def right(outputs: list[Any], classes: list[int]) -> str:
    """How many of the answers are right, in words."""
    share = accuracy(outputs, classes)
    return f"{share:.1%}, {round(share * len(classes))} of {len(classes)} right"


@contextmanager
def progress_bar(epochs: int, name: str = "training") -> Iterator[Callable[[MLP, History], None]]:
    """A progress bar, as the callback of fit that moves it; without tqdm nothing is shown."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda model, history: None
        return
    form = f"   {name:<12} |" + "{bar:30}| {n_fmt}/{total_fmt} in {elapsed}{postfix}"
    with tqdm(total=epochs, bar_format=form) as bar:

        def show(model: MLP, history: History) -> None:
            text = f"loss {history['loss'][-1]:.4f}"
            if "val_loss" in history:
                text += f", held out {history['val_loss'][-1]:.4f}"
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        yield show
