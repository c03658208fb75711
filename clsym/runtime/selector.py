"""Whether a selector, as `clsym.context.cl` takes it, names a root device: by a part of its name, or by platform and device."""

from __future__ import annotations

import pyopencl as cl

__all__ = ["names_device", "names_device_by_position", "names_device_by_text"]


def names_device_by_text(text: str, device: cl.Device) -> bool:
    """Whether the text is a part of ``"<platform> <device> <vendor>"``, case ignored; a number alone is none."""
    text = text.strip().lower()
    return not text.isdigit() and text in f"{str(device.platform.name).strip()} {str(device.name).strip()} {device.vendor}".lower()


def names_device_by_position(text: str, device: cl.Device, position: str) -> bool:
    """Whether ``'platform:device'``, each a number or a part of a name, fits the device at a position such as ``'0:1'``."""
    number, _, index = position.partition(":")
    platform, _, name = text.strip().lower().partition(":")
    return _side(platform, number, f"{device.platform.name} {device.platform.vendor}") and _side(name, index, str(device.name))


def _side(pattern: str, number: str, name: str) -> bool:
    pattern = pattern.strip()
    return int(pattern) == int(number) if pattern.isdigit() else pattern in name.lower()


def names_device(text: str, device: cl.Device, position: str) -> bool:
    """Either of the two."""
    return names_device_by_text(text, device) or names_device_by_position(text, device, position)
