"""``mx.optimizer``: how parameters follow their gradients.

A step of all parameters is a handful of launches: `Updater` takes lists, and `Fused` optimizers know their step as a rule of one kernel
(``kernels/optimizer/step_table.cl``) that walks the tensors by a table.
"""

from . import contrib, optimizer
from .adam import FTML, Adam, Adamax, AdamW, Nadam
from .adaptive import AdaDelta, AdaGrad, Ftrl, RMSProp
from .base import Optimizer, create, register
from .descent import DCASGD, NAG, SGD, SGLD, Signum, Test, ccSGD
from .layerwise import LAMB, LARS, LBSGD
from .updater import Updater, get_updater

__all__ = [
    "DCASGD", "FTML", "LAMB", "LARS", "LBSGD", "NAG", "SGD", "SGLD", "AdaDelta", "AdaGrad", "Adam", "AdamW", "Adamax", "Ftrl", "Nadam",
    "Optimizer", "RMSProp", "Signum", "Test", "Updater", "ccSGD", "contrib", "create", "get_updater", "optimizer", "register",
]  # fmt: skip
