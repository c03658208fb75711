"""``mx.log``: loggers with one line a message, its level's letter first, coloured on terminals."""

from __future__ import annotations

import logging
import sys
from logging import CRITICAL, DEBUG, ERROR, INFO, NOTSET, WARNING

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "getLogger", "get_logger"]

_LETTERS = {DEBUG: "D", INFO: "I", WARNING: "W", ERROR: "E", CRITICAL: "C"}
_COLOURS = {DEBUG: 32, INFO: 32, WARNING: 33, ERROR: 31, CRITICAL: 31}


class _Formatter(logging.Formatter):
    """``I1231 23:59:59 1234 file.py:12] message``."""

    def __init__(self, coloured: bool) -> None:
        super().__init__(datefmt="%m%d %H:%M:%S")
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        letter = _LETTERS.get(record.levelno, "U")
        head = f"{letter}{self.formatTime(record, self.datefmt)} {record.process} {record.filename}:{record.lineno}]"
        if self._coloured:
            head = f"\x1b[{_COLOURS.get(record.levelno, 34)}m{head}\x1b[0m"
        text = f"{head} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def get_logger(name: str | None = None, filename: str | None = None, filemode: str | None = None, level: int = WARNING) -> logging.Logger:
    """The logger of that name, with a handler for a file or for stderr put on the first time.

    Parameters
    ----------
    name : str, optional
        None: the root logger, which keeps the handlers that it has.
    filename : str, optional
        Write to this file rather than to stderr.
    filemode : str, optional
        How to open it; default: ``'a'``.
    level : int

    Examples
    --------
    >>> get_logger('clsym.example', level=INFO).level == INFO
    True
    """
    logger = logging.getLogger(name)
    if name is not None and not getattr(logger, "_clsym_handler", None):
        handler = logging.FileHandler(filename, filemode or "a") if filename else logging.StreamHandler()
        handler.setFormatter(_Formatter(coloured=not filename and sys.stderr.isatty()))
        logger.addHandler(handler)
        logger.setLevel(level)
        logger._clsym_handler = handler  # type: ignore[attr-defined]
    return logger


getLogger = get_logger
