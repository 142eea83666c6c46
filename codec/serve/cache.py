"""Restored pictures on a local disk, the ones last used, up to a number of bytes. All calls block."""

import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from threading import Lock

from codec.errors import CodecError
from codec.serve import disk


class Cache:
    """Of one process alone: it counts what it writes. Keys are file names; raises `CodecError` for a bad folder."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self.bytes = 0
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"the cache folder {folder} cannot be used: {error.strerror}") from None
        disk.sweep(self._partial)
        self._find()

    @property
    def _partial(self) -> Path:
        return self.folder / ".partial"

    def _find(self) -> None:
        """Take over what an earlier run left, by the time of its last use."""
        found = [(entry.stat(), entry.name) for entry in os.scandir(self.folder) if entry.is_file()]
        with self._lock:
            for status, name in sorted(found, key=lambda item: item[0].st_mtime):
                self._count(name, status.st_size)

    def _count(self, key: str, size: int) -> None:
        self._forget(key)
        self._sizes[key] = size
        self.bytes += size
        while self.bytes > self.limit:
            oldest = next(iter(self._sizes))
            self._forget(oldest)
            (self.folder / oldest).unlink(missing_ok=True)

    def _forget(self, key: str) -> None:
        self.bytes -= self._sizes.pop(key, 0)

    def get(self, key: str) -> bytes | None:
        """What was kept, None if it was not."""
        with self._lock:
            if key not in self._sizes:
                return None
            self._sizes.move_to_end(key)
        path = self.folder / key
        try:
            data = path.read_bytes()
        except OSError:  # evicted meanwhile, or removed by hand
            with self._lock:
                self._forget(key)
            return None
        with suppress(OSError):
            os.utime(path)  # the next run asks which ones were used last
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep a picture, and let go of the ones that were not used for longest; raises OSError."""
        if len(data) > self.limit:
            return
        disk.write_atomic(self.folder / key, data, self._partial)
        with self._lock:
            self._count(key, len(data))

    def remove(self, prefix: str) -> None:
        """Let go of all keys that begin so."""
        with self._lock:
            for key in [key for key in self._sizes if key.startswith(prefix)]:
                self._forget(key)
                (self.folder / key).unlink(missing_ok=True)
