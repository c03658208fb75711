"""tinygrad's side of `bench_model.py`: its own ONNX runner under its JIT, on the device that its environment variables choose."""

import importlib.metadata

import numpy as np
from protocol import serve
from tinygrad import Device, Tensor, TinyJit
from tinygrad.nn.onnx import OnnxRunner


def make(config):
    if config["train"]:
        raise RuntimeError("its ONNX runner does not train")
    runner = OnnxRunner(config["onnx"])
    arrays = {n: np.load(f) for n, f in config["inputs"].items() if n in runner.graph_inputs}
    inputs = {n: Tensor(a).realize() for n, a in arrays.items()}

    @TinyJit
    def run(**tensors):
        return next(iter(runner(tensors).values())).realize()

    def step():
        out = run(**inputs)
        Device[Device.DEFAULT].synchronize()
        return out

    def prepare():
        for name, array in arrays.items():
            inputs[name].assign(Tensor(array)).realize()

    for _ in range(3):  # eager, captured, replayed
        out = step()
    np.save(config["output"], out.numpy())
    return {"tinygrad": importlib.metadata.version("tinygrad"), "device": Device.DEFAULT}, prepare, step


serve(make)
