"""Files on a local disk that appear whole or not at all, from any thread."""

import time
from contextlib import suppress
from pathlib import Path

from codec.files import put

STALE_SECONDS = 3600
"""Age at which what a killed service left unfinished is removed: no write takes that long."""


def write_atomic(path: Path, data: bytes, partial: Path) -> None:
    """Write by way of a temporary file in the folder `partial`, on the same disk; raises OSError, leaving nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.mkdir(parents=True, exist_ok=True)
    put(path, data, partial, sync=True)


def sweep(partial: Path) -> None:
    """Remove what was left unfinished."""
    oldest = time.time() - STALE_SECONDS
    for path in partial.glob("*"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
