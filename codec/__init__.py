"""Store a photo as a small ordinary picture; get the full-size photo back.

>>> import codec
>>> data = codec.encode("photo.jpg", quality=75)    # doctest: +SKIP
>>> img = codec.decode(data)                        # doctest: +SKIP
"""

from codec._version import __version__
from codec.api import Info, decode, encode, encode_detached, inspect
from codec.encoding import Detached
from codec.errors import (
    CodecError,
    NotRescaledError,
    PictureTooLargeError,
    StaleHeaderError,
    UnknownModelError,
    UnsupportedFormatError,
)
from codec.header import Header
from codec.integrations.pillow import register_pillow, unregister_pillow
from codec.many import decode_batch, encode_batch

__all__ = [
    "CodecError",
    "Detached",
    "Header",
    "Info",
    "NotRescaledError",
    "PictureTooLargeError",
    "StaleHeaderError",
    "UnknownModelError",
    "UnsupportedFormatError",
    "__version__",
    "decode",
    "decode_batch",
    "encode",
    "encode_batch",
    "encode_detached",
    "inspect",
    "register_pillow",
    "unregister_pillow",
]
