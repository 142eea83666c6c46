"""Where files come from and go to. A `LocalStore` needs nothing beside Python; URLs are `codec.batch.objects`'."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from filelock import FileLock, Timeout

from codec.batch.names import OURS
from codec.errors import CodecError, UnsupportedFormatError
from codec.files import write_whole

LARGEST = 2 << 30
"""Bytes of a source that are read: no picture within Pillow's limit of pixels takes more."""


class Entry(NamedTuple):
    """A file below a store's root."""

    name: str
    """Relative, with slashes."""
    size: int
    stamp: str
    """Changes when the file does; empty if nothing tells."""
    error: str | None = None
    """Why a file or a folder cannot be looked at."""


class Log(Protocol):
    """Lines that are kept as they come."""

    def write(self, line: str, /) -> object:
        """Append a line, which ends with a newline."""

    def close(self) -> None:
        """Nothing comes after it."""


class Store(Protocol):
    """A folder, or what acts like one. Names are relative to it; errors are OSErrors or `CodecError`s."""

    root: str
    """Absolute, without a slash at its end; comparable with that of a store of the same `scheme`."""
    scheme: str

    def check(self) -> None:
        """Raise `CodecError` if there is nothing to list."""

    def entries(self) -> Iterator[Entry]:
        """All files below the root, as they are found; none if there is no such folder."""

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if there is none. Files that this process wrote meanwhile may be missed."""

    def read(self, name: str) -> bytes:
        """All bytes of a file of at most `LARGEST`."""

    def write(self, name: str, data: bytes) -> None:
        """A file that appears whole or not at all, in place of what was there; folders are made."""

    def log(self, name: str) -> Log:
        """A new file to append lines to."""

    def names(self, folder: str) -> list[str]:
        """The files of one small folder, sorted."""

    def lines(self, names: list[str]) -> Iterator[bytes]:
        """The lines of some files, one file after the other."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep other runs away; raises `CodecError` if one is there."""


class LocalStore:
    """A local folder."""

    scheme = "file"

    def __init__(self, path: str) -> None:
        self.root = os.path.realpath(path)
        self._path = Path(self.root)

    def check(self) -> None:
        if not self._path.is_dir():
            raise CodecError(f"there is no folder {self.root}")

    def entries(self) -> Iterator[Entry]:
        """Folder by folder, as the file system lists them: never more than one entry is held."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._path / folder) as entries:
                    for entry in entries:
                        name = f"{folder}{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{name}/")
                        elif not entry.is_dir():  # a link to a folder is not followed: it may lead in circles
                            yield _entry(name, entry)
            except OSError as error:
                yield Entry(folder or ".", 0, "", f"the folder cannot be listed: {error.strerror}")

    def size(self, name: str) -> int | None:
        try:
            return os.stat(self._path / name).st_size
        except OSError:
            return None

    def read(self, name: str) -> bytes:
        with (self._path / name).open("rb") as file:
            check_length(os.fstat(file.fileno()).st_size)
            return file.read(LARGEST)

    def write(self, name: str, data: bytes) -> None:
        path = self._path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"cannot write {path}: {error.strerror}") from None
        # what SIGKILL leaves behind lies in one place, where the next run clears it away
        write_whole(path, data, force=True, by=self._partial)

    @property
    def _partial(self) -> Path:
        return self._path / OURS / "partial"

    def log(self, name: str) -> Log:
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("x", buffering=1, encoding="ascii")  # every line reaches the system when it is complete

    def names(self, folder: str) -> list[str]:
        return sorted(f"{folder}/{path.name}" for path in (self._path / folder).glob("*"))

    def lines(self, names: list[str]) -> Iterator[bytes]:
        for name in names:
            with (self._path / name).open("rb") as file:
                yield from file

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The system lets go of the lock when its holder dies, however it dies."""
        self._partial.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path / OURS / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise CodecError(f"another codec batch is at work in {self.root}: wait for its end") from None
        except NotImplementedError:
            raise CodecError(f"the file system of {self.root} knows no locks: choose a folder on another") from None
        try:
            self._clear()
            yield
        finally:
            self._clear()
            lock.release()

    def _clear(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True, exist_ok=True)


def _entry(name: str, entry: "os.DirEntry[str]") -> Entry:
    try:
        stat = entry.stat()
    except OSError as error:
        return Entry(name, 0, "", f"the file cannot be looked at: {error.strerror}")
    return Entry(name, stat.st_size, str(stat.st_mtime_ns))


def check_length(size: int) -> None:
    """Raise `UnsupportedFormatError` for more bytes than are read."""
    if size > LARGEST:
        raise UnsupportedFormatError(f"a file of {size:,} bytes is no picture: {LARGEST:,} are read at most")


def open_store(url: str) -> Store:
    """The store of a folder or an fsspec URL; raises `CodecError`."""
    url = url.removeprefix("file://").removeprefix("local://")
    if "://" not in url:
        return LocalStore(url)
    from codec.batch.objects import ObjectStore

    return ObjectStore(url)


def below(inner: Store, outer: Store) -> str | None:
    """The name of `inner`'s root in `outer`, empty if it is the same; None if it does not lie in it."""
    a, b = f"{inner.root}/", f"{outer.root.rstrip('/')}/"
    return a[len(b) :].rstrip("/") if inner.scheme == outer.scheme and a.startswith(b) else None
