"""Records of files in the order of an epoch: the whole of them, or one part of several; as they lie or shuffled."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..base import MXNetError
from ..recordio.framing import MAGIC, MAX_LENGTH, DamagedRecordError, read_record, skip_to_record

__all__ = ["RecordSource", "record_source"]

_HEAD = struct.Struct("<4sI")


@dataclass(frozen=True)
class RecordSource:
    """Where records are read.

    Attributes
    ----------
    paths : tuple of str
    stretches : list of (int, int, int)
        File, begin and end of each stretch of bytes that is read as it lies.
    places : numpy.ndarray or None
        File and offset of each record, where they are known or the order is another one.
    seeds : tuple of int or None
        Of the order; None keeps it.
    skips : bool
        Leave damaged records out, with a warning, instead of raising.
    """

    paths: tuple[str, ...]
    stretches: tuple[tuple[int, int, int], ...]
    places: np.ndarray | None
    seeds: tuple[int, ...] | None
    skips: bool

    def epoch(self, number: int) -> Iterator[tuple[str, int, bytes]]:
        """File, offset and content of each record."""
        if self.places is None:
            for file, begin, end in self.stretches:
                yield from _as_they_lie(self.paths[file], begin, end, self.skips)
            return
        places = self.places
        if self.seeds is not None:
            places = places[np.random.Generator(np.random.PCG64([*self.seeds, number])).permutation(len(places))]
        streams = [open(path, "rb") for path in self.paths]  # noqa: SIM115
        try:
            for file, offset in places.tolist():
                streams[file].seek(offset)
                try:
                    record = read_record(streams[file], self.paths[file])
                    if record is None:
                        raise DamagedRecordError(self.paths[file], offset, "the file ends before it")
                except DamagedRecordError as exc:
                    _pass_over(exc, self.skips)
                else:
                    yield self.paths[file], offset, record
        finally:
            for stream in streams:
                stream.close()


def _pass_over(error: DamagedRecordError, skips: bool) -> None:
    if not skips:
        raise error
    logging.warning("%s; it is left out", error)


def _as_they_lie(path: str, begin: int, end: int, skips: bool, content: bool = True) -> Iterator[tuple[str, int, bytes]]:
    """The records that begin in a stretch; without their content where only their places are needed."""
    with open(path, "rb") as stream:
        if begin and not skip_to_record(stream, begin):
            return
        while (at := stream.tell()) < end:
            try:
                if not content and _pass(stream, at):
                    yield path, at, b""
                    continue
                record = read_record(stream, path)
            except DamagedRecordError as exc:
                _pass_over(exc, skips)
                if not skip_to_record(stream, at + 4):
                    return
                continue
            if record is None:
                return
            yield path, at, record


def _pass(stream: BinaryIO, at: int) -> bool:
    """Whether a whole record of one part began here and lies behind now; else stand at its begin again."""
    head = stream.read(_HEAD.size)
    if len(head) == _HEAD.size:
        magic, word = _HEAD.unpack(head)
        length = word & MAX_LENGTH
        behind = at + _HEAD.size + length + -length % 4
        if magic == MAGIC and word >> 29 == 0 and behind <= os.fstat(stream.fileno()).st_size:
            stream.seek(behind)
            return True
    stream.seek(at)
    return False


def record_source(where: str, index: str, parts: int, part: int, seeds: tuple[int, ...] | None = None, skips: bool = False) -> RecordSource:
    """The records of a file, of several with ``;`` between them, or of all files in a folder.

    Parameters
    ----------
    where : str
    index : str
        A file with a key and an offset a line, or ''.
    parts, part : int
        Of so many parts this one: of equal counts with an index, else of equal bytes.
    seeds : tuple of int, optional
        Shuffle, with these.
    skips : bool
        Leave damaged records out.
    """
    paths: list[str] = []
    for given in where.split(";"):
        paths += sorted(str(p) for p in Path(given).iterdir() if p.is_file()) if os.path.isdir(given) else [given]
    try:
        sizes = [os.stat(path).st_size for path in paths]
    except OSError as exc:
        raise MXNetError(f"cannot read {exc.filename!r}: {exc.strerror or exc}") from exc
    if index:
        if len(paths) != 1:
            raise MXNetError(f"path_imgidx={index!r} is the index of one file, and path_imgrec names {len(paths)}")
        offsets = _offsets(index)
        step = -(-len(offsets) // parts)
        mine = offsets[part * step : (part + 1) * step]
        return RecordSource(tuple(paths), (), np.stack([np.zeros_like(mine), mine], 1), seeds, skips)
    step = -(-sum(sizes) // parts)
    step += -step % 4
    low, high, before, stretches = part * step, (part + 1) * step, 0, []
    for file, size in enumerate(sizes):
        begin, end = max(0, low - before), min(size, high - before)
        if begin < end:
            stretches.append((file, begin, end))
        before += size
    places = None
    if seeds is not None:
        found = [(file, at) for file, begin, end in stretches for _, at, _ in _as_they_lie(paths[file], begin, end, skips, content=False)]
        places = np.array(found, np.int64).reshape(-1, 2)
    return RecordSource(tuple(paths), tuple(stretches), places, seeds, skips)


def _offsets(path: str) -> np.ndarray:
    """The offsets of an index, ascending."""
    found: list[int] = []
    number = -1
    try:
        with open(path, encoding="latin-1") as stream:
            for line in stream:
                number += 1
                if words := line.split():
                    found.append(int(words[1]))
                    if not 0 <= found[-1] < 1 << 62:
                        raise ValueError(f"offset {found[-1]}")
    except OSError as exc:
        raise MXNetError(f"cannot read {path!r}: {exc.strerror or exc}") from exc
    except (ValueError, IndexError) as exc:
        raise MXNetError(f"{path}, line {number + 1}: not a key and an offset: {exc}") from exc
    return np.array(sorted(found), np.int64)
