"""Pictures of graphs and networks, laid out by Graphviz.

>>> from micrograd_like import Value
>>> picture = draw(Value(2.0, label="a") * Value(-3.0, label="b"))
>>> picture, "data 2.0000" in picture.svg()
(<Drawing of 3 Values>, True)

Both functions write text in Graphviz's DOT language; a ``Drawing`` turns it into a picture when
asked. Nothing here knows an op or a layer class, and drawing changes nothing. In every picture and
on every page blue is a positive number and orange a negative one.
"""

from .drawing import Drawing, checked_path
from .graph import draw
from .naming import Naming, one_line, recorded
from .network import draw_network

__all__ = [
    "Drawing", "Naming", "checked_path", "draw", "draw_network", "one_line", "recorded",
]  # fmt: skip
