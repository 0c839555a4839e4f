"""Networks: neurons, layers and the multi-layer perceptron, tanh unless you ask for another.

>>> model = MLP(3, [4, 4, 1], rng=0)
>>> out = model([2.0, 3.0, -1.0])               # a Value, since there is one output
>>> out.backward()
>>> len(model.parameters()), model.layers[0].neurons[0].w[0].grad != 0.0
(41, True)

module.py says what a Module is and what a layer declares, init.py draws its first numbers; each
other file is a family of layers. Nothing here knows a loss.
"""

from .convolution import *
from .dense import *
from .init import *
from .module import *
from .pooling import *
from .regularization import *
