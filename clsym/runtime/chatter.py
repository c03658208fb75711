"""What drivers' compilers say, and who gets to read it.

A driver's native code writes to file descriptor 2 whatever Python does with `sys.stderr`: "58 warnings generated." stood in the middle of a
progress bar. Programs are built without warnings (`BUILD_OPTIONS`), which is the end of it with PoCL and clang's other children. For other
drivers the descriptor leads to a file while a program is built, if it is a terminal and no other thread could write to it. What was
collected becomes part of the message if the build fails; ``CLSYM_VERBOSE=1`` prints it as it comes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

from tqdm import tqdm

from ..base import env

__all__ = ["Terminal", "build_options", "collected", "on_terminal", "say", "verbose"]

_lock = threading.Lock()
_terminal: int | None = None
"""The descriptor of the terminal while descriptor 2 leads elsewhere."""


def verbose() -> bool:
    """Whether ``CLSYM_VERBOSE`` asks to hear what is built."""
    return env("CLSYM_VERBOSE").strip() not in ("", "0")


def build_options() -> list[str]:
    """Of every program: no warnings, which users can do nothing about. ``CLSYM_VERBOSE=2`` wants them, and builds everything for it."""
    return [] if env("CLSYM_VERBOSE").strip() == "2" else ["-w"]


def say(text: str) -> None:
    """Print lines to stderr, above a progress bar if there is one."""
    tqdm.write(text.rstrip("\n"), file=sys.stderr)


def on_terminal() -> bool:
    """Whether Python's stderr is a terminal; never in a notebook, a log or a test."""
    return sys.stderr is not None and sys.stderr.isatty()


def _others() -> bool:
    """Whether another thread may print; tqdm's, which refreshes bars that stand still, does not count."""
    return any(t is not threading.current_thread() and type(t).__name__ != "TMonitor" for t in threading.enumerate())


@contextlib.contextmanager
def collected() -> Iterator[list[str]]:
    """Collect what is written to descriptor 2 meanwhile, if only the driver can write there; the list has the text afterwards."""
    global _terminal
    said: list[str] = []
    if verbose() or not on_terminal() or not os.isatty(2) or _others() or not _lock.acquire(blocking=False):
        yield said
        return
    try:
        with tempfile.TemporaryFile() as file:
            sys.stderr.flush()
            _terminal = os.dup(2)
            try:
                os.dup2(file.fileno(), 2)
                yield said
            finally:
                os.dup2(_terminal, 2)
                os.close(_terminal)
                _terminal = None
                file.seek(0)
                said.append(file.read().decode(errors="replace"))
    finally:
        _lock.release()


class Terminal:
    """Stderr for progress bars: reaches the terminal also while descriptor 2 leads elsewhere."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Write at once."""
        if _terminal is None:
            return sys.stderr.write(text)
        os.write(_terminal, text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        """As of a stream."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """As of a stream."""
        return on_terminal()

    def fileno(self) -> int:
        """The terminal, whose width tqdm asks for."""
        return 2 if _terminal is None else _terminal
