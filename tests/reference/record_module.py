"""Record how MXNet 1.9.1 trains LeNet on digits, and what its callbacks see (`module.json`)."""

import json
import os
from pathlib import Path

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"

import digits_training
import mxnet as mx
import numpy as np


def main() -> None:
    _, losses, accuracies = digits_training.train_lenet(mx, mx.cpu(), 8)
    found = {"losses": losses, "accuracies": accuracies}
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc"), name="softmax")
    data = mx.io.NDArrayIter(np.ones((4, 3), "f"), np.zeros(4, "f"), 2)
    seen = {}

    def note(which):
        return lambda p: seen.setdefault(which, []).append([p.epoch, p.nbatch, sorted(p.locals)])

    mx.mod.Module(net).fit(
        data, eval_data=data, num_epoch=2, batch_end_callback=note("batch"), eval_end_callback=note("eval_end"),
        eval_batch_end_callback=note("eval_batch"),
    )
    found["locals"] = seen
    (Path(__file__).parent / "module.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
