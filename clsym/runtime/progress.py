"""Telling that kernels are being built: after a second, on a terminal; a line a program under ``CLSYM_VERBOSE``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from tqdm import tqdm

from .chatter import Terminal, on_terminal, say, verbose

__all__ = ["counted", "visible"]

DELAY = 1.0
"""Seconds that may pass silently."""


def visible() -> bool:
    """Whether anybody sees progress."""
    return verbose() or on_terminal()


@contextlib.contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Count things that are being built: call the function with the name of each that is done.

    Parameters
    ----------
    what : str
        Such as ``'building kernels, once'``.
    total : int
    """
    start = last = time.perf_counter()
    done = 0
    bar = tqdm(
        total=total, desc=what, delay=DELAY, leave=False, file=Terminal(), disable=verbose() or not on_terminal() or not total,
        bar_format="{desc}: {n_fmt} of {total_fmt} |{bar:20}| {elapsed}{postfix}", mininterval=0, miniters=1,
    )  # fmt: skip

    def step(name: str) -> None:
        nonlocal last, done
        done += 1
        now = time.perf_counter()
        if verbose():
            say(f"clsym: {what}: {done} of {total}, {name}, {now - last:.2f} s")
        last = now
        if not bar.disable:
            bar.set_postfix_str(name, refresh=False)
            bar.update()

    try:
        with bar:
            yield step
    finally:
        if verbose() and total:
            say(f"clsym: {what}: {done} of {total} took {time.perf_counter() - start:.1f} s")
