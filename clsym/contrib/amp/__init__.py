"""``mx.contrib.amp``: networks that compute in float16 what may be, and in float32 the rest."""

from . import lists
from .conversion import convert_model, convert_symbol
from .operator_lists import (
    list_conditional_fp32_ops,
    list_fp32_ops,
    list_loss_output_functions,
    list_lp16_fp32_ops,
    list_lp16_ops,
    list_lp16_use_fp32_params,
    list_widest_type_cast,
)

__all__ = [
    "convert_model", "convert_symbol", "list_conditional_fp32_ops", "list_fp32_ops", "list_loss_output_functions", "list_lp16_fp32_ops",
    "list_lp16_ops", "list_lp16_use_fp32_params", "list_widest_type_cast", "lists",
]  # fmt: skip
