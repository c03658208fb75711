"""What calls of operators do beside computing, in this thread: whether they are recorded, and whether they behave as in training."""

from __future__ import annotations

import threading

__all__ = ["is_recording", "is_training", "modes", "set_recording", "set_training"]


class _Modes(threading.local):
    """Both flags of a thread."""

    recording = False
    training = False


modes = _Modes()
"""Read by every call, so that a call that nobody records pays for one look only."""


def is_recording() -> bool:
    """Whether operators called now are recorded for `backward`."""
    return modes.recording


def is_training() -> bool:
    """Whether operators called now behave as in training (Dropout drops, BatchNorm updates its statistics)."""
    return modes.training


def set_recording(is_recording: bool) -> bool:
    """Set what `is_recording` answers in this thread; returns what it answered before."""
    before = modes.recording
    modes.recording = bool(is_recording)
    return before


def set_training(train_mode: bool) -> bool:
    """Set what `is_training` answers in this thread; returns what it answered before."""
    before = modes.training
    modes.training = bool(train_mode)
    return before
