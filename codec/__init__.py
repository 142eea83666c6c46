"""Store a photo as a small ordinary JPEG; get the full-size photo back.

>>> import codec
>>> data = codec.encode("photo.jpg", quality=75)    # doctest: +SKIP
>>> img = codec.decode(data)                        # doctest: +SKIP
"""

from codec._version import __version__
from codec.api import Info, decode, encode, inspect
from codec.errors import (
    CodecError,
    NotRescaledError,
    PictureTooLargeError,
    StaleHeaderError,
    UnknownModelError,
    UnsupportedFormatError,
)
from codec.header import Header

__all__ = [
    "CodecError",
    "Header",
    "Info",
    "NotRescaledError",
    "PictureTooLargeError",
    "StaleHeaderError",
    "UnknownModelError",
    "UnsupportedFormatError",
    "__version__",
    "decode",
    "encode",
    "inspect",
]
