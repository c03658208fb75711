"""How an NDArray prints."""

from __future__ import annotations

import numpy as np

__all__ = ["format_array"]

# From 2.3 on numpy turns to exponents earlier for float32 and float16 (1e6 and 1e3 instead of 1e8 in arrays, 1e16 in scalars);
# its legacy mode "2.2" is the form of all releases from 1.14, hence of those that MXNet 1.9.1 ran with.
_LEGACY = "2.2" if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else None


def format_array(array: np.ndarray, context_str: str) -> str:
    """The text of ``str(nd)`` and ``repr(nd)``, as MXNet 1.9.1 prints it: values, shape, context.

    The values are numpy's ``str`` as it was when MXNet 1.9.1 was made, with any newer numpy, and follow ``numpy.set_printoptions``.

    Parameters
    ----------
    array
        The values on the host.
    context_str
        The context, such as ``cpu(0)``.

    Examples
    --------
    >>> import numpy as np
    >>> format_array(np.array([10, 21, 36], 'float32'), 'cpu(0)')
    '\\n[10. 21. 36.]\\n<NDArray 3 @cpu(0)>'
    >>> print(format_array(np.zeros((1, 2, 3), 'int32'), 'gpu(1)'))
    <BLANKLINE>
    [[[0 0 0]
      [0 0 0]]]
    <NDArray 1x2x3 @gpu(1)>
    """
    array = np.asarray(array)  # a numpy scalar too prints as the 0-dimensional array that it stands for
    shape = "x".join(str(extent) for extent in array.shape)
    if _LEGACY is None or np.get_printoptions()["legacy"] is not False:  # who asked numpy for an older form gets that
        values = str(array)
    else:
        with np.printoptions(legacy=_LEGACY):  # type: ignore[arg-type]  # numpy's stubs may lag behind
            values = str(array)
    return f"\n{values}\n<NDArray {shape} @{context_str}>"
