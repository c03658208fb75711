"""Record how MXNet 1.9.1 converts networks to mixed precision (`amp.json`)."""

import hashlib
import json
import os
from pathlib import Path

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"

import amp_cases
import mxnet as mx
from mxnet.contrib import amp


def main() -> None:
    found = {"graphs": {}, "lists": {}}
    for name, (make, arguments) in amp_cases.cases(mx).items():
        found["graphs"][name] = amp_cases.graph(amp.convert_symbol(make(), **arguments))
    found["saved"] = amp_cases.saved(mx, amp.convert_symbol)
    lists = amp.lists.symbol_fp16
    for name in ("FP16_FUNCS", "FP16_FP32_FUNCS", "FP32_FUNCS", "WIDEST_TYPE_CASTS", "LOSS_OUTPUT_FUNCTIONS", "CONDITIONAL_FP32_FUNCS"):
        found["lists"][name] = hashlib.sha256(json.dumps(getattr(lists, name)).encode()).hexdigest()
    amp.init()
    for name in ("lenet", "residual", "shared", "recurrent"):
        found["graphs"][f"{name}, by init"] = amp_cases.graph(amp_cases.cases(mx)[name][0]())
    (Path(__file__).parent / "amp.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
