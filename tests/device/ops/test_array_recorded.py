"""The array operators against what MXNet 1.9.1 answered for odd parameters (tests/reference/record_array_ops.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "array_ops.json").read_text())


@pytest.mark.parametrize("name", sorted({c[0] for c in CASES}))
def test_recorded(device, name):
    for _, shapes, params, answer in (c for c in CASES if c[0] == name):
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
        data = [np.arange(np.prod(s), dtype=np.float32).reshape(s) for s in shapes]
        what = f"{name} {shapes} {params}"
        if answer is None:
            with pytest.raises(MXNetError):
                run_op(device, name, data, given)
            continue
        outs = run_op(device, name, data, given)
        assert len(outs) == len(answer), what
        for out, (shape, values) in zip(outs, answer, strict=True):
            assert list(out.shape) == shape, what
            np.testing.assert_allclose(out.ravel(), values, rtol=1e-6, err_msg=what)
