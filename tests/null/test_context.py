"""Context as a value: no device is needed, or asked for."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from clsym.base import MXNetError
from clsym.context import Context, cl, cpu, cpu_pinned, current_context, gpu

ALL = [cpu(), cpu(3), gpu(11), cpu_pinned(), Context("cpu_shared", 1), cl("pocl"), cl("0:0/units=1/0")]


def test_names_and_numbers():
    assert [str(c) for c in ALL] == ["cpu(0)", "cpu(3)", "gpu(11)", "cpu_pinned(0)", "cpu_shared(1)", "cl(pocl)", "cl(0:0/units=1/0)"]
    assert [c.device_typeid for c in ALL[:5]] == [1, 1, 2, 3, 5]
    assert cpu(np.int64(2)) == cpu(2) and isinstance(cpu(np.int64(2)).device_id, int)


def test_equality_hash_and_copies():
    assert len(set(ALL)) == len(ALL)
    for c in ALL:
        for twin in (Context(c), copy.deepcopy(c), pickle.loads(pickle.dumps(c))):
            assert twin == c and hash(twin) == hash(c) and repr(twin) == repr(c)
    assert Context("gpu", 1) == gpu(1) != gpu(0)
    assert cpu() != cpu_pinned() and cpu() != "cpu(0)"


def test_immutable():
    with pytest.raises(AttributeError, match="immutable"):
        cpu().device_id = 1
    with pytest.raises(AttributeError, match="immutable"):
        del cpu().device_type


@pytest.mark.parametrize("args", [("tpu",), ("cpu", "one"), ("cpu", 1.5), ("cl",), ("cl", 0, "  "), ("gpu", 0, "x"), ("cl", 0, 3)])
def test_bad_arguments(args):
    with pytest.raises(MXNetError):
        Context(*args)


def test_scopes_nest_and_belong_to_a_thread():
    seen = []
    with gpu(1) as entered:
        assert entered == current_context() == gpu(1)
        with cpu(2), pytest.raises(ZeroDivisionError), entered:
            assert current_context() == gpu(1)
            raise ZeroDivisionError
        assert current_context() == gpu(1)
        thread = threading.Thread(target=lambda: seen.append(current_context()))
        thread.start()
        thread.join()
    assert seen == [cpu(0)] and current_context() == cpu(0)


def test_imports_no_opencl():
    # A bare package stands in for clsym, whose __init__ imports everything.
    code = "import sys, importlib.util as u, types; p = types.ModuleType('clsym'); "
    code += "p.__path__ = u.find_spec('clsym').submodule_search_locations; sys.modules['clsym'] = p; "
    code += "import clsym.context; assert 'pyopencl' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
