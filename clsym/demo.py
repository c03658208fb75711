"""``clsym demo``: train a LeNet-like network on handwritten digits, on the OpenCL device that is there, and save it as MXNet does."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import clsym as mx

from .data import load_digits
from .runtime.cache import kernel_folder
from .runtime.device import resolve

__all__ = ["bind", "digits_network", "run", "train"]


def digits_network(classes: int = 10) -> mx.sym.Symbol:
    """A LeNet-like network for images (N, 1, 8, 8): two convolutions with pooling, two fully connected layers, softmax."""
    net = mx.sym.Variable("data")
    for i, filters in enumerate((16, 32), 1):
        net = mx.sym.Convolution(data=net, num_filter=filters, kernel=(3, 3), pad=(1, 1), name=f"conv{i}")
        net = mx.sym.Activation(data=net, act_type="relu", name=f"relu{i}")
        net = mx.sym.Pooling(data=net, kernel=(2, 2), stride=(2, 2), pool_type="max", name=f"pool{i}")
    net = mx.sym.FullyConnected(data=net, num_hidden=64, name="fc1")
    net = mx.sym.Activation(data=net, act_type="relu", name="relu3")
    net = mx.sym.FullyConnected(data=net, num_hidden=classes, name="fc2")
    return mx.sym.SoftmaxOutput(data=net, name="softmax")


def _initialise(executor: mx.executor.Executor, rng: np.random.RandomState) -> None:
    """Weights by He et al. (2015), biases zero."""
    for name, array in executor.arg_dict.items():
        if name.endswith("_weight"):
            fan_in = int(np.prod(array.shape[1:]))
            array[:] = rng.normal(0, np.sqrt(2 / fan_in), array.shape).astype(np.float32)
        elif name.endswith("_bias"):
            array[:] = 0


def bind(ctx: mx.Context, batch: int = 64) -> tuple[mx.sym.Symbol, mx.executor.Executor]:
    """The network bound for training, with its kernels built: a bar that counts batches would stand still meanwhile."""
    symbol = digits_network()
    executor = symbol.simple_bind(
        ctx, data=(batch, 1, 8, 8), grad_req={n: "write" for n in symbol.list_arguments() if "_" in n and n != "softmax_label"}
    )
    executor.forward(is_train=False)
    executor.forward(is_train=True)
    executor.backward()
    w, g, v = (mx.nd.zeros((1,), ctx=ctx) for _ in range(3))
    mx.nd.sgd_mom_update(w, g, v, out=w, lr=0.1, momentum=0.9).wait_to_read()
    return symbol, executor


def accuracy(executor: mx.executor.Executor, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images that get the right class; the last batch is padded."""
    batch = executor.arg_dict["data"].shape[0]
    right = 0
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        padded = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), part.dtype)])
        guess = executor.forward(is_train=False, data=padded)[0].asnumpy()[: len(part)].argmax(axis=1)
        right += int((guess == labels[start : start + batch]).sum())
    return right / len(images)


def train(
    executor: mx.executor.Executor,
    ctx: mx.Context,
    epochs: int = 15,
    learning_rate: float = 0.05,
    momentum: float = 0.9,
    seed: int = 0,
    progress: bool = True,
) -> float:
    """Train on four fifths of the digits; returns the accuracy on the last fifth."""
    images, labels = load_digits()
    images = images[:, None]
    batch = executor.arg_dict["data"].shape[0]
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(images))
    cut = len(images) * 4 // 5
    train_rows, test_rows = order[:cut], order[cut:]
    _initialise(executor, rng)
    velocity = {name: mx.nd.zeros(g.shape, ctx=ctx) for name, g in executor.grad_dict.items() if g is not None}
    with tqdm(total=epochs * (cut // batch), unit="batch", disable=not progress) as bar:
        for epoch in range(epochs):
            rate = learning_rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
            shuffled = rng.permutation(train_rows)
            for start in range(0, cut - batch + 1, batch):
                rows = shuffled[start : start + batch]
                executor.forward(is_train=True, data=images[rows], softmax_label=labels[rows])
                executor.backward()
                for name, v in velocity.items():
                    mx.nd.sgd_mom_update(
                        executor.arg_dict[name],
                        executor.grad_dict[name],
                        v,
                        out=executor.arg_dict[name],
                        lr=rate,
                        momentum=momentum,
                        rescale_grad=1 / batch,
                    )
                bar.update()
    return accuracy(executor, images[test_rows], labels[test_rows])


def run(args: argparse.Namespace) -> int:
    """The command: train, report, save, load, compare."""
    ctx = mx.cl(args.device) if args.device else mx.current_context()
    device = resolve(ctx)
    print(f"device: {ctx} = {device.name} ({device.platform_name}), {device.rank.reason}")
    start = time.perf_counter()
    symbol, executor = bind(ctx)
    print(
        f"kernels are ready after {time.perf_counter() - start:.1f} s and kept in {kernel_folder(device.platform_name).path} for next time"
    )
    start = time.perf_counter()
    score = train(executor, ctx, epochs=args.epochs)
    print(f"trained in {time.perf_counter() - start:.1f} s; accuracy on {1797 - 1797 * 4 // 5} held-out digits: {score:.4f}")
    memory = executor.plan(is_train=True).memory
    print(
        f"memory for a training step: {memory.arena_bytes} bytes planned, {memory.naive_bytes} naive "
        f"({memory.naive_bytes / memory.arena_bytes:.2f} times as much); "
        f"{len(memory.inplace)} results in place, {len(memory.aliased)} views"
    )
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    symbol_file, params_file = folder / "digits-symbol.json", folder / "digits-0000.params"
    symbol.save(str(symbol_file))
    parameters = {f"arg:{n}": a for n, a in executor.arg_dict.items() if n not in ("data", "softmax_label")}
    mx.nd.save(str(params_file), parameters)
    loaded = mx.sym.load(str(symbol_file)).simple_bind(ctx, grad_req="null", data=executor.arg_dict["data"].shape)
    saved = mx.nd.load(str(params_file))
    assert isinstance(saved, dict)
    loaded.copy_params_from({n.partition(":")[2]: a for n, a in saved.items()})
    sample = load_digits()[0][: loaded.arg_dict["data"].shape[0], None]
    before = executor.forward(is_train=False, data=sample)[0].asnumpy()
    same = bool(np.array_equal(before, loaded.forward(is_train=False, data=sample)[0].asnumpy()))
    print(f"saved {symbol_file} and {params_file}; loaded back, the outputs are {'the same' if same else 'DIFFERENT'}")
    return 0 if same and score >= 0.97 else 1
