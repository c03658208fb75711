"""``mx.runtime.Features``: what this build can do, by the names that MXNet's scripts ask for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Feature", "Features", "feature_list"]

# what holds for clsym whatever the machine; MXNet's other names are there and not enabled
_ENABLED = {"OPENCL", "LAPACK", "INT64_TENSOR_SIZE"}
_NAMES = [
    "CUDA", "CUDNN", "NCCL", "CUDA_RTC", "TENSORRT", "CPU_SSE", "CPU_SSE2", "CPU_SSE3", "CPU_SSE4_1", "CPU_SSE4_2", "CPU_SSE4A", "CPU_AVX",
    "CPU_AVX2", "OPENMP", "SSE", "F16C", "JEMALLOC", "BLAS_OPEN", "BLAS_ATLAS", "BLAS_MKL", "BLAS_APPLE", "LAPACK", "MKLDNN", "OPENCV",
    "CAFFE", "PROFILER", "DIST_KVSTORE", "CXX14", "INT64_TENSOR_SIZE", "SIGNAL_HANDLER", "DEBUG", "TVM_OP", "OPENCL",
]  # fmt: skip


@dataclass(frozen=True, repr=False)
class Feature:
    """A feature by name, and whether it is there."""

    name: str
    enabled: bool

    def __repr__(self) -> str:
        return f"{'✔' if self.enabled else '✖'} {self.name}"


def feature_list() -> list[Feature]:
    """All features, those that are not there too.

    >>> [f.name for f in feature_list() if f.enabled]
    ['LAPACK', 'INT64_TENSOR_SIZE', 'OPENCL']
    """
    return [Feature(name, name in _ENABLED) for name in _NAMES]


class Features(dict[str, Feature]):
    """The features by name.

    >>> Features().is_enabled('CUDA'), Features()['OPENCL']
    (False, ✔ OPENCL)
    """

    def __init__(self) -> None:
        super().__init__((f.name, f) for f in feature_list())

    def __repr__(self) -> str:
        return str(list(self.values()))

    def is_enabled(self, feature_name: str) -> bool:
        """Whether a feature is there.

        Raises
        ------
        RuntimeError
            The name is not known.
        """
        name = feature_name.upper()
        if name not in self:
            raise RuntimeError(f"Feature '{name}' is unknown, known features are: {list(self)}")
        return self[name].enabled
