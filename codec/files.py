"""Files that appear whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from codec.errors import CodecError


def check_free(path: Path, force: bool = False) -> None:
    """Before any work: would writing fail? Raises `CodecError`."""
    folder = path.absolute().parent
    if path.exists() and not force:
        raise CodecError(f"{path} exists: give --force to replace it")
    if path.is_dir():
        raise CodecError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise CodecError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(folder, os.W_OK):
        raise CodecError(f"cannot write {path}: no permission to write to {path.parent}")


def write_whole(path: Path, data: bytes, force: bool = False, by: Path | None = None) -> None:
    """Write `data` to `path` by way of a temporary file beside it, or in the folder `by` of the same file system.

    Raises `CodecError` if `path` exists and `force` is not given, or if it cannot be written.
    """
    if path.exists() and not force:
        raise CodecError(f"{path} exists: give --force to replace it")
    try:
        put(path, data, by or path.parent, mode=0o666 & ~_umask())
    except OSError as error:
        raise CodecError(f"cannot write {path}: {error.strerror}") from None


def put(path: Path, data: bytes, by: Path, mode: int = 0o600, sync: bool = False) -> None:
    """Write `data` by way of a temporary file in the folder `by`, leaving nothing else; raises OSError.

    `sync`: wait until it is on the disk before it gets its name.
    """
    handle, partial = tempfile.mkstemp(dir=by, prefix=".codec-")  # a long name would get too long
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(partial, mode)
        os.replace(partial, path)
    except BaseException:  # Ctrl-C too: no half file, no leftover
        with suppress(OSError):
            os.unlink(partial)  # an interrupt can come when it already has its name
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
