"""What kernels refuse is raised once, by the next wait that can hold its results, and names the node."""

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.device import all_devices
from clsym.runtime.refusals import armed

MESSAGE = r"node '{}' \(take\): take operator contains indices out of bound: 9 is not in 0\.\.3-1"


@pytest.fixture(autouse=True)
def nothing_is_left():
    mx.nd.waitall()
    yield
    assert not armed


def taking(name):
    return mx.sym.take(mx.sym.var("x"), mx.sym.var("i"), mode="raise", name=name)


def bound(net, ctx, index=9, **more):
    return net.bind(ctx, {"x": mx.nd.arange(3, ctx=ctx), "i": mx.nd.array([index], ctx=ctx)}, **more)


def test_raised_once_by_whoever_waits(ctx):
    for wait in (lambda out: out.asnumpy(), lambda out: out.wait_to_read(), lambda out: mx.nd.waitall(), lambda out: float(out)):
        executor = bound(taking("it"), ctx)
        executor.forward()
        out = executor.forward()[0]  # neither forward waits; they refuse the same
        with pytest.raises(MXNetError, match=MESSAGE.format("it")) as told:
            wait(out)
        assert str(told.value).count("take operator") == 1
        assert mx.nd.ones(2, ctx=ctx).asnumpy().tolist() == [1, 1]
        assert executor.forward(i=np.array([1], np.float32))[0].asnumpy().tolist() == [1]


def test_several_at_once_are_told_together(ctx):
    out = bound(
        mx.sym.Group([taking("one"), mx.sym.gather_nd(mx.sym.var("x"), mx.sym.var("i").reshape((1, 1)), name="two")]), ctx
    ).forward()
    with pytest.raises((MXNetError, IndexError)) as told:
        out[1].asnumpy()
    assert "node 'one' (take)" in str(told.value)
    assert "node 'two' (gather_nd): index 9 is out of bounds" in str(told.value)


def test_kept_through_another_error_and_the_end_of_its_executor(ctx):
    executor = bound(taking("it"), ctx)
    executor.forward()
    with pytest.raises(ValueError, match="Shape not match"):
        executor.forward(i=np.zeros((2, 2), np.float32))
    del executor
    with pytest.raises(MXNetError, match=MESSAGE.format("it")):
        mx.nd.ones(1, ctx=ctx).wait_to_read()


def test_on_the_device_that_it_happened_on_and_where_its_results_went():
    found = [d for d in all_devices() if d.rank.automatic]
    if len(found) < 2:
        pytest.skip("one device only")
    first, second = (mx.cl(d.selector) for d in found[:2])
    executor = bound(taking("it"), first)
    out = executor.forward()[0]
    assert mx.nd.ones(1, ctx=second).asnumpy().tolist() == [1]
    try:
        copied = out.as_in_context(second)  # waits, where the devices share no memory
    except MXNetError as exc:
        assert "node 'it'" in str(exc)  # noqa: PT017
    else:
        with pytest.raises(MXNetError, match=MESSAGE.format("it")):
            copied.asnumpy()
    with mx.AttrScope(ctx_group="here"):
        net = taking("it")
    with mx.AttrScope(ctx_group="there"):
        net = net * 2
    out = bound(net, first, group2ctx={"here": first, "there": second}).forward()[0]
    assert out.context == second
    with pytest.raises(MXNetError, match=MESSAGE.format("it")):
        out.asnumpy()
