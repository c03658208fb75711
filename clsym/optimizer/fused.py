"""`Fused`: an optimizer whose step is a rule of the kernels, taken for all parameters of a list in a few launches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ndarray import NDArray
from ..ndarray import zeros as _zeros
from .base import Optimizer
from .prepared import PreparedSteps, Tensor, packed
from .rule import Numbers, Rule

__all__ = ["Fused", "arrays_of", "zeros_like"]


def zeros_like(weight: NDArray, count: int) -> Any:
    """So many arrays of zeros like a weight, in a tuple; a single one by itself."""
    made = tuple(_zeros(weight.shape, weight.context, weight.dtype) for _ in range(count))
    return made[0] if count == 1 else made


def arrays_of(state: Any) -> tuple[NDArray, ...]:
    """The arrays of a state, in order."""
    if isinstance(state, NDArray):
        return (state,)
    return tuple(s for s in state if s is not None) if isinstance(state, (tuple, list)) else ()


class Fused(Optimizer):
    """An optimizer whose step is a rule of the kernels; `update` takes one parameter or lists of them.

    A class defines `rule` and `numbers`, and `parts` where its states are not in the rule's order. One that overrides `update` instead is
    called for each parameter by itself.
    """

    _prepared: PreparedSteps

    def rule(self, states: int) -> Rule:
        """The rule for parameters that have so many states."""
        raise NotImplementedError

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        """What the step of some parameters, counted already, computes with."""
        raise NotImplementedError

    def parts(self, state: Any, mixed: bool) -> tuple[tuple[NDArray, ...], NDArray | None]:
        """The rule's states and the weight in full precision, of what `create_state` or `create_state_multi_precision` made."""
        if mixed:
            return arrays_of(state[1]), state[0]
        return arrays_of(state), None

    def create_state_multi_precision(self, index: Any, weight: NDArray) -> Any:
        return packed(super().create_state_multi_precision(index, weight))

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Take a step of a parameter, or of those of a list."""
        self.step(index, weight, grad, state, False)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """As `update`; parameters that have a copy in full precision take the step in it."""
        if type(self).update is not Fused.update:  # somebody's own
            for i, w, g, s in zip(*_lists(index, weight, grad, state), strict=True):
                if self.multi_precision and w.dtype == np.float16:
                    master = self.parts(s, True)[1]
                    self.update(i, master, g.astype(np.float32), s[0] if s[1] is master else s[1])
                    master.copyto(w)  # type: ignore[union-attr]
                else:
                    self.update(i, w, g, s)
            return
        self.step(index, weight, grad, state, self.multi_precision)

    def step(self, index: Any, weight: Any, grad: Any, state: Any, mixed: bool) -> None:
        """Take a step; `mixed` is whether weights of type float16 have a copy in full precision."""
        indices, weights, grads, states = _lists(index, weight, grad, state)
        if not indices:
            return
        self._update_count(indices)
        self.launch(indices, weights, grads, states, mixed, self.numbers(indices))

    def launch(
        self,
        indices: Sequence[Any],
        weights: Sequence[NDArray],
        grads: Sequence[NDArray],
        states: Sequence[Any],
        mixed: bool,
        numbers: Numbers,
    ) -> None:
        """Enqueue a step whose numbers are known."""
        for array in (*weights, *grads):
            assert isinstance(array, NDArray), f"an optimizer takes NDArrays, not {type(array).__name__}"
        if len(weights) > 1 and len({id(w) for w in weights}) < len(weights):  # one after the other, as they are given
            for k in range(len(weights)):
                own = [[column[k]] for column in numbers.own]
                one = Numbers(
                    [numbers.lrs[k]],
                    [numbers.wds[k]],
                    own,
                    numbers.rescale,
                    numbers.clip,
                    numbers.hyper,
                    numbers.clip_weights,
                    numbers.ratio,
                )
                self.launch(indices[k : k + 1], weights[k : k + 1], grads[k : k + 1], states[k : k + 1], mixed, one)
            return

        def tensors() -> list[Tensor]:
            found = []
            for i, w, g, s in zip(indices, weights, grads, states, strict=True):
                inner, master = self.parts(s, mixed and w.dtype == np.float16)
                found.append(Tensor(i, self.rule(len(inner)), w, g, inner, master))
            return found

        ready = self.__dict__.get("_prepared")
        if ready is None:
            ready = self._prepared = PreparedSteps()
        ready.run((mixed, self.rule(0)), weights, grads, states, tensors, numbers)


def _lists(*given: Any) -> list[Any]:
    return list(given) if isinstance(given[0], (list, tuple)) else [[x] for x in given]


def bound(clip: float | None) -> float:
    """The bound of gradients as the update operators take it: none and 0 are none."""
    return clip if clip else -1.0
