"""Random numbers, of clsym's own stream: a file's seed is not that of another library."""

from __future__ import annotations

from .....symbol import Symbol
from ..node import Node, reads
from ..reader import element_type


def _type(n: Node, like: bool) -> str:
    return element_type(n.attrs["dtype"], n.text("attribute 'dtype'")) if "dtype" in n.attrs else n.dtype() if like else "float32"


@reads("RandomNormal")
def _normal(n: Node) -> Symbol:
    return n.out(
        "_random_normal", loc=n.attr("mean", 0.0), scale=n.attr("scale", 1.0), shape=tuple(n.attrs["shape"]), dtype=_type(n, False)
    )


@reads("RandomUniform")
def _uniform(n: Node) -> Symbol:
    return n.out("_random_uniform", low=n.attr("low", 0.0), high=n.attr("high", 1.0), shape=tuple(n.attrs["shape"]), dtype=_type(n, False))


@reads("RandomNormalLike")
def _normal_like(n: Node) -> Symbol:
    return n.out("_random_normal", loc=n.attr("mean", 0.0), scale=n.attr("scale", 1.0), shape=n.shape(), dtype=_type(n, True))


@reads("RandomUniformLike")
def _uniform_like(n: Node) -> Symbol:
    return n.out("_random_uniform", low=n.attr("low", 0.0), high=n.attr("high", 1.0), shape=n.shape(), dtype=_type(n, True))
