"""The errors of this package. All are ValueErrors: something about the input was wrong."""


class CodecError(ValueError):
    """Base of all errors that the codec raises about its input."""


class NotRescaledError(CodecError):
    """A valid picture, but not one that `codec.encode` wrote: there is nothing to restore."""


class StaleHeaderError(CodecError):
    """The file carries our header, but its pixels have been resized or encoded again since."""


class UnsupportedFormatError(CodecError):
    """Bytes that are no picture, or a kind of picture that cannot be stored."""


class PictureTooLargeError(CodecError):
    """More pixels than the limit allows, or than the carrier can hold."""


class UnknownModelError(CodecError):
    """The file, or the caller, names a model or a format version that this installation does not have."""
