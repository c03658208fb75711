"""The processes that `bench_model.py` measures beside clsym; see rivals/protocol.py for what they speak."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "Rival", "RivalError"]

KINDS = ("onnxruntime", "mxnet", "tinygrad")
_FOLDER = Path(__file__).resolve().parent / "rivals"


class RivalError(Exception):
    """A rival did not start, died, or took too long."""


def _environment(kind: str, threads: int, subgraph: str) -> dict[str, str]:
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    env.pop("PYTHONPATH", None)
    if kind == "mxnet":
        env.pop("MXNET_SUBGRAPH_BACKEND", None)
        if subgraph:
            env["MXNET_SUBGRAPH_BACKEND"] = subgraph
    if kind == "tinygrad" and not env.get("DEV"):
        env["DEV"] = "CL"
        loader = _opencl_loader()
        if loader:
            env.setdefault("OPENCL_PATH", loader)
    return env


def _opencl_loader() -> str:
    """The OpenCL loader that this process uses, so that tinygrad finds the same devices."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "libOpenCL" in line:
                return line.split(maxsplit=5)[-1]
    return ""


class Rival:
    """A rival in a process of its own, told when to run.

    Parameters
    ----------
    kind : {'onnxruntime', 'mxnet', 'tinygrad'}
    python : str
        The interpreter that has it.
    config : dict
        As rivals/protocol.py describes.
    timeout : float
        Seconds that it may take to start, and for each answer.

    Raises
    ------
    RivalError
        It did not start.
    """

    def __init__(self, kind: str, python: str, config: Mapping[str, Any], timeout: float, subgraph: str = "") -> None:
        self.kind, self.timeout = kind, timeout
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  (closed by close)
        self._lines: queue.Queue[str] = queue.Queue()
        path = Path(str(config["output"])).with_suffix(".json")
        path.write_text(json.dumps(config), encoding="utf-8")
        command = [python, str(_FOLDER / f"run_{kind}.py"), str(path)]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
                env=_environment(kind, config["threads"], subgraph),
            )  # fmt: skip
        except OSError as exc:
            raise RivalError(f"{python} cannot be run: {exc}") from exc
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self.versions: dict[str, str] = self._answer("ready")
        except RivalError:
            self.close()
            raise

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self, key: str) -> Any:
        try:
            line = self._lines.get(timeout=self.timeout)
        except queue.Empty:
            self.process.kill()
            raise RivalError(f"{self.kind} gave no answer in {self.timeout:g} s (--timeout)") from None
        message = json.loads(line) if line else {"failed": f"it died: {self._last_words()}"}
        if key not in message:
            raise RivalError(f"{self.kind}: {message.get('failed', line)}")
        return message[key]

    def _last_words(self) -> str:
        self.process.wait()
        self._errors.seek(0)
        lines = [t for t in self._errors.read().splitlines() if t.strip()]
        return lines[-1].strip() if lines else f"exit status {self.process.returncode}"

    def run(self, count: int) -> list[float]:
        """Seconds of each of `count` runs."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{count}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise RivalError(f"{self.kind} died: {self._last_words()}") from None
        times: list[float] = self._answer("times")
        return times

    def close(self) -> None:
        """End the process: by the end of its input, or by force."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._errors.close()
