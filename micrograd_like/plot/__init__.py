"""Plots of training and of models, with matplotlib: curves, parameters, and what a model says.

>>> ax = plot_history({"loss": [0.9, 0.5, 0.2], "val_loss": [1.0, 0.7, 0.6]})
>>> [line.get_label() for line in ax.get_lines()]
['loss', 'val_loss']

Every plot draws into the Axes ``ax`` that it is given, or into those of a new Figure, and returns
them; ``ax.figure.savefig("loss.png")`` saves it. Nothing is shown, no global setting of matplotlib
is touched. What is drawn is computed by plain functions on floats.
"""

from .curves import *
from .outputs import *
from .parameters import *
