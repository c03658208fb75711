"""Records what MXNet's metrics give, and how FusedRNN fills, in metric.json: run with MXNet 1.9.1."""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES = [
    ["acc", {}, "scores"], ["acc", {"axis": 2}, "deep"], ["top_k_accuracy", {"top_k": 3}, "scores"], ["f1", {}, "binary"],
    ["f1", {"average": "micro"}, "binary"], ["mcc", {}, "binary"], ["mcc", {"average": "micro"}, "binary"], ["pcc", {}, "scores"],
    ["perplexity", {"ignore_label": None}, "scores"], ["perplexity", {"ignore_label": 1}, "scores"], ["ce", {}, "scores"],
    ["nll_loss", {"eps": 0.01}, "scores"], ["mae", {}, "numbers"], ["mse", {}, "numbers"], ["rmse", {}, "numbers"], ["mae", {}, "table"],
    ["pearsonr", {}, "numbers"], ["pearsonr", {"average": "micro"}, "numbers"], ["loss", {}, "numbers"],
]


def batches(kind):
    """Three batches of labels and predictions, from a seed."""
    draw = np.random.RandomState(len(kind))
    for n in (7, 1, 13):
        if kind in ("scores", "binary"):
            c = 2 if kind == "binary" else 5
            scores = draw.rand(n, c).astype("f")
            yield draw.randint(0, c, n).astype("f"), scores / scores.sum(1, keepdims=True)
        elif kind == "deep":
            yield draw.randint(0, 4, (n, 3)).astype("f"), draw.rand(n, 3, 4).astype("f")
        elif kind == "table":
            yield draw.rand(n, 1).astype("f"), draw.rand(n, 3).astype("f")
        else:
            yield draw.rand(n).astype("f"), draw.rand(n).astype("f")


def run(mx, name, params, kind):
    """Values after each batch; the local statistics are reset behind the first."""
    metric = mx.metric.create(name, **params)
    found = []
    for i, (label, pred) in enumerate(batches(kind)):
        metric.update([mx.nd.array(label)], [mx.nd.array(pred)])
        found.append([float(metric.get()[1]), float(metric.get_global()[1])])
        if i == 0:
            metric.reset_local()
    return found


if __name__ == "__main__":
    fused = mx.nd.zeros(2 * 4 * 3 * (2 + 3 + 2))
    mx.init.FusedRNN(None, 3, 1, "lstm", True, 5.0)(
        mx.init.InitDesc("p", {"__init__": mx.init.FusedRNN(None, 3, 1, "lstm", True, 5.0).dumps()}, mx.init.Constant(2)), fused
    )
    told = {
        "metrics": [[*case, run(mx, *case)] for case in CASES],
        "fused": fused.asnumpy().tolist(),
    }
    Path(__file__).with_name("metric.json").write_text(json.dumps(told))
