"""A group of element-wise operators as one: what `clsym.graph.rewrite.fuse_elementwise` puts in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.contract.expression import walk_of
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, ctype, defines_for, grid, req_code
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Field, Params

__all__ = ["FusedElementwise"]

_SOURCE = "elementwise/fused.cl"


class _Internal(Field):
    """A parameter that only the compiler sets: a graph file must not bring text into a kernel."""

    kind = "set by the compiler"

    def parse(self, value: Any) -> Any:
        raise ValueError("this operator is made by the compiler alone; save the graph that was written, not the rewritten one")


@register
class FusedElementwise(Op, Estimated):
    """Several element-wise operators in one kernel, made by the compiler.

    Parameters
    ----------
    statements : tuple of (str, str)
        In order: an expression over ``x<input>``, ``v<earlier statement>`` and ``s<number>``, and the type of its value.
    results : tuple of int
        Numbers of the statements whose values are the outputs.
    numbers : tuple of float
    shape : tuple of int
        Of the outputs; inputs may be repeated to it.
    label : str
        What was fused, for the text of a plan.
    """

    name = "_fused_elementwise"
    hidden = True
    params = {k: _Internal() for k in ("statements", "results", "numbers", "shape", "label", "num_args")}
    variadic = "num_args"

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output",) if len(p.results) == 1 else tuple(f"output{k}" for k in range(len(p.results)))

    def title(self, p: Params) -> str:
        return f"{self.name}[{p.label}]"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape] * len(outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [p.statements[s][1] for s in p.results]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # an element's operands are all read before its results are stored
        full = [i for i, spec in enumerate(ins) if spec.size == outs[0].size]
        return tuple((k, i) for k, out in enumerate(outs) for i in full if ins[i].itemsize == out.itemsize)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return len(p.statements) * outs[0].size, sum(t.nbytes for t in (*ins, *outs))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        kind = compute_type(outs[0].dtype)
        parameters: list[str] = []
        args: list[Arg] = []
        loads: dict[str, list[str]] = {"one": [], "line": [], "row": [], "full": []}
        inner = 1
        for i, spec in enumerate(ins):
            parameters.append(f"const global {ctype(spec.dtype)} *p{i}")
            args.append(In(i))
            walk = walk_of(spec.shape, p.shape)
            assert walk is not None
            place = {"one": "0", "line": f"line % c{i}", "row": "j", "full": "i"}[walk.kind]
            loads[walk.kind].append(f"const CT x{i} = (CT)LOAD_AS({ctype(spec.dtype)}, p{i}, {place});")
            inner = walk.inner or inner
        stores = []
        for k, s in enumerate(p.results):
            if ctx.reqs[k] != "null":
                parameters.append(f"global {ctype(outs[k].dtype)} *q{k}")
                args.append(Out(k))
                stores.append(f"STORE_AS({req_code(ctx.reqs[k])}, {ctype(outs[k].dtype)}, q{k}, i, v{s});")
        wide = n >= 1 << 31
        index = "long" if wide else "uint"
        for i, spec in enumerate(ins):
            walk = walk_of(spec.shape, p.shape)
            if walk is not None and walk.kind == "line":
                parameters.append(f"const {index} c{i}")
                args.append(Scalar(index, walk.channels))
        for k, value in enumerate(p.numbers):
            parameters.append(f"const CT s{k}")
            args.append(Scalar(kind, value))
        added = {s for k, s in enumerate(p.results) if ctx.reqs[k] == "add"}  # read by nobody, and rounded with what they are added to
        body = [
            f"const CT v{k} = {text};" if k in added else f"const CT v{k} = ROUNDED_{ctype(dtype)}({text});"
            for k, (text, dtype) in enumerate(p.statements)
        ]
        more: dict[str, str | int] = {
            "ARGUMENTS": ", ".join(parameters) + ",",
            "ONCE": " ".join(loads["one"]),
            "LINE": " ".join(loads["line"]),
            "EACH": " ".join(loads["full"] + loads["row"]),
            "BODY": " ".join(body),
            "PUT": " ".join(stores),
            "LINES": int(bool(loads["line"] or loads["row"])),
            "WIDE": int(wide),
        }
        defines = defines_for(outs[0].dtype, "write", **more)
        global_size, local_size = grid(n, ctx.traits)
        call = KernelCall(_SOURCE, "fused_elementwise", (*args, Scalar("long", inner), Scalar("long", n)), defines, global_size, local_size)
        return [call]
