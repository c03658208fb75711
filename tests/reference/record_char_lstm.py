"""Perplexity of a character LSTM, epoch by epoch, from weights and an order of batches that numpy's generators give.

Run it with MXNet 1.9.1 (``python record_char_lstm.py``): it writes char_lstm.json. The test imports `curve`.
"""

import json
import random
from pathlib import Path

import numpy as np

TEXT = Path(__file__).parents[1] / "examples" / "data" / "carroll.txt"
HIDDEN, BATCH, EPOCHS = 32, 16, 5


def curve(mx, **where):
    random.seed(3)
    np.random.seed(3)
    lines = TEXT.read_text(encoding="ascii").splitlines(keepends=True)
    sentences, vocab = mx.rnn.encode_sentences(lines, invalid_label=0, invalid_key="", start_label=1)
    data = mx.rnn.BucketSentenceIter(sentences, BATCH, buckets=[32, 48], invalid_label=0)
    stack = mx.rnn.SequentialRNNCell()
    for i in range(2):
        stack.add(mx.rnn.LSTMCell(num_hidden=HIDDEN, prefix="lstm_l%d_" % i))

    def sym_gen(length):
        label = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        embed = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=len(vocab), output_dim=16, name="embed")
        stack.reset()
        outputs = stack.unroll(length, inputs=embed, merge_outputs=True)[0]
        pred = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, HIDDEN)), num_hidden=len(vocab), name="pred")
        return mx.sym.SoftmaxOutput(pred, label, name="softmax", use_ignore=True, ignore_label=0), ("data",), ("softmax_label",)

    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=data.default_bucket_key, **where)
    module.bind(data.provide_data, data.provide_label)
    module.init_params(mx.init.Zero())
    rng = np.random.RandomState(7)
    params = {k: mx.nd.array(rng.uniform(-0.2, 0.2, v.shape)) for k, v in sorted(module.get_params()[0].items())}
    module.set_params(params, {})
    settings = {"learning_rate": 0.01, "rescale_grad": 1 / BATCH, "clip_gradient": 5.0}
    module.init_optimizer(optimizer="adam", optimizer_params=settings)
    found = []
    for _ in range(EPOCHS):
        data.reset()
        perplexity = mx.metric.Perplexity(0)
        for batch in data:
            module.forward_backward(batch)
            module.update()
            module.update_metric(perplexity, batch.label)
        found.append(float(perplexity.get()[1]))
    return found


if __name__ == "__main__":
    import mxnet

    Path(__file__).with_name("char_lstm.json").write_text(json.dumps(curve(mxnet)) + "\n")
