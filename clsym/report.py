"""What ``clsym devices`` and ``clsym doctor`` say: the devices described, and the causes of a machine without any."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from .base import ENVIRONMENT, MXNetError
from .context import cpu
from .runtime import device as _device
from .runtime import icd
from .runtime.kernel_path import kernel_folders, kernel_source
from .runtime.selftest import self_test

__all__ = ["cache_text", "describe_platforms", "device_text", "diagnose"]


def describe_platforms(measure: bool = True) -> list[dict[str, Any]]:
    """Every platform and device as plain data, each device tested; what ``clsym devices --json`` prints."""
    found = _device.platforms()
    names = _device.context_names()
    return [{"platform": name, "devices": [_describe(d, names.get(d, []), measure) for d in devices]} for name, devices in found]


def _describe(device: _device.Device, contexts: list[str], measure: bool) -> dict[str, Any]:
    traits = device.traits
    result = self_test(device, measure)
    return {
        "selector": device.selector,
        "name": device.name,
        "version": str(device.cl_device.version).strip(),
        "driver": str(device.cl_device.driver_version).strip(),
        "kind": traits.kind,
        "llvm_cpu": device.llvm_cpu,
        "contexts": contexts,
        "score": device.rank.score,
        "reason": device.rank.reason,
        "limits": {
            "compute_units": traits.compute_units,
            "vector_width": traits.vector_width,
            "max_work_group_size": traits.max_work_group_size,
            "max_work_item_sizes": list(traits.max_work_item_sizes),
            "global_mem": traits.global_mem,
            "max_alloc": traits.max_alloc,
            "local_mem": traits.local_mem,
            "alignment": traits.alignment,
            "fp64": traits.fp64,
            "fp16": traits.fp16,
        },
        "test": {
            "passed": result.passed,
            "message": result.message,
            "build_seconds": round(result.build_seconds, 4),
            "copy_gbs": None if result.copy_gbs is None else round(result.copy_gbs, 2),
            "fma_gflops": None if result.fma_gflops is None else round(result.fma_gflops, 2),
        },
    }


def device_text(found: list[dict[str, Any]]) -> str:
    """The descriptions in the layout of ``clinfo -l``, then each device in detail."""
    lines = []
    for number, entry in enumerate(found):
        lines.append(f"Platform #{number}: {entry['platform']}")
        for i, d in enumerate(entry["devices"]):
            branch = "`--" if i == len(entry["devices"]) - 1 else "+--"
            lines.append(f" {branch} Device #{i}: {d['name']}")
    for d in (d for entry in found for d in entry["devices"]):
        limits, test = d["limits"], d["test"]
        optional = [name for name in ("fp64", "fp16") if limits[name]]
        speed = "" if test["copy_gbs"] is None else f", copy {test['copy_gbs']:.1f} GB/s, multiply-add {test['fma_gflops']:.0f} GFLOP/s"
        lines += [
            "",
            f"Device {d['selector']}: {d['name']}",
            f"  version   {d['version']}, driver {d['driver']}" + (f", compiles for {d['llvm_cpu']}" if d["llvm_cpu"] else ""),
            f"  contexts  {', '.join([*d['contexts'], 'mx.cl({!r})'.format(d['selector'])])}",
            f"  choice    score {d['score']}: {d['reason']}",
            f"  limits    {d['kind']}, {limits['compute_units']} compute units, {limits['vector_width']} float32 lanes, "
            f"work-group {limits['max_work_group_size']}, {' '.join(optional) or 'no fp64'}",
            f"  memory    {_size(limits['global_mem'])}, largest allocation {_size(limits['max_alloc'])}, "
            f"local {_size(limits['local_mem'])}, alignment {limits['alignment']} B",
            f"  test      {'PASS' if test['passed'] else 'FAIL'}{speed}" + (f" ({test['message']})" if test["message"] else ""),
        ]
    return "\n".join(lines)


def _size(count: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} B"


def diagnose() -> tuple[str, bool]:
    """Check the installation step by step; the text of ``clsym doctor`` and whether all is well."""
    lines = [f"python     {platform.python_version()} on {platform.platform()}"]
    for package in ("clsym", "pyopencl", "numpy", "pocl-binary-distribution", "intel-opencl-rt"):
        lines.append(f"{package:<10} {_version(package)}")
    lines += [f"{name}={os.environ[name]}" for name in (*ENVIRONMENT, *_LOADER_VARIABLES) if os.environ.get(name)]
    problems = _kernel_problems(lines)
    try:
        found = describe_platforms(measure=False)
    except MXNetError as exc:
        found, problems = [], [*problems, str(exc)]
    devices = [d for entry in found for d in entry["devices"]]
    for d in devices:
        test = d["test"]
        lines.append(f"device     {d['selector']} {d['name']}: {'PASS' if test['passed'] else 'FAIL'} {test['message']}".rstrip())
        if not test["passed"] and d["score"] >= 0:
            problems.append(f"device {d['selector']} fails its test: {_failure_cause(d)}")
    problems += [
        f"platform {entry['platform']!r} has no devices: {_empty_cause(entry['platform'])}" for entry in found if not entry["devices"]
    ]
    if not devices:
        problems += ["no OpenCL device was found.", *_absence_causes()]
    else:
        try:
            lines.append(f"mx.cpu()   means {_device.resolve(cpu())!r}")
        except MXNetError as exc:
            problems.append(f"the default context is not usable: {exc}")
    lines += [f"PROBLEM    {p}" for p in problems] or ["OK         nothing is wrong"]
    return "\n".join(lines), not problems


_LOADER_VARIABLES = ("OCL_ICD_VENDORS", "OCL_ICD_FILENAMES", "OPENCL_VENDOR_PATH", "POCL_DEVICES", "LD_LIBRARY_PATH", "RUSTICL_ENABLE")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed by pip"


def _kernel_problems(lines: list[str]) -> list[str]:
    try:
        lines += [f"kernels    {folder}" for folder in kernel_folders()]
        kernel_source("selftest.cl")
    except MXNetError as exc:
        return [str(exc)]
    return []


def _failure_cause(described: dict[str, Any]) -> str:
    message: str = described["test"]["message"]
    if "unknown target CPU" in message or (described["version"].endswith("-generic") and not described["llvm_cpu"]):
        return (
            f"the LLVM inside this PoCL is older than this CPU and was not told another name ({message}). "
            "Install a newer PoCL from your distribution (pocl-opencl-icd), or Intel's runtime: pip install clsym[intel]"
        )
    return message


def _empty_cause(name: str) -> str:
    if "rusticl" in name.lower():
        return "Mesa's rusticl shows devices only when told to, as in RUSTICL_ENABLE=llvmpipe (or radeonsi, iris)"
    if "portable" in name.lower() and os.environ.get("POCL_DEVICES"):
        return f"POCL_DEVICES={os.environ['POCL_DEVICES']} names no device that this PoCL has; unset it"
    return _node_cause() or "its driver finds no hardware; other platforms are not affected"


def _node_cause() -> str:
    """What is wrong with the device nodes that GPU drivers open, or ''."""
    nodes = [*sorted(Path("/dev/dri").glob("renderD*")), *(p for p in (Path("/dev/kfd"),) if p.exists())]
    closed = [str(node) for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if closed:
        return f"no permission on {', '.join(closed)}: add yourself to the groups that own them (render, video)"
    return ""


def _absence_causes() -> list[str]:
    causes = []
    vendors = os.environ.get("OCL_ICD_VENDORS")
    if vendors and not Path(vendors).exists():
        causes.append(f"OCL_ICD_VENDORS={vendors} does not exist: unset it, or point it at a folder of .icd files.")
    folder = Path(vendors) if vendors and Path(vendors).is_dir() else icd.system_vendors()
    files = sorted(folder.glob("*.icd")) if folder.is_dir() else []
    if not files:
        causes.append(f"{folder} holds no .icd file: no driver is installed system-wide.")
    for file, library, why in icd.broken_icds(files):
        causes.append(f"{file} names {library}, which cannot be loaded: {why}.")
    if node := _node_cause():
        causes.append(node + ".")
    if Path("/dev/nvidia0").exists() and not any("nvidia" in f.name for f in files):
        causes.append(f"an NVIDIA GPU is there but no nvidia.icd: write 'libnvidia-opencl.so.1' into {folder}/nvidia.icd.")
    if os.environ.get("POCL_DEVICES"):
        causes.append(f"POCL_DEVICES={os.environ['POCL_DEVICES']} limits PoCL: unset it.")
    if sys.platform == "linux" and platform.machine() == "x86_64":
        causes.append("A CPU runtime comes with: pip install pocl-binary-distribution, or pip install clsym[intel].")
    else:
        causes.append("pip has no OpenCL runtime for this system: install your distribution's (pocl-opencl-icd, or conda install pocl).")
    return causes


def cache_text(rows: list[dict[str, Any]]) -> str:
    """What ``clsym cache`` prints: a folder a line."""
    lines = [f"{'folder':9s} {'files':>7s} {'MiB':>9s}  path"]
    for row in rows:
        lines.append(f"{row['name']:9s} {row['files']:7d} {row['bytes'] / 2**20:9.1f}  {row['path']}")
        lines.append(f"{'':27s}  {row['holds']}; elsewhere with {row['variable']}")
    return "\n".join(lines)
