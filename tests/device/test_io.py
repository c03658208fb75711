"""Iterators over arrays in memory, against what MXNet 1.9.1 gave (`tests/reference/record_io.py`), and what threads do."""

from __future__ import annotations

import gc
import gzip
import importlib.util
import json
import logging
import pickle
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx

REFERENCE = Path(__file__).parents[1] / "reference"
RECORDED = json.loads((REFERENCE / "io.json").read_text())


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_as_mxnet(name: str) -> None:
    found = json.loads(json.dumps(_module(REFERENCE / "record_io.py").CASES[name](mx)))
    assert list(found) == list(RECORDED[name])
    for case, values in found.items():
        assert values == RECORDED[name][case], case


def test_descriptions_are_pickled() -> None:
    d = pickle.loads(pickle.dumps(mx.io.DataDesc("data", (2, 3), np.int32, "TNC")))
    assert (d, d.dtype, d.layout) == (("data", (2, 3)), np.int32, "TNC")


@pytest.mark.parametrize(
    ("given", "match"), [((np.ones((4, 2)), np.ones(3), 2), "'softmax_label' has 3 rows"), ((np.ones(4), None, 0), "batch_size")]
)
def test_what_cannot_be_batched(given: tuple[Any, ...], match: str) -> None:
    with pytest.raises(mx.MXNetError, match=match):
        mx.io.NDArrayIter(*given)


def test_batches_do_not_share_memory_with_the_data() -> None:
    it = mx.io.NDArrayIter(np.zeros((4, 2)), batch_size=2)
    it.next().data[0][:] = 7
    it.reset()
    assert it.next().data[0].asnumpy().max() == 0


class _Breaks(mx.io.DataIter):
    """Raises at its third batch."""

    provide_data = [mx.io.DataDesc("data", (2, 1))]
    provide_label: list[Any] = []

    def __init__(self) -> None:
        super().__init__(2)
        self.at = 0

    def reset(self) -> None:
        self.at = 0

    def next(self) -> mx.io.DataBatch:
        self.at += 1
        if self.at == 3:
            raise ZeroDivisionError("the third")
        return mx.io.DataBatch([mx.nd.ones((2, 1))], [], pad=0)


def test_what_a_thread_raises_reaches_the_caller() -> None:
    it = mx.io.PrefetchingIter(_Breaks())
    for _ in range(2):
        assert it.next().data[0].shape == (2, 1)
        it.next()
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="the third"):
                it.next()
        it.reset()


def test_threads_end_with_their_iterator() -> None:
    before = threading.active_count()
    its = [mx.io.PrefetchingIter(mx.io.NDArrayIter(np.zeros((40, 2)), batch_size=2)) for _ in range(4)]
    for it in its:
        it.next()
    assert threading.active_count() > before
    del its, it
    gc.collect()
    end = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_renames_are_one_an_iterator() -> None:
    with pytest.raises(mx.MXNetError, match="list of 1 dictionaries"):
        mx.io.PrefetchingIter(mx.io.NDArrayIter(np.zeros((4, 2))), rename_data={"data": "x"})


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "begins with"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 2]), "needs 36 bytes, and 0 follow"),
        (bytes([0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]), "follow"),
        (b"\x1f\x8bnot gzip", "cannot read"),
    ],
)
def test_damaged_idx_files(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "im").write_bytes(content)
    (tmp_path / "lb").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 0]))
    with pytest.raises(mx.MXNetError, match=match):
        mx.io.MNISTIter(image=str(tmp_path / "im"), label=str(tmp_path / "lb"))


def test_compressed_idx_files_and_their_order(tmp_path: Path) -> None:
    (tmp_path / "im.gz").write_bytes(gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, *range(8)])))
    (tmp_path / "lb.gz").write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 8, *range(8)])))

    def labels(seed: int) -> list[float]:
        it = mx.io.MNISTIter(image=str(tmp_path / "im"), label=str(tmp_path / "lb"), batch_size=8, seed=seed)
        batch = it.next()
        assert (batch.data[0].asnumpy().ravel() * 256).tolist() == batch.label[0].asnumpy().tolist()
        return batch.label[0].asnumpy().tolist()

    assert labels(1) == labels(1) != labels(2) and sorted(labels(2)) == list(range(8))


@pytest.mark.parametrize("line", ["1 0", "x", "1 9:1", "1 -1:1", "1 0:y"])
def test_damaged_libsvm_files(tmp_path: Path, line: str) -> None:
    (tmp_path / "a").write_text(f"1 0:1\n{line}\n")
    with pytest.raises(mx.MXNetError, match="line 2"):
        mx.io.LibSVMIter(data_libsvm=str(tmp_path / "a"), data_shape=(3,), batch_size=2)


def test_names_are_mxnets() -> None:
    names = {"CSVIter", "DataBatch", "DataDesc", "DataIter", "LibSVMIter", "MNISTIter", "MXDataIter", "NDArrayIter", "PrefetchingIter"}
    assert names | {"ResizeIter", "io", "utils", "_getdata_by_idx", "_has_instance", "_init_data"} <= set(dir(mx.io))


def test_files_damaged_at_random(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "tools" / "hostile_files.py"
    if not path.exists():
        pytest.skip("needs a checkout")
    tool = _module(path)
    for kind, (content, load) in tool._data_sets(tmp_path).items():
        found, _ = tool.run(kind, content, load, 60, 7)
        assert found["FAULT"] == found["SLOW"] == 0 and found["loaded"] + found["refused"] == 60, kind


def test_what_an_iterator_says_leaves_the_set_up_of_logging_to_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "im").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1]) + bytes(4))
    (tmp_path / "lb").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 4]) + bytes(4))
    monkeypatch.setattr(logging.root, "handlers", [])
    mx.io.MNISTIter(image=str(tmp_path / "im"), label=str(tmp_path / "lb"), batch_size=2, silent=False, data_shape=(1,))
    assert logging.root.handlers == []
    assert "data_shape" in capsys.readouterr().err
