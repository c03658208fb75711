"""The arrays of an executor by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import MXNetError
from ..ndarray import NDArray

__all__ = ["NamedArrays"]


class NamedArrays:
    """What an executor shows of its arrays: lists in the graph's order, and dictionaries by name made of them."""

    arg_names: list[str]
    aux_names: list[str]
    output_names: list[str]
    arg_arrays: list[NDArray]
    grad_arrays: list[NDArray | None]
    aux_arrays: list[NDArray]
    outputs: list[NDArray]

    @property
    def arg_dict(self) -> dict[str, NDArray]:
        """Arguments by name."""
        return _by_name(self.arg_names, self.arg_arrays, "arguments")

    @property
    def grad_dict(self) -> dict[str, NDArray | None]:
        """Gradients by argument's name; None where there is no array for it."""
        return _by_name(self.arg_names, self.grad_arrays, "arguments")

    @property
    def aux_dict(self) -> dict[str, NDArray]:
        """Auxiliary states by name."""
        return _by_name(self.aux_names, self.aux_arrays, "auxiliary states")

    @property
    def output_dict(self) -> dict[str, NDArray]:
        """Outputs by name."""
        return _by_name(self.output_names, self.outputs, "outputs")

    def copy_params_from(
        self, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray] | None = None, allow_extra_params: bool = False
    ) -> None:
        """Copy parameters into the executor's arrays.

        Raises
        ------
        ValueError
            A name does not exist here, unless `allow_extra_params`.
        """
        for given, have, what in ((arg_params, self.arg_dict, "arguments"), (aux_params or {}, self.aux_dict, "auxiliary states")):
            for name, value in given.items():
                target = have.get(name)
                if target is None:
                    if not allow_extra_params:
                        raise ValueError(f'Find name "{name}" that is not in the {what}')
                    continue
                if tuple(value.shape) != tuple(target.shape):
                    raise MXNetError(f"parameter {name!r} has shape {tuple(value.shape)}, the executor expects {tuple(target.shape)}")
                value.astype(target.dtype, copy=False).copyto(target)


def _by_name(names: Sequence[str], arrays: Sequence[Any], what: str) -> dict[str, Any]:
    result = dict(zip(names, arrays, strict=True))
    if len(result) != len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise ValueError(f"Duplicate names detected among the {what}: {twice}; use the list of arrays instead")
    return result
