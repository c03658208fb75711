"""Concatenation of blocked tensors along their channels: that of their blocks."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.op import Entry
from ...graph.contract.registry import attach
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting

__all__ = ["BlockedForm"]


class BlockedForm(Rewriting):
    """The form of `Concat` where some input is blocked already and all hold whole blocks."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        n = len(r.ins)
        if r.outs[0].ndim != 4 or r.p.dim not in (1, -3) or r.outs[0].dtype != "float32" or not any(r.is_blocked(i) for i in range(n)):
            return None
        if any(t.shape[1] % r.block for t in r.ins):
            return None  # the padding of one would come to lie between the others
        return [Blocked(r.apply("Concat", *(r.blocked(i) for i in range(n)), num_args=n, dim=1))]


attach("Concat", BlockedForm())
