"""One HTML page that replays the backward pass of a graph, step by step."""

from .page import Explorer, explore

__all__ = ["Explorer", "explore"]
