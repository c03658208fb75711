"""`Symbol.warm` and `clsym warm`: afterwards another process builds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym import cli
from clsym.runtime import program
from clsym.runtime.cache import kernel_folder
from clsym.runtime.device import all_devices, resolve

pocl = pytest.mark.skipif(not any(d.compiles_at_launch for d in all_devices()), reason="looks into PoCL's cache")


def network() -> mx.sym.Symbol:
    net = mx.sym.Convolution(mx.sym.Variable("data"), num_filter=4, kernel=(3, 3), name="c")
    net = mx.sym.BatchNorm(net, fix_gamma=False, name="bn")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Activation(net, act_type="tanh"), num_hidden=3, name="f"), name="softmax")


USE = """
import clsym as mx
e = mx.sym.load({path!r}).simple_bind(mx.cpu(), grad_req={{'c_weight': 'write', 'c_bias': 'write', 'f_weight': 'write', 'f_bias': 'write',
    'bn_gamma': 'write', 'bn_beta': 'write', 'softmax_label': 'write', 'data': 'null'}}, data=({batch}, 3, 9, 9))
e.forward()
{train}
e.outputs[0].asnumpy()
mx.nd.waitall()
"""
TRAIN = "e.forward(is_train=True); e.backward()"


@pocl
def test_another_process_builds_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "net-symbol.json")
    network().save(path)
    env = {**os.environ, "POCL_CACHE_DIR": str(tmp_path / "pocl"), "CLSYM_DEVICE": "Portable Computing"}
    env["PYTHONPATH"] = str(Path(mx.__file__).parents[1])

    def compiled() -> dict[str, int]:
        return {str(p): p.stat().st_mtime_ns for kind in ("*.so", "*.bc") for p in (tmp_path / "pocl").rglob(kind)}

    def run(*command: str) -> str:
        return subprocess.run([sys.executable, *command], env=env, check=True, capture_output=True, text=True).stdout

    warm = ("-m", "clsym", "warm", path, "--shape", "data=1,3,9,9", "--batch", "1,5")
    said = run(*warm)
    assert "inference data=(1, 3, 9, 9): " in said
    assert "inference data=(5, 3, 9, 9): " in said
    assert said.count(f"{tmp_path / 'pocl'}\n") == 2, said  # a form for GPUs is compiled once for both
    first = compiled()
    assert first
    run("-c", USE.format(path=path, batch=5, train=""))
    run("-c", USE.format(path=path, batch=1, train=""))
    assert compiled() == first
    run("-c", USE.format(path=path, batch=5, train=TRAIN))
    assert compiled() != first, "the training step was not asked for; it is what the next call is for"

    run(*warm, "--train")
    first = compiled()
    run("-c", USE.format(path=path, batch=1, train=TRAIN))
    assert compiled() == first
    assert run(*warm, "--train").count("nothing new for") == 2


def test_says_what_it_did(ctx: mx.Context) -> None:
    net = network()
    done = net.warm(ctx, train=True, data=(2, 3, 9, 9))
    again = net.warm(ctx, train=True, data=(2, 3, 9, 9))
    assert done.kernels == again.kernels > net.warm(ctx, data=(2, 3, 9, 9)).kernels > 0
    assert again.programs == 0, "this process has them all"
    assert done.folder == kernel_folder(resolve(ctx).platform_name)
    assert str(done.folder.path) in str(done)


def test_types_come_from_the_parameters(
    ctx: mx.Context, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=4, name="fc")
    net.save(str(tmp_path / "net-symbol.json"))
    half = {f"arg:fc_{n}": mx.nd.array(np.ones(s), dtype="float64", ctx=ctx) for n, s in (("weight", (4, 3)), ("bias", (4,)))}
    mx.nd.save(str(tmp_path / "net.params"), half)
    mx.nd.save(str(tmp_path / "list.params"), list(half.values()))
    command = ["warm", str(tmp_path / "net-symbol.json"), "--shape", "x=2,3", "--device", ctx.selector or ""]
    if resolve(ctx).traits.fp64:
        monkeypatch.setattr(program, "_programs", {})
        assert cli.main([*command, "--params", str(tmp_path / "net.params")]) == 0
        assert "inference x=(2, 3): " in capsys.readouterr().out
        have = program.program_count()
        net.simple_bind(ctx, grad_req="null", x=(2, 3), type_dict={"x": "float64"}).forward()
        assert program.program_count() == have > 0
        net.simple_bind(ctx, grad_req="null", x=(2, 3)).forward()
        assert program.program_count() > have
    assert cli.main([*command, "--params", str(tmp_path / "list.params")]) == 1
    assert "arrays without names" in capsys.readouterr().err
    mx.nd.save(str(tmp_path / "other.params"), {"arg:c_weight": half["arg:fc_weight"]})
    assert cli.main([*command, "--params", str(tmp_path / "other.params")]) == 1
    assert "another model's" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["net.json"], ["net.json", "--shape", "data"], ["net.json", "--shape", "data=1,x"]])
def test_command_lines_that_say_too_little(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if arguments:
        network().save(str(tmp_path / "net.json"))
        arguments = [str(tmp_path / "net.json"), *arguments[1:]]
    assert cli.main(["warm", *arguments]) == 1
    assert "clsym: warm: " in capsys.readouterr().err


def test_ctrl_c_in_a_command_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "doctor", cli.Command("check", interrupted))
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "clsym: interrupted\n"
