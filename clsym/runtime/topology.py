"""The OpenCL devices of this machine as objects: discovery, contexts, queues, sub-devices, and the guard against forks.

Nothing is opened at import. The first use finds the platforms; the first use of a device makes one ``cl.Context`` for
all devices of its platform (so that they share buffers and events) and one in-order queue for the device.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any, NoReturn, TypeVar

import pyopencl as cl

from clsym.base import MXNetError
from clsym.graph.contract.traits import DeviceTraits

from .icd import get_platforms, repair_pocl_cpu
from .rank import Rank, rank_device
from .traits import read_traits

__all__ = ["Device", "DeviceGroup", "all_devices", "check_fork", "lock", "on_fork_clear", "opened_devices", "platforms", "sub_devices"]

_FORKED = (
    "OpenCL was used before this process was forked, and it does not survive a fork. Start workers with "
    "multiprocessing.get_context('spawn') (or threads), or fork before the first array is made."
)
_lock = threading.RLock()
_touched = False  # the drivers were asked for devices: from here on a fork is fatal (PoCL starts its threads then)
_forked = False
_caches: list[dict[Any, Any]] = []

_K = TypeVar("_K")
_V = TypeVar("_V")


def lock() -> threading.RLock:
    """The lock under which devices are made; asked for each time, since a forked child gets a new one."""
    return _lock


def on_fork_clear(cache: dict[_K, _V]) -> dict[_K, _V]:
    """Have a cache of OpenCL objects emptied in a forked child, so that its next miss reaches `check_fork`; returns it."""
    _caches.append(cache)
    return cache


class DeviceGroup:
    """Devices that share one ``cl.Context``: buffers and events of one are valid for the others.

    Attributes
    ----------
    cl_context : pyopencl.Context
        Made at first use.
    """

    def __init__(self, cl_devices: list[cl.Device]) -> None:
        self.cl_devices = cl_devices

    def __getattr__(self, name: str) -> Any:
        if name != "cl_context":
            raise AttributeError(name)
        check_fork()
        with _lock:
            if "cl_context" not in self.__dict__:
                self.cl_context = cl.Context(devices=self.cl_devices)
            return self.__dict__["cl_context"]


class Device:
    """One physical device or sub-device; the same object for as long as the process lives.

    Attributes
    ----------
    cl_device : pyopencl.Device
    cl_context : pyopencl.Context
        Shared by the devices of `group`.
    queue : pyopencl.CommandQueue
        The in-order queue on which clsym enqueues.
    traits : DeviceTraits
    selector : str
        What ``mx.cl()`` takes to name exactly this device: ``'0:0'``, or ``'0:0/units=1/0'`` for a sub-device.
    name, platform_name : str
    rank : Rank
        Score and reason of the automatic choice.
    group : DeviceGroup
    parent : Device or None
        The device that this sub-device is a part of.
    llvm_cpu : str
        The CPU name given to a PoCL whose LLVM does not know this CPU; '' if it does.
    """

    def __init__(
        self, cl_device: cl.Device, group: DeviceGroup, selector: str, platform_name: str, rank: Rank, parent: Device | None = None
    ) -> None:
        self.cl_device = cl_device
        self.group = group
        self.selector = selector
        self.name = str(cl_device.name).strip()
        self.platform_name = platform_name
        self.rank = rank
        self.parent = parent
        # A sub-device is a copy of its parent, so it was repaired with it.
        self.llvm_cpu: str = repair_pocl_cpu(cl_device) if parent is None else parent.llvm_cpu
        self.traits: DeviceTraits = read_traits(cl_device, platform_name, self.llvm_cpu, selector)
        self._partitions: dict[str, list[Device]] = {}

    # Called only while the attribute is not there, so that the hot path pays nothing: `queue` and `cl_context` are made at
    # first use and taken away in a forked child, where this raises instead.
    def __getattr__(self, name: str) -> Any:
        if name not in ("queue", "cl_context"):
            raise AttributeError(f"'Device' object has no attribute {name!r}")
        check_fork()
        with _lock:
            if "queue" not in self.__dict__:
                self.cl_context = self.group.cl_context
                self.queue = cl.CommandQueue(self.cl_context, self.cl_device)
            return self.__dict__[name]

    def __repr__(self) -> str:
        return f"<Device {self.selector} {self.name!r} on {self.platform_name!r}>"

    def __reduce__(self) -> NoReturn:
        raise MXNetError(f"{self!r} is an open device and cannot be pickled or copied; pass its context, mx.cl({self.selector!r})")

    @property
    def compiles_at_launch(self) -> bool:
        """Whether the driver is PoCL, which builds programs one at a time and finishes a kernel when it is first launched."""
        return "Portable Computing Language" in self.platform_name

    @property
    def builds_alone(self) -> bool:
        """Whether the driver builds one program at a time: PoCL waits for a lock, Mesa's rusticl crashes where two threads build (22.3)."""
        return self.compiles_at_launch or self.platform_name == "rusticl"

    @property
    def root(self) -> Device:
        """The whole device that this one is or is a part of."""
        return self if self.parent is None else self.parent.root

    def with_parts(self) -> list[Device]:
        """This device and every sub-device that was made of it."""
        return [self, *(d for parts in self._partitions.values() for part in parts for d in part.with_parts())]


_found: list[tuple[str, list[Device]]] | None = None  # platforms in the loader's order, and their devices


def check_fork() -> None:
    """Raise `MXNetError` in a child forked after OpenCL was first used."""
    if _forked:
        raise MXNetError(_FORKED)


def platforms() -> list[tuple[str, list[Device]]]:
    """Every platform's name with its devices, in the loader's order; empty platforms included, as `clinfo -l` does."""
    global _found, _touched
    check_fork()
    with _lock:
        if _found is None:
            _touched = True
            _found = [(str(p.name).strip(), _root_devices(i, p)) for i, p in enumerate(get_platforms())]
        return _found


def _root_devices(number: int, platform: cl.Platform) -> list[Device]:
    try:
        found = platform.get_devices()
    except cl.Error as exc:
        if "DEVICE_NOT_FOUND" in str(exc):
            return []
        raise
    name = str(platform.name).strip()
    ranks = [rank_device(name, d) for d in found]
    shared = DeviceGroup([d for d, rank in zip(found, ranks, strict=True) if rank.score > -200])
    groups = [shared if rank.score > -200 else DeviceGroup([d]) for d, rank in zip(found, ranks, strict=True)]
    return [Device(d, group, f"{number}:{i}", name, rank) for i, (d, group, rank) in enumerate(zip(found, groups, ranks, strict=True))]


def all_devices() -> list[Device]:
    """Every root device, in the loader's order."""
    return [d for _, devices in platforms() for d in devices]


def opened_devices() -> list[Device]:
    """Every device or sub-device that has a queue by now."""
    opened = []
    todo = [d for _, devices in _found or () for d in devices]
    while todo:
        device = todo.pop()
        todo += [part for parts in device._partitions.values() for part in parts]
        if "queue" in device.__dict__:
            opened.append(device)
    return opened


# --- sub-devices -------------------------------------------------------------------------------------------------------

_DOMAINS = {"numa": "NUMA", "l1": "L1_CACHE", "l2": "L2_CACHE", "l3": "L3_CACHE", "l4": "L4_CACHE", "next": "NEXT_PARTITIONABLE"}


def sub_devices(
    device: Device, *, units: int | None = None, counts: tuple[int, ...] | None = None, domain: str | None = None
) -> list[Device]:
    """Partition a device; the same partition gives the same `Device` objects again.

    Parameters
    ----------
    device : Device
    units : int, optional
        Parts of this many compute units each; a remainder is not used.
    counts : tuple of int, optional
        One part for each number of compute units.
    domain : {'numa', 'l1', 'l2', 'l3', 'l4', 'next'}, optional
        Parts that share this level of memory.

    Returns
    -------
    list of Device
        They share one ``cl.Context`` among themselves, not with the parent.

    Raises
    ------
    MXNetError
        If not exactly one way is given, or the device cannot be partitioned so.
    """
    check_fork()
    prop = cl.device_partition_property
    request: list[Any]  # pyopencl's stubs want an enum where numbers belong as well
    if [units, counts, domain].count(None) != 2:
        raise MXNetError("give exactly one of units=, counts= and domain=")
    if units is not None:
        label, request = f"units={units}", [prop.EQUALLY, units]
    elif counts is not None:
        label, request = "counts=" + ",".join(map(str, counts)), [prop.BY_COUNTS, *counts, prop.BY_COUNTS_LIST_END]
    elif domain in _DOMAINS:
        label, request = f"domain={domain}", [prop.BY_AFFINITY_DOMAIN, getattr(cl.device_affinity_domain, _DOMAINS[domain])]
    else:
        raise MXNetError(f"{domain!r} is not an affinity domain; use one of {sorted(_DOMAINS)}")
    with _lock:
        if label not in device._partitions:
            have = device.traits.compute_units
            if min(counts or (units or 1,)) < 1 or sum(counts or (units or 1,)) > have:
                raise MXNetError(f"{device!r} has {have} compute units and cannot be partitioned by {label}")
            try:
                parts = device.cl_device.create_sub_devices(request)
            except cl.Error as exc:
                raise MXNetError(f"{device!r} cannot be partitioned by {label}: {exc}") from exc
            group = DeviceGroup(list(parts))
            device._partitions[label] = [
                Device(part, group, f"{device.selector}/{label}/{i}", device.platform_name, device.rank, device)
                for i, part in enumerate(parts)
            ]
        return device._partitions[label]


# --- fork ---------------------------------------------------------------------------------------------------------------


def _after_fork_in_child() -> None:
    """Take every queue and context away, so that any use says why it cannot work."""
    global _forked, _lock
    _lock = threading.RLock()  # another thread may have held the old one
    if not _touched:
        return
    _forked = True
    for cache in _caches:
        # Kept alive, never released: a release may wait for threads that the child does not have.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(dict(cache)))
        cache.clear()
    todo = [d for _, devices in _found or () for d in devices]
    while todo:
        device = todo.pop()
        todo += [part for parts in device._partitions.values() for part in parts]
        for owner in (device, device.group):
            for name in ("queue", "cl_context"):
                if (handle := owner.__dict__.pop(name, None)) is not None:
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
