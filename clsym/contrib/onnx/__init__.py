"""ONNX: `export_model` writes a symbol with its parameters as an ONNX file, as ``mxnet.onnx`` does; `import_model` reads such files.

The converters are one small function an operator, found by `clsym.contrib.onnx.layer.converter`; they build plain data (`Model`), and only
`proto` needs the `onnx` library (``pip install 'clsym[onnx]'``).
"""

from .export import export_model
from .importing import get_model_metadata, import_model, import_to_symbol_with_metadata

__all__ = ["export_model", "get_model_metadata", "import_model", "import_to_symbol_with_metadata"]
