"""The operators: families of files, one file a layer, found by importing every module below this package."""

from __future__ import annotations

import importlib
import pkgutil

from . import sparse_names

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

sparse_names.name_sparse_operators()
