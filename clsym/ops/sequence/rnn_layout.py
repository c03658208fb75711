"""The extents of a recurrent layer stack, and where each weight and bias lies in its one flat vector of parameters."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph.contract.spec import ShapeError
from ...params import Params

__all__ = ["GATES", "RnnExtents"]

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
"""How many gates a cell has. Rows of a weight: those of LSTM are input, forget, candidate, output; of GRU reset, update, candidate."""


@dataclass(frozen=True)
class RnnExtents:
    """What a stack of recurrent layers is like.

    The vector of parameters holds the weights of all layers, then all biases; a layer's forward direction before its reverse one. Weights:
    of the input (gates * state, inputs), of the state (gates * state, fed) and, with a projection, of that (projection, state), `fed` being
    what a step hands to the next. Biases: of the input, then of the state, gates * state each.
    """

    mode: str
    steps: int
    batch: int
    inputs: int
    state: int
    projection: int
    layers: int
    directions: int

    @staticmethod
    def of(p: Params, data: tuple[int, int, int]) -> RnnExtents:
        """The extents of a node whose data are (steps, batch, inputs).

        Raises
        ------
        ShapeError
            A projection of a mode that has none.
        """
        if p.projection_size is not None and p.mode != "lstm":
            raise ShapeError(f"projection_size is for mode='lstm', not for {p.mode!r}")
        return RnnExtents(p.mode, *data, p.state_size, p.projection_size or 0, p.num_layers, 2 if p.bidirectional else 1)

    @property
    def gates(self) -> int:
        """Gates of a cell."""
        return GATES[self.mode]

    @property
    def rows(self) -> int:
        """Rows of a weight: a value for each gate and unit."""
        return self.gates * self.state

    @property
    def fed(self) -> int:
        """Values that a step hands to the next one, and to the layer above: the projection, or the state itself."""
        return self.projection or self.state

    @property
    def width(self) -> int:
        """Values of a layer's output a step, of all directions."""
        return self.fed * self.directions

    def layer_inputs(self, layer: int) -> int:
        """Values of a layer's input a step."""
        return self.inputs if layer == 0 else self.width

    def weights(self, layer: int) -> int:
        """Number of weights of one direction of a layer."""
        return self.rows * (self.layer_inputs(layer) + self.fed) + self.projection * self.state

    @property
    def all_weights(self) -> int:
        """Number of weights, biases not counted."""
        return self.directions * sum(self.weights(layer) for layer in range(self.layers))

    @property
    def parameters(self) -> int:
        """Length of the vector."""
        return self.all_weights + self.layers * self.directions * 2 * self.rows

    def input_weight(self, layer: int, direction: int) -> int:
        """Where the weight of the input begins."""
        before = self.directions * sum(self.weights(i) for i in range(layer))
        return before + direction * self.weights(layer)

    def state_weight(self, layer: int, direction: int) -> int:
        """Where the weight of the state begins."""
        return self.input_weight(layer, direction) + self.rows * self.layer_inputs(layer)

    def projection_weight(self, layer: int, direction: int) -> int:
        """Where the weight of the projection begins."""
        return self.state_weight(layer, direction) + self.rows * self.fed

    def bias(self, layer: int, direction: int) -> int:
        """Where the biases of the input begin; those of the state follow."""
        return self.all_weights + (layer * self.directions + direction) * 2 * self.rows
