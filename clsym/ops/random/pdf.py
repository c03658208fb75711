"""Probability densities: _random_pdf_uniform and its kin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Bool, Enum, Int, Params
from ..shared.float_types import one_float_type

__all__ = ["Pdf", "PdfDirichlet"]

_SOURCE = "random/pdf.cl"


@dataclass(frozen=True)
class Density:
    """A distribution: the names of its parameters, the formula of its density, and whether the samples are counts."""

    key: str
    parameters: tuple[str, ...]
    formula: str
    counts: bool = False


_DENSITIES = (
    Density("uniform", ("low", "high"), "1 / (high - low)"),
    Density("normal", ("mu", "sigma"), "exp(-(x - mu)^2 / (2 sigma^2)) / (sqrt(2 pi) sigma)"),
    Density("gamma", ("alpha", "beta"), "beta^alpha x^(alpha - 1) exp(-beta x) / Gamma(alpha)"),
    Density("exponential", ("lam",), "lam exp(-lam x)"),
    Density("poisson", ("lam",), "lam^x exp(-lam) / x!", True),
    Density("negative_binomial", ("k", "p"), "Gamma(x + k) / (x! Gamma(k)) p^k (1 - p)^x", True),
    Density(
        "generalized_negative_binomial", ("mu", "alpha"),
        "that of the negative binomial distribution with k = 1 / alpha, p = 1 / (mu alpha + 1)", True,
    ),
)  # fmt: skip
_KEYS = tuple(d.key for d in _DENSITIES)


class _Density(Op):
    params = {"is_log": Bool(False, "Whether the logarithm of the density is computed.")}
    parameters: tuple[str, ...] = ()

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def _summed(self, g: Gradient, slope: Entry, shape: Sequence[int], kept: int) -> Entry:
        """The sum over the samples of each entry of the parameters."""
        axes = tuple(range(kept, len(shape)))
        return g.apply("sum", slope, axis=axes) if axes else slope


class Pdf(_Density):
    """The density of samples."""

    def __init__(self, density: Density) -> None:
        self.density = density
        self.name = f"_random_pdf_{density.key}"
        self.aliases = (f"random_pdf_{density.key}",)
        self.parameters = density.parameters
        self.inputs = ("sample", *density.parameters)

    def doc(self) -> str:
        lines = "".join(
            f"{name} : Symbol or NDArray\n    Parameters, of the sample's type; their shape is how the sample's begins.\n"
            for name in self.parameters
        )
        fixed = "\nThe samples are counts: the gradient with respect to them is zero.\n" if self.density.counts else ""
        return (
            f"The probability density of samples x, ``{self.density.formula}``.\n{fixed}\nParameters\n----------\n"
            "sample : Symbol or NDArray\n    float16, float32 or float64. Several of them belong to each entry of the parameters.\n"
            f"{lines}is_log : bool, default False\n    Whether the logarithm of the density is computed.\n\n"
            f"Source: MXNet 1.9.1, ``random_pdf_{self.density.key}``."
        )

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if any(s is None for s in ins):
            return ins, outs
        sample = unify_shape(ins[0], outs[0])
        common: PartialShape = None
        for shape in ins[1:]:
            common = unify_shape(common, shape)
        if sample is not None and common is not None:
            n = len(common)
            if n > len(sample):
                raise ShapeError(f"the parameters' shape {show_shape(common)} must be how the sample's {show_shape(sample)} begins")
            unify_shape(
                common, sample[:n], f"the parameters' shape {show_shape(common)} must be how the sample's {show_shape(sample)} begins"
            )
        return [sample, *ins[1:]], [sample]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found: list[Entry | None] = [None] * len(g.ins)
        for i, wanted in enumerate(g.needed):
            if wanted and not (i == 0 and (self.density.counts or self.density.key == "uniform")):
                inputs = [g.input(k) for k in range(len(g.ins))]
                slope = g.apply("_backward_random_pdf", g.ograd(), *inputs, density=self.density.key, by=i, is_log=g.p.is_log)
                found[i] = self._summed(g, slope, g.ins[0].shape, g.ins[1].ndim) if i else slope
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_pdf_call(self.density.key, -1, p.is_log, ins, 0, outs[0], ctx)]


def _pdf_call(
    density: str, slope: int, is_log: bool, ins: Sequence[TensorSpec], first: int, out: TensorSpec, ctx: LowerContext
) -> KernelCall:
    """The launch; the inputs from `first` on are the sample and the parameters."""
    inner = math.prod(out.shape[ins[first + 1].ndim :])
    args = (
        In(first), In(first + 1), In(len(ins) - 1), In(0), Out(0), Scalar("long", out.size), Scalar("long", inner),
        Scalar("int", _KEYS.index(density)), Scalar("int", int(is_log)),
    )  # fmt: skip
    return KernelCall(_SOURCE, "pdf", args, defines_for(out.dtype, ctx.reqs[0], SLOPE=slope), *grid(out.size, ctx.traits, 256))


@register
class PdfBackward(Op):
    """The head gradient times the derivative of a density by the sample or a parameter, in the sample's shape."""

    name = "_backward_random_pdf"
    hidden = True
    params = {"density": Enum(_KEYS, "uniform"), "by": Int(0), "is_log": Bool(False)}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "sample", *_DENSITIES[_KEYS.index(p.density)].parameters)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_pdf_call(p.density, p.by, p.is_log, ins, 1, outs[0], ctx)]


for _density in _DENSITIES:
    register(Pdf(_density))


@register
class PdfDirichlet(_Density):
    """The density of the Dirichlet distribution, ``Gamma(sum alpha) prod x_i^(alpha_i - 1) / prod Gamma(alpha_i)``.

    Parameters
    ----------
    sample : Symbol or NDArray
        (..., k): points x of the simplex, float16, float32 or float64.
    alpha : Symbol or NDArray
        (..., k): parameters; the other dimensions are how the sample's shape begins.
    is_log : bool, default False
        Whether the logarithm of the density is computed.

    Returns
    -------
    Symbol or NDArray
        The shape of `sample` without its last dimension.

    Source: MXNet 1.9.1, ``random_pdf_dirichlet``.
    """

    name = "_random_pdf_dirichlet"
    aliases = ("random_pdf_dirichlet",)
    inputs = ("sample", "alpha")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        sample, alpha = ins
        if sample is None or alpha is None:
            return ins, outs
        if outs[0] is not None:
            sample = unify_shape(sample, (*outs[0], -1))
        for shape in (sample, alpha):
            if shape is not None and not shape:
                raise ShapeError("the last dimension of sample and alpha holds the coordinates; there is none")
        if sample is not None and alpha is not None:
            n = len(alpha) - 1
            text = f"alpha {show_shape(alpha)} must be how the sample {show_shape(sample)} begins, and its last dimension"
            if n > len(sample) - 1:
                raise ShapeError(text)
            unify_shape(alpha, (*sample[:n], sample[-1]), text)
        return [sample, alpha], [None if sample is None else sample[:-1]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found: list[Entry | None] = [None, None]
        for i in range(2):
            if g.needed[i]:
                slope = g.apply("_backward_random_pdf_dirichlet", g.ograd(), g.input(0), g.input(1), by=i, is_log=g.p.is_log)
                found[i] = self._summed(g, slope, g.ins[0].shape[:-1], g.ins[1].ndim - 1) if i else slope
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_dirichlet_call(-1, p.is_log, ins[0], ins[1], (0, 1, 0), ctx)]


def _dirichlet_call(
    slope: int, is_log: bool, sample: TensorSpec, alpha: TensorSpec, places: tuple[int, int, int], ctx: LowerContext
) -> KernelCall:
    """The launch; `places`: which inputs are the sample, the parameters and the head gradient."""
    k = sample.shape[-1]
    rows = math.prod(sample.shape[:-1])
    inner = math.prod(sample.shape[alpha.ndim - 1 : -1])
    longs = (Scalar("long", rows), Scalar("long", k), Scalar("long", inner))
    first, second, head = places
    args = (In(first), In(second), In(head), Out(0), *longs, Scalar("int", int(is_log)))
    size, local = grid(rows, ctx.traits, max(1, 256 // max(k, 1)))
    return KernelCall(_SOURCE, "pdf_dirichlet", args, defines_for(sample.dtype, ctx.reqs[0], SLOPE=slope), size, local)


@register
class PdfDirichletBackward(Op):
    """The head gradient times the derivative by the sample or alpha, in the sample's shape."""

    name = "_backward_random_pdf_dirichlet"
    hidden = True
    inputs = ("ograd", "sample", "alpha")
    params = {"by": Int(0), "is_log": Bool(False)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_dirichlet_call(p.by, p.is_log, ins[1], ins[2], (1, 2, 0), ctx)]
