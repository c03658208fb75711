"""FullyConnected as inference runs it on CPUs: over a weight that was packed once, if that pays, and with the activation behind it."""

from __future__ import annotations

from collections.abc import Sequence

from ...base import MXNetError
from ...graph.contract.facets import Estimated, Prepares, Recomputable
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for
from ...graph.contract.op import Entry, Node, Op
from ...graph.contract.registry import attach, find_op, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned
from ...graph.rewrite.requests import Activate, Blocked, Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite, Rewriting
from ...params import Bool, Enum, Float, Int, Params
from ..shared.epilogue import with_epilogue
from .fully_connected_extents import matrix_extents, output_shape
from .gemm import product
from .gemm_cpu import ACTIVATIONS, vector_of
from .product import matrix

__all__ = ["PackFullyConnected", "PackedFullyConnected", "panel_width", "worth_packing"]

VECTORS = 3
"""Vectors a row of the register tile."""

tunable("gemm/packed", {"kc": (256, 384, 512, 768, 1024), "mc": (128, 256, 512, 1024)})


def panel_width(traits: DeviceTraits) -> int:
    """Columns of a panel of packed weights, the parameter `panel` of both operators."""
    return VECTORS * vector_of("float32", traits)


def worth_packing(rows: int, hidden: int, depth: int, traits: DeviceTraits) -> bool:
    """Whether a second copy of the weight pays, on a CPU.

    For one or two rows, and for a weight that comes from memory, reading it in place is as fast as memory; from 25 rows on the product
    over the weight in place is as fast as the multiply-adds. Between them a packed weight that caches hold gains a fifth or more.

    >>> [worth_packing(n, 1000, 2048, DeviceTraits()) for n in (1, 8, 64)]
    [False, True, False]
    """
    found = tuned(traits, "gemm", "packed_worth", {"rows": 3, "most_rows": 24, "bytes": 1 << 20, "most_bytes": 24 << 20})
    fits = found["bytes"] <= 4 * hidden * depth <= found["most_bytes"] and hidden >= panel_width(traits)
    return fits and found["rows"] <= rows <= found["most_rows"]


def _packed_shape(hidden: int, depth: int, panel: int) -> tuple[int, int, int]:
    return (-(-hidden // panel), depth, panel)


def _require_cpu(name: str, dtype: str, panel: int, traits: DeviceTraits) -> None:
    if not traits.is_cpu or dtype != "float32" or panel not in (0, panel_width(traits)):
        raise MXNetError(
            f"{name} is for float32 and panels of {panel_width(traits)} on CPUs, got {dtype} and panels of {panel} on {traits.kind}; "
            "use FullyConnected"
        )


@register
class PackFullyConnected(Op, Prepares):
    """The weight (hidden, depth) as panels (ceil(hidden / panel), depth, panel), zeros beyond the last hidden unit."""

    name = "_pack_fully_connected"
    hidden = True
    inputs = ("weight",)
    params = {"panel": Int(doc="Hidden units a panel; see `panel_width`.", low=1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        weight = ins[0]
        if weight is None:
            return ins, outs
        if len(weight) != 2:
            raise ShapeError(f"weight must be (num_hidden, depth), got {weight}")
        return ins, [(-1 if weight[0] < 0 else -(-weight[0] // p.panel), weight[1], p.panel)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        _require_cpu(self.name, ins[0].dtype, p.panel, ctx.traits)
        hidden, depth = ins[0].shape
        defines = defines_for("float32", "write", VW=p.panel // VECTORS, NV=VECTORS, MR=8, B_ROWS=0, B_PACKED=1)
        args = (In(0), Out(0), Scalar("int", hidden), Scalar("int", depth))
        return [KernelCall("matrix/gemm_blocked.cl", "gemm_pack", args, defines, (outs[0].shape[0],), (1,))]


@register
class PackedFullyConnected(Op, Recomputable, Absorbing, Estimated):
    """``activation(data weight^T + bias)`` with the weight as `_pack_fully_connected` leaves it, or as the user has it."""

    name = "_packed_fully_connected"
    recompute = "heavy"
    hidden = True
    inputs = ("data", "weight", "bias")
    params = {
        "num_hidden": Int(low=1),
        "no_bias": Bool(False),
        "flatten": Bool(True),
        "panel": Int(doc="Hidden units a panel, see `panel_width`; 0: the weight is as the user has it.", low=0),
        "act_type": Enum(ACTIVATIONS, "none"),
        "act_low": Float(0.0),
        "act_high": Float(0.0),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_bias else self.inputs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        if data is None:
            return ins, outs
        if not data:
            raise ShapeError("data must have at least one dimension")
        depth = matrix_extents(data, p.flatten)[1]
        biases: list[PartialShape] = [] if p.no_bias else [(p.num_hidden,)]
        weight = _packed_shape(p.num_hidden, depth, p.panel) if p.panel else (p.num_hidden, depth)
        return [data, weight, *biases], [output_shape(data, p.num_hidden, p.flatten)]

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        return with_epilogue(node, request) if isinstance(request, Activate) else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        _require_cpu(self.name, ins[0].dtype, p.panel, ctx.traits)
        m, k = matrix_extents(ins[0].shape, p.flatten)
        if ctx.reqs[0] == "add" and p.act_type != "none":
            raise MXNetError(f"{self.name} cannot add to its output behind act_type={p.act_type!r}; use grad_req='write'")
        if not p.panel:
            return product(
                m, p.num_hidden, k, matrix(In(0), m, k), matrix(In(1), k, p.num_hidden, transposed=True), matrix(Out(0), m, p.num_hidden),
                "float32", ctx.reqs[0], ctx.traits, bias=None if p.no_bias else In(2), act=(p.act_type, p.act_low, p.act_high),
            )  # fmt: skip
        n, units, mr = p.num_hidden, ctx.traits.compute_units, 4 if m <= 4 else 8
        found = tuned(ctx.traits, "gemm", "packed", {"kc": 512, "mc": 512})
        kc = -(-k // -(-k * 4 // (found["kc"] * 5))) if k else 1
        mc = min(-(-m // mr) * mr, found["mc"] // mr * mr)
        panels, direct = -(-n // p.panel), m <= mr
        # several blocks of rows share the panels through the caches: items differ in the panels first
        blocks = -(-m // mc)
        across = max(1, min(panels, -(-4 * units // blocks)))
        ncols = -(-panels // across) * p.panel
        items = blocks * -(-n // ncols)
        launched = min(items, 4 * units)
        ahead = -(-VECTORS // -(-min(m, mc) // mr)) if m <= 128 else 0
        zero, one = Scalar("long", 0), Scalar("float", 1.0)
        args: tuple[Arg, ...] = (
            In(0), In(1), Out(0), Out(0), In(1) if p.no_bias else In(2), Temp(0, max(4, 0 if direct else 4 * launched * kc * mc)),
            *(Scalar("int", v) for v in (m, n, k)), *(Scalar("long", v) for v in (k, k, n, 1)), zero, zero, zero, Scalar("int", 1),
            zero, zero, zero, one, *(Scalar("int", v) for v in (mc, ncols, mc, ncols, kc)),
            Scalar("long", items), *(Scalar("int", int(v)) for v in (not p.no_bias, ctx.reqs[0] == "add", direct, False, ahead, False)),
            Scalar("float", p.act_low), Scalar("float", p.act_high),
        )  # fmt: skip
        shape = {"VW": p.panel // VECTORS, "NV": VECTORS, "MR": mr, "B_PACKED": 1}
        defines = defines_for("float32", "write", **shape, ACT=ACTIVATIONS.index(p.act_type))
        return [KernelCall("matrix/gemm_blocked.cl", "gemm_blocked", args, defines, (launched,), (1,))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        rows, depth = matrix_extents(ins[0].shape, p.flatten)
        return 2 * rows * depth * p.num_hidden, sum(t.nbytes for t in (*ins, *outs))


# ------------------------------------------------------------------------------------------------------------ from the user's operator


class PackedForm(Rewriting, Absorbing):
    """`FullyConnected` on CPUs, in inference: over its weight packed once, where that pays; with the activation behind it."""

    @staticmethod
    def _asked(r: Rewrite) -> bool:
        return r.traits.is_cpu and not r.train

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        p = r.p
        if not self._asked(r) or any(t.dtype != "float32" or not t.size for t in r.ins) or not r.is_variable(1):
            return None
        rows, depth = matrix_extents(r.ins[0].shape, p.flatten)
        if not worth_packing(rows, p.num_hidden, depth, r.traits):
            return None
        panel = panel_width(r.traits)
        weight = r.apply("_pack_fully_connected", r.plain(1), panel=panel)
        inputs = (r.plain(0), weight, *(() if p.no_bias else (r.plain(2),)))
        return [r.apply("_packed_fully_connected", *inputs, **dict(p.items()), panel=panel)]

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        if not self._asked(r) or r.outs[0].dtype != "float32" or not r.ins[0].size or not isinstance(request, Activate):
            return None
        op = find_op("_packed_fully_connected")
        plain = node.become(op, op.parse({**dict(node.params.items()), "panel": 0}), node.inputs)
        return with_epilogue(plain, request)


attach("FullyConnected", PackedForm())
