"""Devices found, named, partitioned, tested; the guard against forks; the command line."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from clsym import cli
from clsym.base import DeviceNotFoundError, MXNetError
from clsym.context import Context, cl, cpu, cpu_pinned, gpu, gpu_memory_info, num_gpus
from clsym.runtime import icd
from clsym.runtime.device import all_devices, resolve, sub_devices
from clsym.runtime.kernel_path import kernel_source
from clsym.runtime.selftest import self_test

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(code, **environment):
    """Run code in a fresh process with variables set; its output."""
    variables = {k: v for k, v in os.environ.items() if k not in ("CLSYM_DEVICE", "PYOPENCL_CTX", "CLSYM_TRAITS", "POCL_DEVICES")}
    path = os.pathsep.join(filter(None, [ROOT, variables.get("PYTHONPATH")]))
    head = "import clsym.context as c\nfrom clsym.context import *\nfrom clsym.runtime.device import *\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)],
        env={**variables, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_pocl = pytest.mark.skipif(not any("pthread" in d.name for d in all_devices()), reason="no PoCL")
needs_parts = pytest.mark.skipif(resolve(cpu()).traits.compute_units < 2, reason="one compute unit cannot be partitioned")


def test_one_object_a_device():
    device = resolve(cpu())
    assert resolve(cpu()) is resolve(cl(device.selector)) is resolve(cpu_pinned()) is device
    assert resolve(cpu(10**6)) in all_devices()
    assert device.queue is device.queue and device.queue.context == device.cl_context
    assert device.group.cl_context == device.cl_context


def test_traits():
    traits = resolve(cpu()).traits
    assert traits.alignment >= 1 and traits.vector_width in (1, 2, 4, 8, 16)
    assert 0 < traits.max_alloc <= traits.global_mem and len(traits.max_work_item_sizes) == 3


@pytest.mark.parametrize("selector", ["no such device", "99:0", "0:99", "0:0/units=1/9999", "0:0/units=x/0"])
def test_unknown_selector(selector):
    with pytest.raises(DeviceNotFoundError):
        resolve(cl(selector))


def test_missing_devices():
    with pytest.raises(DeviceNotFoundError, match=r"mx\.cl\('0:0'\)"):
        resolve(gpu(num_gpus()))
    with pytest.raises(DeviceNotFoundError):
        gpu_memory_info(num_gpus())
    with pytest.raises(DeviceNotFoundError, match="start at 0"):
        resolve(Context("cpu", -1))
    with pytest.raises(MXNetError, match="not a context"):
        resolve("cpu(0)")


@pytest.mark.parametrize("found", all_devices(), ids=lambda d: d.selector)
def test_self_test_passes(found):
    result = self_test(found)
    assert result.passed, result.message
    if found.rank.automatic:
        assert result.copy_gbs > 0 and result.fma_gflops > 0


@needs_parts
@pytest.mark.parametrize("way", [{"units": 1}, {"counts": (1, 1)}])
def test_sub_devices(way):
    root = resolve(cpu())
    parts = sub_devices(root, **way)
    assert len(parts) >= 2 and parts == sub_devices(root, **way)
    assert parts[0].group is parts[1].group is not root.group and parts[1].root is root
    for part in parts[:2]:
        assert resolve(cl(part.selector)) is part and part.traits.compute_units == 1
        assert self_test(part, measure=False).passed


def test_bad_partitions():
    root = resolve(cpu())
    for way in ({}, {"units": 0}, {"units": 10**6}, {"counts": (0, 1)}, {"domain": "l9"}, {"units": 1, "counts": (1,)}):
        with pytest.raises(MXNetError):
            sub_devices(root, **way)


@needs_pocl
def test_two_devices_share_a_context():
    out = run(
        """
        a, b = (d for d in all_devices() if "pthread" in d.name)
        assert a is not b and a.group is b.group and a.cl_context == b.cl_context and a.queue != b.queue
        assert (resolve(cpu(0)), resolve(cpu(1))) == (a, b)
        from clsym.runtime.selftest import self_test
        print(self_test(a, measure=False).passed, self_test(b, measure=False).passed)
        """,
        POCL_DEVICES="pthread pthread",
    )
    assert out.split() == ["True", "True"]


@needs_pocl
@pytest.mark.parametrize("variable", ["CLSYM_DEVICE", "PYOPENCL_CTX"])
def test_variable_chooses_the_default(variable):
    code = "print(resolve(cpu()) is [d for d in all_devices() if 'pthread' in d.name][1], current_context())"
    # Asked for in a child: loaders number the platforms by how many devices they have.
    second = run("print([d for d in all_devices() if 'pthread' in d.name][1].selector)", POCL_DEVICES="pthread pthread").strip()
    assert run(code, POCL_DEVICES="pthread pthread", **{variable: second}).split() == ["True", "cpu(0)"]
    assert run(code, POCL_DEVICES="pthread pthread", **{variable: "portable:1"}).split() == ["True", "cpu(0)"]


def test_variable_that_names_nothing():
    code = """
        try: resolve(cpu())
        except Exception as exc: print(type(exc).__name__, exc)
        """
    assert "DeviceNotFoundError CLSYM_DEVICE=nothing matches no OpenCL device" in run(code, CLSYM_DEVICE="nothing")
    assert "'tpu' is not a kind" in run(code, CLSYM_TRAITS="tpu")
    assert "'' is not a kind" in run(code, CLSYM_TRAITS="no such device=")


def test_winograd_is_a_choice():
    code = "print(resolve(cpu()).traits.winograd)"
    assert [run(code, CLSYM_WINOGRAD=w).strip() for w in ("0", "2", "4")] == ["0", "2", "4"]
    refused = "try:\n    resolve(cpu())\nexcept Exception as exc:\n    print(exc)"
    assert "CLSYM_WINOGRAD='6'" in run(refused, CLSYM_WINOGRAD="6")


def test_traits_of_the_other_kind():
    code = "t = resolve(cpu()).traits; print(t.kind, t.max_work_group_size <= 256 >= max(t.max_work_item_sizes), t.local_mem <= 32768)"
    if resolve(cpu()).traits.kind == "cpu":
        assert run(code, CLSYM_TRAITS="gpu").split() == ["gpu", "True", "True"]
        passed = "from clsym.runtime.selftest import self_test; print(self_test(resolve(cpu()), False).passed)"
        assert run(passed, CLSYM_TRAITS="gpu").strip() == "True"


@needs_pocl
@pytest.mark.parametrize(
    ("wish", "kinds"),
    [
        ("portable:1=gpu", "cpu gpu"),
        (" pthread = GPU ", "gpu gpu"),
        ("portable:0=cpu,gpu", "cpu gpu"),
        ("gpu,portable:0=cpu", "gpu gpu"),
        ("no such device=gpu", "cpu cpu"),
        ("portable:1=gpu,portable:1=cpu", "cpu gpu"),
    ],
)
def test_traits_of_one_device(wish, kinds):
    code = "print(*[d.traits.kind for d in all_devices() if 'pthread' in d.name])"
    assert run(code, CLSYM_TRAITS=wish, POCL_DEVICES="pthread pthread").strip() == kinds


@needs_pocl
@needs_parts
def test_sub_devices_have_the_traits_of_their_device():
    code = "print(*[sub_devices(d, units=1)[0].traits.kind for d in all_devices() if 'pthread' in d.name])"
    assert run(code, CLSYM_TRAITS="portable:1=gpu", POCL_DEVICES="pthread pthread").strip() == "cpu gpu"


def test_nothing_is_opened_at_import():
    assert run("from clsym.runtime import topology; print(topology._found, topology._touched)").split() == ["None", "False"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_is_told():
    code = """
        import os, warnings
        warnings.simplefilter("ignore")
        device = resolve(cpu()); device.queue.finish()
        pid = os.fork()
        if pid == 0:
            said = []
            for use in (lambda: resolve(cpu()), lambda: resolve(cpu(5)), lambda: device.queue, lambda: device.cl_context, all_devices):
                try: use()
                except c.MXNetError as exc: said.append("spawn" in str(exc))
            os._exit(0 if said == [True] * 5 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        device.queue.finish(); print(resolve(cpu()) is device)
        """
    assert run(code).split() == ["0", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_before_first_use_is_fine():
    code = """
        import os
        pid = os.fork()
        if pid == 0:
            resolve(cpu()).queue.finish(); os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    assert run(code).strip() == "7"


def test_no_cpu_device_warns_once():
    code = """
        import warnings
        from clsym.runtime import device
        ranked = device._ranked
        device._ranked = lambda kind=None: [] if kind is not None else ranked()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert resolve(cpu()) is resolve(cpu(1)) is ranked()[0]
        print(len(said), said[0].message)
        """
    assert run(code).startswith("1 this machine has no OpenCL CPU device: mx.cpu() means")


def test_simulator_is_never_chosen():
    code = """
        from clsym.runtime import device, rank
        for d in all_devices(): d.rank = rank.Rank(-100, "a simulator")
        try: resolve(cpu())
        except c.MXNetError as exc: print(exc)
        assert resolve(cl("0:0")) is all_devices()[0]
        """
    assert "a simulator" in run(code)


def test_devices_json_and_text(capsys):
    status = cli.main(["devices", "--json", "--quick"])
    found = json.loads(capsys.readouterr().out)
    devices = [d for entry in found for d in entry["devices"]]
    assert [d["selector"] for d in devices] == [d.selector for d in all_devices()]
    assert status == 0 and all({"limits", "test", "contexts", "reason"} <= set(d) for d in devices)
    assert cli.main(["devices"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Platform #0: ") and "-- Device #0: " in text and "PASS" in text and "GFLOP/s" in text


def test_doctor(capsys, monkeypatch):
    assert cli.main(["doctor"]) == 0
    assert "kernels" in capsys.readouterr().out
    monkeypatch.setenv("CLSYM_KERNEL_PATH", "/no/such/folder")
    assert cli.main(["doctor"]) == 1
    assert "PROBLEM    CLSYM_KERNEL_PATH=/no/such/folder is not a directory" in capsys.readouterr().out


def test_doctor_names_a_wrong_vendor_path():
    done = subprocess.run(
        [sys.executable, "-m", "clsym", "doctor"], env={**os.environ, "PYTHONPATH": ROOT, "OCL_ICD_VENDORS": "/no/such"},
        capture_output=True, text=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    if done.returncode:  # a loader that ignores the variable finds its devices
        assert "OCL_ICD_VENDORS=/no/such does not exist" in done.stdout


def test_broken_icd_is_named(tmp_path):
    file = tmp_path / "wrong.icd"
    file.write_text("/build/machine/libwrong.so\n")
    ((named, library, why),) = icd.broken_icds([file])
    assert (named, library) == (file, "/build/machine/libwrong.so") and "libwrong.so" in why


def test_kernel_source_inlines_each_header_once(tmp_path, monkeypatch):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "a.h").write_text("int a;\n")
    (tmp_path / "b.h").write_text('#include "a.h"\nint b;')
    (tmp_path / "k.cl").write_text('#include "a.h"\n#include "b.h"\nint k;\n')
    monkeypatch.setenv("CLSYM_KERNEL_PATH", str(tmp_path))
    text = kernel_source("k.cl")
    assert [text.count(f"int {x};") for x in "abk"] == [1, 1, 1] and '#line 3 "k.cl"\nint k;' in text and "#include" not in text
    assert "selftest_check" in kernel_source("selftest.cl")
    with pytest.raises(MXNetError, match="looked in"):
        kernel_source("missing.cl")
    with pytest.raises(MXNetError, match="not the name"):
        kernel_source("../secret.cl")


def test_kernel_source_refuses_an_include_inside_a_condition(tmp_path, monkeypatch):
    (tmp_path / "a.h").write_text("int a;\n")
    (tmp_path / "guarded.h").write_text('/* what it is */\n#ifndef GUARDED_H\n#define GUARDED_H\n#if X\n#endif\n#include "a.h"\n#endif\n')
    (tmp_path / "inner.h").write_text('#ifndef INNER_H\n#define INNER_H\n#ifdef X\n#include "a.h"\n#endif\n#endif\n')
    (tmp_path / "good.cl").write_text('#include "guarded.h"\n#if X\nint x;\n#endif\n#include "a.h"\n')
    (tmp_path / "bad.cl").write_text('int k;\n#if X\nint x;\n#else\n#include "a.h"\n#endif\n')
    (tmp_path / "worse.cl").write_text('#include "inner.h"\n')
    (tmp_path / "default.cl").write_text('#ifndef X\n#include "a.h"\n#define X 1\n#endif\n')
    monkeypatch.setenv("CLSYM_KERNEL_PATH", str(tmp_path))
    assert kernel_source("good.cl").count("int a;") == 1
    with pytest.raises(MXNetError, match=r"'bad.cl', line 5: include \"a.h\" stands inside '#if X'"):
        kernel_source("bad.cl")
    with pytest.raises(MXNetError, match=r"'inner.h', line 4: .*'#ifdef X'"):
        kernel_source("worse.cl")
    with pytest.raises(MXNetError, match=r"'default\.cl', line 2"):
        kernel_source("default.cl")
