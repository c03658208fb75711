"""Record files, to the byte as MXNet 1.9.1 writes them, and what damaged ones raise."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from clsym import MXNetError, recordio

MAGIC = struct.pack("<I", 0xCED7230A)
RECORDS = [b"", b"a", b"abcd", MAGIC, b"xx" + MAGIC, MAGIC * 2, MAGIC + b"abc", b"abcd" + MAGIC + b"efgh", b"abc" + MAGIC + b"z"]
# what MXNet 1.9.1 wrote for them
WRITTEN = (
    "0a23d7ce000000000a23d7ce01000000610000000a23d7ce04000000616263640a23d7ce000000200a23d7ce000000600a23d7ce0600000078780a23d7ce0000"
    "0a23d7ce000000200a23d7ce000000400a23d7ce000000600a23d7ce000000200a23d7ce0300006061626300"
    "0a23d7ce04000020616263640a23d7ce04000060656667680a23d7ce080000006162630a23d7ce7a"
)


def _write(path: Path) -> Path:
    file = recordio.MXRecordIO(path, "w")
    for record in RECORDS:
        file.write(record)
    with pytest.raises(AssertionError, match="for writing"):
        file.read()
    file.close()
    return path


def test_files_are_mxnets(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.rec")
    assert path.read_bytes().hex() == WRITTEN
    file = recordio.MXRecordIO(path, "r")
    assert [file.read() for _ in RECORDS] == RECORDS and file.read() is None
    file.reset()
    assert file.read() == RECORDS[0]
    copy = pickle.loads(pickle.dumps(file))
    assert copy.read() == RECORDS[0] and file.read() == RECORDS[1]
    file.close()
    with pytest.raises(MXNetError, match="closed"):
        file.read()
    with pytest.raises(ValueError, match="Invalid flag"):
        recordio.MXRecordIO(path, "a")
    with pytest.raises(MXNetError, match="cannot open"):
        recordio.MXRecordIO(tmp_path / "none.rec", "r")


def test_an_index_finds_records(tmp_path: Path) -> None:
    file = recordio.MXIndexedRecordIO(tmp_path / "b.idx", tmp_path / "b.rec", "w")
    for i in range(5):
        file.write_idx(i * 2, b"rec%d" % i)
        assert file.tell() == 12 * (i + 1)
    file.close()
    assert (tmp_path / "b.idx").read_text() == "0\t0\n2\t12\n4\t24\n6\t36\n8\t48\n"
    file = recordio.MXIndexedRecordIO(tmp_path / "b.idx", tmp_path / "b.rec", "r")
    assert (file.idx, file.keys) == ({0: 0, 2: 12, 4: 24, 6: 36, 8: 48}, [0, 2, 4, 6, 8])
    assert (file.read_idx(4), file.read()) == (b"rec2", b"rec3")
    assert pickle.loads(pickle.dumps(file)).read_idx(8) == b"rec4"
    with pytest.raises(KeyError):
        file.read_idx(1)


def test_a_child_reads_from_the_beginning(tmp_path: Path) -> None:
    file = recordio.MXRecordIO(_write(tmp_path / "a.rec"), "r")
    file.read()
    file.pid = -1  # as behind a fork
    assert file.read() == RECORDS[0] and file.pid == os.getpid()


@pytest.mark.parametrize(
    ("label", "packed"),
    [
        (2574, "0000000000e02045"),
        (4.5, "0000000000009040"),
        (np.float64(3), "0000000000004040"),
        ([1, 2], "0200000000000000"),
    ],
)
def test_headers(label: object, packed: str) -> None:
    record = recordio.pack(recordio.IRHeader(5, label, 7, 9), b"data")
    assert record[:8].hex() == packed and record[8:24] == struct.pack("<QQ", 7, 9)
    header, content = recordio.unpack(record)
    assert content == b"data" and np.array_equal(header.label, np.float32(label)) and header[2:] == (7, 9)


@pytest.mark.parametrize("record", [b"abc", recordio.pack(recordio.IRHeader(0, [1, 2], 7, 9), b"")[:28]])
def test_records_without_their_header(record: bytes) -> None:
    with pytest.raises(MXNetError, match="header"):
        recordio.unpack(record)


@pytest.mark.parametrize(
    ("at", "content", "offset", "what"),
    [(20, b"zzzz", 20, "magic word"), (26, b"\xff", 20, "bytes"), (27, b"\x40", 20, "flag 2"), (51, b"\x00", 48, "magic word")],
)
def test_damage_is_named(tmp_path: Path, at: int, content: bytes, offset: int, what: str) -> None:
    path = _write(tmp_path / "a.rec")
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])
    file = recordio.MXRecordIO(path, "r")
    with pytest.raises(recordio.DamagedRecordError, match=rf"a\.rec: damaged record at offset {offset}: .*{what}"):
        while file.read() is not None:
            pass


def test_images() -> None:
    pytest.importorskip("PIL")
    image = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)
    for fmt, shape in ((".png", image), (".png", image[:, :, 0]), (".jpg", image)):
        header, found = recordio.unpack_img(recordio.pack_img(recordio.IRHeader(0, 3, 1, 0), shape, 9, fmt))
        assert header.label == 3 and found.shape == shape.shape
        assert fmt == ".jpg" or np.array_equal(found, shape)
    with pytest.raises(MXNetError, match="cannot be decoded"):
        recordio.unpack_img(recordio.pack(recordio.IRHeader(0, 3, 1, 0), b"no image"))
