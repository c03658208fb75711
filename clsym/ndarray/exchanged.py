"""Arrays given to other libraries by way of DLPack."""

from __future__ import annotations

from typing import Any

from .dlpack_abi import CPU
from .dlpack_export import to_capsule
from .storage import ArrayBase

__all__ = ["Exchanged"]


class Exchanged(ArrayBase):
    """The protocol, and MXNet's older methods for the same."""

    __slots__ = ()

    def to_dlpack_for_read(self) -> Any:
        """A DLPack capsule of the values, for another library to read, once everything that was called before is done.

        Where the device's memory is the host's, as on CPUs, the memory is shared and kept until the consumer lets it go; else the
        values are copied.

        Examples
        --------
        >>> import clsym as mx
        >>> mx.nd.from_dlpack(mx.nd.ones(2).to_dlpack_for_read()).asnumpy().tolist()
        [1.0, 1.0]
        """
        return to_capsule(self)

    def to_dlpack_for_write(self) -> Any:
        """A DLPack capsule of the array's memory, for another library to write to, once everything that was called before is done.

        What the consumer writes is seen by every call after it.

        Raises
        ------
        MXNetError
            The device's memory is not the host's.

        Examples
        --------
        >>> import clsym as mx
        >>> a = mx.nd.ones(2)
        >>> b = mx.nd.from_dlpack(a.to_dlpack_for_write())
        >>> b += 1
        >>> a.asnumpy().tolist()
        [2.0, 2.0]
        """
        return to_capsule(self, write=True)

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None) -> Any:
        """The protocol behind ``torch.from_dlpack`` and ``numpy.from_dlpack``: shared memory where that is possible, else a copy.

        Raises
        ------
        BufferError
            `dl_device` is not the host, or `copy` is False and the memory cannot be shared.
        """
        if stream is not None:
            raise BufferError(f"an array in host memory has no stream; pass stream=None, not {stream!r}")
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"an array is given in host memory, DLPack device {self.__dlpack_device__()}, not {tuple(dl_device)}")
        return to_capsule(self, versioned=max_version is not None and tuple(max_version) >= (1, 0), copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """``(1, 0)``: host memory, as DLPack counts devices."""
        return CPU, 0
