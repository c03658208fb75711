"""Files of an optimizer's states: MXNet's pickle, and behind it the counts of steps that MXNet leaves out."""

from __future__ import annotations

import ast
import contextlib
import os
import pickle
import struct
from pathlib import Path
from typing import Any

from ..base import MXNetError
from ..differences import differs

__all__ = ["read_states", "write_states"]

_MAGIC = b"clsymopt"
_COUNTS = ("num_update", "_index_update_count", "_all_index_update_counts", "m_schedule")
"""What optimizers know of their progress beside the states."""


def write_states(fname: str, optimizer: Any, holder: Any) -> None:
    """Write the states that an updater or a kvstore holds; beside and renamed, so that an interruption leaves the older file whole.

    Behind the pickle, whose readers ignore what follows it, stand the counts as text, its length in 8 bytes, and 8 bytes that mark it.
    """
    progress = repr({k: vars(optimizer)[k] for k in _COUNTS if k in vars(optimizer)}).encode()
    beside = Path(f"{fname}.part-{os.getpid()}")
    try:
        if hasattr(holder, "get_states"):
            beside.write_bytes(holder.get_states())
        else:
            holder.save_optimizer_states(str(beside))
        with beside.open("ab") as file:
            file.write(progress + struct.pack("<q", len(progress)) + _MAGIC)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, fname)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


def read_states(fname: str, optimizer: Any, holder: Any) -> None:
    """Give an updater or a kvstore the states of a file, and the optimizer its counts, unless it was told with which to begin.

    Raises
    ------
    MXNetError
        The file is missing or no such file.
    """
    try:
        data = Path(fname).read_bytes()
    except OSError as exc:
        raise MXNetError(f"the optimizer's states cannot be read from {fname}: {exc}") from exc
    try:
        if hasattr(holder, "set_states"):
            holder.set_states(data)
        else:
            holder.load_optimizer_states(fname)
        progress = _progress(data)
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, AttributeError, ImportError, SyntaxError) as exc:
        raise MXNetError(f"{fname} does not hold an optimizer's states: {exc}") from exc
    if progress and not getattr(optimizer, "begin_num_update", 0):
        vars(optimizer).update(progress)
        every = progress.get("_all_index_update_counts")
        if every:  # the present count is one of them, the same object
            present = progress.get("_index_update_count")
            optimizer._index_update_count = next((c for c in every.values() if c == present), present)


def _progress(data: bytes) -> dict[str, Any]:
    """What stands behind the states; empty in a file of MXNet's."""
    if not data.endswith(_MAGIC) or len(data) < 16:
        return {}
    (length,) = struct.unpack("<q", data[-16:-8])
    if not 0 <= length <= len(data) - 16:
        raise ValueError(f"{length} bytes of counts in a file of {len(data)}")
    found = ast.literal_eval(data[len(data) - 16 - length : -16].decode())
    return dict(found)


differs(
    "Module.save_optimizer_states",
    "the file holds the optimizer's count of steps, too, and a run that is continued goes on counting",
    "import tempfile, os; net = mx.sym.LinearRegressionOutput(mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=1), name='l'); "
    "m = mx.mod.Module(net, label_names=['l_label']); m.bind([('data', (1, 1))], [('l_label', (1, 1))]); m.init_params(); "
    "m.init_optimizer(optimizer='adam'); b = mx.io.DataBatch([mx.nd.ones((1, 1))], [mx.nd.ones((1, 1))]); "
    "m.forward_backward(b); m.update(); f = os.path.join(tempfile.mkdtemp(), 's'); m.save_optimizer_states(f); "
    "m.init_optimizer(optimizer='adam', force_init=True); m.load_optimizer_states(f); print(m._optimizer.num_update)",
    ours="1",
    mxnet="0",
    why="in MXNet Adam's bias correction and learning rate schedules begin anew, so that a continued run is another one.",
)
