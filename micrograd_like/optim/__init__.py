"""Optimisers and schedules of the learning rate, with torch's names.

>>> from micrograd_like import Value
>>> optimizer = SGD([Value(1.0)], lr=0.5)
>>> schedule = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
>>> schedule.step()
>>> optimizer.lr
0.25

optimizers.py moves the parameters, lr_scheduler.py the learning rate; resumable.py is what both
are: their settings checked, their state written down.
"""

from . import lr_scheduler as lr_scheduler
from .lr_scheduler import *
from .optimizers import *
