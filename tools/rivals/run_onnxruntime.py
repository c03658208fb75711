"""ONNX Runtime's side of `bench_model.py`: CPU provider, all graph optimisations, tensors bound once."""

import numpy as np
import onnxruntime as ort
from protocol import serve


def make(config):
    if config["train"]:
        raise RuntimeError("ONNX Runtime does not train")
    options = ort.SessionOptions()
    options.intra_op_num_threads = config["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(config["onnx"], options, providers=["CPUExecutionProvider"])
    fed = {i.name for i in session.get_inputs()}
    inputs = {n: np.load(f) for n, f in config["inputs"].items() if n in fed}
    bound = {n: np.empty_like(a) for n, a in inputs.items()}
    binding = session.io_binding()
    for name, array in bound.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    for output in session.get_outputs():
        binding.bind_output(output.name, "cpu")

    def prepare():
        for name, array in inputs.items():
            bound[name][...] = array
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(bound[name]))

    def step():
        session.run_with_iobinding(binding)

    prepare()
    step()
    np.save(config["output"], binding.copy_outputs_to_cpu()[0])
    return {"onnxruntime": ort.__version__, "numpy": np.__version__}, prepare, step


serve(make)
