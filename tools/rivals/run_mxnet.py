"""MXNet's side of `bench_model.py`: an executor for inference, a Module with SGD for training."""

import mxnet as mx
import numpy as np
from protocol import serve


def parameters(config):
    saved = mx.nd.load(config["params"])
    return [{k[4:]: v for k, v in saved.items() if k.startswith(kind)} for kind in ("arg:", "aux:")]


def inference(config, net, inputs):
    executor = net.simple_bind(mx.cpu(), grad_req="null", **{n: a.shape for n, a in inputs.items()})
    arguments, states = parameters(config)
    executor.copy_params_from(arguments, states, allow_extra_params=True)

    def prepare():
        for name, array in inputs.items():
            executor.arg_dict[name][:] = array
        mx.nd.waitall()

    def step():
        executor.forward(is_train=False)[0].wait_to_read()

    prepare()
    step()
    np.save(config["output"], executor.outputs[0].asnumpy())
    return prepare, step


def training(config, net, inputs):
    labels = [n for n in inputs if n.endswith("label")]
    data = [n for n in inputs if n not in labels]
    module = mx.mod.Module(net, data_names=data, label_names=labels, context=mx.cpu())
    module.bind(data_shapes=[(n, inputs[n].shape) for n in data], label_shapes=[(n, inputs[n].shape) for n in labels])
    arguments, states = parameters(config)
    module.init_params(arg_params=arguments, aux_params=states, allow_missing=False)
    batch = inputs[data[0]].shape[0]
    module.init_optimizer(
        kvstore=None, optimizer="sgd", optimizer_params={"learning_rate": config["rate"], "wd": 0.0, "rescale_grad": 1.0 / batch}
    )
    fed = mx.io.DataBatch([mx.nd.array(inputs[n]) for n in data], [mx.nd.array(inputs[n]) for n in labels])

    def prepare():
        mx.nd.waitall()

    def step():
        module.forward_backward(fed)
        module.update()
        mx.nd.waitall()

    outputs = []
    for _ in range(2):  # before and after the first update
        step()
        outputs.append(module.get_outputs()[0].asnumpy())
    np.save(config["output"], np.stack(outputs))
    return prepare, step


def make(config):
    net = mx.sym.load(config["symbol"])
    inputs = {n: np.load(f) for n, f in config["inputs"].items()}
    prepare, step = (training if config["train"] else inference)(config, net, inputs)
    return {"mxnet": mx.__version__, "numpy": np.__version__}, prepare, step


serve(make)
