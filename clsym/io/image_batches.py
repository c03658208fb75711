"""Batches of decoded images: records of an epoch, decoded in threads straight into the batch's array."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np

from ..base import MXNetError
from ..ndarray import array
from ..recordio.framing import DamagedRecordError
from .batch import DataBatch
from .record_source import RecordSource

__all__ = ["Batches", "DamagedExample", "Writer"]


class DamagedExample(MXNetError):
    """A record without a whole header and image."""


class Writer(Protocol):
    """Writes one example into its place in a batch, by the record's content; gives the record's number."""

    def __call__(self, content: bytes, data: np.ndarray, label: np.ndarray, rng: np.random.Generator | None) -> int: ...


@dataclass(frozen=True)
class Batches:
    """What gives the batches of an epoch.

    Attributes
    ----------
    source : RecordSource
    write : Writer
    pool : ThreadPoolExecutor
    seeds : tuple of int or None
        Of what is drawn for each image, together with its place in the epoch: threads do not change it.
    data_shape, label_shape, dtype
        Of a batch.
    wraps : bool
        Fill the last batch with the first examples of the next epoch.
    """

    source: RecordSource
    write: Writer
    pool: ThreadPoolExecutor
    seeds: tuple[int, ...] | None
    data_shape: tuple[int, ...]
    label_shape: tuple[int, ...]
    dtype: Any
    wraps: bool

    def epoch(self, number: int, begin: int) -> Iterator[tuple[DataBatch, int]]:
        """Each batch of an epoch behind its first `begin` records, with the next epoch's `begin`."""
        size = self.data_shape[0]
        records = islice(self._numbered(number), begin, None)
        while True:
            data, label = np.empty(self.data_shape, self.dtype), np.zeros(self.label_shape, np.float32)
            index = np.zeros(size, np.uint64)
            rows = label.reshape(size, -1)
            filled, _ = self._fill(records, data, rows, index, 0)
            if not filled:
                return
            pad, taken = size - filled, 0
            if pad and self.wraps:
                filled, taken = self._fill(self._numbered(number + 1), data, rows, index, filled)
                if filled < size:
                    raise MXNetError(f"number of input images must be bigger than the batch size: {filled} fill {size} places")
            data[filled:] = 0
            yield DataBatch([array(data, dtype=data.dtype)], [array(label, dtype=label.dtype)], pad, index), taken
            if pad:
                return

    def _numbered(self, number: int) -> Iterator[tuple[int, int, tuple[str, int, bytes]]]:
        return ((number, i, record) for i, record in enumerate(self.source.epoch(number)))

    def _fill(self, records: Iterator[Any], data: np.ndarray, label: np.ndarray, index: np.ndarray, at: int) -> tuple[int, int]:
        """Up to where the places are filled, and how many records that took."""
        taken = 0
        while at < len(data):
            chosen = list(islice(records, len(data) - at))
            if not chosen:
                break
            taken += len(chosen)
            numbers = list(self.pool.map(self._one, chosen, data[at:], label[at:]))
            whole = [i for i, found in enumerate(numbers) if found is not None]
            if len(whole) < len(chosen):
                for values in (data, label):
                    values[at : at + len(whole)] = values[at:][whole]
            index[at : at + len(whole)] = [numbers[i] for i in whole]
            at += len(whole)
        label[at:] = 0
        return at, taken

    def _one(self, example: tuple[int, int, tuple[str, int, bytes]], data: np.ndarray, label: np.ndarray) -> int | None:
        number, place, (path, offset, content) = example
        rng = None if self.seeds is None else np.random.Generator(np.random.PCG64([*self.seeds, number, place]))
        try:
            return self.write(content, data, label, rng)
        except DamagedExample as exc:
            error = DamagedRecordError(path, offset, str(exc))
            if not self.source.skips:
                raise error from exc
            logging.warning("%s; it is left out", error)
            return None
        except MXNetError as exc:
            raise MXNetError(f"{path}: record at offset {offset}: {exc}") from exc
