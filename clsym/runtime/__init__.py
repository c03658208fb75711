"""What imports pyopencl: devices, kernels, memory; and ``mx.runtime.Features``."""

from .features import Feature, Features, feature_list

__all__ = ["Feature", "Features", "feature_list"]
