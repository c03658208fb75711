"""Records what statements on arrays do in MXNet 1.9.1; run under MXNet, writes ndarray.json beside itself.

Each case is a statement over `a` (2, 3, 4), `b` (3, 4), `i` int32 (2, 2), `u` uint8 (3,), `f` (3,), `h` float16 (3,), `d` float64 (3,), `t` bool
(3,). Its answer is what it assigned to `r`, if it did, and `a`, `i`, `u` and `f` if it changed them; or the class of its error. Left out are
statements that crash MXNet, read memory that is not theirs, or need arrays without elements.
"""

import json
from pathlib import Path

SETUP = """
a = nd.arange(24, ctx=ctx).reshape((2, 3, 4)); b = nd.array(np.arange(12).reshape(3, 4) * 0.5 - 2, ctx=ctx)
i = nd.array([[1, -2], [3, 4]], ctx=ctx, dtype='int32'); u = nd.array([0, 1, 200], ctx=ctx, dtype='uint8'); f = nd.array([1, -2, 3], ctx=ctx)
h = nd.array([1, 2, 3], ctx=ctx, dtype='float16'); d = nd.array([1.5, -2.5, 3.5], ctx=ctx, dtype='float64')
t = nd.array([1, 0, 1], ctx=ctx, dtype='bool')
"""

KEYS = """0|-1|0:1|1:|::-1|::2|0:1,1|0,1|0,1,2|...|...,0|0,...|...,1:3|None|None,0|0,None|...,None|None,...,None|()|[0]|[0,1]|[0,1],[0,1]|
[0,1],[[0],[1]]|0,[0,2]|[0,1],1|[0,1],:,1|[0,1],:,[1,2]|1,:,[1,2]|:,[0,2],1:3|:,[0,2],::2|[1],...|...,[1]|...,[0,1],[1,2]|None,[0,1]|
np.array([0,1])|np.array([True,False])|np.array([1.7])|np.int64(1)|[True,False]|(0,1)|((0,1),)|range(2)|range(1,-1,-1)|range(1),range(1)|
0,range(0,3,2)|:,range(3)|range(1),...|:,range(0,3,2)|-5:1|::-2|1::-1|:,::-1|:,:,::3|0:2,0:2,0:2|0:2:1,0,:|1:0:-1|0:1,0,0|0,1:2,3|
nd.array([0,1],ctx=ctx)|nd.array([[0,1],[1,0]],ctx=ctx,dtype='int64')|0,nd.array([1,2],ctx=ctx)|[0,1],1:3,2|1,1:3,[0,2]|0:1,[0],0:1|
:,:,[0]|:,:,-1|-1,-1,-1""".replace("\n", "").split("|")

VALUES = """[1,2,3,4]|np.ones(5)|np.ones((3,4))|nd.ones((3,4),ctx=ctx)|np.ones((1,3,4))|np.ones((1,1,3,4))|np.ones((2,3,4))|nd.ones(1,ctx=ctx)|
nd.array(3,ctx=ctx)|[[1],[2],[3]]|None|True|1.5|np.float64(2.5)|np.int64(3)|'x'|{}|[1,2]|nd.ones((2,2),ctx=ctx)|nd.ones(24,ctx=ctx)|
(1,2,3,4)|np.array(3)|[[1,2],[3]]|1j|float('inf')|nd.arange(4,dtype='float64',ctx=ctx)|range(4)|b[0]|b""".replace("\n", "").split("|")

PLACES = ["0", "0:1", "[0]", "::2", ":", "0,1", ":,1", "...", "0,0,0", "[0,1],[0,1]", ":,[0,2]", "range(2)", "None"]

SHAPES = """(6,4)|-1|(0,-1)|(-3,0)|(-4,1,2,-2)|(-1,0)|(0,-4,1,-1,0)|(-3,-2)|(0,0,-1)|(2,-2)|(-2,)|(-2,1)|(-3,-3)|(-4,2,-1,-2)|(-4,-1,2,-2)|
(7,-1)|(5,)|(0,0,2,2,-4)|(1,2,-4,0,0)|(0,-1,1,-4,0)|(-2,-4,2,2)|(2,2,-1)|(0,-3,-2)|(1,-1,1)|(-4,-1,-1,-2)|(0,0,0,0)|(-1,-1)|(-5,)""".replace("\n", "").split("|")

OTHERS = """i[0]=300|i[0]=1.9|i[0]=-1.9|i[0]=[300,1]|i[0]=[1.9,2.1]|i[0]=nd.array([1.9,2.9],ctx=ctx)|i[0]=np.array([2.7,3.2])|u[0]=300|u[0]=-1|
u[:]=[300,-1,2.9]|r=nd.array([300,-1],dtype='uint8',ctx=ctx)|r=nd.array([1.9,-1.9],dtype='int32',ctx=ctx)|r=-t|r=-u|r=-i|r=abs(i)|
a+=2|a-=b[0]|a*=b|a/=2|a%=5|i+=2|i*=2.5|u+=300|a[0]+=1|a[:,1]*=3|a[[0,1]]+=3|f%=2|f**=2|r=2**f|r=f%-2|r=-7%f|r=5/i|r=i/2|r=i%3|r=u*2|r=h/3|
r=d**2|r=t*2|r=f==1|r=f>0|r=1<f|r=i!=i|r=h==h|r=d>=1.5|r=u==200|
r=nd.moveaxis(a,0,2)|r=nd.moveaxis(a,-1,0)|r=nd.moveaxis(a,[0,1],[1,0])|r=nd.moveaxis(a,(0,1),(2,0))|r=nd.moveaxis(a,[0,1],[-1,-2])|
r=nd.moveaxis(a,[],[])|r=nd.moveaxis(a,range(2),range(1,3))|r=nd.moveaxis(a,np.array([0,1]),np.array([1,0]))|r=nd.moveaxis(a,{0},{1})|
r=nd.moveaxis(a,0,3)|r=nd.moveaxis(a,[0,0],[1,2])|r=nd.moveaxis(a,[0,1],[2])|r=nd.moveaxis(a,[0,1],[1,1])|r=nd.moveaxis(a,1.5,0)|
r=b.broadcast_to((2,3,4))|r=nd.ones(3,ctx=ctx).broadcast_to((2,3))|r=b.broadcast_like(a)|r=b.broadcast_to((2,3,5))|r=b.broadcast_to((4,))|
r=nd.contrib.isnan(nd.array([np.nan,1,np.inf,-np.inf],ctx=ctx))|r=nd.contrib.isinf(nd.array([np.nan,1,np.inf,-np.inf],ctx=ctx))|
r=nd.contrib.isfinite(nd.array([np.nan,1,np.inf,-np.inf],ctx=ctx))|r=nd.contrib.isnan(i)|r=nd.contrib.isinf(i)|r=nd.contrib.isfinite(i)|
r=nd.contrib.isinf(nd.array([np.inf,1],dtype='float16',ctx=ctx))|r=nd.contrib.isfinite(d)|
r=nd.contrib.allclose(f,f)|r=nd.contrib.allclose(f,f+1)|r=nd.contrib.allclose(f,f+1e-6)|r=nd.contrib.allclose(f,f,rtol=0,atol=0)|
r=nd.contrib.allclose(f,f+0.1,atol=0.2)|r=nd.contrib.allclose(i,i)|r=nd.contrib.allclose(i,i+1)|r=nd.contrib.allclose(d,d)|
r=nd.contrib.allclose(h,h)|r=nd.contrib.allclose(u,u)|r=nd.contrib.allclose(f,b)|r=nd.contrib.allclose(f,d)|r=nd.contrib.allclose(t,t)""".replace("\n", "").split("|")

CLOSE = [float("nan"), float("inf"), -float("inf"), 1.0, 1.000005, 1.00002, 1e10, 1.00001e10, 1e-8, 0.0]


def cases():
    for k in KEYS:
        yield from (f"r=a[{k}]", f"a[{k}]=7", f"a[{k}]=a[{k}]*2")
    for k in PLACES:
        yield from (f"a[{k}]={v}" for v in VALUES)
    for s in SHAPES:
        yield from (f"r=a.reshape({s})", f"r=a.reshape({s},reverse=True)")
    yield from OTHERS
    for x in CLOSE:
        for y in CLOSE:
            for equal in (True, False):
                arrays = ",".join(f"nd.array([float('{v}')],ctx=ctx)" for v in (x, y))
                yield f"r=nd.contrib.allclose({arrays},equal_nan={equal})"


def plain(array):
    return [str(array.dtype.__name__).rstrip("_"), list(array.shape), array.asnumpy().ravel().tolist()]


def answer(statement, nd, ctx):
    """[None, result, changed arrays], or the name of the error's class."""
    import numpy as np

    space = {"nd": nd, "np": np, "ctx": ctx}
    exec(SETUP, space)
    before = {k: plain(space[k]) for k in "aiuf"}
    try:
        exec(statement, space)
        result = plain(space["r"]) if "r" in space else None
        after = {k: plain(space[k]) for k in "aiuf"}
    except Exception as exc:  # of the statement, or of what it left to the engine
        return type(exc).__name__
    return [result, {k: v for k, v in after.items() if repr(v) != repr(before[k])}]


if __name__ == "__main__":
    import mxnet as mx

    lines = [json.dumps([c, answer(c, mx.nd, mx.cpu())], separators=(",", ":")) for c in cases()]
    Path(__file__).with_name("ndarray.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
