"""RNN: stacks of recurrent layers as one operator."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import KernelCall, LowerContext
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, unify_shape
from ...params import Bool, Enum, Field, Float, Int, Params
from .rnn_backward import BackwardInputs, backward_calls
from .rnn_calls import MODES, wide_type
from .rnn_forward import forward_calls
from .rnn_kept import Kept
from .rnn_layout import RnnExtents

__all__ = ["RNN"]

_STATE_WORDS = 5  # key, counter, stream
_FLOATS = ("float16", "float32", "float64")
_RNN_PARAMS: dict[str, Field] = {
    "state_size": Int(doc="Units of a layer.", low=0),
    "num_layers": Int(doc="How many layers are stacked.", low=0),
    "bidirectional": Bool(False, "Whether each layer also runs backwards in time; its outputs stand behind the others."),
    "mode": Enum(("gru", "lstm", "rnn_relu", "rnn_tanh"), doc="The kind of cell."),
    "p": Float(0.0, "Probability of dropping what one layer hands to the next, in training."),
    "state_outputs": Bool(False, "Whether the states after the last step are outputs, too."),
    "projection_size": Int(None, "What an LSTM's state is projected to; None: not at all.", none=True),
    "lstm_state_clip_min": Float(None, "Lower limit of an LSTM's cell state.", none=True),
    "lstm_state_clip_max": Float(None, "Upper limit of it; both or none.", none=True),
    "lstm_state_clip_nan": Bool(False, "Whether NaN in it becomes the lower limit."),
    "use_sequence_length": Bool(False, "Whether the sequences have lengths of their own, in `sequence_length`."),
}


def _extents(p: Params, data: Sequence[int]) -> RnnExtents:
    return RnnExtents.of(p, (data[0], data[1], data[2]))


def _kept(p: Params, e: RnnExtents) -> Kept:
    return Kept(e, p.use_sequence_length or p.p > 0, p.use_sequence_length)


def _check(p: Params) -> None:
    if not 0 <= p.p <= 1:
        raise ShapeError(f"p={p.p} exceeds the bound [0, 1]; it is the probability of dropping an element")
    if p.num_layers < 1:
        raise ShapeError(f"num_layers={p.num_layers}: there must be at least one layer")
    if (p.lstm_state_clip_min is None) != (p.lstm_state_clip_max is None):
        raise ShapeError("lstm_state_clip_min and lstm_state_clip_max must be given together")
    if p.projection_size is not None and p.projection_size < 1:
        raise ShapeError(f"projection_size={p.projection_size} must be at least 1, or None")


class _Stack(Op):
    """What the operator and its gradient share."""

    def drops(self, p: Params) -> bool:
        """Whether anything may be dropped, so that the random state is kept."""
        return p.p > 0 and p.num_layers > 1

    def visible(self, p: Params) -> tuple[str, ...]:
        """The outputs that a user sees."""
        states = ("state_output", "statecell_output") if p.mode == "lstm" else ("state_output",)
        return ("output", *(states if p.state_outputs else ()))


@register
class RNN(_Stack, Recomputable, Estimated):
    r"""A stack of recurrent layers: LSTM, GRU, or plain with tanh or ReLU.

    With :math:`W`, :math:`R` the weights of input and state and :math:`b`, :math:`d` their biases, a unit computes from
    :math:`x_t` and :math:`h_{t-1}`

    - ``rnn_tanh``, ``rnn_relu``: ``h = f(W x + b + R h' + d)``
    - ``lstm``: gates ``i, f, g, o`` like that, sigmoid but for ``g``, which is tanh; ``c = f c' + i g``, ``h = o tanh(c)``
    - ``gru``: gates ``r, z`` like that, sigmoid; ``n = tanh(W_n x + b_n + r (R_n h' + d_n))``, ``h = (1 - z) n + z h'``

    A layer reads the outputs of the one below, of both directions. With `projection_size` a step hands on ``P h`` instead of ``h``.

    Parameters
    ----------
    data : Symbol or NDArray
        (T, N, C): steps, batch, inputs.
    parameters : Symbol or NDArray
        One vector: for each layer and direction the weights ``W`` (gates * state_size, inputs), ``R`` (gates * state_size, state_size or
        projection_size) and ``P`` (projection_size, state_size), and behind all of them, for each layer and direction, ``b`` and ``d``.
        The gates in the order above.
    state : Symbol or NDArray
        (num_layers * directions, N, state_size or projection_size): the states before the first step.
    state_cell : Symbol or NDArray
        (num_layers * directions, N, state_size): the cells' states. LSTM only.
    sequence_length : Symbol or NDArray
        (N,). Only with `use_sequence_length`: beyond its length a sequence keeps its states, and its output is 0; the reverse direction
        begins at its last step.
    state_size, num_layers : int
    mode : {'rnn_relu', 'rnn_tanh', 'lstm', 'gru'}
    bidirectional : bool, default False
    p : float, default 0
        Dropout between layers, in training.
    state_outputs : bool, default False
        Whether the states after the last step are outputs, too.
    projection_size : int, optional
    lstm_state_clip_min, lstm_state_clip_max : float, optional
        Limits of the cells' states.
    lstm_state_clip_nan : bool, default False
        Whether NaN in them becomes the lower limit.

    Returns
    -------
    Symbol or NDArray, or a list of them
        The last layer's outputs, (T, N, directions * (state_size or projection_size)); with `state_outputs` the states after the last step,
        like `state` and `state_cell`.

    Raises
    ------
    MXNetError
        The data are not three-dimensional, another shape does not follow from theirs, `p` is not in [0, 1], there is no layer, only one
        limit is given, or `projection_size` with another mode than ``lstm``.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.ones((2, 1, 1))
    >>> y = mx.nd.RNN(x, mx.nd.array([1, 2, 0, 0]), mx.nd.zeros((1, 1, 1)), state_size=1, num_layers=1, mode="rnn_relu")
    >>> y.asnumpy().ravel().tolist()
    [1.0, 3.0]

    Source: MXNet, RNN; Sak, Senior, Beaufays: Long short-term memory recurrent neural network architectures, 2014, for the projection.
    """

    name = "RNN"
    recompute = "heavy"
    random = True
    inputs = ("data", "parameters", "state", "state_cell", "sequence_length")
    params = _RNN_PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return (
            "data", "parameters", "state", *(["state_cell"] if p.mode == "lstm" else []),
            *(["sequence_length"] if p.use_sequence_length else []),
        )  # fmt: skip

    def output_names(self, p: Params) -> tuple[str, ...]:
        return (*self.visible(p), "kept", *(["dropout_state"] if self.drops(p) else []))

    def num_visible(self, p: Params) -> int:
        return len(self.visible(p))

    def json_outputs(self, p: Params) -> int:
        return len(self.visible(p))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        lstm, visible, directions = p.mode == "lstm", len(self.visible(p)), 2 if p.bidirectional else 1
        fed = p.projection_size or p.state_size
        stacked = p.num_layers * directions
        data = ins[0]
        if data is None:
            return ins, outs  # as in MXNet: without the data nothing is said of the others
        if len(data) != 3:
            raise ShapeError(f"data must be (steps, batch, inputs), got {data}")
        # the batch and the steps follow from whatever tells them
        before = unify_shape(ins[2], (stacked, -1, fed), "state must be (num_layers * directions, batch, state_size or projection_size)")
        assert before is not None
        data = unify_shape(data, (-1, before[1], -1), "data and state must be of the same batch")
        if outs[0] is not None and len(outs[0]) == 3:
            data = unify_shape(data, (*outs[0][:2], -1), "the output must be of the data's steps and batch")
        assert data is not None
        e = _extents(p, data)
        cell = (stacked, data[1], p.state_size)
        found: list[PartialShape] = [data, (e.parameters if data[2] >= 0 else -1,), (stacked, data[1], fed)]
        found += [cell] if lstm else []
        found += [(data[1],)] if p.use_sequence_length else []
        results: list[PartialShape] = [(data[0], data[1], e.width), (stacked, data[1], fed), cell]
        kept = _kept(p, e).size if min(data) >= 0 else -1
        return found, [*results[:visible], (kept,), *([(_STATE_WORDS,)] if self.drops(p) else [])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        visible, lengths = len(self.visible(p)), int(p.use_sequence_length)
        floats = len(ins) - lengths
        found = next((t for t in (*ins[:floats], *outs[:visible]) if t is not None), None)
        if found is not None and found not in _FLOATS:
            raise UnsupportedType(
                found, f"RNN: this operation only supports floating-point types, not {found}; cast the data first (mx.sym.cast)"
            )
        kept = wide_type(found) if found is not None else None
        return (
            [*[found] * floats, *[ins[-1] or found] * lengths],
            [*[found] * visible, kept, *(["int32"] if self.drops(p) else [])],
        )

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p, visible = g.p, len(self.visible(g.p))
        heads = [g.ograds[i] for i in range(1, visible)]
        used = [h for h in heads if h is not None]
        random = [g.output(visible + 1)] if self.drops(p) else []
        given = {
            **dict(p.items()), "has_state_ograd": bool(heads) and heads[0] is not None,
            "has_cell_ograd": len(heads) > 1 and heads[1] is not None,
        }  # fmt: skip
        inputs = [g.input(i) for i in range(len(g.ins))]
        node = g.node_of("_backward_RNN", *inputs, g.output(), g.output(visible), *random, g.ograd(), *used, **given)
        return [*(node.out(i) for i in range(4 if p.mode == "lstm" else 3)), *([None] if p.use_sequence_length else [])]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        e = _extents(p, ins[0].shape)
        return forward_calls(p, e, _kept(p, e), ins, outs, ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        e = _extents(p, ins[0].shape)
        return 2 * e.steps * e.batch * e.all_weights, sum(t.nbytes for t in (*ins, *outs[: len(self.visible(p))]))


@register
class RNNBackward(_Stack, Estimated):
    """Gradients of RNN: of the data, the parameters and the initial states."""

    name = "_backward_RNN"
    hidden = True
    params = {**_RNN_PARAMS, "has_state_ograd": Bool(False), "has_cell_ograd": Bool(False)}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return BackwardInputs(p).names

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "parameters", "state", "state_cell")[: 4 if p.mode == "lstm" else 3]

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, list(ins[: len(outs)])

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, list(ins[: len(outs)])

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        e = _extents(p, ins[0].shape)
        return backward_calls(p, e, _kept(p, e), ins, outs, ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        e = _extents(p, ins[0].shape)
        return 4 * e.steps * e.batch * e.all_weights, sum(t.nbytes for t in (*ins, *outs))


assert set(MODES) == set(_RNN_PARAMS["mode"].choices)  # type: ignore[attr-defined]
differs(
    "RNN",
    "sequence_length and the limits of the cell state are honoured",
    "mx.random.seed(0); x = mx.nd.ones((2, 1, 1)); "
    "y = mx.nd.RNN(x, mx.nd.array([1, 1, 0, 0]), mx.nd.zeros((1, 1, 1)), mx.nd.array([1]), state_size=1, num_layers=1, mode='rnn_relu', "
    "use_sequence_length=True); print(y.asnumpy().ravel().tolist())",
    ours="[1.0, 0.0]",
    mxnet="[1.0, 2.0]",
    why="On CPUs it takes these inputs and parameters without effect; with cuDNN they have it.",
)
differs(
    "RNN",
    "projection_size and float16 on every device",
    "x = mx.nd.ones((1, 1, 1)); z = mx.nd.zeros((1, 1, 1)); "
    "print(mx.nd.RNN(x, mx.nd.ones(17), z, z, state_size=1, num_layers=1, mode='lstm', projection_size=1).shape)",
    ours="(1, 1, 1)",
    mxnet="MXNetError: No training support for LSTM with projection on CPU currently.",
)
