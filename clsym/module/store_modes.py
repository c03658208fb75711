"""How the gradient of each argument of a module is stored."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

__all__ = ["store_modes"]


def store_modes(
    grad_req: Any, arg_names: Sequence[str], param_names: Container[str], fixed: Container[str], data_names: Container[str], inputs: bool
) -> dict[str, str]:
    """``grad_req`` by argument: that of parameters as given but for fixed ones, that of data if `inputs` need a gradient, else 'null'.

    Raises
    ------
    ValueError
        It is no string, list or dict.
    """

    def usual(name: str, mode: str) -> str:
        if name in param_names:
            return "null" if name in fixed else mode
        return mode if name in data_names and inputs else "null"

    if isinstance(grad_req, str):
        return {n: usual(n, grad_req) for n in arg_names}
    if isinstance(grad_req, (list, tuple)):
        assert len(grad_req) == len(arg_names), f"grad_req has {len(grad_req)} items, there are {len(arg_names)} arguments: {arg_names}"
        return dict(zip(arg_names, grad_req, strict=True))
    if isinstance(grad_req, Mapping):
        return {n: usual(n, "write") for n in arg_names} | dict(grad_req)
    raise ValueError("grad_req must be one of str, list, tuple, or dict.")
