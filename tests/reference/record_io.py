"""What MXNet's iterators give, case by case; run with MXNet 1.9.1 it writes io.json, tests run the same cases with clsym.

    python tests/reference/record_io.py
"""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path

import numpy as np

X = np.arange(20).reshape(10, 2)
Y = np.arange(10)


def _plain(batch):
    return [[x.asnumpy().tolist() for x in batch.data], [x.asnumpy().tolist() for x in batch.label], batch.pad]


def _epochs(it, count=3):
    found = []
    for _ in range(count):
        found.append([_plain(b) for b in it])
        found.append(int(getattr(it, "cursor", 0)))
        it.reset()
    return found


def _described(it):
    return [repr(it.provide_data), repr(it.provide_label)]


def _raised(function):
    try:
        return repr(function())
    except Exception as exc:
        return type(exc).__name__


def ndarray_iter(mx):
    """Ends of an epoch, orders, names, types."""
    io, found = mx.io, {}
    for end in ("pad", "discard", "roll_over"):
        for size in (1, 3, 4, 5, 10):
            found[f"{end} {size}"] = _epochs(io.NDArrayIter(X, Y, size, last_batch_handle=end), 4)
        np.random.seed(3)
        it = io.NDArrayIter({"x": X, "a": mx.nd.array(X, dtype="int32")}, Y, 4, shuffle=True, last_batch_handle=end)
        found[f"{end} shuffled"] = [_described(it), *_epochs(it), it.idx.tolist(), it.data_list[2].asnumpy().tolist()]
        it = io.NDArrayIter(X, Y, 4, last_batch_handle=end)
        list(it)
        it.hard_reset()
        found[f"{end} hard_reset"] = _epochs(it)
    found["larger than the data"] = [_epochs(io.NDArrayIter(X, None, n)) for n in (13, 25)]
    found["discard larger"] = _epochs(io.NDArrayIter(X, None, 11, last_batch_handle="discard"))
    found["roll over larger"] = _epochs(io.NDArrayIter(X, None, 11, last_batch_handle="roll_over"))
    cases = {
        "dict": lambda: io.NDArrayIter({"b": X, "a": X.astype("float64")}, {"z": Y, "c": np.ones((10, 1, 2), "int8")}, 4),
        "list": lambda: io.NDArrayIter([X, X + 1], [X], 5),
        "named": lambda: io.NDArrayIter([X], [X, X], 5, data_name="q", label_name="l"),
        "arrays": lambda: io.NDArrayIter(mx.nd.array(X, dtype="uint8"), mx.nd.array(X), 5, layout="NTC"),
        "no rows": lambda: io.NDArrayIter(np.zeros((0, 2)), batch_size=2),
        "no label": lambda: io.NDArrayIter(X, [], 2),
        "list of lists": lambda: io.NDArrayIter([[1, 2], [3, 4]]),
        "None": lambda: io.NDArrayIter(None),
        "empty": lambda: io.NDArrayIter([]),
        "empty dict": lambda: io.NDArrayIter({}),
        "number": lambda: io.NDArrayIter(3),
        "text": lambda: io.NDArrayIter("x"),
        "numbers": lambda: io.NDArrayIter([1, 2]),
        "tuple": lambda: io.NDArrayIter((X, X)),
        "label number": lambda: io.NDArrayIter(X, 3),
    }
    for name, make in cases.items():
        found[name] = _raised(lambda make=make: _described(make()))
    it = io.NDArrayIter(X, Y, 4)
    found["before"] = [_raised(it.getdata), it.getpad(), it.getindex()]
    list(it)
    found["behind"] = [_raised(it.getdata), it.getpad(), _raised(it.next), it.iter_next(), it.cursor]
    it.reset()
    found["by hand"] = [it.iter_next(), it.getdata()[0].shape[0], it.getpad(), it.cursor]
    batch = it.next()
    found["batch"] = [repr(batch.provide_data), repr(batch.bucket_key), repr(batch.index), str(batch)]
    return found


def descriptions(mx):
    """DataDesc and DataBatch as texts."""
    io = mx.io
    d = io.DataDesc("data", (2, 3), np.int32, "TNC")
    return {
        "desc": [repr(d), str(d), d == ("data", (2, 3)), list(d._fields), repr(io.DataDesc("x", (1,)))],
        "axis": [io.DataDesc.get_batch_axis(x) for x in (None, "NCHW", "TNC", "CHW", "")],
        "list": [
            _raised(lambda: io.DataDesc.get_list([("a", (1, 2)), ("b", (3,))], None)),
            _raised(lambda: io.DataDesc.get_list([("a", (1, 2)), ("b", (3,))], [("a", np.int32), ("b", np.float16)])),
            _raised(lambda: io.DataDesc.get_list([("a", (1, 2)), ("b", (3,))], [("b", np.float16)])),
        ],
        "batch": [str(io.DataBatch([mx.nd.ones(2)])), str(io.DataBatch([mx.nd.ones((2, 3))], [mx.nd.zeros((2,))], pad=1))],
        "wrong": [_raised(lambda: io.DataBatch(mx.nd.ones((2, 3)))), _raised(lambda: io.DataBatch([1], mx.nd.ones(2)))],
        "base": [_raised(io.DataIter(3).next), repr(io.DataIter(3).iter_next()), vars(io.DataIter(3))],
    }


def resized(mx):
    """ResizeIter."""
    found = {}
    for size in (1, 2, 5, 7):
        for inner in (True, False):
            it = mx.io.ResizeIter(mx.io.NDArrayIter(X, Y, 4), size, inner)
            found[f"{size} {inner}"] = [_described(it), it.batch_size, it.reset_internal, it.cur, _epochs(it)]
    it = mx.io.ResizeIter(mx.io.NDArrayIter(X, None, 4), 2)
    found["before"] = [repr(it.current_batch), _raised(it.getdata)]
    return found


def prefetched(mx):
    """PrefetchingIter."""
    io = mx.io

    def pair(**rename):
        return io.PrefetchingIter([io.NDArrayIter(X, Y, 4), io.NDArrayIter({"x": X + 1}, {"y": Y}, 4)], **rename)

    renamed = pair(rename_data=[{"data": "d1"}, {"x": "d2"}], rename_label=[{"softmax_label": "l1"}, {"y": "l2"}])
    batch = renamed.next()
    short = io.PrefetchingIter([io.NDArrayIter(X, None, 5), io.NDArrayIter({"x": X}, None, 3)])
    return {
        "one": [_described(io.PrefetchingIter(io.NDArrayIter(X, Y, 4))), _epochs(io.PrefetchingIter(io.NDArrayIter(X, Y, 4)))],
        "two": [_described(pair()), _epochs(pair()), pair().batch_size, pair().n_iter],
        "renamed": [_described(renamed), repr(batch.provide_data), repr(batch.provide_label), _plain(batch), renamed.getpad()],
        "short": [len(_plain(short.next())), _raised(lambda: [short.next(), short.next(), short.next()])],
    }


def files(mx):
    """Iterators over files."""
    io, found = mx.io, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "x.csv").write_text("1,2,3\n4,5,6\n7,8,9\n10,11,12\n")
        (folder / "y.csv").write_text("0\n1\n2\n3\n")
        (folder / "t.svm").write_text("1.0 0:0.5 2:1.2\n-2.0\n-3.0 0:0.6 1:2.4 2:1.2\n4 2:-1.2\n")
        (folder / "l.svm").write_text("1.0\n-2.0 0:0.125\n-3.0 2:1.2\n4 1:1.0 2:-1.2\n")
        images = np.arange(40, dtype="uint8") * 6
        (folder / "im").write_bytes(struct.pack(">IIII", 2051, 10, 2, 2) + images.tobytes())
        (folder / "lb").write_bytes(struct.pack(">II", 2049, 10) + bytes(range(10)))

        def csv(**given):
            return io.CSVIter(data_csv=str(folder / "x.csv"), **given)

        def svm(**given):
            return io.LibSVMIter(data_libsvm=str(folder / "t.svm"), data_shape=(3,), batch_size=3, **given)

        def mnist(**given):
            given = {"image": str(folder / "im"), "label": str(folder / "lb"), "batch_size": 3, "silent": True, **given}
            return io.MNISTIter(shuffle=False, **given)

        makers = {
            "csv": lambda: csv(data_shape=(3, 1), batch_size=2, data_name="q", label_name="l"),
            "csv text": lambda: csv(data_shape="(3,)", batch_size="2", round_batch="False", dtype="int32"),
            "csv int64": lambda: csv(data_shape=(3,), batch_size=4, dtype="int64"),
            "csv rounds": lambda: csv(data_shape=(3,), label_csv=str(folder / "y.csv"), batch_size=3),
            "csv does not": lambda: csv(data_shape=(3,), label_csv=str(folder / "y.csv"), batch_size=3, round_batch=False),
            "svm": svm,
            "svm labels": lambda: svm(label_libsvm=str(folder / "l.svm"), label_shape=(3,)),
            "mnist": mnist,
            "mnist flat": lambda: mnist(flat=True),
            "mnist part": lambda: mnist(num_parts=3, part_index=2),
        }
        for case, make in makers.items():
            it = make()
            epochs = []
            for _ in range(3):
                epochs.append([[*_plain(b), [int(i) for i in b.index]] for b in it])
                it.reset()
            found[case] = [_described(it), it.batch_size, epochs]
        wrong = [
            lambda: csv(data_shape=(2,), batch_size=2).next(),
            lambda: csv(batch_size=2),
            lambda: len(list(csv(data_shape=(3,), batch_size=2, foo=1))),
            lambda: csv(data_shape=(3,), batch_size=2, dtype="float64"),
            lambda: list(csv(data_shape=(3,), batch_size=9)),
            lambda: svm(round_batch=False),
            lambda: io.CSVIter(data_csv=str(folder / "none"), data_shape=(3,), batch_size=2),
            lambda: mnist(image=str(folder / "none")),
        ]
        found["wrong"] = [_raised(make) for make in wrong]
    return found


CASES = {f.__name__: f for f in (ndarray_iter, descriptions, resized, prefetched, files)}


def main() -> None:
    import mxnet

    found = {name: case(mxnet) for name, case in CASES.items()}
    text = json.dumps(found, separators=(",", ":"))
    Path(__file__).with_name("io.json").write_text(text + "\n")
    print(len(text))


if __name__ == "__main__":
    main()
