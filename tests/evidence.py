"""What was checked of which operator, by which test file: collected while the tests run, from all processes of a run.

`check_op` of the harness notes every operator that it compares with a reference, and every one whose gradient it compares; a test with
a comparison of its own says so with `checked`. At the end of a whole run an operator with a gradient that no test compared fails the
run (`tests/conftest.py`). ``tools/coverage.py`` prints what the last run found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

__all__ = ["checked", "missing", "notes"]

Notes = dict[str, dict[str, list[str]]]
_notes: dict[str, dict[str, set[str]]] = {}


def checked(op_name: str, forward: bool = True, gradient: bool = False) -> None:
    """Note that the test that runs compares an operator's outputs, or its gradients, with a reference."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").split("::")[0]
    kinds = _notes.setdefault(op_name, {"forward": set(), "gradient": set()})
    for kind, wanted in (("forward", forward), ("gradient", gradient)):
        if wanted:
            kinds[kind].add(test)


def notes(others: Iterable[Mapping[str, Mapping[str, Iterable[str]]]] = ()) -> Notes:
    """What was noted in this process and in others, as plain data."""
    merged: dict[str, dict[str, set[str]]] = {}
    for part in (_notes, *others):
        for name, kinds in part.items():
            for kind, tests in kinds.items():
                merged.setdefault(name, {"forward": set(), "gradient": set()})[kind].update(tests)
    return {name: {kind: sorted(tests) for kind, tests in kinds.items()} for name, kinds in sorted(merged.items())}


def missing(found: Notes) -> list[str]:
    """Sentences about the operators whose gradients no test compared; that each has a test of its own at all is `test_coverage`'s."""
    import clsym.ops  # noqa: F401
    from clsym.graph.contract.op import Op
    from clsym.graph.contract.registry import all_ops

    return [
        f"{name}: it has a gradient that no test compares"
        for name, op in sorted(all_ops().items())
        if not op.hidden and name not in WITHOUT_A_DERIVATIVE and name not in ELSEWHERE and type(op).gradient is not Op.gradient
        if not found.get(name, {"gradient": []})["gradient"]
    ]


ELSEWHERE = {
    "_grad_add": "every graph whose values are read twice",
    "Custom": "test_custom.py",
    "_cond": "test_control_flow.py",
    "_foreach": "test_control_flow.py",
    "_while_loop": "test_control_flow.py",
    "_contrib_boolean_mask": "test_scans.py",
}
"""Operators whose gradients are compared by tests of another kind, and where."""

WITHOUT_A_DERIVATIVE = {
    "BlockGrad", "_arange", "_contrib_Proposal", "_contrib_allclose", "_contrib_arange_like", "_contrib_dequantize",
    "_contrib_index_array", "_contrib_quantize", "_contrib_quantize_asym", "_contrib_quantize_v2", "_contrib_requantize", "_equal",
    "_equal_scalar", "_eye", "_full", "_greater", "_greater_equal", "_greater_equal_scalar", "_greater_scalar", "_histogram", "_lesser",
    "_lesser_equal", "_lesser_equal_scalar", "_lesser_scalar", "_linspace", "_logical_and", "_logical_and_scalar", "_logical_or",
    "_logical_or_scalar", "_logical_xor", "_logical_xor_scalar", "_not_equal", "_not_equal_scalar", "_onehot_encode", "_ones",
    "_random_exponential", "_random_exponential_like", "_random_gamma", "_random_gamma_like", "_random_generalized_negative_binomial",
    "_random_generalized_negative_binomial_like", "_random_negative_binomial", "_random_negative_binomial_like", "_random_normal",
    "_random_normal_like", "_random_poisson", "_random_poisson_like", "_random_randint", "_random_uniform", "_random_uniform_like",
    "_ravel_multi_index", "_sample_exponential", "_sample_gamma", "_sample_generalized_negative_binomial", "_sample_multinomial",
    "_sample_negative_binomial", "_sample_normal", "_sample_poisson", "_sample_uniform", "_sample_unique_zipfian", "_set_value",
    "_unravel_index", "_zeros", "_zeros_without_dtype", "all_finite", "amp_multicast", "argmax", "argmax_channel", "argmin", "argsort",
    "broadcast_equal", "broadcast_greater", "broadcast_greater_equal", "broadcast_lesser", "broadcast_lesser_equal",
    "broadcast_logical_and", "broadcast_logical_or", "broadcast_logical_xor", "broadcast_not_equal", "ceil", "fill_element_0index", "fix",
    "floor", "logical_not", "multi_all_finite", "multi_lars", "multi_sum_sq", "one_hot", "ones_like", "reset_arrays", "rint", "round",
    "shape_array", "sign", "size_array", "trunc", "zeros_like",
}  # fmt: skip
"""Operators whose gradient rule says that there is none, or that it is zero: draws, comparisons, roundings, whole numbers, fresh arrays."""
