"""Every example in a docstring is run: of modules and classes, and of the operators' documentation."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import clsym
from clsym.graph.contract.registry import all_ops

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
GLOBALS = {"mx": clsym, "np": np}


def _modules() -> list[str]:
    return [m.name for m in pkgutil.walk_packages(clsym.__path__, "clsym.") if not m.name.endswith(("__main__", ".kernels"))]


@pytest.mark.parametrize("name", ["clsym", *_modules()])
def test_module(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), extraglobs=dict(GLOBALS), optionflags=FLAGS)
    assert result.failed == 0


def test_operators() -> None:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=FLAGS)
    for name, op in all_ops().items():
        if type(op).__doc__ and op.doc() == type(op).__doc__:
            continue  # run with its module
        runner.run(parser.get_doctest(op.doc(), dict(GLOBALS), name, None, None))
    assert runner.summarize().failed == 0
