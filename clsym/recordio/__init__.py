"""``mx.recordio``: files of records, and images in them."""

from .files import MXIndexedRecordIO, MXRecordIO
from .framing import DamagedRecordError
from .header import _IR_FORMAT, _IR_SIZE, IRHeader, pack, unpack  # noqa: F401
from .pictures import pack_img, unpack_img

__all__ = ["DamagedRecordError", "IRHeader", "MXIndexedRecordIO", "MXRecordIO", "pack", "pack_img", "unpack", "unpack_img"]
