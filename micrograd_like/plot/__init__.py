"""Plots of training and of models, with matplotlib.

>>> ax = plot_history({"loss": [0.9, 0.5, 0.2], "val_loss": [1.0, 0.7, 0.6]})
>>> [line.get_label() for line in ax.get_lines()]
['loss', 'val_loss']

curves.py draws over the epochs, parameters.py weights and the loss around them, outputs.py what a
model says, functions.py activations and losses; inputs.py and style.py serve all four.

Every plot draws into the Axes ``ax`` that it is given, or into those of a new Figure, and returns
them; ``ax.figure.savefig("loss.png")`` saves it. Nothing is shown, no global setting of matplotlib
is touched, and without matplotlib an ImportError says what to install. What is drawn is computed by
plain functions on floats. Models, losses and schedules come in as things to call.
"""

from .curves import *
from .functions import *
from .outputs import *
from .parameters import *
