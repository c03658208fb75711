"""A generator that draws digits, trained against a discriminator: two Modules, one of which passes gradients to the other.

Run it as ``python tests/examples/gan_digits.py --num-epochs 60``.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np

import clsym as mx

DATA = Path(__file__).parent / "data" / "digits.npz"


def generator(filters: int) -> mx.sym.Symbol:
    """From numbers drawn at random (batch, n, 1, 1) to pictures (batch, 1, 8, 8) between -1 and 1."""
    net = mx.sym.Deconvolution(mx.sym.Variable("rand"), kernel=(4, 4), num_filter=2 * filters, no_bias=True, name="g1")
    net = mx.sym.Activation(mx.sym.BatchNorm(net, fix_gamma=False, name="gbn1"), act_type="relu")
    net = mx.sym.Deconvolution(net, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=filters, no_bias=True, name="g2")
    net = mx.sym.Activation(mx.sym.BatchNorm(net, fix_gamma=False, name="gbn2"), act_type="relu")
    net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=1, name="g3")
    return mx.sym.Activation(net, act_type="tanh", name="gout")


def discriminator(filters: int) -> mx.sym.Symbol:
    """How probable it is that a picture is a real one."""
    net = mx.sym.Convolution(mx.sym.Variable("data"), kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=filters, name="d1")
    net = mx.sym.LeakyReLU(net, act_type="leaky", slope=0.2)
    net = mx.sym.Convolution(net, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=2 * filters, name="d2")
    net = mx.sym.LeakyReLU(net, act_type="leaky", slope=0.2)
    net = mx.sym.FullyConnected(mx.sym.Flatten(net), num_hidden=1, name="d3")
    return mx.sym.LogisticRegressionOutput(net, mx.sym.Variable("label"), name="dloss")


def distance(pictures: np.ndarray, real: np.ndarray) -> float:
    """How far a picture lies from the real one nearest to it, in the mean (root mean square over pixels)."""
    a, b = pictures.reshape(len(pictures), -1), real.reshape(len(real), -1)
    return float(np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=2).min(axis=1)).mean())


def show(picture: np.ndarray) -> str:
    """A picture in characters."""
    return "\n".join("".join(" .:-=+*#%@"[int((v + 1) * 4.99)] * 2 for v in row) for row in picture)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train and return how near the generator's pictures come to real ones, before and after."""
    parser = argparse.ArgumentParser(description="draw digits", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--num-epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--noise", type=int, default=16, help="how many numbers a picture is made from")
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--show", action="store_true", help="print a picture after training")
    parser.add_argument("--device", default="", help="a device as mx.cl() takes it; the default one if not given")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    random.seed(args.seed)
    np.random.seed(args.seed)
    mx.random.seed(args.seed)
    context = mx.cl(args.device) if args.device else mx.current_context()
    with np.load(DATA) as file:
        real = file["images"].astype(np.float32)[:, None] / 8 - 1
    train = mx.io.NDArrayIter(real, batch_size=args.batch_size, shuffle=True, last_batch_handle="discard")
    shape = (args.batch_size, args.noise, 1, 1)
    zeros, ones = mx.nd.zeros((args.batch_size, 1), ctx=context), mx.nd.ones((args.batch_size, 1), ctx=context)

    draw = mx.mod.Module(generator(args.filters), data_names=("rand",), label_names=None, context=context)
    draw.bind(data_shapes=[("rand", shape)])
    tell = mx.mod.Module(discriminator(args.filters), data_names=("data",), label_names=("label",), context=context)
    tell.bind(data_shapes=train.provide_data, label_shapes=[("label", (args.batch_size, 1))], inputs_need_grad=True)
    for module in (draw, tell):
        module.init_params(mx.init.Normal(0.05))
        module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": args.lr, "wd": 0.0, "beta1": 0.5})

    fixed = mx.nd.random.normal(0, 1, shape=shape, ctx=context)

    def gallery() -> np.ndarray:
        draw.forward(mx.io.DataBatch([fixed], []), is_train=True)
        return draw.get_outputs()[0].asnumpy()

    before = distance(gallery(), real)
    told = mx.metric.CustomMetric(lambda label, pred: float(((pred > 0.5) == label).mean()), name="told apart")
    for epoch in range(args.num_epochs):
        train.reset()
        told.reset()
        for batch in train:
            draw.forward(mx.io.DataBatch([mx.nd.random.normal(0, 1, shape=shape, ctx=context)], []), is_train=True)
            drawn = draw.get_outputs()
            for data, label in ((drawn, zeros), (batch.data, ones)):
                tell.forward(mx.io.DataBatch(data, [label]), is_train=True)
                tell.backward()
                tell.update()
                tell.update_metric(told, [label])
            # the generator's gradient is that of the picture which the discriminator takes for a real one
            tell.forward(mx.io.DataBatch(drawn, [ones]), is_train=True)
            tell.backward()
            draw.backward(tell.get_input_grads())
            draw.update()
        print(f"epoch {epoch}: {told.get()[0]} {told.get()[1]:.3f}, distance {distance(gallery(), real):.3f}")
    if args.show:
        print(show(gallery()[0, 0]))
    return {"before": before, "after": distance(gallery(), real), "told apart": float(told.get()[1])}


if __name__ == "__main__":
    print(main())
