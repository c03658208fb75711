"""Devices and seeds of the test session.

PoCL shows two devices (``POCL_DEVICES``, set before any OpenCL library loads), so that everything runs on at least two; the second is
lowered as a GPU (``CLSYM_TRAITS``), so that both families of kernels are computed with. ``CLSYM_TEST`` names the devices to test on,
comma-separated selectors as `mx.cl` takes them; empty: both of PoCL's, or every device where there is no PoCL.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("POCL_DEVICES", "pthread pthread")
os.environ.setdefault("CLSYM_TRAITS", "portable computing language:1=gpu")
os.environ["CLSYM_TUNING"] = "0"  # what somebody tuned on this machine must not change the tests
sys.path.insert(0, str(Path(__file__).parent / "device" / "ops"))
sys.path.insert(0, str(Path(__file__).parent))

import evidence
import numpy as np

_from_workers: list[evidence.Notes] = []


def _is_whole_run(config: pytest.Config) -> bool:
    """Whether every test runs: no choice of files, of names, or of devices."""
    option = config.option
    chosen = option.keyword or option.markexpr or getattr(option, "lf", False) or os.environ.get("CLSYM_TEST")
    return not chosen and config.args_source != pytest.Config.ArgsSource.ARGS and not option.collectonly


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A process of a parallel run has ended: take over what it noted."""
    _from_workers.append(getattr(node, "workeroutput", {}).get("evidence", {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand on what was checked; at the end of a whole run nothing may be missing."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["evidence"] = evidence.notes()
        return
    found = evidence.notes(_from_workers)
    if found and hasattr(config, "cache") and config.cache is not None and _is_whole_run(config):
        config.cache.set("clsym/evidence", found)
        problems = evidence.missing(found)
        if problems and exitstatus == 0:
            print("\n".join(["", "operators that the tests leave out:", *problems]), file=sys.stderr)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


LONGEST = (
    "null/test_style", "device/test_packaging", "device/test_check_kernels", "device/test_tuner", "device/test_memory_limit",
    "device/test_warm", "device/test_terminal", "device/test_program_cache", "device/test_bench_tools",
)  # fmt: skip
"""Files of tests of many seconds, most in processes of their own: they begin, so that no process of a parallel run ends with one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.removeprefix("tests/").startswith(LONGEST))  # stable


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected stays: no collection of garbage walks through it again."""
    gc.collect()
    gc.freeze()


def _contexts() -> list[str]:
    chosen = os.environ.get("CLSYM_TEST", "")
    if chosen:
        return [c.strip() for c in chosen.split(",") if c.strip()]
    from clsym.runtime.device import all_devices

    devices = [d for d in all_devices() if d.rank.automatic]
    pocl = [d.selector for d in devices if "Portable Computing Language" in d.platform_name]
    return pocl or [d.selector for d in devices]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in ("device", "ctx"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, _contexts(), indirect=True)


@pytest.fixture
def ctx(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """A context of the session."""
    from clsym.context import cl

    return cl(request.param)


@pytest.fixture
def device(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """A device of the session."""
    from clsym.context import cl
    from clsym.runtime.device import resolve

    return resolve(cl(request.param))


@pytest.fixture(autouse=True)
def seed(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Seed numpy and random from the test's name (or CLSYM_SEED), and print the seed for a failing test's report."""
    import zlib

    value = int(os.environ.get("CLSYM_SEED", zlib.crc32(request.node.nodeid.encode()) & 0x7FFFFFFF))
    print(f"seed {value} (CLSYM_SEED={value} repeats it)")
    np.random.seed(value)
    random.seed(value)
    return value
