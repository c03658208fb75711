"""Files of records, read and written one after the other or by an index."""

from __future__ import annotations

import os
from typing import Any, BinaryIO, TextIO, cast

from ..base import MXNetError
from .framing import framed, read_record

__all__ = ["MXIndexedRecordIO", "MXRecordIO"]


class MXRecordIO:
    """A file of records.

    It may be pickled, and used behind a fork: it then opens its file anew.

    Parameters
    ----------
    uri : str
        The file.
    flag : {'r', 'w'}

    Raises
    ------
    MXNetError
        The file cannot be opened, or a record in it is damaged (`DamagedRecordError`, which has its offset).
    ValueError
        Another flag.

    Examples
    --------
    >>> import clsym as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), 'a.rec')
    >>> file = mx.recordio.MXRecordIO(path, 'w')
    >>> file.write(b'first'); file.write(b'second'); file.close()
    >>> file = mx.recordio.MXRecordIO(path, 'r')
    >>> file.read(), file.read(), file.read()
    (b'first', b'second', None)
    """

    def __init__(self, uri: Any, flag: str) -> None:
        self.uri = os.fspath(uri)
        self.flag = flag
        self.is_open = False
        self.writable = False
        self.pid: int | None = None
        self._stream: BinaryIO | None = None
        self.open()

    def open(self) -> None:
        """Open the file; writing begins it anew."""
        if self.flag not in ("r", "w"):
            raise ValueError(f"Invalid flag {self.flag}")
        try:
            self._stream = cast(BinaryIO, open(self.uri, self.flag + "b"))  # noqa: SIM115
        except OSError as exc:
            raise MXNetError(f"cannot open {self.uri!r}: {exc.strerror or exc}") from exc
        self.writable = self.flag == "w"
        self.pid = os.getpid()
        self.is_open = True

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            self.close()

    def __getstate__(self) -> dict[str, Any]:
        """What finds the file again; reading starts at its beginning."""
        return {**self.__dict__, "_stream": None, "is_open": False, "pid": None, "_was_open": self.is_open}

    def __setstate__(self, state: dict[str, Any]) -> None:
        was_open = state.pop("_was_open")
        self.__dict__ = state
        if was_open:
            self.open()

    def close(self) -> None:
        """Close the file; what was written is then in it."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self.is_open = False
        self.pid = None

    def reset(self) -> None:
        """Go back to the first record; of a file for writing, begin it anew."""
        self.close()
        self.open()

    def _ready(self, writing: bool) -> BinaryIO:
        if self.writable != writing:
            raise AssertionError(f"{self.uri!r} was opened for {'writing' if self.writable else 'reading'}")
        if self._stream is None:
            raise MXNetError(f"{self.uri!r} is closed; call open()")
        if self.pid != os.getpid():  # a child shares the file's position with its parent
            if writing:
                raise RuntimeError("Forbidden operation in multiple processes")
            self.reset()
        stream: BinaryIO = self._stream
        return stream

    def write(self, buf: bytes) -> None:
        """Write a record."""
        self._ready(True).write(framed(bytes(buf)))

    def read(self) -> bytes | None:
        """The next record, or None at the end."""
        return read_record(self._ready(False), self.uri)


class MXIndexedRecordIO(MXRecordIO):
    """A file of records, and a file that says where each begins, by key.

    Parameters
    ----------
    idx_path : str
        The index: a line a record, key and offset with a tab between.
    uri : str
    flag : {'r', 'w'}
    key_type : type, default int

    Examples
    --------
    >>> import clsym as mx, os, tempfile
    >>> paths = [os.path.join(tempfile.mkdtemp(), name) for name in ('a.idx', 'a.rec')]
    >>> file = mx.recordio.MXIndexedRecordIO(*paths, 'w')
    >>> for i in range(3):
    ...     file.write_idx(i, b'record %d' % i)
    >>> file.close()
    >>> mx.recordio.MXIndexedRecordIO(*paths, 'r').read_idx(1)
    b'record 1'
    """

    def __init__(self, idx_path: Any, uri: Any, flag: str, key_type: Any = int) -> None:
        self.idx_path = os.fspath(idx_path)
        self.idx: dict[Any, int] = {}
        self.keys: list[Any] = []
        self.key_type = key_type
        self.fidx: TextIO | None = None
        super().__init__(uri, flag)

    def open(self) -> None:
        """Open both files; of an index for reading all is read."""
        super().open()
        self.idx, self.keys = {}, []
        self.fidx = lines = cast(TextIO, open(self.idx_path, self.flag, encoding="utf-8"))  # noqa: SIM115
        if self.writable:
            return
        try:
            for number, line in enumerate(lines):
                key, offset = self._entry(line, number)
                self.idx[key] = offset
                self.keys.append(key)
        except UnicodeDecodeError as exc:
            raise MXNetError(f"{self.idx_path}: not an index: {exc}") from exc

    def _entry(self, line: str, number: int) -> tuple[Any, int]:
        try:
            key, offset = line.strip().split("\t")[:2]
            found = self.key_type(key), int(offset)
        except ValueError as exc:
            raise MXNetError(f"{self.idx_path}, line {number + 1}: {line[:80]!r} is not a key and an offset with a tab between") from exc
        if not 0 <= found[1] < 1 << 63:
            raise MXNetError(f"{self.idx_path}, line {number + 1}: {found[1]} is no offset")
        return found

    def close(self) -> None:
        """Close both files."""
        super().close()
        if self.fidx is not None:
            self.fidx.close()
        self.fidx = None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "fidx": None}

    def seek(self, idx: Any) -> None:
        """Stand before the record of a key."""
        self._ready(False).seek(self.idx[idx])

    def tell(self) -> int:
        """Where the next record will be written."""
        return self._ready(True).tell()

    def read_idx(self, idx: Any) -> bytes | None:
        """The record of a key."""
        self.seek(idx)
        return self.read()

    def write_idx(self, idx: Any, buf: bytes) -> None:
        """Write a record, and its line of the index."""
        key, at = self.key_type(idx), self.tell()
        self.write(buf)
        assert self.fidx is not None
        self.fidx.write(f"{key}\t{at}\n")
        self.idx[key] = at
        self.keys.append(key)
