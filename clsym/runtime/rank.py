"""Which device is the better choice: a score with a stated reason. Looks at names and types, never opens a device."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyopencl as cl

__all__ = ["Rank", "rank_device"]

# Pattern of "<platform> <vendor> <device>", score, reason. The first that matches counts. Equal scores keep the loader's order.
_CPU_RULES: tuple[tuple[str, int, str], ...] = (
    (r"llvmpipe|softpipe|swrast", 10, "a software renderer: correct, slow, without multiply-add"),
    (r"portable computing language|pocl", 100, "PoCL, the CPU runtime that clsym is measured on"),
    (r"intel\(r\) opencl|intel\(r\) cpu", 90, "Intel's CPU runtime"),
    (r"apple", 60, "Apple's CPU runtime (deprecated by Apple)"),
    (r"", 50, "a CPU runtime unknown to clsym"),
)
_GPU_RULES: tuple[tuple[str, int, str], ...] = (
    (r"llvmpipe|softpipe|swrast", -5, "a software renderer posing as a GPU"),
    (r"portable computing language|pocl", 40, "a GPU through PoCL"),
    (r"rusticl|clover|mesa", 60, "a GPU through Mesa"),
    (r"nvidia|amd|advanced micro|intel|apple|arm|qualcomm", 100, "a GPU with its vendor's driver"),
    (r"", 50, "a GPU with a driver unknown to clsym"),
)
_SIMULATOR = re.compile(r"oclgrind|simulator|emulat", re.IGNORECASE)


@dataclass(frozen=True)
class Rank:
    """How good a choice a device is.

    Attributes
    ----------
    score : int
        Higher is better; negative: used only when a selector names it.
    reason : str
        Why, for people.
    """

    score: int
    reason: str

    @property
    def automatic(self) -> bool:
        """Whether ``cpu(i)`` and ``gpu(i)`` may mean this device."""
        return self.score >= 0


def rank_device(platform: str, device: cl.Device) -> Rank:
    """Score a root device of the named platform."""
    name = f"{platform} {device.vendor} {device.name}"
    if not device.available:
        return Rank(-300, "the driver says it is not available")
    if not device.compiler_available:
        return Rank(-200, "it cannot compile kernels")
    if _SIMULATOR.search(name):
        return Rank(-100, "a simulator or emulator: never chosen by itself, name it with mx.cl() or CLSYM_DEVICE")
    if device.type & cl.device_type.CPU:
        return _first_match(_CPU_RULES, name)
    if device.type & cl.device_type.GPU:
        rank = _first_match(_GPU_RULES, name)
        if rank.score > 0 and not device.host_unified_memory:
            return Rank(rank.score + 5, rank.reason + ", with memory of its own")
        return rank
    return Rank(20, "an accelerator")


def _first_match(rules: tuple[tuple[str, int, str], ...], name: str) -> Rank:
    for pattern, score, reason in rules:
        if re.search(pattern, name, re.IGNORECASE):
            return Rank(score, reason)
    raise AssertionError("the last rule matches every name")
