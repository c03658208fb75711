"""Operators whose inputs have no names in MXNet: a monitor is told of ``exp0_input0``, not of ``exp0_data``."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["shown_input_names"]

_UNNAMED = {
    "Activation", "BlockGrad", "Cast", "Flatten", "Reshape", "SoftmaxActivation", "_adamw_update", "_contrib_AdaptiveAvgPooling2D",
    "_contrib_arange_like", "_contrib_bipartite_matching", "_contrib_box_nms", "_contrib_div_sqrt_dim", "_contrib_gradientmultiplier",
    "_contrib_round_ste", "_contrib_sign_ste", "_copy", "_div_scalar", "_equal_scalar", "_greater_equal_scalar", "_greater_scalar",
    "_hypot_scalar", "_image_adjust_lighting", "_image_crop", "_image_flip_left_right", "_image_flip_top_bottom",
    "_image_random_brightness", "_image_random_color_jitter", "_image_random_contrast", "_image_random_flip_left_right",
    "_image_random_flip_top_bottom", "_image_random_hue", "_image_random_lighting", "_image_random_saturation", "_image_resize",
    "_lesser_equal_scalar", "_lesser_scalar", "_logical_and_scalar", "_logical_or_scalar", "_logical_xor_scalar", "_maximum_scalar",
    "_minimum_scalar", "_minus_scalar", "_mod_scalar", "_mp_adamw_update", "_mul_scalar", "_not_equal_scalar", "_plus_scalar",
    "_power_scalar", "_random_exponential_like", "_random_gamma_like", "_random_generalized_negative_binomial_like",
    "_random_negative_binomial_like", "_random_normal_like", "_random_poisson_like", "_random_uniform_like", "_rdiv_scalar",
    "_rminus_scalar", "_rmod_scalar", "_rpower_scalar", "_sample_multinomial", "_scatter_minus_scalar", "_scatter_plus_scalar",
    "_shuffle", "_slice_assign_scalar", "abs", "amp_cast", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "argmax",
    "argmax_channel", "argmin", "argsort", "broadcast_axis", "broadcast_to", "cast_storage", "cbrt", "ceil", "clip", "cos", "cosh",
    "degrees", "erf", "erfinv", "exp", "expand_dims", "expm1", "fix", "floor", "ftml_update", "gamma", "gammaln", "hard_sigmoid",
    "lamb_update_phase1", "lamb_update_phase2", "log", "log10", "log1p", "log2", "logical_not", "make_loss", "max", "mean", "min",
    "mp_lamb_update_phase2", "mp_nag_mom_update", "mp_sgd_mom_update", "mp_sgd_update", "nag_mom_update", "nanprod", "nansum",
    "negative", "norm", "ones_like", "prod", "radians", "rcbrt", "reciprocal", "relu", "rint", "rmsprop_update", "rmspropalex_update",
    "round", "rsqrt", "sgd_update", "shape_array", "sigmoid", "sign", "signsgd_update", "signum_update", "sin", "sinh", "size_array",
    "slice", "slice_axis", "smooth_l1", "softmin", "softsign", "sort", "sqrt", "square", "sum", "tan", "tanh", "topk", "transpose",
    "trunc", "zeros_like",
}  # fmt: skip


def shown_input_names(operator: str, names: Sequence[str]) -> list[str]:
    """What a monitor calls the inputs of a node.

    >>> shown_input_names('exp', ['data']), shown_input_names('dot', ['lhs', 'rhs'])
    (['input0'], ['lhs', 'rhs'])
    """
    return [f"input{i}" for i in range(len(names))] if operator in _UNNAMED else list(names)
