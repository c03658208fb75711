"""What stands beside the engine: exchange with other formats."""

from . import onnx

__all__ = ["onnx"]
