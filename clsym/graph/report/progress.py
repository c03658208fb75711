"""Telling that a graph is being planned: after two seconds, on a terminal or under ``CLSYM_VERBOSE``."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from ...base import env

__all__ = ["DELAY", "told"]

DELAY = 2.0
"""Seconds that may pass silently."""


@contextlib.contextmanager
def told(total: int) -> Iterator[Callable[[str], None]]:
    """Tell which pass of a compilation runs: call the function with its name before it does.

    On a terminal it is one line, which is gone in the end; under ``CLSYM_VERBOSE`` a line a pass, and one with the time in all.
    """
    start = time.perf_counter()
    verbose = env("CLSYM_VERBOSE").strip() not in ("", "0")
    terminal = sys.stderr is not None and sys.stderr.isatty()
    done, shown = 0, False

    def tell(name: str) -> None:
        nonlocal done, shown
        done += 1
        seconds = time.perf_counter() - start
        if seconds < DELAY or not (verbose or terminal):
            return
        text = f"clsym: planning the graph for {seconds:.1f} s: {name.replace('_', ' ')} ({done} of {total})"
        sys.stderr.write(f"{text}\n" if verbose else f"\r\x1b[K{text}")
        sys.stderr.flush()
        shown = True

    try:
        yield tell
    finally:
        if shown and verbose:
            sys.stderr.write(f"clsym: planning the graph took {time.perf_counter() - start:.1f} s\n")
        elif shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
