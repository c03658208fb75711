"""Files of tuned numbers: those that ``clsym tune`` stores, one a kind of device, and those that clsym ships.

A stored file is JSON::

    {"format": 1, "device": {"name": ..., "platform": ..., "driver": ..., "kind": "cpu", "compute_units": 8},
     "numbers": {"gemm/blocks": {"kc": 768}}, "record": {"gemm/blocks": {"speedup": 1.08, "measured": "2025-01-31"}}}

``numbers`` has only what differs from the built-in choices; an empty object says that these overrule shipped numbers. A shipped file has
``match`` in the place of ``device``: texts that the device's properties must contain.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..base import MXNetError, env
from ..graph.contract.tuning import refusal
from .cache import tuning_folder

__all__ = [
    "FORMAT",
    "DeviceKey",
    "TuningFile",
    "load_tuning",
    "read_tuning",
    "shipped_tuning",
    "stored_tuning",
    "tuning_path",
    "write_tuning",
]

FORMAT = 1
"""Counted up when numbers found by an earlier version of clsym no longer mean the same."""

Numbers = dict[str, dict[str, int]]


@dataclass(frozen=True)
class DeviceKey:
    """What tuned numbers depend on: another driver compiles otherwise, and with other compute units the work is shared out otherwise."""

    name: str
    platform: str
    driver: str
    kind: str
    compute_units: int


@dataclass
class TuningFile:
    """Tuned numbers of a kind of device, and how they were found."""

    device: DeviceKey
    numbers: Numbers = field(default_factory=dict)
    record: dict[str, dict[str, Any]] = field(default_factory=dict)


def tuning_path(device: DeviceKey) -> Path:
    """Where the numbers of a device are stored."""
    digest = hashlib.sha256(json.dumps([FORMAT, asdict(device)], sort_keys=True).encode()).hexdigest()[:12]
    stem = re.sub(r"[^a-z0-9]+", "-", device.name.lower()).strip("-")[:48]
    return tuning_folder() / f"{stem or 'device'}-{digest}.json"


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise MXNetError(f"tuning file {path} cannot be read: {exc}") from exc
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        have = found.get("format") if isinstance(found, dict) else type(found).__name__
        raise MXNetError(f"tuning file {path} is not of format {FORMAT} (it says {have!r}); tune again with `clsym tune`")
    return found


def _numbers(path: Path, found: Mapping[str, Any]) -> Numbers:
    numbers = found.get("numbers")
    if not isinstance(numbers, dict):
        raise MXNetError(f"tuning file {path} has no object 'numbers'")
    for key, values in numbers.items():
        if not isinstance(values, dict) or not all(type(v) is int for v in values.values()):
            raise MXNetError(f"tuning file {path}: the numbers of {key!r} must be integers by name, not {values!r}")
        if why := refusal(key, values):
            raise MXNetError(f"tuning file {path}: {why}; it was written by another version of clsym, or by hand")
    return numbers


def read_tuning(path: Path) -> TuningFile:
    """Read and check a stored file.

    Raises
    ------
    MXNetError
        It cannot be read, is of another format, or has numbers that these kernels do not know.
    """
    found = _object(path)
    device, record = found.get("device"), found.get("record", {})
    try:
        key = DeviceKey(**device)  # type: ignore[arg-type]  # checked by the call
    except TypeError as exc:
        raise MXNetError(f"tuning file {path} does not say which device it is for: {exc}") from exc
    if not isinstance(record, dict) or not all(isinstance(r, dict) and isinstance(r.get("speedup"), float) for r in record.values()):
        raise MXNetError(f"tuning file {path}: 'record' must have an object with a 'speedup' for every class")
    return TuningFile(key, _numbers(path, found), record)


def write_tuning(path: Path, content: TuningFile) -> None:
    """Write a file whole: readers see the old one or the new one.

    Raises
    ------
    MXNetError
        It cannot be written.
    """
    data = {"format": FORMAT, "device": asdict(content.device), "numbers": content.numbers, "record": content.record}
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(data, stream, indent=1, sort_keys=True)
            stream.write("\n")
        os.replace(temporary, path)
    except OSError as exc:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise MXNetError(f"tuning file {path} cannot be written: {exc}; another place can be had with XDG_CACHE_HOME") from exc


def shipped_tuning(device: DeviceKey, folder: Path | None = None) -> Numbers:
    """What clsym ships for a device: of all files that match, those that ask for more go before."""
    folder = folder or Path(__file__).resolve().parents[1] / "data" / "tuning"
    matching: list[tuple[int, Path, dict[str, Any]]] = []
    properties = {k: str(v).lower() for k, v in asdict(device).items()}
    for path in sorted(folder.glob("*.json")):
        found = _object(path)
        match = found.get("match")
        if not isinstance(match, dict) or not match:
            raise MXNetError(f"tuning file {path} does not say what it matches")
        if all(str(text).lower() in properties.get(name, "") for name, text in match.items()):
            matching.append((len(match), path, found))
    numbers: Numbers = {}
    for _, path, found in sorted(matching, key=lambda m: m[:2]):
        numbers.update(_numbers(path, found))
    return numbers


def stored_tuning(device: DeviceKey) -> TuningFile:
    """What was stored for a device; nothing, with a warning that names the file, where that cannot be used."""
    path = tuning_path(device)
    if not path.exists():
        return TuningFile(device)
    try:
        stored = read_tuning(path)
        if stored.device != device:
            raise MXNetError(f"tuning file {path} is for {stored.device}, not for {device}")
    except MXNetError as exc:
        warnings.warn(f"{exc}. It is not used; `clsym tune --reset` removes it", RuntimeWarning, stacklevel=2)
        return TuningFile(device)
    return stored


def load_tuning(device: DeviceKey) -> Numbers:
    """The numbers to use on a device: what was stored for it over what is shipped, or what ``CLSYM_TUNING`` says.

    A file that ``CLSYM_TUNING`` names is used on devices of
    its device's name, whatever their driver.

    Raises
    ------
    MXNetError
        The file that ``CLSYM_TUNING`` names cannot be used.
    """
    given = env("CLSYM_TUNING").strip()
    if given == "0":
        return {}
    if given:
        try:
            chosen = read_tuning(Path(given))
        except MXNetError as exc:
            raise MXNetError(f"CLSYM_TUNING={given}: {exc}; correct it, unset it, or use 0 for the built-in choices") from exc
        return chosen.numbers if chosen.device.name == device.name else {}
    return {**shipped_tuning(device), **stored_tuning(device).numbers}
