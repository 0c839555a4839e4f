"""The page on which a network goes on training.

Its tapes come from record.py, the explorer's page of a sample from bridge.py, all of it joined by
page.py.

>>> from micrograd_like import MLP, SGD, mse_loss
>>> model = MLP(2, [3, 1], rng=0)
>>> playground(model, [[0.0, 1.0], [1.0, 0.0]], [1.0, -1.0], mse_loss, SGD(model.parameters()))
<Playground of 13 parameters and 2 samples>
"""

from .page import Playground, playground

__all__ = ["Playground", "playground"]
