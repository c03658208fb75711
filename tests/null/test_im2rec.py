"""tools/im2rec.py: lists, and record files made of them."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clsym import recordio

TOOL = Path(__file__).parents[2] / "tools" / "im2rec.py"
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="needs a checkout")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("im2rec", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(10):
        folder = tmp_path / "images" / ("b" if i % 2 else "a")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8 + i, 3), i * 20, np.uint8)).save(folder / f"{i}.png")
    (tmp_path / "images" / "note.txt").write_text("no image")
    return tmp_path / "images"


def test_a_list_and_its_records(tool: Any, root: Path) -> None:
    prefix = str(root.parent / "d")
    assert tool.main(["--list", "--recursive", prefix, str(root)]) == 0
    lines = Path(prefix + ".lst").read_text().splitlines()
    names = [f"{'ab'[i % 2]}/{i}.png" for i in (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)]
    expected = [f"{n}\t{float(n >= 5):f}\t{name}" for n, name in enumerate(names)]
    random.seed(100)
    random.shuffle(expected)
    assert lines == expected
    with open(prefix + ".lst", "a", encoding="utf-8") as out:
        out.write("77\t0.0\tnone.png\nnonsense\n")
    assert (
        tool.main(["--resize", "4", "--center-crop", "--num-thread", "3", "--encoding", ".png", "--quality", "3", prefix, str(root)]) == 0
    )
    file = recordio.MXIndexedRecordIO(prefix + ".idx", prefix + ".rec", "r")
    assert file.keys == [int(line.split("\t")[0]) for line in lines]
    for number, name in enumerate(names):
        header, image = recordio.unpack_img(file.read_idx(number))
        assert (header.flag, header.label, header.id) == (0, float(number >= 5), number)
        assert image.shape == (4, 4, 3) and (image == int(name[2:-4]) * 20).all()


def test_parts_and_labels(tool: Any, root: Path) -> None:
    prefix = str(root.parent / "d")
    tool.main(["--list", "--recursive", "--no-shuffle", "--chunks", "2", "--train-ratio", "0.4", "--test-ratio", "0.2", prefix, str(root)])
    counts = {p.name: len(p.read_text().splitlines()) for p in root.parent.glob("*.lst")}
    assert counts == {f"d_{i}_{part}.lst": n for i in range(2) for part, n in (("test", 1), ("train", 2), ("val", 2))}
    Path(prefix + "x.lst").write_text("3\t1.0\t2.5\ta/0.png\n")
    tool.main(["--pass-through", "--pack-label", prefix + "x", str(root)])
    header, content = recordio.unpack(recordio.MXRecordIO(prefix + "x.rec", "r").read())
    assert header.label.tolist() == [1.0, 2.5] and content == (root / "a" / "0.png").read_bytes()
    with pytest.raises(SystemExit, match="no list"):
        tool.main([prefix + "none", str(root)])
