"""What the recorded steps of optimizers are: read by the recorder, under MXNet, and by the test."""

import numpy as np

STEPS = 20
SHAPES = {"a_weight": (7, 5), "b_gamma": (3,), "c_bias": (1,), "d_weight": (2, 3, 11)}
ALL = {"wd": 0.01, "clip_gradient": 0.5, "rescale_grad": 0.7}
CASES = {
    "sgd": ("sgd", {"learning_rate": 0.1}),
    "sgd all": ("sgd", {"learning_rate": 0.1, "momentum": 0.9, **ALL, "schedule": 3}),
    "sgd wd": ("sgd", {"learning_rate": 0.1, "wd": 0.1}),
    "sgd half": ("sgd", {"learning_rate": 0.1, "momentum": 0.9, **ALL, "multi_precision": True}),
    "sgd half plain": ("sgd", {"learning_rate": 0.1, "wd": 0.1, "multi_precision": True}),
    "nag": ("nag", {"learning_rate": 0.1}),
    "nag all": ("nag", {"learning_rate": 0.1, "momentum": 0.9, **ALL, "schedule": 3}),
    "nag half": ("nag", {"learning_rate": 0.1, "momentum": 0.9, **ALL, "multi_precision": True}),
    "signum": ("signum", {**ALL, "wd_lh": 0.01, "schedule": 3, "learning_rate": 0.02}),
    "signum plain": ("signum", {"momentum": 0.0, "wd": 0.1}),
    "signum half": ("signum", {**ALL, "multi_precision": True}),
    "dcasgd": ("dcasgd", {"learning_rate": 0.1, "lamda": 0.3}),
    "dcasgd all": ("dcasgd", {"learning_rate": 0.1, "lamda": 0.3, **ALL, "schedule": 3}),
    "adam": ("adam", {}),
    "adam all": ("adam", {**ALL, "learning_rate": 0.05, "beta1": 0.8, "epsilon": 1e-3, "schedule": 3}),
    "adam half": ("adam", {**ALL, "learning_rate": 0.05, "multi_precision": True}),
    "adamax": ("adamax", {}),
    "adamax all": ("adamax", {**ALL, "learning_rate": 0.05, "schedule": 3}),
    "nadam": ("nadam", {}),
    "nadam all": ("nadam", {**ALL, "learning_rate": 0.05, "schedule": 3}),
    "ftml": ("ftml", {}),
    "ftml all": ("ftml", {**ALL, "learning_rate": 0.05, "schedule": 3}),
    "ftml half": ("ftml", {**ALL, "learning_rate": 0.05, "multi_precision": True}),
    "adagrad": ("adagrad", {}),
    "adagrad all": ("adagrad", {**ALL, "learning_rate": 0.05, "schedule": 3}),
    "adadelta": ("adadelta", {}),
    "adadelta all": ("adadelta", {**ALL, "rho": 0.8, "epsilon": 1e-4}),
    "rmsprop": ("rmsprop", {}),
    "rmsprop all": ("rmsprop", {**ALL, "learning_rate": 0.05, "clip_weights": 0.9, "schedule": 3}),
    "rmspropalex": ("rmsprop", {"centered": True}),
    "rmspropalex all": ("rmsprop", {**ALL, "centered": True, "learning_rate": 0.01, "clip_weights": 0.9, "gamma2": 0.8}),
    "rmspropalex half": ("rmsprop", {**ALL, "centered": True, "learning_rate": 0.01, "multi_precision": True}),
    "ftrl": ("ftrl", {}),
    "ftrl all": ("ftrl", {**ALL, "lamda1": 0.1, "beta": 0.5, "schedule": 3}),
    "lars": ("lars", {"learning_rate": 1.0, "eta": 0.1}),
    "lars all": ("lars", {"learning_rate": 1.0, "momentum": 0.9, "eta": 0.1, "eps": 1e-3, **ALL, "schedule": 3}),
    "lars half": ("lars", {"learning_rate": 1.0, "momentum": 0.9, "eta": 0.1, **ALL, "multi_precision": True}),
    "lamb": ("lamb", {}),
    "lamb all": ("lamb", {**ALL, "learning_rate": 0.05, "lower_bound": 0.5, "upper_bound": 2.0, "schedule": 3}),
    "lamb unbiased": ("lamb", {**ALL, "learning_rate": 0.05, "bias_correction": False}),
    "lamb half": ("lamb", {**ALL, "learning_rate": 0.05, "multi_precision": True}),
    "lbsgd": ("lbsgd", {"learning_rate": 0.01, "momentum": 0.9, "updates_per_epoch": 3, "batch_scale": 2, "schedule": 3}),
    "lbsgd power": ("lbsgd", {"learning_rate": 0.01, **ALL, "updates_per_epoch": 3, "batch_scale": 1, "warmup_strategy": "power2"}),
    "lbsgd lars": ("lbsgd", {"learning_rate": 0.01, **ALL, "momentum": 0.9, "warmup_strategy": "lars"}),
    "lbsgd half": ("lbsgd", {"learning_rate": 0.01, **ALL, "momentum": 0.9, "batch_scale": 4, "warmup_strategy": "sqrt"}),
    "test": ("test", {"rescale_grad": 0.1}),
    "groupadagrad": ("groupadagrad", {"learning_rate": 0.1, "clip_gradient": 0.5, "rescale_grad": 0.7}),
}


def shapes(name):
    """The parameters of a case."""
    return {k: s for k, s in SHAPES.items() if len(s) == 2 or not name.startswith("groupadagrad")}


def values(name):
    """Weights at the start, and the gradients of each step."""
    dtype = "float16" if CASES[name][1].get("multi_precision") else "float32"
    draw = np.random.RandomState(7)
    weights = [draw.uniform(-1, 1, s).astype(dtype) for s in shapes(name).values()]
    grads = [[(w * 0.3 + draw.uniform(-1, 1, w.shape)).astype(dtype) for w in weights] for _ in range(STEPS)]
    return weights, grads


def run(mx, name, ctx=None, lists=True):
    """The weights after the steps, and the updater."""
    kind, given = CASES[name]
    given = dict(given)
    every = given.pop("schedule", 0)
    if every:
        given["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(every, 0.9, warmup_steps=4, base_lr=given.get("learning_rate", 0.1))
    names = dict(enumerate(shapes(name)))
    optimizer = mx.optimizer.create(kind, param_idx2name=names, **given)
    optimizer.set_lr_mult({"a_weight": 1.5})
    if kind != "groupadagrad":
        optimizer.set_wd_mult({"d_weight": 2.0})
    updater = mx.optimizer.get_updater(optimizer)
    starts, steps = values(name)
    weights = [mx.nd.array(w, ctx=ctx, dtype=w.dtype) for w in starts]
    for step in steps:
        grads = [mx.nd.array(g, ctx=ctx, dtype=g.dtype) for g in step]
        if lists:
            updater(list(names), grads, weights)
        else:
            for k in names:
                updater(k, grads[k], weights[k])
    return [w.asnumpy() for w in weights], updater
