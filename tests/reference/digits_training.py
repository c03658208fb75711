"""Networks on handwritten digits, the same for either library as `mx`: data in a fixed order, initial weights from a fixed seed.

``digits.npz``: 1,797 digits of 8 x 8 pixels with values 0-16. "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak), UCI Machine
Learning Repository, its test part, as scikit-learn ships it (``sklearn.datasets.load_digits``). Licence: CC BY 4.0; keep this notice with the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64
TRAIN = 22 * BATCH


def digits(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 28 or 32 pixels a side, each pixel of the small ones four by four, in a shuffled order; labels."""
    found = np.load(Path(__file__).parent / "digits.npz")
    images = np.kron(found["images"].astype(np.float32) / 16, np.ones((1, 4, 4), np.float32))
    cut = (32 - size) // 2
    order = np.random.RandomState(7).permutation(len(images))
    return images[order, None, cut : 32 - cut, cut : 32 - cut], found["labels"].astype(np.float32)[order]


def lenet(mx: Any) -> Any:
    """Two convolutions and two full layers, as in MXNet's example."""
    x = mx.sym.Variable("data")
    for i, filters in enumerate((20, 50), 1):
        x = mx.sym.Convolution(x, kernel=(5, 5), num_filter=filters, name=f"conv{i}")
        x = mx.sym.Activation(x, act_type="tanh", name=f"tanh{i}")
        x = mx.sym.Pooling(x, pool_type="max", kernel=(2, 2), stride=(2, 2), name=f"pool{i}")
    x = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.Flatten(x), num_hidden=500, name="fc1"), act_type="tanh", name="tanh3")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc2"), name="softmax")


def initial(mx: Any, net: Any, shape: tuple[int, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and auxiliary states to begin with."""
    shapes, _, aux_shapes = net.infer_shape(data=shape)
    rng = np.random.RandomState(3)
    args = {}
    for name, s in zip(net.list_arguments(), shapes):  # noqa: B905 MXNet's Python has no strict=
        if name.endswith("_weight"):
            args[name] = mx.nd.array(rng.uniform(-1, 1, s).astype(np.float32) * np.float32(np.sqrt(3 / np.prod(s[1:]))))
        elif name not in ("data", "softmax_label"):
            args[name] = mx.nd.ones(s) if name.endswith("_gamma") else mx.nd.zeros(s)
    aux = {n: mx.nd.zeros(s) if n.endswith("mean") else mx.nd.ones(s) for n, s in zip(net.list_auxiliary_states(), aux_shapes)}  # noqa: B905
    return args, aux


def train_lenet(mx: Any, context: Any, epochs: int) -> tuple[Any, list[float], list[float]]:
    """A trained module, with the loss of each epoch and the accuracy on what was held out."""
    images, labels = digits(28)
    net = lenet(mx)
    args, aux = initial(mx, net, (BATCH, *images.shape[1:]))
    train = mx.io.NDArrayIter(images[:TRAIN], labels[:TRAIN], BATCH)
    held_out = mx.io.NDArrayIter(images[TRAIN:], labels[TRAIN:], BATCH)
    losses: list[float] = []
    accuracies: list[float] = []

    def at_batch(p: Any) -> None:
        if p.nbatch == TRAIN // BATCH - 1:
            losses.append(dict(p.eval_metric.get_name_value())["cross-entropy"])

    module = mx.mod.Module(net, context=context)
    module.fit(
        train,
        eval_data=held_out,
        eval_metric="ce",
        validation_metric="acc",
        batch_end_callback=at_batch,
        eval_end_callback=lambda p: accuracies.append(dict(p.eval_metric.get_name_value())["accuracy"]),
        optimizer_params={"learning_rate": 0.03, "momentum": 0.9},
        arg_params=args,
        aux_params=aux,
        num_epoch=epochs,
    )
    return module, losses, accuracies
