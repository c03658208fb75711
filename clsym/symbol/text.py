"""Symbols as text for people, and files of them."""

from __future__ import annotations

import contextlib
import os
import tempfile

from ..base import MXNetError
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.files.serialize import entry_versions

__all__ = ["debug_text", "read_text", "without_amp_casts", "write_whole"]


def write_whole(fname: str | os.PathLike[str], text: str) -> None:
    """Write a file, whole or not at all: into a temporary file beside it, which then takes its place."""
    path = os.path.abspath(fname)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".tmp", dir=os.path.dirname(path))
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except (OSError, UnicodeError) as exc:
        raise MXNetError(f"cannot save the symbol to {path!r}: {exc}") from exc
    finally:
        if temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _mode(path: str) -> int:
    """The permissions of the file that is replaced, or those of a new file; mkstemp's are for the owner only."""
    if os.path.exists(path):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def read_text(fname: str | os.PathLike[str]) -> str:
    """The text of a file, or MXNetError."""
    try:
        with open(fname, encoding="utf-8-sig") as file:
            return file.read()
    except OSError as exc:
        raise MXNetError(f"cannot load the symbol from {os.fspath(fname)!r}: {exc}") from exc
    except ValueError as exc:
        raise MXNetError(f"{os.fspath(fname)!r} is no symbol file: not UTF-8 text ({exc}). Is it a .params file?") from exc


def without_amp_casts(heads: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The graph without the casts that automatic mixed precision has put in, unless they are outputs; the same where there are none."""
    casts = ("amp_cast", "amp_multicast")
    order = topological(heads)
    if not any(n.op is not None and n.op.name in casts for n in order):
        return heads
    made: dict[tuple[int, int], Entry] = {}
    last: dict[int, Node] = {}
    outputs = {h.node.serial for h in heads}
    for node in order:
        inputs = [made[(e.node.serial, e.index)] for e in node.inputs]
        if node.op is not None and node.op.name in casts:
            made.update({(node.serial, i): e for i, e in enumerate(inputs)})
            if node.serial in outputs:
                last[node.serial] = Node(node.op, node.name, node.params, node.attrs, inputs)
            continue
        copy = node
        if any(a != b for a, b in zip(inputs, node.inputs, strict=True)):
            copy = Node(node.op, node.name, node.params, node.attrs, inputs)
            copy.versions = node.versions
        made.update({(node.serial, i): copy.out(i) for i in range(node.num_outputs)})
    return tuple(last[h.node.serial].out(h.index) if h.node.serial in last else made[(h.node.serial, h.index)] for h in heads)


def debug_text(heads: tuple[Entry, ...]) -> str:
    """A graph as text, a node a paragraph, as MXNet's ``debug_str``."""
    if len(heads) == 1 and heads[0].node.is_variable:
        return f"Variable:{heads[0].node.name}\n"
    if heads[0].node.op is not None and not heads[0].node.inputs and all(h.node is heads[0].node for h in heads):
        return f"AtomicFunctor  Op:{heads[0].node.op.name}\n"
    lines = ["Symbol Outputs:", *(f"\toutput[{i}]={e.node.name}({e.index})" for i, e in enumerate(heads))]
    order = topological(heads)
    versions, _ = entry_versions(order)
    for node in order:
        if node.op is None:
            lines.append(f"Variable:{node.name}")
            continue
        lines += ["-" * 20, f"Op:{node.op.name}, Name={node.name}", "Inputs:"]
        for i, (entry, version) in enumerate(zip(node.inputs, versions[node.serial], strict=True)):
            lines.append(f"\targ[{i}]={entry.node.name}({entry.index})" + (f" version={version}" if entry.node.is_variable else ""))
        if node.attrs:
            lines += ["Attrs:", *(f"\t{k}={node.attrs[k]}" for k in sorted(node.attrs))]
    return "\n".join(lines) + "\n"
