"""``mx.contrib.amp``: networks that compute in float16 what may be, and in float32 the rest; trainings that scale their losses."""

from . import lists, loss_scaler
from .conversion import convert_model, convert_symbol
from .insertion import init
from .operator_lists import (
    list_conditional_fp32_ops,
    list_fp32_ops,
    list_loss_output_functions,
    list_lp16_fp32_ops,
    list_lp16_ops,
    list_lp16_use_fp32_params,
    list_widest_type_cast,
)
from .speed import float16_speed
from .trainer import init_trainer, scale_loss, unscale

__all__ = [
    "convert_model", "convert_symbol", "float16_speed", "init", "init_trainer", "list_conditional_fp32_ops", "list_fp32_ops",
    "list_loss_output_functions", "list_lp16_fp32_ops", "list_lp16_ops", "list_lp16_use_fp32_params", "list_widest_type_cast", "lists",
    "loss_scaler", "scale_loss", "unscale",
]  # fmt: skip
