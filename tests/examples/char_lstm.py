"""A character LSTM over lines of a poem: one symbol for each length of line, by BucketingModule.

Run it as ``python tests/examples/char_lstm.py --num-epochs 60 --sample``.
"""

from __future__ import annotations

import argparse
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np

import clsym as mx

TEXT = Path(__file__).parent / "data" / "carroll.txt"
PADDING = 0  # the id of no character: what fills short lines, and is left out of the perplexity


def sample(module: mx.mod.BucketingModule, vocab: dict[str, int], bucket: int, seed: str = "The ") -> str:
    """Continue a line by what the network takes for most probable."""
    names = {i: c for c, i in vocab.items()}
    line = seed
    batch = module.data_shapes[0].shape[0]
    while len(line) < bucket:
        ids = np.zeros((batch, bucket), np.float32)
        ids[0, : len(line)] = [vocab[c] for c in line]
        data = [mx.io.DataDesc("data", ids.shape, layout="NT")]
        labels = [mx.io.DataDesc("softmax_label", ids.shape, layout="NT")]
        module.forward(mx.io.DataBatch([mx.nd.array(ids)], [mx.nd.zeros(ids.shape)], bucket_key=bucket, provide_data=data,
                                       provide_label=labels), is_train=False)  # fmt: skip
        probability = module.get_outputs()[0].asnumpy().reshape(batch, bucket, -1)[0, len(line) - 1]
        probability[PADDING] = 0
        character = names[int(probability.argmax())]
        if character == "\n":
            break
        line += character
    return line


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train and return the perplexity, beside that of knowing only how frequent each character is."""
    parser = argparse.ArgumentParser(description="train a character LSTM", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--num-epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--num-layers", type=int, default=1)
    parser.add_argument("--num-hidden", type=int, default=64)
    parser.add_argument("--num-embed", type=int, default=16)
    parser.add_argument("--buckets", type=int, nargs="+", default=[24, 32, 40, 48], help="lengths that lines are filled up to")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--disp-batches", type=int, default=10, help="batches between two lines of progress")
    parser.add_argument("--sample", action="store_true", help="print a line that the network writes")
    parser.add_argument("--device", default="", help="a device as mx.cl() takes it; the default one if not given")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    random.seed(args.seed)
    np.random.seed(args.seed)
    mx.random.seed(args.seed)
    lines = TEXT.read_text(encoding="ascii").splitlines(keepends=True)
    sentences, vocab = mx.rnn.encode_sentences(lines, invalid_label=PADDING, invalid_key="", start_label=1)
    data = mx.rnn.BucketSentenceIter(sentences, args.batch_size, buckets=list(args.buckets), invalid_label=PADDING)

    stack = mx.rnn.SequentialRNNCell()
    for i in range(args.num_layers):
        stack.add(mx.rnn.LSTMCell(num_hidden=args.num_hidden, prefix=f"lstm_l{i}_"))

    def sym_gen(seq_len: int) -> tuple[mx.sym.Symbol, Any, Any]:
        label = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        embed = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=len(vocab), output_dim=args.num_embed, name="embed")
        stack.reset()
        outputs, _ = stack.unroll(seq_len, inputs=embed, merge_outputs=True)
        pred = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, args.num_hidden)), num_hidden=len(vocab), name="pred")
        return mx.sym.SoftmaxOutput(pred, label, name="softmax", use_ignore=True, ignore_label=PADDING), ("data",), ("softmax_label",)

    module = mx.mod.BucketingModule(
        sym_gen,
        default_bucket_key=data.default_bucket_key,
        context=mx.cl(args.device) if args.device else mx.current_context(),
    )
    perplexity = mx.metric.Perplexity(PADDING)
    module.fit(
        data,
        eval_metric=perplexity,
        optimizer="adam",
        optimizer_params={"learning_rate": args.lr, "rescale_grad": 1 / args.batch_size, "clip_gradient": 5.0},
        initializer=mx.init.Xavier(factor_type="in", magnitude=2.34),
        batch_end_callback=mx.callback.Speedometer(args.batch_size, args.disp_batches, auto_reset=False),
        num_epoch=args.num_epochs,
    )
    frequency = np.bincount([i for s in sentences for i in s])[1:] / sum(map(len, sentences))
    frequency = frequency[frequency > 0]
    if args.sample:
        print(sample(module, vocab, max(args.buckets)))
    guessing = float(np.exp(-(frequency * np.log(frequency)).sum()))
    return {"perplexity": dict(module.score(data, perplexity))["perplexity"], "of frequencies alone": guessing}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(main())
