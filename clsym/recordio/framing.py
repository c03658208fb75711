"""The framing of RecordIO files.

A record is one part or several. A part is a magic word, a word of flag (3 bits) and length (29 bits), so many bytes, and zeros up to a
multiple of four. The flag says whether it is a whole record (0), the first part (1), one in the middle (2) or the last (3): a record is
cut, and the word left out, wherever the magic word stands in it at a multiple of four, so that readers may look for it to find the next.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from ..base import MXNetError

__all__ = ["DamagedRecordError", "framed", "read_record", "skip_to_record"]

MAGIC = struct.pack("<I", 0xCED7230A)
MAX_LENGTH = (1 << 29) - 1
_HEAD = struct.Struct("<4sI")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


class DamagedRecordError(MXNetError):
    """A record that is not one: the file, and the offset where it begins, are in the message.

    Attributes
    ----------
    offset : int
        Where the record begins, in bytes.
    """

    def __init__(self, where: str, offset: int, what: str) -> None:
        super().__init__(f"{where}: damaged record at offset {offset}: {what}")
        self.offset = offset


def framed(content: bytes) -> bytes:
    """The bytes that a record takes in a file.

    >>> framed(b'ab').hex()
    '0a23d7ce0200000061620000'
    """
    if len(content) > MAX_LENGTH:
        raise MXNetError(f"a record of {len(content)} bytes; RecordIO only accepts records of less than 2**29 bytes")
    cuts, at = [], content.find(MAGIC)
    while at >= 0:
        if at % 4:
            at = content.find(MAGIC, at + 1)
            continue
        cuts.append(at)
        at = content.find(MAGIC, at + 4)
    out, begin = [], 0
    for i, cut in enumerate([*cuts, len(content)]):
        last = i == len(cuts)
        flag = (_WHOLE if last else _FIRST) if i == 0 else (_LAST if last else _MIDDLE)
        out += [_HEAD.pack(MAGIC, flag << 29 | (cut - begin)), content[begin:cut]]
        begin = cut + 4
    return b"".join([*out, bytes(-len(out[-1]) % 4)])


def read_record(stream: BinaryIO, where: str) -> bytes | None:
    """The record that begins where the stream stands, or None at its end.

    Raises
    ------
    DamagedRecordError
        What stands there is no record. Nothing is allocated beyond what the file has.
    """
    begin = stream.tell()
    parts: list[bytes] = []
    while True:
        head = stream.read(_HEAD.size)
        if not head and not parts:
            return None
        if len(head) < _HEAD.size:
            raise DamagedRecordError(where, begin, f"the file ends after {len(head)} of the {_HEAD.size} bytes of a part's head")
        magic, word = _HEAD.unpack(head)
        if magic != MAGIC:
            raise DamagedRecordError(where, begin, f"it has {magic.hex()} instead of the magic word {MAGIC.hex()}")
        flag, length = word >> 29, word & MAX_LENGTH
        if flag not in ((_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST)):
            raise DamagedRecordError(where, begin, f"a part with flag {flag} as part {len(parts)}")
        content = stream.read(length)
        if len(content) < length:
            raise DamagedRecordError(where, begin, f"a part has {length} bytes, and the file only {len(content)} more")
        if padding := -length % 4:
            stream.read(padding)
        parts.append(content)
        if flag in (_WHOLE, _LAST):
            return MAGIC.join(parts)


def skip_to_record(stream: BinaryIO, begin: int) -> bool:
    """Stand at the first record whose head lies at a multiple of four at or behind an offset; False where there is none.

    >>> import io
    >>> stream = io.BytesIO(b'junk' + framed(b'ab'))
    >>> skip_to_record(stream, 1), stream.tell()
    (True, 4)
    """
    at = begin + -begin % 4
    stream.seek(at)
    kept = b""
    while block := stream.read(1 << 20):
        kept += block
        found = kept.find(MAGIC)
        while found >= 0:
            head = kept[found : found + _HEAD.size]
            if len(head) < _HEAD.size:  # the rest of it is in the next block, or the file ends
                break
            if found % 4 == 0 and head[7] >> 5 in (_WHOLE, _FIRST):
                stream.seek(at + found)
                return True
            found = kept.find(MAGIC, found + 1)
        drop = (len(kept) - 8) // 4 * 4 if len(kept) > 8 else 0
        at, kept = at + drop, kept[drop:]
    return False
