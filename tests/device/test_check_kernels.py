"""A few kernels in Oclgrind, where it is installed, and errors that it must find; `tools/check_kernels.py` runs them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "check_kernels.py"
sys.path.insert(0, str(TOOL.parent))
check_kernels = pytest.importorskip("check_kernels", reason="needs a checkout")
needs_oclgrind = pytest.mark.skipif(check_kernels.find_library("") is None, reason="needs Oclgrind (apt install oclgrind)")


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env={**os.environ, **environment})


@needs_oclgrind
def test_a_few_kernels_have_no_reports() -> None:
    done = run("--small")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reports: 0" in done.stdout and "not checked" not in done.stdout, done.stdout


@needs_oclgrind
@pytest.mark.parametrize(
    ("broken", "report"), [("STORE(y, i, LOAD(x, i + n));", "Invalid read"), ("if (i != 1) STORE(y, i, LOAD(x, i));", "nobody wrote")]
)
def test_planted_errors_are_found(tmp_path: Path, broken: str, report: str) -> None:
    name = "shape/plain_copy.cl"
    (tmp_path / "shape").mkdir()
    source = (ROOT / "kernels" / name).read_text()
    (tmp_path / name).write_text(source.replace("STORE(y, i, LOAD(x, i));", broken))
    done = run("--form", "cpu", "--filter", r"^stack", CLSYM_KERNEL_PATH=str(tmp_path))
    assert done.returncode == 1 and report in done.stdout, done.stdout + done.stderr


def test_without_oclgrind_it_says_how_to_get_it(tmp_path: Path) -> None:
    done = run("--library", str(tmp_path / "nothing.so"))
    assert done.returncode == 2 and "apt install oclgrind" in done.stderr


def test_kernels_in_headers_are_known() -> None:
    assert {("elementwise/broadcast_cpu.cl", "broadcast"), ("reduce/reduce_cpu.cl", "reduce_inner")} <= check_kernels.entries()


def test_reports_are_read() -> None:
    said = (
        "\nInvalid read of size 4 at global memory address 0x1000\n\tKernel: take\n\tAt line 7 (column 3) of indexing/indexing.cl:\n\t  x\n"
    )
    assert check_kernels.parse(said) == [("Invalid read of size 4 at global memory address ...", "take", "line 7 of indexing/indexing.cl")]
