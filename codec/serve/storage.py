"""Where the small files are kept: any file system that fsspec knows. All calls block: they are for threads."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from codec.errors import CodecError
from codec.serve import disk

ID = re.compile(r"[0-9a-f]{40}\.[a-z]{3,4}")
"""What a picture's id looks like: a digest, and the suffix of its format."""


class Storage:
    """Files by id, below one root. Nothing that a client says goes into a path, but for an id that has this form.

    Raises `CodecError` if the place cannot be used; methods raise OSError, and ValueError for what is no id.
    """

    def __init__(self, url: str) -> None:
        try:
            # others may share the place: what is there is asked for each time
            self.fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise CodecError(f"the store {url} cannot be used: {error}") from None
        self.root = root.rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)
        if self.local:
            try:
                self._partial.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CodecError(f"the store {url} cannot be used: {error.strerror}") from None
            disk.sweep(self._partial)

    @property
    def _partial(self) -> Path:
        return Path(self.root) / ".partial"

    def path(self, name: str) -> str:
        """Of a file; two of its digits name a folder, for file systems dislike a million files in one."""
        if not ID.fullmatch(name):
            raise ValueError("not an id")
        return f"{self.root}/{name[:2]}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        with _os_errors():
            try:
                self.fs.info(self.path(name))  # fsspec's `exists` takes any failure for absence
            except FileNotFoundError:
                return False
            return True

    def read(self, name: str) -> bytes:
        """A file; raises FileNotFoundError."""
        with _os_errors():
            data: bytes = self.fs.cat_file(self.path(name))
            return data

    def write(self, name: str, data: bytes) -> None:
        """Store a file, whole or not at all: object stores do so by themselves."""
        if self.local:
            disk.write_atomic(Path(self.path(name)), data, self._partial)
        else:
            with _os_errors():
                self.fs.pipe_file(self.path(name), data)

    def delete(self, name: str) -> bool:
        """Remove a file; whether there was one."""
        if not self.exists(name):
            return False
        with _os_errors(), suppress(FileNotFoundError):  # somebody else was faster
            self.fs.rm_file(self.path(name))
        return True

    def check(self) -> None:
        """Raise OSError if the place cannot be reached."""
        if self.local and not Path(self.root).is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "the store's folder is gone")
        self.exists("0" * 40 + ".jpg")


@contextmanager
def _os_errors() -> Iterator[None]:
    """Errors of every library that fsspec stands on, as OSError."""
    try:
        yield
    except (OSError, ValueError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
