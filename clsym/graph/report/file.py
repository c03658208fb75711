"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from ...base import MXNetError

__all__ = ["write_whole"]


def write_whole(target: Path, content: bytes) -> None:
    """Write a file by a temporary one beside it, which then takes its place.

    Raises
    ------
    MXNetError
        It cannot be written; what was there stays.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name + ".", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp makes private files
        os.replace(temporary, target)
    except OSError as exc:
        raise MXNetError(f"cannot save the memory report to {str(target)!r}: {exc}") from exc
    finally:
        if temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
