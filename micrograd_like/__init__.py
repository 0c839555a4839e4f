"""A scalar autograd engine that can be read in one sitting, with tanh networks on top.

>>> from micrograd_like import Value
>>> x = Value(3.0)
>>> y = (x * 2.0 + 1.0) ** 2
>>> y.backward()
>>> x.grad
28.0
"""

from . import functional, losses, nn, optim
from .anomaly import AnomalyError, detect_anomaly
from .draw import draw, draw_network
from .engine import Value, no_grad
from .explore import explore
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from .modes import uncollected
from .nn import MLP, Layer, Linear, Module, Neuron, Sequential
from .optim import SGD, Adam, AdamW, RMSprop
from .playground import playground
from .serialize import load, save
from .train import evaluate, fit, predict
from .transforms import directional_derivative, grad, hessian, jacobian, value_and_grad

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "AnomalyError",
    "Layer",
    "Linear",
    "Module",
    "Neuron",
    "RMSprop",
    "Sequential",
    "Value",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "detect_anomaly",
    "directional_derivative",
    "draw",
    "draw_network",
    "evaluate",
    "explore",
    "fit",
    "functional",
    "grad",
    "hessian",
    "hinge_loss",
    "huber_loss",
    "jacobian",
    "l1_loss",
    "load",
    "losses",
    "mse_loss",
    "nn",
    "no_grad",
    "optim",
    "playground",
    "predict",
    "save",
    "uncollected",
    "value_and_grad",
]
