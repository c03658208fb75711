"""mx.rnn on devices: fused and plain cells compute the same from the same file; buckets of sentences."""

import random
from pathlib import Path

import numpy as np
import pytest

import clsym as mx


def _run(net, where, args, data):
    shapes = {"data": data.shape}
    executor = net.simple_bind(where, grad_req="null", **shapes)
    executor.copy_params_from(args)
    executor.arg_dict["data"][:] = data
    return executor.forward()[0].asnumpy()


@pytest.mark.parametrize(("mode", "both"), [("lstm", True), ("gru", False), ("rnn_relu", True)])
def test_fused_and_plain_cells_load_each_others_files(ctx, tmp_path: Path, mode: str, both: bool) -> None:
    rng = np.random.default_rng(3)
    fused = mx.rnn.FusedRNNCell(5, 2, mode, both, prefix="n_")
    net, _ = fused.unroll(3, mx.sym.Variable("data"), layout="TNC", merge_outputs=True)
    sizes = dict(zip(net.list_arguments(), net.infer_shape(data=(3, 2, 4))[0], strict=True))
    data = rng.standard_normal((3, 2, 4)).astype(np.float32)
    args = {n: mx.nd.array(rng.uniform(-0.3, 0.3, s), ctx=ctx) for n, s in sizes.items() if n != "data"}
    prefix = str(tmp_path / "m")
    mx.rnn.do_rnn_checkpoint(fused, prefix)(0, net, args, {})
    plain = fused.unfuse()
    unrolled, _ = plain.unroll(3, mx.sym.Variable("data"), layout="TNC", merge_outputs=True)
    _, own, _ = mx.rnn.load_rnn_checkpoint(plain, prefix, 1)
    _, back, _ = mx.rnn.load_rnn_checkpoint([fused], prefix, 1)
    np.testing.assert_array_equal(back["n_parameters"].asnumpy(), args["n_parameters"].asnumpy())
    np.testing.assert_allclose(_run(unrolled, ctx, own, data), _run(net, ctx, args, data), rtol=1e-5, atol=1e-6)


def test_buckets(ctx, capsys) -> None:
    random.seed(3)
    np.random.seed(4)
    sentences = [list(range(1, n + 1)) for n in (2, 3, 5, 5, 7, 9, 2, 2, 3, 12, 5, 4, 4, 4, 3, 3, 2)]
    with ctx:
        batches = mx.rnn.BucketSentenceIter(sentences, 2, buckets=[9, 3, 5], layout="TN", invalid_label=0)
    assert capsys.readouterr().out == "WARNING: discarded 1 sentences longer than the largest bucket.\n"
    assert batches.default_bucket_key == 9 and batches.provide_data[0].shape == (9, 2)
    seen = 0
    for batch in batches:
        data, label = batch.data[0].asnumpy(), batch.label[0].asnumpy()
        assert data.shape == (batch.bucket_key, 2) == batch.provide_data[0].shape
        np.testing.assert_array_equal(label[:-1], data[1:])
        assert not label[-1].any()
        seen += 1
    assert seen == 4 + 3 + 1
    batches.reset()
    assert len(list(batches)) == seen
    with pytest.raises(ValueError, match="Invalid layout"):
        mx.rnn.BucketSentenceIter([[1, 2]], 1, buckets=[2], layout="XX")
