"""MemoryReport: where the bytes of a plan go and when, to be read by people. Needs no device."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from ...base import MXNetError
from . import html, picture, text
from .figures import MemoryFigures
from .file import write_whole

__all__ = ["MemoryReport"]


class MemoryReport(MemoryFigures):
    """The memory of a plan, to the byte.

    Attributes
    ----------
    naive_bytes : int
        Every intermediate and output in memory of its own (gradients of arguments not counted, nor workspaces).
    bound_bytes : int
        The most that is alive at one step in the plan's order, aligned: no arena can be smaller.
    arena_bytes : int
        What the intermediates and workspaces take.
    argument_bytes, gradient_bytes, aux_bytes, output_bytes, head_gradient_bytes, prepared_bytes, random_bytes, staging_bytes : int
        What lies beside the arena; among it parameters prepared for the kernels (packed weights), the random state of operators that
        draw, and aligned copies of arrays that do not start where a kernel can take them.
    workspace_bytes : int
        The largest workspace of a step; it is part of the arena.
    total_bytes : int
        All buffers: arena and arrays.
    by_device : dict of str to int
        The same by context.
    peak_step : int
        The first step at which the most is alive.
    live : list of int
        Aligned bytes of the arena that are alive at each step.
    in_place : list of InPlace
    refused : list of Refusal
        Candidates for sharing that were not used, and why.
    order : list of str
        Names of the nodes as they run.
    order_certificate : str
        'optimal' (no order has a lower peak, workspaces and alignment not counted), 'best found', or 'as given' (a training plan).
    packing_certificate : str
        'optimal' (the arena equals the bound of this order), or 'best found'.
    recomputed : int
        Steps that run again in the backward, for a memory limit.
    extra_work : float
        Multiply-adds that costs, as a share of all.
    tensors : list of Tensor
    """

    def text(self, rows: int = 12) -> str:
        """The report as text; lists are cut after `rows` lines."""
        return text.render(self, rows)

    __str__ = text

    def __repr__(self) -> str:
        return f"<MemoryReport arena {self.arena_bytes} bytes, bound {self.bound_bytes}, total {self.total_bytes}>"

    def _repr_html_(self) -> str:
        return html.frame(self)

    def to_json(self, indent: int | None = None) -> str:
        """The report as JSON text."""
        return json.dumps(self.to_dict(), indent=indent)

    def to_html(self) -> str:
        """The report as one HTML page that loads nothing: time across, offset up, hover for a tensor, a box to search."""
        return html.render(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report, whole or not at all; the suffix says how: .txt, .json, .html, .svg or .png (the last two by matplotlib).

        Raises
        ------
        MXNetError
            Another suffix, matplotlib is missing, or the file cannot be written.
        """
        target = Path(path)
        forms: dict[str, Callable[[], bytes]] = {
            ".txt": lambda: (self.text(rows=1 << 30) + "\n").encode(errors="backslashreplace"),
            ".json": lambda: (self.to_json(indent=1) + "\n").encode(),
            ".html": lambda: self.to_html().encode(),
            ".svg": lambda: self._picture("svg"),
            ".png": lambda: self._picture("png"),
        }
        form = forms.get(target.suffix.lower())
        if form is None:
            raise MXNetError(f"a memory report cannot be written as {target.name!r}: use one of the suffixes {', '.join(forms)}")
        write_whole(target, form())

    def _picture(self, form: str) -> bytes:
        return picture.draw(self, form)
