"""Lighting noise: a shift along the principal colours of ImageNet's pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Rng, Scalar, defines_for, grid
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Float, Floats, Params
from .shapes import Augmenting, real_type

__all__ = ["AdjustLighting", "RandomLighting"]

# eigenvectors times eigenvalues of the covariance of ImageNet's pixels (Krizhevsky, Sutskever, Hinton 2012), a column a component
_PRINCIPAL = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
) * [55.46, 4.794, 1.148]  # fmt: skip


class _Lighting(Augmenting):
    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def _call(self, factors: Sequence[float], drawn: bool, data: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
        components = (Scalar("float4", (*(float(v) for v in column), 0.0)) for column in _PRINCIPAL.T.astype(np.float32))
        defines = defines_for(data.dtype, ctx.reqs[0], R=real_type(data.dtype), DRAWN=int(drawn))
        source = (Rng(), Scalar("uint", ctx.stream)) if drawn else ()
        args = (
            In(0),
            Out(0),
            *source,
            Scalar("long", data.size),
            Scalar("int", data.shape[-1]),
            Scalar("float4", (*factors, 0.0)),
            *components,
        )
        return [KernelCall("image/lighting.cl", "lighting", args, defines, *grid(data.size, ctx.traits))]


@register
class AdjustLighting(_Lighting):
    """An image whose colours are shifted along the principal components of ImageNet's pixels: ``out = data + P alpha``.

    P has the components, times their deviations, as its columns. An image of one channel stays as it is. Bytes are cut to 0 .. 255,
    integers rounded towards zero. The gradient passes unchanged, as in MXNet.

    Parameters
    ----------
    data : Symbol or NDArray
        (H, W, C), of one or three channels.
    alpha : tuple of float
        Three factors.

    Source: MXNet 1.9.1, ``image.adjust_lighting``.
    """

    name = "_image_adjust_lighting"
    params = {"alpha": Floats(doc="The lighting alphas for the R, G, B channels.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if len(p.alpha) < 3:
            raise ShapeError(f"alpha={p.alpha} must have three numbers")
        return super().infer_shape(p, ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self._call(p.alpha[:3], False, ins[0], ctx)


@register
class RandomLighting(_Lighting):
    """As `_image_adjust_lighting`, by factors that are normal with deviation `alpha_std`.

    Parameters
    ----------
    data : Symbol or NDArray
        (H, W, C), of one or three channels.
    alpha_std : float, default 0.05

    Source: MXNet 1.9.1, ``image.random_lighting``.
    """

    name = "_image_random_lighting"
    random = True
    params = {"alpha_std": Float(0.05, "Level of the lighting noise.")}

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self._call((p.alpha_std,) * 3, True, ins[0], ctx)
