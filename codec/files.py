"""Files that appear whole or not at all."""

import os
import tempfile
from pathlib import Path

from codec.errors import CodecError


def write_whole(path: Path, data: bytes, force: bool = False, by: Path | None = None) -> None:
    """Write `data` to `path` by way of a temporary file beside it, or in the folder `by` of the same file system.

    Raises `CodecError` if `path` exists and `force` is not given, or if it cannot be written.
    """
    if path.exists() and not force:
        raise CodecError(f"{path} exists: give --force to replace it")
    try:
        handle, partial = tempfile.mkstemp(dir=by or path.parent, prefix=".codec-")  # a long name would get too long
    except OSError as error:
        raise CodecError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(partial, 0o666 & ~_umask())  # mkstemp's files are private
        os.replace(partial, path)
    except BaseException as error:  # Ctrl-C too: no half file, no leftover
        Path(partial).unlink(missing_ok=True)  # an interrupt can come when it already has its name
        if isinstance(error, OSError):
            raise CodecError(f"cannot write {path}: {error.strerror}") from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
