"""The launches of RNN's backward pass: step by step, then one product for each weight over all steps."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar
from ...graph.contract.spec import TensorSpec
from ...params import Params
from ..matrix.gemm import Matrix
from ..shared.strided import Walk, copy, fill, row_major
from .rnn_calls import Pass, Spot, longs
from .rnn_kept import Kept
from .rnn_layout import RnnExtents

__all__ = ["BackwardInputs", "backward_calls"]


class BackwardInputs:
    """Which input of the gradient operator is what."""

    def __init__(self, p: Params) -> None:
        names = ["data", "parameters", "state"]
        names += ["state_cell"] if p.mode == "lstm" else []
        names += ["sequence_length"] if p.use_sequence_length else []
        names += ["output", "kept"]
        names += ["dropout_state"] if p.p > 0 and p.num_layers > 1 else []
        names += ["ograd"]
        names += ["state_ograd"] if p.has_state_ograd else []
        names += ["cell_ograd"] if p.has_cell_ograd else []
        self.names = tuple(names)

    def __getitem__(self, name: str) -> int:
        return self.names.index(name)

    def __contains__(self, name: str) -> bool:
        return name in self.names


class _Backward(Pass):
    def __init__(
        self, p: Params, e: RnnExtents, kept: Kept, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext
    ) -> None:
        super().__init__(p, e, ins, ctx)
        self.kept, self.outs, self.named = kept, outs, BackwardInputs(p)
        rows = e.steps * e.batch
        self.keep = Spot(In(self.named["kept"]))
        self.reads_output = not kept.own_output
        self.dx = self.temp(rows * e.rows)
        self.dpart = self.temp(rows * e.rows) if e.mode == "gru" else self.dx
        self.dh, self.dc = self.temp(e.batch * e.fed), self.temp(e.batch * e.state)
        self.turned = self.temp(e.rows * e.fed)
        self.total = self.temp(rows * e.fed) if e.projection else self.dh
        self.dprojected = self.temp(e.batch * e.state) if e.projection else self.dh
        self.between = [self.temp(rows * e.width) for _ in range(min(2, e.layers - 1))]
        self.targets = [self.target(i) for i in range(len(outs))]

    def target(self, index: int) -> tuple[Spot, str] | None:
        """Where a gradient goes and how; None where it is not wanted."""
        if self.ctx.reqs[index] == "null":
            return None
        if self.dtype == self.wide:
            return Spot(Out(index)), self.ctx.reqs[index]
        return self.temp(self.outs[index].size), "write"

    def kept_at(self, what: str, layer: int) -> Spot:
        """Where something of a layer is kept; the parameters stand for what there is not."""
        at = self.kept.at(what, layer)
        return self.keep.plus(at) if at is not None else self.input(1)

    def states_of(self, layer: int) -> Spot:
        """The states of a layer after each step."""
        if layer + 1 == self.e.layers and self.reads_output:
            return self.input(self.named["output"])
        return self.kept_at("output", layer)

    def input_of(self, layer: int) -> Spot:
        """What a layer read."""
        if layer == 0:
            return self.input(0)
        return self.kept_at("input", layer) if self.kept.own_input else self.states_of(layer - 1)

    def run(self) -> list[KernelCall]:
        e = self.e
        if self.outs[0].size == 0:
            for i, o in enumerate(self.outs):
                if self.ctx.reqs[i] == "write" and o.size:
                    self.calls += fill(Out(i), (o.size,), row_major((o.size,)), 0.0, o.dtype, self.ctx)
            return self.calls
        top = self.input(self.named["ograd"])
        for layer in reversed(range(e.layers)):
            below = self.between[layer % 2 if len(self.between) > 1 else 0] if layer else None
            for direction in range(e.directions):
                self.steps(layer, direction, top)
                self.weights(layer, direction)
                self.inputs(layer, direction, below)
            if below is not None:
                if self.p.p > 0:
                    self.dropout(below, below, layer, In(self.named["dropout_state"]), saved=True)
                top = below
        for i, found in enumerate(self.targets):
            if found is not None and self.dtype != self.wide:
                self.cast(found[0].arg, Out(i), self.outs[i].size, self.wide, self.dtype, self.ctx.reqs[i])
        return self.calls

    def move(self, source: Spot, to: Spot, n: int, req: str = "write") -> None:
        """Copy `n` elements as they lie."""
        self.calls += copy(source.arg, to.arg, (n,), row_major((n,), source.at), row_major((n,), to.at), self.wide, self.ctx, req)

    def steps(self, layer: int, direction: int, top: Spot) -> None:
        """Gradients of the gates of every step, and of the initial states."""
        e, n = self.e, self.e.batch
        state = layer * e.directions + direction
        lstm, params = e.mode == "lstm", self.input(1)
        has_state, has_cell = "state_ograd" in self.named, "cell_ograd" in self.named
        if has_state:
            self.move(self.input(self.named["state_ograd"]).plus(state * n * e.fed), self.dh, n * e.fed)
        if has_cell:
            self.move(self.input(self.named["cell_ograd"]).plus(state * n * e.state), self.dc, n * e.state)
        # a transposed copy: what is summed over then lies together, and each step reads the weight as it lies
        weight = params.plus(e.state_weight(layer, direction))
        self.calls += copy(
            weight.arg, self.turned.arg, (e.fed, e.rows), Walk(weight.at, (1, e.fed)), row_major((e.fed, e.rows)), self.wide, self.ctx
        )
        gates, y = self.kept_at("gates", layer), self.states_of(layer)
        h0 = self.input(2).plus(state * n * e.fed)
        c0 = self.input(3).plus(state * n * e.state) if lstm else h0
        direct = self.length is not None or e.mode == "gru"
        first, order = True, range(e.steps) if direction else range(e.steps - 1, -1, -1)
        for t in order:
            at, earlier = direction * e.steps + t, t + 1 if direction else t - 1
            begins = not 0 <= earlier < e.steps
            before, stride = (h0, e.fed) if begins else (y.plus(earlier * n * e.width + direction * e.fed), e.width)
            cells = self.kept_at("cells", layer)
            cell = cells.plus(at * n * e.state) if lstm else h0
            cell_before = (c0 if begins else cells.plus((direction * e.steps + earlier) * n * e.state)) if lstm else h0
            part = self.kept_at("parts", layer).plus(at * n * e.state if e.mode == "gru" else 0)
            here, head = y.plus(t * n * e.width + direction * e.fed), top.plus(t * n * e.width + direction * e.fed)
            here_stride, came, has_top, dstate = e.width, int(not first or has_state), 1, self.dh
            if e.projection:
                total = self.total.plus(t * n * e.fed)
                args: tuple[Arg, ...] = (head.arg, self.dh.arg, total.arg, self.length_arg(params.arg), *longs(n, e.fed, t))
                self.over_units("rnn_projected_backward", (*args, _int(came), *longs(head.at, e.width, total.at)), e.fed)
                projection = params.plus(e.projection_weight(layer, direction)).matrix(e.state)
                self.product(n, e.state, e.fed, total.matrix(e.fed), projection, self.dprojected.matrix(e.state))
                before = here = cell_before
                stride = here_stride = e.state
                came, has_top, dstate, head = 1, 0, self.dprojected, self.dprojected
            args = (
                gates.arg, cell_before.arg, cell.arg, before.arg, here.arg, part.arg, head.arg, dstate.arg, self.dc.arg, self.dx.arg,
                self.dpart.arg, self.length_arg(params.arg), *longs(n, e.state, t), _int(came), _int(int(not first or has_cell)),
                *longs(gates.at + at * n * e.rows if e.gates > 1 else 0, cell_before.at, cell.at, before.at, stride, here.at, here_stride),
                *longs(part.at, head.at, e.width, t * n * e.rows), *self.limits,
            )  # fmt: skip
            self.over_units("rnn_step_backward", args, e.state, HAS_TOP=has_top, DIRECT=int(direct and not e.projection))
            if not begins or self.targets[2] is not None:
                part_gradient = self.dpart.plus(t * n * e.rows).matrix(e.rows)
                turned = self.turned.matrix(1, e.rows)
                self.product(n, e.fed, e.rows, part_gradient, turned, self.dh.matrix(e.fed), "add" if direct else "write")
            first = False
        for index, source, width in ((2, self.dh, e.fed), (3, self.dc, e.state))[: 2 if lstm else 1]:
            found = self.targets[index]
            if found is not None:
                self.move(source, found[0].plus(state * n * width), n * width, found[1])

    def weights(self, layer: int, direction: int) -> None:
        """Gradients of weights and biases: products over all steps."""
        if self.targets[1] is None:
            return
        (to, req), e, n = self.targets[1], self.e, self.e.batch
        rows, depth, state = e.steps * n, e.layer_inputs(layer), layer * e.directions + direction
        at_input, at_state = to.plus(e.input_weight(layer, direction)), to.plus(e.state_weight(layer, direction))
        self.product(e.rows, depth, rows, _turned(self.dx, e.rows), self.input_of(layer).matrix(depth), at_input.matrix(depth), req)
        # all steps but the one that began with the initial state, then that one
        later, began = (0, e.steps - 1) if direction else (1, 0)
        states = self.states_of(layer).plus((1 - later) * n * e.width + direction * e.fed).matrix(e.width)
        part, to_state = self.dpart, at_state.matrix(e.fed)
        if e.steps > 1:
            self.product(e.rows, e.fed, rows - n, _turned(part.plus(later * n * e.rows), e.rows), states, to_state, req)
        initial = self.input(2).plus(state * n * e.fed).matrix(e.fed)
        self.product(e.rows, e.fed, n, _turned(part.plus(began * n * e.rows), e.rows), initial, to_state, "add" if e.steps > 1 else req)
        if e.projection:
            source = self.kept_at("unprojected", layer).plus(direction * rows * e.state).matrix(e.state)
            at_projection = to.plus(e.projection_weight(layer, direction)).matrix(e.state)
            self.product(e.fed, e.state, rows, _turned(self.total, e.fed), source, at_projection, req)
        args = (self.dx.arg, part.arg, to.arg, *longs(rows, e.rows, to.at + e.bias(layer, direction)))
        self.over_units("rnn_bias_gradient", args, e.rows, rows=2, most=64, req=req)

    def inputs(self, layer: int, direction: int, below: Spot | None) -> None:
        """The gradient of what a layer read: the sum over its directions."""
        e, rows, depth = self.e, self.e.steps * self.e.batch, self.e.layer_inputs(layer)
        to, req = (below, "write") if below is not None else self.targets[0] or (None, "null")
        if to is None:
            return
        weight = self.input(1).plus(e.input_weight(layer, direction)).matrix(depth)
        self.product(rows, depth, e.rows, self.dx.matrix(e.rows), weight, to.matrix(depth), "add" if direction else req)


def _turned(spot: Spot, columns: int) -> Matrix:
    """Rows of `columns` values as the columns of an operand."""
    return spot.matrix(1, columns)


def _int(value: int) -> Arg:
    return Scalar("int", value)


def backward_calls(
    p: Params, e: RnnExtents, kept: Kept, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext
) -> list[KernelCall]:
    """The launches of the backward pass; `outs`: gradients of data, parameters, state, cell state."""
    return _Backward(p, e, kept, ins, outs, ctx).run()
