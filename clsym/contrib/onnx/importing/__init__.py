"""From ONNX files to symbols: one small function an operator, found by `clsym.contrib.onnx.importing.node.reads`."""

from .importer import import_model, import_to_symbol_with_metadata
from .metadata import get_model_metadata

__all__ = ["get_model_metadata", "import_model", "import_to_symbol_with_metadata"]
