"""Records what autograd gives in MXNet 1.9.1; run under MXNet, writes autograd.json beside itself.

Each case is an expression over `nd`, `ag`, `np`, `ctx` and the functions of `namespace`; its answer is nested lists of numbers, or the class of
its error. `slope(f, *shapes)` gives the gradients of f at inputs of these shapes, `curve` those of the squared gradients of its sum.
"""

import json
from pathlib import Path


def namespace(nd, ag, np, ctx):
    """What the expressions see."""

    def var(values, req="write"):
        x = nd.array(values, ctx=ctx)
        x.attach_grad(req)
        return x

    def inputs(shapes, req="write"):
        rs = np.random.RandomState(5)
        return [var(rs.uniform(0.2, 0.8, s).round(3), req) for s in shapes]

    def slope(f, *shapes, req="write", train=True, times=1, head=True):
        xs = inputs(shapes, req)
        for _ in range(times):
            with ag.record(train_mode=train):
                y = f(*xs)
            y = y[0] if isinstance(y, list) else y
            heads = nd.array(np.arange(y.size).reshape(y.shape) % 5 - 1, ctx=ctx, dtype=y.dtype) if head else None
            y.backward(heads, train_mode=train)
        return [x.grad.asnumpy().tolist() for x in xs]

    def curve(f, *shapes):
        xs = inputs(shapes)
        with ag.record():
            grads = ag.grad(f(*xs), xs, create_graph=True, retain_graph=True)
            total = nd.sum(grads[0] * grads[0])
            for grad in grads[1:]:
                total = total + nd.sum(grad * grad)
        total.backward()
        return [x.grad.asnumpy().tolist() for x in xs]

    def recorded(f, *shapes):
        """What f gives when it is called while recording, on variables and a constant `c`."""
        xs = inputs(shapes)
        with ag.record():
            return f(*xs)

    def after(*steps):
        """The last of some values."""
        return steps[-1]

    def gone(f, *shapes):
        """Two gradients along one tape."""
        xs = inputs(shapes)
        with ag.record():
            y = f(*xs)
        y.backward()
        y.backward()

    def partial(f, head_count, *shapes):
        xs = inputs(shapes)
        with ag.record():
            ys = f(*xs)
        ag.backward([ys[k] for k in range(head_count)], [None] * head_count)
        return [x.grad.asnumpy().tolist() for x in xs]

    def scopes(*outer):
        found = [[ag.is_recording(), ag.is_training()]]
        for scope in outer:
            scope.__enter__()
            found.append([ag.is_recording(), ag.is_training()])
        for scope in reversed(outer):
            scope.__exit__(None, None, None)
            found.append([ag.is_recording(), ag.is_training()])
        return found

    def assign(target, key, value):
        target[key] = value
        return target

    def iadd(target, value):
        target += value
        return target

    return {**locals(), "nd": nd, "ag": ag, "np": np, "ctx": ctx}


S = "(3, 4)"
METHODS = """x[1]|x[-1]|x[1,2]|x[1:3]|x[:,1]|x[0:2,1:4:2]|x[None,1]|x[...]|x[...,1]|x[::-1]|x[::-2]|x[:]|x[()]|x[[0,2,0]]|x[[0,1,0],[1,1,1]]|
x[:,[1,1]]|x[[0,2],1:3]|x[nd.array([0,2,2],ctx=ctx)]|x[nd.array([0,2],ctx=ctx),1]|x.reshape((4,3))|x.reshape(-1)|x.reshape((0,2,-1))|x.T|
x.astype('float64')|x.astype('int32').astype('float32')|x.astype('float16')|x.copy()|x.copyto(nd.zeros((3,4),ctx=ctx))|x.detach()*x|
x.flatten(inplace=True)|x.expand_dims(0)|x.expand_dims(1,inplace=True)|x.squeeze(inplace=True)|x.tostype('default')|nd.array(x,ctx=ctx)|
nd.BlockGrad(x)*x|nd.moveaxis(x,0,1)|abs(x)|-x|2/x|x**2|2**x|x%2|x>1|x.broadcast_to((2,3,4))|nd.maximum(x,0.5)|x.sum()|x.mean(axis=1)|
x.slice_axis(1,1,3)|x.clip(0.3,0.6)|nd.concat(x,x,dim=1)|nd.stack(x,2*x)|x*x*x+x|x.split(2,axis=1)|nd.square(x,out=nd.zeros((3,4),ctx=ctx))|
assign(nd.zeros((3,4),ctx=ctx),slice(None),x*x)*x|assign(nd.zeros((3,4),ctx=ctx),slice(None),nd.ones((3,4),ctx=ctx))*x|
iadd(nd.ones((3,4),ctx=ctx),2)*x|nd.argmax(x,axis=1)|nd.round(x)|nd.zeros_like(x)|nd.where(x>0.5,x,2*x)|nd.take(x,nd.array([0,2,0],ctx=ctx))|
nd.Embedding(nd.array([0,2,0],ctx=ctx),x,input_dim=3,output_dim=4)|nd.softmax(x)|nd.log_softmax(x,axis=0)|nd.SoftmaxOutput(x,nd.array([1,0,3],ctx=ctx))|
nd.LinearRegressionOutput(x,nd.ones((3,4),ctx=ctx))|nd.make_loss(x*x)|nd.MakeLoss(x*x,grad_scale=2)|nd.sort(x,axis=0)|nd.pick(x,nd.array([0,1,2],ctx=ctx))|
nd.LeakyReLU(x-0.5,act_type='elu')|nd.Activation(x-0.5,act_type='relu')|nd.norm(x)|nd.topk(x,k=2,ret_typ='value')|nd.Dropout(x,p=0)|
nd.sum(x,axis=0,out=nd.zeros(4,ctx=ctx))|nd.identity(x)|x+x.detach()|(x*2).asnumpy().sum()*x|x.as_in_context(ctx)|x.repeat(2,axis=0)|x.tile((2,1))""".replace(
    "\n", ""
).split("|")

BINARY = ["a+b", "a-b", "a*b", "a/b", "a**b", "a%b", "nd.maximum(a,b)", "nd.broadcast_hypot(a,b)", "nd.elemwise_mul(a,b)", "a*b+a", "nd.dot(a,b.T)"]

CURVES = """relu abs square sqrt rsqrt cbrt rcbrt reciprocal exp expm1 log log10 log2 log1p sigmoid sinh cosh tanh arctanh sin cos tan
arcsin arccos arctan""".split()

OTHERS = """recorded(lambda x: iadd(x, 1), (3,))|recorded(lambda x: assign(x, slice(None), 1), (3,))|recorded(lambda x: assign(x, slice(1, 2), 1), (3,))|
recorded(lambda x: assign(x, 1, 1), (3,))|recorded(lambda x: assign(x, slice(1, 3), np.array([5, 6])), (3,))|recorded(lambda x: assign(x, [0, 2], 7), (3,))|
recorded(lambda x: assign(x, slice(None), np.array([5, 6, 7])), (3,)).asnumpy().tolist()|recorded(lambda x: nd.square(x, out=x), (3,))|
recorded(lambda x: (lambda c: after(x * c, iadd(c, 1)))(nd.ones(3, ctx=ctx)), (3,))|recorded(lambda x: assign(nd.zeros(4, ctx=ctx), slice(1, 4), x * 2), (3,))|
recorded(lambda x: assign(nd.zeros((2, 3), ctx=ctx), 1, x * 2), (3,))|recorded(lambda x: assign(nd.zeros(4, ctx=ctx), [0, 1, 3], x * 2), (3,))|
recorded(lambda x: x.slice_assign(nd.ones((1, 4), ctx=ctx), (0, 0), (1, 4), None), (3, 4))|recorded(lambda x: x.slice_assign_scalar(3, (0,), (1,), None), (3, 4))|
recorded(lambda x: nd.broadcast_add(nd.ones(3, ctx=ctx), x).grad, (3,))|recorded(lambda x: iadd(nd.ones(3, ctx=ctx), x), (3,))|
gone(lambda x: x * x, (3,))|gone(lambda x: x.detach(), (3,))|(var([1, 2]) * 3).backward()|nd.ones(2, ctx=ctx).backward()|nd.ones(2, ctx=ctx).grad|
recorded(lambda x: nd.ones(3, ctx=ctx) * 2, (3,)).backward()|var([1, 2]).attach_grad('foo')|var([1, 2], 'null').grad.asnumpy().tolist()|
slope(lambda x: x * x, (3,), req='null')|slope(lambda x: x * x, (3,), req='add', times=3)|slope(lambda x, y: x * y + x, (2, 3), (1, 3), req='add', times=2)|
slope(lambda x: x + 0, (3,), head=False)|slope(lambda x: x, (3,))|slope(lambda x: x, (3,), head=False)|slope(lambda x: nd.BlockGrad(x) * 3, (2,), req='add')|
partial(lambda x: [x * 2, x * x], 2, (3,))|partial(lambda x: x.split(3, axis=0), 1, (3,))|partial(lambda x: x.split(3, axis=0), 2, (3,))|
ag.backward([var([1, 2])], [nd.ones(2, ctx=ctx), nd.ones(2, ctx=ctx)])|ag.grad(var([1, 2]), [])|ag.grad(var([1, 2]) * 2, [var([1])])|
recorded(lambda x: ag.grad(x * 2, x * 1), (3,))|recorded(lambda x: ag.grad(x * 2, nd.ones(3, ctx=ctx)), (3,))|recorded(lambda x, y: ag.grad(x * 2, y), (3,), (3,))|
[g.asnumpy().tolist() for g in recorded(lambda x, y: ag.grad([x * y, x], [y, x]), (3,), (3,))]|ag.grad(recorded(lambda x: x * 2, (3,)), var([1, 2], 'null'))|
scopes()|scopes(ag.record())|scopes(ag.record(False))|scopes(ag.record(), ag.pause())|scopes(ag.record(), ag.pause(True))|scopes(ag.record(), ag.predict_mode())|
scopes(ag.train_mode(), ag.record(False), ag.train_mode())|[ag.set_recording(True), ag.set_recording(False), ag.set_training(1), ag.set_training(0)]|
var([1, 2])._fresh_grad|recorded(lambda x: after((x * 2).backward(), x._fresh_grad), (3,))|recorded(lambda x: [ag.is_recording(), (x * 2).grad], (3,))|
slope(lambda x, g, b, m, v: nd.BatchNorm(x, g, b, m.detach(), v.detach(), fix_gamma=False), (4, 3), (3,), (3,), (3,), (3,))|
slope(lambda x, g, b, m, v: nd.BatchNorm(x, g, b, m.detach(), v.detach(), fix_gamma=False), (4, 3), (3,), (3,), (3,), (3,), train=False)|
slope(lambda x, g, b, m, v: nd.BatchNorm(x, g, b, m.detach(), v.detach()), (4, 3, 2), (3,), (3,), (3,), (3,))|
slope(lambda x: nd.Dropout(x, p=0.5), (5,), train=False)|slope(lambda x, w: nd.FullyConnected(x, w, no_bias=True, num_hidden=5), (2, 3), (5, 3))|
slope(lambda x, w, b: nd.Convolution(x, w, b, kernel=(2, 2), num_filter=2), (1, 2, 4, 4), (2, 2, 2, 2), (2,))|
slope(lambda x: nd.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type='max'), (1, 1, 4, 4))|curve(lambda x, w: nd.FullyConnected(x, w, no_bias=True, num_hidden=2), (3, 4), (2, 4))|
curve(lambda x, y: nd.batch_dot(x, y), (2, 2, 3), (2, 3, 1))|curve(lambda x: nd.square(x.T), (2, 3))|
curve(lambda x: nd.square(x.astype('float64')), (3,))|curve(lambda x, y: nd.square(nd.add_n(x, y, x)), (3,), (3,))|curve(lambda x: nd.sin(nd.exp(x)), (3,))|
curve(lambda x: x * 2 + 1, (3,))|curve(lambda x: nd.square(nd.gather_nd(x, nd.array([[0, 1], [1, 1]], ctx=ctx))), (2, 2))""".replace(
    "\n", ""
).split("|")


def cases():
    for m in METHODS:
        yield f"slope(lambda x: {m}, {S})"
        if m.startswith("x[["):
            yield f"slope(lambda x: {m}, {S}, req='add', times=2)"
    for b in BINARY:
        yield f"slope(lambda a, b: {b}, {S}, {S})"
        if "dot" not in b and "elem" not in b:
            yield f"slope(lambda a, b: {b}, (2, 3, 4), (3, 1))"
    for c in CURVES:
        yield f"curve(lambda x: nd.{c}(x), (3,))"
    yield from OTHERS


def answer(expression, names):
    try:
        found = eval(expression, dict(names))
        found = None if found is None else found
        json.dumps(found)
        return found
    except TypeError as e:
        return "TypeError" if "JSON" not in str(e) else "no answer"
    except Exception as e:
        return type(e).__name__


def rounded(value):
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


if __name__ == "__main__":
    import mxnet as mx
    import numpy as np

    found = [[c, rounded(answer(c, namespace(mx.nd, mx.autograd, np, mx.cpu())))] for c in cases()]
    Path(__file__).with_suffix("").with_name("autograd.json").write_text("[\n" + ",\n".join(json.dumps(f) for f in found) + "\n]\n")
