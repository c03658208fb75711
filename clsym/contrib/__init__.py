"""What stands beside the engine: exchange with other formats, and MXNet's older names."""

from ..ndarray import contrib as ndarray
from ..symbol import contrib as symbol
from . import amp, autograd, onnx, tensorboard, text

nd = ndarray
sym = symbol

__all__ = ["amp", "autograd", "nd", "ndarray", "onnx", "sym", "symbol", "tensorboard", "text"]
