"""The launches of RNN's forward pass: one product for the input's part of all steps, then step by step."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Rng, Scalar
from ...graph.contract.spec import ShapeError, TensorSpec
from ...params import Params
from ..matrix.gemm_cpu import vector_of
from ..shared.strided import Walk, copy, row_major
from .lengths import sequence_call
from .rnn_calls import SOURCE, Pass, Spot, longs
from .rnn_kept import Kept
from .rnn_layout import RnnExtents

__all__ = ["forward_calls"]


class _Forward(Pass):
    def __init__(
        self, p: Params, e: RnnExtents, kept: Kept, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext
    ) -> None:
        super().__init__(p, e, ins, ctx)
        self.kept, self.outs = kept, outs
        self.states = (2 if e.mode == "lstm" else 1) if p.state_outputs else 0
        keeps = 1 + self.states
        self.save = ctx.reqs[keeps] != "null"
        self.keep = Spot(Out(keeps))
        self.drops = ctx.train and p.p > 0 and e.layers > 1
        self.fused = ctx.traits.is_cpu and not e.projection  # the kernel that has product and gates
        each = e.directions * e.batch
        self.gates = self.temp(each * e.steps * e.rows) if not self.save or e.gates == 1 else None
        self.cells = self.temp(each * e.state) if not self.save and e.mode == "lstm" else None
        self.sums = None if self.fused else self.temp(e.batch * e.rows)
        self.unprojected = self.temp(e.batch * e.state) if not self.save and e.projection else None
        self.spare = [self.temp(each * e.steps * e.fed) for _ in range(2)] if not self.save else []
        self._packed: Spot | None = None
        self.passed = self.temp(each * e.steps * e.fed) if not self.save and kept.own_input and e.layers > 1 else None

    def kept_at(self, what: str, layer: int, otherwise: Spot | None) -> Spot:
        """Where something of a layer lies: kept for the gradient, or in a workspace; the parameters stand for what there is not."""
        at = self.kept.at(what, layer) if self.save else None
        return self.keep.plus(at) if at is not None else otherwise or self.input(1)

    def output_of(self, layer: int) -> Spot:
        """Where the states of a layer go."""
        last = layer + 1 == self.e.layers
        if last and not self.kept.own_output and self.ctx.reqs[0] == "write" and self.dtype == self.wide:
            return Spot(Out(0))
        if self.save and self.kept.at("output", layer) is None:
            return self.temp(self.e.steps * self.e.batch * self.e.width)
        return self.kept_at("output", layer, self.spare[layer % 2] if self.spare else None)

    def run(self) -> list[KernelCall]:
        e, x = self.e, self.input(0)
        for layer in range(e.layers):
            y = self.output_of(layer)
            gates = self.kept_at("gates", layer, self.gates)
            self.inputs_part(layer, x, gates)
            if self.fused:
                self.steps_at_once(layer, gates, y)
            else:
                for direction in range(e.directions):
                    self.steps_one_by_one(layer, direction, gates, y)
            self.final_states(layer, y)
            x = self.handed_up(layer, y) if layer + 1 < e.layers else y
        self.finish(x)
        return self.calls

    def inputs_part(self, layer: int, x: Spot, gates: Spot) -> None:
        """gates = x weight^T, all steps and directions."""
        e, rows = self.e, self.e.steps * self.e.batch
        depth = e.layer_inputs(layer)
        weight = self.input(1).plus(e.input_weight(layer, 0))
        self.product(
            rows, e.rows, depth, x.matrix(depth), weight.matrix(1, depth, e.weights(layer)), gates.matrix(e.rows, 1, rows * e.rows),
            entries=e.directions,
        )  # fmt: skip

    def steps_at_once(self, layer: int, gates: Spot, y: Spot) -> None:
        """All directions together, by the kernel that has product and gates: in one launch where no core waits for another."""
        e, units = self.e, self.ctx.traits.compute_units
        h0 = self.input(2).plus(layer * e.directions * e.batch * e.state)
        c0 = self.input(3).plus(layer * e.directions * e.batch * e.state) if e.mode == "lstm" else h0
        cells, parts = self.kept_at("cells", layer, self.cells), self.kept_at("parts", layer, None)
        params, vw = self.input(1), vector_of(self.wide, self.ctx.traits)
        row_share, unit_share = _share(e, units, vw)
        count = e.steps if unit_share >= e.state else 1
        items = e.directions * -(-e.batch // row_share) * -(-e.state // unit_share)
        weight, weight_step = params.plus(e.state_weight(layer, 0)), e.weights(layer)
        packed = e.steps * (row_share + 3) >= 96 and vw >= 8  # else the copy takes longer than the steps gain
        few = 1 << (min(row_share, 8) - 1).bit_length()
        if packed:
            weight, weight_step = self.packed(layer, vw), -(-e.state // vw) * vw * e.gates * e.state
            registers = 32 if self.ctx.traits.vector_width >= 16 else 16
            shape = {"ROWS": min(few, 8 if e.gates == 1 else 4 if 5 * e.gates < registers else 2), "PACKED": 1}
        else:
            rows = min(few, 4 if vw >= 16 else 2)
            shape = {"ROWS": rows, "LINES": min(vw // rows, 8), "PACKED": 0}
        defines = self.defines("write", VW=vw, SAVE=int(self.save), **shape)
        for first in range(0, e.steps, count):
            args = (
                gates.arg, params.arg, weight.arg, h0.arg, y.arg, c0.arg, cells.arg, parts.arg, self.length_arg(params.arg),
                *longs(e.steps, e.batch, e.state, e.directions, first, count, row_share, unit_share),
                *longs(weight.at, weight_step, params.at + e.bias(layer, 0), h0.at, c0.at, gates.at, y.at),
                *longs(cells.at, parts.at), *self.limits,
            )  # fmt: skip
            self.calls.append(KernelCall("sequence/rnn_steps_cpu.cl", "rnn_steps", args, defines, (items,), (1,)))

    def packed(self, layer: int, vw: int) -> Spot:
        """The state's weight of all directions, as the kernel of the steps reads it: [vw units][sum][gate][unit]."""
        e, weight = self.e, self.input(1)
        if self._packed is None:
            self._packed = self.temp(e.directions * -(-e.state // vw) * vw * e.gates * e.state)
        for direction in range(e.directions):
            source = weight.plus(e.state_weight(layer, direction))
            at = direction * -(-e.state // vw) * vw * e.gates * e.state
            for first, units in ((0, e.state // vw * vw), (e.state // vw * vw, e.state % vw)):
                width = min(units, vw)
                extents = (max(units // vw, 1), e.state, e.gates, width)
                walk = Walk(source.at + first * e.state, (vw * e.state, 1, e.state * e.state, e.state))
                place = Walk(at + first * e.gates * e.state, (vw * e.gates * e.state, e.gates * vw, vw, 1))
                self.calls += copy(source.arg, self._packed.arg, extents, walk, place, self.wide, self.ctx)
        return self._packed

    def steps_one_by_one(self, layer: int, direction: int, gates: Spot, y: Spot) -> None:
        """A product and the gates for each step of a direction."""
        e, n = self.e, self.e.batch
        params, state = self.input(1), layer * e.directions + direction
        weight = params.plus(e.state_weight(layer, direction)).matrix(1, e.fed)
        projection = params.plus(e.projection_weight(layer, direction)).matrix(1, e.state)
        before, stride = self.input(2).plus(state * n * e.fed), e.fed
        cell_before = self.input(3).plus(state * n * e.state) if e.mode == "lstm" else before
        assert self.sums is not None
        for t in reversed(range(e.steps)) if direction else range(e.steps):
            at = direction * e.steps + t if self.save else direction
            cell = self.kept_at("cells", layer, self.cells).plus(at * n * e.state) if e.mode == "lstm" else before
            part = self.kept_at("parts", layer, None).plus(at * n * e.state if self.save and e.mode == "gru" else 0)
            to, to_stride = y.plus(t * n * e.width + direction * e.fed), e.width
            self.product(n, e.rows, e.fed, before.matrix(stride), weight, self.sums.matrix(e.rows))
            state_to, state_stride, source, source_stride = to, to_stride, before, stride
            if e.projection:
                here = self.kept_at("unprojected", layer, self.unprojected)
                state_to, state_stride = here.plus(at * n * e.state) if self.save else here, e.state
                source, source_stride = cell_before, e.state
            args = (
                gates.arg, self.sums.arg, params.arg, cell_before.arg, cell.arg, source.arg, state_to.arg, part.arg,
                self.length_arg(params.arg), *longs(n, e.state, t, gates.at + (direction * e.steps + t) * n * e.rows),
                *longs(params.at + e.bias(layer, direction), cell_before.at, cell.at, source.at, source_stride),
                *longs(state_to.at, state_stride, part.at), *self.limits,
            )  # fmt: skip
            self.over_units("rnn_step", args, e.state, SAVE=int(self.save))
            if e.projection:
                self.product(n, e.fed, e.state, state_to.matrix(e.state), projection, to.matrix(to_stride))
                if self.length is not None:
                    args = (before.arg, to.arg, In(self.length), *longs(n, e.fed, t, before.at, stride, to.at, to_stride))
                    self.over_units("rnn_carry", args, e.fed)
            before, stride, cell_before = to, to_stride, cell

    def final_states(self, layer: int, y: Spot) -> None:
        """The states after the last step, into the outputs that hold those of all layers."""
        e, n = self.e, self.e.batch
        for index in range(1, 1 + self.states):
            if self.ctx.reqs[index] == "null":
                continue
            out, req = (Out(index), self.ctx.reqs[index]) if self.dtype == self.wide else (self.whole(index).arg, "write")
            width = e.fed if index == 1 else e.state
            for direction in range(e.directions):
                last = 0 if direction else e.steps - 1
                if index == 1:
                    source, walk = y, Walk(y.at + last * n * e.width + direction * e.fed, (e.width, 1))
                else:
                    source = self.kept_at("cells", layer, self.cells)
                    at = direction * e.steps + last if self.save else direction
                    walk = Walk(source.at + at * n * e.state, (e.state, 1))
                place = row_major((n, width), (layer * e.directions + direction) * n * width)
                self.calls += copy(source.arg, out, (n, width), walk, place, self.wide, self.ctx, req)
            if layer + 1 == e.layers and self.dtype != self.wide:
                self.cast(out, Out(index), self.outs[index].size, self.wide, self.dtype, self.ctx.reqs[index])

    def whole(self, index: int) -> Spot:
        """A workspace for the final states of all layers."""
        key = -index
        if key not in self._wide:
            self._wide[key] = self.temp(self.outs[index].size)
        return self._wide[key]

    def handed_up(self, layer: int, y: Spot) -> Spot:
        """What the next layer reads: the states, masked by the lengths, after dropout."""
        if not self.kept.own_input or not (self.drops or self.length is not None):
            return y
        to = self.kept_at("input", layer + 1, self.passed)
        if self.length is not None:
            self.masked(y, to)
        if self.drops:
            self.dropout(to if self.length is not None else y, to, layer + 1, Rng(), saved=False)
        return to

    def masked(self, y: Spot, to: Spot) -> None:
        """The states with zeros where sequences are over."""
        e = self.e
        assert self.length is not None
        types = (self.wide, self.ins[self.length].dtype)
        self.calls.append(
            sequence_call("sequence_mask", y.arg, In(self.length), to.arg, (e.steps, e.batch, e.width), types, "write", self.ctx, value=0.0,
                          at=(y.at, to.at))
        )  # fmt: skip

    def finish(self, y: Spot) -> None:
        """The last layer's states into the output."""
        req = self.ctx.reqs[0]
        if y.arg != Out(0) and req != "null":
            size = self.outs[0].size
            if self.length is not None:
                to = Spot(Out(0)) if self.dtype == self.wide and req == "write" else self.temp(size)
                self.masked(y, to)
                y = to
            if y.arg != Out(0):
                walk = row_major((size,), y.at)
                if self.dtype == self.wide:
                    self.calls += copy(y.arg, Out(0), (size,), walk, row_major((size,)), self.wide, self.ctx, req)
                else:
                    if y.at:
                        to = self.temp(size)
                        self.calls += copy(y.arg, to.arg, (size,), walk, row_major((size,)), self.wide, self.ctx)
                        y = to
                    self.cast(y.arg, Out(0), size, self.wide, self.dtype, req)
        if self.drops and self.save:
            state = Out(2 + self.states)
            args = (Rng(), state, Scalar("uint", self.ctx.stream & 0xFFFFFFFF))
            self.calls.append(KernelCall(SOURCE, "rnn_dropout_state", args, self.defines(), (1,), (1,)))


def _share(e: RnnExtents, cores: int, vw: int) -> tuple[int, int]:
    """How many sequences and units a work-item has: all units, and so all steps in one launch, where that keeps all cores busy."""
    rows = max(1, min(-(-e.batch * e.directions // cores), e.batch))
    if e.directions >= cores or rows >= 8 or e.state * e.rows * rows <= 1 << 15:
        return -(-rows // 2) if rows >= 16 else rows, e.state  # two items a core, which others may use as well
    blocks = -(-2 * cores // e.directions)
    return e.batch, -(-e.state // (blocks * vw)) * vw


def forward_calls(
    p: Params, e: RnnExtents, kept: Kept, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext
) -> list[KernelCall]:
    """The launches of the forward pass; `outs`: output, final states, what is kept, the state of the random numbers."""
    if e.steps == 0:
        raise ShapeError(f"RNN needs data of at least one step, got {ins[0].shape}")
    return _Forward(p, e, kept, ins, outs, ctx).run()
