"""ONNX: `export_model` writes a symbol with its parameters as an ONNX file, as ``mxnet.onnx`` does.

The converters are one small function an operator, found by `clsym.contrib.onnx.layer.converter`; they build plain data (`Model`), and only
`proto` needs the `onnx` library (``pip install 'clsym[onnx]'``).
"""

from .export import export_model

__all__ = ["export_model"]
