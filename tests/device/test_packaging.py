"""Wheel and sdist: built, installed in a fresh environment, and a kernel run from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import os, clsym as mx
from clsym.runtime.kernel_path import kernel_folders
assert 'site-packages' in mx.__file__, mx.__file__
x = mx.nd.array([[1, -2], [3, -4]])
assert mx.nd.relu(x).asnumpy().tolist() == [[1, 0], [3, 0]]
assert mx.nd.FullyConnected(x, x, no_bias=True, num_hidden=2).asnumpy().tolist() == [[5, 11], [11, 25]]
print('kernel ran in', os.getcwd())
"""


def _run(*command: str, cwd: Path) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CLSYM_KERNEL_PATH", "PYTHONWARNINGS")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs a checkout")
def test_wheel_in_a_fresh_environment(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: the build writes into the folder that it builds
    _run("git", "clone", "-q", str(ROOT), str(source), cwd=tmp_path)
    for name in subprocess.run(
        ["git", "ls-files", "-mo", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            target.write_bytes((ROOT / name).read_bytes())
    _run(sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist"), str(source), cwd=tmp_path)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    sdist = next((tmp_path / "dist").glob("*.tar.gz"))
    kernels = {str(p.relative_to(ROOT / "kernels")) for p in (ROOT / "kernels").rglob("*") if p.suffix in (".cl", ".h")}
    with zipfile.ZipFile(wheel) as z:
        inside = {str(Path(n).relative_to("clsym/kernels")) for n in z.namelist() if n.startswith("clsym/kernels/")}
        assert kernels <= inside, f"the wheel lacks {kernels - inside}"
        modules = {str(Path(n)) for n in z.namelist() if n.endswith(".py")}
        missing = {str(p.relative_to(ROOT)) for p in (ROOT / "clsym").rglob("*.py")} - modules
        assert not missing, f"the wheel lacks {missing}"
        data = {str(p.relative_to(ROOT)) for p in (ROOT / "clsym" / "data").rglob("*.*") if p.suffix in (".json", ".npz")}
        missing = data - {str(Path(n)) for n in z.namelist()}
        assert data and not missing, f"the wheel lacks {missing}"
    with tarfile.open(sdist) as t:
        assert {Path(k).name for k in kernels} <= {Path(n).name for n in t.getnames()}
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python")
    _run(python, "-m", "pip", "install", "-q", str(wheel), cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "kernel ran" in _run(python, "-c", PROGRAM, cwd=elsewhere)
    assert "0.1.0" in _run(python, "-c", "import clsym; print(clsym.__version__)", cwd=elsewhere)


def test_bare_checkout_finds_the_kernels(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import clsym as mx; print(mx.nd.relu(mx.nd.array([-1, 2])).asnumpy())"
    assert "[0. 2.]" in _run(sys.executable, "-c", code, cwd=tmp_path)
