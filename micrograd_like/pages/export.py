"""export: a Tape as what JSON can hold, for tape.js; and a page made of files that can be read.

A number that JSON has no name for is a text, "NaN" or "Infinity". A table of slots is a list: its
first slot, then pairs of a step and how often it follows; a table of one slot only is that slot.

>>> runs([4, 5, 6, 6])
[4, 1, 2, 0, 1]
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby, pairwise
from struct import pack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tape import Tape  # importing the package does not load it

__all__ = ["as_script", "joined", "number_as_json", "packed", "runs", "small", "tape_as_json"]


def tape_as_json(tape: Tape) -> dict[str, Any]:
    """The tape as lists and dicts of numbers and texts.

    Example:
        >>> from micrograd_like.tape import Tape
        >>> tape = Tape(inputs=2)
        >>> tape.outputs = [tape.add("div", (0, 1))]
        >>> tape_as_json(tape)["outputs"]
        [2]
    """
    code = [[c.op, c.count, *[_table(table) for table in c.args]] for c in tape.code]
    return {
        "inputs": tape.inputs,
        "scalars": tape.scalars,
        "constants": [number_as_json(x) for x in tape.constants],
        "code": code,
        "outputs": runs(tape.outputs),
        "sums": runs(tape.sums),
        "puts": [[put.index, put.value, runs(put.where)] for put in tape.puts],
    }


def number_as_json(x: float) -> float | str:
    """A number, or the text that JavaScript's Number() reads as it.

    Example:
        >>> number_as_json(1.5), number_as_json(-math.inf), number_as_json(math.nan)
        (1.5, '-Infinity', 'NaN')
    """
    if math.isfinite(x):
        return x
    return "NaN" if x != x else "Infinity" if x > 0.0 else "-Infinity"


def packed(numbers: Iterable[float]) -> str:
    """Numbers as the base64 of their bytes, little end first: half as long as their digits.

    Example:
        >>> packed([1.0])
        'AAAAAAAA8D8='
    """
    return b64encode(b"".join([pack("<d", x) for x in numbers])).decode()


def runs(slots: Sequence[int]) -> list[int]:
    """The slots, shorter where they follow each other at equal steps.

    Example:
        >>> runs(range(100)), runs([7]), runs([])
        ([0, 1, 99], [7], [])
    """
    steps = groupby(b - a for a, b in pairwise(slots))
    return [*slots[:1], *[x for step, every in steps for x in (step, len(list(every)))]]


def _table(slots: Sequence[int]) -> int | list[int]:
    return slots[0] if len(set(slots)) == 1 else runs(list(slots))


def as_script(data: Any) -> str:
    """Data as JSON that cannot end the script element that it stands in.

    Example:
        >>> as_script({"title": "</script>"})
        '{"title":"\\\\u003c/script>"}'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def joined(package: str, page: str, given: Mapping[str, str]) -> str:
    """A page in which the places <!--name--> are filled with what is given or with files.

    Args:
        package: the room that the files are in; those that begin with "pages/" are in this one.
        page: the file with the places.
        given: texts by name; what is put in is not looked through again.
    """

    def fill(place: Any) -> str:
        name = place[1]
        return given[name] if name in given else small(_text(package, name))

    return re.sub(r"<!--([\w./]+)-->", fill, re.sub(r"\n\s+", "\n", _text(package, page)))


_TOKENS = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)"""  # texts, which stay
    r"|\s*//[^\n]*|;(?=\s*})|\bconst\b|[ \t]*([{}()\[\];,=<>*?:|&!])[ \t]*"
    r"|[ \t]*((?<![+-][ \t])[+-])[ \t]+(?![+-])|(?<=\S) ([/%]) |\s+"
)


def small(text: str) -> str:
    """A script or a style sheet without comments and most spaces; statements must end in a ; or }.

    Example:
        >>> small("const x = f(1, 'a, b');    // comment")
        "let x=f(1,'a, b');"
    """

    def shorter(token: Any) -> str:
        kept: str | None = token[1] or token[2] or token[3] or token[4]
        if kept is None and token[0].isspace():
            kept = "\n" if "\n" in token[0] else " "
        return kept or "let" * (token[0] == "const")

    return re.sub(r"(?<![\w$])\n+|\n+(?![\w$])", "", _TOKENS.sub(shorter, text))


def _text(package: str, name: str) -> str:
    room, _, own = name.rpartition("/")
    return files(__package__ if room else package).joinpath(own).read_text("utf-8")


def texts(names: Iterable[str]) -> str:
    """Some files of this room, one after the other: for tests."""
    return "\n".join(_text(__package__, name) for name in names)
