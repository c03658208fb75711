"""``mx.metric``: how good the predictions of a network are.

>>> import clsym as mx
>>> metric = mx.metric.create('acc')
>>> metric.update([mx.nd.array([1, 0])], [mx.nd.array([[0.1, 0.9], [0.2, 0.8]])])
>>> metric.get()
('accuracy', 0.5)
"""

from __future__ import annotations

from .base import EvalMetric, alias, check_label_shapes, create, register
from .classification import Accuracy, TopKAccuracy
from .confusion import F1, MCC, PCC
from .given import Caffe, CompositeEvalMetric, CustomMetric, Loss, Torch, np
from .likelihood import CrossEntropy, NegativeLogLikelihood, Perplexity
from .regression import MAE, MSE, RMSE, PearsonCorrelation

__all__ = [
    "F1", "MAE", "MCC", "MSE", "PCC", "RMSE", "Accuracy", "Caffe", "CompositeEvalMetric", "CrossEntropy", "CustomMetric", "EvalMetric",
    "Loss", "NegativeLogLikelihood", "PearsonCorrelation", "Perplexity", "TopKAccuracy", "Torch", "alias", "check_label_shapes", "create",
    "np", "register",
]  # fmt: skip
