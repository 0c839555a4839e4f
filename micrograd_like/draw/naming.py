"""What Values are called, and what was recorded of them: the same in pictures and on pages."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..engine import Value

_LONGEST = 40  # characters of a name


class Naming:
    """Which name a Value has: one rule for pictures and pages.

    An entry of ``names`` comes first, since it is given for this picture; then the Value's own
    label; then the path of a model's parameter. A blank name is none, and of two names for one
    Value the first counts.

    Raises:
        TypeError: an entry is not a Value, or the model has no named_parameters().

    Example:
        >>> a, b = Value(1.0, label="a"), Value(2.0, label="b")
        >>> naming = Naming({"first": a})
        >>> naming.of(a), naming.of(b)
        ('first', 'b')
    """

    def __init__(self, names: Mapping[str, Value] | None = None, model: Any = None) -> None:
        if model is not None and not hasattr(model, "named_parameters"):
            got = f"got {type(model).__name__} {model!r:.60}"
            raise TypeError(f"model expects a Module, with named_parameters(), {got}")
        self.entries: dict[Value, str] = {}
        self.paths: dict[Value, str] = {}
        for name, v in (names or {}).items():
            if not isinstance(v, Value):
                got = f"got {type(v).__name__} {v!r:.60} for {name!r:.60}"
                raise TypeError(f"names expects {{name: Value}}, {got}")
            self.entries.setdefault(v, str(name))
        for name, v in model.named_parameters() if model is not None else ():
            self.paths.setdefault(v, name)

    def of(self, v: Value) -> str:
        """The Value's name; without one nothing."""
        label = self.label(v)
        known = (self.entries.get(v, ""), label, self.paths.get(v, ""))
        return next((name for name in known if name.strip()), label)

    @staticmethod
    def label(v: Value) -> str:
        """The Value's own label."""
        return "" if v.label is None else str(v.label)


def recorded(nodes: Iterable[Value]) -> dict[Value, float]:
    """The numbers that the users of Values computed with, where data may have changed since."""
    return {x: number for v in nodes for x, number in zip(v.inputs, v.arguments)}


def one_line(text: str) -> str:
    """Any text as one line for a picture: short, and without what no picture can show."""
    # Control characters are no XML, and direction marks could turn the rest of the box around.
    # The two joiners stay: emoji and several scripts are written with them.
    shown = "".join(
        c if c.isprintable() or c in "\u200c\u200d" else c.encode("unicode_escape").decode()
        for c in text[: _LONGEST + 1]
    )
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "\u2026"
