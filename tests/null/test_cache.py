"""`clsym cache`: where compiled kernels are kept, how large, and emptying."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import clsym as mx
from clsym import cli
from clsym.runtime.cache import CacheFolder, cache_folders, empty


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_CACHE_HOME", "POCL_CACHE_DIR", "CUDA_CACHE_PATH", "NEO_CACHE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    return tmp_path


def test_the_folders_are_where_the_variables_say(private: Path) -> None:
    for folder in cache_folders():
        assert private in folder.path.parents or folder.path.parent == private, folder


def test_sizes_and_purge(private: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pocl = private / "pocl_cache_dir"
    (pocl / "ab").mkdir(parents=True)
    (pocl / "ab" / "x.so").write_bytes(b"1234567")
    tuning = next(f.path for f in cache_folders() if f.name == "tuning")
    tuning.mkdir(parents=True)
    (tuning / "device.json").write_text("{}")
    assert cli.main(["cache", "--json"]) == 0
    rows = {r["name"]: r for r in json.loads(capsys.readouterr().out)}
    assert (rows["pocl"]["files"], rows["pocl"]["bytes"]) == (1, 7)
    assert (rows["nvidia"]["files"], rows["nvidia"]["bytes"]) == (0, 0)
    assert cli.main(["cache"]) == 0
    assert str(pocl) in capsys.readouterr().out
    assert cli.main(["cache", "--purge"]) == 0
    assert list(pocl.iterdir()) == [] and (tuning / "device.json").exists(), "only kernels unless all is said"
    assert cli.main(["cache", "--purge", "all"]) == 0
    assert list(tuning.iterdir()) == []
    assert cli.main(["cache", "--purge"]) == 0, "nothing to remove"


def test_a_home_folder_is_never_emptied(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(private))
    (private / "letter").write_text("dear")
    for path in (private, private.parent, Path("/")):
        with pytest.raises(mx.MXNetError, match="no cache folder"):
            empty(CacheFolder("pocl", path, "", "POCL_CACHE_DIR"))
    assert (private / "letter").exists()
