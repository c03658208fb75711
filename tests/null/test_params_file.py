"""``.params`` files: those that MXNet 1.9.1 wrote or read, ours to the byte, and hostile ones."""

import struct
from pathlib import Path

import numpy as np
import pytest

from clsym.base import DTYPE_FLAGS, MXNetError
from clsym.ndarray import params_file, params_reader
from clsym.ndarray.params_file import load_buffer, read, write

FILES = Path(__file__).parents[1] / "reference" / "params"


def ramp(dtype, *shape, start=0):
    """The content of the recorded files."""
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return (values % 2 if dtype == "bool" else (values * 7 + start) % 5).astype(dtype)


CSR = np.array([[0, 1, 3], [2, 0, 0], [0, 0, 0], [0, 0, 4]], "float32")
ROW_SPARSE = np.arange(24).reshape(4, 3, 2) * np.array([1, 0, 0, 1]).reshape(4, 1, 1)
OLD = [ramp("float32", 2, 3), ramp("int8", 3, start=1), ramp("float64", 1, 2, 1, 1, start=1)]
WRITTEN = {
    "dict": {"arg:weight": ramp("float32", 2, 3), "aux:mean": ramp("float32", 3), "arg:é": ramp("float16", 1, 1, 2)},
    "list": [ramp(dtype, 1, 3) for dtype in DTYPE_FLAGS],
    "single": [ramp("float32", 3)],
    "empty": [],
    "np_shape": {"scalar": np.array(5, "float32"), "empty": np.zeros((0, 3), "float32"), "vector": ramp("int64", 2)},
    "zero_size": [np.zeros((0, 3), "float32")],
}
READ = WRITTEN | {
    "cpu1": [np.ones(1, "float32")],
    "legacy": dict(zip(["arg:a", "arg:b", "aux:c"], OLD, strict=True)),
    "v1": OLD,
    "mixed": {"x": OLD[0], "y": OLD[1], "z": ramp("float32", 3)},
    "v2_scalar": {"a": np.array(3, "float32"), "b": ramp("float32", 2)},
    "sparse": {
        "csr": CSR,
        "row_sparse": ROW_SPARSE,
        "empty_row_sparse": np.zeros((3, 4), "float32"),
        "empty_csr": np.zeros((3, 4), "float32"),
    },
}


def assert_same(found, expected):
    assert type(found) is type(expected) and len(found) == len(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = found.values(), expected.values()
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.flags.writeable and a.flags.c_contiguous
        np.testing.assert_array_equal(a, b)


def file_of(*records, names=()):
    body = b"".join(records) + struct.pack("<Q", len(names)) + b"".join(struct.pack("<Q", len(n)) + n for n in names)
    return struct.pack("<QQQ", 0x112, 0, len(records)) + body


def record(*shape, data=b"", storage=0, flag=0, magic=0xF993FAC9, ndim=None):
    ndim = len(shape) if ndim is None else ndim
    return struct.pack(f"<Iii{len(shape)}q", magic, storage, ndim, *shape) + struct.pack("<iiI", 1, 0, flag) + data


def sparse_record(storage, stored, shape, aux, data):
    def packed(dims):
        return struct.pack(f"<i{len(dims)}q", len(dims), *dims)

    head = struct.pack("<Ii", 0xF993FAC9, storage) + packed(stored) + packed(shape) + struct.pack("<iiI", 1, 0, 0)
    return head + b"".join(struct.pack("<I", flag) + packed(dims) for flag, dims in aux) + data


ONE = record(2, data=struct.pack("<2f", 1, 2))


@pytest.mark.parametrize("name", READ)
def test_reads_what_mxnet_reads(name):
    assert_same(read(FILES / f"{name}.params"), READ[name])
    assert_same(load_buffer((FILES / f"{name}.params").read_bytes()), READ[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_writes_what_mxnet_writes(name, tmp_path):
    path = tmp_path / "ours.params"
    write(path, WRITTEN[name], np_shape=name == "np_shape")
    assert path.read_bytes() == (FILES / f"{name}.params").read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_scalar_makes_the_whole_file_np_shape(tmp_path):
    write(tmp_path / "ours.params", WRITTEN["np_shape"])
    assert (tmp_path / "ours.params").read_bytes() == (FILES / "np_shape.params").read_bytes()


def test_single_array_and_strides(tmp_path):
    write(tmp_path / "a.params", ramp("float32", 3))
    assert (tmp_path / "a.params").read_bytes() == (FILES / "single.params").read_bytes()
    write(tmp_path / "a.params", [ramp("int32", 4, 6)[::2, 1::2].T, np.arange(3, dtype=">i4")])
    assert_same(read(tmp_path / "a.params"), [np.ascontiguousarray(ramp("int32", 4, 6)[::2, 1::2].T), np.arange(3, dtype="int32")])


def test_no_array_entries():
    none = np.zeros(0, "float32")
    v2, v3, v1, legacy = (
        struct.pack("<Iii", 0xF993FAC9, 0, 0),
        struct.pack("<Iii", 0xF993FACA, 0, -1),
        struct.pack("<Ii", 0xF993FAC8, 0),
        bytes(4),
    )
    assert_same(load_buffer(file_of(v2, v3, v1, legacy, ONE)), [none] * 4 + [np.array([1, 2], "float32")])


def test_bool_bytes_are_normalised():
    (array,) = load_buffer(file_of(record(3, data=b"\x00\x02\xff", flag=7)))
    assert array.tobytes() == b"\x00\x01\x01"


def test_stale_size_of_sparse_values():
    # MXNet writes this when it saves a csr array that is still being made: 0 stored values, although 2 follow.
    data = struct.pack("<2f", 5, 7) + struct.pack("<3q", 0, 1, 2) + struct.pack("<2q", 1, 0)
    (array,) = load_buffer(file_of(sparse_record(2, (0,), (2, 2), [(6, (3,)), (6, (2,))], data)))
    assert array.tolist() == [[0, 5], [7, 0]]


@pytest.mark.parametrize("name", READ)
def test_every_truncation_is_an_error(name):
    whole = (FILES / f"{name}.params").read_bytes()
    for length in range(len(whole)):
        with pytest.raises(MXNetError, match=r"offset \d+"):
            load_buffer(whole[:length])
    # a V2 scalar is only found out by a second reading; when that fails too, the first one's error is shown
    with pytest.raises(MXNetError, match="unknown dtype" if name == "v2_scalar" else "1 bytes follow the last name"):
        load_buffer(whole + b"x")


def test_any_changed_byte_is_an_answer_or_an_error():
    rng = np.random.default_rng(0)
    for name in READ:
        whole = (FILES / f"{name}.params").read_bytes()
        for position in range(len(whole)):
            changed = bytearray(whole)
            changed[position] ^= int(rng.integers(1, 256))
            try:
                load_buffer(bytes(changed))
            except MXNetError as exc:
                assert "offset" in str(exc)  # noqa: PT017


BIG = 1 << 62
HOSTILE = {
    "array count": (struct.pack("<QQQ", 0x112, 0, BIG), "bytes are needed"),
    "dimension": (file_of(record(1 << 40)), "bytes are needed"),
    "product": (file_of(record(BIG, BIG, BIG)), "too large"),
    "empty but vast": (file_of(record(0, BIG, BIG)), "too large"),
    "negative": (file_of(record(-1)), "negative"),
    "two negatives": (file_of(record(-2, -2, data=bytes(16))), "negative"),
    "ndim": (file_of(record(ndim=1 << 30)), "dimensions"),
    "negative ndim": (file_of(record(ndim=-2)), "dimensions"),
    "legacy ndim": (file_of(struct.pack("<I", 0xF993FAC7)), "dimensions"),
    "storage": (file_of(record(2, storage=3)), "unknown storage type 3"),
    "dtype": (file_of(record(2, flag=99)), "unknown dtype flag 99"),
    "bfloat16": (file_of(record(2, flag=12)), "bfloat16"),
    "name count": (file_of(ONE, ONE, names=[b"a"]), "1 names for 2 arrays"),
    "huge name count": (file_of(ONE)[:-8] + struct.pack("<Q", BIG), f"{BIG} names"),
    "name length": (file_of(ONE)[:-8] + struct.pack("<QQ", 1, BIG), "a name of"),
    "utf-8": (file_of(ONE, names=[b"\xff\xfe"]), "not UTF-8"),
    "same names": (file_of(ONE, ONE, names=[b"a", b"a"]), "'a' appears twice"),
    "dense size": (file_of(sparse_record(1, (0,), (1 << 50,), [(6, (0,))], b"")), "dense size"),
    "row index": (file_of(sparse_record(1, (1, 1), (2, 1), [(6, (1,))], struct.pack("<fq", 1, 2))), "outside 0 to 1"),
    "float indices": (file_of(sparse_record(1, (1, 1), (2, 1), [(0, (1,))], bytes(8))), "not integers"),
    "sparse shapes": (file_of(sparse_record(1, (), (2,), [(6, (1,))], bytes(12))), "row_sparse array"),
    "sparse counts": (file_of(sparse_record(1, (2, 1), (2, 1), [(6, (1,))], bytes(16))), "2 sparse values but 1 indices"),
    "csr of 3 dimensions": (file_of(sparse_record(2, (0,), (1, 1, 1), [(6, (2,)), (6, (0,))], bytes(16))), "csr array"),
    "row pointers": (file_of(sparse_record(2, (1,), (1, 1), [(6, (2,)), (6, (1,))], bytes(4 + 16 + 8))), "row pointers"),
    "no row pointers": (file_of(sparse_record(2, (1,), (1, 1), [(6, (0,)), (6, (1,))], bytes(4 + 8))), "row pointers"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(case):
    buffer, problem = HOSTILE[case]
    with pytest.raises(MXNetError, match=rf"'?net\.params'?, offset \d+, .*{problem}.*\. [A-Z]"):
        load_buffer(buffer, where="net.params")


def test_dense_limit_is_of_the_file(monkeypatch):
    rows = sparse_record(1, (0, 10), (100, 10), [(6, (0,))], b"")
    monkeypatch.setattr(params_reader, "DENSE_LIMIT", 8000)
    assert len(load_buffer(file_of(rows, rows))) == 2
    with pytest.raises(MXNetError, match="DENSE_LIMIT"):
        load_buffer(file_of(rows, rows, rows))


@pytest.mark.parametrize(
    ("start", "guess"),
    [
        (b"PK\x03\x04", "zip"),
        (b"\x93NUMPY\x01", "numpy.load"),
        (b"\x80\x04", "pickle"),
        (b"{\n", "mx.sym.load"),
        (b"version https://git-lfs", "LFS"),
    ],
)
def test_foreign_files_are_named(start, guess, tmp_path):
    path = tmp_path / "net.params"
    path.write_bytes(start + bytes(40))
    with pytest.raises(MXNetError, match=rf"net\.params.*offset 0.*{guess}"):
        read(path)


def test_unreadable(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(MXNetError, match="is empty"):
        read(tmp_path / "empty")
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(MXNetError, match="cannot read"):
            read(path)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (3, "cannot save a int"),
        ({1: np.ones(1)}, "names must be str"),
        ({"a": [1.0]}, "'a': it is a list"),
        ([1], "number 0: it is a int"),
        ({"a": np.ones(1, "uint16")}, "'a': element type 'uint16'"),
        ({"a": np.array([object()])}, "'a': element type 'object'"),
        ({"a\0b": np.ones(1)}, "NUL"),
        ({"\ud800": np.ones(1)}, "not valid Unicode"),
    ],
)
def test_unwritable_data(data, problem, tmp_path):
    path = tmp_path / "a.params"
    path.write_bytes(b"old")
    with pytest.raises(MXNetError, match=problem):
        write(path, data)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.params"
    write(path, [np.ones(2)])
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(params_file.os, "fsync", full)
    with pytest.raises(MXNetError, match=r"cannot write.*No space left"):
        write(path, [np.zeros(3)])
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_write_keeps_link_and_mode(tmp_path):
    real, link = tmp_path / "real.params", tmp_path / "link.params"
    write(real, [np.ones(1)])
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, [np.zeros(2)])
    assert link.is_symlink() and read(real)[0].shape == (2,) and real.stat().st_mode & 0o777 == 0o640
    with pytest.raises(MXNetError, match="cannot write"):
        write(tmp_path / "no" / "folder.params", [])
    with pytest.raises(MXNetError, match="cannot write"):
        write(tmp_path, [])
