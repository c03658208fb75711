"""LayerNorm, InstanceNorm, GroupNorm, L2Normalization: rows brought to zero mean and unit variance, or to unit length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import KernelCall, LowerContext
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Field, Float, Int, Params
from ..shared.float_types import one_float_type
from ..shared.rows import Rows, check_axis, split_axis
from .normalize_calls import L2, PER_PLACE, PER_ROW, normalize_calls

__all__ = ["GroupNorm", "InstanceNorm", "L2Normalization", "LayerNorm"]


def _with_vectors(shape: tuple[int, ...], axis: int, vectors: Sequence[PartialShape]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of the data, and of the parameters that have a value for each place of an axis: each tells of the other."""
    extent: PartialShape = shape[axis : axis + 1]
    for vector in vectors:
        extent = unify_shape(extent, vector)
    assert extent is not None
    return (*shape[:axis], *extent, *shape[axis + 1 :]), extent


class _Affine(Op, Estimated):
    """What the three with gamma and beta share: names, types, the gradient."""

    inputs = ("data", "gamma", "beta")
    affine = "row"

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output", "mean", "std") if getattr(p, "output_mean_var", False) else ("output",)

    any_type = True  # whether questions about types that it does not compute with are answered

    def json_outputs(self, p: Params) -> int:
        return 3

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs, answered=self.any_type)

    def rows(self, p: Params, shape: tuple[int, ...]) -> tuple[Rows, int]:
        """The rows that are normalised, and how many gammas there are."""
        raise NotImplementedError(self.name)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        rows, groups = self.rows(g.p, g.ins[0].shape)
        node = g.node_of(
            "_backward_normalize", g.ograd(), g.input(0), g.input(1), affine=self.affine, outer=rows.outer, n=rows.n, inner=rows.inner,
            groups=groups, eps=g.p.eps,
        )  # fmt: skip
        return [node.out(k) if g.needed[k] else None for k in range(3)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, groups = self.rows(p, ins[0].shape)
        return normalize_calls(rows, PER_ROW if self.affine == "row" else PER_PLACE, groups, p.eps, ins[0].dtype, ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 8 * ins[0].size, 2 * ins[0].nbytes


@register
class LayerNorm(_Affine):
    """Layer normalisation: ``(x - mean) / sqrt(var + eps) * gamma + beta``, the statistics taken along one axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape, floating-point.
    gamma, beta : Symbol or NDArray
        One element for each place along `axis`.
    axis : int
    eps : float
        Added to the variance.
    output_mean_var : bool
        Return mean and ``sqrt(var + eps)`` as well, of the data's shape with extent 1 along `axis`; no gradient flows through them.

    Raises
    ------
    MXNetError
        The axis does not exist.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, arXiv:1607.06450.
    """

    name = "LayerNorm"
    affine = "place"
    params: dict[str, Field] = {
        "axis": Int(-1, "The axis to normalise along."),
        "eps": Float(9.99999975e-06, "Added to the variance."),
        "output_mean_var": Bool(False, "Return mean and standard deviation as well."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        shape = cast(Shape, unify_shape(ins[0], outs[0]))
        axis = check_axis(p.axis, len(shape))
        shape, extent = _with_vectors(shape, axis, ins[1:])
        mean = (*shape[:axis], 1, *shape[axis + 1 :])
        results: list[PartialShape] = [shape, mean, mean]
        return [shape, extent, extent], results[: len(outs)]

    def rows(self, p: Params, shape: tuple[int, ...]) -> tuple[Rows, int]:
        return split_axis(shape, check_axis(p.axis, len(shape))), 1


@register
class InstanceNorm(_Affine):
    """Instance normalisation: ``(x - mean) / sqrt(var + eps) * gamma + beta``, the statistics taken over the positions of each channel.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C, ...) of at least three dimensions, floating-point.
    gamma, beta : Symbol or NDArray
        Shape (C,).
    eps : float
        Added to the variance.

    Raises
    ------
    MXNetError
        Fewer than three dimensions.

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, Instance Normalization, arXiv:1607.08022.
    """

    name = "InstanceNorm"
    any_type = False
    params: dict[str, Field] = {"eps": Float(0.00100000005, "Added to the variance.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if shape is None:
            return ins, outs
        if len(shape) < 3:
            raise ShapeError(f"InstanceNorm needs data of at least 3 dimensions (N, C, ...), got {shape}; add one with expand_dims")
        shape, extent = _with_vectors(shape, 1, ins[1:])
        return [shape, extent, extent], [shape]

    def rows(self, p: Params, shape: tuple[int, ...]) -> tuple[Rows, int]:
        return Rows(shape[0] * shape[1], math.prod(shape[2:]), 1), shape[1]


@register
class GroupNorm(_Affine):
    """Group normalisation: ``(x - mean) / sqrt(var + eps) * gamma + beta``, the statistics taken over groups of channels.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C, ...) of at least three dimensions, floating-point.
    gamma, beta : Symbol or NDArray
        Shape (num_groups,): one for each group, as in MXNet 1.9.1.
    num_groups : int
        Must divide C.
    eps : float
        Added to the variance.
    output_mean_var : bool
        Return mean and ``sqrt(var + eps)`` as well, of shape (N, num_groups); no gradient flows through them.

    Raises
    ------
    MXNetError
        `num_groups` does not divide the number of channels, or there are fewer than three dimensions.

    References
    ----------
    Y. Wu, K. He, Group Normalization, arXiv:1803.08494.
    """

    name = "GroupNorm"
    params: dict[str, Field] = {
        "num_groups": Int(1, "Number of groups."),
        "eps": Float(9.99999975e-06, "Added to the variance."),
        "output_mean_var": Bool(False, "Return mean and standard deviation as well."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.num_groups < 1:
            raise ShapeError(f"num_groups must be positive, got {p.num_groups}")
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        shape = cast(Shape, unify_shape(ins[0], outs[0]))
        each = (p.num_groups,)
        if len(shape) < 3:
            raise ShapeError(f"GroupNorm needs data of at least 3 dimensions (N, C, ...), got {shape}; add one with expand_dims")
        if shape[1] >= 0 and shape[1] % p.num_groups:
            raise ShapeError(f"the number of channels, {shape[1]}, must be divisible by num_groups={p.num_groups}")
        mean = (shape[0], p.num_groups)
        results: list[PartialShape] = [shape, mean, mean]
        return [shape, each, each], results[: len(outs)]

    def rows(self, p: Params, shape: tuple[int, ...]) -> tuple[Rows, int]:
        return Rows(shape[0] * p.num_groups, math.prod(shape[1:]) // p.num_groups, 1), p.num_groups


@register
class L2Normalization(Op, Estimated):
    """Division by the Euclidean length: ``x / sqrt(sum(x^2) + eps)``.

    The sum runs over a whole instance, (C, ...), in mode ``'instance'``; over the channels of each position in mode ``'channel'``; over the
    positions of each channel in mode ``'spatial'``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C, ...), floating-point; at least three dimensions but for mode ``'instance'``.
    eps : float
    mode : {'instance', 'channel', 'spatial'}

    Raises
    ------
    MXNetError
        Too few dimensions.
    """

    name = "L2Normalization"
    params: dict[str, Field] = {
        "eps": Float(1.00000001e-10, "Added to the sum of squares."),
        "mode": Enum(("channel", "instance", "spatial"), "instance", "What the sum runs over."),
    }

    def json_outputs(self, p: Params) -> int:
        return 2

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if shape is not None and len(shape) < 3 and p.mode != "instance":
            raise ShapeError(f"at least 3 dimensions are required in {p.mode} mode, got {shape}; use mode='instance'")
        return [shape], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        rows = l2_rows(g.ins[0].shape, g.p.mode)
        return [g.apply("_backward_normalize", g.ograd(), g.input(0), outer=rows.outer, n=rows.n, inner=rows.inner, eps=g.p.eps)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return normalize_calls(l2_rows(ins[0].shape, p.mode), L2, 1, p.eps, ins[0].dtype, ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 3 * ins[0].size, 2 * ins[0].nbytes


def l2_rows(shape: tuple[int, ...], mode: str) -> Rows:
    """The rows of each mode.

    >>> l2_rows((2, 3, 4), 'channel'), l2_rows((2, 3, 4), 'spatial'), l2_rows((2, 3, 4), 'instance')
    (Rows(outer=2, n=3, inner=4), Rows(outer=6, n=4, inner=1), Rows(outer=2, n=12, inner=1))
    """
    if mode == "channel":
        return split_axis(shape, 1)
    if mode == "spatial":
        return Rows(shape[0] * shape[1], math.prod(shape[2:]), 1)
    return Rows(shape[0], math.prod(shape[1:]), 1)


differs(
    "LayerNorm",
    "float16 data whose sum exceeds 65504",
    "print(mx.nd.LayerNorm(mx.nd.array([[60000, 60000, 0, 0]], dtype='float16'), mx.nd.ones(4, dtype='float16'), "
    "mx.nd.zeros(4, dtype='float16')).asnumpy().tolist())",
    ours="[[1.0, 1.0, -1.0, -1.0]]",
    mxnet="[[0.0, 0.0, 0.0, 0.0]]",
    why="Sums are formed in float32.",
)
