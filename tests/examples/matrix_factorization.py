"""Ratings of items by users as products of two embeddings.

Run it as ``python tests/examples/matrix_factorization.py --num-epochs 20``.
"""

from __future__ import annotations

import argparse
import logging

import numpy as np

import clsym as mx


def ratings(users: int, items: int, count: int, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Invented ratings around 3.5: tastes of three kinds, kind users, good items and some noise."""
    taste, nature = rng.normal(size=(users, 3)), rng.normal(size=(items, 3))
    user, item = rng.integers(users, size=count), rng.integers(items, size=count)
    score = 3.5 + 0.5 * (taste[user] * nature[item]).sum(axis=1) + 0.3 * rng.normal(size=users)[user] + 0.4 * rng.normal(size=items)[item]
    score += 0.1 * rng.normal(size=count)
    return {"user": user.astype(np.float32), "item": item.astype(np.float32)}, score.astype(np.float32)


def plain_net(factor_size: int, users: int, items: int) -> mx.sym.Symbol:
    """The score: the product of a user's factors with an item's, and what both have of their own."""
    user, item, score = mx.sym.Variable("user"), mx.sym.Variable("item"), mx.sym.Variable("score")
    a = mx.sym.Embedding(user, input_dim=users, output_dim=factor_size, name="user_factors")
    b = mx.sym.Embedding(item, input_dim=items, output_dim=factor_size, name="item_factors")
    pred = mx.sym.sum(a * b, axis=1)
    pred = pred + mx.sym.Flatten(mx.sym.Embedding(user, input_dim=users, output_dim=1, name="user_level")).reshape((-1,))
    pred = pred + mx.sym.Flatten(mx.sym.Embedding(item, input_dim=items, output_dim=1, name="item_level")).reshape((-1,))
    return mx.sym.LinearRegressionOutput(pred, score, name="pred")


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train and return the error on ratings not seen, beside the spread of the ratings."""
    parser = argparse.ArgumentParser(description="factorize a matrix of ratings", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--num-epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--factor-size", type=int, default=6)
    parser.add_argument("--users", type=int, default=120)
    parser.add_argument("--items", type=int, default=90)
    parser.add_argument("--ratings", type=int, default=6000)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--disp-batches", type=int, default=50, help="batches between two lines of progress")
    parser.add_argument("--device", default="", help="a device as mx.cl() takes it; the default one if not given")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    np.random.seed(args.seed)
    mx.random.seed(args.seed)
    inputs, score = ratings(args.users, args.items, args.ratings, np.random.default_rng(args.seed))
    cut = args.ratings * 5 // 6
    mean = float(score[:cut].mean())
    train, test = (
        mx.io.NDArrayIter({k: v[part] for k, v in inputs.items()}, {"score": score[part] - mean}, args.batch_size, shuffle=shuffle)
        for part, shuffle in ((slice(cut), True), (slice(cut, None), False))
    )
    module = mx.mod.Module(
        plain_net(args.factor_size, args.users, args.items),
        data_names=("user", "item"),
        label_names=("score",),
        context=mx.cl(args.device) if args.device else mx.current_context(),
    )
    module.fit(
        train,
        eval_data=test,
        eval_metric="rmse",
        optimizer="adam",
        optimizer_params={"learning_rate": args.lr, "wd": 1e-4},
        initializer=mx.init.Normal(0.1),
        batch_end_callback=mx.callback.Speedometer(args.batch_size, args.disp_batches),
        num_epoch=args.num_epochs,
    )
    return {"rmse": dict(module.score(test, "rmse"))["rmse"], "spread": float(score[cut:].std())}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(main())
