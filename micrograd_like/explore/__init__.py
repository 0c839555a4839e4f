"""One HTML page that replays the backward pass of a graph, step by step.

page.py writes it; replay.py computes the gradients, groups.py sorts and names the Values, layout.py
says where they go, training.py adds the recorded epochs; explore.html is the page itself.

>>> from micrograd_like import Value
>>> explore(Value(3.0) ** 2)
<Explorer of 2 Values>
"""

from .page import Explorer, explore

__all__ = ["Explorer", "explore"]
