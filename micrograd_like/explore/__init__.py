"""The page that replays a backward pass (page.py): its gradients, its groups, its layout.

>>> from micrograd_like import Value
>>> explore(Value(3.0) ** 2)
<Explorer of 2 Values>
"""

from .page import Explorer, explore

__all__ = ["Explorer", "explore"]
