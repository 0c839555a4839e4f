"""Training: the loop that everybody writes, with its bookkeeping, and the numbers it leaves.

>>> from micrograd_like import MLP, SGD, fit, mse_loss, predict
>>> model = MLP(1, [1], output_activation="linear", rng=0)
>>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
>>> history = fit(model, X, y, mse_loss, SGD(model.parameters(), lr=0.1), epochs=300,
...               batch_size=4, progress=False)
>>> [round(out, 3) for out in predict(model, X)]
[1.0, 3.0, 5.0, 7.0]
>>> history["loss"][-1] < 1e-6
True

``fit`` is in loop.py; its steps, in Python or compiled, in steps.py; everything else that happens
after an epoch is a callback, in callbacks.py. ``evaluate`` and ``predict`` are in inference.py.
"""

from .callbacks import *
from .history import *
from .inference import *
from .loop import *
from .metrics import *
from .steps import *
