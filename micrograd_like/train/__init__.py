"""Training: the loop that everybody writes, with its bookkeeping, and the numbers it leaves.

>>> from micrograd_like import MLP, SGD, mse_loss
>>> X, y, model = [[0.0], [1.0]], [1.0, 3.0], MLP(1, [1], output_activation="linear", rng=0)
>>> history = fit(model, X, y, mse_loss, SGD(model.parameters(), lr=0.3), progress=False)
>>> [round(out, 3) for out in predict(model, X)]
[1.0, 3.0]

``fit`` is in loop.py; its steps, in Python or compiled, in steps.py; everything else that happens
after an epoch is a callback, in callbacks.py. ``predict`` and ``evaluate`` are in metrics.py.
"""

from .callbacks import *
from .history import *
from .loop import *
from .metrics import *
from .steps import *
