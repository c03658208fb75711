"""Mixed precision: converted graphs, beside MXNet's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx
from clsym.contrib import amp
from tests.reference import amp_cases

RECORDED = json.loads((Path(__file__).parents[1] / "reference" / "amp.json").read_text())
CASES = amp_cases.cases(mx)


@pytest.mark.parametrize("name", CASES)
def test_graphs_are_those_of_mxnet(name: str) -> None:
    make, arguments = CASES[name]
    before = make()
    text = before.tojson()
    assert amp_cases.graph(amp.convert_symbol(before, **arguments)) == RECORDED["graphs"][name]
    assert before.tojson() == text


def test_lists_are_those_of_mxnet() -> None:
    for name, digest in RECORDED["lists"].items():
        found = json.dumps(getattr(amp.lists.symbol_fp16, name)).encode()
        assert hashlib.sha256(found).hexdigest() == digest, name
