"""Random tensors: fixed parameters (``_random_*``), the shape of a tensor (``*_like``), or tensors of parameters (``_sample_*``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Rng, Scalar, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, unify_shape
from ...params import Dtype, Field, Float, Int, Params, Shape, Str
from ..shape.creation import legacy_shape

__all__ = ["Distribution", "FloatType"]


class FloatType(Dtype):
    """A floating-point element type, or None: float32."""

    choices: tuple[str, ...] = ("float16", "float32", "float64")

    def __init__(self) -> None:
        super().__init__(None, "The element type; float32 by default.")
        self.kind = "{" + ", ".join(repr(c) for c in ("None", *self.choices)) + "}"

    def convert(self, value: object) -> str | None:
        return self._allowed(super().convert(value))

    def convert_text(self, text: str) -> str | None:
        return self._allowed(super().convert_text(text))

    def _allowed(self, dtype: str | None) -> str | None:
        if dtype is not None and dtype not in self.choices:
            raise ValueError(f"must be one of {self.choices}")
        return dtype


class IntegerType(FloatType):
    """int32, int64, or None: int32."""

    choices = ("int32", "int64")


@dataclass(frozen=True)
class Distribution:
    """A distribution: its parameters in MXNet's order, what they must satisfy, and whether the blockwise kernel draws it."""

    key: str
    define: str
    parameters: tuple[tuple[str, Field], ...]
    demand: str
    check: Callable[..., bool]
    formula: str
    sample_names: tuple[str, ...]
    blockwise: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(name for name, _ in self.parameters)


_DISTRIBUTIONS = [
    Distribution(
        "uniform", "UNIFORM", (("low", Float(0.0, "Lower bound.")), ("high", Float(1.0, "Upper bound, exclusive."))),
        "high must not be below low", lambda low, high: high >= low, "uniform on [low, high)", ("low", "high"), True,
    ),
    Distribution(
        "normal", "NORMAL", (("loc", Float(0.0, "Mean.")), ("scale", Float(1.0, "Standard deviation."))),
        "scale must be positive", lambda loc, scale: scale > 0, "normal with mean loc (mu) and standard deviation scale (sigma)",
        ("mu", "sigma"), True,
    ),
    Distribution(
        "exponential", "EXPONENTIAL", (("lam", Float(1.0, "Rate.")),), "lam must be positive", lambda lam: lam > 0,
        "exponential with rate lam (mean 1 / lam)", ("lam",), True,
    ),
    Distribution(
        "gamma", "GAMMA", (("alpha", Float(1.0, "Shape.")), ("beta", Float(1.0, "Scale."))), "alpha and beta must be positive",
        lambda alpha, beta: alpha > 0 and beta > 0, "gamma with shape alpha and scale beta (mean alpha beta)", ("alpha", "beta"),
    ),
    Distribution(
        "poisson", "POISSON", (("lam", Float(1.0, "Mean.")),), "lam must not be negative", lambda lam: lam >= 0,
        "Poisson with mean lam", ("lam",),
    ),
    Distribution(
        "negative_binomial", "NEGATIVE_BINOMIAL", (("k", Int(1, "Failures.")), ("p", Float(1.0, "Probability of a failure."))),
        "k must be positive, p in (0, 1]", lambda k, p: k > 0 and 0 < p <= 1,
        "negative binomial: successes before k failures of probability p", ("k", "p"),
    ),
    Distribution(
        "generalized_negative_binomial", "GENERALIZED_NEGATIVE_BINOMIAL",
        (("mu", Float(1.0, "Mean.")), ("alpha", Float(1.0, "Dispersion."))),
        "mu and alpha must not be negative", lambda mu, alpha: mu >= 0 and alpha >= 0,
        "negative binomial with mean mu and dispersion alpha (variance mu + alpha mu^2)", ("mu", "alpha"),
    ),
]  # fmt: skip


class _Draw(Op):
    """What all draws share: no gradient, a documentation made from the distribution."""

    random = True

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def fixed(self, p: Params, out: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
        """The launch for parameters that are numbers."""
        d = self.distribution
        values = [getattr(p, name) for name in d.names]
        kind = "double" if out.dtype == "float64" else "float"
        first, second = (*values, 0.0)[:2]
        defines = defines_for(out.dtype, ctx.reqs[0], DIST=d.define, R=kind, DOUBLE=int(kind == "double"))
        global_size, local_size = grid(out.size if d.blockwise else 8 * out.size, ctx.traits)
        args = (
            Out(0),
            Rng(),
            Scalar("uint", ctx.stream),
            Scalar("long", out.size),
            Scalar(kind, float(first)),
            Scalar(kind, float(second)),
        )
        entry = "draw_fixed" if d.blockwise else "draw_element"
        return [KernelCall("random/draws.cl", entry, args, defines, global_size, local_size)]

    def check(self, p: Params) -> None:
        """Raise unless the parameters make sense."""
        values = [getattr(p, name) for name in self.distribution.names]
        if not all(math.isfinite(v) for v in values) or not self.distribution.check(*values):
            shown = ", ".join(f"{n}={v}" for n, v in zip(self.distribution.names, values, strict=True))
            raise ShapeError(f"{self.distribution.demand}; got {shown}")


class Random(_Draw):
    """Draws with fixed parameters."""

    inputs = ()

    def __init__(self, distribution: Distribution) -> None:
        super().__init__(distribution)
        self.name = f"_random_{distribution.key}"
        short = {"uniform": ("uniform",), "normal": ("normal",)}.get(distribution.key, ())
        self.aliases = (f"random_{distribution.key}", *short)
        self.params = {
            **dict(distribution.parameters),
            "shape": Shape(None, "The shape of the output."),
            "ctx": Str("", "Device, as 'cpu(0)'; used by imperative calls only."),
            "dtype": FloatType(),
        }

    def doc(self) -> str:
        d = self.distribution
        lines = "".join(f"{name} : {field.describe()}\n    {field.doc}\n" for name, field in self.params.items())
        return f"Random numbers, {d.formula}.\n\nParameters\n----------\n{lines}\nSource: MXNet 1.9.1, ``random.{d.key}``."

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        self.check(p)
        return [], [legacy_shape(p.shape, outs[0])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype or "float32"]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self.fixed(p, outs[0], ctx)


class RandomLike(_Draw):
    """Draws with fixed parameters, of the shape and type of a tensor."""

    def __init__(self, distribution: Distribution) -> None:
        super().__init__(distribution)
        self.name = f"_random_{distribution.key}_like"
        self.params = dict(distribution.parameters)

    def doc(self) -> str:
        return f"Random numbers of the shape and type of `data`, {self.distribution.formula}.\n\nSource: MXNet 1.9.1, ``random``."

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        self.check(p)
        return super().infer_shape(p, ins, outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        types = super().infer_type(p, ins, outs)
        if types[0][0] is not None and types[0][0] not in FloatType.choices:
            raise UnsupportedType(types[0][0], f"data must be of one of the types {FloatType.choices}, not {types[0][0]}")
        return types

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self.fixed(p, outs[0], ctx)


class Sample(_Draw):
    """Draws whose parameters are tensors: `shape` numbers for each of their entries."""

    def __init__(self, distribution: Distribution) -> None:
        super().__init__(distribution)
        self.name = f"_sample_{distribution.key}"
        self.aliases = (f"sample_{distribution.key}",)
        self.inputs = distribution.sample_names
        self.params = {"shape": Shape((), "How many numbers for each entry."), "dtype": FloatType()}

    def doc(self) -> str:
        lines = "".join(f"{name} : Symbol or NDArray\n    Parameters, all of one shape s.\n" for name in self.inputs)
        return (
            f"Random numbers with a tensor of parameters, {self.distribution.formula}.\n\nParameters\n----------\n{lines}"
            "shape : tuple of int\n    How many numbers for each entry; the output has shape s + shape.\n\n"
            f"Source: MXNet 1.9.1, ``sample_{self.distribution.key}``."
        )

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if any(d <= 0 for d in p.shape):
            raise ShapeError(f"shape={p.shape} must be positive")
        common: PartialShape = None
        for s in ins:
            common = unify_shape(common, s)
        if outs[0] is not None and len(outs[0]) >= len(p.shape):
            common = unify_shape(common, outs[0][: len(outs[0]) - len(p.shape)])
        return [common] * len(ins), [None if common is None else (*common, *p.shape)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found = next((t for t in ins if t is not None), None)
        return [t or found for t in ins], [p.dtype or "float32"]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        out = outs[0]
        kind = "double" if out.dtype == "float64" else "float"
        more: dict[str, str | int] = {
            "DIST": self.distribution.define,
            "R": kind,
            "DOUBLE": int(kind == "double"),
            "ARRAYS": 1,
            "P": ctype(ins[0].dtype),
        }
        global_size, local_size = grid(8 * out.size, ctx.traits)
        inner = math.prod(p.shape)
        args = (Out(0), Rng(), Scalar("uint", ctx.stream), Scalar("long", out.size), In(0), In(len(ins) - 1), Scalar("long", inner))
        return [KernelCall("random/draws.cl", "draw_element", args, defines_for(out.dtype, ctx.reqs[0], **more), global_size, local_size)]


@register
class RandomInteger(Op):
    """Random integers, uniform on [low, high).

    Parameters
    ----------
    low, high : int
        Bounds; `high` is exclusive.
    shape : tuple of int
        The shape of the output.
    ctx : str
        The device, for imperative calls.
    dtype : str
        int32 (default) or int64.

    Raises
    ------
    MXNetError
        If `high` is not above `low`.

    Source: MXNet 1.9.1, ``random.randint``.
    """

    name = "_random_randint"
    aliases = ("random_randint",)
    inputs = ()
    random = True
    params = {
        "low": Int(doc="Lower bound."),
        "high": Int(doc="Upper bound, exclusive."),
        "shape": Shape(None, "The shape of the output."),
        "ctx": Str("", "Device, as 'cpu(0)'; used by imperative calls only."),
        "dtype": IntegerType(),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.high <= p.low:
            raise ShapeError(f"high={p.high} must be above low={p.low}")
        return [], [legacy_shape(p.shape, outs[0])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype or "int32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        count = p.high - p.low
        wide = {"WIDE_RANGE": 1} if count > 1 << 32 else {}
        if count >= 1 << 63:
            raise ShapeError(f"low={p.low}, high={p.high}: the range does not fit in 63 bits")
        global_size, local_size = grid(outs[0].size, ctx.traits)
        args = (Out(0), Rng(), Scalar("uint", ctx.stream), Scalar("long", outs[0].size), Scalar("long", p.low), Scalar("long", count))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], DIST="RANDINT", **wide)
        return [KernelCall("random/draws.cl", "draw_fixed", args, defines, global_size, local_size)]


for _distribution in _DISTRIBUTIONS:
    for _kind in (Random, RandomLike, Sample):
        register(_kind(_distribution))
