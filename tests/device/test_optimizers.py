"""Optimizers: recorded steps of MXNet, few launches, states that both read, and what was given wrongly."""

from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parents[1] / "reference" / "optimizers.npz"
RECORDED = np.load(REFERENCE)


def _distance(ours, theirs):
    ours, theirs = ours.astype("float64"), theirs.astype("float64")
    return np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30)
