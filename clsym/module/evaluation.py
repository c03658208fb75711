"""Inference over an iterator: scores and predictions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import metric
from .. import ndarray as nd
from ..differences import differs
from ..io import DataBatch, DataIter
from ..model import BatchEndParam
from ..ndarray import NDArray
from .names import _as_list

__all__ = ["Evaluation"]


class Evaluation:
    """Scores and predictions, over what a module can do."""

    def score(
        self: Any, eval_data: Any, eval_metric: Any, num_batch: int | None = None, batch_end_callback: Any = None,
        score_end_callback: Any = None, reset: bool = True, epoch: int = 0, sparse_row_id_fn: Any = None,
    ) -> list[tuple[str, float]]:  # fmt: skip
        """Evaluate a metric over an iterator.

        Parameters
        ----------
        eval_data : DataIter
        eval_metric : str or EvalMetric
        num_batch : int, optional
            No more batches than these.
        batch_end_callback, score_end_callback : function or list of functions
            Called with a `BatchEndParam` after each batch, and at the end.
        reset : bool
            Begin at the iterator's start.
        epoch : int
            For the callbacks.
        sparse_row_id_fn : function
            Passed on to `prepare`.

        Returns
        -------
        list of (str, float)
            Names and values of the metric.
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        if reset:
            eval_data.reset()
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        eval_metric.reset()
        told = {**locals(), "actual_num_batch": 0}

        def tell(callbacks: Any, nbatch: int) -> None:
            for callback in _as_list(callbacks) if callbacks is not None else ():
                callback(BatchEndParam(epoch=epoch, nbatch=nbatch, eval_metric=eval_metric, locals=dict(told)))

        for nbatch, batch in enumerate(itertools.islice(eval_data, num_batch)):
            self.prepare(batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(batch, is_train=False)
            if isinstance(batch, list):
                self.update_metric(eval_metric, [part.label for part in batch], pre_sliced=True)
            else:
                self.update_metric(eval_metric, batch.label)
            told |= {"eval_batch": batch, "nbatch": nbatch}
            tell(batch_end_callback, nbatch)
            told["actual_num_batch"] = nbatch + 1
        tell(score_end_callback, told["actual_num_batch"])
        return eval_metric.get_name_value()

    def _batches(
        self: Any, eval_data: Any, num_batch: int | None, reset: bool, sparse_row_id_fn: Any, copied: bool
    ) -> Iterator[tuple[list[NDArray], int, Any]]:
        """Outputs without the padding, number and batch, one after the other."""
        if reset:
            eval_data.reset()
        for nbatch, eval_batch in enumerate(itertools.islice(eval_data, num_batch)):
            self.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(eval_batch, is_train=False)
            pad = eval_batch.pad or 0
            outputs = [out[0 : out.shape[0] - pad] for out in self.get_outputs()]
            yield ([out.copy() for out in outputs] if copied else outputs), nbatch, eval_batch

    def iter_predict(
        self: Any, eval_data: Any, num_batch: int | None = None, reset: bool = True, sparse_row_id_fn: Any = None
    ) -> Iterator[tuple[list[NDArray], int, Any]]:
        """Go through an iterator; yields the outputs without padding, the number of the batch, and the batch.

        The arrays are overwritten by the next batch.
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        yield from self._batches(eval_data, num_batch, reset, sparse_row_id_fn, False)

    def predict(
        self: Any, eval_data: Any, num_batch: int | None = None, merge_batches: bool = True, reset: bool = True,
        always_output_list: bool = False, sparse_row_id_fn: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs of an iterator's batches, or of one array.

        Parameters
        ----------
        eval_data : DataIter, NDArray or numpy.ndarray
            An array is one batch of the only input, of any size.
        num_batch : int, optional
            No more batches than these.
        merge_batches : bool
            Put the outputs of all batches together; else one list a batch.
        reset : bool
            Begin at the iterator's start.
        always_output_list : bool
            A list even for a single output.
        sparse_row_id_fn : function
            Passed on to `prepare`.

        Returns
        -------
        NDArray, list of NDArray or list of lists
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        if isinstance(eval_data, (NDArray, np.ndarray)):
            if isinstance(eval_data, np.ndarray):
                eval_data = nd.array(eval_data)
            self.forward(DataBatch([eval_data]), is_train=False)
            return self.get_outputs()[0]
        if not isinstance(eval_data, DataIter):
            raise ValueError("eval_data must be of type NDArray or DataIter")
        output_list = [outputs for outputs, _, _ in self._batches(eval_data, num_batch, reset, sparse_row_id_fn, True)]
        if not output_list or not merge_batches:
            return output_list
        if len({len(outputs) for outputs in output_list}) > 1:
            raise AssertionError("Cannot merge batches, as num of outputs is not the same in mini-batches. Maybe bucketing is used?")
        merged = [nd.concatenate(list(parts)) for parts in zip(*output_list, strict=True)]
        return merged[0] if len(merged) == 1 and not always_output_list else merged


differs(
    "Module.predict",
    "an array is predicted as for inference",
    "net = mx.sym.LinearRegressionOutput(mx.sym.Dropout(mx.sym.var('data'), p=0.99), name='l'); "
    "m = mx.mod.Module(net, label_names=['l_label']); m.bind([('data', (1, 3))], [('l_label', (1, 3))]); m.init_params(); "
    "print(m.predict(mx.nd.ones((1, 3))).asnumpy().tolist())",
    ours="[[1.0, 1.0, 1.0]]",
    mxnet="[[0.0, 0.0, 0.0]]",
    why="A module that was bound for training runs the forward of training there, and BatchNorm's statistics move.",
)
