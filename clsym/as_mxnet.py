"""Run scripts written for MXNet: after ``import clsym.as_mxnet``, ``import mxnet as mx`` gives clsym.

Submodules too: ``import mxnet.ndarray as nd``, ``from mxnet.model import load_checkpoint``. The names are other names of clsym's own
modules, never copies. ``python -m clsym.as_mxnet script.py arguments`` runs a script so, and ``-m module`` a module.

>>> import clsym, clsym.as_mxnet
>>> import mxnet as mx
>>> mx is clsym
True
>>> import mxnet.ndarray.random
>>> mxnet.ndarray.random is clsym.nd.random
True
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import runpy
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import clsym
from clsym.absent import NOT_THERE

__all__ = ["install", "main"]

# MXNet's second names of packages, and what its submodules are here
_RENAMED = {
    "img": "image", "init": "initializer", "kv": "kvstore", "mod": "module", "mon": "monitor", "nd": "ndarray", "opt": "optimizer",
    "rnd": "random", "sym": "symbol", "viz": "visualization",
}  # fmt: skip
_MOVED = {
    "contrib.ndarray": "ndarray.contrib", "contrib.nd": "ndarray.contrib",
    "contrib.symbol": "symbol.contrib", "contrib.sym": "symbol.contrib",
}  # fmt: skip


class _Alias(importlib.abc.Loader):
    """Hands out a module of clsym under its other name."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._own: dict[str, Any] = {}

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module itself; what the import system is about to write into it is kept."""
        module = importlib.import_module(self._target)
        self._own = {k: module.__dict__.get(k) for k in ("__spec__", "__loader__", "__package__")}
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its own name; that name is written back."""
        module.__dict__.update(self._own)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds ``mxnet`` and all below it."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        top, *rest = fullname.split(".")
        if top != "mxnet":
            return None
        if rest:
            rest[0] = _RENAMED.get(rest[0], rest[0])
            if rest[0] in NOT_THERE:
                raise ModuleNotFoundError(f"No module named {fullname!r}: {NOT_THERE[rest[0]]}", name=fullname)
        name = ".".join(["clsym", *_MOVED.get(".".join(rest), ".".join(rest)).split(".")]).rstrip(".")
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as exc:
            if exc.name is not None and name.startswith(exc.name):
                raise ModuleNotFoundError(f"No module named {fullname!r}: there is no {exc.name}", name=fullname) from None
            raise
        return importlib.machinery.ModuleSpec(fullname, _Alias(name), is_package=hasattr(module, "__path__"))


def install() -> None:
    """Make ``mxnet`` a name of clsym in this process; again: nothing.

    Raises
    ------
    MXNetError
        The real MXNet was imported already.
    """
    have = sys.modules.get("mxnet")
    if have is clsym:
        return
    if have is not None:
        raise clsym.MXNetError(f"mxnet was imported already, from {getattr(have, '__file__', '?')}; import clsym.as_mxnet before it")
    sys.meta_path.insert(0, _Finder())
    sys.modules["mxnet"] = clsym


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a script, or with ``-m`` a module, with ``mxnet`` meaning clsym."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help") or given == ["-m"]:
        print("usage: python -m clsym.as_mxnet script.py [arguments]\n       python -m clsym.as_mxnet -m module [arguments]")
        raise SystemExit(0 if given[:1] in (["-h"], ["--help"]) else 2)
    install()
    if given[0] == "-m":
        sys.argv = given[1:]
        runpy.run_module(given[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = given

    sys.path[0] = os.path.dirname(os.path.abspath(given[0]))
    runpy.run_path(given[0], run_name="__main__")


if __name__ == "__main__":
    main()
else:
    install()
