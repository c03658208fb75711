"""Image lists, and record files made of them, as MXNet's tool of this name.

    python tools/im2rec.py --list --recursive data/train images/          data/train.lst of the images in a folder
    python tools/im2rec.py --resize 256 --num-thread 4 data/train images/ data/train.rec and data/train.idx of every list data/train*.lst

A line of a list is number, label or labels, and path below the root, with tabs between. Images that cannot be read are named and left out.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clsym import MXNetError, recordio

Item = tuple[int, str, list[float]]


def images(root: str, recursive: bool, exts: list[str]) -> Iterator[Item]:
    """Number, path below the root and label of every image; below folders, each folder with images is a label."""
    found = 0
    if not recursive:
        for name in sorted(os.listdir(root)):
            if os.path.isfile(os.path.join(root, name)) and os.path.splitext(name)[1].lower() in exts:
                yield found, name, [0.0]
                found += 1
        return
    labels: dict[str, int] = {}
    for folder, below, names in os.walk(root, followlinks=True):
        below.sort()
        for name in sorted(names):
            if os.path.splitext(name)[1].lower() in exts:
                label = labels.setdefault(folder, len(labels))
                yield found, os.path.relpath(os.path.join(folder, name), root), [float(label)]
                found += 1
    for folder, label in sorted(labels.items(), key=lambda kv: kv[1]):
        print(os.path.relpath(folder, root), label)


def write_list(path: str, items: list[Item]) -> None:
    """A list file."""
    with open(path, "w", encoding="utf-8") as out:
        for number, name, labels in items:
            out.write("\t".join([str(number), *(f"{label:f}" for label in labels), name]) + "\n")


def make_lists(args: argparse.Namespace) -> None:
    """The lists of a folder: in `chunks` parts, each whole or as training, test and validation set."""
    items = list(images(args.root, args.recursive, [e.lower() for e in args.exts]))
    if args.shuffle:
        random.seed(100)
        random.shuffle(items)
    size = (len(items) + args.chunks - 1) // args.chunks
    for i in range(args.chunks):
        chunk, part = items[i * size : (i + 1) * size], f"_{i}" if args.chunks > 1 else ""
        train, test = int(size * args.train_ratio), int(size * args.test_ratio)
        if args.train_ratio == 1.0:
            write_list(f"{args.prefix}{part}.lst", chunk)
            continue
        if args.test_ratio:
            write_list(f"{args.prefix}{part}_test.lst", chunk[:test])
        if args.train_ratio + args.test_ratio < 1.0:
            write_list(f"{args.prefix}{part}_val.lst", chunk[test + train :])
        write_list(f"{args.prefix}{part}_train.lst", chunk[test : test + train])


def read_list(path: str) -> Iterator[Item]:
    """The items of a list file; lines that are none are named."""
    with open(path, encoding="utf-8") as lines:
        for row, line in enumerate(lines):
            words = [word.strip() for word in line.strip().split("\t")]
            try:
                if len(words) < 3:
                    raise ValueError(f"{len(words)} fields, of at least 3")
                yield int(float(words[0])), words[-1], [float(word) for word in words[1:-1]]
            except ValueError as exc:
                print(f"{path}, line {row + 1}: {exc}; left out", file=sys.stderr)


def changed(content: bytes, args: argparse.Namespace) -> bytes:
    """The image as the flags want it: cut to a square, its shorter edge of that length, coded anew."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content)) as opened:
        image = ImageOps.exif_transpose(opened)
        if args.color == 0:
            image = image.convert("L")
        elif args.color == 1:
            image = image.convert("RGB")
        elif image.mode not in ("L", "RGB", "RGBA"):
            image = image.convert("RGBA" if "A" in image.mode or "transparency" in image.info else "RGB")
    width, height = image.size
    if args.center_crop and width != height:
        edge = min(width, height)
        left, top = (width - edge) // 2, (height - edge) // 2
        image = image.crop((left, top, left + edge, top + edge))
        width = height = edge
    if args.resize:
        if height > width:
            image = image.resize((args.resize, height * args.resize // width), Image.Resampling.BILINEAR)
        else:
            image = image.resize((width * args.resize // height, args.resize), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    if args.encoding == ".jpg":
        image.convert("RGB" if image.mode == "RGBA" else image.mode).save(out, "JPEG", quality=args.quality, subsampling=2)
    else:
        image.save(out, "PNG", compress_level=min(args.quality, 9))
    return out.getvalue()


def packed(item: Item, args: argparse.Namespace) -> bytes | None:
    """The record of an item, or None where its image cannot be read."""
    number, name, labels = item
    path = os.path.join(args.root, name)
    label: Any = np.array(labels, np.float32) if len(labels) > 1 and args.pack_label else labels[0]
    try:
        content = Path(path).read_bytes()
        if not args.pass_through:
            content = changed(content, args)
        return recordio.pack(recordio.IRHeader(0, label, number, 0), content)
    except Exception as exc:  # Pillow's decoders raise whatever they meet
        print(f"{path}: {exc}; left out", file=sys.stderr)
        return None


def make_record(path: str, args: argparse.Namespace) -> tuple[int, int]:
    """The record file and index of a list, in its order; how many images are in it, and how many were left out."""
    stem = os.path.splitext(path)[0]
    out = recordio.MXIndexedRecordIO(f"{stem}.idx", f"{stem}.rec", "w")
    count = [0, 0]
    start = time.monotonic()

    def store(item: Item, made: Future[bytes | None]) -> None:
        record = made.result()
        count[record is None] += 1
        if record is not None:
            out.write_idx(item[0], record)
        if sum(count) % 1000 == 0:
            print(f"time: {time.monotonic() - start:.1f}  count: {sum(count)}", flush=True)

    with ThreadPoolExecutor(max(1, args.num_thread)) as pool:
        waiting: deque[tuple[Item, Future[bytes | None]]] = deque()
        for item in read_list(path):
            waiting.append((item, pool.submit(packed, item, args)))
            if len(waiting) > 8 * max(1, args.num_thread):  # so that no more records than that are in memory
                store(*waiting.popleft())
        while waiting:
            store(*waiting.popleft())
    out.close()
    return count[0], count[1]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", help="path of the lists and record files, without their endings")
    parser.add_argument("root", help="folder of the images")
    group = parser.add_argument_group("lists")
    group.add_argument("--list", action="store_true", help="make lists; without it, record files")
    group.add_argument("--exts", nargs="+", default=[".jpeg", ".jpg", ".png"], help="endings of images")
    group.add_argument("--chunks", type=int, default=1, help="how many parts")
    group.add_argument("--train-ratio", type=float, default=1.0, help="share of the images for training")
    group.add_argument("--test-ratio", type=float, default=0.0, help="share of the images for testing")
    group.add_argument("--recursive", action="store_true", help="folders too; each is a label")
    group.add_argument("--no-shuffle", dest="shuffle", action="store_false", help="keep the images' order")
    group.add_argument("--shuffle", dest="shuffle", action="store_true", default=True, help="in another order (default)")
    group = parser.add_argument_group("record files")
    group.add_argument("--pass-through", action="store_true", help="store the files as they are")
    group.add_argument("--resize", type=int, default=0, help="length of the shorter edge; 0: as it is")
    group.add_argument("--center-crop", action="store_true", help="cut to a square")
    group.add_argument("--quality", type=int, default=95, help="of JPEG 1 to 100, compression of PNG 1 to 9")
    group.add_argument("--num-thread", type=int, default=1, help="threads that code images")
    group.add_argument("--color", type=int, default=1, choices=[-1, 0, 1], help="1: color; 0: grey; -1: as it is, with alpha")
    group.add_argument("--encoding", default=".jpg", choices=[".jpg", ".png"])
    group.add_argument("--pack-label", action="store_true", help="store all labels of a line, not only the first")
    args = parser.parse_args(arguments)
    if args.chunks < 1 or min(args.train_ratio, args.test_ratio) < 0 or args.train_ratio + args.test_ratio > 1 or args.resize < 0:
        parser.error("chunks from 1, ratios from 0 that make 1 at most, resize from 0")
    args.prefix, args.root = os.path.abspath(args.prefix), os.path.abspath(args.root)
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    if not os.path.isdir(args.root):
        raise SystemExit(f"{args.root} is no folder")
    if args.list:
        make_lists(args)
        return 0
    folder, begin = os.path.split(args.prefix)
    lists = [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.startswith(begin) and n.endswith(".lst")]
    if not lists:
        raise SystemExit(f"there is no list {args.prefix}*.lst; make one with --list")
    for path in lists:
        try:
            stored, left_out = make_record(path, args)
        except (OSError, MXNetError) as exc:
            raise SystemExit(f"{path}: {exc}") from exc
        print(f"{path}: {stored} images" + (f", {left_out} left out" if left_out else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
