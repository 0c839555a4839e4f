"""What every Value is called in the page, so that it can be read which number is meant.

>>> from micrograd_like import Value
>>> from micrograd_like.draw import Naming
>>> from micrograd_like.explore.graph import Graph
>>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
>>> names = Names(Groups(Graph([a, b, a * b], Naming())), [2.0, -3.0, -6.0])
>>> names.of(0), names.of(2)
('a', 'a*b')
"""

import re
from collections.abc import Sequence

from ..words import words
from .groups import Groups


class Names:
    """The name that was given, or else what the Value was made from."""

    def __init__(self, groups: Groups, values: Sequence[float]) -> None:
        self.groups, self.graph = groups, groups.graph
        self.given: list[str | None] = []  # None: the page writes the expression
        short: list[bool] = []  # may be an operand in the name of another Value
        numbered: dict[tuple[int, int, str], list[int]] = {}
        for i, v in enumerate(self.graph.nodes):
            name = self.graph.called[i]
            name = name or (groups.maker_of(i) if v.op else f"{values[i]:.5g}")
            short.append(0 < len(name) <= 10)
            self.given.append(name or None)
            if v.op is None or name:
                continue
            if not all(short[x] for x in self.graph.inputs[i]) or len(self.expression(i)) > 16:
                noun = words(v.op).noun
                copies = groups.all[groups.home[i]].copies
                copy = groups.copy[i] if len(copies[0]) > 1 else 0
                same = numbered.setdefault((groups.home[i], copy, noun), [])
                same.append(i)
                self.given[i] = f"{noun} {len(same)}"
        for (_, _, noun), same in numbered.items():
            if len(same) == 1:
                self.given[same[0]] = noun  # the only one of its kind

    def of(self, i: int) -> str:
        return self.given[i] or self.expression(i, is_name=True)

    def expression(self, i: int, is_name: bool = False) -> str:
        """How a Value was computed from its inputs' names, as the page writes it too."""
        v, inputs = self.graph.nodes[i], self.graph.inputs[i]
        assert v.op is not None
        tight = "" if is_name and v.op.symbol != "-" else " "
        args = [self.of(x) for x in inputs[:7]] + [f"{k:g}" for k in v.arguments[len(inputs) :]]
        if len(args) == 2 and re.fullmatch(r"\W+", v.op.symbol):
            second = f"({args[1]})" if args[1].startswith("-") else args[1]
            return f"{args[0]}{tight}{v.op.symbol}{tight}{second}"
        return f"{v.op.symbol}({f',{tight}'.join(args)})"
