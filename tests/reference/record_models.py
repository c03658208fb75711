"""Record what MXNet 1.9.1 answers for the real models in models/. Run it with MXNet's Python: ``python record_models.py``.

Writes models/expected.npz: for each model, the first output for inputs drawn from numpy's RandomState(0) in the order of MODELS.
"""

from __future__ import annotations

import glob
import os

import numpy as np

MODELS = {
    "go_test_fc": {"data": (4,), "softmax_label": (4,)},
    "sagemaker_gluon_mlp": {"data": (4, 784)},
    "sagemaker_mnist_mlp": {"data": (4, 1, 28, 28)},
    "crfasrnn_net": {"data0": (2, 256), "data1": (2, 800), "data2": (2, 16)},
    "mobileface_id_v3": {"data": (2, 3, 112, 112)},
    "mobileface_id_v1": {"data": (2, 1, 112, 112)},
}


def inputs(name):
    rng = np.random.RandomState(0)
    high = 255 if name == "mobileface_id_v3" else 1
    return {n: rng.uniform(0, high, s).astype(np.float32) for n, s in MODELS[name].items()}


def main():
    import mxnet as mx

    here = os.path.dirname(os.path.abspath(__file__))
    results = {}
    for name, shapes in MODELS.items():
        folder = os.path.join(here, "models", name)
        symbol = mx.sym.load(glob.glob(os.path.join(folder, "*.json"))[0])
        executor = symbol.simple_bind(mx.cpu(), grad_req="null", **shapes)
        params = {k.split(":", 1)[-1]: v for k, v in mx.nd.load(glob.glob(os.path.join(folder, "*.params"))[0]).items()}
        aux = symbol.list_auxiliary_states()
        executor.copy_params_from({k: v for k, v in params.items() if k not in aux}, {k: v for k, v in params.items() if k in aux}, allow_extra_params=True)
        results[name] = executor.forward(is_train=False, **{k: mx.nd.array(v) for k, v in inputs(name).items()})[0].asnumpy()
        print(name, results[name].shape)
    np.savez_compressed(os.path.join(here, "models", "expected.npz"), **results)


if __name__ == "__main__":
    main()
