"""Arrays that share memory with other libraries: DLPack and from_numpy."""

import ctypes
import gc
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.ndarray import dlpack_export, dlpack_import
from clsym.ndarray.dlpack_abi import ManagedTensor, capsule_pointer
from clsym.ndarray.dlpack_export import exported
from clsym.runtime.host_memory import shares_host_memory

nd = mx.nd
DTYPES = ["float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool"]
SHAPES = [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (2, 0, 3)]


@pytest.fixture(autouse=True)
def context(ctx):
    with ctx:
        yield ctx


@pytest.fixture
def shared(device):
    if not shares_host_memory(device):
        pytest.skip("this device's memory is not the host's")


def aligned(values, device):
    """A copy of values that begins at a multiple of the device's alignment."""
    step = device.traits.alignment
    room = np.zeros(values.nbytes + step, "uint8")
    start = -room.ctypes.data % step
    out = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    out[...] = values
    return out


def settle():
    gc.collect()
    return exported()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numpy_reads_every_type_and_shape(dtype, shape):
    values = np.random.randint(0, 2, shape).astype(dtype)
    array = nd.array(values, dtype=dtype)
    found = np.from_dlpack(array)
    assert (found.dtype, found.shape) == (values.dtype, shape)
    np.testing.assert_array_equal(found, values)
    back = nd.from_dlpack(values)
    assert (back.shape, back.dtype) == (shape, values.dtype.type)
    np.testing.assert_array_equal(back.asnumpy(), values)
    for capsule in (array.to_dlpack_for_read(), array.__dlpack__(max_version=(1, 1))):
        np.testing.assert_array_equal(nd.from_dlpack(capsule).asnumpy(), values)


def test_both_sides_see_writes(shared):
    array = nd.array(np.arange(6)).reshape((2, 3))
    view = np.from_dlpack(array)
    array += 1
    array.wait_to_read()
    np.testing.assert_array_equal(view, [[1, 2, 3], [4, 5, 6]])
    again = nd.from_dlpack(array.to_dlpack_for_write())
    again *= 2
    again.wait_to_read()
    np.testing.assert_array_equal(array.asnumpy(), [[2, 4, 6], [8, 10, 12]])
    row = nd.from_dlpack(array[1].to_dlpack_for_write())
    row[:] = 0
    row.wait_to_read()
    np.testing.assert_array_equal(view, [[2, 4, 6], [0, 0, 0]])


def test_capsules_wait_for_what_was_enqueued(shared):
    array = nd.ones((512, 512))
    for _ in range(20):
        array = nd.dot(array, array) / 512
    assert float(np.from_dlpack(array).sum()) == 512 * 512


def test_memory_lives_as_long_as_its_consumer(shared):
    before = settle()
    array = nd.full((1000,), 7)
    view = np.from_dlpack(array)
    del array
    gc.collect()
    others = [nd.zeros((1000,)) for _ in range(20)]  # would take the memory if it had gone back to the pool
    nd.waitall()
    assert (view == 7).all()
    assert exported() == before + 1
    del view, others
    assert settle() == before


def test_capsules_that_nobody_used_let_go():
    before = settle()
    capsules = [nd.ones(3).to_dlpack_for_read(), nd.ones(3).__dlpack__(max_version=(1, 0))]
    assert exported() == before + 2
    del capsules
    assert settle() == before


def test_a_capsule_is_used_once():
    before = settle()
    capsule = nd.ones(3).to_dlpack_for_read()
    first = nd.from_dlpack(capsule)
    assert "used_dltensor" in repr(capsule)
    with pytest.raises(MXNetError, match="consumed only once"):
        nd.from_dlpack(capsule)
    del capsule
    assert first.asnumpy().tolist() == [1, 1, 1]
    del first
    assert settle() == before


def test_deleters_called_by_another_thread():
    before = settle()
    views = [np.from_dlpack(nd.ones(100)) for _ in range(20)]
    thread = threading.Thread(target=views.clear)
    thread.start()
    thread.join()
    assert settle() == before


class Producer:
    """A tensor of another library, by the first or the versioned form of the protocol."""

    def __init__(self, values, versioned=False, **changes):
        self.values, self.versioned, self.changes = values, versioned, changes

    def __dlpack_device__(self):
        return self.changes.get("device", 1), 0

    def __dlpack__(self, **kwargs):
        if kwargs and not self.versioned:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        inner = self.values.__dlpack__(max_version=(1, 0)) if self.versioned else self.values.__dlpack__()
        if "dtype" in self.changes:
            code, bits, lanes = self.changes["dtype"]
            tensor = ManagedTensor.from_address(capsule_pointer(inner, b"dltensor")).tensor
            tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes = code, bits, lanes
        return inner


def test_producers_of_both_forms():
    for versioned in (False, True):
        array = nd.from_dlpack(Producer(np.arange(5, dtype="float32"), versioned))
        assert array.asnumpy().tolist() == [0, 1, 2, 3, 4]


def test_tensors_that_cannot_be_taken():
    with pytest.raises(MXNetError, match="not contiguous"):
        nd.from_dlpack(np.zeros((3, 4), "float32").T)
    with pytest.raises(MXNetError, match="type code 5 of 64 with 1 lanes; arrays hold int8"):
        nd.from_dlpack(Producer(np.zeros(2, "float32"), dtype=(5, 64, 1)))
    with pytest.raises(MXNetError, match="int16 with 1 lanes"):
        nd.from_dlpack(np.zeros(3, "int16"))
    with pytest.raises(MXNetError, match="2 lanes"):
        nd.from_dlpack(Producer(np.zeros(4, "float32"), dtype=(2, 32, 2)))
    with pytest.raises(MXNetError, match="device of DLPack type 2"):
        nd.from_dlpack(Producer(np.zeros(4, "float32"), device=2))
    with pytest.raises(TypeError, match="takes a DLPack capsule"):
        nd.from_dlpack([1, 2])
    # one that was refused is still there for others
    capsule = np.zeros((3, 4), "float32").T.__dlpack__()
    with pytest.raises(MXNetError):
        nd.from_dlpack(capsule)
    assert capsule_pointer(capsule, b"dltensor")


def test_extents_of_one_have_any_stride():
    values = np.zeros((4, 3), "float32")[::2][:1]
    assert nd.from_dlpack(values).shape == (1, 3)


def test_the_protocol_refuses_what_it_cannot_give():
    array = nd.ones(3)
    assert array.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError, match="stream"):
        array.__dlpack__(stream=1)
    with pytest.raises(BufferError, match="host memory"):
        array.__dlpack__(dl_device=(2, 0))
    copied = np.from_dlpack(array, copy=True)
    array[:] = 5
    array.wait_to_read()
    assert copied.tolist() == [1, 1, 1]


def test_devices_with_memory_of_their_own(monkeypatch):
    monkeypatch.setattr(dlpack_export, "shares_host_memory", lambda device: False)
    monkeypatch.setattr(dlpack_import, "shares_host_memory", lambda device: False)
    array = nd.array([1, 2, 3])
    with pytest.raises(MXNetError, match="would not be seen"):
        array.to_dlpack_for_write()
    with pytest.raises(BufferError, match="a copy is needed"):
        array.__dlpack__(copy=False)
    view = nd.from_dlpack(array.to_dlpack_for_read())
    assert view.asnumpy().tolist() == [1, 2, 3]
    found = np.from_dlpack(array)
    assert not found.flags.writeable  # writes would be lost
    values = np.arange(4, dtype="float32")
    shared = nd.from_numpy(values)
    assert shared.asnumpy().tolist() == [0, 1, 2, 3]
    assert not values.flags.writeable


@pytest.mark.parametrize("lead", [0, 4, 64])
def test_imports_at_any_address(shared, device, lead):
    room = aligned(np.zeros(600, "uint8"), device)
    values = room[lead : lead + 400].view("float32")
    room[:] = 9
    values[:] = np.arange(100)
    array = nd.from_dlpack(values)
    array += 1
    array[10:20] = 0
    (array * 2).wait_to_read()
    expected = np.arange(100, dtype="float32") + 1
    expected[10:20] = 0
    np.testing.assert_array_equal(values, expected)
    values[:] = 3
    assert nd.sum(array).asscalar() == 300
    assert (room[:lead] == 9).all()
    assert (room[lead + 400 :] == 9).all()


def test_owners_are_kept_until_the_queue_is_done(shared):
    class Owner(np.ndarray):
        pass

    alive = []
    values = np.ones((256, 256), "float32").view(Owner)

    class Watch:
        def __del__(self):
            alive.append(bool((self.values == 256).all()))

    watch = Watch()
    watch.values = values
    array = dlpack_import.from_host(values.ctypes.data, values.shape, "float32", watch)
    ones = nd.ones((256, 256))
    nd.dot(ones, ones, out=array)
    del watch, array
    gc.collect()
    assert alive == [True]


def test_read_only_tensors_are_copied(shared):
    values = np.arange(3, dtype="float32")
    values.flags.writeable = False
    array = nd.from_dlpack(values)
    array += 1
    array.wait_to_read()
    assert values.tolist() == [0, 1, 2]


def test_from_numpy(shared):
    values = np.arange(4, dtype="float32")
    array = nd.from_numpy(values)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1
    array[0] = 9
    array.wait_to_read()
    assert values.tolist() == [9, 1, 2, 3]
    again = nd.from_numpy(values)  # as MXNet: one that is read-only already is shared all the same
    again[1] = 8
    assert array.asnumpy().tolist() == [9, 8, 2, 3]
    del values
    gc.collect()
    assert array.asnumpy().tolist() == [9, 8, 2, 3]


def test_from_numpy_refuses_what_it_cannot_share():
    for values in (np.arange(6)[::2], np.zeros((2, 3)).T):
        with pytest.raises(ValueError, match="Only c-contiguous arrays are supported for zero-copy"):
            nd.from_numpy(values)
        assert nd.from_numpy(values, zero_copy=False).shape == values.shape
        assert values.flags.writeable
    for dtype in ("uint16", "int16", "complex64", ">f4"):
        with pytest.raises(ValueError, match="is not supported"):
            nd.from_numpy(np.arange(3).astype(dtype))
    copied = np.arange(3)
    nd.from_numpy(copied, zero_copy=False)[:] = 7
    assert copied.tolist() == [0, 1, 2]


def test_prepared_weights_follow_writes_of_others(shared, ctx):
    net = mx.sym.Convolution(mx.sym.var("data"), mx.sym.var("weight"), num_filter=16, kernel=(1, 1), no_bias=True)
    executor = net.simple_bind(ctx, data=(1, 32, 8, 8), grad_req="null")
    executor.arg_dict["data"][:] = 1
    executor.arg_dict["weight"][:] = 1
    assert (executor.forward()[0].asnumpy() == 32).all()
    capsule = executor.arg_dict["weight"].to_dlpack_for_write()
    address = ManagedTensor.from_address(capsule_pointer(capsule, b"dltensor")).tensor.data
    outside = np.asarray((ctypes.c_float * (16 * 32)).from_address(address))
    for value in (2, 3):
        outside[:] = value
        assert (executor.forward()[0].asnumpy() == 32 * value).all()
    outside[:] = 4
    del capsule  # what was written before the consumer let go counts as well
    assert (executor.forward()[0].asnumpy() == 128).all()


def test_interpreter_exit_with_tensors_in_flight(ctx):
    code = """
        import sys
        import numpy as np
        import clsym as mx
        class Cycle: pass
        sys.keep = [np.from_dlpack(mx.nd.ones(3)), mx.nd.ones(3).to_dlpack_for_read(), mx.nd.from_dlpack(np.ones(4, 'f'))]
        cycle = Cycle(); cycle.itself = cycle; cycle.held = np.from_dlpack(mx.nd.ones(5)); cycle.back = mx.nd.from_numpy(np.ones(4, 'f'))
        unused = mx.nd.ones(3).to_dlpack_for_write()
        view = np.from_dlpack(mx.nd.ones(6)); assert view.sum() == 6
        print('done')
    """
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr
    assert "Error" not in done.stderr
    assert "Exception" not in done.stderr
