"""How an NDArray prints."""

from __future__ import annotations

import html

import numpy as np

__all__ = ["format_array", "html_array"]

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


_CELLS, _EDGE = 12, 5  # rows and columns that are shown whole, and what is left at each end of longer ones


def _shown(extent: int) -> list[int | None]:
    """The indices that a table shows; None for those left out."""
    if extent <= _CELLS:
        return list(range(extent))
    return [*range(_EDGE), None, *range(extent - _EDGE, extent)]


def html_array(array: np.ndarray, context_str: str) -> str:
    """An array for notebooks: vectors and matrices as tables, cut in the middle; others as they print.

    Examples
    --------
    >>> import numpy as np
    >>> html_array(np.array([[1.5, 2]], 'float32'), 'cpu(0)')
    '<table><caption>NDArray 1x2 float32 @cpu(0)</caption><tbody><tr><td>1.5</td><td>2</td></tr></tbody></table>'
    """
    array = np.asarray(array)
    if array.ndim not in (1, 2) or array.size == 0:
        return f"<pre>{html.escape(format_array(array, context_str).lstrip())}</pre>"
    matrix = array[None] if array.ndim == 1 else array
    form = "{:.6g}" if matrix.dtype.kind == "f" else "{}"

    def cell(i: int | None, j: int | None) -> str:
        text = "\N{HORIZONTAL ELLIPSIS}" if i is None or j is None else form.format(matrix[i, j])
        return f"<td>{text}</td>"

    rows = "".join(f"<tr>{''.join(cell(i, j) for j in _shown(matrix.shape[1]))}</tr>" for i in _shown(matrix.shape[0]))
    title = f"NDArray {'x'.join(map(str, array.shape))} {array.dtype} @{context_str}"
    return f"<table><caption>{html.escape(title)}</caption><tbody>{rows}</tbody></table>"
