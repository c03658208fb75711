"""Finding the OpenCL C sources, and reading them with their own headers inlined.

A source is handed to the driver as one text: no ``-I`` option, so that a driver that caches programs by text sees every
change, and so that sources work from a zip or a wheel where a header may have no path at all.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
import re
from pathlib import Path
from typing import Any

from clsym.base import MXNetError, env

__all__ = ["is_users", "kernel_file", "kernel_folders", "kernel_source"]

Traversable = Any  # a folder; importlib.resources.abc, which has the type, came with Python 3.11
_NAME = re.compile(r"[\w-]+(/[\w-]+)*\.(cl|h)")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"[^\n]*$', re.MULTILINE)
_CONDITION = re.compile(r'^[ \t]*#[ \t]*(if\w*|endif|include[ \t]+"[^"\n]+")[^\n]*$', re.MULTILINE)
_GUARD = re.compile(r"[ \t]*#[ \t]*ifndef[ \t]+(\w+)[ \t]*\n[ \t]*#[ \t]*define[ \t]+\1\b")


def kernel_source(name: str) -> str:
    """The text of a kernel file, each of our headers inlined where it is first included.

    Headers are found beside the kernels or in ``include/``. An ``#include "..."`` must not stand inside an ``#if``, other than a
    header's own guard, since it is replaced without running the preprocessor: a header would be missing where a second file
    includes it unconditionally. ``#line`` keeps the compiler's messages pointing at the right file.

    Parameters
    ----------
    name : str
        A file such as ``'norm/lrn.cl'``.

    Raises
    ------
    MXNetError
        If there is no such file; the message names the folders searched. If an ``#include`` stands inside an ``#if``.
    """
    return _inlined(name, env("CLSYM_KERNEL_PATH"))


_users: set[str] = set()
_PLAIN = re.compile(r"[\w.-]+")


def kernel_file(beside: str, name: str) -> str:
    """A file of kernels of the user's, as the `source` of a `KernelCall`.

    ``#include`` finds headers in its folder, then clsym's own. It is read once a process.

    Parameters
    ----------
    beside : str
        A file in the folder that `name` starts from: ``__file__``; or the folder itself.
    name : str
        The file, such as ``'swish.cl'``.

    Raises
    ------
    MXNetError
        There is no such file.
    """
    start = Path(beside).resolve()
    path = ((start if start.is_dir() else start.parent) / name).resolve()
    if path.suffix != ".cl" or not path.is_file():
        raise MXNetError(
            f"kernel_file({beside!r}, {name!r}): there is no .cl file {path}; the second is a path seen from the folder of the first"
        )
    _users.add(str(path))
    return str(path)


def is_users(source: str) -> bool:
    """Whether a source was named by `kernel_file`."""
    return source in _users


def kernel_folders() -> list[Traversable]:
    """Where kernels are looked for, in order; only folders that exist."""
    return list(_folders(env("CLSYM_KERNEL_PATH")))


@functools.cache
def _inlined(name: str, override: str) -> str:
    return _expand(name, override, set())


def _expand(name: str, override: str, seen: set[str]) -> str:
    seen.add(name)
    text = _read(name, override)
    _refuse_conditional_includes(name, text)
    label = name if name not in _users else Path(name).name if _PLAIN.fullmatch(Path(name).name) else "kernel.cl"
    parts, end = [f'#line 1 "{label}"\n'], 0
    for match in _INCLUDE.finditer(text):
        parts.append(text[end : match.start()])
        wanted = _beside(name, match[1])
        if wanted not in seen:
            line = text.count("\n", 0, match.end()) + 2  # of what follows the directive
            parts.append(_expand(wanted, override, seen) + f'\n#line {line} "{label}"')
        end = match.end()
    return "".join([*parts, text[end:]])


def _beside(name: str, wanted: str) -> str:
    """A header that a file includes: of a file of the user's, one in its folder before one of ours."""
    if name in _users and (path := (Path(name).parent / wanted).resolve()).is_file():
        _users.add(str(path))
        return str(path)
    return wanted


def _refuse_conditional_includes(name: str, text: str) -> None:
    conditions: list[str] = []  # those that are open; '' is the header's guard
    for match in _CONDITION.finditer(text):
        if match[1].startswith("if"):
            conditions.append("" if not conditions and _GUARD.match(text, match.start()) else match[0].strip())
        elif match[1] == "endif":
            conditions = conditions[:-1]
        elif any(conditions):
            line = text.count("\n", 0, match.start()) + 1
            raise MXNetError(
                f"kernel file {name!r}, line {line}: {match[1]} stands inside {next(filter(None, conditions))!r}, but headers are inlined "
                "before the preprocessor runs; include it unconditionally, or make what needs it a file of its own"
            )


def _read(name: str, override: str) -> str:
    if name in _users:
        return Path(name).read_text(encoding="utf-8")
    if not _NAME.fullmatch(name):
        raise MXNetError(f"{name!r} is not the name of a kernel file, such as 'norm/lrn.cl'")
    folders = _folders(override)
    for folder in folders:
        for path in (folder.joinpath(name), folder.joinpath(f"include/{name}")):
            if path.is_file():
                text: str = path.read_text(encoding="utf-8")
                return text
    where = ", ".join(str(f) for f in folders) or "no folder at all: this installation holds no kernels"
    raise MXNetError(f"kernel file {name!r} was not found; looked in {where}. Reinstall clsym, or set CLSYM_KERNEL_PATH")


@functools.cache
def _folders(override: str) -> tuple[Traversable, ...]:
    found: list[Traversable] = []
    if override:
        if not Path(override).is_dir():
            raise MXNetError(f"CLSYM_KERNEL_PATH={override} is not a directory; correct it or unset it")
        found.append(Path(override))
    with contextlib.suppress(ModuleNotFoundError):  # in an editable install or a bare checkout
        found.append(importlib.resources.files("clsym.kernels"))
    sibling = Path(__file__).resolve().parents[2] / "kernels"
    if sibling.is_dir():
        found.append(sibling)
    return tuple(found)
