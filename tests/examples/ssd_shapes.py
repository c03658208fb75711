"""A single-shot detector that finds squares and crosses in drawn pictures.

Run it as ``python tests/examples/ssd_shapes.py --num-epochs 20``.
"""

from __future__ import annotations

import argparse
import logging

import numpy as np

import clsym as mx

CLASSES = ["square", "cross"]
SIZES = [(0.3, 0.4), (0.55, 0.7)]  # of the boxes that each map of features proposes, in parts of the picture


def pictures(count: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of one or two shapes; labels (class, left, top, right, bottom), filled up with -1."""
    images = rng.normal(0, 0.1, (count, 1, size, size)).astype(np.float32)
    labels = np.full((count, 2, 5), -1, np.float32)
    for image, label in zip(images[:, 0], labels, strict=True):
        for k in range(rng.integers(1, 3)):
            kind, edge = rng.integers(len(CLASSES)), rng.integers(size // 4, size // 2)
            left = rng.integers(0, size // 2 - edge + 1) + k * size // 2  # the second in the right half
            top = rng.integers(0, size - edge + 1)
            shape = np.ones((edge, edge), np.float32)
            if kind == 1:
                arm = edge // 3
                shape[:arm, :arm] = shape[:arm, -arm:] = shape[-arm:, :arm] = shape[-arm:, -arm:] = 0
            image[top : top + edge, left : left + edge] += shape * rng.uniform(0.6, 1)
            label[k] = kind, left / size, top / size, (left + edge) / size, (top + edge) / size
    return images, labels


def detector() -> mx.sym.Symbol:
    """The network with its losses and, as a fourth output, what it detects."""
    net, label = mx.sym.Variable("data"), mx.sym.Variable("label")
    maps = []
    for i, filters in enumerate((16, 32, 32)):
        net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=filters, no_bias=True, name=f"conv{i}")
        net = mx.sym.BatchNorm(net, fix_gamma=False, name=f"norm{i}")
        net = mx.sym.Pooling(mx.sym.Activation(net, act_type="relu"), kernel=(2, 2), stride=(2, 2), pool_type="max")
        maps.append(net)
    scores, places, boxes = [], [], []
    for i, (features, sizes) in enumerate(zip(maps[1:], SIZES, strict=True)):
        boxes.append(mx.sym.contrib.MultiBoxPrior(features, sizes=sizes, ratios=(1,), name=f"boxes{i}"))
        for found, width in ((scores, len(CLASSES) + 1), (places, 4)):
            out = mx.sym.Convolution(features, kernel=(3, 3), pad=(1, 1), num_filter=len(sizes) * width, name=f"head{i}_{width}")
            found.append(mx.sym.Flatten(mx.sym.transpose(out, axes=(0, 2, 3, 1))))
    anchors = mx.sym.concat(*boxes, dim=1)
    place = mx.sym.concat(*places, dim=1)
    score = mx.sym.transpose(mx.sym.reshape(mx.sym.concat(*scores, dim=1), shape=(0, -1, len(CLASSES) + 1)), axes=(0, 2, 1))
    place_target, place_mask, score_target = mx.sym.contrib.MultiBoxTarget(
        anchors, label, score, overlap_threshold=0.5, ignore_label=-1, negative_mining_ratio=3, negative_mining_thresh=0.5, name="target"
    )
    probability = mx.sym.SoftmaxOutput(
        score, score_target, ignore_label=-1, use_ignore=True, multi_output=True, normalization="valid", name="class"
    )
    error = mx.sym.smooth_l1(place_mask * (place - place_target), scalar=1)
    place_loss = mx.sym.MakeLoss(error, normalization="valid", name="place")
    found = mx.sym.contrib.MultiBoxDetection(probability, place, anchors, nms_threshold=0.45, name="found")
    return mx.sym.Group([probability, place_loss, mx.sym.BlockGrad(score_target), mx.sym.BlockGrad(found)])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    edges = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.clip(edges, 0, None)))
    return common / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common)


def judge(found: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Which part of the shapes was found, by class and place, and which part of what was found is there."""
    hits = shapes = claims = 0
    for rows, truth in zip(found, labels, strict=True):
        rows, truth = rows[(rows[:, 0] >= 0) & (rows[:, 1] > threshold)], truth[truth[:, 0] >= 0]
        hits += sum(any(r[0] == t[0] and overlap(r[2:], t[1:]) > 0.5 for r in rows) for t in truth)
        shapes, claims = shapes + len(truth), claims + len(rows)
    return {"recall": hits / shapes, "precision": hits / max(claims, 1)}


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train and return recall and precision on pictures not seen."""
    parser = argparse.ArgumentParser(description="detect drawn shapes", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--num-epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--pictures", type=int, default=320)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.005)
    parser.add_argument("--disp-batches", type=int, default=10, help="batches between two lines of progress")
    parser.add_argument("--device", default="", help="a device as mx.cl() takes it; the default one if not given")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    np.random.seed(args.seed)
    mx.random.seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train = mx.io.NDArrayIter(*pictures(args.pictures, args.size, rng), args.batch_size, shuffle=True, label_name="label")
    images, labels = pictures(4 * args.batch_size, args.size, rng)
    test = mx.io.NDArrayIter(images, labels, args.batch_size, label_name="label")

    module = mx.mod.Module(detector(), label_names=("label",), context=mx.cl(args.device) if args.device else mx.current_context())
    module.fit(
        train,
        eval_metric=mx.metric.Loss(output_names=["place_output"], label_names=[]),
        optimizer="adam",
        optimizer_params={"learning_rate": args.lr, "rescale_grad": 1.0},
        initializer=mx.init.Xavier(magnitude=2),
        batch_end_callback=mx.callback.Speedometer(args.batch_size, args.disp_batches),
        num_epoch=args.num_epochs,
    )
    return judge(module.predict(test)[3].asnumpy(), labels)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(main())
