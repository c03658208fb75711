"""Small public data sets, where they still can be had."""

from __future__ import annotations

import gzip
import os
import shutil
import urllib.request
import zipfile
from pathlib import Path

import numpy as np

from ..base import MXNetError

__all__ = ["download", "get_cifar10", "get_mnist", "get_mnist_pkl", "get_mnist_ubyte", "get_zip_data"]

_SOURCE = "http://data.mxnet.io/data/mnist/"


def download(url: str, fname: str | None = None, dirname: str | None = None, overwrite: bool = False, retries: int = 5) -> str:
    """Fetch a file, unless it is there.

    Parameters
    ----------
    url : str
    fname : str, optional
        Default: the last part of the address.
    dirname : str, optional
        The folder, made where it is missing; default: the current one.
    overwrite : bool
        Fetch it even if it is there.
    retries : int
        How often to try.

    Returns
    -------
    str
        The file's name. It is there whole or not at all.

    Raises
    ------
    MXNetError
        It cannot be had.
    """
    assert retries >= 0, f"retries is {retries}; it must not be negative"
    target = Path(dirname or "", fname or url.rsplit("/", 1)[-1])
    if target.exists() and not overwrite:
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    problem: Exception | None = None
    for _ in range(max(retries, 1)):
        try:
            with urllib.request.urlopen(url, timeout=30) as source, part.open("wb") as out:
                shutil.copyfileobj(source, out)
            part.replace(target)
            return str(target)
        except (OSError, ValueError) as exc:
            problem = exc
            part.unlink(missing_ok=True)
    raise MXNetError(f"{url} cannot be fetched ({problem}); put the file at {target.absolute()} by hand") from problem


def get_zip_data(data_dir: str, url: str, data_origin_name: str) -> None:
    """Fetch a zip file and unpack it in a folder."""
    archive = download(url, fname=data_origin_name, dirname=data_dir)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(data_dir)


def _idx(path: str) -> np.ndarray:
    """The array in a gzipped idx file of bytes."""
    with gzip.open(path, "rb") as file:
        content = file.read()
    rank = content[3]
    shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    start = 4 + 4 * rank
    if content[:3] != b"\0\0\x08" or len(content) - start != int(np.prod(shape)):
        raise MXNetError(f"{path} is not an idx file of bytes, or not whole; delete it and try again")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def get_mnist() -> dict[str, np.ndarray]:
    """The digits of MNIST: ``train_data``, ``train_label``, ``test_data``, ``test_label``, images as (N, 1, 28, 28) between 0 and 1.

    The four gzipped files are read from the current folder, and fetched where they are not there.
    """
    found: dict[str, np.ndarray] = {}
    for part, stem in (("train", "train"), ("test", "t10k")):
        labels = _idx(download(f"{_SOURCE}{stem}-labels-idx1-ubyte.gz"))
        images = _idx(download(f"{_SOURCE}{stem}-images-idx3-ubyte.gz"))
        found[f"{part}_data"] = images.reshape(-1, 1, 28, 28).astype(np.float32) / 255
        found[f"{part}_label"] = labels.astype(np.int32)
    return found


def get_mnist_ubyte() -> None:
    """Put the four idx files of MNIST, not packed, into the folder ``data``."""
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        target = Path("data", f"{stem}-ubyte")
        if target.exists():
            continue
        packed = download(f"{_SOURCE}{stem}-ubyte.gz", dirname="data")
        with gzip.open(packed, "rb") as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)


def get_mnist_pkl() -> None:
    """Put ``mnist.pkl.gz`` into the folder ``data``."""
    download("http://deeplearning.net/data/mnist/mnist.pkl.gz", dirname="data")


def get_cifar10() -> None:
    """Put the record files of CIFAR-10 into the folder ``data/cifar``."""
    get_zip_data("data", "http://data.mxnet.io/mxnet/data/cifar10.zip", "cifar10.zip")
