"""Record twenty steps of every optimizer of MXNet 1.9.1: ``python record_optimizers.py`` under MXNet."""

import os
import warnings
from pathlib import Path

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"
import mxnet as mx
import numpy as np
import optimizer_cases as cases

HERE = Path(__file__).parent

found = {}
warnings.simplefilter("ignore")
for name in cases.CASES:
    weights, updater = cases.run(mx, name, lists=cases.CASES[name][0] in ("sgd", "lars", "lamb"))
    for key, w in zip(cases.shapes(name), weights):
        found[f"{name}/{key}"] = w
    if name in ("sgd half", "adam all", "rmspropalex", "lars all"):
        found[f"{name}/states"] = np.frombuffer(updater.get_states(dump_optimizer=True), np.uint8)
np.savez_compressed(HERE / "optimizers.npz", **found)
