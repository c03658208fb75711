"""The onnx library's own node tests, run through `import_model`: how many pass, of those in scope, of all.

    python tests/onnx_backend.py                     all, with the counts
    python tests/onnx_backend.py --filter conv       those whose name contains the text
    python tests/onnx_backend.py --json found.json   every case with what became of it

In scope is a case whose operators have an equivalent in clsym and whose tensors have element types that clsym has. Inputs that the form of
the graph depends on (axes, shapes, counts) are given as constants, as they are in models.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import clsym as mx
from clsym.contrib.onnx.importing import import_model
from clsym.contrib.onnx.importing.node import ConstantNeeded

OUT_OF_SCOPE = ("no equivalent in clsym", "has the element type", "is no tensor but")


@functools.cache
def cases(text: str = "") -> list[Any]:
    """The library's cases, those whose name contains the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return [c for c in load_model_tests(kind="node") if text in c.name]


def _run(model: Any, inputs: list[np.ndarray], ctx: mx.Context) -> list[np.ndarray]:
    """The model's outputs; inputs that must be constants become some."""
    names = [i.name for i in model.graph.input]
    values = dict(zip(names, inputs, strict=False))
    shapes = {n: v.shape for n, v in values.items()}
    constants: dict[str, np.ndarray] = {}
    while True:
        try:
            net, args, aux = import_model(model, {n: s for n, s in shapes.items() if n not in constants}, constants)
            break
        except ConstantNeeded as needed:
            if needed.tensor not in values or needed.tensor in constants:
                rest = [n for n in names if n not in constants and (values[n].dtype.kind in "ib" or values[n].ndim == 0)]
                if not rest:
                    raise
                needed.tensor = rest[0]
            constants[needed.tensor] = values[needed.tensor]
    known = {n: mx.nd.array(v.reshape(v.shape or (1,)), ctx=ctx, dtype=v.dtype) for n, v in values.items() if n not in constants}
    known.update({n: a.as_in_context(ctx) for n, a in (*args.items(), *aux.items())})
    states = {n: known[n] for n in net.list_auxiliary_states()}
    outputs = net.bind(ctx, {n: known[n] for n in net.list_arguments()}, aux_states=states).forward()
    return [o.asnumpy() for o in outputs]


def outcome(case: Any, ctx: mx.Context) -> tuple[str, str]:
    """'passed', 'failed' or 'out of scope', and why."""
    from onnx import numpy_helper

    def plain(value: Any) -> Any:
        return numpy_helper.to_array(value) if hasattr(value, "raw_data") else value

    try:
        for inputs, expected in case.data_sets:
            inputs, expected = [plain(v) for v in inputs], [plain(v) for v in expected]
            if not all(isinstance(v, np.ndarray | np.generic) for v in (*inputs, *expected)):
                return "out of scope", "sequences or optional values"
            found = _run(case.model, [np.asarray(v) for v in inputs], ctx)
            for got, want in zip(found, expected, strict=True):
                want = np.asarray(want)
                if want.dtype.kind not in "fiub":
                    return "out of scope", f"element type {want.dtype}"
                if got.dtype != want.dtype:
                    return "failed", f"dtype {got.dtype}, not {want.dtype}"
                if got.shape != want.shape and not (want.shape == () and got.shape == (1,)):
                    return "failed", f"shape {got.shape}, not {want.shape}"
                rtol = max(case.rtol, 2e-3 if want.dtype == np.float16 else 0)
                np.testing.assert_allclose(
                    got.reshape(want.shape).astype(np.float64), want.astype(np.float64), rtol=rtol, atol=max(case.atol, 1e-6)
                )
    except mx.MXNetError as exc:
        if any(t in str(exc) for t in OUT_OF_SCOPE):
            return "out of scope", str(exc).splitlines()[-2 if "operators of the ONNX" in str(exc) else 0][:200]
        return "failed", str(exc)[:300]
    except AssertionError as exc:
        return "failed", " ".join(str(exc).split())[:300]
    except Exception as exc:  # a fault, to be seen with the others
        return "failed", f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
    return "passed", ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--json", metavar="FILE", help="store every case with what became of it")
    parser.add_argument("--device", default="", help="device to use, as mx.cl() takes it (default: cpu(0))")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th case")
    args = parser.parse_args()
    ctx = mx.cl(args.device) if args.device else mx.cpu()
    found = {}
    start = time.perf_counter()
    for case in cases(args.filter)[:: args.every]:
        found[case.name] = outcome(case, ctx)
        if found[case.name][0] == "failed":
            print(f"{case.name}: {found[case.name][1]}", flush=True)
    counts = Counter(status for status, _ in found.values())
    scope = counts["passed"] + counts["failed"]
    print(f"{counts['passed']} passed / {scope} in scope / {len(found)} all, {time.perf_counter() - start:.0f} s")
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
