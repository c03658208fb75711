"""What a terminal shows while kernels are built: how far it is, and nothing that a compiler says."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import clsym as mx
from clsym.runtime.device import all_devices

ROOT = Path(mx.__file__).parents[1]
pocl = pytest.mark.skipif(
    not any("Portable Computing Language" in d.platform_name for d in all_devices()), reason="builds in an empty cache of PoCL's"
)

BUILD = """
import clsym as mx
net = mx.sym.softmax(mx.sym.tanh(mx.sym.var('x')))
e = net.simple_bind(mx.cpu(), x=(2, 40))
e.forward(is_train=True)
e.backward([mx.nd.ones((2, 40))])
print('result', e.grad_dict['x'].shape)
"""

CHATTY = """
import os, threading, time
from clsym.runtime import program
build = program._build
def chatty(device, call):
    os.write(2, b'58 warnings generated.\\n')  # as native code does it
    return build(device, call)
program._build = chatty
"""


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if k not in ("CLSYM_VERBOSE", "COLUMNS", "LINES")}
    folders = {"POCL_CACHE_DIR": str(tmp_path / "pocl"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return {**env, **folders, "CLSYM_DEVICE": "Portable Computing", "PYTHONPATH": str(ROOT), **more}


def on_terminal(code: str, env: dict[str, str]) -> str:
    """What a terminal of 100 columns shows of a program that must succeed; carriage returns as line ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux's end of a terminal
            break
        if not part:
            break
        shown += part
    os.close(master)
    text = shown.decode().replace("\r\n", "\n").replace("\r", "\n")
    assert process.wait() == 0, text
    return text


@pocl
def test_progress_is_told_and_nothing_else(tmp_path: Path) -> None:
    shown = on_terminal("from clsym.runtime import progress; progress.DELAY = 0.001\n" + BUILD, environment(tmp_path))
    assert re.search(r"building kernels, once: 1 of (\d+) \|", shown), shown
    total = int(re.findall(r"building kernels, once: \d+ of (\d+)", shown)[0])
    assert f"building kernels, once: {total} of {total}" in shown
    assert "compiling kernels, once: 1 of " in shown
    assert "warning" not in shown
    left = [line for line in shown.splitlines() if line.strip() and "kernels, once: " not in line]
    assert left == ["result (2, 40)"], "bars are taken away, nothing else was printed"


@pocl
def test_quick_builds_say_nothing(tmp_path: Path) -> None:
    code = "from clsym.runtime import progress; progress.DELAY = 1000\n" + BUILD
    assert on_terminal(code, environment(tmp_path)).strip() == "result (2, 40)"


@pocl
def test_logs_stay_clean_and_verbose_speaks(tmp_path: Path) -> None:
    def run(**more: str) -> tuple[str, str]:
        env = environment(tmp_path, **more)
        done = subprocess.run([sys.executable, "-c", "from clsym.runtime import progress; progress.DELAY = 0\n" + BUILD],
                              env=env, check=True, capture_output=True, text=True)  # fmt: skip
        return done.stdout, done.stderr

    assert run() == ("result (2, 40)\n", "")
    out, err = run(CLSYM_VERBOSE="1")
    assert out == "result (2, 40)\n"
    assert re.search(r"^clsym: building kernels, once: 1 of \d+, \S+\.cl, [\d.]+ s$", err, re.MULTILINE), err
    assert "warning" not in err


@pocl
def test_a_driver_that_talks_is_not_heard(tmp_path: Path) -> None:
    fast = "from clsym.runtime import progress; progress.DELAY = 0.001\n"
    shown = on_terminal(fast + CHATTY + BUILD, environment(tmp_path))
    assert "warnings generated" not in shown
    assert "building kernels, once: 1 of" in shown, "progress reaches the terminal all the same"
    assert "58 warnings generated." in on_terminal(CHATTY + BUILD, environment(tmp_path, CLSYM_VERBOSE="1"))


@pocl
def test_what_other_threads_print_is_never_lost(tmp_path: Path) -> None:
    other = """
def speak():
    for i in range(200):
        os.write(2, f'line {i}.\\n'.encode())
        time.sleep(0.005)
thread = threading.Thread(target=speak)
thread.start()
"""
    shown = on_terminal(CHATTY + other + BUILD + "\nthread.join()\n", environment(tmp_path))
    assert [int(n) for n in re.findall(r"line (\d+)\.", shown)] == list(range(200))


@pocl
def test_a_failed_build_tells_what_the_driver_said(tmp_path: Path) -> None:
    code = """
from clsym.runtime import program
program._text = lambda call, device: 'kernel void broken( { this is no C }'
""" + CHATTY + """
import clsym as mx
try:
    mx.nd.ones((3,)) + 1
except mx.MXNetError as exc:
    text = str(exc)
assert 'does not build' in text and '58 warnings generated.' in text and 'expected' in text, text
print('told')
"""  # fmt: skip
    assert on_terminal(code, environment(tmp_path)).strip().splitlines() == ["told"]


@pocl
def test_ctrl_c_during_a_build_gives_the_terminal_back(tmp_path: Path) -> None:
    code = """
import os, sys
from clsym.runtime import program
build, count = program._build, [0]
def interrupted(device, call):
    count[0] += 1
    if count[0] == 2:
        os.write(2, b'58 warnings generated.\\n')
        raise KeyboardInterrupt
    return build(device, call)
program._build = interrupted
try:
    exec(BUILD)
except KeyboardInterrupt:
    os.write(2, b'descriptor 2 is the terminal\\n')
exec(BUILD)
"""
    shown = on_terminal(f"BUILD = {BUILD!r}\n" + code, environment(tmp_path))
    assert "warnings generated" not in shown
    assert "descriptor 2 is the terminal" in shown
    assert "result (2, 40)" in shown, "the next try builds what was interrupted"


def test_demo_builds_before_it_counts_batches(tmp_path: Path) -> None:
    code = f"""
import sys
from clsym.runtime import progress
progress.DELAY = 0.001
from clsym import cli
cli.main(['demo', '--epochs', '1', '--output', {str(tmp_path)!r}])
"""
    shown = on_terminal(code, {k: v for k, v in os.environ.items() if k not in ("CLSYM_VERBOSE", "COLUMNS", "LINES")})
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    known = ("device:", "kernels, once: ", "kernels are ready after", "batch/s", "trained in", "memory for", "saved")
    kinds = [next((k for k in known if k in line), line) for line in lines]
    assert list(dict.fromkeys(kinds)) == list(known)
    assert kinds.index("batch/s") > len(kinds) - 1 - kinds[::-1].index("kernels, once: "), "nothing is built during the training"
