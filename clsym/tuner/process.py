"""The other end of `clsym.tuner.child`: starts the process, asks it, and does without it when it dies or takes too long."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..base import MXNetError
from .child import read_message, write_message
from .job import Job

__all__ = ["Child"]

START_SECONDS = 120.0
"""For the interpreter, the drivers and the device."""


class Child:
    """A process for candidates, started when first asked and again after it died.

    Parameters
    ----------
    selector : str
        Of the device, as ``mx.cl()`` takes it.
    jobs : list of Job
    modules : list of str
        To be imported there first: those that define operators outside clsym.
    timeout : float
        Seconds that a request may take besides those that it may measure.
    """

    def __init__(self, selector: str, jobs: Sequence[Job], modules: Sequence[str] = (), timeout: float = 60.0) -> None:
        self.selector = selector
        self.jobs = list(jobs)
        self.modules = list(modules)
        self.timeout = timeout
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._errors: IO[bytes] | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def ask(self, request: Mapping[str, Any], patience: float = 1) -> dict[str, Any]:
        """The answer to a request; ``status`` is ``ok``, ``wrong``, ``failed``, ``died`` or ``hung``, and ``why`` says more.

        Parameters
        ----------
        request : dict
            ``seconds`` in it is what it may measure.
        patience : float
            How many times `timeout` it may take besides.

        Raises
        ------
        MXNetError
            The process cannot be started at all.
        """
        if self._process is None:
            self._start()
        return self._exchange(request, patience * self.timeout + request["seconds"])

    def _start(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "clsym.tuner.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path, "CLSYM_TUNING": "0"},
        )  # fmt: skip
        self.starts += 1
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()
        opening = {"do": "open", "selector": self.selector, "path": sys.path, "modules": self.modules, "jobs": pickle.dumps(self.jobs)}
        reply = self._exchange(opening, START_SECONDS)
        if reply["status"] != "ok":
            self.close()
            raise MXNetError(f"tune: the process that measures on {self.selector} does not start: {reply['why']}")

    def _exchange(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            write_message(self._process.stdin, dict(request))  # type: ignore[arg-type]  # IO[bytes] is what BinaryIO is
            reply: dict[str, Any] | None = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.close()
            return {"status": "hung", "why": f"no result within {seconds:.0f} s"}
        except OSError:
            reply = None
        except BaseException:  # Ctrl-C: the answer that is still to come must not be taken for that of the next request
            self.close()
            raise
        if reply is None:
            code = self._process.wait()
            last = self._last_words()
            self.close()
            return {"status": "died", "why": f"the process ended with status {code}" + (f": {last}" if last else "")}
        return reply

    def _last_words(self) -> str:
        assert self._errors is not None
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def _listen(stream: Any, answers: queue.SimpleQueue[Any]) -> None:
    """Pass on what the process says, and None at its end."""
    try:
        while True:
            answers.put(read_message(stream))
    except (EOFError, OSError, ValueError):
        answers.put(None)
