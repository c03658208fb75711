"""LeNet on 8x8 handwritten digits by Module.fit.

Run it as ``python tests/examples/lenet.py --num-epochs 10``.
"""

from __future__ import annotations

import argparse
import logging
import random
from pathlib import Path

import numpy as np

import clsym as mx

DATA = Path(__file__).parent / "data" / "digits.npz"
TRAIN = 1437


def lenet(num_classes: int = 10) -> mx.sym.Symbol:
    """Two convolutions with pooling, two fully connected layers."""
    data = mx.sym.Variable("data")
    net = mx.sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=16, name="conv1")
    net = mx.sym.Activation(net, act_type="relu", name="relu1")
    net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=32, name="conv2")
    net = mx.sym.Activation(net, act_type="relu", name="relu2")
    net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool2")
    net = mx.sym.FullyConnected(mx.sym.Flatten(net), num_hidden=64, name="fc1")
    net = mx.sym.Activation(net, act_type="relu", name="relu3")
    net = mx.sym.FullyConnected(net, num_hidden=num_classes, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def iterators(batch_size: int) -> tuple[mx.io.DataIter, mx.io.DataIter]:
    """1,437 digits to train on and 360 to test on, drawn once for all."""
    with np.load(DATA) as file:
        order = np.random.default_rng(0).permutation(len(file["labels"]))
        images = file["images"][order].astype(np.float32)[:, None] / 16
        labels = file["labels"][order].astype(np.float32)
    train = mx.io.NDArrayIter(images[:TRAIN], labels[:TRAIN], batch_size, shuffle=True, last_batch_handle="discard")
    return train, mx.io.NDArrayIter(images[TRAIN:], labels[TRAIN:], batch_size)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train and return the figures of the test part."""
    parser = argparse.ArgumentParser(description="train LeNet on digits", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--num-epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--mom", type=float, default=0.9)
    parser.add_argument("--disp-batches", type=int, default=20, help="batches between two lines of progress")
    parser.add_argument("--model-prefix", help="where a checkpoint is saved after every epoch")
    parser.add_argument("--device", default="", help="a device as mx.cl() takes it; the default one if not given")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    random.seed(args.seed)
    np.random.seed(args.seed)
    mx.random.seed(args.seed)
    train, test = iterators(args.batch_size)
    steps = args.num_epochs * (TRAIN // args.batch_size)

    module = mx.mod.Module(lenet(), context=mx.cl(args.device) if args.device else mx.current_context())
    module.fit(
        train,
        eval_data=test,
        eval_metric=["accuracy", "ce"],
        optimizer="sgd",
        optimizer_params={
            "learning_rate": args.lr,
            "momentum": args.mom,
            "wd": 1e-4,
            "lr_scheduler": mx.lr_scheduler.CosineScheduler(max_update=steps, base_lr=args.lr),
        },
        initializer=mx.init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2),
        batch_end_callback=mx.callback.Speedometer(args.batch_size, args.disp_batches),
        epoch_end_callback=mx.callback.do_checkpoint(args.model_prefix) if args.model_prefix else None,
        num_epoch=args.num_epochs,
    )
    return dict(module.score(test, ["accuracy", "ce"]))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(main())
