"""Which operators there are, with gradients, element types and tests; and which of MXNet 1.9.1's are not there, with reasons.

    python tools/coverage.py                 Markdown
    python tools/coverage.py --json FILE     the same as JSON
    python tools/coverage.py --absent        only what is absent

Element types are those whose types and shapes the operator's rules accept, for the inputs of tests/null/inference_table.py. Tests are the
files that compared the operator's outputs (its gradients) in the last whole run of the tests, as kept in .pytest_cache.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "null"))

import clsym.ops  # noqa: F401
from clsym.absent import absent, mxnet_operators
from clsym.base import DTYPE_FLAGS, MXNetError
from clsym.graph.contract.op import Op
from clsym.graph.contract.registry import all_ops

ROOT = Path(__file__).resolve().parents[1]


def element_types(op: Op, params: dict[str, Any], count: int) -> list[str]:
    """The types that all inputs may have at once."""
    found = []
    for dtype in DTYPE_FLAGS:
        try:
            given = dict(params)
            if op.variadic and op.variadic not in given:
                given[op.variadic] = count
            p = op.parse(given)
            outs = [None] * len(op.output_names(p))
            op.infer_type(p, [dtype] * count, list(outs))
            found.append(dtype)
        except MXNetError:
            pass
    return found


def table() -> list[dict[str, Any]]:
    """A row for each operator that users can call."""
    from inference_table import cases

    first = {name: (params, len(shapes)) for name, params, shapes in reversed(cases())}
    evidence_file = ROOT / ".pytest_cache" / "v" / "clsym" / "evidence"
    evidence = json.loads(evidence_file.read_text()) if evidence_file.is_file() else {}
    rows = []
    for name, op in sorted(all_ops().items(), key=lambda item: item[0].lower()):
        if op.hidden:
            continue
        seen = evidence.get(name, {"forward": [], "gradient": []})
        rows.append(
            {
                "operator": name,
                "aliases": list(op.aliases),
                "gradient": type(op).gradient is not Op.gradient,
                "types": element_types(op, *first[name]) if name in first else [],
                "forward_tests": [Path(t).name for t in seen["forward"]],
                "gradient_tests": [Path(t).name for t in seen["gradient"]],
            }
        )
    return rows


def markdown(rows: list[dict[str, Any]], missing: dict[str, list[str]]) -> str:
    lines = ["| operator | other names | gradient | element types | tests |", "|---|---|---|---|---|"]
    for r in rows:
        tests = sorted({*r["forward_tests"], *r["gradient_tests"]})
        kinds = "all" if len(r["types"]) == len(DTYPE_FLAGS) else " ".join(r["types"])
        lines.append(f"| {r['operator']} | {' '.join(r['aliases'])} | {'yes' if r['gradient'] else ''} | {kinds} | {' '.join(tests)} |")
    gradients = sum(r["gradient"] for r in rows)
    lines += ["", f"{len(rows)} operators, {gradients} with a gradient.", "", "| not there | why |", "|---|---|"]
    lines += [f"| {' '.join(names)} | {why} |" for why, names in missing.items()]
    lines += ["", f"{sum(map(len, missing.values()))} of the {len(mxnet_operators())} names that MXNet 1.9.1 registers are not there."]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write JSON to this file ('-': print it)")
    parser.add_argument("--absent", action="store_true", help="only what is absent")
    args = parser.parse_args()
    rows, missing = [] if args.absent else table(), absent()
    if args.json:
        text = json.dumps({"operators": rows, "absent": missing}, indent=1)
        if args.json == "-":
            print(text)
        else:
            Path(args.json).write_text(text + "\n")
        return 0
    print(markdown(rows, missing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
