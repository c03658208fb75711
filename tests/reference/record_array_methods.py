"""Records what expressions on arrays give in MXNet 1.9.1; run under MXNet, writes array_methods.json beside itself.

Each case is an expression over the arrays of `SETUP`; its answer is what `plain` makes of the value, or the classes of its error. Left out are
expressions that only we can compute.
"""

import json
from pathlib import Path

SETUP = """
a = nd.arange(24, ctx=ctx).reshape((2, 3, 4)); b = nd.array(np.arange(12).reshape(3, 4) * 0.5 - 2, ctx=ctx)
i = nd.array([[1, -2], [3, 4]], ctx=ctx, dtype='int32'); u = nd.array([0, 1, 200], ctx=ctx, dtype='uint8'); f = nd.array([1, -2, 3], ctx=ctx)
h = nd.array([1, 2, 3], ctx=ctx, dtype='float16'); d = nd.array([1.5, -2.5, 3.5], ctx=ctx, dtype='float64')
t = nd.array([1, 0, 1], ctx=ctx, dtype='bool')
"""

CASES = r"""a.abs()|a.arccos()|a.argmax()|a.argmax(axis=0)|a.argmax_channel()|a.argmin(axis=1)|a.argsort()|a.argsort(axis=0,is_ascend=False)|
a.asscalar()|nd.array([3.5]).asscalar()|i[0,0:1].asscalar()|a.astype('int32')|a.astype(np.float64)|a.astype('float32',copy=False) is a|
a.astype('float32',copy=True) is a|a.astype(np.float32,copy=False) is a|a.astype(int)|a.astype(float)|a.astype('foo')|a.astype(bool)|
a.as_in_context(ctx) is a|a.broadcast_axes(axis=0,size=2)|a.broadcast_like(nd.ones((2,2,3,4)))|a.cbrt()|a.ceil()|a.clip(0,3)|
a.clip(a_min=0,a_max=3)|a.copy()|a.copyto(nd.zeros((2,3,4)))|a.copyto(3)|a.copyto(a)|a.copyto(nd.zeros((2,3,4),dtype='int32'))|
a.copyto(nd.zeros((4,3,2)))|a.cos()|a.degrees()|a.depth_to_space(2)|nd.ones((1,4,2,2)).depth_to_space(2)|
nd.ones((1,1,4,4)).space_to_depth(2)|a[0].diag()|a[0].diag(k=1)|a.dtype|a.exp()|a.expand_dims(1)|a.expand_dims(axis=-1)|a.expand_dims(5)|
a.expm1()|a.fix()|a.flatten()|a.flip(axis=1)|a.floor()|a.log()|a.log_softmax(axis=1)|a.max()|a.max(axis=1)|
a.max(axis=(0,1),keepdims=True)|a.mean()|a.mean(axis=1,exclude=True)|a.min()|a.nanprod()|a.nansum()|a.ndim|a.norm()|a.norm(ord=1,axis=1)|
i[0].one_hot(5)|a.one_hot(5)|a.ones_like()|a.zeros_like()|a.pad(mode='constant',pad_width=(0,0,0,0,1,1))|
nd.ones((1,1,2,2)).pad(mode='edge',pad_width=(0,0,0,0,1,1,1,1))|a.pick(nd.zeros((2,3)))|a.prod(axis=0)|a.radians()|a.rcbrt()|
a.reciprocal()|a.relu()|a.repeat(2)|a.repeat(repeats=2,axis=1)|a.reshape(4,6)|a.reshape((4,6))|a.reshape([4,6])|a.reshape(shape=(4,6))|
a.reshape(-1)|a.reshape()|a.reshape(5,5)|a.reshape((2,3,4),foo=1)|a.reshape_like(nd.zeros((4,6)))|a.rint()|a.round()|a.rsqrt()|a.shape|
a.shape_array()|a.size_array()|a.sigmoid()|a.sign()|a.sin()|a.sinh()|a.size|a.slice(begin=(0,1),end=(1,3))|a.slice((0,),(1,),(1,))|
a.slice_axis(axis=1,begin=0,end=2)|a.slice_like(nd.zeros((1,2,3)))|a.softmax()|a.softmax(axis=0)|a.softmin()|a.sort()|
a.sort(axis=0,is_ascend=0)|a.split(2,axis=2)|a.split(num_outputs=3,axis=1,squeeze_axis=True)|a.split_v2(2)|a.split_v2((1,),axis=1)|
a.split_v2(2,axis=0,squeeze_axis=True)|a.sqrt()|a.square()|nd.ones((1,2,1)).squeeze()|nd.ones((1,2,1)).squeeze(axis=0)|
nd.ones((1,2,1)).squeeze(axis=(0,2))|nd.ones((1,2,1)).squeeze(axis=1)|a.squeeze(inplace=True)|
nd.ones((1,2,1)).squeeze(axis=1,inplace=True)|a.stype|a.sum()|a.sum(axis=-1)|a.swapaxes(0,1)|a.swapaxes(dim1=0,dim2=2)|a.T|b.T|f.T|
a.take(nd.array([0,1]))|a.take(nd.array([0,1]),axis=2)|a.tan()|a.tanh()|a.tile((2,1))|a.tile(reps=2)|a.topk()|
a.topk(k=2,ret_typ='both',axis=0)|a.tostype('default')|a.tostype('foo')|a.transpose()|a.transpose((1,0,2))|a.transpose(axes=(2,0,1))|
b.transpose(0)|a.trunc()|a.wait_to_read()|a.as_nd_ndarray() is a|a.grad|a.detach()|len(a)|len(nd.array(3))|bool(f[0])|bool(f)|
bool(nd.array([0]))|bool(nd.array([[2]]))|float(f)|int(f)|f[0:1].__index__()|[1,2,3][f[0]]|[x.shape for x in a]|repr(f)|repr(a)|repr(i)|
repr(h)|repr(nd.array(3))|repr(t)|str(f)|repr(nd.array([float('nan'),float('inf')]))|pickle.loads(pickle.dumps(i))|
pickle.loads(pickle.dumps(a,protocol=0))|pickle.loads(pickle.dumps(t))|copy.copy(f)|copy.deepcopy(f)|copy.deepcopy({'x':f})['x']|f==f|
f==None|f!=None|f=='a'|f==[1,2]|f==1|f>1|f>=i[0,0]|f+i|f+d|i+d|f+h|u+i|f+1|f+1.5|i+1|i+1.5|u+300|i*2.5|i/2|i//2|f//2|2//f|f%2|f@f|b@b.T|
-f|+f|~i|abs(i)|f**2|i**2|2**i|f**-1|i**-1|f&f|f|f.__or__|f<<1|divmod(f,2)|round(f)|f+np.ones(3)|np.ones(3)+f|f*np.float32(2)|
np.float32(2)*f|f+np.array(2)|f+[1,2,3]|[1,2,3]+f|f+None|f+'a'|f+True|t+t|t+1|t*f|t==t|f in [f]|3 in f|1 in f|
f is f|nd.array(f) is f|nd.array(i).dtype|nd.array(i,dtype='float32').dtype|nd.array([1,2]).dtype|
nd.array(np.array([1,2],'int64')).dtype|nd.array(np.array([1,2],'float64')).dtype|nd.array([True,False]).dtype|
nd.array(np.float64(3)).shape|nd.array([]).shape|nd.array([[]]).shape|nd.array(()).shape|nd.array([[1,2],[3]])|nd.array('a')|
nd.array(None)|nd.array({})|nd.array(range(3))|nd.array((1,2))|nd.array([1],dtype='foo')|nd.array([1],dtype=np.int8).dtype|
nd.array([1],dtype=None).dtype|nd.array([1.5,-1.5],dtype='int8')|nd.array([300],dtype='uint8')|nd.zeros(3)|nd.zeros((2,),dtype='int32')|
nd.zeros([2,3])|nd.zeros(-1)|nd.zeros((2,),stype='default')|nd.zeros(2,ctx,'float16').dtype|nd.zeros(shape=2,out=nd.ones(2))|
nd.zeros('a')|nd.zeros(2.5)|nd.ones(3)|nd.ones((2,),dtype='uint8')|nd.full((2,),3)|nd.full((2,),3,dtype='int32')|
nd.full(2,3.7,dtype='int32')|nd.full((2,),True)|nd.full((2,),val=2)|nd.full((2,),3,out=nd.zeros(2))|nd.full((2,), [1,2])|
nd.empty((2,)).shape|nd.empty(2).shape|nd.empty((2,),dtype='int8').dtype|nd.arange(3)|nd.arange(1,3)|nd.arange(0,1,0.25)|
nd.arange(3,0,-1)|nd.arange(0,3,dtype='int32')|nd.arange(3,repeat=2)|nd.arange(2,2)|nd.arange(3,1)|nd.arange(0,10,3,2)|
nd.arange(start=1,stop=None)|nd.arange(0,3,0)|nd.arange(2.5)|nd.arange(0,None,infer_range=True)|nd.linspace(0,1,5)|
nd.linspace(0,1,5,endpoint=False)|nd.linspace(0,1,1)|nd.linspace(0,10,4,dtype='int32')|nd.linspace(1,0,3)|nd.linspace(0,1,0)|
nd.linspace(0,1)|nd.linspace(0,1,2.5)|nd.eye(3)|nd.eye(2,3)|nd.eye(3,k=1)|nd.eye(3,4,-1)|nd.eye(2,dtype='int32')|nd.eye(0)|
nd.eye(N=2,M=2)|nd.concatenate([b,b])|nd.concatenate([b,b],axis=1)|nd.concatenate([b]) is b|nd.concatenate([b],always_copy=False) is b|
nd.concatenate([])|nd.concatenate([b,i])|nd.concatenate([b,f])|nd.concatenate([b,nd.ones((3,2))],axis=1)|nd.concatenate([i,i]).dtype|
nd.concat(b,b,dim=0)|nd.concat(b,i,dim=0)|nd.stack(b,b)|nd.stack(b,b,axis=1)|nd.stack(b,b,axis=-1)|nd.stack(b)|nd.stack(b,f)|
nd.split_v2(b,2,axis=1)|nd.split_v2(b,(1,3),axis=1)|nd.split_v2(b,3)|nd.split_v2(b,5)|nd.split_v2(b,'a')|nd.split_v2(b,(0,2),axis=1)|
nd.split_v2(b,3,squeeze_axis=True)|nd.moveaxis(a,0,-1)|nd.onehot_encode(nd.array([0,2]),nd.zeros((2,3)))|
nd.onehot_encode(nd.array([0,5]),nd.zeros((2,3)))|nd.add(1,2)|nd.add(f,1)|nd.add(1,f)|nd.add(f,f)|nd.add(f,'a')|nd.subtract(1,f)|
nd.divide(1,2)|nd.divide(2,f)|nd.true_divide(2,f)|nd.modulo(5,3)|nd.modulo(f,2)|nd.power(2,3)|nd.power(2,f)|nd.maximum(1,2)|
nd.maximum(f,2)|nd.minimum(3,f)|nd.equal(1,1)|nd.equal(f,1)|nd.not_equal(f,f)|nd.greater(1,f)|nd.lesser_equal(f,1)|nd.logical_and(f,0)|
nd.logical_or(f,0)|nd.logical_xor(f,1)|nd.logical_and(f,f)|nd.logical_not(f)|nd.waitall()|nd.histogram(f,[0,1])|
nd.from_numpy(np.ones(3,'f'))|nd.from_numpy(np.ones((2,3))[:,1])|nd.from_numpy([1])|nd.from_dlpack(f.to_dlpack_for_read())|
nd.load_frombuffer(b'abc')|nd.load('/nonexistent')|f.foo|f.slice_assign(nd.ones(1),(0,),(1,),(None,))|
f.slice_assign_scalar(5,(0,),(2,),(None,))|a.slice_assign(nd.ones((1,3,4)),(0,),(1,),())|f._sync_copyfrom(np.ones(3))|
f._sync_copyfrom(np.ones(4))|f._slice(0,2)|f._at(1)|f._at(5)|f._slice(1,9)|a[5]|a[-3]|a[1.5]|a['a']|a[None]|a[0,0,0,0]|a[...,...]|
f[nd.array([0,1])]|f[nd.array([0,1],dtype='int32')]|f[np.array([True,False,True])]|f[[True,False,True]]|f[f>0]|f[()]|nd.array(3)[()]|
nd.array(3)[0]|f[5:]|f[::0]|f[[5]]|f[nd.array([5])]|f[nd.array([-1])]|f[:,0]|f[None,:,None].shape|a[0][1][2]|a[:,[0,1],[0,1]]|
a[[[0,1],[1,0]]].shape|a[[0],[1],[2]]|mx.base.MXNetError.__name__|nd.NDArray.__name__|nd.cast(f,'int32')|
nd.Cast(f,dtype='float64').dtype|nd.zeros_like(i).dtype|nd.ones_like(f)|nd.dot(f,f)|nd.dot(b,b.T).shape|nd.sum(f,axis=5)|
nd.reshape(f,shape=(3,1))|nd.reshape(f,(3,1))|nd.transpose(b)|nd.add_n(f,f,f)|nd.ElementWiseSum(f,f)|nd.where(f>0,f,-f)|nd.clip(f,0,1)|
nd.norm(f)|nd.square(f,out=nd.zeros(3))|nd.square(f,out=nd.zeros(4))|nd.square(f,out=nd.zeros(3,dtype='float64'))|nd.square(f,name='x')|
nd.square(data=f)|nd.square()|nd.square(1)|nd.square(f,f)|nd.square(f,foo=1)|nd.broadcast_add(f,b)|nd.broadcast_add(lhs=f,rhs=f)|
nd.broadcast_add(f,rhs=f)|nd.elemwise_add(f,b)|nd.elemwise_add(f,i)|f.writable|f._full((2,),3)|a.itemsize|a.strides|a.tolist()|a.item()|
f.any()|f.all()|f.cumsum()|f.dot(f)|f.var()|f.std()|f.ravel()|f.fill(1)|f.view()|f.tobytes()|f.sum().asscalar()|f.broadcast_to((2,3))|
f.broadcast_to((0,3))|f.tile(2)|f.log2()|f.log10()|f.log1p()|f.arcsinh()|f.arccosh()|f.arctanh()|f.cosh()|f.arctan()|f.arcsin()|
f.attach_grad()|f.backward()"""


def plain(value, np, nd):
    """A value as JSON: kind, type, shape, numbers."""
    if isinstance(value, nd.NDArray):
        return ["nd", np.dtype(value.dtype).name, list(value.shape), [float(f"{v:.7g}") for v in value.asnumpy().ravel().tolist()]]
    if isinstance(value, np.ndarray):
        return ["np", value.dtype.name, list(value.shape)]
    if isinstance(value, np.generic):
        return [type(value).__name__, float(value)]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [plain(v, np, nd) for v in value]]
    if isinstance(value, type):
        return ["type", value.__name__]
    return [type(value).__name__, value if isinstance(value, (bool, int, float, str)) else None]


def answer(expression, mx, ctx):
    """What an expression gives, or the classes of its error."""
    import copy
    import pickle

    import numpy as np

    space = {"mx": mx, "nd": mx.nd, "np": np, "pickle": pickle, "copy": copy, "ctx": ctx}
    with ctx:
        exec(SETUP, space)
        try:
            value = eval(expression, space)
            mx.nd.waitall()
            return plain(value, np, mx.nd)
        except Exception as exc:
            return " ".join(kind.__name__ for kind in type(exc).__mro__[:-3])


def cases():
    """The expressions."""
    return "".join(CASES.splitlines()).split("|")


if __name__ == "__main__":
    import mxnet as mx

    lines = [json.dumps([c, answer(c, mx, mx.cpu())], separators=(",", ":")) for c in cases()]
    Path(__file__).with_name("array_methods.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
