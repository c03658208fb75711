"""Real MXNet models: loaded, run, and equal to what MXNet 1.9.1 answered (recorded by tests/reference/record_models.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import clsym as mx

REFERENCE = Path(__file__).parents[1] / "reference"
sys.path.insert(0, str(REFERENCE))
from record_models import MODELS, inputs  # noqa: E402


@pytest.mark.parametrize("name", MODELS)
def test_model(ctx: mx.Context, name: str) -> None:
    folder = REFERENCE / "models" / name
    symbol = mx.sym.load(str(next(folder.glob("*.json"))))
    executor = symbol.simple_bind(ctx, grad_req="null", **MODELS[name])
    params = {k.split(":", 1)[-1]: v for k, v in mx.nd.load(str(next(folder.glob("*.params")))).items()}
    aux = symbol.list_auxiliary_states()
    executor.copy_params_from(
        {k: v for k, v in params.items() if k not in aux}, {k: v for k, v in params.items() if k in aux}, allow_extra_params=True
    )
    got = executor.forward(is_train=False, **inputs(name))[0].asnumpy()
    want = np.load(REFERENCE / "models" / "expected.npz")[name]
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= 1e-4 * np.abs(want).max()


def test_operator_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x-symbol.json"
    path.write_text(
        '{"nodes": [{"op": "null", "name": "data", "inputs": []}, {"op": "_contrib_Proposal2", "name": "rpn", "inputs": [[0, 0, 0]]}], '
        '"arg_nodes": [0], "heads": [[1, 0, 0]]}'
    )
    with pytest.raises(mx.MXNetError, match=r"rpn[\s\S]*_contrib_Proposal2|_contrib_Proposal2[\s\S]*rpn"):
        mx.sym.load(str(path))
