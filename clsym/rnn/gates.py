"""What the gates of a step do with the sums that they are given: the same for matrices and for convolutions."""

from __future__ import annotations

from collections.abc import Callable

from .. import symbol

__all__ = ["gru_step", "lstm_step"]

Symbol = symbol.Symbol
Activate = Callable[..., Symbol]


def lstm_step(name: str, gates: Symbol, cell: Symbol, activate: Activate, **axis: int) -> tuple[Symbol, list[Symbol]]:
    """Input, forget and output gate, and what the cell takes in: c' = f c + i g, h' = o act(c')."""
    parts = symbol.SliceChannel(gates, num_outputs=4, name=f"{name}slice", **axis)
    taken = symbol.Activation(parts[0], act_type="sigmoid", name=f"{name}i")
    kept = symbol.Activation(parts[1], act_type="sigmoid", name=f"{name}f")
    new = activate(parts[2], name=f"{name}c")
    shown = symbol.Activation(parts[3], act_type="sigmoid", name=f"{name}o")
    next_c = symbol.elemwise_add(kept * cell, taken * new, name=f"{name}state")
    next_h = symbol.elemwise_mul(shown, activate(next_c), name=f"{name}out")
    return next_h, [next_h, next_c]


def gru_step(name: str, i2h: Symbol, h2h: Symbol, state: Symbol, activate: Activate) -> tuple[Symbol, list[Symbol]]:
    """Reset and update gate: h' = (1 - z) act(i_h + r h_h) + z h."""
    i2h_r, i2h_z, i2h_h = symbol.SliceChannel(i2h, num_outputs=3, name=f"{name}_i2h_slice")
    h2h_r, h2h_z, h2h_h = symbol.SliceChannel(h2h, num_outputs=3, name=f"{name}_h2h_slice")
    reset = symbol.Activation(i2h_r + h2h_r, act_type="sigmoid", name=f"{name}_r_act")
    update = symbol.Activation(i2h_z + h2h_z, act_type="sigmoid", name=f"{name}_z_act")
    new = activate(i2h_h + reset * h2h_h, name=f"{name}_h_act")
    output = symbol.elemwise_add((1.0 - update) * new, update * state, name=f"{name}out")
    return output, [output]
