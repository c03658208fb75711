"""Files that are damaged at random: each must load, or be refused by an error of clsym's, soon.

    python tools/hostile_files.py                          1,000 mutations of each kind of file
    python tools/hostile_files.py --count 100000 --kind onnx --seed 3

Kinds: json (symbols), params, onnx, archive (model.tar.gz), safetensors, record and index (RecordIO), csv, libsvm,
idx. A mutation changes, removes, repeats or swaps a few bytes, or puts
a number's extremes where four bytes were. Whatever else than MXNetError is raised is printed with the seed that makes the file again.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import clsym as mx
from clsym.model import load_model

SLOW = 10.0  # seconds


def _network() -> mx.sym.Symbol:
    net = mx.sym.Convolution(mx.sym.Variable("data"), num_filter=4, kernel=(3, 3), name="c")
    net = mx.sym.Activation(mx.sym.BatchNorm(net, name="bn"), act_type="relu", name="r")
    net = mx.sym.FullyConnected(mx.sym.Reshape(net, shape=(0, -1)), num_hidden=3, name="f")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def _params() -> dict[str, mx.nd.NDArray]:
    shapes = _network().infer_shape(data=(1, 1, 6, 6))
    names = _network().list_arguments()
    found = {f"arg:{n}": mx.nd.ones(s) for n, s in zip(names, shapes[0], strict=True) if n not in ("data", "softmax_label")}
    return {**found, **{f"aux:{n}": mx.nd.ones(s) for n, s in zip(_network().list_auxiliary_states(), shapes[2], strict=True)}}


def _archive(json: bytes, params: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in (("m-symbol.json", json), ("m-0000.params", params)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _data_sets(folder: Path) -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    """Files of data sets."""
    path = {name: str(folder / f"x.{name}") for name in ("rec", "idx", "csv", "svm", "images", "labels")}
    out = mx.recordio.MXIndexedRecordIO(path["idx"], path["rec"], "w")
    magic = (0xCED7230A).to_bytes(4, "little")
    for i, content in enumerate((b"", b"abc", b"abcd" + magic + b"ef", magic * 2, b"x" * 37)):
        out.write_idx(i, mx.recordio.pack(mx.recordio.IRHeader(0, [i, 2.0] if i % 2 else i, i, 0), content))
    out.close()
    Path(path["labels"]).write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]))

    def record(content: bytes) -> None:
        Path(path["rec"]).write_bytes(content)
        file = mx.recordio.MXRecordIO(path["rec"], "r")
        while (found := file.read()) is not None:
            mx.recordio.unpack(found)

    def index(content: bytes) -> None:
        Path(path["idx"]).write_bytes(content)
        file = mx.recordio.MXIndexedRecordIO(path["idx"], path["rec"], "r")
        for key in file.keys:
            file.read_idx(key)

    def batches(name: str, make: Callable[[], mx.io.DataIter]) -> Callable[[bytes], object]:
        def run(content: bytes) -> object:
            Path(path[name]).write_bytes(content)
            return list(make())

        return run

    records, lines = Path(path["rec"]).read_bytes(), Path(path["idx"]).read_bytes()
    images = bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, *range(12)])
    return {
        "record": (records, record),
        "index": (lines, index),
        "csv": (b"1,2.5,-3\n4,5e3,6\n", batches("csv", lambda: mx.io.CSVIter(data_csv=path["csv"], data_shape=(3,), batch_size=2))),
        "libsvm": (
            b"1 0:2.5 2:1\n-1\n2 1:7\n",
            batches("svm", lambda: mx.io.LibSVMIter(data_libsvm=path["svm"], data_shape=(3,), batch_size=2)),
        ),
        "idx": (
            images,
            batches("images", lambda: mx.io.MNISTIter(image=path["images"], label=path["labels"], batch_size=2, silent=True)),
        ),
    }


def samples(folder: Path) -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    """A whole file of each kind, and what loads it from bytes."""
    plain = {k[4:]: v for k, v in _params().items()}
    mx.nd.save(str(folder / "m.params"), _params())
    json, params = _network().tojson().encode(), (folder / "m.params").read_bytes()

    def by_file(name: str, load: Callable[[str], object]) -> Callable[[bytes], object]:
        def run(content: bytes) -> object:
            (folder / name).write_bytes(content)
            return load(str(folder / name))

        return run

    found: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
        "json": (json, by_file("x-symbol.json", mx.sym.load)),
        "params": (params, by_file("x.params", mx.nd.load)),
        "archive": (_archive(json, params), by_file("x.tar", load_model)),
    }
    found |= _data_sets(folder)
    try:
        path = mx.onnx.export_model(_network(), plain, [(1, 1, 6, 6)], onnx_file_path=str(folder / "m.onnx"))
        found["onnx"] = (Path(path).read_bytes(), by_file("x.onnx", mx.onnx.import_model))
    except mx.MXNetError as exc:
        print(f"no onnx files: {exc}", file=sys.stderr)
    try:
        mx.nd.save(str(folder / "m.safetensors"), plain)
        found["safetensors"] = ((folder / "m.safetensors").read_bytes(), by_file("x.safetensors", mx.nd.load))
    except mx.MXNetError as exc:
        print(f"no safetensors files: {exc}", file=sys.stderr)
    return found


def mutated(content: bytes, rng: np.random.RandomState) -> bytes:
    """A copy with a few changes."""
    copy = bytearray(content)
    for _ in range(1 + rng.geometric(0.4)):
        if not copy:
            break
        way, at = rng.randint(7), int(rng.randint(len(copy)))
        length = int(min(rng.geometric(0.1), len(copy) - at))
        if way <= 1:
            copy[at] = rng.randint(256)
        elif way == 2:
            copy[at] ^= 1 << rng.randint(8)
        elif way == 3:
            del copy[at : at + length]
        elif way == 4:
            copy[at:at] = copy[at : at + length]
        elif way == 5:
            copy[at : at + 4] = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"][rng.randint(4)]
        elif rng.randint(8) == 0:
            del copy[at:]
        else:
            other = int(rng.randint(len(copy)))
            copy[at : at + length] = copy[other : other + length]
    return bytes(copy)


def run(kind: str, content: bytes, load: Callable[[bytes], object], count: int, seed: int) -> tuple[Counter[str], float]:
    """What became of the mutations, and the longest time of one in seconds."""
    found: Counter[str] = Counter()
    longest = 0.0
    for i in range(count):
        rng = np.random.RandomState((seed * 1_000_003 + i) & 0x7FFFFFFF)
        broken = mutated(content, rng)
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load(broken)
            found["loaded"] += 1
        except mx.MXNetError:
            found["refused"] += 1
        except Exception:
            found["FAULT"] += 1
            print(f"{kind}, seed {seed}, mutation {i}:\n{traceback.format_exc(limit=-4)}", flush=True)
        took = time.perf_counter() - start
        longest = max(longest, took)
        if took > SLOW:
            found["SLOW"] += 1
            print(f"{kind}, seed {seed}, mutation {i}: {took:.1f} s", flush=True)
    return found, longest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="mutations of each kind of file (default: 1000)")
    parser.add_argument("--kind", action="append", help="only this kind; may be given several times")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, (content, load) in samples(Path(folder)).items():
            if args.kind and kind not in args.kind:
                continue
            start = time.perf_counter()
            found, longest = run(kind, content, load, args.count, args.seed)
            faults += found["FAULT"] + found["SLOW"]
            told = ", ".join(f"{n} {what}" for what, n in sorted(found.items()))
            print(f"{kind}: {told}; longest {longest * 1000:.0f} ms, {time.perf_counter() - start:.0f} s in all", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
