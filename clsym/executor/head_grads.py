"""The head gradients of an executor: arrays of its own, into which `backward` copies what the caller gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..base import MXNetError, UnknownNameError, dtype_name
from ..ndarray import NDArray
from .arrays import new_array

__all__ = ["HeadGrads"]


class HeadGrads:
    """One array an output, made when a plan or the caller first needs it.

    Parameters
    ----------
    names : list of str
        Of the outputs.
    outputs : list of NDArray
    measured : collection of int
        Outputs that are as long as their data say: what is given for them may have fewer rows.
    """

    def __init__(self, names: Sequence[str], outputs: Sequence[NDArray], measured: Collection[int] = ()) -> None:
        self._measured = frozenset(measured)
        self._names = list(names)
        self._outputs = list(outputs)
        self._arrays: list[NDArray | None] = [None] * len(self._names)

    def array(self, i: int) -> NDArray:
        """The array of an output's head gradient; zeros until something is stored."""
        found = self._arrays[i]
        if found is None:
            like = self._outputs[i]
            found = self._arrays[i] = new_array(like.shape, like.context, dtype_name(like.dtype), f"head gradient of {self._names[i]!r}")
        return found

    def store(self, needed: Sequence[int], out_grads: Any) -> None:
        """Copy what the caller gave for the outputs that need a head gradient.

        Raises
        ------
        MXNetError
            One is missing, or has a wrong shape.
        TypeError
            Something else than arrays was given.
        """
        given = self._in_order(out_grads)
        for i in needed:
            if i >= len(given) or given[i] is None:
                raise MXNetError(
                    f"output {self._names[i]!r} is not the output of a loss, so head_gradient is required when calling backward: "
                    "give out_grads, or pass the output through the make_loss symbol"
                )
            target, value = self.array(i), given[i]
            if not isinstance(value, NDArray):
                raise TypeError(f"out_grads of {self._names[i]!r} must be an NDArray, not {type(value).__name__}")
            if i in self._measured and value.shape[1:] == target.shape[1:] and value.shape[0] < target.shape[0]:
                target[:] = 0
                target = target[: value.shape[0]]
            if tuple(value.shape) != tuple(target.shape):
                raise MXNetError(f"out_grads of {self._names[i]!r}: operands shape mismatch, need {target.shape}, received {value.shape}")
            target[:] = value

    def _in_order(self, out_grads: Any) -> list[Any]:
        if out_grads is None:
            return []
        if isinstance(out_grads, NDArray):
            return [out_grads]
        if isinstance(out_grads, Mapping):
            unknown = set(out_grads) - set(self._names)
            if unknown:
                raise UnknownNameError(f"out_grads names {sorted(unknown)}, which are no outputs; the outputs are {self._names}")
            return [out_grads.get(name) for name in self._names]
        if isinstance(out_grads, (list, tuple)):
            return list(out_grads)
        raise TypeError(f"out_grads must be an NDArray, a list or a dict of them, not {type(out_grads).__name__}")
