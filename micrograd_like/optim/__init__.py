"""Optimisers (optimizers.py) and schedules of the learning rate, with torch's names.

>>> from micrograd_like import Value
>>> optimizer = SGD([Value(1.0)], lr=0.5)
>>> lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5).step()
>>> optimizer.lr
0.25
"""

from . import lr_scheduler as lr_scheduler
from .lr_scheduler import *
from .optimizers import *
