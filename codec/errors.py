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


def one_line(error: Exception) -> str:
    """What a library's error says, in one line of at most 200 characters; its kind where it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__
