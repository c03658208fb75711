"""Which operators mixed precision computes in what: MXNet's lists, and those that a user gives instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .lists import symbol_fp16

__all__ = [
    "check_target", "chosen", "list_conditional_fp32_ops", "list_fp32_ops", "list_loss_output_functions", "list_lp16_fp32_ops",
    "list_lp16_ops", "list_lp16_use_fp32_params", "list_widest_type_cast",
]  # fmt: skip

Condition = tuple[str, str, list[str]]


def check_target(target_dtype: object, otherwise: str = "Only target_dtype float16 and bfloat16 are supported currently") -> None:
    """Refuse all types but float16.

    Raises
    ------
    NotImplementedError
        It is bfloat16, which clsym has not.
    AssertionError
        It is another type.
    """
    if str(target_dtype) == "bfloat16":
        raise NotImplementedError("target_dtype='bfloat16': clsym has no bfloat16; use 'float16'")
    assert str(target_dtype) == "float16" or getattr(target_dtype, "__name__", "") == "float16", otherwise


def _of(target_dtype: object) -> None:
    check_target(target_dtype, "not supported type")


def list_lp16_ops(target_dtype: str) -> list[str]:
    """Operators computed in the narrow type.

    >>> list_lp16_ops('float16')
    ['Convolution', 'Deconvolution', 'FullyConnected', 'RNN']
    """
    _of(target_dtype)
    return symbol_fp16.FP16_FUNCS


def list_fp32_ops(target_dtype: str) -> list[str]:
    """Operators computed in float32."""
    _of(target_dtype)
    return symbol_fp16.FP32_FUNCS


def list_lp16_fp32_ops(target_dtype: str) -> list[str]:
    """Operators computed in the type of their input."""
    _of(target_dtype)
    return symbol_fp16.FP16_FP32_FUNCS


def list_conditional_fp32_ops(target_dtype: str) -> list[Condition]:
    """Operators computed in float32 where a parameter has one of some values.

    >>> list_conditional_fp32_ops('float16')[0]
    ('Activation', 'act_type', ['softrelu'])
    """
    _of(target_dtype)
    return symbol_fp16.CONDITIONAL_FP32_FUNCS


def list_widest_type_cast(target_dtype: str) -> list[str]:
    """Operators computed in the widest type of their inputs."""
    _of(target_dtype)
    return symbol_fp16.WIDEST_TYPE_CASTS


def list_loss_output_functions(target_dtype: str) -> list[str]:
    """Outputs whose gradient begins with themselves."""
    _of(target_dtype)
    return symbol_fp16.LOSS_OUTPUT_FUNCTIONS


def list_lp16_use_fp32_params(target_dtype: str) -> None:
    """None: of float16 no operator is computed in it with parameters in float32."""
    _of(target_dtype)


def _strings(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(x, str) for x in given)


def _conditions(given: object) -> bool:
    return isinstance(given, list) and all(
        isinstance(x, tuple) and len(x) == 3 and isinstance(x[0], str) and isinstance(x[1], str) and _strings(x[2]) for x in given
    )


def chosen(
    target_dtype: str, target_dtype_ops: list[str] | None, fp32_ops: list[str] | None, conditional_fp32_ops: list[Condition] | None
) -> tuple[list[str], list[str], list[Condition]]:
    """The lists to go by: those that are given, the others MXNet's.

    Raises
    ------
    AssertionError
        One is no such list, has an operator that is in no list of MXNet's, or two have the same.
    """
    assert target_dtype_ops is None or _strings(target_dtype_ops), "target_dtype_ops should be a list of strs"
    assert fp32_ops is None or _strings(fp32_ops), "fp32_ops should be a list of strs"
    assert conditional_fp32_ops is None or _conditions(conditional_fp32_ops), (
        "conditional_fp32_ops should be a list of (str, str, list of str)"
    )
    narrow = list_lp16_ops(target_dtype) if target_dtype_ops is None else target_dtype_ops
    wide = list_fp32_ops(target_dtype) if fp32_ops is None else fp32_ops
    conditional = list_conditional_fp32_ops(target_dtype) if conditional_fp32_ops is None else conditional_fp32_ops
    named = {"target_dtype_ops": narrow, "fp32_ops": wide, "conditional_fp32_ops": [c[0] for c in conditional]}
    _refuse_common(named)
    listed = {
        *list_lp16_ops(target_dtype), *list_fp32_ops(target_dtype), *list_lp16_fp32_ops(target_dtype),
        *(c[0] for c in list_conditional_fp32_ops(target_dtype)),
    }  # fmt: skip
    strange = {op for ops in named.values() for op in ops} - listed
    assert not strange, (
        "Can only choose ops from one of the three lists for lp16_ops and fp32_ops: 1. amp.list_lp16_ops(target_dtype) "
        "2. amp.list_fp32_ops(target_dtype) 3. amp.list_lp16_fp32_ops(target_dtype) 4. amp.list_conditional_fp32_ops(target_dtype). "
        f"Op {strange} not in any of them"
    )
    return narrow, wide, conditional


def _refuse_common(named: Mapping[str, Sequence[str]]) -> None:
    names = list(named)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            common = set(named[a]) & set(named[b])
            assert not common, f"Ops cannot be in two or more lists. Common ops in {a} and {b} {common}"
