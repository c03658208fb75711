"""`print_summary`: the layers of a graph as a printed table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..differences import differs
from ..symbol import Symbol
from ..symbol.layers import count_parameters, inferred_shapes, layers

__all__ = ["print_summary"]

_HEADINGS = ("Layer (type)", "Output Shape", "Param #", "Previous Layer")


def print_summary(
    symbol: Symbol,
    shape: Mapping[str, tuple[int, ...]] | None = None,
    line_length: int = 120,
    positions: Sequence[float] = [0.44, 0.64, 0.74, 1.0],
) -> None:
    """Print a table of a graph's layers: shapes, numbers of parameters, and what each reads.

    The shapes are without the batch. Parameters are counted from their inferred shapes (weights, biases, gammas and betas, parameters
    of recurrent layers; no moving averages), in the total each once. Without `shape` only what operators tell of themselves is
    counted: biases, and tables of embeddings.

    Parameters
    ----------
    symbol : Symbol
    shape : dict of str to tuple of int
        Shapes of the inputs.
    line_length : int
        How wide the table is.
    positions : list of float or int
        Where the four columns end: shares of the width, or numbers of characters.

    Raises
    ------
    TypeError
        `symbol` is no Symbol, or `shape` no dict.
    ValueError
        `shape` doesn't determine all shapes.

    Examples
    --------
    >>> import clsym as mx
    >>> net = mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=3, name='fc')
    >>> mx.viz.print_summary(net, {'data': (2, 4)}, line_length=50, positions=[.4, .68, .84, 1.])  # doctest: +NORMALIZE_WHITESPACE
    __________________________________________________
    Layer (type)        Output Shape  Param # Previous
    ==================================================
    data(null)          4             0
    __________________________________________________
    fc(FullyConnected)  3             15      data
    ==================================================
    Total params: 15
    __________________________________________________
    """
    if not isinstance(symbol, Symbol):
        raise TypeError("symbol must be Symbol")
    if len(positions) < len(_HEADINGS):
        raise IndexError(f"positions tells where the {len(_HEADINGS)} columns end, and has {len(positions)} numbers")
    ends = [int(line_length * p) for p in positions] if positions[-1] <= 1 else [int(p) for p in positions]

    def line(*fields: str) -> str:
        text = ""
        for field, end in zip(fields, ends, strict=False):
            text = (text + field)[:end].ljust(end)
        return text

    shapes = None if shape is None else inferred_shapes(symbol.entries, shape)
    rows = layers(symbol.entries, shapes)
    thin, thick = "_" * line_length, "=" * line_length
    lines = [thin, line(*_HEADINGS), thick]
    for layer in rows:
        extents = "x".join(map(str, layer.shape[1:])) if layer.shape else ""
        lines.append(line(layer.title, extents, str(layer.parameters), layer.previous[0] if layer.previous else ""))
        lines += [line("", "", "", name) for name in layer.previous[1:]]
        lines.append(thin)
    lines[-1] = thick
    lines += [f"Total params: {count_parameters(symbol.entries, shapes)}", thin]
    print("\n".join(lines))


differs(
    "print_summary", "Parameters are counted from their shapes",
    "import io, sys; net = mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2); shown, sys.stdout = sys.stdout, io.StringIO(); "
    "mx.viz.print_summary(net, {'data': (1, 3, 4)}); table, sys.stdout = sys.stdout.getvalue(), shown; print(table.split()[-2])",
    ours="26", mxnet="8",
    why="MXNet counts a dense layer by the channels of what it reads, and nothing for Deconvolution, other normalizations than BatchNorm, "
    "LeakyReLU and RNN, nor for layers of inputs that are not the first; what layers share it counts several times.",
)  # fmt: skip
