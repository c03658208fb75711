"""Sentences for training: words to numbers, and batches of sentences of about the same length."""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ndarray
from ..io import DataBatch, DataDesc, DataIter

__all__ = ["BucketSentenceIter", "encode_sentences"]


def encode_sentences(
    sentences: Sequence[Sequence[Any]],
    vocab: dict[Any, int] | None = None,
    invalid_label: int = -1,
    invalid_key: Any = "\n",
    start_label: int = 0,
    unknown_token: Any = None,
) -> tuple[list[list[int]], dict[Any, int]]:
    """Words to numbers.

    Parameters
    ----------
    sentences
        Lists of words.
    vocab
        Numbers of words; None makes one, in which new words get the next number.
    invalid_label
        The number that fills up short sentences; no word gets it.
    invalid_key
        Its name in the vocabulary.
    start_label
        The first word's number.
    unknown_token
        What stands for words that are not in the vocabulary.

    Returns
    -------
    sentences, vocab

    Raises
    ------
    AssertionError
        A word that is not in the vocabulary given, and no `unknown_token`.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.rnn.encode_sentences([['a', 'b'], ['b', 'c']], start_label=1, invalid_label=0)
    ([[1, 2], [2, 3]], {'\\n': 0, 'a': 1, 'b': 2, 'c': 3})
    """
    following = start_label
    grows = vocab is None
    known = {invalid_key: invalid_label} if vocab is None else vocab
    coded = []
    for sentence in sentences:
        line = []
        for word in sentence:
            if word not in known:
                if not grows and not unknown_token:
                    raise AssertionError(f"Unknown token {word}")
                if following == invalid_label:
                    following += 1
                if unknown_token:
                    word = unknown_token
                known[word] = following
                following += 1
            line.append(known[word])
        coded.append(line)
    return coded, known


class BucketSentenceIter(DataIter):
    """Batches of sentences of about the same length, each filled up to its bucket's; the label of a word is the word behind it.

    Parameters
    ----------
    sentences
        Lists of numbers, as `encode_sentences` gives.
    batch_size
        Sentences a batch; what is left of a bucket is not given.
    buckets
        Lengths; None takes those of which there is a batch at least. Longer sentences are left out.
    invalid_label
        What short sentences are filled up with.
    data_name, label_name
        Names of the inputs.
    dtype
        Of data and labels.
    layout
        'NT' or 'TN'.

    Notes
    -----
    The order is that of Python's `random` and of `numpy.random`; seed both for the same one again.

    Examples
    --------
    >>> import clsym as mx
    >>> it = mx.rnn.BucketSentenceIter([[1, 2], [3, 4], [5, 6, 7, 8]], batch_size=2, buckets=[2, 4], invalid_label=0)
    WARNING: discarded 0 sentences longer than the largest bucket.
    >>> [(batch.bucket_key, batch.data[0].shape) for batch in it]
    [(2, (2, 2))]
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[int]],
        batch_size: int,
        buckets: Sequence[int] | None = None,
        invalid_label: int = -1,
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: Any = "float32",
        layout: str = "NT",
    ) -> None:
        super().__init__()
        if not buckets:
            counts = np.bincount([len(s) for s in sentences])
            buckets = [i for i, n in enumerate(counts) if n >= batch_size]
        buckets = sorted(buckets)
        rows: list[list[Any]] = [[] for _ in buckets]
        too_long = 0
        for sentence in sentences:
            where = bisect.bisect_left(buckets, len(sentence))
            if where == len(buckets):
                too_long += 1
                continue
            row = np.full((buckets[where],), invalid_label, dtype=dtype)
            row[: len(sentence)] = sentence
            rows[where].append(row)
        self.data = [np.asarray(r, dtype=dtype) for r in rows]
        print(f"WARNING: discarded {too_long} sentences longer than the largest bucket.")
        self.batch_size = batch_size
        self.buckets = buckets
        self.data_name = data_name
        self.label_name = label_name
        self.dtype = dtype
        self.invalid_label = invalid_label
        self.nddata: list[Any] = []
        self.ndlabel: list[Any] = []
        self.major_axis = layout.find("N")
        self.layout = layout
        self.default_bucket_key = max(buckets)
        if self.major_axis not in (0, 1):
            raise ValueError(f"Invalid layout {layout}: Must by NT (batch major) or TN (time major)")
        shape = self._shaped(self.default_bucket_key)
        self.provide_data = [DataDesc(name=data_name, shape=shape, layout=layout)]
        self.provide_label = [DataDesc(name=label_name, shape=shape, layout=layout)]
        self.idx = [(i, j) for i, part in enumerate(self.data) for j in range(0, len(part) - batch_size + 1, batch_size)]
        self.curr_idx = 0
        self.reset()

    def _shaped(self, length: int) -> tuple[int, int]:
        return (self.batch_size, length) if self.major_axis == 0 else (length, self.batch_size)

    def reset(self) -> None:
        """Starts again, in another order."""
        self.curr_idx = 0
        random.shuffle(self.idx)
        for part in self.data:
            np.random.shuffle(part)
        self.nddata, self.ndlabel = [], []
        for part in self.data:
            label = np.empty_like(part)
            label[:, :-1] = part[:, 1:] if part.size else label[:, :-1]
            label[:, -1:] = self.invalid_label
            self.nddata.append(ndarray.array(part, dtype=self.dtype))
            self.ndlabel.append(ndarray.array(label, dtype=self.dtype))

    def next(self) -> DataBatch:
        """The next batch; StopIteration when there is none."""
        if self.curr_idx == len(self.idx):
            raise StopIteration
        i, j = self.idx[self.curr_idx]
        self.curr_idx += 1
        data, label = (part[i][j : j + self.batch_size] for part in (self.nddata, self.ndlabel))
        if self.major_axis == 1:
            data, label = data.T, label.T
        return DataBatch(
            [data],
            [label],
            pad=0,
            bucket_key=self.buckets[i],
            provide_data=[DataDesc(name=self.data_name, shape=data.shape, layout=self.layout)],
            provide_label=[DataDesc(name=self.label_name, shape=label.shape, layout=self.layout)],
        )
