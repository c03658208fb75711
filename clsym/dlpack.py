"""``mx.dlpack``: arrays for other libraries, and theirs for clsym; see `NDArray.to_dlpack_for_read`."""

from .ndarray import from_dlpack, from_numpy, to_dlpack_for_read, to_dlpack_for_write

__all__ = ["from_dlpack", "from_numpy", "to_dlpack_for_read", "to_dlpack_for_write"]
