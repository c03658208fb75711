"""CTCLoss: connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, unify_shape
from ...params import Bool, Enum, Field, Params
from ..shared.launch_sizes import group_size, stretch_grid
from ..shared.rows import row_grid
from .rnn_calls import wide_type

__all__ = ["CTCLoss"]

_SOURCE, _LABELS = "sequence/ctc.cl", "sequence/ctc_labels.cl"
_FLOATS = ("float16", "float32", "float64")


def _longs(*values: int) -> tuple[Arg, ...]:
    return tuple(Scalar("long", v) for v in values)


@register
class CTCLoss(Op, Estimated):
    r"""Connectionist temporal classification: :math:`-\log p(label)`, summed over all alignments of a label with the steps of a sequence.

    The data are scores before the softmax. At each step a class or the blank is emitted; repeated ones are one, and blanks vanish.

    Parameters
    ----------
    data : Symbol or NDArray
        (T, N, C): steps, batch, classes with the blank.
    label : Symbol or NDArray
        (N, L), L at most T. With ``blank_label='first'`` class 0 is the blank and a label ends at the first 0; with ``'last'`` it is class
        C - 1 and a label ends at the first -1. Fractions are rounded.
    data_lengths : Symbol or NDArray
        (N,): how many steps count. Only with `use_data_lengths`.
    label_lengths : Symbol or NDArray
        (N,): the labels' lengths, whatever they hold. Only with `use_label_lengths`.
    blank_label : {'first', 'last'}

    Returns
    -------
    Symbol or NDArray
        (N,): the losses. 0, without a gradient, where the steps are too few for the label; NaN where a label holds a class that is none.
        Only the data get a gradient.

    Raises
    ------
    MXNetError
        The data are not three-dimensional, the label is not (N, L), or L is larger than T.

    Examples
    --------
    >>> import clsym as mx
    >>> print(mx.nd.CTCLoss(mx.nd.zeros((1, 1, 4)), mx.nd.array([[2]])).asnumpy())
    [1.3862944]

    Notes
    -----
    Graves, Fernandez, Gomez, Schmidhuber: Connectionist temporal classification, ICML 2006; after MXNet's CTCLoss.
    """

    name = "CTCLoss"
    aliases = ("_contrib_CTCLoss", "_contrib_ctc_loss", "ctc_loss")
    inputs = ("data", "label", "data_lengths", "label_lengths")
    outputs = ("output0", "output1")
    params: dict[str, Field] = {
        "use_data_lengths": Bool(False, "Whether the sequences have lengths of their own, in `data_lengths`."),
        "use_label_lengths": Bool(False, "Whether the labels' lengths are told, in `label_lengths`."),
        "blank_label": Enum(("first", "last"), "first", "Whether the first or the last class is the blank."),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return (
            "data", "label", *(["data_lengths"] if p.use_data_lengths else []), *(["label_lengths"] if p.use_label_lengths else []),
        )  # fmt: skip

    def num_visible(self, p: Params) -> int:
        return 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, label = ins[:2]
        if data is not None and len(data) != 3:
            raise ShapeError(f"data must be (steps, batch, classes), got {data}")
        if label is not None and len(label) != 2:
            raise ShapeError(f"label must be (batch, length), got {label}")
        batch: PartialShape = unify_shape(outs[0], (-1,))
        for known in (data[1:2] if data is not None else None, label[:1] if label is not None else None, *ins[2:]):
            batch = unify_shape(batch, known, "data, label and lengths must be of the same batch")
        assert batch is not None
        if data is not None:
            data = (data[0], batch[0], data[2])
        if label is not None:
            label = (batch[0], label[1])
        if data is not None and label is not None and 0 <= data[0] < label[1]:
            raise ShapeError(f"the labels' length, {label[1]}, cannot exceed the {data[0]} steps of the data")
        return [data, label, *[batch] * (len(ins) - 2)], [batch, unify_shape(data, outs[1])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found = ins[0] or outs[0]
        if found is not None and found not in _FLOATS:
            raise UnsupportedType(
                found, f"CTCLoss: this operation only supports floating-point types, not {found}; cast the data first (mx.sym.cast)"
            )
        return [found, *(t or found for t in ins[1:])], [found, found]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_CTCLoss", g.ograd(), g.output(1)), *[None] * (len(g.ins) - 1)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        steps, batch, classes = ins[0].shape
        return 20 * steps * batch * (classes + 4 * ins[1].shape[1]), 3 * ins[0].nbytes

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        steps, batch, classes = ins[0].shape
        most = ins[1].shape[1]
        states, kept = 2 * most + 1, ctx.reqs[1] != "null"
        if classes == 0 or batch == 0:
            raise ShapeError(f"CTCLoss needs data of at least one class, got {ins[0].shape}")
        types = [ins[1].dtype, *[i.dtype for i in ins[2:]]]
        told = [In(2 + i) for i in range(len(ins) - 2)]
        data_length, label_length = (told[0] if p.use_data_lengths else In(1)), (told[-1] if p.use_label_lengths else In(1))
        data_type = types[1] if p.use_data_lengths else types[0]
        label_type = types[-1] if p.use_label_lengths else types[0]
        defines = {
            "TI": ctype(types[0]), "CI": compute_type(types[0]), "TD": ctype(data_type), "CD": compute_type(data_type),
            "TN": ctype(label_type), "CN": compute_type(label_type),
        }  # fmt: skip
        real = 8 if compute_type(ins[0].dtype) == "double" else 4
        rows = steps if kept else 2
        info, class_of, link = Temp(0, 16 * batch), Temp(1, 4 * batch * states), Temp(2, max(8 * batch * most, 8))
        skip, scale = Temp(3, real * batch * (states + 2)), Temp(4, max(real * steps * batch, real))
        alpha = Temp(5, max(real * batch * rows * (states + 2), real))
        calls: list[KernelCall] = []

        def call(entry: str, args: Sequence[Arg], size: tuple[tuple[int, ...], tuple[int, ...]], req: str = "write") -> None:
            calls.append(KernelCall(_SOURCE, entry, tuple(args), defines_for(ins[0].dtype, req), *size))

        def of_labels(entry: str, args: Sequence[Arg], items: int, per_item: int) -> None:
            more = defines_for(wide_type(ins[0].dtype), **defines)
            calls.append(KernelCall(_LABELS, entry, tuple(args), more, *grid(items, ctx.traits, per_item=per_item)))

        blank, padding = (classes - 1, -1) if p.blank_label == "last" else (0, 0)
        local = 1 if ctx.traits.is_cpu else group_size(min(256, 1 << states.bit_length()), ctx.traits)
        group = ((batch * local,), (local,))
        loss = Out(0) if ctx.reqs[0] != "null" else Temp(7, max(real * batch, real))
        flags = [Scalar("int", int(v)) for v in (p.use_data_lengths, p.use_label_lengths, padding)]
        lengths: tuple[Arg, ...] = (In(1), data_length, label_length, info, *_longs(steps, batch, classes, most), *flags)
        of_labels("ctc_lengths", lengths, batch, max(1, 4096 // max(most, 1)))
        places: tuple[Arg, ...] = (In(1), info, class_of, skip, link, *_longs(batch, classes, most, blank))
        of_labels("ctc_states", places, batch * (states + 2), max(16, 8192 // states))
        if steps:
            size, local_size, lanes = row_grid(steps * batch, classes, ctx.traits)
            call("ctc_scale", (In(0), scale, *_longs(steps * batch, classes), *lanes), (size, local_size))
        paths = (In(0), scale, class_of, skip, info, alpha)
        call("ctc_alpha", (*paths, loss, *_longs(batch, classes, states, rows)), group, ctx.reqs[0] if loss == Out(0) else "write")
        if kept and steps:
            call("ctc_beta", (*paths, Temp(6, 2 * real * batch * (states + 2)), *_longs(steps, batch, classes, states)), group)
            call(
                "ctc_softmax", (In(0), scale, info, Out(1), *_longs(steps, batch, classes)),
                stretch_grid(steps * batch, classes, ctx.traits),
            )  # fmt: skip
            call(
                "ctc_classes", (alpha, class_of, link, info, Out(1), *_longs(steps, batch, classes, most, blank)),
                grid(steps * batch * (most + 1), ctx.traits),
            )  # fmt: skip
        return calls


@register
class CTCLossBackward(Op):
    """Gradient of CTCLoss: what the forward pass computed, times the gradient of each loss."""

    name = "_backward_CTCLoss"
    hidden = True
    inputs = ("ograd", "kept")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [unify_shape(ins[1], outs[0])]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        steps, batch, classes = ins[1].shape
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *_longs(steps, batch, classes))
        size = stretch_grid(steps * batch, classes, ctx.traits)
        return [KernelCall(_SOURCE, "ctc_times", args, defines_for(outs[0].dtype, ctx.reqs[0]), *size)]


differs(
    "CTCLoss",
    "a class that is none gives NaN",
    "print(mx.nd.CTCLoss(mx.nd.zeros((2, 1, 3)), mx.nd.array([[7]])).asnumpy().tolist())",
    ours="[nan]",
    mxnet="the score that lies behind the row, or a crash",
)
differs(
    "CTCLoss",
    "float16 and float64 data",
    "print(mx.nd.CTCLoss(mx.nd.zeros((1, 1, 3), dtype='float64'), mx.nd.array([[1]])).dtype)",
    ours="<class 'numpy.float64'>",
    mxnet="MXNetError: data type do not match specified type",
)
